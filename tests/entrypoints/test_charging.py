"""chargeback, export and reconcile-bill as a person asks them: what they print, write, and how they exit."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from controller import bootstrap
from controller.bootstrap import Books
from controller.domain.settings import Settings, StatementSettings
from controller.domain.statement import Filed, draft, issue
from controller.domain.usage import Terms
from controller.entrypoints import exit_codes
from controller.entrypoints.cli import run
from controller.errors import Failure, PermanentFailure
from tests.collected import Shelf
from tests.fakes import Clock
from tests.generated_usage import account, acme, beta, unread

NOW = datetime(2024, 2, 20, 12, 0, tzinfo=UTC)
JANUARY = ("--month", "2024-01")


@dataclass
class Filing:
    """What was issued, by customer id."""

    filed: dict[str, tuple[Filed | Failure, ...]] = field(default_factory=dict)

    def of_customer(self, customer_id: str) -> tuple[Filed | Failure, ...]:
        return self.filed.get(customer_id, ())


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    shelf.put(replace(acme(), terms=Terms(discount_percent=Decimal(10))), beta(), account())
    return shelf


@pytest.fixture
def filing() -> Filing:
    return Filing()


@pytest.fixture(autouse=True)
def books(folder: Path, shelf: Shelf, filing: Filing, monkeypatch: pytest.MonkeyPatch) -> None:
    real = bootstrap.books

    def shelved(settings: Settings) -> Books:
        return replace(real(settings), usage=shelf, statements=filing, clock=Clock(NOW))  # type: ignore[arg-type]

    monkeypatch.setattr(bootstrap, "books", shelved)


Ask = Callable[..., tuple[int, str]]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    def asked(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        code = run([*arguments])
        return code, capsys.readouterr().out

    return asked


def issued(customer: Any) -> Filed:
    statement = issue(draft(customer, StatementSettings()), "INV-2024-000001", date(2024, 2, 12))
    return Filed(statement, "issued", statement.hash, "a person", NOW)


def test_a_chargeback_adds_up_to_the_accounts(ask: Ask) -> None:
    code, out = ask("chargeback", *JANUARY, "-o", "json")
    told = json.loads(out, parse_float=Decimal)
    assert code == exit_codes.OK
    assert told["difference"] == 0
    assert told["account_total"] == told["total"]["listed"] == Decimal("367.97") + Decimal("526.44") + Decimal("47.98")
    (acme_center, rest) = told["cost_centers"]
    assert (acme_center["cost_center"], acme_center["shared"], acme_center["discount"]) == (
        "CC-GENOMICS-001",
        Decimal("45.00"),
        Decimal("36.80"),
    )
    assert rest["cost_center"] == "(no cost center)"


def test_without_a_month_it_is_the_last_one_that_is_over(ask: Ask) -> None:
    assert json.loads(ask("chargeback", "-o", "json")[1])["month"] == "2024-01"


def test_a_customer_whose_cost_is_unknown_is_named_and_nothing_is_said_to_add_up(ask: Ask, shelf: Shelf) -> None:
    shelf.put(unread())
    _, out = ask("chargeback", *JANUARY)
    assert "Not in it, since their cost is not known: cust_gamma7." in out
    assert "Adds up:        unknown" in out


def test_what_cannot_be_read_is_told_by_the_exit_code(ask: Ask, shelf: Shelf) -> None:
    shelf.customers["2024-01", "cust_beta01"] = PermanentFailure("it is not ours")
    assert ask("chargeback", *JANUARY)[0] == exit_codes.PARTIAL


@pytest.fixture
def two_currencies(shelf: Shelf) -> None:
    """One customer and its account in China, in the cost center of another that pays dollars."""
    where = {"currency": "CNY", "cost_center": "CC-GENOMICS-001", "account": "china"}
    shelf.put(beta(**where), account(account="china", currency="CNY"))


@pytest.mark.usefixtures("two_currencies")
def test_currencies_are_never_added_up(ask: Ask) -> None:
    code, out = ask("chargeback", *JANUARY, "-o", "json")
    told = json.loads(out, parse_float=Decimal)
    assert code == exit_codes.PARTIAL
    assert [told[name] for name in ("currency", "total", "account_total", "difference")] == [None] * 4
    assert [(one["currency"], one["listed"], one["account_total"], one["difference"]) for one in told["totals"]] == [
        ("CNY", Decimal("574.42"), Decimal("574.42"), 0),
        ("USD", Decimal("415.95"), Decimal("415.95"), 0),
    ]
    assert [(one["cost_center"], one["currency"], one["listed"]) for one in told["cost_centers"]] == [
        ("CC-GENOMICS-001", "USD", Decimal("367.97")),
        ("CC-GENOMICS-001", "CNY", Decimal("526.44")),
    ]
    assert told["problems"] == ["amounts are in CNY and USD, so there is no total of all"]


@pytest.mark.usefixtures("two_currencies")
def test_the_page_says_which_currency_a_row_is_in_and_totals_each(ask: Ask) -> None:
    code, out = ask("chargeback", *JANUARY)
    assert code == exit_codes.PARTIAL
    assert "Problem: amounts are in CNY and USD, so there is no total of all" in out
    assert [line.split()[-2:] for line in out.splitlines() if line.startswith("TOTAL")] == [
        ["526.44", "CNY"],
        ["331.17", "USD"],
    ]


@pytest.mark.usefixtures("two_currencies")
@pytest.mark.parametrize("command", [("chargeback", "-o", "csv"), ("export", "csv")])
def test_each_row_of_csv_has_its_own_currency(ask: Ask, command: tuple[str, ...]) -> None:
    code, out = ask(*command, *JANUARY)
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == exit_codes.PARTIAL
    assert {(row["customer_id"], row["currency"]) for row in rows} == {
        ("cust_abc123", "USD"), ("cust_beta01", "CNY"), ("", "USD"), ("", "CNY")
    }  # fmt: skip


@pytest.mark.parametrize("month", ["2024-03", "2023-01"])
def test_a_month_that_is_not_there_is_an_error(ask: Ask, month: str) -> None:
    assert ask("chargeback", "--month", month)[0] == exit_codes.ERROR


def test_focus_rows_have_the_number_of_what_was_issued(ask: Ask, filing: Filing) -> None:
    filing.filed["cust_abc123"] = (issued(acme()),)
    code, out = ask("export", "focus", *JANUARY, "--validate")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == exit_codes.OK
    mine = [row for row in rows if row["InvoiceId"] == "INV-2024-000001"]
    assert sum(Decimal(row["BilledCost"]) for row in mine) == Decimal("367.97")
    assert {row["InvoiceId"] for row in rows if row["SubAccountId"] == "cust_beta01"} == {""}


def test_a_void_statement_is_in_no_export(ask: Ask, filing: Filing) -> None:
    filing.filed["cust_abc123"] = (replace(issued(acme()), state="void"),)
    rows = list(csv.DictReader(io.StringIO(ask("export", "focus", *JANUARY)[1])))
    assert {row["InvoiceId"] for row in rows} == {""}


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_parquet_has_the_same_rows_as_csv_and_its_schema_beside(ask: Ask, tmp_path: Path, version: str) -> None:
    out, text = tmp_path / "focus.parquet", tmp_path / "focus.csv"
    assert ask("export", "parquet", *JANUARY, "--focus-version", version, "--out", str(out))[0] == exit_codes.OK
    assert ask("export", "focus", *JANUARY, "--focus-version", version, "--out", str(text))[0] == exit_codes.OK
    rows = list(csv.DictReader(io.StringIO(text.read_text())))
    with duckdb.connect() as database:
        found = database.execute(f"SELECT count(*), sum(BilledCost) FROM '{out}'").fetchone()
    assert found == (len(rows), sum(Decimal(row["BilledCost"]) for row in rows))
    schema = json.loads((tmp_path / "focus.parquet.metadata.json").read_text())
    assert schema["FocusVersion"] == version
    assert [one["ColumnName"] for one in schema["ColumnDefinition"]] == list(rows[0])


def test_a_parquet_file_needs_a_place(ask: Ask) -> None:
    assert ask("export", "parquet", *JANUARY)[0] == exit_codes.USAGE


@pytest.mark.parametrize("what", ["focus", "csv", "parquet"])
def test_a_place_that_cannot_be_written_is_an_error_and_no_traceback(
    ask: Ask, tmp_path: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    code = run(["export", what, *JANUARY, "--out", str(tmp_path / "no" / "such")])
    assert code == exit_codes.ERROR
    assert "could not be saved" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["focus", "csv", "parquet"])
def test_a_file_is_replaced_in_one_step(ask: Ask, tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "charges"
    out.write_text("before")
    monkeypatch.setattr(Path, "replace", broken)
    assert ask("export", what, *JANUARY, "--out", str(out))[0] == exit_codes.ERROR
    assert out.read_text() == "before"
    assert list(tmp_path.glob(".charges*")) == []


def broken(self: Path, target: Path) -> Path:
    raise OSError(28, "No space left on device")


def test_names_stand_in_a_focus_file_as_they_are(ask: Ask, shelf: Shelf) -> None:
    """It is for programs, which join by them; `export csv` is for spreadsheets and takes formulas their power."""
    shelf.put(acme(display_name="=1+1", cost_center="@CC"))
    rows = list(csv.DictReader(io.StringIO(ask("export", "focus", *JANUARY)[1])))
    assert {(row["SubAccountName"], row["x_CostCenter"]) for row in rows if row["SubAccountId"] == "cust_abc123"} == {
        ("=1+1", "@CC")
    }
    assert "'@CC" in ask("export", "csv", *JANUARY)[1]


def test_a_bill_that_agrees_is_no_alarm(ask: Ask, filing: Filing, shelf: Shelf) -> None:
    shelf.customers.clear()
    shelf.accounts.clear()
    whole = replace(acme(), spend=None, worksets=(), worksets_as_of=None, lines=acme().lines[1:4], tagged=())
    shelf.put(replace(whole, lines=()))
    assert ask("reconcile-bill", *JANUARY)[0] == exit_codes.OK


def test_what_was_not_issued_in_time_is_flagged(ask: Ask) -> None:
    code, out = ask("reconcile-bill", *JANUARY, "-o", "json")
    told = json.loads(out)
    assert code == exit_codes.PARTIAL
    flagged = {one["what"] for one in told["checks"] if one["verdict"] == "flagged"}
    assert "statements / charged" in flagged


def test_a_statement_that_cannot_be_read_stops_the_check(ask: Ask, filing: Filing) -> None:
    filing.filed["cust_abc123"] = (PermanentFailure("its hash differs"),)
    assert ask("reconcile-bill", *JANUARY)[0] == exit_codes.ERROR
