"""Statuses: unknown is never zero, 99.96 % is never 100, and the applied states stay inside."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.gate import Gate
from controller.domain.status import Figures, Status
from controller.render import status_document, status_figures, status_view
from controller.render.status_figures import Known
from tests.generated_usage import account, acme, unread
from tests.render.conftest import NOW, status, statuses


def test_the_overview_reads_like_this(golden: Callable[[str, str], None]) -> None:
    account = Status("account/prod/default", "default", "default", "prod", summary="in sync")
    golden("status_overview.txt", str(status_view.overview([account, *statuses()])))


def test_the_details_of_one_customer_read_like_this(golden: Callable[[str, str], None]) -> None:
    golden("status_details.txt", str(status_view.details(statuses()[0])))


def known() -> Known:
    """The first customer over its first alert, the third one not readable, and their account."""
    gate = Gate("cust_abc123", "warned", "OverAlert", "73.6 % of 500.00 USD is over 50 %", NOW, NOW)
    customers = {"cust_abc123": acme(), "cust_gamma": unread(customer_id="cust_gamma", account="other")}
    return Known(customers, {"default": account()}, {"cust_abc123": gate})


def test_with_what_was_collected_they_read_like_this(golden: Callable[[str, str], None]) -> None:
    one = Status("account/prod/default", "default", "default", "prod", summary="in sync")
    golden("status_overview_collected.txt", str(status_view.overview([one, *statuses()], known())))
    golden("status_details_collected.txt", str(status_view.details(statuses()[0], known())))
    golden("status_account_collected.txt", str(status_view.details(one, known())))


def test_what_was_collected_is_added_to_the_document_and_changes_nothing_of_it() -> None:
    with_it = status_document.to_document(statuses()[0], known())
    without = status_document.to_document(statuses()[0])
    added = ("usage", "gate", "coverage")
    assert {name: without[name] for name in added} == dict.fromkeys(added)
    assert {name: value for name, value in with_it.items() if name not in added} == {
        name: value for name, value in without.items() if name not in added
    }
    assert str(with_it["usage"]["total_cost_usd"]) == "367.97"
    assert str(with_it["usage"]["budget_used_percent"]) == "73.6"
    assert (with_it["gate"]["state"], with_it["gate"]["may_submit"]) == ("warned", True)


def test_usage_that_is_not_known_is_null_and_the_budget_is_shown_instead() -> None:
    one, nothing = statuses()[0], Known({"cust_abc123": unread(customer_id="cust_abc123")})
    assert status_document.to_document(one, nothing)["usage"]["total_cost_usd"] is None
    assert "499.80" in str(status_view.overview([one], nothing))


def test_the_coverage_of_an_account_is_unknown_where_something_cannot_be_read() -> None:
    one = Status("account/prod/default", "default", "default", "prod")
    broken = replace(known(), complete=False)
    assert status_document.to_document(one, known())["coverage"]["percent"] == Decimal("88.5")
    assert status_document.to_document(one, broken)["coverage"]["percent"] is None
    assert "is allocated" not in str(status_view.overview([one], broken))


def test_no_status_at_all_is_said() -> None:
    assert str(status_view.overview([])) == "Nothing was reconciled yet.\n"


@pytest.mark.parametrize(
    ("limit", "actual", "used"),
    [
        ("100", "99.96", "99.9"),
        ("100", "99.9999999999999999999999999999999999", "99.9"),
        ("100", "100", "100.0"),
        ("500", "322.34", "64.5"),
        ("100", "0", "0.0"),
        ("100", "-1", "-1.0"),
        ("0", "5", None),
        ("100", None, None),
        (None, "5", None),
        ("100", "NaN", None),
        ("100", "abc", None),
    ],
)
def test_the_used_share_never_reads_a_round_hundred_early_and_is_unknown_where_a_figure_is(
    limit: str | None, actual: str | None, used: str | None
) -> None:
    values = {name: value for name, value in (("limit", limit), ("actual", actual)) if value is not None}
    one = status("a", "cust_a", figures=(Figures("budget", "b", values, NOW),))
    assert status_figures.spending(one).used == used
    assert (f"{used}%" if used else " - ") in str(status_view.overview([one])).splitlines()[1]


@settings(deadline=None)
@given(st.decimals(0, 10**9, places=4), st.decimals("0.01", 10**9, places=2))
def test_a_share_reads_100_only_when_the_limit_is_reached(actual: Decimal, limit: Decimal) -> None:
    used = status_figures.Spending(limit=limit, actual=actual).used
    assert used is not None
    assert (Decimal(used) >= 100) == (actual >= limit)


def test_unknown_figures_are_null_in_the_document_and_never_zero() -> None:
    one = status("a", "cust_a", figures=(Figures("budget", "b", {"limit": "100", "currency": "USD"}, NOW),))
    budget = status_document.to_document(one)["budget"]
    assert budget["actual"] is None
    assert budget["forecast"] is None
    assert budget["used_percent"] is None
    assert status_document.to_document(status("b", "cust_b"))["budget"] is None


def test_the_applied_states_are_not_public() -> None:
    texts = [status_document.to_json(statuses()), status_document.to_yaml(statuses())]
    texts += status_document.files(statuses()).values()
    assert not any("applied state" in text for text in texts)


def test_json_and_yaml_say_the_same() -> None:
    loaded = list(yaml.safe_load_all(status_document.to_yaml(statuses())))
    assert loaded == json.loads(status_document.to_json(statuses()[::-1]))


def test_there_is_one_file_per_customer_and_none_leaves_its_folder() -> None:
    wild = [replace(statuses()[0], owner_id=owner) for owner in ("../x", "a/b", "c\\d", "account/prod/default")]
    files = status_document.files([*statuses(), *wild])
    assert list(files)[-3:] == ["cust_abc123.json", "cust_beta01.json", "cust_gamma.json"]
    assert len(files) == 6
    assert not any("/" in name or "\\" in name for name in files)
    assert all(text.endswith("}\n") for text in files.values())


@settings(deadline=None)
@given(st.text(st.characters(codec=None), max_size=20))
def test_no_text_from_outside_reaches_the_terminal_as_a_control(text: str) -> None:
    one = status(text, text, summary=text, last_error=text, commit=text)
    for page in (status_view.overview([one]), status_view.details(one)):
        assert all(str(shown).isprintable() for shown in page.lines)
    assert status_document.to_json([one]).replace("\n", "").isprintable()
