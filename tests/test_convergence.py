"""The promise of the tool, over generated manifests on the local AWS.

After any apply the plan is empty, a second apply makes no writing call, and what belongs to others is as it was.
"""

import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from controller.bootstrap import build, home_door
from controller.domain.customer import Customer, Origin
from controller.domain.manifest import CustomerManifest
from controller.domain.resolve import resolve
from controller.domain.settings import SafetySettings, Settings
from controller.fleet import Desired, Fleet, FleetPlan, Result, Unheld
from controller.sandbox import Sandbox
from controller.store.tables import make
from tests.generated_customers import BUCKETS, fleets

ACCOUNT = "123456789012"
POWERS = ("last-email", "new-expiry", "shorter-expiry")
UNGUARDED = SafetySettings(max_change_percent=Decimal(100), max_remove_percent=Decimal(100), allow=POWERS)
SETTINGS = Settings(settle_seconds=0, safety=UNGUARDED)
FOREIGN_RULES = [
    {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "reports/"}, "Expiration": {"Days": 3650}},
    {
        "ID": "sized",
        "Status": "Disabled",
        "Filter": {"And": {"Prefix": "x/", "ObjectSizeGreaterThan": 131072}},
        "Transitions": [{"Days": 10, "StorageClass": "GLACIER_IR"}],
    },
]
FOREIGN_TAGS = [{"Key": "Owner", "Value": "platform-team"}, {"Key": "empty", "Value": ""}]


@pytest.fixture(scope="module")
def fleet(running_sandbox: Sandbox) -> Iterator[Fleet]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "RECONCILE_"))]:
            patch.delenv(name)
        for name, value in running_sandbox.environment().items():
            patch.setenv(name, value)
        yield build(SETTINGS, Origin(), clock=running_sandbox.now, full=True).fleet


def fresh_world(sandbox: Sandbox) -> None:
    """An account with buckets that others use too, and our tables."""
    sandbox.reset()
    s3 = sandbox.client("s3")
    for name in BUCKETS:
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": FOREIGN_TAGS})
        s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": FOREIGN_RULES})
        sandbox.buckets.add_system_tag(name, "aws:cloudformation:stack-name", "theirs")
    sandbox.cost.sees_tag_keys(ACCOUNT, ["daylily:customer_id", "daylily:cost_center"])
    list(make(home_door(SETTINGS), SETTINGS.tables))


def customers(documents: list[dict[str, Any]]) -> tuple[Customer, ...]:
    parsed = (CustomerManifest.model_validate(document) for document in documents)
    return tuple(resolve(manifest, SETTINGS, Origin()) for manifest in parsed)


def apply(fleet: Fleet, documents: list[dict[str, Any]]) -> tuple[Result, ...]:
    return fleet.apply(plan(fleet, documents), Unheld(), prune=True)


def plan(fleet: Fleet, documents: list[dict[str, Any]]) -> FleetPlan:
    return fleet.plan(Desired(customers(documents)))


def changes(fleet_plan: FleetPlan) -> list[str]:
    return [f"{change.action} {change.key}" for one in fleet_plan.plans for change in one.changes]


def foreign(sandbox: Sandbox) -> dict[str, Any]:
    """What belongs to others on every bucket, as AWS gives it."""
    s3 = sandbox.client("s3")
    found = {}
    for name in BUCKETS:
        tags = s3.get_bucket_tagging(Bucket=name)["TagSet"]
        rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        found[name] = (
            [tag for tag in tags if not tag["Key"].startswith("daylily:")],
            [rule for rule in rules if not rule["ID"].startswith("daylily-")],
        )
    return found


def converge(sandbox: Sandbox, fleet: Fleet, documents: list[dict[str, Any]]) -> None:
    """One apply of these manifests, and all that must be true after it."""
    results = apply(fleet, documents)
    failures = [str(o.failure) for r in results for o in r.outcomes if o.failure]
    failures += [str(unknown.failure) for r in results for unknown in r.plan.unread]
    assert failures == []

    after = plan(fleet, documents)
    assert changes(after) == [], "after an apply the plan is empty"
    assert after.orphans == ()

    sandbox.clear_requests()
    apply(fleet, documents)
    assert [f"{one.service}:{one.operation}" for one in sandbox.requests if one.writes] == []


