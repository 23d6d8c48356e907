"""The scene of the kinds' tests: an account, a customer, and a door to the sandbox that never sleeps."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from controller.aws.call import Retry
from controller.aws.clients import Aws
from controller.domain.customer import (
    Account,
    Alert,
    Billing,
    Bucket,
    Budget,
    Customer,
    Expiration,
    Lifecycle,
    Transition,
)
from controller.domain.kind import AnyKind
from controller.domain.resource import Applied, Observation, Present, Target, Unreadable
from controller.domain.settings import Settings
from controller.errors import Failure
from controller.kinds.context import Context
from controller.sandbox import Sandbox

ACCOUNT, OTHER_ACCOUNT = "123456789012", "222222222222"
REGION = "us-west-2"
TABLE = "daylily-customers"
BUCKET = "daylily-customer-acme-genomics"

K = TypeVar("K")

OWN_ACCOUNT = Account("default", ACCOUNT, REGION, tag_keys=("daylily:customer_id", "daylily:cost_center"))
TOPIC = OWN_ACCOUNT.topic_arn

ACME = Customer(
    name="acme-genomics",
    customer_id="cust_abc123",
    display_name="Acme Genomics",
    email="admin@acme.com",
    billing=Billing(
        account_id="123456789012",
        cost_center="CC-GENOMICS-001",
        email="billing@acme.com",
        payment_terms="net-30",
        discount_percent=Decimal(10),
    ),
    buckets=(Bucket(BUCKET, REGION, "spec.storage.buckets[0]"),),
    lifecycle=Lifecycle(
        transitions=(Transition("results/", 30, 90, "spec.storage.lifecycle.transitions[0]"),),
        expirations=(Expiration("logs/", 90, "spec.storage.lifecycle.expirations[0]"),),
        abort_incomplete_uploads_days=7,
        source="spec.storage.lifecycle",
    ),
    budget=Budget(
        Decimal(1000),
        (
            Alert(Decimal(50), emails=("billing@acme.com",), source="spec.budget.alerts[0]"),
            Alert(Decimal(80), emails=("billing@acme.com",), sns=True, source="spec.budget.alerts[1]"),
        ),
        "spec.budget",
    ),
)


def door(*, attempts: int = 3, **options: Any) -> Aws:
    """AWS as the environment says, with attempts that follow each other at once."""
    return Aws(retry=Retry(attempts=attempts, base=0), sleep=lambda _: None, **options)


def context(sandbox: Sandbox, *, account: Account = OWN_ACCOUNT, aws: Aws | None = None, full: bool = False) -> Context:
    aws = aws or door()
    return Context(account, aws, aws, Settings(), sandbox.now, full)


def make_bucket(sandbox: Sandbox, name: str = BUCKET, region: str = REGION, account: str | None = None) -> None:
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    sandbox.client("s3", region, account).create_bucket(Bucket=name, **place)


def make_table(sandbox: Sandbox) -> None:
    sandbox.client("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "customer_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "customer_id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def writes(sandbox: Sandbox) -> list[str]:
    """The writing calls since the requests were last cleared, in order."""
    return [request.operation for request in sandbox.requests if request.writes]


def look(kind: AnyKind, *targets: Target[Any]) -> dict[str, Observation[Any]]:
    """What the flow makes of an observation: a kind that fails as a whole leaves all its keys unread."""
    try:
        return dict(kind.observe(targets))
    except Failure as failure:
        return {target.name: Unreadable(failure) for target in targets}


class Life:
    """One owner's life with one kind: passes that look, put what differs, and remember what was applied."""

    def __init__(self, kind: AnyKind, now: datetime | None = None) -> None:
        self.kind = kind
        self.applied: dict[str, Applied[Any]] = {}
        self.now = now

    def targets(self, owner: Any) -> list[Target[Any]]:
        desired = self.kind.desired(owner)
        return [Target(name, desired.get(name), self.applied.get(name)) for name in {**desired, **self.applied}]

    def look(self, owner: Any) -> dict[str, Observation[Any]]:
        return look(self.kind, *self.targets(owner))

    def states(self, owner: Any) -> dict[str, Any]:
        """The states of what is there."""
        return {name: seen.state for name, seen in self.look(owner).items() if isinstance(seen, Present)}

    def put(self, owner: Any, observed: Mapping[str, Any] | None = None) -> None:
        """Put all that is wanted and differs; `observed` stands for an older look."""
        there = self.states(owner) if observed is None else observed
        for name, desired in self.kind.desired(owner).items():
            if observed is not None or there.get(name) != desired:
                self.kind.put(name, desired, there.get(name))
            self.remember(name, desired)

    def remember(self, name: str, state: Any, at: datetime | None = None) -> None:
        moment = at or self.now or datetime.fromisoformat("2026-11-22T06:00:00+00:00")
        self.applied[name] = Applied(state, moment, moment)

    def delete(self) -> None:
        """Remove all that was applied, and keep the memory of it."""
        found = look(self.kind, *(Target(name, None, one) for name, one in self.applied.items()))
        for name, seen in found.items():
            if isinstance(seen, Present):
                self.kind.delete(name, seen.state)


def days(count: float) -> timedelta:
    return timedelta(days=count)


def with_budget(limit: int | str | Decimal, *alerts: Alert) -> Customer:
    return replace(ACME, budget=Budget(Decimal(limit), alerts, "spec.budget"))


def alert(percent: int | str, *emails: str, sns: str | None = None, **more: Any) -> Alert:
    """An alert; `sns` is a topic's ARN, or "" for the account's own."""
    return Alert(
        Decimal(percent), emails=emails, sns=sns is not None, topic_arn=sns or None, source="spec.budget", **more
    )
