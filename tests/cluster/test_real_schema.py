"""The definition of customers means the same to a real API server as to the fake one, which `validate` is held to."""

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.admission import Invalid
from tests.cluster.answers import ApiError
from tests.cluster.conftest import customers_crd
from tests.cluster.protocol import Object
from tests.cluster.real import RealCluster
from tests.cluster.structural import Schema
from tests.cluster.versions import RULES
from tests.spoiled_manifests import VALUES, variants


@pytest.fixture
def real() -> Iterator[RealCluster]:
    if not (kubeconfig := os.environ.get("CLUSTER_KUBECONFIG")):
        pytest.skip("on the fake cluster this is so by itself")
    with RealCluster(Path(kubeconfig), crds=[customers_crd()]) as cluster:
        yield cluster


def test_a_real_cluster_stores_and_refuses_the_same_customers_as_the_fake_one(real: RealCluster) -> None:
    (version,) = customers_crd()["spec"]["versions"]
    schema = Schema(version if real.version >= RULES else _without_rules(version))
    manifests = [one for path in VALUES for one in variants(path)]
    stored = [_stored(real, one) for one in manifests]
    different = [one for one, spec in zip(manifests, stored, strict=True) if spec != _admitted(schema, one)]
    assert not different
    assert None in stored
    assert len([spec for spec in stored if spec]) > 100


def _stored(cluster: RealCluster, manifest: Object) -> Any:
    """What stands in the cluster as its spec; None where it is refused."""
    try:
        spec = cluster.create(manifest)["spec"]
    except ApiError as refused:
        if refused.code != 422:
            raise
        return None
    cluster.delete("customers", manifest["metadata"]["name"])
    return spec


def _admitted(schema: Schema, manifest: Object) -> Any:
    try:
        return schema.admit(copy.deepcopy(manifest))["spec"]
    except Invalid:
        return None


def _without_rules(part: Any) -> Any:
    """As a server makes of it that is too old for rules."""
    if isinstance(part, dict):
        return {name: _without_rules(value) for name, value in part.items() if name != "x-kubernetes-validations"}
    return [_without_rules(one) for one in part] if isinstance(part, list) else part
