"""The cluster that a test runs on: the fake one, or the real one that CLUSTER_KUBECONFIG leads to."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import yaml

from tests.cluster import structural
from tests.cluster.access import ADMIN
from tests.cluster.client import Client
from tests.cluster.crds import ANIMALS
from tests.cluster.protocol import Cluster, Object
from tests.cluster.real import RealCluster
from tests.cluster.server import FakeCluster
from tests.fakes import Clock

CUSTOMERS = Path(__file__).parents[2] / "schemas" / "customer.crd.yaml"

OpenCluster = Callable[[Iterable[Object]], AbstractContextManager[Cluster]]


@pytest.fixture
def open_cluster() -> OpenCluster:
    """Opens a cluster with these CRDs: `make test-cluster` lets it be a real one."""
    real = os.environ.get("CLUSTER_KUBECONFIG")
    if real:
        return lambda crds: RealCluster(Path(real), crds=crds)
    return lambda crds: FakeCluster(crds=crds, schemas=structural.Schema)


@pytest.fixture
def cluster(open_cluster: OpenCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster that knows customers, and is the one that KUBECONFIG leads to."""
    with open_cluster([customers_crd()]) as cluster:
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        yield cluster


@pytest.fixture
def fake_cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCluster]:
    """As `cluster`, but always the fake one, for its faults and its log. On a real cluster such tests are skipped."""
    if os.environ.get("CLUSTER_KUBECONFIG"):
        pytest.skip("a real cluster has no faults to switch on")
    with FakeCluster(crds=[customers_crd()], schemas=structural.Schema) as cluster:
        monkeypatch.setenv("KUBECONFIG", str(cluster.kubeconfig))
        yield cluster


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def farm(clock: Clock) -> Iterator[FakeCluster]:
    """A fake cluster that knows animals, for the tests of the fake itself."""
    with FakeCluster(crds=[ANIMALS], clock=clock) as farm:
        yield farm


@pytest.fixture
def client(farm: FakeCluster) -> Client:
    """The administrator of the farm, over HTTP."""
    return Client(farm.url, ADMIN, timeout=10)


def customers_crd() -> Object:
    crd: Object = yaml.safe_load(CUSTOMERS.read_text())
    return crd
