"""What the sandbox's tests share: the time, two accounts, and short ways to make and to ask."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from controller.sandbox import Sandbox

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
ACCOUNT, OTHER = "123456789012", "222222222222"


@contextmanager
def refused(code: str, status: int | None = None, saying: str = "") -> Iterator[None]:
    """The call inside is answered with this error code (and HTTP status, and words)."""
    with pytest.raises(ClientError) as caught:
        yield
    answer: Any = caught.value.response
    assert answer["Error"]["Code"] == code
    assert saying in answer["Error"]["Message"]
    if status:
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == status


def make_bucket(sandbox: Sandbox, name: str, region: str = "us-west-2", account: str | None = None) -> str:
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    sandbox.client("s3", region, account).create_bucket(Bucket=name, **place)
    return name


def arn(bucket: str) -> str:
    return f"arn:aws:s3:::{bucket}"


def tag_set(tags: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


def put_tags(sandbox: Sandbox, bucket: str, tags: dict[str, str], **more: str) -> None:
    sandbox.client("s3").put_bucket_tagging(Bucket=bucket, Tagging=tag_set(tags), **more)


def put_rules(sandbox: Sandbox, bucket: str, *rules: dict[str, Any], **more: str) -> Any:
    return sandbox.client("s3").put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": list(rules)}, **more
    )


def rule(id: str = "r", **changed: Any) -> dict[str, Any]:
    """A valid rule with some elements changed; None leaves an element out."""
    whole = {"ID": id, "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 90}, **changed}
    return {name: value for name, value in whole.items() if value is not None}


def budget(name: str = "b", **changed: Any) -> dict[str, Any]:
    return {
        "BudgetName": name,
        "BudgetLimit": {"Amount": "500", "Unit": "USD"},
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        **changed,
    }


def alert(threshold: float = 80, **changed: Any) -> dict[str, Any]:
    return {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": threshold, **changed}


def email(address: str = "a@example.com") -> dict[str, str]:
    return {"SubscriptionType": "EMAIL", "Address": address}


def with_subscribers(notification: dict[str, Any], *subscribers: dict[str, str]) -> dict[str, Any]:
    return {"Notification": notification, "Subscribers": list(subscribers or [email()])}
