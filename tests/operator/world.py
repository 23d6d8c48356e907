"""A cluster and an AWS that belong together: what the tests put there, and what they find there."""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from controller.domain.custom_resource import FINALIZER
from controller.domain.resource_status import ResourceStatus
from controller.sandbox import Request, Sandbox
from tests.cluster import Cluster, Object
from tests.operator.running import PATIENCE, eventually

ACCOUNT = "123456789012"
THEIR_TAGS = {"Owner": "platform-team"}
THEIR_RULE = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "reports/"}, "Expiration": {"Days": 3650}}
BUDGET = {"monthlyLimit": 500, "alerts": [{"atPercent": 80, "notify": ["email"]}]}
LIFECYCLE = {
    "transitions": [{"prefix": "results/", "toIaDays": 30, "toGlacierDays": 90}],
    "expirations": [],
    "abortIncompleteUploadsDays": 7,
}


def manifest(name: str, **spec: Any) -> Object:
    """A customer with one bucket, a budget, and rules that delete nothing."""
    return {
        "apiVersion": "billing.daylily.io/v1alpha1",
        "kind": "Customer",
        "metadata": {"name": name},
        "spec": {
            "customerId": name,
            "displayName": name.title(),
            "email": f"admin@{name}.example",
            "storage": {"buckets": [{"name": bucket(name), "region": "us-west-2"}], "lifecycle": LIFECYCLE},
            "budget": BUDGET,
            **spec,
        },
    }


def bucket(name: str) -> str:
    return f"{name}-bucket"


def budget(name: str) -> str:
    return f"daylily-{name}-monthly"


_REQUESTS = itertools.count()


