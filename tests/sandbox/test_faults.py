"""Faults on purpose, rate limits and latency."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from controller.sandbox import Fault, Sandbox
from tests.sandbox.world import ACCOUNT, budget, make_bucket, put_rules, put_tags, refused, rule


def budgets(sandbox: Sandbox) -> Any:
    return sandbox.client("budgets", "us-east-1")


@pytest.mark.parametrize(
    ("service", "operation", "code", "status"),
    [
        ("budgets", "DescribeBudgets", "ThrottlingException", 400),
        ("ce", "ListCostAllocationTags", "LimitExceededException", 400),
        ("s3", "ListBuckets", "SlowDown", 503),
        ("dynamodb", "ListTables", "ProvisionedThroughputExceededException", 400),
        ("resourcegroupstaggingapi", "GetResources", "ThrottledException", 400),
        ("sts", "GetCallerIdentity", "Throttling", 400),
    ],
)
def test_each_service_throttles_in_its_own_words(
    sandbox: Sandbox, service: str, operation: str, code: str, status: int
) -> None:
    client = sandbox.client(service, "us-east-1")
    method = next(m for m, name in client.meta.method_to_api_mapping.items() if name == operation)
    parameters = {"AccountId": ACCOUNT} if service == "budgets" else {}
    sandbox.faults.add(Fault(service, operation, "throttle"))
    with refused(code, status):
        getattr(client, method)(**parameters)
    getattr(client, method)(**parameters)


def test_a_fault_skips_calls_strikes_some_and_is_used_up(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("budgets", "DescribeBudgets", "error", code="InternalErrorException", skip=1, times=2))
    outcomes = []
    for _ in range(4):
        try:
            budgets(sandbox).describe_budgets(AccountId=ACCOUNT)
            outcomes.append("ok")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])
    assert outcomes == ["ok", "InternalErrorException", "InternalErrorException", "ok"]


def test_a_fault_without_end_ends_when_it_is_cleared(sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("s3", "", "error", code="OperationAborted", status=409, times=None, resource="one-"))
    make_bucket(sandbox, "two-bucket")
    for _ in range(3):
        with refused("OperationAborted", 409):
            make_bucket(sandbox, "one-bucket")
    sandbox.faults.clear()
    make_bucket(sandbox, "one-bucket")


@pytest.mark.parametrize(("kind", "happened"), [("cut_before", False), ("cut_after", True)])
def test_a_cut_connection_tells_nothing_about_the_write(sandbox: Sandbox, kind: Any, happened: bool) -> None:
    sandbox.faults.add(Fault("budgets", "CreateBudget", kind))
    with pytest.raises(ConnectionClosedError):
        budgets(sandbox).create_budget(AccountId=ACCOUNT, Budget=budget())
    assert (sandbox.budgets.find(ACCOUNT, "b") is not None) is happened
    assert sandbox.requests[-1].status == 0


def test_stale_reads_show_what_was_before_the_last_write(sandbox: Sandbox) -> None:
    s3, bucket = sandbox.client("s3"), make_bucket(sandbox, "one-bucket")
    put_tags(sandbox, bucket, {"a": "1"})
    put_rules(sandbox, bucket, rule("new"))
    budgets(sandbox).create_budget(AccountId=ACCOUNT, Budget=budget())
    sandbox.faults.add(
        Fault("s3", "GetBucketLifecycleConfiguration", "stale"), Fault("budgets", "DescribeBudget", "stale")
    )
    with refused("NoSuchLifecycleConfiguration"):
        s3.get_bucket_lifecycle_configuration(Bucket=bucket)
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == [rule("new")]
    with refused("NotFoundException"):
        budgets(sandbox).describe_budget(AccountId=ACCOUNT, BudgetName="b")
    budgets(sandbox).describe_budget(AccountId=ACCOUNT, BudgetName="b")


def test_latency_is_added_for_one_fault_or_for_everything(sandbox: Sandbox) -> None:
    client = budgets(sandbox)
    sandbox.faults.add(Fault("budgets", "DescribeBudgets", "latency", delay=0.05))
    assert seconds(client) >= 0.05
    sandbox.latency = 0.05
    assert seconds(client) >= 0.05
    sandbox.reset()
    assert sandbox.latency == 0.0


def seconds(client: Any) -> float:
    begin = time.monotonic()
    client.describe_budgets(AccountId=ACCOUNT)
    return time.monotonic() - begin


def test_a_rate_limit_throttles_what_exceeds_it(sandbox: Sandbox) -> None:
    client = budgets(sandbox)
    sandbox.limits = {"budgets": 1.0}
    client.describe_budgets(AccountId=ACCOUNT)
    with refused("ThrottlingException"):
        for _ in range(50):  # far more than a slow machine is given tokens for meanwhile
            client.describe_budgets(AccountId=ACCOUNT)
    time.sleep(1.1)
    client.describe_budgets(AccountId=ACCOUNT)


def test_two_writes_at_once_to_one_bucket_collide(sandbox: Sandbox) -> None:
    make_bucket(sandbox, "one-bucket")
    put_tags(sandbox, "one-bucket", {"before": ""})  # warms the client up
    sandbox.latency = 0.2
    with ThreadPoolExecutor(2) as pool:
        writes = [pool.submit(put_tags, sandbox, "one-bucket", {"writer": str(n)}) for n in range(2)]
    errors = [write.exception() for write in writes if write.exception()]
    assert [getattr(error, "response", {})["Error"]["Code"] for error in errors] == ["OperationAborted"]
