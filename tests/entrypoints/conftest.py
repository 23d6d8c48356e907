"""A working folder with manifests for the local AWS, as the tests of commands use it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from controller.entrypoints.cli import run
from controller.sandbox import Sandbox


def manifest(customer_id: str, bucket: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "billing.daylily.io/v1alpha1",
        "kind": "Customer",
        "metadata": {"name": customer_id},
        "spec": {
            "customerId": customer_id,
            "displayName": customer_id.title(),
            "email": f"admin@{customer_id}.example",
            "storage": {"buckets": [{"name": bucket, "region": "us-west-2"}]},
            **spec,
        },
    }


@pytest.fixture
def folder(tmp_path: Path, local_environment: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with customers/ for acme and beta, their buckets in the local AWS, and our tables."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("controller.bootstrap.utc_now", local_environment.now)
    monkeypatch.setenv("RECONCILE_SETTLE_SECONDS", "0")
    monkeypatch.setenv("RECONCILE_VERIFY__SUBSCRIBERS_HOURS", "0")
    for name in ("acme", "beta"):
        write(tmp_path, manifest(name, f"{name}-bucket"))
        s3 = local_environment.client("s3")
        s3.create_bucket(Bucket=f"{name}-bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    local_environment.cost.sees_tag_keys("123456789012", ["daylily:customer_id", "daylily:cost_center"])
    assert run(["init", "--aws"]) == 0
    return tmp_path


def write(folder: Path, *documents: dict[str, Any], name: str = "") -> Path:
    path = folder / "customers" / f"{name or documents[0]['metadata']['name']}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump_all(documents))
    return path


def writes(sandbox: Sandbox) -> list[str]:
    return [f"{one.service}:{one.operation}" for one in sandbox.requests if one.writes]
