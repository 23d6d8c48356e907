"""The custom resource definition on the fake API server: what is stored, what is refused, and what kubectl prints."""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from controller.manifests.crd import customer_crd
from tests.cluster.answers import ApiError
from tests.cluster.protocol import Object
from tests.cluster.server import FakeCluster
from tests.cluster.structural import Schema

BETA: Object = {
    "apiVersion": "billing.daylily.io/v1alpha1",
    "kind": "Customer",
    "metadata": {"name": "beta-bio"},
    "spec": {
        "customerId": "cust_beta01",
        "displayName": "Beta Bio",
        "email": "finance@beta-bio.example",
        "billing": {"costCenter": "CC-7"},
    },
}
STATUS: dict[str, Any] = {
    "message": "In sync",
    "usage": {
        "spent": "322.34",
        "limit": "500.00",
        "used": "64.5%",
        "forecast": "412.10",
        "storage": "812.4 GiB",
        "asOf": "2026-11-22T06:00:00Z",
    },
    "gate": {"state": "Open"},
    "conditions": [
        {
            "type": "Ready",
            "status": "True",
            "reason": "InSync",
            "message": "",
            "lastTransitionTime": "2026-11-22T06:00:00Z",
        }
    ],
}


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with FakeCluster(crds=[yaml.safe_load(customer_crd())], schemas=Schema) as cluster:
        yield cluster


def test_a_customer_is_stored_with_its_defaults(cluster: FakeCluster) -> None:
    spec = cluster.create(BETA)["spec"]
    assert (spec["billing"], spec["worksets"]) == ({"costCenter": "CC-7", "currency": "USD"}, {"gate": "Auto"})
    assert [one["metadata"]["name"] for one in cluster.list("customers", fields="spec.customerId=cust_beta01")]
    assert not cluster.list("customers", fields="spec.customerId=cust_other")


def test_a_wrong_customer_is_refused(cluster: FakeCluster) -> None:
    worksets = {"gate": "Hold"}
    with pytest.raises(ApiError, match=r"spec\.worksets\.gateReason.*must say why the gate is overridden"):
        cluster.create({**BETA, "spec": {**BETA["spec"], "worksets": worksets}})


def test_an_update_may_change_all_but_the_id(cluster: FakeCluster) -> None:
    cluster.create(BETA)
    cluster.patch("customers", "beta-bio", {"spec": {"displayName": "Beta"}})
    with pytest.raises(ApiError, match="another id is another customer"):
        cluster.patch("customers", "beta-bio", {"spec": {"customerId": "cust_other"}})


def test_the_columns_show_the_status(cluster: FakeCluster) -> None:
    cluster.create(BETA)
    cluster.put_status("customers", "beta-bio", STATUS)
    table = _table(cluster, "/apis/billing.daylily.io/v1alpha1/namespaces/default/customers")
    names = [column["name"] for column in table["columnDefinitions"]]
    (row,) = table["rows"]
    shown = dict(zip(names, row["cells"], strict=True))
    del shown["Age"]
    assert shown == {
        "Name": "beta-bio",
        "Ready": "True",
        "Spent": "322.34",
        "Limit": "500.00",
        "Used": "64.5%",
        "Gate": "Open",
        "Forecast": "412.10",
        "Cost Center": "CC-7",
        "Storage": "812.4 GiB",
        "As Of": "2026-11-22T06:00:00Z",
        "Status": "In sync",
    }


def _table(cluster: FakeCluster, path: str) -> Any:
    token = yaml.safe_load(cluster.admin_kubeconfig.read_text())["users"][0]["user"]["token"]
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
    asked = urllib.request.Request(cluster.url + path, headers={"Accept": accept, "Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked) as answer:
        return json.load(answer)
