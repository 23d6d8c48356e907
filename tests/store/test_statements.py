"""Issued statements: numbered without gaps or reuse whoever issues at once, and never changed."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from controller.aws.clients import Aws
from controller.domain.month import Month
from controller.domain.settings import StatementSettings, TableSettings
from controller.domain.statement import Entry, Filed, draft, hash_of, issue
from controller.domain.usage import CustomerMonth
from controller.errors import Failure, PermanentFailure, Refused, TransientFailure
from controller.invoicing import Invoicing
from controller.sandbox import Sandbox
from controller.store.statements import MONTH, RECORD, Statements
from controller.store.tables import make
from tests.generated_usage import acme

NOW = datetime(2024, 2, 12, 6, tzinfo=UTC)
TABLE = "daylily-billing"


@pytest.fixture
def aws(local_environment: Sandbox) -> Aws:
    door = Aws(sleep=lambda _: None)
    list(make(door, TableSettings()))
    return door


@pytest.fixture
def statements(aws: Aws) -> Statements:
    return Statements(aws, TABLE, sleep=lambda _: None)


def file(statements: Statements, customer_id: str = "cust_abc123", month: str = "2024-01") -> Filed:
    def make(number: str) -> Filed:
        statement = draft(replace(acme(), customer_id=customer_id, month=month), StatementSettings())
        whole = issue(statement, number, date(2024, 2, 12))
        return Filed(whole, "issued", whole.hash, "a person", NOW)

    return statements.issue("INV-", 2024, make)


def entries(statements: Statements) -> list[Entry]:
    """All of January, each of which is as it was written."""
    found = statements.of_month(Month(2024, 1))
    assert not [one for one in found if isinstance(one, Failure)]
    return [one for one in found if isinstance(one, Entry)]


def test_numbers_are_given_one_after_the_other(statements: Statements) -> None:
    assert [file(statements, f"cust_{at}").statement.number for at in range(3)] == [
        "INV-2024-000001",
        "INV-2024-000002",
        "INV-2024-000003",
    ]


def test_what_was_filed_is_read_as_it_was(statements: Statements) -> None:
    filed = file(statements)
    assert statements.of_customer("cust_abc123") == (filed,)
    (entry,) = entries(statements)
    assert (entry.issued_on, entry.due_on) == (date(2024, 2, 12), date(2024, 3, 13))
    assert (entry.customer_id, entry.number, entry.state, entry.total) == (
        "cust_abc123",
        "INV-2024-000001",
        "issued",
        Decimal("367.97"),
    )


def test_many_that_issue_at_once_leave_no_gap_and_share_no_number(aws: Aws) -> None:
    store = Statements(aws, TABLE)
    with ThreadPoolExecutor(8) as pool:
        filed = list(pool.map(lambda at: file(store, f"cust_{at:02}"), range(24)))
    assert sorted(one.statement.number or "" for one in filed) == [f"INV-2024-{at:06}" for at in range(1, 25)]


def test_two_that_issue_the_same_month_issue_one(aws: Aws) -> None:
    store = Statements(aws, TABLE)

    def attempt(_: int) -> Filed | Failure:
        try:
            return file(store)
        except Failure as failure:
            return failure

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(attempt, range(8)))
    assert sum(isinstance(one, Filed) for one in found) == 1
    assert {one.code for one in found if isinstance(one, Failure)} == {"AlreadyIssued"}
    assert file(store, "cust_next").statement.number == "INV-2024-000002"


def test_a_void_number_is_not_used_again(statements: Statements) -> None:
    filed = file(statements)
    statements.change(filed, "void", "a person", NOW, "wrong address")
    assert file(statements).statement.number == "INV-2024-000002"
    assert [one.state for one in statements.of_customer("cust_abc123") if isinstance(one, Filed)] == ["void", "issued"]


def test_a_void_one_stays_in_the_list_of_its_month_so_that_no_number_is_missing(statements: Statements) -> None:
    statements.change(file(statements), "void", "a person", NOW, "wrong address")
    file(statements)
    assert {one.number: one.state for one in entries(statements)} == {
        "INV-2024-000001": "void",
        "INV-2024-000002": "issued",
    }


@pytest.mark.parametrize("harm", ["SET #total = :garbage", "REMOVE issued_on", "SET #state = :garbage"])
def test_an_entry_that_somebody_touched_is_told(statements: Statements, aws: Aws, harm: str) -> None:
    file(statements)
    file(statements, "cust_next")
    names = {name: name[1:] for name in ("#total", "#state") if name in harm}
    more: dict[str, Any] = {"ExpressionAttributeNames": names} if names else {}
    more |= {"ExpressionAttributeValues": {":garbage": {"S": "x"}}} if ":garbage" in harm else {}
    key = {"record": {"S": f"{MONTH}2024-01"}, "owner": {"S": "cust_abc123"}}
    aws.call("dynamodb", "update_item", TableName=TABLE, Key=key, UpdateExpression=harm, **more)
    broken, fine = statements.of_month(Month(2024, 1))
    assert isinstance(broken, PermanentFailure)
    assert "INV-2024-000001" in str(broken)
    assert isinstance(fine, Entry)


def test_what_is_paid_says_the_same_and_by_whom(statements: Statements) -> None:
    filed = file(statements)
    statements.change(filed, "paid", "the bank", NOW, "transfer 7")
    (paid,) = statements.of_customer("cust_abc123")
    assert isinstance(paid, Filed)
    assert (paid.state, paid.changed_by, paid.reason, paid.hash) == ("paid", "the bank", "transfer 7", filed.hash)
    assert entries(statements)[0].state == "paid"


def test_of_two_that_change_it_at_once_one_is_told_to_look_again(statements: Statements) -> None:
    filed = file(statements)
    statements.change(filed, "paid", "one", NOW, "")
    with pytest.raises(TransientFailure, match="changed by another run"):
        statements.change(filed, "void", "another", NOW, "")
    assert entries(statements)[0].state == "paid"


@pytest.mark.parametrize(
    "harm",
    ["SET statement = :garbage", "REMOVE statement", "SET version = :garbage"],
    ids=["garbage", "none", "version"],
)
def test_an_item_that_somebody_touched_is_told_and_the_others_are_read(
    statements: Statements, aws: Aws, harm: str
) -> None:
    file(statements)
    file(statements, month="2023-12")
    values: dict[str, Any] = {"ExpressionAttributeValues": {":garbage": {"S": "x"}}} if ":garbage" in harm else {}
    key = {"record": {"S": f"{RECORD}cust_abc123"}, "owner": {"S": "INV-2024-000001"}}
    aws.call("dynamodb", "update_item", TableName=TABLE, Key=key, UpdateExpression=harm, **values)
    broken, fine = statements.of_customer("cust_abc123")
    assert isinstance(broken, PermanentFailure)
    assert "INV-2024-000001" in str(broken)
    assert isinstance(fine, Filed)


def test_a_statement_that_was_altered_is_not_believed(statements: Statements, aws: Aws) -> None:
    file(statements)
    alter(aws, lambda told: told["statement"].update(payment_terms="net-900"))
    (found,) = statements.of_customer("cust_abc123")
    assert isinstance(found, PermanentFailure)
    assert "hash differs" in str(found)


# For ever


KEPT = Path(__file__).parent / "kept"


def put_kept(aws: Aws, name: str = "statements-1.json") -> None:
    """Items just as some version of this tool wrote them: a file in there is added to, and never made anew."""
    for item in json.loads((KEPT / name).read_text()):
        aws.call("dynamodb", "put_item", TableName=TABLE, Item=item)


def alter(aws: Aws, how: Callable[[dict[str, Any]], Any], number: str = "INV-2024-000001") -> None:
    """Changes the JSON of an item."""
    key = {"record": {"S": f"{RECORD}cust_abc123"}, "owner": {"S": number}}
    told = json.loads(aws.call("dynamodb", "get_item", TableName=TABLE, Key=key)["Item"]["statement"]["S"])
    how(told)
    values = {":told": {"S": json.dumps(told)}}
    update = "SET statement = :told"
    aws.call(
        "dynamodb", "update_item", TableName=TABLE, Key=key, UpdateExpression=update, ExpressionAttributeValues=values
    )


def rehash(told: dict[str, Any]) -> None:
    told["hash"] = hash_of(told["statement"])


def with_a_field_of_later(told: dict[str, Any]) -> None:
    told["statement"]["lines"][0]["hue"] = "blue"
    told["statement"]["purchase_order"] = {"number": "4711"}
    rehash(told)


def without_fields_of_today(told: dict[str, Any]) -> None:
    """As a version wrote it that did not know them: a new field has a default."""
    del told["statement"]["lines"][0]["unit"], told["statement"]["notes"]
    rehash(told)


def test_what_was_issued_is_read_as_it_was_written(statements: Statements, aws: Aws) -> None:
    put_kept(aws)
    issued, note = statements.of_customer("cust_abc123")
    assert isinstance(issued, Filed)
    assert isinstance(note, Filed)
    assert (issued.statement.total, issued.statement.currency) == (Decimal("363.08"), "EUR")
    assert (note.statement.corrects, note.statement.total < 0) == ("INV-2024-000001", True)
    assert [one.number for one in entries(statements)] == ["INV-2024-000001", "INV-2024-000002"]


@pytest.mark.parametrize("how", [lambda _: None, with_a_field_of_later, without_fields_of_today])
def test_what_other_versions_wrote_is_read_and_stays_as_they_wrote_it(
    statements: Statements, aws: Aws, how: Callable[[dict[str, Any]], Any]
) -> None:
    put_kept(aws)
    alter(aws, how)
    before = statements.of_customer("cust_abc123")[0]
    assert isinstance(before, Filed)
    statements.change(before, "paid", "the bank", NOW, "")
    after = statements.of_customer("cust_abc123")[0]
    assert isinstance(after, Filed)
    assert (after.state, after.hash, after.kept) == ("paid", before.hash, before.kept)


# Two at once


class Interrupted(Aws):
    """Before its call of this count, something else happens, from beginning to end."""

    def __init__(self, at: int, something: Callable[[], object]) -> None:
        super().__init__(sleep=lambda _: None)
        self._left, self._something = at, something

    def call(self, *names: Any, **parameters: Any) -> dict[str, Any]:
        self._left -= 1
        if self._left == -1:
            self._something()
        return super().call(*names, **parameters)


def invoicing(aws: Aws) -> Invoicing:
    return Invoicing(Statements(aws, TABLE, sleep=lambda _: None), StatementSettings(), lambda: NOW, "a person")


def january(lines: int = 6) -> CustomerMonth:
    """With so many of its lines left."""
    return replace(acme(), lines=acme().lines[:lines], costs_as_of=NOW, costs_estimated=False)


def attempt(what: Callable[[Invoicing], object], aws: Aws) -> str:
    try:
        what(invoicing(aws))
    except (Refused, Failure) as error:
        return type(error).__name__
    return ""


def correct(flow: Invoicing) -> object:
    return flow.correct(january(2))


def correct_more(flow: Invoicing) -> object:
    return flow.correct(january(1))


def void(number: str) -> Callable[[Invoicing], object]:
    return lambda flow: flow.mark("cust_abc123", number, "void")


CALLS = 8
"""As many as one of them makes, and one more."""


@pytest.mark.parametrize("at", range(CALLS))
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (correct, correct),
        (correct, correct_more),
        (correct, void("INV-2024-000001")),
        (void("INV-2024-000001"), correct),
        (correct, void("INV-2024-000002")),
        (void("INV-2024-000002"), correct),
    ],
    ids=["same", "other", "void-while-correct", "correct-while-void", "void-correction", "correct-while-void-it"],
)
def test_however_two_meet_what_is_charged_is_what_one_of_them_made_of_what_it_saw(
    aws: Aws, first: Callable[[Invoicing], object], second: Callable[[Invoicing], object], at: int
) -> None:
    flow = invoicing(aws)
    flow.issue(january())
    flow.correct(january(4))
    attempt(first, Interrupted(at, lambda: attempt(second, aws)))

    found = [one for one in Statements(aws, TABLE).of_customer("cust_abc123") if isinstance(one, Filed)]
    counting = [one.statement for one in found if one.state != "void"]
    assert [one.statement.number for one in found] == [f"INV-2024-{at + 1:06}" for at in range(len(found))]
    assert all(one.kind == "statement" or one.corrects in {other.number for other in counting} for one in counting)
    total = sum((one.total for one in counting), Decimal(0))
    assert total in {draft(january(left), StatementSettings()).total for left in (6, 4, 2, 1)}
    assert {one.number: one.state for one in entries(Statements(aws, TABLE))} == {
        one.statement.number: one.state for one in found
    }


def test_many_that_correct_at_once_correct_once(aws: Aws) -> None:
    invoicing(aws).issue(january())
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: attempt(correct, Aws()), range(8)))
    assert sorted(told) == ["", *["Refused"] * 7]
    assert len(Statements(aws, TABLE).of_customer("cust_abc123")) == 2


def test_what_a_correction_of_before_they_were_counted_says_counts(statements: Statements, aws: Aws) -> None:
    put_kept(aws)
    (note,) = [one for one in statements.of_customer("cust_abc123") if isinstance(one, Filed) and not one.version][1:]
    statements.change(note, "void", "a person", NOW, "wrong")
    assert {one.number: one.state for one in entries(statements)} == {
        "INV-2024-000001": "issued",
        "INV-2024-000002": "void",
    }