def check_convergence(
    sandbox: Sandbox, fleet: Fleet, first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    fresh_world(sandbox)
    theirs = foreign(sandbox)

    converge(sandbox, fleet, first)
    converge(sandbox, fleet, second)
    converge(sandbox, fleet, first)

    assert foreign(sandbox) == theirs


unhurried = settings(
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # each example takes a second: shrinking would take many minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large],
)


@settings(unhurried, max_examples=20)
@given(first=fleets(), second=fleets())
def test_after_any_apply_the_plan_is_empty_and_a_second_apply_writes_nothing(
    running_sandbox: Sandbox, fleet: Fleet, first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    check_convergence(running_sandbox, fleet, first, second)


@pytest.mark.exhaustive
@settings(unhurried, max_examples=300)
@given(first=fleets(), second=fleets())
def test_the_same_over_hundreds_of_pairs_of_fleets(
    running_sandbox: Sandbox, fleet: Fleet, first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    check_convergence(running_sandbox, fleet, first, second)


MEDDLING = (
    "tag changed",
    "tags deleted",
    "rules deleted",
    "rule changed",
    "limit changed",
    "alert deleted",
    "budget deleted",
)


def meddle(sandbox: Sandbox, what: str, documents: list[dict[str, Any]]) -> None:
    """One change by hand to the first customer, with plain boto3; where there is nothing to change, none."""
    spec = documents[0]["spec"]
    bucket, budget = spec["storage"]["buckets"][0]["name"], f"daylily-{spec['customerId']}-monthly"
    s3, budgets = sandbox.client("s3"), sandbox.client("budgets")
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    there = {one["BudgetName"]: one for one in budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"]}.get(budget)
    if what == "tag changed":
        changed = [{**tag, "Value": "by hand"} if tag["Key"] == "daylily:customer_id" else tag for tag in tags]
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": changed})
    elif what == "tags deleted":
        kept = [tag for tag in tags if not tag["Key"].startswith("daylily:")]
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": kept})
    elif what == "rules deleted":
        s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": FOREIGN_RULES})
    elif what == "rule changed":
        changed = [{**rule, "Status": "Disabled"} for rule in rules if rule["ID"] not in ("theirs", "sized")]
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket, LifecycleConfiguration={"Rules": [*FOREIGN_RULES, *changed]}
        )
    elif there and what == "limit changed":
        new = {key: value for key, value in there.items() if key not in ("CalculatedSpend", "LastUpdatedTime")}
        budgets.update_budget(AccountId=ACCOUNT, NewBudget={**new, "BudgetLimit": {"Amount": "77", "Unit": "USD"}})
    elif there and what == "budget deleted":
        budgets.delete_budget(AccountId=ACCOUNT, BudgetName=budget)
    elif there and what == "alert deleted":
        alerts = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName=budget)["Notifications"]
        for alert in alerts[:1]:
            alert.pop("NotificationState", None)
            budgets.delete_notification(AccountId=ACCOUNT, BudgetName=budget, Notification=alert)


@settings(unhurried, max_examples=20)
@given(documents=fleets(), what=st.sampled_from(MEDDLING))
def test_a_change_made_by_hand_is_found_called_drift_and_put_back(
    running_sandbox: Sandbox, fleet: Fleet, documents: list[dict[str, Any]], what: str
) -> None:
    fresh_world(running_sandbox)
    converge(running_sandbox, fleet, documents)
    desired = ours(running_sandbox)

    meddle(running_sandbox, what, documents)

    found = [change for one in plan(fleet, documents).plans for change in one.changes]
    assert bool(found) == (ours(running_sandbox) != desired)
    assert all(change.drift for change in found)
    converge(running_sandbox, fleet, documents)
    assert ours(running_sandbox) == desired


def ours(sandbox: Sandbox) -> dict[str, Any]:
    """Everything on the buckets and in the budgets, but for what AWS counts by itself."""
    s3, budgets = sandbox.client("s3"), sandbox.client("budgets")
    world: dict[str, Any] = {}
    for name in BUCKETS:
        tags = s3.get_bucket_tagging(Bucket=name)["TagSet"]
        rules = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        world[name] = (sorted(map(str, tags)), sorted(map(str, rules)))
    for budget in budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"]:
        name = budget["BudgetName"]
        alerts = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName=name)["Notifications"]
        world[name] = (budget["BudgetLimit"], budget.get("CostFilters"), sorted(map(str, alerts)))
    return world
