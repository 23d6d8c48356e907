"""An AWS that does not do as it should, and others who work on it at the same time."""

import pytest

from controller.aws.clients import Aws
from controller.bootstrap import leases
from controller.domain.settings import Settings
from controller.sandbox import Fault
from tests.operator.conftest import StartInThread
from tests.operator.world import BUDGET, World, bucket, budget, condition, manifest, message

LEASE = "123456789012/default"


@pytest.mark.parametrize("service", ["budgets", "s3", "s3control", "dynamodb"])
def test_throttling_is_waited_out(world: World, start: StartInThread, service: str) -> None:
    names = [f"customer{number}" for number in range(5)]
    for name in names:
        world.add(name)
    world.sandbox.faults.add(Fault(service, "", "throttle", times=20))
    start()
    world.wait_ready(*names)
    assert [world.limit(name) for name in names] == ["500.0"] * len(names)


def test_who_is_denied_says_so_and_all_others_are_done(world: World, start: StartInThread) -> None:
    names = [f"customer{number:02}" for number in range(20)]
    denied, allowed = names[:3], names[3:]
    for name in names:
        world.add(name)
    for name in denied:
        fault = Fault("budgets", "CreateBudget", "error", "AccessDeniedException", 400, times=None, resource=name)
        world.sandbox.faults.add(fault)
    operator = start()

    world.wait_ready(*allowed)
    for name in denied:
        told = world.wait_for(name, "False")
        assert "AccessDeniedException" in message(told)
        assert condition(told, "Stalled")[0] == "True"
        states = {one["kind"]: one["state"] for one in world.status(name)["resources"]}
        assert states == {
            "budget": "Failed", "bucket_lifecycle": "InSync", "bucket_tags": "InSync", "customer_record": "InSync",
        }  # fmt: skip
    world.eventually(lambda: operator.metric("reconcile_failing_customers") == 3)

    world.sandbox.faults.clear()
    for name in denied:
        world.ask(name)
    world.wait_ready(*denied)
    world.eventually(lambda: operator.metric("reconcile_failing_customers") == 0)


def test_a_bucket_that_does_not_exist_is_told_and_taken_up_once_it_does(world: World, start: StartInThread) -> None:
    world.cluster.create(manifest("acme"))
    start()
    told = world.wait_for("acme", "False")
    assert "NoSuchBucket" in message(told)

    world.has_bucket("acme")
    world.ask("acme")
    world.wait_ready("acme")


def test_what_time_may_heal_heals_by_itself(world: World, start: StartInThread) -> None:
    world.add("acme")
    world.sandbox.faults.add(Fault("budgets", "CreateBudget", "error", "InternalErrorException", 500, times=40))
    start()
    told = world.wait_for("acme", "False")
    assert condition(told, "Reconciling")[0] == "True"
    world.wait_ready("acme")
    assert condition(world.get("acme"), "Reconciling") == ("", "")


def test_a_lost_answer_creates_nothing_twice(world: World, start: StartInThread) -> None:
    world.add("acme")
    world.sandbox.faults.add(Fault("budgets", "CreateBudget", "cut_after"), Fault("dynamodb", "PutItem", "cut_after"))
    start()
    world.wait_ready("acme")
    created = world.sandbox.budgets.alerts_created("123456789012", budget("acme"))
    assert set(created.values()) == {1}


@pytest.mark.parametrize("code", ["ExpiredTokenException", "UnrecognizedClientException"])
def test_credentials_that_are_refused_are_told_and_tried_again(world: World, start: StartInThread, code: str) -> None:
    world.add("acme")
    operator = start()
    world.wait_ready("acme")
    world.sandbox.faults.add(
        *(Fault(one, "", "error", code, 400, times=None) for one in ("dynamodb", "sts", "budgets"))
    )
    world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
    told = world.wait_for("acme", "False")
    assert code in message(told)
    assert operator.alive

    world.sandbox.faults.clear()
    world.wait_ready("acme")
    assert world.limit("acme") == "1000.0"


def test_while_another_apply_holds_the_lease_changes_wait_and_say_so(world: World, start: StartInThread) -> None:
    for name in ("acme", "beta"):
        world.add(name)
    start()
    world.wait_ready("acme", "beta")

    with leases(Aws(), Settings(), world.sandbox.now).hold({"default": LEASE}, 5):
        world.sandbox.clear_requests()
        world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
        told = world.wait_for("acme", "False", "AnotherRun")
        assert "another apply is under way" in message(told)
        assert condition(told, "Reconciling")[0] == "True"
        world.ask("beta")
        assert world.condition("beta") == ("True", "Reconciled")
        assert world.limit("acme") == "500.0"

    world.wait_ready("acme")
    assert world.limit("acme") == "1000.0"


def test_what_a_command_applied_meanwhile_is_no_drift(world: World, start: StartInThread) -> None:
    """Another writer with the same settings: a pass that planned before it plans anew."""
    world.add("acme")
    start()
    world.wait_ready("acme")
    client = world.sandbox.client("s3")
    found = client.get_bucket_tagging(Bucket=bucket("acme"))["TagSet"]
    client.put_bucket_tagging(Bucket=bucket("acme"), Tagging={"TagSet": [*found, {"Key": "theirs", "Value": "new"}]})
    world.sandbox.clear_requests()

    world.ask("acme")
    assert world.writes == []
    assert world.tags("acme")["theirs"] == "new"


def test_missing_tables_are_told(world: World, start: StartInThread, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILE_TABLES__BILLING", "another-table")
    world.add("acme")
    operator = start()
    told = world.wait_for("acme", "False")
    assert "reconcile init" in message(told)
    assert operator.alive
