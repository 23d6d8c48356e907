"""The gatekeeper on fakes: who is decided, what is written, and what is left alone."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.customer import Alert, Budget, Customer
from controller.domain.gate import Gate, Notice, Pause, Policy, Rung, Wish
from controller.domain.status import Status
from controller.domain.usage import CustomerMonth, Forecast, Line, Spend, Workset
from controller.errors import Failure, PermanentFailure, TransientFailure
from controller.gatekeeper import Gatekeeper, Verdict, facts_from, own
from tests.fakes import START, Clock, MemoryGates, MemoryRecords, customer

ALERTS = (Alert(Decimal(50)), Alert(Decimal(100), pause_worksets=True))
BUDGET = Budget(Decimal(500), ALERTS)
HOUR = timedelta(hours=1)
OPEN = Pause(False)


@dataclass
class Yard:
    """A gatekeeper on fakes, with everything that a test looks at."""

    gates: MemoryGates = field(default_factory=MemoryGates)
    records: MemoryRecords = field(default_factory=lambda: MemoryRecords({"acme": OPEN, "beta": OPEN}))
    clock: Clock = field(default_factory=Clock)
    who: str = "ann on laptop"

    def judge(self, *customers: Customer, notices: Any = None, **spent: int | None) -> tuple[Verdict, ...]:
        keeper = Gatekeeper(self.gates, self.records, Policy(), self.clock, self.who, concurrency=2)
        months = {name: month(name, spent[name], self.clock.now) for name in spent}
        return keeper.judge(customers, months, notices)

    def gate(self, name: str = "acme") -> Gate:
        gate = self.gates.gates[name]
        assert isinstance(gate, Gate)
        return gate


def limited(customer_id: str = "acme", **changes: Any) -> Customer:
    return customer(customer_id, **{"budget": BUDGET, **changes})


def month(customer_id: str, actual: int | None, now: datetime = START, **more: Any) -> CustomerMonth:
    amount = None if actual is None else Decimal(actual)
    spend = Spend(Decimal(500), amount, None, now - HOUR)
    return CustomerMonth(customer_id, f"{now:%Y-%m}", **{"spend": spend, **more})


def workset(name: str, cost: int | None, **more: Any) -> Workset:
    plain: dict[str, Any] = {"state": "in_progress", "outcome": "pending", "started_at": START - 5 * HOUR}
    return Workset(name, cost=None if cost is None else Decimal(cost), **{**plain, **more})


def ended(name: str, cost: int, hours_ago: float) -> Workset:
    at = START - hours_ago * HOUR
    return workset(name, cost, state="complete", outcome="completed", ended_at=at, month="2026-11")


# What is written


def test_a_held_gate_is_stored_told_in_the_trail_and_written_into_the_record() -> None:
    yard = Yard()

    (verdict,) = yard.judge(limited(), acme=512)

    assert verdict.gate == yard.gate()
    assert (verdict.saved, verdict.record, verdict.failure) == (True, "written", None)
    assert yard.records.said["acme"] == Pause(True, yard.gate().message, "2026-11-22T06:00:00Z")
    assert [(one.before, one.after, one.who) for one in yard.gates.trail] == [("unknown", "held", "ann on laptop")]


def test_a_gate_that_stays_costs_no_write() -> None:
    yard = Yard()
    yard.judge(limited(), limited("beta"), acme=512, beta=20)
    yard.gates.saves.clear()
    yard.records.writes.clear()

    again = yard.judge(limited(), limited("beta"), acme=512, beta=20)

    assert (yard.gates.saves, yard.records.writes) == ([], [])
    assert [one.saved for one in again] == [False, False]


def test_new_figures_are_stored_and_are_no_news_for_the_trail() -> None:
    yard = Yard()
    yard.judge(limited(), acme=20)
    yard.judge(limited(), acme=30)

    assert yard.gate().counted == Decimal(30)
    assert yard.gate().version == 2
    assert len(yard.gates.trail) == 1


def test_a_record_of_a_gate_that_was_never_held_is_left_alone() -> None:
    yard = Yard()

    yard.judge(limited(), acme=20)

    assert yard.records.writes == []


def test_a_released_gate_clears_the_record() -> None:
    yard = Yard()
    yard.judge(limited(), acme=512)
    raised = limited(budget=Budget(Decimal(2000), ALERTS))
    yard.judge(raised, acme=512)
    assert yard.gate().reason == "AwaitingSpend"

    yard.clock.advance(hours=8)
    yard.judge(raised, acme=512)

    assert yard.records.said["acme"] == OPEN
    assert [one.after for one in yard.gates.trail] == ["held", "held", "open"]


@pytest.mark.parametrize("by_hand", [OPEN, Pause(True, "other words", "2026-11-22T06:00:00Z")])
def test_a_record_that_somebody_changed_is_put_right(by_hand: Pause) -> None:
    yard = Yard()
    yard.judge(limited(), acme=512)
    yard.records.said["acme"] = by_hand

    (verdict,) = yard.judge(limited(), acme=512)

    assert (verdict.saved, verdict.record) == (False, "written")
    assert yard.records.said["acme"].reason == yard.gate().message


def test_a_customer_without_a_record_is_told_and_has_a_gate_all_the_same() -> None:
    yard = Yard(records=MemoryRecords())

    (verdict,) = yard.judge(limited(), acme=512)

    assert (verdict.record, yard.gate().state) == ("missing", "held")


def test_a_suspended_customer_has_a_gate_and_its_record_is_not_touched() -> None:
    yard = Yard()

    (verdict,) = yard.judge(limited(suspend=True), acme=512)

    assert (verdict.record, yard.gate().state) == ("suspended", "held")
    assert yard.records.said["acme"] == OPEN


def test_an_override_is_in_the_trail_with_who_ran_it_and_why() -> None:
    yard = Yard()
    yard.judge(limited(), acme=512)
    yard.who = "CI run 7"
    wish = Wish("Open", "clinical samples", START + HOUR)
    yard.judge(limited(wish=wish), acme=512)
    yard.clock.advance(hours=1)
    yard.judge(limited(wish=wish), acme=512)

    told = [(one.who, one.after, one.override, one.override_reason) for one in yard.gates.trail[1:]]
    assert told == [("CI run 7", "open", "Open", "clinical samples"), ("CI run 7", "held", "Auto", "")]


def test_a_customer_without_numbers_is_decided_too() -> None:
    yard = Yard()

    (verdict,) = yard.judge(limited())

    assert verdict.gate is not None
    assert (verdict.gate.state, verdict.gate.reason) == ("open", "StaleNumbers")


def test_an_alert_holds_and_stays_until_numbers_answer_it() -> None:
    yard = Yard()
    yard.judge(limited(), acme=200)
    yard.judge(limited(), acme=200, notices={"acme": Notice(Decimal(100), "ACTUAL", START)})
    assert yard.gate().reason == "AlertReceived"

    yard.clock.advance(minutes=30)
    yard.judge(limited(), acme=200)
    assert yard.gate().reason == "AlertReceived", "the numbers are older than the alert"

    yard.clock.advance(hours=2)
    yard.judge(limited(), acme=200)
    assert (yard.gate().state, yard.gate().notice) == ("open", None)


# What fails


def test_what_fails_for_one_customer_stops_no_other() -> None:
    yard = Yard()
    yard.gates.failing["acme"] = TransientFailure("throttled")

    acme, beta = yard.judge(limited(), limited("beta"), acme=512, beta=512)

    assert (acme.gate, str(acme.failure)) == (None, "throttled")
    assert yard.records.said["acme"] == OPEN, "the record never says more than the gate"
    assert beta.saved


def test_a_gate_that_cannot_be_read_is_not_decided_over() -> None:
    yard = Yard(gates=MemoryGates({"acme": PermanentFailure("not ours")}))

    (verdict,) = yard.judge(limited(), acme=20)

    assert (verdict.gate, str(verdict.failure)) == (None, "not ours")
    assert yard.gates.saves == []


def test_a_gate_that_is_not_read_for_now_stops_no_other() -> None:
    yard = Yard()
    yard.gates.unread["acme"] = TransientFailure("throttled")

    acme, beta = yard.judge(limited(), limited("beta"), acme=512, beta=512)

    assert (acme.gate, str(acme.failure)) == (None, "throttled")
    assert beta.saved


@pytest.mark.parametrize("step", ["read acme", "write acme"])
def test_a_record_that_fails_is_put_right_by_the_next_run(step: str) -> None:
    yard = Yard()
    yard.records.failing[step] = TransientFailure("throttled")

    (failed,) = yard.judge(limited(), acme=512)
    yard.records.failing.clear()
    (verdict,) = yard.judge(limited(), acme=512)

    assert failed.gate is not None
    assert str(failed.failure) == "throttled"
    assert (verdict.saved, verdict.record) == (False, "written")


def test_many_gates_are_decided_in_order() -> None:
    yard = Yard()
    customers = [limited(f"c{number:02}") for number in range(30)]

    verdicts = yard.judge(*customers, **{one.customer_id: 512 for one in customers})

    assert [one.customer_id for one in verdicts] == [one.customer_id for one in customers]
    assert all(one.gate and one.gate.state == "held" for one in verdicts)


def test_customers_of_another_controller_are_left_to_it() -> None:
    statuses: dict[str, Status | Failure] = {
        "acme": Status("acme", "acme", "default", "green"),
        "beta": Status("beta", "beta", "default", "default"),
        "broken": PermanentFailure("not ours"),
    }
    customers = [limited(name) for name in ("acme", "beta", "broken", "new")]

    assert [one.customer_id for one in own(customers, statuses, "default")] == ["beta", "new"]


# Facts


def known(**changes: Any) -> CustomerMonth:
    return replace(month("acme", 100), **changes)


def line(amount: int) -> Line:
    return Line("EC2 Compute", "compute", Decimal(amount), Decimal(amount), "ledger", "actual")


def test_the_manifest_gives_limit_rungs_and_wish() -> None:
    facts = facts_from(limited(wish=Wish("Hold", "unpaid")), None, START)

    assert (facts.limit, facts.wish.gate) == (Decimal(500), "Hold")
    assert facts.rungs == (Rung(Decimal(50), "ACTUAL", holds=False), Rung(Decimal(100), "ACTUAL", holds=True))
    assert (facts.spent, facts.spent_as_of, facts.accrued) == (None, None, Decimal(0))


def test_without_a_budget_there_is_no_limit() -> None:
    facts = facts_from(limited(budget=None), None, START)

    assert (facts.limit, facts.rungs) == (None, ())


@pytest.mark.parametrize(
    ("changes", "spent", "as_of", "why"),
    [
        ({}, 100, START - HOUR, "what the budget says"),
        ({"lines": (line(120),), "costs_as_of": START - 3 * HOUR}, 120, START - 3 * HOUR, "Cost Explorer says more"),
        ({"lines": (line(80),), "costs_as_of": START}, 100, START - HOUR, "the budget says more"),
        ({"spend": None, "lines": (line(80),), "costs_as_of": START}, 80, START, "there is no budget of ours yet"),
        ({"lines": (line(120),), "worksets_as_of": START}, 100, START - HOUR, "the ledger alone is accrual"),
        ({"month": "2026-10"}, None, None, "another month"),
        ({"spend": Spend(None, Decimal(100), None, datetime(2026, 10, 31, tzinfo=UTC))}, None, None, "an old reading"),
        ({"spend": Spend(None, None, None, START)}, None, None, "AWS counts anew"),
        ({"spend": None}, None, None, "nothing was read"),
        ({"spend": Spend(None, Decimal(900), None, START, "CNY")}, None, None, "the limit is in dollars"),
        ({"lines": (line(900),), "costs_as_of": START, "currency": "CNY"}, 100, START - HOUR, "so is the budget"),
    ],
)
def test_the_spend_is_the_greater_number_of_this_month(
    changes: dict[str, Any], spent: int | None, as_of: datetime | None, why: str
) -> None:
    facts = facts_from(limited(), known(**changes), START)

    assert (facts.spent, facts.spent_as_of) == (None if spent is None else Decimal(spent), as_of), why


@pytest.mark.parametrize(
    ("worksets", "changes", "accrued", "why"),
    [
        ([workset("a", 7)], {}, 7, "it runs"),
        ([workset("a", 7, started_at=None)], {}, 7, "it runs, and the ledger does not say since when"),
        ([workset("a", 7, started_at=None, state="ready")], {}, 0, "it waits"),
        ([workset("a", None)], {}, 0, "nobody knows what it costs"),
        ([ended("a", 7, hours_ago=0.5)], {}, 7, "it ended since AWS counted"),
        ([ended("a", 7, hours_ago=1)], {}, 0, "AWS counted it"),
        ([ended("a", 7, hours_ago=200)], {"spend": None}, 7, "AWS counted nothing: all of the month"),
        ([ended("a", 7, hours_ago=2)], {"lines": (line(120),), "costs_as_of": START - 3 * HOUR}, 7, "since then"),
        (
            [ended("a", 7, hours_ago=2), workset("b", 5)],
            {
                "lines": (line(120),),
                "costs_as_of": START - 3 * HOUR,
                "compute_source": "ledger",
                "worksets_as_of": START,
            },
            5,
            "the month's cost has it already, from the ledger",
        ),
        (
            [workset("b", 5)],
            {"spend": Spend(None, None, None, START), "lines": (line(120),), "costs_as_of": START},
            120,
            "while AWS counts the budget anew, Cost Explorer's cost is the least that was spent",
        ),
    ],
)
def test_what_is_accrued_is_what_runs_and_what_ended_since(
    worksets: list[Workset], changes: dict[str, Any], accrued: int, why: str
) -> None:
    facts = facts_from(limited(), known(worksets=tuple(worksets), **changes), START)

    assert facts.accrued == Decimal(accrued), why


def test_the_forecast_is_the_collected_one_or_else_the_budgets() -> None:
    spend = Spend(None, Decimal(100), Decimal(600), START)
    own_one = Forecast(Decimal(700), "cost_explorer", START)

    assert facts_from(limited(), known(spend=spend), START).forecast == Decimal(600)
    assert facts_from(limited(), known(spend=spend, forecast=own_one), START).forecast == Decimal(700)
    assert facts_from(limited(), known(), START).forecast is None
    assert facts_from(limited(), known(spend=replace(spend, currency="CNY")), START).forecast is None
    assert facts_from(limited(), known(currency="CNY", forecast=own_one), START).forecast is None