@dataclass(frozen=True, slots=True)
class World:
    cluster: Cluster
    sandbox: Sandbox

    # What a person does

    def has_bucket(self, name: str) -> None:
        """The bucket of a customer, with a tag and a rule of somebody else."""
        s3 = self.sandbox.client("s3")
        s3.create_bucket(Bucket=bucket(name), CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        tags = [{"Key": key, "Value": value} for key, value in THEIR_TAGS.items()]
        s3.put_bucket_tagging(Bucket=bucket(name), Tagging={"TagSet": tags})
        s3.put_bucket_lifecycle_configuration(Bucket=bucket(name), LifecycleConfiguration={"Rules": [THEIR_RULE]})

    def add(self, name: str, **spec: Any) -> Object:
        """A customer with its bucket."""
        self.has_bucket(name)
        return self.cluster.create(manifest(name, **spec))

    def change(self, name: str, **spec: Any) -> None:
        self.cluster.patch("customers", name, {"spec": spec})

    def annotate(self, name: str, **annotations: str | None) -> None:
        """With annotations of ours: `requestedAt`, `paused`, `release`."""
        notes = {f"billing.daylily.io/{key}": value for key, value in annotations.items()}
        self.cluster.patch("customers", name, {"metadata": {"annotations": notes}})

    def ask(self, name: str) -> None:
        """Ask for a pass, and wait for its end: it began after now."""
        wanted = f"request {next(_REQUESTS)}"
        self.annotate(name, requestedAt=wanted)
        self.wait(name, lambda one: status_of(one).get("lastHandledReconcileAt") == wanted)

    # What stands in the cluster

    def get(self, name: str) -> Object:
        return self.cluster.get("customers", name)

    def status(self, name: str) -> dict[str, Any]:
        """The status, which must be as its model says."""
        found: dict[str, Any] = self.get(name).get("status", {})
        model = ResourceStatus.model_validate_json(json.dumps(found))
        assert model.model_dump(mode="json", by_alias=True, exclude_none=True) == found
        return found

    def condition(self, name: str, kind: str = "Ready") -> tuple[str, str]:
        """Its status and its reason; ("", "") where there is none."""
        return condition(self.get(name), kind)

    def wait(self, name: str, until: Callable[[Object], bool]) -> Object:
        found = self.cluster.wait("customers", name, lambda one: one is not None and until(one), timeout=PATIENCE)
        assert found is not None
        return found

    def wait_for(self, name: str, status: str, reason: str = "", kind: str = "Ready") -> Object:
        """Until this condition is of this generation, with this status and, where one is given, for this reason."""

        def is_told(one: Object) -> bool:
            found = condition(one, kind)
            return found[0] == status and reason in ("", found[1]) and is_current(one)

        return self.wait(name, is_told)

    def wait_ready(self, *names: str) -> None:
        for name in names:
            self.wait_for(name, "True")

    def eventually(self, look: Callable[[], bool]) -> None:
        """Something about the cluster or AWS."""
        eventually(look)

    def wait_gone(self, name: str) -> None:
        self.cluster.wait("customers", name, lambda one: one is None, timeout=PATIENCE)

    def exists(self, name: str) -> bool:
        return any(one["metadata"]["name"] == name for one in self.cluster.list("customers"))

    def has_finalizer(self, name: str) -> bool:
        return FINALIZER in self.get(name)["metadata"].get("finalizers", [])

    def events(self, name: str) -> list[str]:
        """The reasons of its Events, each as often as there are."""
        return sorted(one["reason"] for one in self.cluster.list("events") if one["involvedObject"]["name"] == name)

    def wait_for_event(self, name: str, reason: str) -> None:
        eventually(lambda: reason in self.events(name))

    def messages(self, name: str, reason: str) -> list[str]:
        found = [one for one in self.cluster.list("events") if one["involvedObject"]["name"] == name]
        return [one["message"] for one in found if one["reason"] == reason]

    # What stands in AWS

    @property
    def writes(self) -> list[str]:
        """The writing calls since `sandbox.clear_requests`, those for the lease included."""
        return [f"{one.service}:{one.operation}" for one in self.sandbox.requests if one.writes]

    def calls(self, operation: str) -> list[Request]:
        return [one for one in self.sandbox.requests if one.operation == operation]

    def tags(self, name: str) -> dict[str, str]:
        found = self.sandbox.client("s3").get_bucket_tagging(Bucket=bucket(name))["TagSet"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def rules(self, name: str) -> list[str]:
        """The ids of the lifecycle rules on the bucket."""
        found = self.sandbox.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket(name))["Rules"]
        return sorted(rule["ID"] for rule in found)

    def limit(self, name: str) -> str:
        """Limit of the budget; empty where there is no budget."""
        found = self.sandbox.budgets.find(ACCOUNT, budget(name))
        return str(found.fields["BudgetLimit"]["Amount"]) if found else ""

    def record(self, customer_id: str) -> dict[str, Any]:
        """The customer record as DynamoDB has it; empty where there is none."""
        table = self.sandbox.client("dynamodb").scan(TableName="daylily-customers")
        return next((one for one in table["Items"] if one["customer_id"] == {"S": customer_id}), {})

    def stored(self) -> set[str]:
        """The customers that the store has a status of."""
        items = self.sandbox.client("dynamodb").scan(TableName="daylily-billing")["Items"]
        statuses = {item["owner"]["S"] for item in items if item["record"]["S"] == "status"}
        return {owner for owner in statuses if not owner.startswith("account/")}

    def leases_held(self) -> list[str]:
        items = self.sandbox.client("dynamodb").scan(TableName="daylily-billing")["Items"]
        return [item["owner"]["S"] for item in items if item["record"]["S"] == "lease" and "token" in item]

    def has_nothing_of(self, name: str) -> bool:
        """Whether AWS has nothing of ours of this customer, whose record may be closed.

        What is somebody else's must be there in any case.
        """
        assert THEIR_TAGS.items() <= self.tags(name).items()
        assert "theirs" in self.rules(name)
        ours = [*(self.tags(name).keys() - THEIR_TAGS.keys()), *(set(self.rules(name)) - {"theirs"})]
        record = self.record(name)
        return not ours and not self.limit(name) and (not record or "closed_at" in record)


def status_of(found: Object) -> dict[str, Any]:
    """The status, {} where there is none, or one that is none."""
    status = found.get("status")
    return status if isinstance(status, dict) else {}


def condition(found: Object, kind: str = "Ready") -> tuple[str, str]:
    for one in conditions(found):
        if one["type"] == kind:
            return one["status"], one["reason"]
    return "", ""


def message(found: Object, kind: str = "Ready") -> str:
    return next((str(one["message"]) for one in conditions(found) if one["type"] == kind), "")


def conditions(found: Object) -> Sequence[dict[str, Any]]:
    """Those that are any."""
    listed = status_of(found).get("conditions", ())
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def is_current(found: Object) -> bool:
    """Whether the status is about the spec as it is now."""
    generation: int = found["metadata"]["generation"]
    return bool(status_of(found).get("observedGeneration") == generation)
