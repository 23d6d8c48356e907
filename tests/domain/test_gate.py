"""The gate: the table of its cases, and what holds for all of them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.gate import Facts, Gate, Notice, Policy, Rung, Wish, decide, is_active, pause_of, turn
from tests.domain.gate_cases import (
    CASES,
    FORECAST_HOLDS,
    LADDER,
    NEW_MONTH,
    NOW,
    WAS_HELD,
    WAS_OPEN,
    Case,
    alert,
    facts,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.before}: {case.known}")
def test_the_table_of_cases(case: Case) -> None:
    gate = decide("acme", case.facts, case.previous, case.policy)

    assert (gate.state, gate.reason) == (case.state, case.reason), f"{case.why} ({gate.message})"
    assert gate.until == case.until
    assert decide("acme", case.facts, gate, case.policy) == gate, "deciding again changes nothing"


# What a gate says


def test_since_moves_only_with_the_state() -> None:
    held = decide("acme", facts(505), WAS_HELD, Policy())
    opened = decide("acme", facts(100), WAS_HELD, Policy())

    assert held.since == WAS_HELD.since
    assert opened.since == NOW


def test_since_is_never_ahead_of_the_clock() -> None:
    """An earlier run's clock was."""
    held = decide("acme", facts(505), replace(WAS_HELD, since=NOW + timedelta(days=9)), Policy())

    assert held.since == NOW


def test_it_says_how_old_the_numbers_are_and_what_the_ledger_added() -> None:
    gate = decide("acme", facts(480, accrued=Decimal("32.5")), WAS_OPEN, Policy())

    assert (
        gate.message
        == "512.50 of 500.00 USD is spent, as of 2026-11-22 04:00 UTC, 32.50 of it not in AWS's count yet, over 100 %"
    )
    assert (gate.spent, gate.counted, gate.percent) == (Decimal("512.5"), Decimal(480), Decimal("102.5"))
    assert gate.as_of == NOW - timedelta(hours=2)


def test_an_override_says_why_and_what_the_numbers_say() -> None:
    wish = Wish("Open", "clinical samples, Dr. Roe", NOW + timedelta(days=1))

    gate = decide("acme", facts(510, wish=wish), WAS_HELD, Policy())

    assert gate.message.startswith(
        "the manifest says Open until 2026-11-23 06:00 UTC: clinical samples, Dr. Roe (by the"
    )
    assert "it is held: 510.00 of 500.00 USD is spent" in gate.message
    assert (gate.override, gate.override_reason) == ("Open", "clinical samples, Dr. Roe")
    assert gate.held_at == Decimal(100), "for when it ends"


def test_nothing_known_is_no_spend_of_0() -> None:
    gate = decide("acme", facts(None), None, Policy())

    assert (gate.spent, gate.percent, gate.as_of) == (None, None, None)


def test_an_alert_in_whole_cents_is_known_by_its_share() -> None:
    """80 % of 333.33 USD is 266.664: AWS writes $266.66, which is 79.9988 %."""
    rungs = (Rung(Decimal(80), "ACTUAL", holds=True),)
    told = Notice(Decimal("79.9988"), "ACTUAL", NOW)

    gate = decide("acme", replace(facts(100, rungs=rungs, notice=told), limit=Decimal("333.33")), None, Policy())

    assert gate.reason == "AlertReceived"


def test_an_alert_on_the_forecast_is_not_one_on_the_spend() -> None:
    told = facts(200, rungs=FORECAST_HOLDS, notice=alert(120, NOW))
    forecast = facts(200, rungs=FORECAST_HOLDS, notice=alert(120, NOW, "FORECASTED"))

    assert decide("acme", told, None, Policy()).state == "open"
    assert decide("acme", forecast, None, Policy()).state == "held"


def test_the_record_of_a_held_gate_says_why_and_since_when() -> None:
    pause = pause_of(replace(WAS_HELD, message="too much"))

    assert (pause.paused, pause.reason, pause.since) == (True, "too much", "2026-11-20T06:00:00Z")
    assert pause_of(WAS_OPEN).paused is False


@pytest.mark.parametrize(
    ("changes", "is_told", "why"),
    [
        ({"spent": Decimal(600)}, False, "only figures changed"),
        ({"message": "other words"}, False, "words follow the figures"),
        ({"state": "open"}, True, "another state"),
        ({"reason": "Hysteresis"}, True, "another reason"),
        ({"override": "Hold"}, True, "a person said so"),
        ({"override_reason": "unpaid since May"}, True, "a person says something else"),
    ],
)
def test_the_audit_trail_has_what_a_person_would_ask_about(changes: dict[str, object], is_told: bool, why: str) -> None:
    entry = turn(WAS_HELD, replace(WAS_HELD, **changes), "ann on laptop", NOW)  # type: ignore[arg-type]

    assert (entry is not None) is is_told, why
    assert entry is None or (entry.before, entry.who, entry.at) == ("held", "ann on laptop", NOW)


def test_the_first_decision_is_in_the_trail() -> None:
    entry = turn(None, WAS_OPEN, "ann", NOW)

    assert entry is not None
    assert (entry.before, entry.after) == ("unknown", "open")


# What holds for all gates

