"""Alerts on fakes: who is judged, by which numbers, and what order and repetition do not change."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from controller.domain.customer import Alert, Budget
from controller.domain.gate import Gate, Notice, Pause, Policy
from controller.domain.month import Month
from controller.domain.usage import CustomerMonth, Spend
from controller.errors import Failure, PermanentFailure, TransientFailure
from controller.gatekeeper import Gatekeeper, Verdict
from controller.listening import Heard, Listener
from tests.fakes import START, Clock, MemoryGates, MemoryRecords, customer

BUDGET = Budget(Decimal(500), (Alert(Decimal(50)), Alert(Decimal(100), pause_worksets=True)))
ACME = customer("acme", budget=BUDGET)
BETA = customer("beta", budget=BUDGET, account="research")


@dataclass
class Budgets:
    """The budgets of an account, and who was asked for."""

    spends: dict[str, Spend | Failure] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def read(self, customer_ids: Collection[str]) -> Mapping[str, Spend | Failure]:
        self.asked += customer_ids
        return {one: self.spends[one] for one in customer_ids if one in self.spends}


@dataclass
class Collected:
    months: dict[str, CustomerMonth | Failure] = field(default_factory=dict)

    def get(self, customer_ids: Collection[str], month: Month) -> Mapping[str, CustomerMonth | Failure]:
        return {one: self.months[one] for one in customer_ids if one in self.months}


@dataclass
class Room:
    """A listener on fakes, with everything that a test looks at."""

    budgets: Budgets = field(default_factory=Budgets)
    others: Budgets = field(default_factory=Budgets)
    collected: Collected = field(default_factory=Collected)
    gates: MemoryGates = field(default_factory=MemoryGates)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    clock: Clock = field(default_factory=Clock)

    def hear(self, *heard: Heard) -> tuple[Verdict, ...]:
        keeper = Gatekeeper(self.gates, self.records, Policy(), self.clock, "ann", concurrency=2)
        spends = {"default": self.budgets, "research": self.others}
        return Listener(keeper, spends, self.collected, self.clock).hear([ACME, BETA], heard)

    def gate(self, name: str = "acme") -> Gate:
        gate = self.gates.gates[name]
        assert isinstance(gate, Gate)
        return gate


def spend(actual: int | None, minutes_ago: float = 0) -> Spend:
    amount = None if actual is None else Decimal(actual)
    return Spend(Decimal(500), amount, None, START - timedelta(minutes=minutes_ago))


def alert(name: str = "acme", percent: int = 100, minutes_ago: float = 1) -> Heard:
    return name, Notice(Decimal(percent), "ACTUAL", START - timedelta(minutes=minutes_ago))


def test_an_alert_that_the_budget_confirms_holds_by_its_numbers() -> None:
    room = Room(Budgets({"acme": spend(512)}))

    (verdict,) = room.hear(alert())

    assert verdict.gate is not None
    assert (verdict.gate.reason, verdict.gate.counted) == ("BudgetExceeded", Decimal(512))


def test_only_who_is_named_is_looked_at_in_its_own_account() -> None:
    room = Room(Budgets({"acme": spend(512)}), Budgets({"beta": spend(512)}))

    room.hear(alert("beta"), alert("stranger"))

    assert (room.budgets.asked, room.others.asked) == ([], ["beta"])
    assert room.gates.gates.keys() == {"beta"}


def test_an_alert_about_a_stranger_alone_does_nothing() -> None:
    assert Room().hear(alert("stranger")) == ()


def test_a_forged_alert_changes_nothing_that_the_numbers_do_not_confirm() -> None:
    room = Room(Budgets({"acme": spend(200)}))

    (verdict,) = room.hear(alert())

    assert verdict.gate is not None
    assert (verdict.gate.state, verdict.gate.reason) == ("open", "WithinBudget")


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"acme": TransientFailure("throttled")}, "it cannot be read"),
        ({"acme": PermanentFailure("denied")}, "it cannot be read for good"),
        ({}, "there is none"),
        ({"acme": spend(None)}, "AWS counts anew"),
        ({"acme": spend(0)}, "it was zeroed"),
        ({"acme": spend(200, minutes_ago=5)}, "its number is older than the alert"),
    ],
)
def test_without_a_newer_number_the_alert_holds(found: dict[str, Any], why: str) -> None:
    room = Room(Budgets({"acme": spend(300, minutes_ago=60)}))
    room.hear(alert(percent=50, minutes_ago=59))
    room.collected.months["acme"] = CustomerMonth("acme", "2026-11", spend=spend(300, minutes_ago=60))
    room.budgets.spends = found

    room.hear(alert())

    assert (room.gate().state, room.gate().reason) == ("held", "AlertReceived"), why
    assert room.gate().counted == Decimal(200 if "older" in why else 300)


def test_what_was_collected_and_cannot_be_read_leaves_the_budget() -> None:
    room = Room(Budgets({"acme": spend(512)}), collected=Collected({"acme": PermanentFailure("not ours")}))

    room.hear(alert())

    assert room.gate().reason == "BudgetExceeded"


def test_the_order_and_the_repetition_of_alerts_mean_nothing() -> None:
    alerts = [
        alert(percent=50, minutes_ago=3),
        alert(percent=100, minutes_ago=2),
        alert(percent=80),
        alert(minutes_ago=2),
    ]
    reasons = set()
    for order in permutations(alerts):
        room = Room()
        room.hear(*order)
        reasons.add((room.gate().state, room.gate().reason, room.gate().notice))

    assert reasons == {("held", "AlertReceived", alert(minutes_ago=2)[1])}


def test_two_alerts_in_one_batch_are_told_from_before_both() -> None:
    """Not as a gate that stays as the first of them made it."""
    room = Room(Budgets({"acme": spend(512)}), records=MemoryRecords({"acme": Pause(False)}))

    (verdict,) = room.hear(alert(), alert(minutes_ago=2))

    assert (verdict.before, verdict.saved, verdict.record) == (None, True, "written")
    assert verdict.gate is not None
    assert verdict.gate.state == "held"


def test_what_fails_in_one_round_is_a_failure_of_the_customer() -> None:
    room = Room(gates=MemoryGates(failing={"acme": TransientFailure("throttled")}))

    acme, beta = room.hear(alert(), alert(), alert("beta"))

    assert str(acme.failure) == "throttled"
    assert beta.failure is None
