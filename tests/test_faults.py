"""Every writing call of a representative apply, met by every fault: the next run makes the world as it should be.

Nothing foreign is touched, no alert is created twice, and nothing is done again that AWS would punish.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from controller.aws import clients
from controller.aws.call import Retry
from controller.aws.pace import Pace
from controller.bootstrap import build, home_door
from controller.domain.customer import (
    Alert,
    Billing,
    Bucket,
    Budget,
    Customer,
    Expiration,
    Lifecycle,
    Origin,
    Transition,
)
from controller.fleet import Desired, Fleet, Unheld
from controller.sandbox import Fault, Sandbox
from controller.store.tables import make
from tests.test_convergence import ACCOUNT, FOREIGN_RULES, FOREIGN_TAGS, SETTINGS

BUCKET, BUDGET = "acme-bucket", "daylily-acme-monthly"
STRANGER = {"SubscriptionType": "EMAIL", "Address": "stranger@example.com"}

BEFORE = Customer(
    name="acme",
    customer_id="acme",
    display_name="Acme",
    email="admin@acme.example",
    billing=Billing(cost_center="CC-1"),
    buckets=(Bucket(BUCKET, "us-west-2"),),
    lifecycle=Lifecycle((Transition("results/", 30, 90),), (Expiration("logs/", 90),), 7),
    budget=Budget(
        Decimal(500),
        (
            Alert(Decimal(50), emails=("old@acme.example",)),
            Alert(Decimal(80), emails=("old@acme.example",), sns=True),
            Alert(Decimal(100), emails=("old@acme.example", "cfo@acme.example"), sns=True),
        ),
    ),
    generation="before",
)
AFTER = replace(
    BEFORE,
    billing=Billing(cost_center=None, email="billing@acme.example"),
    lifecycle=Lifecycle((Transition("runs/", 45, None),), (), 3),
    budget=Budget(
        Decimal(800),
        (
            Alert(Decimal(60), emails=("new@acme.example",)),
            Alert(Decimal(80), emails=("new@acme.example",)),
            Alert(Decimal(90), "FORECASTED", ("cfo@acme.example",)),
        ),
    ),
    generation="after",
)


class Killed(BaseException):
    """Stands for kill -9: nothing that the process would still do is done."""


@dataclass
class Executioner:
    """Kills the process at its nth writing call, before or after the call took effect."""

    at: int = -1
    after: bool = False
    seen: int = 0
    dead: bool = False

    def around(self, call: Any, service: str, operation: str, **parameters: Any) -> Any:
        if self.dead:
            raise Killed
        if operation.startswith(("get", "describe", "list", "query", "batch_get")):
            return call(service, operation, **parameters)
        mine, self.seen = self.seen == self.at, self.seen + 1
        if mine and not self.after:
            self.dead = True
            raise Killed
        answer = call(service, operation, **parameters)
        if mine:
            self.dead = True
            raise Killed
        return answer


@pytest.fixture
def world(sandbox: Sandbox) -> Iterator[Sandbox]:
    """An account with a bucket that others use too, our tables, and doors that never wait."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "RECONCILE_"))]:
            patch.delenv(name)
        for name, value in sandbox.environment().items():
            patch.setenv(name, value)
        patch.setattr(Retry, "delay", lambda *_, **__: 0.0)
        patch.setattr(Pace, "wait", lambda _: None)
        yield sandbox


def prepare(world: Sandbox) -> None:
    world.reset()
    s3 = world.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": FOREIGN_TAGS})
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": FOREIGN_RULES})
    world.cost.sees_tag_keys(ACCOUNT, ["daylily:customer_id", "daylily:cost_center"])
    list(make(home_door(SETTINGS), SETTINGS.tables))
    world.client("dynamodb").put_item(
        TableName="daylily-customers", Item={"customer_id": {"S": "acme"}, "api_tokens": {"L": []}}
    )


def befriend(world: Sandbox) -> None:
    """Somebody subscribes to one of our alerts, beside us."""
    notification = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
    world.client("budgets").create_subscriber(
        AccountId=ACCOUNT, BudgetName=BUDGET, Notification=notification, Subscriber=STRANGER
    )


@cache
def fleet(world: Sandbox) -> Fleet:
    """The same for all runs of a process: it keeps nothing between them but its clients, which are slow to make."""
    return build(SETTINGS, Origin(), clock=world.now, full=True).fleet


