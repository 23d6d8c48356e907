"""An operator on kopf works on the cluster, whatever it watches and whichever of the two was there first."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import kopf
import pytest
from kopf.testing import KopfRunner

from tests.cluster.conftest import OpenCluster
from tests.cluster.crds import ANIMALS, animal
from tests.cluster.protocol import Cluster, Object
from tests.cluster.server import FakeCluster


@pytest.fixture
def farm_cluster(open_cluster: OpenCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    with open_cluster([ANIMALS]) as cluster:
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        yield cluster


@pytest.fixture(params=["everywhere", "in one namespace"])
def where(request: pytest.FixtureRequest, farm_cluster: Cluster) -> list[str]:
    if request.param == "in one namespace":
        return ["-n", farm_cluster.namespace]
    if os.environ.get("CLUSTER_KUBECONFIG"):
        pytest.skip("in a real cluster a test keeps to its own namespace")
    return ["-A"]


def handlers() -> kopf.OperatorRegistry:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(kopf.login_with_kubeconfig)

    @kopf.on.create("animals", registry=registry)
    @kopf.on.update("animals", registry=registry)
    async def settle(spec: kopf.Spec, patch: kopf.Patch, **_: Any) -> None:
        patch.status["says"] = f"{spec.get('legs', 4)} legs"

    @kopf.on.delete("animals", registry=registry)
    async def leave(body: kopf.Body, **_: Any) -> None:
        kopf.event(body, type="Normal", reason="Left", message="gone to another farm")

    return registry


def lose_the_history(cluster: FakeCluster) -> None:
    cluster.forget_history()
    cluster.cut_watches()


def go_down_and_up(cluster: FakeCluster) -> None:
    cluster.down()
    cluster.up()


FAULTS: dict[str, Callable[[FakeCluster], None]] = {
    "cut watches": FakeCluster.cut_watches,
    "a lost history": lose_the_history,
    "stalled watches": FakeCluster.stall_watches,
    "a server that was away": go_down_and_up,
    "throttling": lambda cluster: cluster.fail_next(2, verb="patch", status=429),
    "errors": lambda cluster: cluster.fail_next(2, verb="patch", status=500),
    "lost answers": lambda cluster: cluster.lose_next(2, verb="patch"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_operator_gets_over_every_fault(
    farm: FakeCluster, monkeypatch: pytest.MonkeyPatch, fault: Callable[[FakeCluster], None]
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(farm.kubeconfig))
    settings = kopf.OperatorSettings()
    settings.watching.inactivity_timeout = 0.3
    settings.networking.error_backoffs = [0.01, 0.01, 0.1, 1, 1]
    farm.create(animal("bella"))
    with KopfRunner(["run", "-A", "--standalone"], registry=handlers(), settings=settings, timeout=10):
        farm.wait("animals", "bella", says("4 legs"))
        fault(farm)
        farm.patch("animals", "bella", {"spec": {"legs": 3}})
        farm.wait("animals", "bella", says("3 legs"))


def says(what: str) -> Any:
    return lambda found: found is not None and found.get("status", {}).get("says") == what


def is_gone(found: Object | None) -> bool:
    return found is None


@pytest.mark.parametrize("first", ["object", "operator"])
def test_an_object_is_handled_from_its_creation_to_its_end(farm_cluster: Cluster, where: list[str], first: str) -> None:
    cluster = farm_cluster
    if first == "object":
        cluster.create(animal("bella"))
    with KopfRunner(["run", *where, "--standalone"], registry=handlers(), timeout=10):
        if first == "operator":
            cluster.create(animal("bella"))
        cluster.wait("animals", "bella", says("4 legs"))
        cluster.patch("animals", "bella", {"spec": {"legs": 3}})
        handled = cluster.wait("animals", "bella", says("3 legs"))
        cluster.delete("animals", "bella")
        cluster.wait("animals", "bella", is_gone)
        events = cluster.eventually(lambda: cluster.list("events", fields="reason=Left"))

    assert handled is not None
    assert handled["metadata"]["finalizers"] == ["kopf.zalando.org/KopfFinalizerMarker"]
    assert [event["message"] for event in events] == ["gone to another farm"]
    if isinstance(cluster, FakeCluster):
        assert set(cluster.answers) <= {200, 201}, "nothing that the operator asked for was refused"