cents = st.decimals(min_value=0, max_value=2000, places=2)
amounts = st.one_of(st.sampled_from([Decimal(0), Decimal(250), Decimal(490), Decimal(500), Decimal("500.01")]), cents)
moments = st.sampled_from([NOW, NEW_MONTH, NEW_MONTH + timedelta(days=2), NOW + timedelta(days=1)])
rungs = st.lists(
    st.builds(
        Rung,
        at_percent=st.sampled_from([Decimal(50), Decimal(80), Decimal(100), Decimal(120)]),
        type=st.sampled_from(["ACTUAL", "FORECASTED"]),
        holds=st.booleans(),
    ),
    max_size=4,
).map(tuple)
notices = st.builds(
    Notice,
    at_percent=st.sampled_from([Decimal(80), Decimal(100)]),
    type=st.sampled_from(["ACTUAL", "FORECASTED"]),
    sent_at=st.sampled_from([NOW - timedelta(hours=1), NOW, NEW_MONTH, NOW + timedelta(days=30)]),
)
wishes = st.builds(
    Wish,
    gate=st.sampled_from(["Auto", "Open", "Hold"]),
    reason=st.just("because"),
    until=st.one_of(st.none(), moments),
)
policies = st.builds(Policy, when_stale=st.sampled_from(["open", "hold"]))


@st.composite
def all_facts(draw: st.DrawFn) -> Facts:
    now = draw(moments)
    spent = draw(st.one_of(st.none(), amounts))
    age = timedelta(hours=draw(st.sampled_from([0, 2, 9, 40, 600])))
    return Facts(
        now=now,
        limit=draw(st.one_of(st.none(), st.sampled_from([Decimal(0), Decimal(500), Decimal(2000)]))),
        spent=spent,
        spent_as_of=None if spent is None else now - age,
        forecast=draw(st.one_of(st.none(), amounts)),
        accrued=draw(amounts),
        rungs=draw(rungs),
        wish=draw(wishes),
        notice=draw(st.one_of(st.none(), notices)),
    )


@st.composite
def gates(draw: st.DrawFn) -> Gate | None:
    """Gates as decisions leave them: one that followed on some others."""
    gate: Gate | None = None
    for _ in range(draw(st.integers(0, 3))):
        gate = decide("acme", draw(all_facts()), gate, draw(policies))
    return gate


@settings(deadline=None, max_examples=200)
@given(all_facts(), gates(), policies)
def test_deciding_again_by_the_same_facts_changes_nothing(it: Facts, previous: Gate | None, policy: Policy) -> None:
    gate = decide("acme", it, previous, policy)

    assert decide("acme", it, gate, policy) == gate


@settings(deadline=None, max_examples=200)
@given(all_facts(), gates(), policies, amounts, amounts)
def test_more_spend_never_opens(
    it: Facts, previous: Gate | None, policy: Policy, spend: Decimal, more: Decimal
) -> None:
    """Above 0, that is: a spend of 0 may be no number at all, and holds what is held."""
    lower = replace(it, spent=spend + Decimal("0.01"), spent_as_of=it.spent_as_of or it.now)
    higher = replace(lower, spent=spend + more + Decimal("0.01"), accrued=it.accrued + more)

    if decide("acme", lower, previous, policy).state == "held":
        assert decide("acme", higher, previous, policy).state == "held"


@settings(deadline=None, max_examples=200)
@given(all_facts(), policies, st.sampled_from([None, Decimal(0)]), st.sampled_from([Decimal(500), Decimal(5000)]))
def test_unknown_and_zeroed_spend_never_release_within_the_month(
    it: Facts, policy: Policy, spent: Decimal | None, limit: Decimal
) -> None:
    auto = replace(it, now=NOW, limit=limit, spent=spent, spent_as_of=NOW, rungs=LADDER, wish=Wish())

    assert decide("acme", auto, WAS_HELD, policy).state == "held"


@settings(deadline=None, max_examples=200)
@given(all_facts(), policies)
def test_the_new_month_releases_by_its_own_numbers_or_once_they_are_overdue(it: Facts, policy: Policy) -> None:
    new_month = replace(it, limit=Decimal(500), rungs=LADDER, wish=Wish())
    gate = decide("acme", new_month, WAS_HELD, policy)

    if new_month.now.month == 12 and gate.state != "held" and gate.as_of is None:
        assert gate.reason == "StaleNumbers"
        assert policy.when_stale == "open"
        assert new_month.now - NEW_MONTH > timedelta(hours=24)


@settings(deadline=None, max_examples=200)
@given(all_facts(), gates(), policies)
def test_an_override_wins_over_everything(it: Facts, previous: Gate | None, policy: Policy) -> None:
    gate = decide("acme", it, previous, policy)

    if is_active(it.wish, it.now):
        assert gate.state == {"Open": "open", "Hold": "held"}[it.wish.gate]
        assert (gate.reason, gate.until) == ("Override", it.wish.until)


@settings(deadline=None, max_examples=200)
@given(all_facts(), gates(), policies)
def test_an_alert_can_hold_and_never_open(it: Facts, previous: Gate | None, policy: Policy) -> None:
    without = decide("acme", replace(it, notice=None), previous, policy)

    assert without.state != "held" or decide("acme", it, previous, policy).state == "held"
