"""The status of a customer resource: what kubectl shows, the same for the same, and never over a limit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from controller.domain.custom_resource import from_body
from controller.domain.customer import Alert, Budget
from controller.domain.resource_status import ResourceStatus
from controller.errors import PermanentFailure, TransientFailure
from controller.passes import Verdict
from controller.render.resource_events import events
from controller.render.resource_status import Figures, Shown, document, left_alone, refigured
from controller.render.status_figures import Spending
from tests.fakes import Thing, Town, customer
from tests.resources import body

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
LADDER = Budget(Decimal(500), tuple(Alert(Decimal(percent)) for percent in (50, 80, 100)))


def verdict(town: Town, **changes: Any) -> Verdict:
    (_, result) = town.apply(customer(**changes))
    return Verdict(result.plan, result.outcomes, result.status)


def shown(
    status: Any = None,
    *,
    spent: str | None = None,
    forecast: str | None = None,
    later: timedelta = timedelta(),
    **how: Any,
) -> Shown:
    figures = Figures()
    if spent is not None:
        expected = None if forecast is None else Decimal(forecast)
        spending = Spending(Decimal(500), Decimal(spent), expected, "USD", NOW)
        figures = Figures({"period": "2026-11", "spent": spent}, None, spending)
    return Shown(from_body(body(status=status, **how)), customer(budget=LADDER), figures, NOW + later, "30 minutes")


def condition(status: dict[str, Any], kind: str) -> dict[str, Any] | None:
    return next((one for one in status["conditions"] if one["type"] == kind), None)


def valid(status: dict[str, Any]) -> dict[str, Any]:
    """The status, once the model has nothing against it and drops nothing of it."""
    assert ResourceStatus.model_validate(status).model_dump(mode="json", by_alias=True, exclude_none=True) == status
    return status


def test_a_customer_as_wanted_is_ready_and_names_what_is_managed() -> None:
    status = valid(document(shown(generation=3, requested_at="yesterday"), verdict(Town())))
    assert status["message"] == "In sync"
    assert (status["observedGeneration"], status["lastHandledReconcileAt"]) == (3, "yesterday")
    assert [(one["kind"], one["state"]) for one in status["resources"]] == [("second", "InSync"), ("thing", "InSync")]
    assert "plan" not in status


def test_the_same_at_another_time_is_the_same() -> None:
    town = Town()
    first = document(shown(), verdict(town))
    town.clock.advance(hours=5)
    again = verdict(town)
    assert document(shown(first, later=timedelta(hours=5)), again) == first


def test_a_condition_keeps_its_time_until_it_flips() -> None:
    first = document(shown(), verdict(Town()))
    broken = Verdict(failure=PermanentFailure("no", code="AccessDenied"), status=verdict(Town()).status)
    later = document(shown(first, later=timedelta(hours=1)), broken)
    ready = condition(later, "Ready")
    assert ready
    assert (ready["status"], ready["reason"]) == ("False", "AccessDenied")
    assert ready["lastTransitionTime"] == "2026-11-22T07:00:00Z"


@pytest.mark.parametrize(
    ("failure", "extra"),
    [
        (TransientFailure("slow", code="Throttling"), "Reconciling"),
        (PermanentFailure("no", code="AccessDenied"), "Stalled"),
    ],
)
def test_a_failure_says_whether_time_heals_it(failure: Any, extra: str) -> None:
    status = valid(document(shown(), Verdict(failure=failure)))
    assert condition(status, extra)
    assert not condition(status, "Stalled" if extra == "Reconciling" else "Reconciling")
    assert failure.message in status["message"]


def test_what_is_left_to_do_is_a_plan() -> None:
    town = Town()
    plan = town.plan(customer()).plans[1]
    status = valid(document(shown(), Verdict(plan, status=None)))
    assert (status["plan"]["creates"], status["plan"]["updates"]) == (2, 0)
    assert "acme-bucket" in status["plan"]["text"]


@pytest.mark.parametrize(
    ("spent", "forecast", "status", "reason"),
    [
        ("100.00", None, "True", "BelowAlerts"),
        ("250.00", None, "True", "BelowAlerts"),
        ("250.01", None, "True", "OverAlert50"),
        ("450.00", "480.00", "True", "OverAlert80"),
        ("450.00", "500.01", "False", "ForecastExceeded"),
        ("500.00", "500.00", "True", "OverAlert80"),
        ("500.01", None, "False", "BudgetExceeded"),
    ],
)
def test_the_health_of_a_budget(spent: str, forecast: str | None, status: str, reason: str) -> None:
    found = condition(document(shown(spent=spent, forecast=forecast), verdict(Town())), "BudgetHealthy")
    assert found
    assert (found["status"], found["reason"]) == (status, reason)


def test_unknown_spend_is_unknown_and_not_zero() -> None:
    status = document(shown(), verdict(Town()))
    health = condition(status, "BudgetHealthy")
    assert health
    assert health["status"] == "Unknown"
    assert "usage" not in status


def test_the_limit_is_the_one_that_is_asked_for_now() -> None:
    raised = replace(shown(spent="450.00"), customer=customer(budget=Budget(Decimal(900))))
    usage = document(raised, verdict(Town()))["usage"]
    assert (usage["limit"], usage["used"]) == ("900.00", "50.0%")


def test_new_figures_change_only_what_is_made_of_figures() -> None:
    first = document(shown(spent="100.00"), verdict(Town()))
    later = valid(refigured(shown(first, spent="300.00")))
    assert later["usage"]["spent"] == "300.00"
    assert {**later, "usage": 0, "conditions": 0} == {**first, "usage": 0, "conditions": 0}
    assert condition(later, "Ready") == condition(first, "Ready")


def test_new_figures_that_are_the_same_say_nothing_new() -> None:
    first = document(shown(spent="100.00"), verdict(Town()))
    assert refigured(shown(first, spent="100.00")) == first


def test_new_figures_claim_nothing_that_no_pass_acted_on() -> None:
    first = document(shown(spent="100.00"), verdict(Town()))
    later = refigured(shown(first, spent="300.00", generation=2, requested_at="now"))
    assert later["observedGeneration"] == 1
    assert "lastHandledReconcileAt" not in later
    assert {one["observedGeneration"] for one in later["conditions"]} == {1}


def test_a_resource_that_is_left_alone_keeps_what_was_known_of_it() -> None:
    first = document(shown(spent="100.00"), verdict(Town()))
    told = valid(left_alone(shown(first), "InvalidSpec", "spec.email is missing"))
    assert told["usage"] == first["usage"]
    assert told["resources"] == first["resources"]
    assert told["message"] == "InvalidSpec: spec.email is missing"
    assert condition(told, "Stalled")


@pytest.mark.parametrize(
    "garbage", ["text", 7, [], {"conditions": "x"}, {"conditions": [1, {"type": 3}, {"type": "Ready"}]}, {"usage": []}]
)
def test_a_status_that_somebody_edited_is_put_right(garbage: Any) -> None:
    assert document(shown(garbage), verdict(Town())) == document(shown(), verdict(Town()))


def test_no_text_is_over_its_limit() -> None:
    failure = PermanentFailure("x" * 5000, code="123-Odd.Code" * 20, advice="y" * 5000)
    valid(document(shown(requested_at="z" * 5000), Verdict(failure=failure)))
    valid(left_alone(shown(), "InvalidSpec", "x" * 5000))


def test_many_resources_are_cut_to_what_the_cluster_takes() -> None:
    town, buckets = Town(), [f"bucket-{number}" for number in range(400)]
    (_, result) = town.apply(customer("acme", *buckets))
    assert len(valid(document(shown(), Verdict(result.plan, result.outcomes, result.status)))["resources"]) == 512


def test_an_annotation_that_pauses_is_told_as_such() -> None:
    (_, result) = Town().apply(customer(suspend=True))
    status = document(shown(paused=True), Verdict(result.plan, result.outcomes, result.status))
    assert condition(status, "Paused")
    assert not condition(status, "Suspended")


def told(before: dict[str, Any], after: dict[str, Any], found: Verdict | None = None) -> list[tuple[str, str]]:
    return [(one.type, one.reason) for one in events(before, after, found)]


def test_a_first_apply_is_one_event() -> None:
    found = verdict(Town())
    assert told({}, document(shown(), found), found) == [("Normal", "Applied")]


def test_drift_that_is_put_back_is_an_event_of_its_own() -> None:
    town = Town()
    before = document(shown(), verdict(town))
    town.world.things["thing", "acme-bucket"] = Thing("9999", {"cost_center": "CC-1"})
    found = verdict(town)
    (event,) = events(before, document(shown(before), found), found)
    assert event.reason == "DriftCorrected"
    assert "size 9999 -> 500" in event.message


def test_nothing_new_is_no_event() -> None:
    town = Town()
    before = document(shown(spent="300.00"), verdict(town))
    assert told(before, document(shown(before, spent="320.00"), verdict(town))) == []


def test_each_alert_that_is_passed_is_one_event() -> None:
    steps = [
        document(shown(spent=spent), verdict(Town())) for spent in ("100.00", "260.00", "410.00", "510.00", "10.00")
    ]
    found = [told(before, after) for before, after in pairwise(steps)]
    threshold = [("Warning", "BudgetThreshold")]
    assert found == [threshold, threshold, [("Warning", "BudgetExceeded")], []]


def test_being_held_and_let_go_is_an_event_each() -> None:
    gate = {"state": "Held", "reason": "BudgetExceeded", "message": "over 100 %"}
    unknown = document(shown(spent="100.00"), verdict(Town()))
    held_figures = replace(shown(spent="100.00").figures, gate=gate)
    held = valid(document(replace(shown(unknown, spent="100.00"), figures=held_figures), verdict(Town())))
    assert told(unknown, held) == [("Warning", "WorksetsHeld")]
    for state in ("Open", "Warned"):
        assert told(held, {**unknown, "gate": {"state": state}}) == [("Normal", "WorksetsReleased")]
    assert told(held, unknown) == [], "that the gate is not known says nothing of the worksets"


def test_a_failure_and_its_end_are_an_event_each() -> None:
    good = document(shown(), verdict(Town()))
    bad = document(shown(good), Verdict(failure=PermanentFailure("no", code="AccessDenied")))
    assert told(good, bad) == [("Warning", "AccessDenied")]
    assert told(bad, good) == [("Normal", "Reconciled")]
