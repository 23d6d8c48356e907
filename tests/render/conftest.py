"""Plans built from values by hand, and golden files: expected texts compared to the letter."""

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.domain.customer import Account, Customer, Origin, Place
from controller.domain.kind import Note
from controller.domain.outcome import Outcome
from controller.domain.plan import Change, Held, InSync, Kept, Plan, PlannedField, Unread
from controller.domain.resource import Key
from controller.domain.status import Condition, Entry, Figures, Status, Wait
from controller.errors import AccountFailure, PermanentFailure, TransientFailure
from controller.fleet import FleetPlan, Orphan, Result
from controller.reconcile import Case

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
GOLDEN = Path(__file__).parent / "golden"

ACCOUNT = Account("default", "123456789012", "us-west-2")
TAGS, BUDGET, RULES, RECORD = "bucket_tags", "budget", "bucket_lifecycle", "customer_record"


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compares a text with its golden file; UPDATE_GOLDEN=1 rewrites the file instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("UPDATE_GOLDEN"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


def customer(name: str, customer_id: str, file: str = "", **more: Any) -> Customer:
    file = file or f"customers/{name}.yaml"
    origin = Origin({"": Place(file, 1, 1)})
    return Customer(name, customer_id, name, "admin@acme.com", origin=origin, **more)


def tags(bucket: str) -> Key:
    return Key(TAGS, f"daylily-customer-{bucket}")


def budget(customer_id: str) -> Key:
    return Key(BUDGET, f"daylily-{customer_id}-monthly")


def fleet_plan(
    plans: Iterable[Plan], orphans: Sequence[Orphan] = (), elsewhere: int = 0, cases: Iterable[Case] = ()
) -> FleetPlan:
    return FleetPlan(tuple(plans), tuple(orphans), elsewhere, "prod", NOW, {case.owner.id: case for case in cases})


def in_sync(name: str, customer_id: str, verified_at: datetime | None = None) -> Plan:
    keys = (Key(RECORD, customer_id), tags(name), budget(customer_id))
    return Plan(customer(name, customer_id), in_sync=tuple(InSync(key, None, verified_at) for key in keys))


def acme() -> Plan:
    """A customer with each sort of change: intent, drift, a removal, a danger, and things of others."""
    file = "customers/acme.yaml"
    return Plan(
        customer("acme-genomics", "cust_abc123", file),
        changes=(
            Change(
                tags("acme-genomics"),
                "update",
                (
                    PlannedField(
                        ("tags", "daylily:cost_center"), "CC-GENOMICS-001", "CC-GENOMICS-002", "intent", f"{file}:11"
                    ),
                    PlannedField(("tags", "daylily:environment"), "test", "production", "drift", f"{file}:9"),
                    PlannedField(("tags", "daylily:service"), None, "daylily-worksets", "drift"),
                ),
            ),
            Change(
                Key(RULES, "daylily-customer-acme-genomics"),
                "update",
                (
                    PlannedField(
                        ("rules", "daylily-DeleteOldLogs", "prefix"), "logs/", "logs/2026/", "intent", f"{file}:21"
                    ),
                ),
                (Note("objects under logs/2026/ will be deleted for good at 90 days", "danger"),),
            ),
            Change(
                budget("cust_abc123"),
                "update",
                (
                    PlannedField(("alerts", "ACTUAL > 50 %"), None, "email ops@acme.com", "intent", f"{file}:27"),
                    PlannedField(("alerts", "ACTUAL > 90 %"), "email old@acme.com", None),
                    PlannedField(("limit",), "500", "1000.50", "intent", f"{file}:24"),
                ),
                (Note("spend so far 322.34 USD: 64.5 % of 500.00 USD -> 32.2 % of 1,000.50 USD"),),
            ),
            Change(tags("acme-old"), "delete", (PlannedField(("tags", "daylily:customer_id"), "cust_abc123", None),)),
        ),
        in_sync=(InSync(Key(RECORD, "cust_abc123"), None, NOW - timedelta(hours=20)),),
        kept=(
            Kept(tags("acme-genomics"), ("tag Owner", "tag backup")),
            Kept(budget("cust_abc123"), tuple(f"alert ACTUAL > {n} %" for n in range(10, 19))),
        ),
    )


def beta() -> Plan:
    """A new customer, one bucket of which was tagged before."""
    file = "customers/beta.yaml"
    tag = [("daylily:cost_center", "BETA-1"), ("daylily:customer_id", "cust_beta01"), ("daylily:service", "worksets")]
    return Plan(
        customer("beta-bio", "cust_beta01", file),
        changes=(
            Change(
                Key(RECORD, "cust_beta01"),
                "create",
                (
                    PlannedField(("bucket_names",), None, "beta-raw", "intent", f"{file}:14"),
                    PlannedField(("bucket_names",), None, "beta-results", "intent", f"{file}:15"),
                    PlannedField(("customer_name",), None, "Beta Bio", "intent", f"{file}:6"),
                ),
            ),
            Change(
                tags("beta-bio"),
                "create",
                tuple(PlannedField(("tags", key), None, value, "intent", f"{file}:8") for key, value in tag),
            ),
            Change(
                budget("cust_beta01"),
                "create",
                (
                    PlannedField(("alerts", "ACTUAL > 80 %"), None, "EMAIL ops@beta.bio", "intent", f"{file}:20"),
                    PlannedField(("limit",), None, "250", "intent", f"{file}:18"),
                    PlannedField(("unit",), None, "USD"),
                ),
            ),
        ),
    )


def gamma() -> Plan:
    """Adoptions, one as it is and one with changes; something that waits, settles and cannot be read."""
    denied = PermanentFailure(
        "AccessDenied: not allowed to see it",
        code="AccessDenied",
        operation="s3:GetBucketTagging",
        resource="daylily-customer-gamma",
        advice="See schemas/iam-policy.json for the permissions that are needed.",
    )
    return Plan(
        customer("gamma", "cust_gamma"),
        changes=(
            Change(Key(RECORD, "cust_gamma"), "adopt"),
            Change(
                Key(RULES, "daylily-customer-gamma"),
                "adopt",
                (PlannedField(("rules", "TransitionToIA", "prefix"), "results/", None),),
            ),
        ),
        waiting=(Held(Key("cost_allocation_tags", "daylily:customer_id"), "billing has not seen this key yet"),),
        settling=(Held(budget("cust_gamma"), "AWS may still answer with what we replaced; until 06:00:30 UTC"),),
        unread=(Unread(tags("gamma"), denied),),
    )


def locked_out(number: int, failure: AccountFailure | None = None) -> Plan:
    """A customer of an account whose credentials have expired."""
    expired = failure or AccountFailure(
        "ExpiredToken: the token has expired",
        code="ExpiredToken",
        operation="budgets:DescribeBudgets",
        advice="Renew the credentials of this account.",
    )
    owner = customer(f"lab-{number:04}", f"cust_lab{number:04}", account="second")
    return Plan(owner, unread=(Unread(tags(owner.name), expired), Unread(budget(owner.id), expired)))


def status(name: str, customer_id: str, *keys: Key, **more: Any) -> Status:
    entries = tuple(Entry(key.kind, key.name, '{"secret": "applied state"}', NOW, NOW) for key in keys)
    return Status(customer_id, name, "default", "prod", inventory=entries, source=f"customers/{name}.yaml", **more)


def retained() -> Orphan:
    """The manifest is gone and the policy is Retain; of three keys one went to another customer."""
    keys = (tags("delta"), budget("cust_delta"), tags("moved"))
    owner = Customer("delta", "cust_delta", "delta", "")
    changes = tuple(Change(key, "delete", (PlannedField(("limit",), "100", None),)) for key in keys[:2])
    return Orphan(status("delta", "cust_delta", *keys), Plan(owner, changes, gone=(tags("moved"),)))


def deleted() -> Orphan:
    """The manifest is gone and the policy is Delete."""
    keys = (tags("epsilon"), budget("cust_epsilon"))
    owner = Customer("epsilon", "cust_epsilon", "epsilon", "", deletion_policy="Delete")
    changes = (
        Change(keys[1], "delete", (PlannedField(("limit",), "100", None),), (Note("nobody is told any more"),)),
        Change(keys[0], "delete", (PlannedField(("tags", "daylily:customer_id"), "cust_epsilon", None),)),
    )
    return Orphan(status("epsilon", "cust_epsilon", *keys, deletion_policy="Delete"), Plan(owner, changes))


def everything() -> FleetPlan:
    """A plan with one of each."""
    topic = Key("alert_topic", "daylily-budget-alerts")
    account = Plan(
        ACCOUNT, changes=(Change(topic, "create", (PlannedField(("name",), None, "daylily-budget-alerts"),)),)
    )
    paused = Plan(
        customer("zeta", "cust_zeta", suspend=True),
        changes=(Change(budget("cust_zeta"), "update", (PlannedField(("limit",), "1", "2"),)),),
    )
    plans = [account, acme(), beta(), gamma(), in_sync("eta", "cust_eta", NOW - timedelta(hours=3))]
    plans += [locked_out(number) for number in range(7)]
    return fleet_plan([*plans, paused], [retained(), deleted()], elsewhere=3)


def results(plan: FleetPlan) -> tuple[Result, ...]:
    """An apply of `everything` with a failure, a change not begun, a status not saved, and both ways to prune."""
    denied = PermanentFailure(
        "AccessDenied: no budgets:ModifyBudget",
        code="AccessDenied",
        operation="budgets:CreateBudget",
        resource="daylily-cust_beta01-monthly",
        advice="See schemas/iam-policy.json for the permissions that are needed.",
    )
    clash = TransientFailure("another run wrote in between")
    found = []
    for one in plan.plans:
        outcomes = [Outcome(change, seconds=0.4) for change in one.to_apply]
        if one.owner.id == "cust_beta01":
            outcomes[-1] = Outcome(one.to_apply[-1], denied, seconds=1.25)
        if one.owner.id == "cust_gamma":
            outcomes[-1] = Outcome(one.to_apply[-1], TransientFailure("not begun: the run ended before"), tried=False)
        found.append(Result(one, tuple(outcomes), clash if one.owner.id == "cust_abc123" else None))
    retain, delete = plan.orphans
    found.append(Result(Plan(retain.plan.owner, gone=retain.plan.gone), released=True))
    found.append(Result(delete.plan, tuple(Outcome(change, seconds=0.3) for change in delete.plan.changes)))
    return tuple(found)


def statuses() -> tuple[Status, ...]:
    """A customer with all figures, one without any, one that fails."""
    week = NOW - timedelta(days=7)
    good = Condition("Ready", "True", "Reconciled", "4 resources match", week)
    tags_wait = Condition("TagsActive", "False", "WaitingForAWS", "daylily:customer_id: not seen yet", week)
    bad = Condition("Ready", "False", "PermanentFailure", "s3:GetBucketTagging: NoSuchBucket", NOW)
    values = {"limit": "500.00", "actual": "499.80", "forecast": "1612.10", "currency": "USD"}
    key = budget("cust_abc123")
    return (
        status(
            "acme-genomics", "cust_abc123", tags("acme-genomics"), key,
            summary="in sync", conditions=(good, tags_wait), generation="9f2c" * 16, commit="a1b2c3d",
            waiting=(Wait("cost_allocation_tags", "daylily:customer_id", "billing has not seen it", week),),
            figures=(Figures(key.kind, key.name, values, NOW),), updated_at=NOW, plan_digest="4c1f" * 16,
        ),
        status("beta-bio", "cust_beta01", summary="in sync", conditions=(good,)),
        status("gamma", "cust_gamma", summary="1 failed", conditions=(bad,), last_error="the bucket is gone"),
    )  # fmt: skip
