"""What the operator answers to probes and to Prometheus."""

import socket

import pytest

from controller.sandbox import Fault
from tests.cluster.conftest import customers_crd
from tests.cluster.server import FakeCluster
from tests.operator.conftest import StartInThread
from tests.operator.running import eventually
from tests.operator.world import BUDGET, World


def test_probes_are_answered_while_it_works(world: World, start: StartInThread) -> None:
    world.add("acme")
    operator = start()
    world.wait_ready("acme")
    assert operator.probe("/healthz") == (200, "ok\n")
    assert operator.probe("/readyz") == (200, "ok\n")
    assert operator.probe("/secrets")[0] == 404


def test_it_is_ready_once_customers_can_be_seen(world: World, start: StartInThread, fake: FakeCluster) -> None:
    fake.delete("customresourcedefinitions", "customers.billing.daylily.io")
    operator = start()
    eventually(lambda: operator.probe("/readyz") == (503, "the customers were not listed yet\n"))
    assert operator.probe("/healthz")[0] == 200
    eventually(lambda: operator.logged('"message": "the cluster does not know customers yet'))
    fake.create(customers_crd())
    eventually(lambda: operator.probe("/readyz")[0] == 200)


def test_it_is_well_while_passes_end_and_not_while_one_hangs(world: World, start: StartInThread) -> None:
    world.add("acme")
    operator = start(resync=0.2)
    world.wait_ready("acme")
    world.sandbox.faults.add(Fault("dynamodb", "Query", "error", "AccessDeniedException", 400, times=None))
    eventually(lambda: operator.metric("reconcile_passes_total", result="failed") >= 2)
    assert operator.probe("/healthz")[0] == 200, "a pass that fails ends, too"

    world.sandbox.faults.clear()
    world.sandbox.faults.add(Fault("dynamodb", "Query", "latency", delay=3))
    eventually(lambda: operator.probe("/healthz") == (503, "no pass ended within three intervals\n"))
    eventually(lambda: operator.probe("/healthz")[0] == 200)


def test_metrics_count_what_was_done(world: World, start: StartInThread) -> None:
    for name in ("acme", "beta"):
        world.add(name)
    operator = start()
    world.wait_ready("acme", "beta")
    world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
    world.wait_ready("acme")
    world.sandbox.client("s3").delete_bucket_tagging(Bucket="acme-bucket")
    world.ask("acme")
    eventually(lambda: operator.metric("reconcile_drift_total") == 1)
    passes = operator.passes

    def metric(name: str, **labels: str) -> float:
        return operator.metric(name, **labels)

    assert metric("reconcile_passes_total", result="ok") == passes
    assert metric("reconcile_passes_total", result="failed") == 0
    assert metric("reconcile_pass_seconds_count") == passes
    assert metric("reconcile_last_success_timestamp_seconds") > 1_700_000_000
    assert metric("reconcile_changes_total", kind="budget", action="create", result="done") == 2
    assert metric("reconcile_changes_total", kind="budget", action="update", result="done") == 1
    assert metric("reconcile_drift_total", kind="bucket_tags") == 1
    assert metric("reconcile_failing_customers") == 0
    assert metric("reconcile_cluster_writes_total", what="finalizer") == 2
    assert metric("reconcile_cluster_writes_total", what="status") == 4
    assert metric("reconcile_cluster_writes_total", what="event") == 4
    assert metric("reconcile_leader") == 1
    assert metric("reconcile_resources") == 2
    assert metric("reconcile_queue_depth") == 0
    assert metric("reconcile_queue_age_seconds") == 0
    assert metric("reconcile_settings_good") == 1
    assert metric("aws_requests_total", service="budgets", operation="CreateBudget") == 2
    assert metric("cluster_requests_total", verb="PATCH", code="200") == 6
    assert metric("cluster_requests_total", verb="POST", code="201") == 5, "the Lease, and four Events"


def test_metrics_count_what_failed(world: World, start: StartInThread) -> None:
    world.add("acme")
    world.sandbox.faults.add(Fault("budgets", "CreateBudget", "error", "AccessDeniedException", 400, times=None))
    operator = start()
    world.wait_for("acme", "False")
    failed = {"kind": "budget", "action": "create", "result": "failed"}
    eventually(lambda: operator.metric("reconcile_changes_total", **failed) == 1)
    eventually(lambda: operator.metric("reconcile_failing_customers") == 1)


def test_a_port_that_is_taken_ends_it(world: World, start: StartInThread) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        operator = start(listen=f"127.0.0.1:{taken.getsockname()[1]}")
        operator.wait()
    with pytest.raises(OSError, match="in use"):
        operator.stop()


def test_nothing_is_served_where_that_is_not_wanted(world: World, start: StartInThread) -> None:
    world.add("acme")
    operator = start(listen=":0")
    world.wait_ready("acme")
    assert operator.probe("/healthz") == (0, "")
