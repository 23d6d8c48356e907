"""An operator on kopf works on the fake cluster, whatever it watches and whichever of the two was there first."""

from collections.abc import Iterator
from typing import Any

import kopf
import pytest
from kopf.testing import KopfRunner

from tests.cluster.crds import ANIMALS, animal
from tests.cluster.protocol import Object
from tests.cluster.server import FakeCluster


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    with FakeCluster(crds=[ANIMALS]) as cluster:
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        yield cluster


def farm() -> kopf.OperatorRegistry:
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


def says(what: str) -> Any:
    return lambda found: found is not None and found.get("status", {}).get("says") == what


def is_gone(found: Object | None) -> bool:
    return found is None


@pytest.mark.parametrize("where", [["-A"], ["-n", "default"]], ids=["everywhere", "in one namespace"])
@pytest.mark.parametrize("first", ["object", "operator"])
def test_an_object_is_handled_from_its_creation_to_its_end(cluster: FakeCluster, where: list[str], first: str) -> None:
    if first == "object":
        cluster.create(animal("bella"))
    with KopfRunner(["run", *where, "--standalone"], registry=farm(), timeout=10):
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
    assert set(cluster.answers) <= {200, 201}
