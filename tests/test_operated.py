"""The kubectl of the documentation prints what the real one prints."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.server import FakeCluster
from tests.deploy.conftest import ROOT
from tests.operated import Kubectl

pytestmark = pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl to compare with")

STATUS = {
    "observedGeneration": 1,
    "gate": {"state": "Held"},
    "usage": {"spent": "12.50", "limit": "500.00", "used": "2.5%", "asOf": "2026-11-22T06:00:00Z"},
    "message": "In sync",
}


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    """Where everything was acted on already."""
    definition = yaml.safe_load((ROOT / "schemas" / "customer.crd.yaml").read_text())
    with FakeCluster(crds=[definition]) as cluster:
        for name in ("acme", "a-customer-with-a-longer-name"):
            spec = {"customerId": name, "displayName": name, "email": "admin@acme.example"}
            customer = {"apiVersion": "billing.daylily.io/v1alpha1", "kind": "Customer", "metadata": {"name": name}}
            cluster.create({**customer, "spec": spec})
            cluster.put_status("customers", name, STATUS if name == "acme" else {**STATUS, "usage": {}})
        yield cluster


@pytest.mark.parametrize(
    "line",
    [
        "get customers -o wide",
        "get customers",
        "get customer acme",
        "annotate customer acme note=one",
        "annotate customer acme note=two --overwrite",
        "annotate customer acme note-",
        "events --for customer/acme",
    ],
)
def test_it_prints_the_same(cluster: FakeCluster, line: str, tmp_path: Path) -> None:
    event = {"metadata": {"name": "acme.1"}, "type": "Warning", "reason": "BudgetExceeded", "message": "102 % is spent"}
    about = {"kind": "Customer", "name": "acme", "apiVersion": "billing.daylily.io/v1alpha1"}
    cluster.create({"apiVersion": "v1", "kind": "Event", **event, "involvedObject": about})
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(cluster.admin_kubeconfig)}
    command = ["kubectl", *line.split()]
    real = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout

    assert without_ages(Kubectl(cluster)(line.split())) == without_ages(real)


def without_ages(text: str) -> list[list[str]]:
    """The words of each line, but for those that say how old something is."""
    return [
        [word for word in line.split() if word not in ("0s", "1s", "2s", "<unknown>")] for line in text.splitlines()
    ]
