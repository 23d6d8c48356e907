"""The door to boto3: one account, its credentials, its calls counted, and no call once it is refused."""

import _thread
import threading
from collections.abc import Callable
from typing import Any

import pytest

from controller.aws.call import Retry
from controller.aws.clients import Aws, Role
from controller.errors import AccountFailure, Failure, PermanentFailure, TransientFailure
from controller.sandbox import Fault, Sandbox

ACCOUNT, OTHER_ACCOUNT = "123456789012", "222222222222"
ROLE = Role(f"arn:aws:iam::{OTHER_ACCOUNT}:role/billing", external_id="who-knows")


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def door(local_environment: Sandbox, slept: list[float]) -> Callable[..., Aws]:
    """Makes doors to the sandbox that note how long they would have slept."""

    def make(attempts: int = 3, **options: Any) -> Aws:
        return Aws(retry=Retry(attempts=attempts), sleep=slept.append, **options)

    return make


Door = Callable[..., Aws]


def test_a_call_is_counted_under_its_service_and_operation(door: Door) -> None:
    aws = door()
    assert aws.account_id() == ACCOUNT
    aws.call("budgets", "describe_budgets", AccountId=ACCOUNT)
    assert aws.calls == {"sts:GetCallerIdentity": 1, "budgets:DescribeBudgets": 1}
    assert aws.paid_calls == 0


def test_every_attempt_counts_and_waits_in_between(door: Door, slept: list[float], sandbox: Sandbox) -> None:
    """A paid service is paid for what it answers; failed requests are free."""
    sandbox.faults.add(Fault("ce", "", "throttle", times=2))
    aws = door()
    aws.call("ce", "list_cost_allocation_tags")
    assert aws.calls == {"ce:ListCostAllocationTags": 3}
    assert aws.paid_calls == 1
    assert len(sandbox.requests) == 3, "botocore does not try again behind our back"
    assert len(slept) == 4, "after each refusal a random delay, and the pace that it taught"


def test_throttling_without_end_is_a_transient_failure(door: Door, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("budgets", "", "throttle", times=None))
    with pytest.raises(TransientFailure, match="throttled"):
        door().call("budgets", "describe_budgets", AccountId=ACCOUNT)
    assert len(sandbox.requests) == 3


@pytest.mark.parametrize("service", ["budgets", "ce", "dynamodb", "s3", "s3control", "sns"])
def test_each_service_may_throttle_in_its_own_words(door: Door, sandbox: Sandbox, service: str) -> None:
    operations: dict[str, tuple[str, dict[str, Any]]] = {
        "budgets": ("describe_budgets", {"AccountId": ACCOUNT}),
        "ce": ("list_cost_allocation_tags", {}),
        "dynamodb": ("list_tables", {}),
        "s3": ("list_buckets", {}),
        "s3control": ("list_tags_for_resource", {"AccountId": ACCOUNT, "ResourceArn": "arn:aws:s3:::acme"}),
        "sns": ("list_topics", {}),
    }
    operation, parameters = operations[service]
    sandbox.faults.add(Fault(service, "", "throttle", times=None))
    with pytest.raises(TransientFailure, match="throttled"):
        door().call(service, operation, **parameters)


def test_a_cut_connection_is_tried_again(door: Door, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("sns", "", "cut_before", times=2))
    assert door().call("sns", "list_topics")["Topics"] == []


def test_expired_credentials_end_all_calls_without_a_request(door: Door, sandbox: Sandbox) -> None:
    """A thousand customers are one error, not a thousand."""
    sandbox.faults.add(Fault("budgets", "", "error", "ExpiredTokenException", 400))
    aws = door()
    with pytest.raises(AccountFailure) as first:
        aws.call("budgets", "describe_budgets", AccountId=ACCOUNT)
    for service, operation in (("sns", "list_topics"), ("budgets", "describe_budgets"), ("s3", "list_buckets")):
        with pytest.raises(AccountFailure) as later:
            aws.call(service, operation)
        assert later.value is first.value
    assert len(sandbox.requests) == 1
    assert aws.calls.total() == 1


def test_refused_credentials_of_one_account_leave_another_alone(door: Door, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("sns", "", "error", "ExpiredToken", 403))
    broken, whole = door(), door(role=ROLE)
    with pytest.raises(AccountFailure):
        broken.call("sns", "list_topics")
    assert whole.call("sns", "list_topics")["Topics"] == []


def test_a_missing_permission_does_not_end_the_account(door: Door, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("sns", "", "error", "AuthorizationErrorException", 403))
    aws = door()
    with pytest.raises(PermanentFailure, match=r"schemas/iam-policy\.json"):
        aws.call("sns", "list_topics")
    assert aws.call("sns", "list_topics")["Topics"] == []


# Many at once


def test_each_item_has_its_result_or_its_failure_in_order(door: Door) -> None:
    def work(number: int) -> int:
        if number % 3 == 0:
            raise TransientFailure(f"{number} failed")
        return number * number

    results = door().each(work, range(40))
    assert [str(one) if isinstance(one, Failure) else one for one in results] == [
        f"{number} failed" if number % 3 == 0 else number * number for number in range(40)
    ]
    assert door().each(work, []) == []


