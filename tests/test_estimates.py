"""What a plan says of changed lifecycle rules, and what it asks for to say it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from controller.bootstrap import _fates
from controller.domain.customer import Customer
from controller.domain.month import Month
from controller.domain.plan import Action, Change, Plan
from controller.domain.resource import Key
from controller.domain.savings import RETENTION
from controller.domain.usage import BucketStorage, CustomerMonth
from controller.entrypoints.cli import cli
from controller.errors import Failure, PermanentFailure
from controller.estimates import BucketFates, Estimates
from controller.fleet import FleetPlan
from controller.kinds.bucket_lifecycle import BucketRules
from controller.kinds.lifecycle_rule import Rule
from controller.prices import prices
from tests.fakes import Clock

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
GIB = 2**30
SEED = Rule("results/", {"STANDARD_IA": 30, "GLACIER": 90})
STORED = BucketStorage("b", {"StandardStorage": 1000 * GIB}, 10_000, NOW)
RESTS = "by assumed ages: `reconcile savings` tells more"


@dataclass
class Stored:
    """What was collected: one month of one customer; `asked` is what was asked for."""

    answer: CustomerMonth | Failure | None
    fails: Failure | None = None
    asked: list[tuple[Collection[str], Month]] = field(default_factory=list)

    def get(self, customer_ids: Collection[str], month: Month) -> Mapping[str, CustomerMonth | Failure]:
        self.asked.append((customer_ids, month))
        if self.fails:
            raise self.fails
        return {} if self.answer is None else {"acme": self.answer}


def rules(*of: Rule, region: str = "us-west-2") -> BucketRules:
    return BucketRules({f"daylily-{at}": rule for at, rule in enumerate(of)}, region)


def change(before: BucketRules | None, after: BucketRules | None, kind: str = "bucket_lifecycle") -> Change:
    action: Action = "create" if before is None else "delete" if after is None else "update"
    return Change(Key(kind, "b"), action, desired=after, observed=before)


def plan(*changes: Change) -> FleetPlan:
    owner = Customer("acme", "acme", "Acme", "a@acme.example")
    return FleetPlan((Plan(owner, changes),), (), 0, "default", NOW, {})


def notes(stored: Stored, one: Change) -> list[str]:
    noted = Estimates(stored, {"bucket_lifecycle": _fates}, prices, Clock(NOW)).noted(plan(one))
    return [note.text for note in noted.plans[0].changes[0].notes]


def month(*storage: BucketStorage) -> CustomerMonth:
    return CustomerMonth("acme", "2026-11", storage=storage)


@pytest.mark.parametrize(
    ("before", "after", "says", "why"),
    [
        (None, rules(SEED), f"saves about 14.70 USD a month once all of it has moved (range 0.00 to 14.70, {RESTS}); "
         "moving costs up to 0.21 USD once", "new rules save from nothing to all that they can"),
        (rules(SEED), None, f"costs about 14.70 USD a month more in the long run (range 0.00 to 14.70, {RESTS})",
         "without them it costs that much, and nothing moves"),
        (rules(SEED), rules(Rule("", SEED.transitions)), f"saves about 14.70 USD a month once all of it has moved "
         f"(range 0.00 to 14.70, {RESTS}); moving costs up to 0.21 USD once", "a shorter prefix may cover more"),
        (None, rules(Rule("", {"STANDARD_IA": 30})), f"saves about 9.18 USD a month once all of it has moved "
         f"({RESTS}); moving costs up to 0.09 USD once", "a rule for everything leaves no range"),
    ],
)  # fmt: skip
def test_a_change_of_rules_is_told_by_what_it_saves(
    before: BucketRules | None, after: BucketRules | None, says: str, why: str
) -> None:
    assert notes(Stored(month(STORED)), change(before, after)) == [says], why


@pytest.mark.parametrize(
    ("stored", "one", "why"),
    [
        (Stored(None), change(None, rules(SEED)), "nothing was collected"),
        (Stored(PermanentFailure("foreign")), change(None, rules(SEED)), "what was collected cannot be read"),
        (Stored(None, PermanentFailure("no table")), change(None, rules(SEED)), "nor can the table"),
        (Stored(month()), change(None, rules(SEED)), "the bucket was not looked at"),
        (Stored(month(BucketStorage("b"))), change(None, rules(SEED)), "nor measured"),
        (Stored(month(STORED)), change(None, rules(SEED, region="mars-1")), "there are no prices for its region"),
        (Stored(month(STORED)), change(None, rules(Rule("", abort_days=7))), "the rule neither moves nor deletes"),
    ],
)
def test_where_nothing_is_known_nothing_is_said(stored: Stored, one: Change, why: str) -> None:
    assert notes(stored, one) == [], why


def test_objects_that_nobody_counted() -> None:
    found = notes(Stored(month(BucketStorage("b", {"StandardStorage": GIB}))), change(None, rules(SEED)))
    assert found[0].endswith("; what moving costs is unknown, objects were not counted")


def test_a_class_without_a_price_is_told_and_not_estimated() -> None:
    """As a person may write it into a rule of ours by hand."""
    edited = rules(Rule("", {"INTELLIGENT_TIERING": 0}))
    (told,) = notes(Stored(month(STORED)), change(edited, rules(SEED)))
    assert told == "what it saves or costs is not known: no price of INTELLIGENT_TIERING in us-west-2 is known"


def test_a_bug_in_an_estimate_stops_no_plan_and_no_other_estimate() -> None:
    def broken(state: BucketRules) -> BucketFates:
        if state.region == "us-west-2":
            return _fates(state)
        raise KeyError(state.region)

    both = plan(change(None, rules(SEED, region="mars-1")), change(None, rules(SEED)))
    noted = Estimates(Stored(month(STORED)), {"bucket_lifecycle": broken}, prices, Clock(NOW)).noted(both)
    bad, good = ([note.text for note in one.notes] for one in noted.plans[0].changes)
    assert "what it saves or costs is not known" in bad[0]
    assert "saves about 14.70 USD" in good[0]


def test_what_was_collected_is_read_once_and_only_where_rules_change() -> None:
    stored = Stored(month(STORED))
    estimates = Estimates(stored, {"bucket_lifecycle": _fates}, prices, Clock(NOW))
    other = plan(change(None, rules(SEED), "budget"), change(rules(SEED), rules(SEED)))

    assert estimates.noted(other) is other
    assert stored.asked == []
    estimates.noted(plan(change(None, rules(SEED)), change(rules(SEED), None)))
    assert stored.asked == [(["acme"], Month(2026, 11))]


def test_a_note_changes_nothing_of_what_a_plan_does() -> None:
    estimates = Estimates(Stored(month(STORED)), {"bucket_lifecycle": _fates}, prices, Clock(NOW))
    bare = plan(change(None, rules(SEED)))
    assert estimates.noted(bare).digest == bare.digest
    assert estimates.noted(bare) != bare


def test_the_command_assumes_the_same_retention() -> None:
    (option,) = [one for one in cli.commands["savings"].params if one.name == "retention_days"]
    assert option.default == RETENTION
