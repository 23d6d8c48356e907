"""The life of a customer resource: applied, changed, drifted, paused, asked for, and looked at again."""

import pytest

from tests.cluster.server import FakeCluster
from tests.operator.conftest import StartInThread
from tests.operator.world import (
    ACCOUNT,
    BUDGET,
    THEIR_TAGS,
    World,
    bucket,
    budget,
    condition,
)


def test_customers_applied_before_and_after_the_start_become_ready(world: World, start: StartInThread) -> None:
    world.add("acme")
    start()
    world.wait_ready("acme")
    world.add("beta")
    world.wait_ready("beta")

    for name in ("acme", "beta"):
        assert world.has_finalizer(name)
        assert world.tags(name).items() >= {**THEIR_TAGS, "daylily:customer_id": name}.items()
        assert world.rules(name) == ["daylily-CleanupIncomplete", "daylily-TransitionToIA", "theirs"]
        assert world.limit(name) == "500.0"
        assert world.record(name)["bucket_names"] == {"L": [{"S": bucket(name)}]}
    assert world.stored() == {"acme", "beta"}


def test_a_status_tells_usage_gate_resources_and_conditions(world: World, start: StartInThread) -> None:
    world.add("acme")
    start()
    world.wait_ready("acme")

    status = world.status("acme")
    assert status["usage"]["limit"] == "500.00"
    assert status["gate"] == {"state": "Unknown"}
    assert status["message"] == "In sync"
    assert {(one["kind"], one["name"], one["state"]) for one in status["resources"]} == {
        ("bucket_lifecycle", bucket("acme"), "InSync"),
        ("bucket_tags", bucket("acme"), "InSync"),
        ("budget", budget("acme"), "InSync"),
        ("customer_record", "acme", "InSync"),
    }
    told = {one["type"]: (one["status"], one["reason"]) for one in status["conditions"]}
    assert told == {
        "BudgetHealthy": ("Unknown", "NoFigures"),
        "Ready": ("True", "Reconciled"),
        "Synced": ("True", "Reconciled"),
        "TagsActive": ("True", "Active"),
    }
    assert "plan" not in status


def test_a_new_resource_costs_two_patches_and_an_event(world: World, start: StartInThread, fake: FakeCluster) -> None:
    names = [f"customer{number}" for number in range(5)]
    for name in names:
        world.add(name)
    operator = start()
    world.wait_ready(*names)
    operator.stop()

    assert fake.requests.count("patch", resource="customers", user="operator") == 2 * len(names)
    assert fake.requests.count("create", resource="events", user="operator") == len(names)
    assert [world.events(name) for name in names] == [["Applied"]] * len(names)


def test_a_changed_limit_is_applied_and_told(world: World, start: StartInThread) -> None:
    world.add("acme")
    start()
    world.wait_ready("acme")

    world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
    world.wait_ready("acme")

    assert world.limit("acme") == "1000.0"
    assert world.status("acme")["usage"]["limit"] == "1000.00"
    told = f"changed budget {budget('acme')}: limit 500.00 -> 1000.00"
    world.eventually(lambda: told in world.messages("acme", "Applied"))


def test_a_request_is_carried_out_at_once_and_echoed(world: World, start: StartInThread) -> None:
    world.add("acme")
    start()
    world.wait_ready("acme")
    world.sandbox.clear_requests()

    world.annotate("acme", requestedAt="2026-11-22T06:12:00Z")
    world.wait("acme", lambda one: one["status"].get("lastHandledReconcileAt") == "2026-11-22T06:12:00Z")

    assert world.calls("GetBucketTagging"), "AWS was looked at"
    assert world.writes == []
    assert world.condition("acme") == ("True", "Reconciled")


@pytest.mark.parametrize("how", ["annotation", "spec"])
def test_a_paused_customer_is_left_as_it_is_and_its_plan_is_shown(world: World, start: StartInThread, how: str) -> None:
    kind, reason = ("Paused", "ReconcilePaused") if how == "annotation" else ("Suspended", "SpecSuspend")
    world.add("acme")
    start()
    world.wait_ready("acme")

    if how == "annotation":
        world.annotate("acme", paused="true")
        world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
    else:
        world.change("acme", budget={**BUDGET, "monthlyLimit": 1000}, suspend=True)
    world.wait("acme", lambda one: condition(one, kind)[0] == "True" and "plan" in one["status"])

    assert world.limit("acme") == "500.0"
    assert world.condition("acme", kind) == ("True", reason)
    plan = world.status("acme")["plan"]
    assert (plan["creates"], plan["updates"], plan["deletes"]) == (0, 1, 0)
    assert "500.00 -> 1000.00" in plan["text"]

    if how == "annotation":
        world.annotate("acme", paused=None)
    else:
        world.change("acme", suspend=False)
    world.wait("acme", lambda one: condition(one)[0] == "True" and not condition(one, kind)[0])
    assert world.limit("acme") == "1000.0"
    assert "plan" not in world.status("acme")


