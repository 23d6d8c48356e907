"""The file that leads a client to a cluster."""

from pathlib import Path

import yaml


def write_kubeconfig(path: Path, *, url: str, token: str, namespace: str) -> None:
    cluster = {"name": "cluster", "cluster": {"server": url}}
    user = {"name": token, "user": {"token": token}}
    context = {"name": "context", "context": {"cluster": "cluster", "user": token, "namespace": namespace}}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [cluster],
        "users": [user],
        "contexts": [context],
        "current-context": "context",
    }
    path.write_text(yaml.safe_dump(document))