def test_after_ctrl_c_nothing_more_is_begun(door: Door) -> None:
    aws = door(concurrency=2)
    begun: list[int] = []
    interrupted = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            _thread.interrupt_main()
        interrupted.wait(10)

    with pytest.raises(KeyboardInterrupt):
        aws.each(work, range(100))
    interrupted.set()
    aws._pool.shutdown()
    assert len(begun) <= 2


def test_items_are_worked_on_at_the_same_time(door: Door) -> None:
    together = threading.Barrier(4, timeout=10)
    assert door(concurrency=4).each(lambda _: together.wait() >= 0, range(4)) == [True] * 4


def test_a_bug_with_one_item_is_told_with_its_traceback_and_stops_no_other(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    first, bug = door().each(lambda number: 1 / number, [1, 0])

    assert first == 1
    assert isinstance(bug, PermanentFailure)
    assert "This is a bug" in str(bug)
    assert "ZeroDivisionError" in caplog.text


def test_a_region_that_is_not_enabled_does_not_condemn_the_account(door: Door, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("sns", "", "error", "InvalidClientTokenId", 403))
    aws = door()

    with pytest.raises(PermanentFailure, match="is this region enabled") as refused:
        aws.call("sns", "list_topics")

    assert not isinstance(refused.value, AccountFailure)
    assert aws.call("sns", "list_topics")["Topics"] == []


def test_clients_are_shared_by_threads(door: Door, sandbox: Sandbox) -> None:
    aws = door()
    aws.each(lambda _: aws.call("sns", "list_topics"), range(30))
    assert aws.calls == {"sns:ListTopics": 30}
    assert len(sandbox.requests) == 30


# Regions and endpoints


def test_s3_control_reaches_a_custom_endpoint(door: Door, sandbox: Sandbox) -> None:
    """botocore would ask for the host `123456789012.127.0.0.1`."""
    sandbox.client("s3", "us-east-1").create_bucket(Bucket="acme")
    aws = door(region="us-east-1")
    where = {"AccountId": ACCOUNT, "ResourceArn": "arn:aws:s3:::acme"}
    aws.call("s3control", "tag_resource", Tags=[{"Key": "a", "Value": "b"}], **where)
    assert aws.call("s3control", "list_tags_for_resource", **where)["Tags"] == [{"Key": "a", "Value": "b"}]


def test_a_call_goes_to_its_region(door: Door, sandbox: Sandbox) -> None:
    aws = door()
    assert aws.region == "us-west-2", "that of the environment"
    aws.call("sns", "create_topic", region="eu-central-1", Name="far")
    aws.call("sns", "create_topic", Name="near")
    assert [t["TopicArn"] for t in aws.call("sns", "list_topics", region="eu-central-1")["Topics"]] == [
        f"arn:aws:sns:eu-central-1:{ACCOUNT}:far"
    ]


# Credentials


def test_a_role_leads_to_its_account(door: Door, sandbox: Sandbox) -> None:
    here, there = door(), door(role=ROLE)
    assert (here.account_id(), there.account_id()) == (ACCOUNT, OTHER_ACCOUNT)
    there.call("sns", "create_topic", Name="alerts")
    assert here.call("sns", "list_topics")["Topics"] == []
    budget = {
        "BudgetName": "b",
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": "1", "Unit": "USD"},
    }
    there.call("budgets", "create_budget", AccountId=OTHER_ACCOUNT, Budget=budget)
    assert sandbox.budgets.find(ACCOUNT, "b") is None
    assert sandbox.budgets.find(OTHER_ACCOUNT, "b") is not None


def test_a_role_is_assumed_once(door: Door, sandbox: Sandbox) -> None:
    aws = door(role=ROLE)
    aws.each(lambda _: aws.call("sns", "list_topics"), range(10))
    assert [request.operation for request in sandbox.requests].count("AssumeRole") == 1


def test_a_role_that_is_refused_fails_the_account_once(door: Door, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("sts", "AssumeRole", "error", "AccessDenied", 403, times=None))
    aws = door(role=ROLE)
    for _ in range(3):
        with pytest.raises(AccountFailure, match="trust policy"):
            aws.call("sns", "list_topics")
    assert len(sandbox.requests) == 1


def test_a_role_that_is_throttled_is_assumed_a_little_later(door: Door, sandbox: Sandbox, slept: list[float]) -> None:
    sandbox.faults.add(Fault("sts", "AssumeRole", "throttle", times=2))
    assert door(role=ROLE).call("sns", "list_topics")["Topics"] == []
    assert len(slept) == 2, "and the waiting is ours, not botocore's"


def test_nobody_logged_in_is_told(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    _log_out(monkeypatch)
    with pytest.raises(AccountFailure, match="no usable AWS credentials"):
        door().account_id()


def test_nobody_logged_in_cannot_assume_a_role(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    _log_out(monkeypatch)
    with pytest.raises(AccountFailure, match="no usable AWS credentials"):
        door(role=ROLE).account_id()


@pytest.mark.parametrize("role", [None, ROLE], ids=["plain", "role"])
def test_half_a_pair_of_keys_is_told(door: Door, monkeypatch: pytest.MonkeyPatch, role: Role | None) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AccountFailure, match="AWS_SECRET_ACCESS_KEY"):
        door(role=role).account_id()


def test_a_profile_that_does_not_exist_is_told(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(AccountFailure, match="nobody"):
        door().account_id()


def _log_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
