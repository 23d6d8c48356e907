"""The file that leads a client to a cluster."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml


def write_kubeconfig(path: Path, *, cluster: Mapping[str, Any], token: str, namespace: str) -> None:
    """`cluster` as a kubeconfig describes one: its `server` and, for TLS, its authority."""
    context = {"cluster": "cluster", "user": "user", "namespace": namespace}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "cluster", "cluster": dict(cluster)}],
        "users": [{"name": "user", "user": {"token": token}}],
        "contexts": [{"name": "context", "context": context}],
        "current-context": "context",
    }
    path.write_text(yaml.safe_dump(document))
