"""statement and statements on the local AWS: from a draft to what was paid, and what is refused on the way."""

import csv
import io
import json
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import click
import pytest

from controller import bootstrap
from controller.aws.clients import Aws
from controller.domain.money import ZERO
from controller.domain.month import Month
from controller.domain.settings import Settings
from controller.domain.statement import Filed
from controller.domain.usage import CustomerMonth
from controller.entrypoints import stating, terminal
from controller.entrypoints.cli import run
from controller.errors import Failure, Refused
from controller.sandbox import Sandbox
from controller.sandbox.cost_expressions import LineItem
from controller.sandbox.seed import seed
from controller.sandbox.seed_costs import line_items
from controller.store.usage_months import UsageMonths
from tests.conftest import NOW
from tests.fakes import Clock

ROOT = Path(__file__).parent.parent.parent
JANUARY = ("--month", "2024-01")
ACME = ("statement", "acme-genomics", *JANUARY)


@pytest.fixture
def world(
    tmp_path: Path, local_environment: Sandbox, standing_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Sandbox:
    """The example customers on the local AWS, January 2024 collected."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("controller.bootstrap.utc_now", local_environment.now)
    (tmp_path / "customers").mkdir()
    for name in ("acme.yaml", "beta.yaml"):
        text = (ROOT / "customers" / name).read_text()
        (tmp_path / "customers" / name).write_text(text)
    seed(local_environment)
    assert run(["init", "--aws"]) == 0
    assert run(["collect", "-q", *JANUARY]) == 0
    return local_environment


Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ask(world: Sandbox, capsys: pytest.CaptureFixture[str]) -> Ask:
    def asked(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(list(arguments))
        return code, *capsys.readouterr()

    return asked


def charge(world: Sandbox, amount: str) -> None:
    """AWS changes its mind about January, and we read it again."""
    world.cost.add_line_items([late(amount)])
    assert run(["collect", "-q", "--fresh", *JANUARY]) == 0


def late(amount: str) -> LineItem:
    """An amount that AWS books for acme's storage after the month was closed."""
    item = next(one for one in line_items(NOW.date()) if one.date.year == 2024 and "Simple Storage" in one.service)
    return replace(item, amount=Decimal(amount), quantity=Decimal(0))


# The life of a statement


def test_a_draft_becomes_issued_corrected_and_paid(ask: Ask, world: Sandbox) -> None:
    assert "Statement, draft" in ask(*ACME)[1]
    assert ask(*ACME, "--issue", "--yes") == (
        0,
        "Statement INV-2026-000001 of cust_abc123, 331.17 USD, due 2026-12-22, is issued.\n",
        "",
    )
    before = ask(*ACME, "-o", "html")[1]
    charge(world, "-2.00")

    _, page, _ = ask(*ACME)
    assert "Statement INV-2026-000001" in page
    assert "AWS has changed its figures since: 1.80 USD are to be given back." in page
    html = ask(*ACME, "-o", "html")
    assert html[1] == before
    assert "to be given back" in html[2]
    code, told, _ = ask(*ACME, "--correct", "--yes")
    assert (code, told) == (0, "Credit note INV-2026-000002 of cust_abc123, -1.80 USD, is issued.\n")
    assert "Corrected by Credit note INV-2026-000002, issued: -1.80 USD." in ask(*ACME)[1]
    assert "Corrects:     INV-2026-000001" in ask("statement", "cust_abc123", "--number", "INV-2026-000002")[1]

    code, _, err = ask(*ACME, "--mark", "paid", "--yes")
    assert (code, "say which with --number, INV-2026-000001, INV-2026-000002" in err) == (1, True)
    code, told, _ = ask(*ACME, "--mark", "paid", "--number", "INV-2026-000001", "--reason", "transfer 7", "--yes")
    assert (code, told) == (0, "INV-2026-000001 of cust_abc123, 331.17 USD, is paid.\n")
    assert "transfer 7" in ask(*ACME)[1]


def test_a_void_one_is_issued_again_under_the_next_number(ask: Ask) -> None:
    ask(*ACME, "--issue", "--yes")
    assert ask(*ACME, "--mark", "void", "--yes")[0] == 0
    assert "Statement, draft" in ask(*ACME)[1]
    assert "INV-2026-000002" in ask(*ACME, "--issue", "--yes")[1]
    _, listed, _ = ask("statements", *JANUARY, "-o", "csv")
    rows = {row["number"]: row["state"] for row in csv.DictReader(io.StringIO(listed, newline=""))}
    assert rows == {"INV-2026-000001": "void", "INV-2026-000002": "issued"}


def test_the_default_is_the_last_month_that_is_over(ask: Ask) -> None:
    ask("collect", "-q")
    assert "2026-10-01 to 2026-10-31" in ask("statement", "acme-genomics")[1]
    assert "2026-10" in ask("statements", "--issue", "--yes")[1]


# Forms


@pytest.mark.parametrize("form", ["table", "json", "yaml", "csv", "markdown", "html", "pdf"])
def test_a_file_holds_what_stdout_would(
    world: Sandbox, form: str, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    run([*ACME, "--issue", "--yes"])
    capsysbinary.readouterr()
    assert run([*ACME, "-o", form]) == 0
    shown = capsysbinary.readouterr().out
    assert run([*ACME, "-o", form, "--out", "statement.out"]) == 0
    assert capsysbinary.readouterr() == (b"", b"Saved statement.out\n")
    assert (tmp_path / "statement.out").read_bytes() == shown
    assert form == "csv" or b"331.17" in shown


def test_issuing_can_save_the_document_at_once(ask: Ask, tmp_path: Path) -> None:
    code, out, err = ask(*ACME, "--issue", "--yes", "-o", "pdf", "--out", "acme.pdf")
    assert (code, out) == (0, "")
    assert "INV-2026-000001 of cust_abc123, 331.17 USD" in err
    assert b"INV-2026-000001" in (tmp_path / "acme.pdf").read_bytes()


def test_the_document_says_everything(ask: Ask) -> None:
    ask(*ACME, "--issue", "--yes")
    document = json.loads(ask(*ACME, "-o", "json")[1], parse_float=Decimal)
    assert (document["number"], document["state"], document["total"]) == (
        "INV-2026-000001",
        "issued",
        Decimal("331.17"),
    )
    assert sum(one["charged"] for one in document["lines"]) == document["total"]
    assert re.fullmatch("[0-9a-f]{64}", document["filed"]["hash"])
    assert (document["corrections"], document["changed_since"]) == ([], None)


# Whole months


def test_a_month_is_issued_for_all_and_again_for_nobody(ask: Ask) -> None:
    ask("collect", "-q", "--month", "2026-10")
    code, out, err = ask("statements", "--month", "2026-10", "--issue", "--yes", "-o", "json")
    found = json.loads(out)["statements"]
    assert (code, len(found)) == (0, 2)
    assert "2 issued." in err
    assert ask("statements", "--month", "2026-10", "--issue", "--yes")[2] == "0 issued, 2 issued before.\n"


def test_who_is_left_out_is_told_and_the_others_are_issued(ask: Ask, world: Sandbox) -> None:
    ask("collect", "-q", "--month", "2026-10")
    spoil(world, "usage/2026-10", "cust_beta01", "usage")
    code, out, err = ask("statements", "--month", "2026-10", "--issue", "--yes")
    assert code == 5
    assert "Left out: " in err
    assert "cust_beta01" in err
    assert "1 issued, 1 left out." in err
    assert "cust_abc123" in out


def test_where_all_are_left_out_it_is_refused(ask: Ask) -> None:
    ask("collect", "-q")
    code, out, err = ask("statements", "--month", "2026-11", "--issue", "--yes")
    assert (code, out) == (4, "No statement was issued now.\n")
    assert "2026-11 is not over" in err


def test_the_list_tells_what_is_overdue(ask: Ask, standing_clock: Clock) -> None:
    ask(*ACME, "--issue", "--yes")
    assert "Open: 331.17 USD of 1, none overdue." in ask("statements", "cust_abc123")[1]
    standing_clock.now += timedelta(days=40)
    _, page, _ = ask("statements", "cust_abc123")
    assert "overdue: 331.17 USD of 1." in page
    assert json.loads(ask("statements", *JANUARY, "-o", "json")[1])["statements"][0]["overdue_days"] == 10
    assert "No statement of 2026-10 was issued" in ask("statements", "cust_abc123", "--month", "2026-10")[1]


# What goes wrong


BAD_INPUT: list[tuple[list[str], int, str]] = [
    (["statement", "acme-genomic", *JANUARY], 1, 'Did you mean "acme-genomics"?'),
    (["statement", "zzz"], 1, 'no customer "zzz" is known'),
    (["statement", "acme-genomics", "--month", "2027-01"], 1, "2027-01 has not begun"),
    (["statement", "cust_abc123", "--month", "2023-12"], 1, "`reconcile collect --month 2023-12` reads"),
    (["statements", "--month", "2023-12", "--issue", "--yes"], 1, "`reconcile collect --month 2023-12` reads it"),
    ([*ACME, "--correct", "--yes"], 4, "so there is nothing to correct"),
    ([*ACME, "--mark", "paid", "--yes"], 1, "has nothing for 2024-01 that could become paid"),
    ([*ACME, "--number", "INV-2026-000001"], 1, "has no statement INV-2026-000001"),
    ([*ACME, "--mark", "paid", "--number", "INV-1", "--yes"], 1, "has no statement INV-1"),
    ([*ACME, "--issue"], 64, "pass --yes"),
    ([*ACME, "--issue", "--correct"], 64, "one of the three"),
    ([*ACME, "--issue", "--number", "INV-1"], 64, "gets the next number"),
    ([*ACME, "--reason", "why"], 64, "goes with --mark"),
    ([*ACME, "--allow", "unknown"], 64, "goes with that"),
    (["statement", "acme-genomics", "--mark", "paid"], 64, "say which"),
    ([*ACME, "--mark", "lost"], 64, "'lost' is not one of"),
    ([*ACME, "--month", "2024-13"], 64, "is not a month"),
    ([*ACME, "--out", "nowhere/x.html", "-o", "html"], 64, "there is no folder"),
    (["statements", "acme-genomics", "--issue"], 64, "reconcile statement CUSTOMER --issue"),
]


def test_of_a_customer_all_are_listed_and_of_everybody_the_last_months(ask: Ask) -> None:
    """January 2024 is long over."""
    ask(*ACME, "--issue", "--yes")
    assert "INV-2026-000001" in ask("statements", "cust_abc123")[1]
    assert "INV-2026-000001" in ask("statements", *JANUARY)[1]
    assert re.match(r"No statement of \d{4}-\d\d to \d{4}-\d\d was issued", ask("statements")[1])


def test_bad_input_says_what_to_do(ask: Ask) -> None:
    """None of it changes anything, so one world serves all."""
    for arguments, code, says in BAD_INPUT:
        found, out, err = ask(*arguments)
        assert (found, out) == (code, ""), arguments
        assert says in err, arguments


def test_what_was_issued_is_not_issued_again_nor_corrected_without_a_change(ask: Ask) -> None:
    ask(*ACME, "--issue", "--yes")
    code, _, err = ask(*ACME, "--issue", "--yes")
    assert (code, "cust_abc123 has the statement INV-2026-000001 for 2024-01" in err) == (4, True)
    code, _, err = ask(*ACME, "--correct", "--yes")
    assert (code, "there is nothing to correct" in err) == (4, True)
    ask(*ACME, "--mark", "paid", "--yes")
    assert ask(*ACME, "--mark", "paid", "--yes")[0] == 0
    assert ask(*ACME, "--mark", "void", "--number", "INV-2026-000001", "--yes")[0] == 4


def test_what_is_not_known_is_left_out_of_a_statement_only_where_that_is_allowed(ask: Ask) -> None:
    books = bootstrap.books(Settings())
    month = books.usage.load(Month(2024, 1)).customers["cust_abc123"]
    assert isinstance(month, CustomerMonth)
    lines = [replace(one, amount=ZERO, exact=ZERO, certainty="unknown") for one in month.lines if one.part == "compute"]
    rest = [one for one in month.lines if one.part != "compute"]
    UsageMonths(Aws(), Settings().tables.billing).save([replace(month, lines=(*lines, *rest))], 99)

    code, _, err = ask(*ACME, "--issue", "--yes")
    assert (code, "the cost of EC2 Compute is not known; --allow unknown" in err) == (4, True)
    code, _, err = ask("statements", *JANUARY, "--issue", "--yes")
    assert "EC2 Compute is not known" in err
    code, out, _ = ask(*ACME, "--issue", "--allow", "unknown", "--yes", "-o", "markdown")
    assert (code, "Not in it, since it is not known: the cost of EC2 Compute" in out) == (0, True)


def test_of_two_that_issue_at_once_one_is_refused(world: Sandbox) -> None:
    books = bootstrap.books(Settings())
    month = books.usage.load(Month(2024, 1)).customers["cust_abc123"]
    assert not isinstance(month, Failure)

    def attempt(_: int) -> Filed | Refused:
        try:
            return bootstrap.invoicing(Settings(), books).issue(month)
        except Refused as refused:
            return refused

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(attempt, range(6)))
    assert sorted(type(one).__name__ for one in found) == ["Filed", *["Refused"] * 5]


def test_a_person_is_asked_and_may_say_no(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(terminal, "asks", lambda: True)
    monkeypatch.setattr(click, "confirm", lambda question, **_: asked.append(question))
    assert ask(*ACME, "--issue")[0] == 1
    assert asked == ["Issue the statement of acme-genomics, 2024-01: 331.17 USD?"]
    assert "Statement, draft" in ask(*ACME)[1]


def test_nobody_is_asked_what_is_refused_anyway(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "asks", lambda: True)
    monkeypatch.setattr(click, "confirm", lambda *_, **__: pytest.fail("asked"))
    ask("collect", "-q")
    assert ask("statement", "acme-genomics", "--month", "2026-11", "--issue")[0] == 4


def test_an_item_that_was_altered_is_told_and_nothing_is_believed(ask: Ask, world: Sandbox) -> None:
    ask(*ACME, "--issue", "--yes")
    table = world.client("dynamodb")
    key = {"record": {"S": "statement/cust_abc123"}, "owner": {"S": "INV-2026-000001"}}
    text = table.get_item(TableName="daylily-billing", Key=key)["Item"]["statement"]["S"]
    table.update_item(
        TableName="daylily-billing",
        Key=key,
        UpdateExpression="SET statement = :less",
        ExpressionAttributeValues={":less": {"S": text.replace("net-30", "net-90")}},
    )
    for arguments in (ACME, (*ACME, "--correct", "--yes"), (*ACME, "--mark", "paid", "--yes")):
        code, out, err = ask(*arguments)
        assert (code, out) == (1, "")
        assert "its hash differs" in err
    code, _, err = ask("statements", "cust_abc123")
    assert (code, "its hash differs" in err) == (5, True)


def test_what_was_issued_is_shown_also_when_the_month_is_not_stored_any_more(ask: Ask, world: Sandbox) -> None:
    ask(*ACME, "--issue", "--yes")
    key = {"record": {"S": "usage/2024-01"}, "owner": {"S": "cust_abc123"}}
    world.client("dynamodb").delete_item(TableName="daylily-billing", Key=key)
    code, out, err = ask("statement", "cust_abc123", *JANUARY)
    assert code == 0
    assert "Statement INV-2026-000001" in out
    assert "2024-01 is not stored any more: whether AWS changed its figures since is not known." in err


def test_without_the_table_it_says_how_to_make_it(ask: Ask, world: Sandbox) -> None:
    table = world.client("dynamodb")
    table.update_table(TableName="daylily-billing", DeletionProtectionEnabled=False)
    table.delete_table(TableName="daylily-billing")
    for arguments in (ACME, ("statements",), ("statements", "--issue", "--yes")):
        code, _, err = ask(*arguments)
        assert (code, "reconcile init --aws" in err) == (1, True)


def test_pdf_without_its_library_says_what_to_install(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stating, "find_spec", lambda _: None)
    code, _, err = ask(*ACME, "--issue", "--yes", "-o", "pdf", "--out", "x.pdf")
    assert code == 1
    assert "pip install 'daylily-reconcile[pdf]'" in err
    assert "Statement, draft" in ask(*ACME)[1]


def test_a_pdf_is_not_written_on_a_terminal(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "width", lambda: 80)
    code, _, err = ask(*ACME, "-o", "pdf")
    assert (code, "--out FILE" in err) == (64, True)


def test_a_name_that_means_harm_is_harmless_in_every_form(ask: Ask, tmp_path: Path) -> None:
    acme = tmp_path / "customers" / "acme.yaml"
    harm = 'displayName: "=cmd() <script>alert(1)</script> \u0416"'
    acme.write_text(acme.read_text().replace("displayName: Acme Genomics", harm))
    assert ask("collect", "-q", "--month", "2026-10")[0] == 0
    shown = {form: ask("statement", "acme-genomics", "-o", form)[1] for form in ("table", "csv", "html", "markdown")}
    assert "<script>alert(1)</script>" in shown["table"]
    assert all("<script>" not in shown[form] for form in ("html", "markdown"))
    assert "&lt;script&gt;alert(1)" in shown["html"]


def spoil(world: Sandbox, record: str, owner: str, attribute: str) -> None:
    """Somebody writes over an attribute of an item."""
    world.client("dynamodb").update_item(
        TableName="daylily-billing",
        Key={"record": {"S": record}, "owner": {"S": owner}},
        UpdateExpression="SET #attribute = :garbage",
        ExpressionAttributeNames={"#attribute": attribute},
        ExpressionAttributeValues={":garbage": {"S": "garbage"}},
    )
