"""Ctrl-C and SIGTERM in the middle of an apply: calls in flight end, the status is written, and the exit says so."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from controller.entrypoints.cli import run
from controller.sandbox import Sandbox
from tests.entrypoints.conftest import manifest, write

CUSTOMERS = 12


@pytest.fixture
def fleet_folder(tmp_path: Path, local_environment: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECONCILE_CONCURRENCY", "1")
    for number in range(CUSTOMERS):
        name = f"customer{number:02}"
        write(tmp_path, manifest(name, f"{name}-bucket"))
        local_environment.client("s3").create_bucket(
            Bucket=f"{name}-bucket", CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
        )
    local_environment.cost.sees_tag_keys("123456789012", ["daylily:customer_id", "daylily:cost_center"])
    assert run(["init", "--aws"]) == 0
    return tmp_path


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_apply_ends_cleanly_and_the_next_one_finishes_it(
    fleet_folder: Path, sandbox: Sandbox, capsys: pytest.CaptureFixture[str], how: signal.Signals
) -> None:
    sandbox.latency = 0.02
    command = [sys.executable, "-m", "controller.entrypoints.cli", "--apply", "--yes", "--format", "json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ), text=True)
    wait_for(sandbox, "CreateBudget")
    process.send_signal(how)
    out, _ = process.communicate(timeout=60)
    sandbox.latency = 0.0

    assert process.returncode == 130
    document = json.loads(out)
    assert document["exit_reason"] == "interrupted"
    begun = saved(sandbox)
    assert 0 < len(begun) < CUSTOMERS
    assert leases_held(sandbox) == []

    assert run(["--apply", "--yes"]) == 0
    assert len(saved(sandbox)) == CUSTOMERS
    created = sum(one.operation == "CreateBudget" for one in sandbox.requests)
    assert created == CUSTOMERS, "nothing is done twice"


def wait_for(sandbox: Sandbox, operation: str) -> None:
    deadline = time.monotonic() + 60
    while not any(one.operation == operation for one in sandbox.requests):
        assert time.monotonic() < deadline, f"{operation} was never called"
        time.sleep(0.01)


def saved(sandbox: Sandbox) -> set[str]:
    """The customers that have a status."""
    items = sandbox.client("dynamodb").scan(TableName="daylily-billing")["Items"]
    statuses = [item["owner"]["S"] for item in items if item["record"]["S"] == "status"]
    return {owner for owner in statuses if not owner.startswith("account/")}


def leases_held(sandbox: Sandbox) -> list[str]:
    items = sandbox.client("dynamodb").scan(TableName="daylily-billing")["Items"]
    return [item["owner"]["S"] for item in items if item["record"]["S"] == "lease" and "token" in item]
