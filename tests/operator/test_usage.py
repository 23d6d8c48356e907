"""What customers used and what it cost: collected beside the passes, shown in the statuses, decided by the gate."""

from datetime import timedelta
from decimal import Decimal

import pytest

from controller.sandbox import Fault, LineItem
from controller.sandbox.seed_worksets import make_ledger
from tests.cluster import Object
from tests.cluster.server import FakeCluster
from tests.operator.conftest import StartInThread
from tests.operator.world import ACCOUNT, World, budget, condition, message

BUDGET = {
    "monthlyLimit": 500,
    "alerts": [
        {"atPercent": 50, "notify": ["email"]},
        {"atPercent": 80, "notify": ["email"]},
        {"atPercent": 100, "notify": ["email"], "pauseWorksets": True},
    ],
}
EC2, S3 = "Amazon Elastic Compute Cloud - Compute", "Amazon Simple Storage Service"
LOOKS = {"GetBucketTagging", "GetBucketLifecycleConfiguration", "ListCostAllocationTags", "GetTopicAttributes"}
"""What a pass looks at, and a collection does not."""


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """With a ledger of worksets, which is empty, and costs that are asked for by every collection."""
    monkeypatch.setenv("RECONCILE_USAGE__COST_TTL_HOURS", "0")
    make_ledger(world.sandbox, [])
    world.sandbox.clear_requests()
    return world


def costs(world: World, name: str, amount: str, service: str = EC2, forecast: str | None = None) -> None:
    """A service cost a customer so much more, and an hour later its budget knows it."""
    tags = {"daylily:customer_id": name}
    item = LineItem(world.sandbox.now().date(), ACCOUNT, service, "Usage", "Usage", Decimal(amount), tags=tags)
    world.sandbox.cost.add_line_items([item])
    world.sandbox.advance(timedelta(hours=1))
    known = world.sandbox.budgets.find(ACCOUNT, budget(name))
    assert known is not None
    world.sandbox.budgets.set_spend(ACCOUNT, budget(name), known.spend.actual + Decimal(amount), forecast)


def spent(world: World, name: str, amount: str) -> None:
    world.wait(name, lambda one: one["status"].get("usage", {}).get("spent") == amount)


def is_collected(customer: Object) -> bool:
    return bool(customer.get("status", {}).get("gate", {}).get("state") == "Open")


def test_what_was_collected_is_shown_without_looking_at_anything_else(world: World, start: StartInThread) -> None:
    for name in ("acme", "beta"):
        world.add(name, budget=BUDGET)
    operator = start(collect=0.3)
    world.wait_ready("acme", "beta")
    world.wait("acme", is_collected)
    world.sandbox.clear_requests()

    costs(world, "acme", "120.50")
    costs(world, "acme", "4.25", S3)
    costs(world, "beta", "7.00", S3)
    spent(world, "acme", "124.75")
    spent(world, "beta", "7.00")

    assert not LOOKS & {one.operation for one in world.sandbox.requests}
    usage = world.status("acme")["usage"]
    assert (usage["limit"], usage["used"], usage["currency"], usage["period"]) == ("500.00", "25.0%", "USD", "2026-11")
    assert [one["cost"] for one in usage["byService"]] == ["120.50", "4.25"]
    assert usage["estimated"] is True
    assert world.condition("acme", "UsageFresh") == ("True", "Collected")
    assert world.condition("acme", "BudgetHealthy") == ("True", "BelowAlerts")
    assert operator.metric("reconcile_leader") == 1


def test_figures_stay_through_a_restart(world: World, start: StartInThread, fake: FakeCluster) -> None:
    world.add("acme", budget=BUDGET)
    first = start(collect=0.3)
    world.wait_ready("acme")
    costs(world, "acme", "120.50")
    spent(world, "acme", "120.50")
    first.stop()
    before = world.status("acme")
    fake.requests.clear()

    second = start()
    second.wait_for_passes(0)
    world.wait_ready("acme")
    assert world.status("acme") == before
    assert fake.requests.count("patch", user="operator") == 0


def test_every_alert_that_is_crossed_is_one_event(world: World, start: StartInThread) -> None:
    """On the last day of the month: until the end of it no more is expected than the limit."""
    world.sandbox.advance(timedelta(days=8))
    world.add("acme", budget=BUDGET)
    start(collect=0.3, resync=0.3)
    world.wait_ready("acme")
    spent(world, "acme", "0.00")

    for amount, reason in (("300", "OverAlert50"), ("150", "OverAlert80")):
        costs(world, "acme", amount)
        world.wait_for("acme", "True", reason, "BudgetHealthy")
    costs(world, "acme", "1")
    world.wait("acme", lambda one: message(one, "BudgetHealthy").startswith("90.2%"))
    world.wait("acme", lambda one: one["status"]["gate"]["state"] == "Warned")

    assert world.events("acme") == ["Applied", "BudgetThreshold", "BudgetThreshold"]
    told = world.messages("acme", "BudgetThreshold")
    assert any("over the alert at 50%" in one for one in told)
    assert any("over the alert at 80%" in one for one in told)


