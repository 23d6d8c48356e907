"""usage, history, forecast, costs and status as a person asks them: what they print, and how they exit."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller import bootstrap
from controller.bootstrap import Books
from controller.domain.gate import Gate
from controller.domain.month import Month
from controller.domain.settings import Settings
from controller.entrypoints import terminal
from controller.entrypoints.cli import run
from controller.errors import PermanentFailure
from controller.sandbox import Sandbox
from tests.collected import Gates, Shelf
from tests.fakes import Clock
from tests.generated_usage import AS_OF, account, acme, beta

NOW = datetime(2024, 1, 26, 12, 0, tzinfo=UTC)
BROKEN = PermanentFailure("the usage of cust_beta01 in 2024-01 is not one that this tool wrote", code="ForeignUsage")
ALL = (["usage", "acme-genomics"], ["history", "acme-genomics"], ["forecast", "acme-genomics"], ["costs"])


@pytest.fixture
def shelf() -> Shelf:
    shelf = Shelf()
    shelf.put(acme(), beta(), account(), acme(month="2023-12", lines=acme().lines[:2]))
    return shelf


@pytest.fixture
def gates() -> Gates:
    return Gates({"cust_abc123": Gate("cust_abc123", "warned", "OverAlert", "over 50 %", AS_OF, month="2024-01")})


@pytest.fixture(autouse=True)
def books(folder: Path, shelf: Shelf, gates: Gates, monkeypatch: pytest.MonkeyPatch) -> None:
    """January 2024 with two customers, and nothing that was ever applied."""
    real = bootstrap.books

    def shelved(settings: Settings) -> Books:
        return replace(real(settings), usage=shelf, gates=gates, clock=Clock(NOW))

    monkeypatch.setattr(bootstrap, "books", shelved)


Told = Callable[..., Any]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def ask(*arguments: str) -> Any:
        capsys.readouterr()
        assert run([*arguments, "-o", "json"]) == 0
        return json.loads(capsys.readouterr().out, parse_float=Decimal)

    return ask


def test_all_commands_agree_to_the_cent(told: Told) -> None:
    usage = told("usage", "acme-genomics")
    history = told("history", "acme-genomics")
    forecast = told("forecast", "acme-genomics")
    by_customer = {row["customer_id"]: row for row in told("costs", "--by", "customer")["rows"]}
    totals = {told("costs", "--by", by)["total_cost_usd"] for by in ("service", "cost-center", "customer", "account")}

    assert usage["total_cost_usd"] == Decimal("367.97")
    assert history["months"][-1]["total_cost_usd"] == usage["total_cost_usd"]
    assert forecast["spent_usd"] == usage["total_cost_usd"]
    assert forecast["forecast_usd"] == usage["forecast"]["amount_usd"]
    assert by_customer["cust_abc123"]["cost_usd"] == usage["total_cost_usd"]
    assert totals == {usage["coverage"]["total_usd"]} == {Decimal("942.39")}


@pytest.mark.parametrize("command", ALL, ids=lambda command: command[0])
def test_every_command_answers_in_every_form(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    forms = {}
    for form in ("table", "json", "yaml", "csv", "markdown"):
        capsys.readouterr()
        assert run([*command, "-o", form]) == 0
        forms[form], errors = capsys.readouterr()
        assert errors == ""

    assert yaml.safe_load(forms["yaml"]) == json.loads(forms["json"])
    assert len({len(row) for row in csv.reader(io.StringIO(forms["csv"], newline=""))}) == 1
    assert forms["markdown"].startswith("### ")
    total = "942.39" if command == ["costs"] else "367.97"
    assert all(total in text for form, text in forms.items() if form != "csv")


def test_a_customer_is_found_by_id_and_by_name(told: Told) -> None:
    assert told("usage", "cust_abc123") == told("usage", "acme-genomics")
    assert told("history", "cust_abc123") == told("history", "acme-genomics")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["usage", "acme-genomic"], 1, 'no customer "acme-genomic" is known. Did you mean "acme-genomics"?'),
        (["usage", "zzz"], 1, "Is it applied? Then `reconcile collect` reads its usage."),
        (["history", "zzz"], 1, 'no customer "zzz" is known.'),
        (["forecast", "beta"], 1, 'Did you mean "beta-bio"?'),
        (["usage", "acme-genomics", "--month", "2024-02"], 1, "2024-02 has not begun: the running month is 2024-01"),
        (["costs", "--month", "2024-02"], 1, "2024-02 has not begun"),
        (["costs", "--month", "2023-06"], 1, "`reconcile collect --month 2023-06` reads it"),
        (["usage", "cust_beta01", "--month", "2023-12"], 1, 'no customer "cust_beta01" is known.'),
        (["usage", "acme-genomics", "--month", "2024-13"], 64, "'2024-13' is not a month: it is written like 2024-01"),
        (["usage"], 64, "Missing argument 'CUSTOMER'"),
        (["history", "acme-genomics", "--months", "0"], 64, "not in the range"),
        (["costs", "--by", "color"], 64, "'color' is not one of"),
    ],
)
def test_bad_input_says_what_to_do(
    arguments: list[str], code: int, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    out, err = capsys.readouterr()
    assert says in err
    assert out == ""


@pytest.mark.parametrize("command", [*ALL[1:], ["usage", "acme"]], ids=lambda command: command[0])
def test_a_store_that_was_never_filled_is_no_zero_but_an_error_that_says_how_to_fill_it(
    command: list[str], shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    shelf.customers.clear()
    shelf.accounts.clear()
    assert run(command) == 1
    assert "`reconcile collect` reads it" in capsys.readouterr().err


def test_an_applied_customer_that_was_not_collected_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "--yes", "-q"]) == 0
    for command in ("usage", "history", "forecast"):
        assert run([command, "beta"]) == 1
        assert 'nothing of "beta" was collected for 2024-01: `reconcile collect` reads it' in capsys.readouterr().err


def test_a_missing_table_says_how_to_make_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_TABLES__BILLING", "not-there")
    assert run(["usage", "acme-genomics"]) == 1
    assert "reconcile init" in capsys.readouterr().err


def test_a_corrupt_item_is_told_and_everything_else_shown(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.customers["2024-01", "cust_beta01"] = BROKEN

    assert run(["costs", "--by", "customer", "-o", "json"]) == 5
    out, err = capsys.readouterr()
    costs = json.loads(out)
    assert "is not one that this tool wrote" in err
    assert [row["name"] for row in costs["rows"]] == ["acme-genomics", "(unallocated)"]
    assert costs["coverage"]["percent"] is None, "the cost of one customer is missing"
    assert costs["certainty"] == "estimated"

    assert run(["usage", "cust_beta01", "-o", "json"]) == 5
    usage = json.loads(capsys.readouterr().out)
    assert usage["total_cost_usd"] is usage["storage"]["current_bytes"] is None
    assert usage["problems"] == [str(BROKEN)]

    assert run(["forecast", "cust_beta01"]) == 5
    assert run(["history", "cust_beta01"]) == 5
    assert "Problem: 2024-01" in capsys.readouterr().out
    assert run(["usage", "acme-genomics"]) == 0, "another customer's item is not asked for"


def test_a_corrupt_gate_leaves_the_usage_known(gates: Gates, capsys: pytest.CaptureFixture[str]) -> None:
    gates.gates["cust_abc123"] = PermanentFailure("the gate cannot be read")
    assert run(["usage", "acme-genomics", "-o", "json"]) == 5
    usage = json.loads(capsys.readouterr().out)
    assert usage["gate"] is None
    assert usage["total_cost_usd"] == 367.97


def test_a_customer_of_whom_old_months_alone_are_left_keeps_its_history(shelf: Shelf, told: Told) -> None:
    shelf.put(beta(month="2023-11", customer_id="cust_gone"))
    months = told("history", "cust_gone", "--months", "3")["months"]
    assert [one["total_cost_usd"] for one in months] == [Decimal("526.44"), None, None]


def test_two_customers_of_one_name_are_not_mixed_up(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    shelf.put(beta(customer_id="cust_other"))
    assert run(["usage", "beta-bio"]) == 1
    assert "say which by id, cust_beta01, cust_other" in capsys.readouterr().err


def test_nothing_but_the_table_is_asked(sandbox: Sandbox, shelf: Shelf) -> None:
    for command in (*ALL, ["status"]):
        sandbox.clear_requests()
        shelf.reads.clear()
        assert run(command) == 0
        assert {one.service for one in sandbox.requests} <= {"dynamodb"}
        assert len(sandbox.requests) <= 1, "the statuses, for names"
        assert len(shelf.reads) <= 3


def test_a_chart_is_drawn_on_a_terminal_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["history", "acme-genomics"]) == 0
    assert "█" not in capsys.readouterr().out

    monkeypatch.setattr(terminal, "width", lambda: 80)
    assert run(["history", "acme-genomics"]) == 0
    assert "█" in capsys.readouterr().out

    monkeypatch.setattr(terminal, "shows", lambda _: False)
    assert run(["history", "acme-genomics"]) == 0
    assert "####" in capsys.readouterr().out


# status


def test_status_shows_usage_and_gate_and_keeps_what_it_had(
    told: Told, shelf: Shelf, gates: Gates, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", "--yes", "-q"]) == 0
    shelf.put(acme(customer_id="acme", name="acme"))
    gates.gates["acme"] = Gate("acme", "held", "OverLimit", "over 100 %", AS_OF, month="2024-01")

    (status,) = told("status", "acme")
    assert status["usage"]["total_cost_usd"] == Decimal("367.97")
    assert status["gate"]["state"] == "held"
    assert status["budget"]["limit"] == "500.00"
    (other,) = told("status", "beta")
    assert other["usage"] is other["gate"] is None

    assert run(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["acme", "True", "367.97"]
    assert " held " in lines[1]

    assert run(["status", "--to", "out"]) == 0
    assert json.loads((folder / "out" / "acme.json").read_text())["usage"]["total_cost_usd"] == 367.97


def test_status_shows_the_rest_where_an_item_cannot_be_read(shelf: Shelf, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["apply", "--yes", "-q"]) == 0
    shelf.put(acme(customer_id="acme", name="acme"))
    shelf.customers["2024-01", "beta"] = BROKEN
    capsys.readouterr()

    assert run(["status"]) == 5

    out, err = capsys.readouterr()
    assert "367.97" in out
    assert "is not one that this tool wrote" in err
    assert "is allocated" not in out, "the coverage is unknown"


def test_the_running_month_is_that_of_the_clock_in_utc(shelf: Shelf, told: Told) -> None:
    assert told("usage", "acme-genomics")["period"]["month"] == str(Month.of(NOW))
    assert told("usage", "acme-genomics", "--month", "2023-12")["period"] == {
        "month": "2023-12",
        "start": "2023-12-01",
        "end": "2023-12-31",
    }
