"""Kubernetes for the tests: a fake API server, a real one behind the same calls, and what they promise."""

from tests.cluster.answers import ApiError
from tests.cluster.protocol import ANYWHERE, Cluster, Object

__all__ = ["ANYWHERE", "ApiError", "Cluster", "Object"]