def test_an_alert_that_is_crossed_while_the_forecast_is_over_the_limit_is_an_event_too(
    world: World, start: StartInThread
) -> None:
    world.add("acme", budget=BUDGET)
    start(collect=0.3)
    world.wait_ready("acme")
    costs(world, "acme", "200", forecast="800")
    world.wait_for("acme", "False", "ForecastExceeded", "BudgetHealthy")
    costs(world, "acme", "250", forecast="900")
    spent(world, "acme", "450.00")
    world.wait_for_event("acme", "BudgetThreshold")
    assert any("over the alert at 80%" in one for one in world.messages("acme", "BudgetThreshold"))


def test_a_customer_over_its_budget_is_held_and_released_again_each_told_once(
    world: World, start: StartInThread
) -> None:
    world.add("acme", budget=BUDGET)
    start(collect=0.3, resync=0.3)
    world.wait_ready("acme")

    costs(world, "acme", "600")
    world.wait_for("acme", "True", "BudgetExceeded", "WorksetsHeld")
    assert world.condition("acme", "BudgetHealthy") == ("False", "BudgetExceeded")
    assert world.condition("acme") == ("True", "Reconciled")
    gate = world.status("acme")["gate"]
    assert (gate["state"], gate["reason"]) == ("Held", "BudgetExceeded")
    world.wait_for_event("acme", "WorksetsHeld")
    assert world.events("acme") == ["Applied", "BudgetExceeded", "WorksetsHeld"]

    world.change("acme", budget={**BUDGET, "monthlyLimit": 2000})
    world.wait_ready("acme")
    assert world.condition("acme", "WorksetsHeld")[0] == "True", "raised, and no number since"
    costs(world, "acme", "1")
    world.wait("acme", lambda one: condition(one, "WorksetsHeld") == ("", ""))
    assert world.status("acme")["gate"]["state"] == "Open"
    world.wait_for_event("acme", "WorksetsReleased")
    assert world.events("acme").count("WorksetsReleased") == 1


def test_a_forecast_over_the_limit_is_told(world: World, start: StartInThread) -> None:
    world.add("acme", budget=BUDGET)
    start(collect=0.3)
    world.wait_ready("acme")
    costs(world, "acme", "200", forecast="800")
    told = world.wait_for("acme", "False", "ForecastExceeded", "BudgetHealthy")
    assert "800.00" in message(told, "BudgetHealthy")
    world.wait_for_event("acme", "ForecastExceeded")
    assert world.status("acme")["usage"]["forecast"] == "800.00"


def test_old_figures_are_told_to_be_old(world: World, start: StartInThread) -> None:
    world.add("acme", budget=BUDGET)
    first = start(collect=0.3)
    world.wait_ready("acme")
    costs(world, "acme", "120.50")
    spent(world, "acme", "120.50")
    first.stop()

    world.sandbox.advance(timedelta(hours=72))
    start()
    world.wait_for("acme", "False", "Stale", "UsageFresh")
    assert world.condition("acme") == ("True", "Reconciled")


def test_what_cannot_be_collected_is_logged_and_all_else_goes_on(world: World, start: StartInThread) -> None:
    world.add("acme", budget=BUDGET)
    operator = start(collect=0.3)
    world.wait_ready("acme")
    for service in ("ce", "cloudwatch", "budgets"):
        world.sandbox.faults.clear()
        world.sandbox.faults.add(Fault(service, "", "error", "AccessDeniedException", 400, times=None))
        world.eventually(lambda service=service: f"{service}:" in operator.log)  # type: ignore[misc]
    assert operator.alive
    assert operator.probe("/healthz")[0] == 200

    world.sandbox.faults.clear()
    costs(world, "acme", "120.50")
    spent(world, "acme", "120.50")


def test_a_dry_run_collects_nothing(world: World, start: StartInThread) -> None:
    world.add("acme", budget=BUDGET)
    operator = start(dry_run=True, collect=0.1, resync=0.2)
    operator.wait_for_passes(4)
    assert not world.calls("GetCostAndUsage")
    assert not any(one.writes and one.service == "dynamodb" for one in world.sandbox.requests)


def test_metrics_tell_what_customers_spent(world: World, start: StartInThread) -> None:
    world.add("acme", budget=BUDGET)
    operator = start(collect=0.3, resync=0.3)
    world.wait("acme", is_collected)  # until then the budget's figure is shown, which AWS knows at another time
    costs(world, "acme", "300")
    world.eventually(lambda: operator.metric("customer_cost", customer="acme", currency="USD") == 300)
    assert operator.metric("customer_budget_used_ratio", customer="acme") == pytest.approx(0.6)


def test_metrics_tell_nothing_of_single_customers_where_that_is_not_wanted(world: World, start: StartInThread) -> None:
    world.add("acme", budget=BUDGET)
    operator = start(customer_metrics=False, collect=0.3, resync=0.3)
    world.wait_ready("acme")
    costs(world, "acme", "300")
    spent(world, "acme", "300.00")
    operator.wait_for_passes(1)
    assert "acme" not in operator.probe("/metrics")[1]
