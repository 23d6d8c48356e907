"""One small adapter per kind for the contract: who wants what, and how AWS looks around it.

A new kind adds one class here and one line to WORLDS.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Protocol

from controller import kinds
from controller.domain.customer import Bucket, Expiration, Lifecycle, Owner
from controller.domain.kind import AnyKind
from controller.domain.resource import Applied, Target
from controller.errors import PermanentFailure, TransientFailure
from controller.kinds.alert_topic import SID, AlertTopics
from controller.kinds.bucket_lifecycle import BucketLifecycle
from controller.kinds.bucket_tags import BucketTagging
from controller.kinds.budget import Budgets
from controller.kinds.cost_allocation_tags import CostAllocationTags
from controller.kinds.customer_record import SOURCES, CustomerRecords
from controller.sandbox import Fault, Sandbox
from tests.kinds.setting import (
    ACCOUNT,
    ACME,
    BUCKET,
    OWN_ACCOUNT,
    REGION,
    TABLE,
    TOPIC,
    Life,
    alert,
    context,
    make_bucket,
    make_table,
    with_budget,
)
from tests.kinds.toy import Cloud, SizeAlarms

RICH_RULES: list[dict[str, Any]] = [
    {"ID": "by-size", "Status": "Enabled", "Filter": {"ObjectSizeGreaterThan": 131072}, "Expiration": {"Days": 4000}},
    {
        "ID": "both",
        "Status": "Disabled",
        "Filter": {
            "And": {
                "Prefix": "raw/",
                "ObjectSizeLessThan": 5000000,
                "Tags": [{"Key": "keep", "Value": "no"}, {"Key": "empty", "Value": ""}],
            }
        },
        "Transitions": [{"Date": "2027-01-01T00:00:00Z", "StorageClass": "DEEP_ARCHIVE"}],
    },
    {
        "ID": "versions",
        "Status": "Enabled",
        "Filter": {"Prefix": ""},
        "Expiration": {"ExpiredObjectDeleteMarker": True},
        "NoncurrentVersionTransitions": [
            {"NoncurrentDays": 30, "StorageClass": "STANDARD_IA", "NewerNoncurrentVersions": 2}
        ],
        "NoncurrentVersionExpiration": {"NoncurrentDays": 365, "NewerNoncurrentVersions": 5},
    },
    {"ID": "by-tag", "Status": "Enabled", "Filter": {"Tag": {"Key": "a", "Value": "b"}}, "Expiration": {"Days": 9}},
]
"""Rules of others in every shape that S3 knows."""


class World(Protocol):
    """A kind, an owner who wants something of it, and the AWS around them."""

    kind: AnyKind
    owner: Owner
    changed: Owner
    """Wants the same things, otherwise."""
    bystander: Owner | None
    """Wants things of its own, next to the owner's. None: one request answers for all, so all fail together."""

    def __init__(self, sandbox: Sandbox) -> None: ...
    def prepare(self) -> None:
        """Make what must be there before the kind can work at all."""

    def plant(self) -> None:
        """Put things of others where ours will be, or are."""

    def plant_on_ours(self) -> None:
        """Put things of others on ours, for kinds where ours must be there first."""

    def foreign(self) -> object:
        """The things of others, raw, from AWS."""

    def foreign_once_deleted(self) -> object:
        """Those of them that may outlive ours."""
        return self.foreign()

    def do_the_rest(self, life: Life) -> None:
        """Whatever the kind does that an ordinary life does not show."""

    def refuse(self) -> None: ...
    def throttle(self) -> None: ...
    def cut(self) -> None: ...
    def lose_answer(self, number: int) -> None:
        """The answer to this one of the next calls, counted from 0, is lost after the call took effect."""

    def break_the_owner(self) -> None:
        """What the owner wants cannot be read, and nothing else is broken."""

    def mend(self) -> None: ...
    def forget_calls(self) -> None: ...
    def calls(self) -> list[str]:
        """`service:Operation` of every call since the last forget_calls."""

    def writes(self) -> list[str]: ...