def test_a_customer_that_is_paused_from_the_start_gets_nothing(world: World, start: StartInThread) -> None:
    world.add("acme", suspend=True)
    start()
    world.wait_for("acme", "True", kind="Suspended")

    assert world.status("acme")["plan"]["creates"] == 4
    assert world.has_nothing_of("acme")


def test_a_dry_run_changes_nothing_in_aws_and_tells_its_plans(world: World, start: StartInThread) -> None:
    world.add("acme")
    world.sandbox.clear_requests()
    start(dry_run=True, resync=0.2).wait_for_passes(2)
    world.wait("acme", lambda one: "plan" in one.get("status", {}))

    assert world.writes == []
    assert not world.has_finalizer("acme")
    status = world.status("acme")
    assert status["plan"]["creates"] == 4
    assert f"+ add      budget            {budget('acme')}" in status["plan"]["text"]
    assert world.condition("acme")[0] == "False"
    assert {one["state"] for one in status["resources"]} == {"Pending"}


def test_a_restart_over_handled_resources_writes_nothing(world: World, start: StartInThread, fake: FakeCluster) -> None:
    names = [f"customer{number}" for number in range(5)]
    for name in names:
        world.add(name)
    first = start()
    world.wait_ready(*names)
    first.stop()
    fake.requests.clear()
    world.sandbox.clear_requests()

    start().wait_for_passes(0)

    assert fake.requests.count("patch", user="operator") == 0
    assert fake.requests.count("create", resource="events", user="operator") == 0
    assert world.writes == []


def test_a_resync_with_nothing_changed_writes_nothing(world: World, start: StartInThread, fake: FakeCluster) -> None:
    for name in ("acme", "beta"):
        world.add(name)
    operator = start(resync=0.2)
    world.wait_ready("acme", "beta")
    operator.wait_for_passes(1)
    fake.requests.clear()
    world.sandbox.clear_requests()

    operator.wait_for_passes(5)

    assert fake.requests.count("patch", "create", resource="customers", user="operator") == 0
    assert fake.requests.count("create", resource="events", user="operator") == 0
    assert world.calls("GetBucketTagging"), "AWS was looked at"
    assert world.writes == []


@pytest.mark.parametrize("what_finds_it", ["resync", "request"])
def test_drift_is_put_back_and_told_once(world: World, start: StartInThread, what_finds_it: str) -> None:
    world.add("acme")
    start(resync=0.3 if what_finds_it == "resync" else 3600)
    world.wait_ready("acme")

    tags = [{"Key": key, "Value": value} for key, value in THEIR_TAGS.items()]
    world.sandbox.client("s3").put_bucket_tagging(Bucket=bucket("acme"), Tagging={"TagSet": tags})
    if what_finds_it == "request":
        world.annotate("acme", requestedAt="now")
    world.wait_for_event("acme", "DriftCorrected")
    world.ask("acme")

    assert world.tags("acme").items() >= {**THEIR_TAGS, "daylily:customer_id": "acme"}.items()
    assert world.events("acme") == ["Applied", "DriftCorrected"]
    assert world.messages("acme", "DriftCorrected") == [f"added bucket_tags {bucket('acme')}"]


def test_a_budget_that_somebody_raised_is_put_back(world: World, start: StartInThread) -> None:
    world.add("acme")
    start()
    world.wait_ready("acme")

    budgets = world.sandbox.client("budgets", region="us-east-1")
    found = budgets.describe_budget(AccountId=ACCOUNT, BudgetName=budget("acme"))["Budget"]
    kept = {part: found[part] for part in ("BudgetName", "BudgetType", "TimeUnit", "CostFilters") if part in found}
    budgets.update_budget(AccountId=ACCOUNT, NewBudget={**kept, "BudgetLimit": {"Amount": "9000", "Unit": "USD"}})
    world.ask("acme")

    assert world.limit("acme") == "500.0"
    world.wait_for_event("acme", "DriftCorrected")
    assert "limit 9000.00 -> 500.00" in world.messages("acme", "DriftCorrected")[0]