def apply(world: Sandbox, customer: Customer, executioner: Executioner | None = None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if executioner:
            call = clients.Aws.call
            patch.setattr(
                clients.Aws,
                "call",
                lambda door, service, operation, **parameters: executioner.around(
                    lambda s, o, **p: call(door, s, o, **p), service, operation, **parameters
                ),
            )
        try:
            one = fleet(world)
            one.apply(one.plan(Desired((customer,))), Unheld())
        except Killed:
            assert executioner, "nobody else kills"


def snapshot(world: Sandbox) -> dict[str, Any]:
    """Everything that we or others keep in this account."""
    s3, budgets, sns = world.client("s3"), world.client("budgets"), world.client("sns")
    about = {"AccountId": ACCOUNT, "BudgetName": BUDGET}
    topics = [one["TopicArn"] for one in sns.list_topics()["Topics"]]
    key = {"customer_id": {"S": "acme"}}
    found: dict[str, Any] = {
        "tags": sorted(map(str, s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"])),
        "rules": sorted(map(str, s3.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"])),
        "topics": [sns.get_topic_attributes(TopicArn=one)["Attributes"]["Policy"] for one in topics],
        "record": world.client("dynamodb").get_item(TableName="daylily-customers", Key=key)["Item"],
        "active": world.cost.active_keys(ACCOUNT),
    }
    budget = budgets.describe_budget(**about)["Budget"]
    found["budget"] = (budget["BudgetLimit"], budget.get("CostFilters"), budget["TimePeriod"])
    for alert in budgets.describe_notifications_for_budget(**about)["Notifications"]:
        alert.pop("NotificationState", None)
        subscribers = budgets.describe_subscribers_for_notification(**about, Notification=alert)["Subscribers"]
        found[f"alert {sorted(alert.items())}"] = sorted(map(str, subscribers))
    return found


def first_apply(world: Sandbox) -> Customer:
    prepare(world)
    return BEFORE


def an_update(world: Sandbox) -> Customer:
    prepare(world)
    apply(world, BEFORE)
    befriend(world)
    return AFTER


SCENES = pytest.mark.parametrize("scene", [first_apply, an_update])


def undisturbed(world: Sandbox, scene: Any) -> tuple[dict[str, Any], list[tuple[str, str]], Counter[Any]]:
    """The world after the apply without any fault, its writing calls, and how often each alert was created."""
    customer = scene(world)
    world.clear_requests()
    apply(world, customer)
    calls = [(one.service, one.operation) for one in world.requests if one.writes]
    return snapshot(world), calls, Counter(world.budgets.alerts_created(ACCOUNT, BUDGET))


def check(world: Sandbox, customer: Customer, wanted: dict[str, Any], created: Counter[Any], told: str) -> None:
    """After the next run all is as it should be, and a third run has nothing to do."""
    apply(world, customer)
    assert snapshot(world) == wanted, told
    assert Counter(world.budgets.alerts_created(ACCOUNT, BUDGET)) == created, f"{told}: an alert was created again"
    world.clear_requests()
    apply(world, customer)
    assert [one.operation for one in world.requests if one.writes] == [], told


@SCENES
@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("throttle", "", 0),
        ("error", "AccessDeniedException", 400),
        ("error", "InternalError", 500),
        ("cut_before", "", 0),
        ("cut_after", "", 0),
    ],
)
def test_every_call_meets_every_fault(world: Sandbox, scene: Any, kind: Any, code: str, status: int) -> None:
    wanted, calls, created = undisturbed(world, scene)
    nth: Counter[tuple[str, str]] = Counter()
    for service, operation in calls:
        customer = scene(world)
        skip, nth[service, operation] = nth[service, operation], nth[service, operation] + 1
        world.faults.add(Fault(service, operation, kind, code=code, status=status, skip=skip))

        apply(world, customer)
        world.faults.clear()

        check(world, customer, wanted, created, f"{kind} {code} at {service}:{operation} number {skip + 1}")


@SCENES
@pytest.mark.parametrize("after", [False, True], ids=["before it took effect", "after it took effect"])
def test_after_kill_9_at_any_call_the_next_run_converges(world: Sandbox, scene: Any, after: bool) -> None:
    wanted, calls, created = undisturbed(world, scene)
    for number, (service, operation) in enumerate(calls):
        customer = scene(world)
        executioner = Executioner(at=number, after=after)

        apply(world, customer, executioner)
        assert executioner.dead

        check(world, customer, wanted, created, f"killed at call {number + 1}, {service}:{operation}")


def test_the_faults_meet_every_kind_of_write(world: Sandbox) -> None:
    """A representative apply: else the tests above show less than they say."""
    operations = {operation for scene in (first_apply, an_update) for _, operation in undisturbed(world, scene)[1]}

    assert operations >= {
        "CreateTopic", "SetTopicAttributes", "UpdateCostAllocationTagsStatus", "UpdateItem", "PutItem",
        "TagResource", "UntagResource", "PutBucketLifecycleConfiguration", "CreateBudget", "UpdateBudget",
        "UpdateNotification", "CreateNotification", "DeleteSubscriber", "UpdateSubscriber",
    }  # fmt: skip
    assert Retry().attempts > 1
