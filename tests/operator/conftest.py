"""A cluster, an AWS, and operators that are stopped in the end."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from controller.entrypoints.cli import run
from controller.sandbox import Sandbox
from tests.cluster import Cluster, Object
from tests.cluster.access import Rule, rules_of
from tests.cluster.conftest import customers_crd
from tests.cluster.real import RealCluster
from tests.cluster.server import FakeCluster
from tests.deploy.conftest import DEPLOY
from tests.deploy.kustomize import render
from tests.operator.running import InThread, in_threads
from tests.operator.world import ACCOUNT, SkewedClock, World

ROLE: Sequence[Rule] = [{**rule, "namespace": "default"} for rule in rules_of(render(DEPLOY / "base"))]
"""All that an operator of one namespace may do: what deploy/ lets it do."""

StartInThread = Callable[..., InThread]


@pytest.fixture
def aws(local_environment: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The local AWS with our tables, on a clock that runs, in a folder without settings."""
    began = time.monotonic()

    def now() -> datetime:
        return local_environment.now() + timedelta(seconds=time.monotonic() - began)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("controller.bootstrap.utc_now", now)
    for name, value in (("SETTLE_SECONDS", "0"), ("VERIFY__SUBSCRIBERS_HOURS", "0")):
        monkeypatch.setenv(f"RECONCILE_{name}", value)
    local_environment.cost.sees_tag_keys(ACCOUNT, ["daylily:customer_id", "daylily:cost_center"], active=True)
    assert run(["init", "--aws"]) == 0
    local_environment.clear_requests()
    return local_environment


@pytest.fixture
def cluster_clock() -> SkewedClock:
    return SkewedClock()


@cache
def customers() -> Object:
    """The definition, read once for all tests."""
    return customers_crd()


@pytest.fixture
def role() -> Sequence[Rule] | None:
    """What the operator may do; None: everything."""
    return ROLE


@pytest.fixture
def cluster(
    role: Sequence[Rule] | None, cluster_clock: SkewedClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cluster]:
    """A cluster that knows customers. The operator may do what its Role allows, and nothing else."""
    real, crds = os.environ.get("CLUSTER_KUBECONFIG"), [customers()]
    opened: RealCluster | FakeCluster = (
        RealCluster(Path(real), crds=crds, rules=role)
        if real
        else FakeCluster(crds=crds, rules=role, clock=cluster_clock)
    )
    with opened as cluster:
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        yield cluster


@pytest.fixture
def fake(cluster: Cluster) -> FakeCluster:
    """The cluster, where it is the fake one: it has faults to switch on, and counts what it is asked."""
    if not isinstance(cluster, FakeCluster):
        pytest.skip("only a fake cluster has faults and a log")
    return cluster


@pytest.fixture
def world(cluster: Cluster, aws: Sandbox, cluster_clock: SkewedClock) -> World:
    return World(cluster, aws, cluster_clock)


@pytest.fixture
def start(cluster: Cluster, aws: Sandbox) -> Iterator[StartInThread]:
    """Starts an operator in a thread, for the namespace of the test."""
    with ExitStack() as stack:
        stack.enter_context(in_threads())

        def start_one(**options: object) -> InThread:
            running = InThread(**{"namespace": cluster.namespace, **options})
            stack.callback(lambda: print(running.log))  # shown where the test fails
            stack.callback(running.stop)
            return running

        yield start_one
