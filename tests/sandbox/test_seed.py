"""The seeded world is the one that the example manifests expect."""

from decimal import Decimal
from typing import Any

import pytest

from controller.sandbox import Sandbox
from controller.sandbox.seed import BUCKETS, seed
from tests.sandbox.world import ACCOUNT


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


def test_the_last_closed_month_of_acme_is_the_design_documents(seeded: Sandbox) -> None:
    [february] = costs(seeded, "2026-02-01", "2026-03-01")
    amounts = {
        g["Keys"][0].partition("$")[2]: Decimal(g["Metrics"]["UnblendedCost"]["Amount"]) for g in february["Groups"]
    }
    assert amounts["cust_abc123"] == Decimal("367.97")
    assert amounts.keys() == {"", "cust_abc123", "cust_beta01", "cust_gamma7"}


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
