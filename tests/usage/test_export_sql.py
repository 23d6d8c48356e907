"""The question in the two dialects: Athena's parses, and put over into DuckDB's it says the same of the same lines."""

from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot

from controller.sandbox import LineItem
from controller.sandbox.seed_costs import line_items
from controller.usage.export_sql import CUR2, FIELDS, FORMATS, Format, Question, tag_spellings
from tests.usage.exports import CUR_TYPES, FOCUS_TYPES, Written, cur_row, focus_row
from tests.usage.test_cost_explorer import CUSTOMER, PROJECT

DAY = date(2026, 11, 22)
EVERY = [(form, metric) for form in FORMATS.values() for metric in form.costs]


def test_every_question_parses_as_athenas_sql() -> None:
    for form, metric in EVERY:
        text = Question(form, metric, [CUSTOMER, PROJECT]).sql("athena", "billing.costs", "billing_period = '2026-11'")
        [statement] = sqlglot.parse(text, dialect="athena")
        assert isinstance(statement, sqlglot.exp.Select)
        assert tuple(statement.named_selects) == (*FIELDS, "line_items", "cost", "quantity")


@pytest.mark.parametrize(("form", "focus"), [(FORMATS["cur2"], False), (FORMATS["focus"], True)])
def test_both_dialects_say_the_same_of_the_same_lines(tmp_path: Path, form: Format, focus: bool) -> None:
    items = [one for one in line_items(DAY) if f"{one.date:%Y-%m}" == "2026-11"]
    written = Written(tmp_path)
    [path] = written.month("2026-11", _rows(items, focus), types=FOCUS_TYPES if focus else CUR_TYPES)
    question = Question(form, "UnblendedCost", [CUSTOMER, PROJECT])
    with duckdb.connect() as connection:
        connection.execute(f"CREATE VIEW costs AS SELECT * FROM '{path}'")
        ours = _answer(connection, question.sql("duckdb", "costs"))
        [theirs] = sqlglot.transpile(question.sql("athena", "costs"), read="athena", write="duckdb")
        assert _answer(connection, theirs) == ours != []


def test_a_quote_in_a_key_stays_text() -> None:
    text = Question(FORMATS["focus"], "UnblendedCost", ["it's"]).sql("athena", "costs")
    assert "'it''s'" in text
    assert sqlglot.parse_one(text, dialect="athena")


def test_only_costs_as_decimals_are_added_up() -> None:
    for form, metric in EVERY:
        tree = sqlglot.parse_one(Question(form, metric, [CUSTOMER]).sql("athena", "costs"), dialect="athena")
        lines = tree.find(sqlglot.exp.Subquery)
        assert lines
        for total in lines.find_all(sqlglot.exp.Sum):
            for cast in total.find_all(sqlglot.exp.Cast):
                assert cast.to.sql() == "DECIMAL(38, 10)"
            assert total.find(sqlglot.exp.Cast)


def test_the_spellings_of_a_key_are_tried_in_order() -> None:
    assert tag_spellings("CostCenter", CUR2) == ("user_cost_center", "user_costcenter", "user:CostCenter", "CostCenter")


def _rows(items: list[LineItem], focus: bool) -> list[dict[str, Any]]:
    return [focus_row(one) if focus else cur_row(one, number) for number, one in enumerate(items)]


def _answer(connection: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return sorted(connection.execute(sql).fetchall(), key=repr)
