"""What Kubernetes came to have only with some version."""

import pytest

from tests.cluster.protocol import Cluster

RULES = (1, 25)
"""Rules in a CRD (x-kubernetes-validations)."""
SELECTABLE_FIELDS = (1, 31)
"""Fields to select by in a CRD."""


def needs(cluster: Cluster, since: tuple[int, int], what: str) -> None:
    """Skips the test where the cluster is older."""
    if cluster.version < since:
        pytest.skip(f"Kubernetes {_written(cluster.version)} has no {what}, {_written(since)} has")


def _written(version: tuple[int, int]) -> str:
    return ".".join(map(str, version))
