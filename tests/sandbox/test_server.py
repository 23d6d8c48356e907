"""The sandbox as a server: what it records, what it answers when it has no answer, and that it leaves no trace."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from controller.sandbox import Request, Sandbox
from tests.sandbox.world import ACCOUNT, NOW, OTHER, make_bucket, put_tags


def test_importing_the_sandbox_does_not_import_moto() -> None:
    code = "import sys, controller.sandbox.seed; sys.exit(any(m.split('.')[0] == 'moto' for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_moto_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['moto'] = None; from controller.sandbox import Sandbox; Sandbox().start()"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "daylily-reconcile[sandbox]" in done.stderr


def test_a_stopped_sandbox_leaves_no_thread_and_writes_nothing(running_sandbox: Sandbox) -> None:
    """In a process of its own: moto's state is one per process."""
    code = """
import sys, threading
from controller.sandbox import Sandbox
with Sandbox() as sandbox:
    sandbox.client("s3").list_buckets()
    sandbox.client("dynamodb").list_tables()
sys.exit(threading.active_count() - 1)
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_environment_is_all_that_an_sdk_needs(sandbox: Sandbox) -> None:
    code = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=sandbox.environment()
    )
    assert done.stdout.strip() == ACCOUNT


def test_every_request_is_recorded_in_order(sandbox: Sandbox) -> None:
    make_bucket(sandbox, "one-bucket")
    put_tags(sandbox, "one-bucket", {"a": "1"})
    sandbox.client("dynamodb").list_tables()
    sandbox.client("budgets", "us-east-1", OTHER).describe_budgets(AccountId=OTHER)
    sandbox.client("s3").put_object(Bucket="one-bucket", Key="dir/key", Body=b"x")
    assert sandbox.requests == (
        Request("s3", "CreateBucket", ACCOUNT, "one-bucket", True, 200),
        Request("s3", "PutBucketTagging", ACCOUNT, "one-bucket", True, 204),
        Request("dynamodb", "ListTables", ACCOUNT, "", False, 200),
        Request("budgets", "DescribeBudgets", OTHER, "", False, 200),
        Request("s3", "PutObject", ACCOUNT, "one-bucket/dir/key", True, 200),
    )


@pytest.mark.parametrize(
    ("service", "ask"),
    [
        ("budgets", lambda c: c.describe_budget_actions_for_account(AccountId=ACCOUNT)),
        ("ce", lambda c: c.get_anomalies(DateInterval={"StartDate": "2026-01-01"})),
        ("dynamodb", lambda c: c.list_imports()),
        ("s3", lambda c: c.get_bucket_intelligent_tiering_configuration(Bucket="one-bucket", Id="x")),
        ("s3", lambda c: c.get_bucket_metadata_configuration(Bucket="one-bucket")),
        ("s3", lambda c: c.delete_bucket_metrics_configuration(Bucket="one-bucket", Id="x")),
        ("s3control", lambda c: c.list_jobs(AccountId=ACCOUNT)),
        ("sns", lambda c: c.list_sms_sandbox_phone_numbers()),
        ("invoicing", lambda c: c.list_invoice_units()),
    ],
)  # fmt: skip
def test_what_is_not_served_is_refused_at_once_and_in_the_services_protocol(
    sandbox: Sandbox, service: str, ask: Callable[[Any], Any]
) -> None:
    make_bucket(sandbox, "one-bucket")
    client = sandbox.client(service)
    begin = time.monotonic()
    with pytest.raises(ClientError) as caught:
        ask(client)
    assert caught.value.response["Error"]["Code"] == "NotImplemented"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert time.monotonic() - begin < 1


def test_every_answer_has_a_request_id(sandbox: Sandbox) -> None:
    for service, ask in (("s3", "list_buckets"), ("ce", "list_cost_allocation_tags"), ("sts", "get_caller_identity")):
        assert getattr(sandbox.client(service), ask)()["ResponseMetadata"]["RequestId"]


def test_the_clock_moves_forward_when_told(sandbox: Sandbox) -> None:
    sandbox.advance(timedelta(hours=24))
    assert sandbox.now() == NOW + timedelta(hours=24)
    sandbox.reset()
    assert sandbox.now() == NOW


def test_a_connection_is_kept_from_one_call_to_the_next(sandbox: Sandbox) -> None:
    client = sandbox.client("budgets", "us-east-1")
    client.describe_budgets(AccountId=ACCOUNT)
    before, begun = {thread.name for thread in threading.enumerate()}, set[str]()
    for _ in range(50):
        client.describe_budgets(AccountId=ACCOUNT)
        begun |= {thread.name for thread in threading.enumerate()} - before
    assert begun == set(), "one thread per connection, not per request"


def test_objects_pass_through_to_moto_unharmed(sandbox: Sandbox) -> None:
    s3 = sandbox.client("s3")
    make_bucket(sandbox, "one-bucket")
    s3.put_object(Bucket="one-bucket", Key="k/ä b+c", Body=b"\x00\xff" * 100_000)
    assert s3.get_object(Bucket="one-bucket", Key="k/ä b+c")["Body"].read() == b"\x00\xff" * 100_000
    assert s3.head_object(Bucket="one-bucket", Key="k/ä b+c")["ContentLength"] == 200_000
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.put_object(Bucket="one-bucket", Key="k/ä b+c", Body=b"", IfNoneMatch="*")
