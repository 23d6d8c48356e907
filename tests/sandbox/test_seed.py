"""The seeded world is the one that the example manifests expect."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from controller.sandbox import Sandbox
from controller.sandbox.seed import BUCKETS, seed
from controller.sandbox.seed_worksets import TABLE
from tests.sandbox.world import ACCOUNT, budget


@pytest.fixture
def seeded(sandbox: Sandbox) -> Sandbox:
    seed(sandbox)
    return sandbox


def test_every_bucket_is_in_its_region_with_nothing_on_it_that_is_not_in_the_table(seeded: Sandbox) -> None:
    for bucket in BUCKETS:
        assert seeded.buckets.find(bucket.name).region == bucket.region
        assert seeded.buckets.tags(bucket.name) == {**bucket.tags, **bucket.system_tags}
        assert list(seeded.buckets.rules(bucket.name)) == list(bucket.rules)


def test_acme_has_a_legacy_rule_and_beta_has_the_bare_rules_of_old(seeded: Sandbox) -> None:
    s3 = seeded.client("s3")
    [legacy] = s3.get_bucket_lifecycle_configuration(Bucket="daylily-customer-acme-genomics")["Rules"]
    assert (legacy["ID"], legacy["Prefix"]) == ("archive-reports", "reports/")
    beta = s3.get_bucket_lifecycle_configuration(Bucket="daylily-customer-beta-bio")
    assert {rule["ID"] for rule in beta["Rules"]} == {"TransitionToIA", "DeleteOldLogs"}
    assert beta["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"


def costs(seeded: Sandbox, start: str, end: str) -> list[dict[str, Any]]:
    answer = seeded.client("ce", "us-east-1").get_cost_and_usage(
        TimePeriod={"Start": start, "End": end},
        Granularity="MONTHLY",
        Metrics=["UnblendedCost"],
        GroupBy=[{"Type": "TAG", "Key": "daylily:customer_id"}],
    )
    results: list[dict[str, Any]] = answer["ResultsByTime"]
    return results


def by_customer(month: dict[str, Any]) -> dict[str, Decimal]:
    return {
        group["Keys"][0].partition("$")[2]: Decimal(group["Metrics"]["UnblendedCost"]["Amount"])
        for group in month["Groups"]
    }


def test_the_last_closed_month_of_acme_is_the_design_documents(seeded: Sandbox) -> None:
    [february] = costs(seeded, "2026-02-01", "2026-03-01")
    amounts = by_customer(february)
    assert amounts["cust_abc123"] == Decimal("367.97")
    assert amounts.keys() == {"", "cust_abc123", "cust_beta01", "cust_gamma7"}


def test_january_2024_is_the_design_documents_whatever_day_it_is(seeded: Sandbox) -> None:
    [january] = costs(seeded, "2024-01-01", "2024-02-01")
    assert by_customer(january) == {"cust_abc123": Decimal("367.97")}


def worksets(seeded: Sandbox, customer: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = seeded.client("dynamodb").query(
        TableName=TABLE,
        IndexName="customer-id-state-index",
        KeyConditionExpression="customer_id = :customer",
        ExpressionAttributeValues={":customer": {"S": customer}},
    )["Items"]
    return found


def test_acmes_worksets_of_january_2024_are_the_design_documents(seeded: Sandbox) -> None:
    acme = [item for item in worksets(seeded, "cust_abc123") if item["workset_id"]["S"].startswith("ws-")]
    states = Counter(item["state"]["S"] for item in acme)
    assert states == {"complete": 15, "failed": 2, "ready": 1}
    first = next(item for item in acme if item["workset_id"]["S"] == "ws-001")
    assert first["total_compute_cost_usd"] == {"N": "18.50"}


def test_worksets_run_today_and_none_completes_in_the_future(seeded: Sandbox) -> None:
    now = seeded.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    everything = [
        item for customer in ("cust_abc123", "cust_beta01", "cust_gamma7") for item in worksets(seeded, customer)
    ]
    assert {item["customer_id"]["S"] for item in everything if item["state"]["S"] == "in_progress"} == {
        "cust_abc123",
        "cust_beta01",
    }
    entries = [entry["M"]["timestamp"]["S"] for item in everything for entry in item["state_history"]["L"]]
    assert max(entries) <= now


def test_spend_of_a_budget_is_what_the_bill_says(seeded: Sandbox) -> None:
    budgets = seeded.client("budgets", "us-east-1")
    for customer in ("cust_abc123", "cust_beta01", "cust_delta3"):
        filters = {"TagKeyValue": [f"user:daylily:customer_id${customer}"]}
        budgets.create_budget(AccountId=ACCOUNT, Budget=budget(customer, CostFilters=filters))
    seeded.budgets.refresh()
    spent = {
        one["BudgetName"]: Decimal(one["CalculatedSpend"]["ActualSpend"]["Amount"])
        for one in budgets.describe_budgets(AccountId=ACCOUNT)["Budgets"]
    }
    [march] = costs(seeded, "2026-03-01", "2026-04-01")
    billed = by_customer(march)
    assert spent == {name: billed.get(name, 0) for name in ("cust_abc123", "cust_beta01", "cust_delta3")}


def test_there_are_six_months_and_the_current_one_ends_today(seeded: Sandbox) -> None:
    months = costs(seeded, "2025-09-01", "2026-04-01")
    assert [bool(month["Groups"]) for month in months] == [False, *[True] * 6]
    [tomorrow] = costs(seeded, "2026-03-01", "2026-04-01")
    [today] = costs(seeded, "2026-03-01", "2026-03-21")
    assert tomorrow["Groups"] == today["Groups"]


def test_billing_counts_by_customer_and_has_met_cost_center(seeded: Sandbox) -> None:
    tags = seeded.client("ce", "us-east-1").list_cost_allocation_tags()["CostAllocationTags"]
    assert {tag["TagKey"]: tag["Status"] for tag in tags} == {
        "daylily:customer_id": "Active",
        "daylily:cost_center": "Inactive",
    }
    assert seeded.cost.active_keys(ACCOUNT) == {"daylily:customer_id"}


def test_seeding_is_not_in_the_request_log(seeded: Sandbox) -> None:
    assert seeded.requests == ()