class InSandbox(World):
    """A world in the local AWS."""

    make: ClassVar[Any]
    services: ClassVar[tuple[str, ...]]
    resource: ClassVar[str] = ""
    """A part of the resource name of the owner's requests and of nobody else's."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.kind = self.make(context(sandbox, full=True))

    def refuse(self) -> None:
        self._fault("error", code="AccessDenied", status=403)

    def throttle(self) -> None:
        self._fault("throttle")

    def cut(self) -> None:
        self._fault("cut_before")

    def lose_answer(self, number: int) -> None:
        self.sandbox.faults.add(*(Fault(service, "", "cut_after", skip=number) for service in self.services))

    def break_the_owner(self) -> None:
        self._fault("error", code="AccessDenied", status=403, resource=self.resource)

    def mend(self) -> None:
        self.sandbox.faults.clear()

    def forget_calls(self) -> None:
        self.sandbox.clear_requests()

    def calls(self) -> list[str]:
        return [f"{request.service}:{request.operation}" for request in self.sandbox.requests]

    def writes(self) -> list[str]:
        return [f"{request.service}:{request.operation}" for request in self.sandbox.requests if request.writes]

    def _fault(self, kind: Any, **more: Any) -> None:
        self.sandbox.faults.add(*(Fault(service, "", kind, times=None, **more) for service in self.services))


class RecordWorld(InSandbox):
    make, services = CustomerRecords, ("dynamodb",)
    owner = ACME
    changed = replace(ACME, display_name="Acme Genomics, Inc.", billing=replace(ACME.billing, cost_center=None))
    bystander = None

    def prepare(self) -> None:
        make_table(self.sandbox)

    def plant(self) -> None:
        tokens = {"L": [{"M": {"hash": {"B": b"\x00\xff"}, "until": {"N": "1790000000"}}}, {"NULL": True}]}
        marks = {"note": {"S": ""}, "share": {"N": "0.125"}, "flags": {"SS": ["a", "b"]}, "vip": {"BOOL": True}}
        client = self.sandbox.client("dynamodb")
        for name in (ACME.customer_id, "cust_somebody"):
            client.put_item(TableName=TABLE, Item={"customer_id": {"S": name}, "api_tokens": tokens, **marks})

    def foreign(self) -> object:
        items = self.sandbox.client("dynamodb").scan(TableName=TABLE)["Items"]
        ours = {*SOURCES, "created_at", "closed_at"}
        return {item["customer_id"]["S"]: {key: item[key] for key in sorted(item.keys() - ours)} for item in items}


class TagWorld(InSandbox):
    make, services, resource = BucketTagging, ("s3", "s3control"), BUCKET
    owner = ACME
    changed = replace(ACME, display_name="Acme & Sons", billing=replace(ACME.billing, cost_center=None))
    bystander = replace(ACME, buckets=(Bucket("acme-second", "us-east-1"),))

    def prepare(self) -> None:
        make_bucket(self.sandbox)
        make_bucket(self.sandbox, "acme-second", "us-east-1")

    def plant(self) -> None:
        now = self.sandbox.buckets.tags(BUCKET)
        self.sandbox.buckets.change(BUCKET, tags={**now, "Owner": "platform team ", "marked": "", "daylily": "x"})
        self.sandbox.buckets.add_system_tag(BUCKET, "aws:cloudformation:stack-name", "acme-onboarding")

    def foreign(self) -> object:
        return {k: v for k, v in self.sandbox.buckets.tags(BUCKET).items() if not k.startswith("daylily:")}

    def do_the_rest(self, life: Life) -> None:
        """The tag index, for many buckets; the fallback, for a caller who may not use S3 Control."""
        many = replace(self.owner, buckets=tuple(Bucket(f"acme-{number}", REGION) for number in range(4)))
        now = self.sandbox.now()
        settled = [Target(name, state, Applied(state, now, now)) for name, state in self.kind.desired(many).items()]
        BucketTagging(context(self.sandbox)).observe(settled)
        self.sandbox.faults.add(Fault("s3control", "", "error", "AccessDenied", 403, times=None))
        life.put(self.owner)
        life.put(self.changed)
        life.delete()


class LifecycleWorld(InSandbox):
    make, services, resource = BucketLifecycle, ("s3",), BUCKET
    owner = ACME
    changed = replace(
        ACME,
        lifecycle=Lifecycle(
            expirations=(
                Expiration("logs/", 30, "spec.storage.lifecycle.expirations[0]"),
                Expiration("tmp/", 7, "spec.storage.lifecycle.expirations[1]"),
            )
        ),
    )
    bystander = replace(ACME, buckets=(Bucket("acme-second", "us-east-1"),))

    def prepare(self) -> None:
        make_bucket(self.sandbox)
        make_bucket(self.sandbox, "acme-second", "us-east-1")

    def plant(self) -> None:
        self.sandbox.client("s3").put_bucket_lifecycle_configuration(
            Bucket=BUCKET,
            LifecycleConfiguration={"Rules": [*self.sandbox.buckets.rules(BUCKET), *RICH_RULES]},
            TransitionDefaultMinimumObjectSize="varies_by_storage_class",
        )

    def foreign(self) -> object:
        config = self.sandbox.buckets.config(BUCKET)
        rules = [rule for rule in config.rules or () if not rule["ID"].startswith("daylily-")]
        return [*rules, config.minimum_size_mode]


class BudgetWorld(InSandbox):
    make, services, resource = Budgets, ("budgets",), "daylily-cust_abc123-monthly"
    owner = ACME
    changed = with_budget("2000.50", alert(60, "new@acme.com", sns=""), alert(80, "billing@acme.com", "ops@acme.com"))
    bystander = replace(ACME, customer_id="cust_other")

    def prepare(self) -> None:
        topics = AlertTopics(context(self.sandbox))
        Life(topics).put(OWN_ACCOUNT)

    def plant(self) -> None:
        self.sandbox.client("budgets", "us-east-1").create_budget(
            AccountId=ACCOUNT,
            Budget={
                "BudgetName": "finance-quarterly",
                "BudgetType": "COST",
                "TimeUnit": "QUARTERLY",
                "BudgetLimit": {"Amount": "90000", "Unit": "USD"},
            },
            NotificationsWithSubscribers=[self._their_alert()],
        )

    def plant_on_ours(self) -> None:
        client, place = self.sandbox.client("budgets", "us-east-1"), {"AccountId": ACCOUNT, "BudgetName": self.resource}
        client.create_notification(**place, **self._their_alert())
        at_80 = {"NotificationType": "ACTUAL", "ComparisonOperator": "GREATER_THAN", "Threshold": 80.0}
        them = {"SubscriptionType": "EMAIL", "Address": "cfo@elsewhere.com"}
        client.create_subscriber(**place, Notification=at_80, Subscriber=them)

    def foreign(self) -> object:
        ours = self.sandbox.budgets.find(ACCOUNT, self.resource)
        alerts = ours.alerts if ours else {}
        theirs = {
            alert: [one for one in subscribers if one.address.endswith("elsewhere.com")]
            for alert, subscribers in alerts.items()
        }
        return self.foreign_once_deleted(), {alert: found for alert, found in theirs.items() if found}

    def foreign_once_deleted(self) -> object:
        """Alerts live on a budget and go with it; other budgets stay."""
        return self.sandbox.budgets.find(ACCOUNT, "finance-quarterly")

    def do_the_rest(self, life: Life) -> None:
        """The account-wide reading, and an alert that comes beside those that stay."""
        life.put(with_budget(1000, alert(50, "a@acme.com")))
        life.put(with_budget(1000, alert(50, "a@acme.com"), alert(70, "b@acme.com")))
        life.put(with_budget(1000, alert(50, "c@acme.com", "d@acme.com")))
        for number in range(5):
            life.remember(f"missing-{number}", None)
        life.look(self.owner)

    @staticmethod
    def _their_alert() -> dict[str, Any]:
        return {
            "Notification": {
                "NotificationType": "FORECASTED",
                "ComparisonOperator": "GREATER_THAN",
                "Threshold": 400.0,
                "ThresholdType": "ABSOLUTE_VALUE",
            },
            "Subscribers": [{"SubscriptionType": "EMAIL", "Address": "finance@elsewhere.com"}],
        }


class TopicWorld(InSandbox):
    make, services, resource = AlertTopics, ("sns",), TOPIC
    owner = OWN_ACCOUNT
    changed = replace(OWN_ACCOUNT, generation="other settings, the same statement")
    bystander = replace(OWN_ACCOUNT, topic_name="second-topic")

    def plant(self) -> None:
        client = self.sandbox.client("sns")
        client.create_topic(Name=OWN_ACCOUNT.topic_name)
        policy = json.loads(client.get_topic_attributes(TopicArn=TOPIC)["Attributes"]["Policy"])
        policy |= {"Version": "2008-10-17", "Id": "platform"}
        policy["Statement"] += [
            {
                "Sid": "pager",
                "Effect": "Allow",
                "Principal": {"AWS": ["arn:aws:iam::222222222222:root"]},
                "Action": ["SNS:Subscribe", "SNS:Receive"],
                "Resource": TOPIC,
                "Condition": {"StringLike": {"sns:Endpoint": "*@${aws:PrincipalOrgID}"}},
            }
        ]
        client.set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=json.dumps(policy))
        client.set_topic_attributes(TopicArn=TOPIC, AttributeName="DisplayName", AttributeValue="Spend")
        client.subscribe(TopicArn=TOPIC, Protocol="email", Endpoint="ops@elsewhere.com")

    def foreign(self) -> object:
        client = self.sandbox.client("sns")
        attributes = client.get_topic_attributes(TopicArn=TOPIC)["Attributes"]
        policy = json.loads(attributes.pop("Policy"))
        others = [one for one in policy.pop("Statement") if one.get("Sid") != SID]
        subscriptions = client.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]
        return attributes, json.dumps([policy, others]), subscriptions


class CostTagWorld(InSandbox):
    make, services = CostAllocationTags, ("ce",)
    owner = replace(OWN_ACCOUNT, tag_keys=("daylily:customer_id",))
    changed = OWN_ACCOUNT
    bystander = None

    def prepare(self) -> None:
        self.sandbox.cost.sees_tag_keys(ACCOUNT, OWN_ACCOUNT.tag_keys)

    def plant(self) -> None:
        self.sandbox.cost.sees_tag_keys(ACCOUNT, ["team"], active=True)
        self.sandbox.cost.sees_tag_keys(ACCOUNT, ["project"])

    def foreign(self) -> object:
        found = self.sandbox.client("ce", "us-east-1").list_cost_allocation_tags(MaxResults=1000)
        return [tag for tag in found["CostAllocationTags"] if not tag["TagKey"].startswith("daylily:")]


class ToyWorld(World):
    """The toy kind, in its dict."""

    owner = replace(ACME, quota_gib=5000)
    changed = replace(ACME, quota_gib=6000)
    bystander = replace(ACME, quota_gib=1, buckets=(Bucket("acme-second", REGION),))
    name = f"daylily-{BUCKET}-size"

    def __init__(self, _: Sandbox) -> None:
        self.cloud = Cloud()
        self.kind = SizeAlarms(self.cloud)

    def plant(self) -> None:
        self.cloud.alarms["cpu"] = {"threshold": "80"}

    def foreign(self) -> object:
        return {name: alarm for name, alarm in self.cloud.alarms.items() if name != self.name}

    def refuse(self) -> None:
        self.cloud.failing["DescribeAlarms"] = PermanentFailure("no", code="AccessDenied")

    def throttle(self) -> None:
        self.cloud.failing["DescribeAlarms"] = TransientFailure("slowly", code="Throttling")

    cut = throttle

    def lose_answer(self, number: int) -> None:
        """A dict loses nothing."""

    def break_the_owner(self) -> None:
        self.cloud.failing[self.name] = PermanentFailure("no", code="AccessDenied")

    def mend(self) -> None:
        self.cloud.failing.clear()

    def forget_calls(self) -> None:
        self.cloud.log.clear()

    def calls(self) -> list[str]:
        return list(self.cloud.log)

    def writes(self) -> list[str]:
        return [call for call in self.cloud.log if not call.endswith("DescribeAlarms")]


WORLDS: dict[Any, Callable[[Sandbox], World]] = {
    AlertTopics: TopicWorld,
    CostAllocationTags: CostTagWorld,
    CustomerRecords: RecordWorld,
    BucketTagging: TagWorld,
    BucketLifecycle: LifecycleWorld,
    Budgets: BudgetWorld,
    SizeAlarms: ToyWorld,
}

ALL_KINDS = (*kinds.KINDS, SizeAlarms)
