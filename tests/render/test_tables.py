"""Tables: one value in three forms, and no text in it is taken for a formula, for Markdown or for a control."""

import csv
import io
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.render.tables import Column, Table, as_csv, as_lines, as_markdown, quantity

COLUMNS = (
    Column("service", "Service"),
    Column("usage", "Usage", "number"),
    Column("cost_usd", "Cost (USD)", "money"),
    Column("share", "Share", "share"),
    Column("as_of", ""),
)
TABLE = Table(
    COLUMNS,
    [
        ("EC2 Compute", Decimal("1250.5"), Decimal("312.63"), Decimal("64.5"), "2024-01-31T06:00:00Z"),
        ("S3 | `x`", Decimal(125000), Decimal("-0.5"), None, ""),
        ("Unknown", None, None, None, ""),
    ],
    ("TOTAL", "", Decimal("1312.13"), "", ""),
)


def lines(table: Table) -> list[str]:
    return [str(line) for line in as_lines(table)]


def test_for_people_it_is_aligned_and_unknown_is_a_dash() -> None:
    assert lines(TABLE) == [
        "SERVICE        USAGE  COST (USD)  SHARE",
        "EC2 Compute  1,250.5      312.63  64.5%",
        "S3 | `x`     125,000       -0.50      -",
        "Unknown            -           -      -",
        "TOTAL                   1,312.13",
    ]


def test_csv_has_plain_numbers_empty_unknowns_and_no_total() -> None:
    assert as_csv(TABLE).split("\r\n") == [
        "service,usage,cost_usd,share,as_of",
        "EC2 Compute,1250.5,312.63,64.5,2024-01-31T06:00:00Z",
        "S3 | `x`,125000,-0.50,,",
        "Unknown,,,,",
        "",
    ]


def test_markdown_is_escaped_and_its_total_bold() -> None:
    assert as_markdown(TABLE) == [
        "| Service | Usage | Cost (USD) | Share |",
        "| --- | --: | --: | --: |",
        "| EC2 Compute | 1,250.5 | 312.63 | 64.5% |",
        "| S3 &#124; &#96;x&#96; | 125,000 | -0.50 | - |",
        "| Unknown | - | - | - |",
        "| **TOTAL** |  | **1,312.13** |  |",
    ]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30", "'+49 30"),
        ("-cmd", "'-cmd"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-1.5", "-1.5"),
        ("-1.5.2", "'-1.5.2"),
        ("a=b", "a=b"),
        ("\t=1", "\\t=1"),
        ("＝1+1", "'＝1+1"),
    ],
)
def test_no_text_in_csv_is_a_formula(text: str, field: str) -> None:
    table = Table((Column("a", "A"),), [(text,)])
    assert as_csv(table).split("\r\n")[1] == field


@settings(deadline=None)
@given(st.lists(st.text(st.characters(codec=None), max_size=10), min_size=2, max_size=2))
def test_csv_keeps_its_shape_whatever_the_text(texts: list[str]) -> None:
    table = Table((Column("a", "A"), Column("b", "B")), [texts, texts])
    read = list(csv.reader(io.StringIO(as_csv(table), newline="")))
    assert [len(row) for row in read] == [2, 2, 2]
    assert not any(cell[:1] in ("=", "+", "@", "\t", "\r") for row in read for cell in row)


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=20))
def test_no_text_breaks_out_of_its_line_or_cell(text: str) -> None:
    table = Table((Column("a", "A"), Column("b", "B")), [(text, "x")])
    assert all(line.isprintable() for line in lines(table))
    row = as_markdown(table)[2]
    assert row.isprintable()
    assert row.count("|") == 3


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("1250.49", "1,250.5"),
        ("125000", "125,000"),
        ("0.04", "0"),
        ("-0.04", "0"),
        ("0.05", "0.1"),
        ("1E+3", "1,000"),
        ("-2.5", "-2.5"),
    ],
)
def test_a_quantity_has_one_decimal_at_most(value: str, told: str) -> None:
    assert quantity(Decimal(value)) == told
