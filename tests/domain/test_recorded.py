"""What was known of a month stays known, whatever the ledger forgets, AWS zeroes, or fails to answer."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.month import Month
from controller.domain.recorded import (
    is_news,
    not_counted_before,
    record,
    recorded_worksets,
    worksets_in,
)
from controller.domain.usage import BucketStorage, CostRow, CustomerMonth, Forecast, Line, Spend, Workset

MONTH = Month(2024, 1)
EARLY, LATE = datetime(2024, 1, 10, tzinfo=UTC), datetime(2024, 1, 20, tzinfo=UTC)
AFTER = datetime(2024, 2, 3, tzinfo=UTC)


def ran(id_: str = "w1", **more: Any) -> Workset:
    given: dict[str, Any] = {"state": "complete", "outcome": "completed", "month": "2024-01", "ended_at": EARLY}
    return Workset(id_, **given | {"cost": Decimal(5), "certainty": "actual"} | more)


def pending(id_: str = "w1") -> Workset:
    return Workset(id_, "in_progress", "pending")


def line(amount: str, service: str = "S3 Storage") -> Line:
    return Line(service, "storage", Decimal(amount), Decimal(amount), "cost_explorer", "actual")


def month(**more: Any) -> CustomerMonth:
    given: dict[str, Any] = {
        "customer_id": "acme",
        "month": "2024-01",
        "name": "acme",
        "cost_center": "CC-1",
        "lines": (line("7"),),
        "tagged": (CostRow("2024-01", "daylily:customer_id", "acme", "S3 Storage", "storage", Decimal(7)),),
        "compute_source": "ledger",
        "costs_as_of": EARLY,
        "storage": (BucketStorage("b", {"StandardStorage": 7}, 1, EARLY),),
        "worksets": (ran(),),
        "worksets_as_of": EARLY,
        "spend": Spend(Decimal(500), Decimal(7), Decimal(20), EARLY),
        "forecast": Forecast(Decimal(20), "budgets", EARLY),
    }
    return CustomerMonth(**given | more)


# Worksets


@pytest.mark.parametrize("closed", [False, True])
def test_trap_3_a_workset_that_was_archived_or_deleted_stays_in_its_bill(closed: bool) -> None:
    assert recorded_worksets((ran(),), (), closed=closed) == (ran(kept=True),)


def test_trap_2_a_later_touch_changes_nothing_in_a_month_that_is_over() -> None:
    touched = ran(state="archived", cost=Decimal(50), ended_at=LATE, name="renamed", per_sample={"s": Decimal(50)})

    assert recorded_worksets((ran(),), (touched,), closed=True) == (ran(),)


def test_trap_2_a_workset_that_a_later_touch_moves_stays_in_the_month_that_it_was_recorded_in() -> None:
    moved = ran(month="2024-02", ended_at=AFTER)

    assert recorded_worksets((ran(),), worksets_in(MONTH, (moved,), running=False), closed=True) == (ran(kept=True),)
    assert not_counted_before(worksets_in(MONTH.next, (moved,), running=True), (ran(),)) == ()


def test_what_ran_anew_counts_in_both_months() -> None:
    again = ran(month="2024-02", started_at=LATE, ended_at=AFTER)

    assert not_counted_before((again,), (ran(),)) == (again,)


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (ran(outcome="failed", month="2024-02"), "it failed since"),
        (pending(), "it is running again, and is charged only once it ends"),
        (ran("w2", month="2024-02"), "it is another one"),
    ],
)
def test_what_is_something_else_than_what_was_recorded_counts(now: Workset, why: str) -> None:
    assert not_counted_before((now,), (ran(),)) == (now,), why


def test_in_a_month_that_runs_the_ledger_is_followed() -> None:
    corrected = ran(cost=Decimal(6))

    assert recorded_worksets((ran(), pending("w2")), (corrected,), closed=False) == (corrected,)
    assert recorded_worksets((ran(),), (pending(),), closed=False) == (pending(),)


def test_what_had_not_ended_is_not_kept_in_a_month_that_is_over() -> None:
    assert recorded_worksets((pending("w2"), ran()), (), closed=True) == (ran(kept=True),)


def test_what_was_not_measured_yet_is_filled_in_afterwards() -> None:
    unmeasured = ran(cost=None, certainty="unknown")
    measured = ran(cost=Decimal(9), vcpu_hours=Decimal(3), per_sample={"s1": Decimal(9)}, state="archived")

    (found,) = recorded_worksets((unmeasured,), (measured,), closed=True)

    assert found == replace(measured, state="complete")


def test_a_ledger_that_was_not_read_changes_nothing() -> None:
    assert recorded_worksets((ran(), pending("w2")), None, closed=True) == (ran(), pending("w2"))


@given(st.permutations([ran("a"), ran("b"), ran("c", ended_at=LATE), pending("d"), pending("e")]), st.integers(0, 5))
def test_the_order_is_by_end_and_then_by_id(found: list[Workset], known: int) -> None:
    worksets = recorded_worksets(tuple(found[:known]), tuple(found), closed=False)

    assert [one.workset_id for one in worksets] == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("closed", [False, True])
@given(seed=st.integers())
def test_recording_twice_is_recording_once(closed: bool, seed: int) -> None:
    pick = random.Random(seed)
    choices = [ran("a"), ran("b", cost=None, certainty="unknown"), pending("a"), pending("c"), ran("c", ended_at=LATE)]
    before = {one.workset_id: one for one in pick.sample(choices, 3)}
    now = {one.workset_id: one for one in pick.sample(choices, 3)}

    once = recorded_worksets(tuple(before.values()), tuple(now.values()), closed=closed)

    assert recorded_worksets(tuple(before.values()), once, closed=closed) == once


@pytest.mark.parametrize(
    ("ended", "month_of_it"),
    [
        (datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC), Month(2024, 1)),
        (datetime(2024, 2, 1, tzinfo=UTC), Month(2024, 2)),
    ],
)
def test_a_workset_at_the_edge_counts_in_one_month(ended: datetime, month_of_it: Month) -> None:
    one = ran(month=str(Month.of(ended)), ended_at=ended)

    assert [m for m in (Month(2024, 1), Month(2024, 2)) if worksets_in(m, (one,), running=m.number == 2)] == [
        month_of_it
    ]


def test_what_runs_counts_in_the_month_that_is_running_only() -> None:
    assert worksets_in(MONTH, (pending(),), running=False) == ()
    assert worksets_in(MONTH, (pending(),), running=True) == (pending(),)


# What could not be read


def test_the_first_reading_is_stored_as_it_is() -> None:
    assert record(None, month(), closed=True) == month()


def test_what_could_not_be_read_keeps_its_earlier_figures_and_their_age() -> None:
    unread = month(
        lines=(), tagged=(), compute_source=None, costs_as_of=None, storage=None, worksets=month().worksets,
        worksets_as_of=None, spend=None, forecast=None, problems=("AWS did not answer",),
    )  # fmt: skip

    assert record(month(), unread, closed=False) == month(problems=("AWS did not answer",))


@pytest.mark.parametrize("actual", [None, Decimal(0)])
def test_a_zeroed_spend_is_not_believed(actual: Decimal | None) -> None:
    fresh = month(spend=Spend(Decimal(800), actual, None, LATE))

    assert record(month(), fresh, closed=False).spend == Spend(Decimal(800), Decimal(7), Decimal(20), EARLY)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (Spend(Decimal(500), None, None, EARLY), Spend(Decimal(500), Decimal(0), None, LATE)),
        (Spend(Decimal(500), Decimal(7), None, EARLY), Spend(Decimal(500), Decimal(3), None, LATE)),
        (Spend(Decimal(500), Decimal(7), None, EARLY, "CNY"), Spend(Decimal(500), None, None, LATE)),
    ],
)
def test_any_other_spend_is_believed(before: Spend, now: Spend) -> None:
    assert record(month(spend=before), month(spend=now), closed=False).spend == now


def test_a_bucket_that_nothing_is_known_of_keeps_its_size_and_one_that_went_away_goes() -> None:
    before = month(storage=(BucketStorage("a", {"StandardStorage": 1}, 1, EARLY), BucketStorage("gone", {}, 0, EARLY)))
    fresh = month(storage=(BucketStorage("a"), BucketStorage("new")))

    assert record(before, fresh, closed=False).storage == (
        BucketStorage("a", {"StandardStorage": 1}, 1, EARLY),
        BucketStorage("new"),
    )


# A month that is over


def test_a_bill_that_aws_has_closed_is_never_changed_by_a_later_reading() -> None:
    final = month(costs_estimated=False)
    later = month(lines=(line("9"),), costs_as_of=AFTER, costs_estimated=False, tagged=())

    assert record(final, later, closed=True) == final


def test_a_closed_bill_that_aws_restates_when_asked_again_is_stored_anew_and_the_worksets_stay() -> None:
    final = month(costs_estimated=False, cost_center="CC-1", worksets=(ran(charged=True),))
    later = month(lines=(line("9"),), costs_as_of=AFTER, cost_center="CC-2", worksets=())

    found = record(final, later, closed=True, restated=True)

    assert (found.lines, found.costs_estimated) == (later.lines, True)
    assert (found.cost_center, [one.workset_id for one in found.worksets]) == ("CC-1", ["w1"])


def test_worksets_are_charged_that_are_in_the_lines_of_the_closed_bill() -> None:
    """Not those that the settings of today would charge."""
    final = month(costs_estimated=False, worksets=(ran(charged=True), ran("w2")))
    later = month(costs_as_of=AFTER, costs_estimated=False, worksets=(ran(), ran("w2", charged=True)))

    assert record(final, later, closed=True).worksets == final.worksets


def test_a_bill_that_aws_has_not_closed_is_read_again() -> None:
    later = month(lines=(line("9"),), costs_as_of=AFTER, costs_estimated=False)

    assert record(month(), later, closed=True) == later


def test_what_the_ledger_adds_to_a_closed_bill_counts() -> None:
    """The bill was closed, and the ledger could not be read then."""
    final = month(costs_estimated=False, worksets=(), worksets_as_of=None)
    later = month(costs_estimated=False, lines=(line("7"), line("5", "EC2 Compute")), worksets_as_of=AFTER)

    assert record(final, later, closed=True) == later


def test_a_month_that_is_over_stays_with_the_cost_center_of_then() -> None:
    moved = month(name="acme-inc", cost_center="CC-2", quota_gib=7)

    assert record(month(), moved, closed=True) == month()
    assert record(month(), moved, closed=False) == moved


# What is worth a write


def moved_by(span: timedelta, **more: Any) -> CustomerMonth:
    at = EARLY + span
    return month(
        costs_as_of=at,
        worksets_as_of=at,
        storage=(BucketStorage("b", {"StandardStorage": 7}, 1, at),),
        spend=Spend(Decimal(500), Decimal(7), Decimal(20), at),
        forecast=Forecast(Decimal(20), "budgets", at),
        **more,
    )


@pytest.mark.parametrize(
    ("previous", "fresh", "news", "why"),
    [
        (None, month(), True, "nothing is stored"),
        (month(), month(), False, "nothing has changed"),
        (month(), moved_by(timedelta(hours=11)), False, "only the ages moved"),
        (month(), moved_by(timedelta(hours=12)), True, "the stored ages are too old"),
        (month(), moved_by(timedelta(hours=1), problems=("no answer",)), True, "something else changed"),
        (month(), moved_by(timedelta(hours=1), lines=()), True, "the cost changed"),
        (month(costs_as_of=None), month(), True, "what was unknown is known"),
        (month(storage=None), month(), True, "there is a size now"),
    ],
)
def test_what_is_worth_a_write(previous: CustomerMonth | None, fresh: CustomerMonth, news: bool, why: str) -> None:
    assert is_news(previous, fresh) is news, why
