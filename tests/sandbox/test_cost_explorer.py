"""Cost Explorer: costs by group, forecasts, and cost allocation tags with their day of waiting."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from controller.sandbox import LineItem, Sandbox
from tests.sandbox.world import ACCOUNT, OTHER, make_bucket, put_tags, refused

MARCH = {"Start": "2026-03-01", "End": "2026-04-01"}
BY_CUSTOMER = [{"Type": "TAG", "Key": "customer"}]


def ce(sandbox: Sandbox, account: str | None = None) -> Any:
    return sandbox.client("ce", "us-east-1", account)


def line(day: date, customer: str, amount: str, service: str = "EC2", account: str = ACCOUNT) -> LineItem:
    tags = {"customer": customer} if customer else {}
    return LineItem(day, account, service, "Box", "Usage", Decimal(amount), Decimal(2), "Hrs", tags)


@pytest.fixture
def bill(sandbox: Sandbox) -> Sandbox:
    sandbox.cost.add_line_items(
        [
            line(date(2026, 2, 28), "c1", "1.10"),
            line(date(2026, 3, 1), "c1", "2.20"),
            line(date(2026, 3, 2), "c1", "3.30", "S3"),
            line(date(2026, 3, 31), "c2", "4.40"),
            line(date(2026, 3, 5), "", "5.50"),
            line(date(2026, 4, 1), "c1", "6.60"),
        ]
    )
    sandbox.cost.sees_tag_keys(ACCOUNT, ["customer"], active=True)
    return sandbox


def costs(sandbox: Sandbox, period: dict[str, str] = MARCH, **more: Any) -> Any:
    parameters = {"Granularity": "MONTHLY", "Metrics": ["UnblendedCost"], **more}
    return ce(sandbox).get_cost_and_usage(TimePeriod=period, **parameters)


def groups(answer: Any) -> dict[tuple[str, ...], str]:
    [result] = answer["ResultsByTime"]
    return {tuple(g["Keys"]): g["Metrics"]["UnblendedCost"]["Amount"] for g in result["Groups"]}


def test_a_period_includes_its_start_and_excludes_its_end(bill: Sandbox) -> None:
    [result] = costs(bill)["ResultsByTime"]
    assert result["TimePeriod"] == MARCH
    assert result["Total"] == {"UnblendedCost": {"Amount": "15.40", "Unit": "USD"}}
    assert result["Estimated"] is True
    [february] = costs(bill, {"Start": "2026-02-01", "End": "2026-03-01"})["ResultsByTime"]
    assert february["Estimated"] is False


def test_groups_by_tag_carry_key_and_value_and_nothing_behind_the_dollar_when_untagged(bill: Sandbox) -> None:
    answer = costs(bill, GroupBy=[*BY_CUSTOMER, {"Type": "DIMENSION", "Key": "SERVICE"}])
    assert answer["ResultsByTime"][0]["Total"] == {}
    assert groups(answer) == {
        ("customer$", "EC2"): "5.50",
        ("customer$c1", "EC2"): "2.20",
        ("customer$c1", "S3"): "3.30",
        ("customer$c2", "EC2"): "4.40",
    }


def test_a_key_that_is_not_active_has_no_values(bill: Sandbox) -> None:
    ce(bill).update_cost_allocation_tags_status(CostAllocationTagsStatus=[{"TagKey": "customer", "Status": "Inactive"}])
    assert groups(costs(bill, GroupBy=BY_CUSTOMER)) == {("customer$",): "15.40"}
    assert groups(costs(bill, GroupBy=[{"Type": "TAG", "Key": "never-heard-of"}])) == {("never-heard-of$",): "15.40"}


@pytest.mark.parametrize(
    ("expression", "total"),
    [
        ({"Tags": {"Key": "customer", "Values": ["c1", "c2"]}}, "9.90"),
        ({"Tags": {"Key": "customer", "MatchOptions": ["ABSENT"]}}, "5.50"),
        ({"Tags": {"Key": "customer"}}, "5.50"),
        ({"Not": {"Tags": {"Key": "customer", "Values": ["c1"]}}}, "9.90"),
        ({"Dimensions": {"Key": "SERVICE", "Values": ["S3"]}}, "3.30"),
        (
            {
                "And": [
                    {"Tags": {"Key": "customer", "Values": ["c1"]}},
                    {"Dimensions": {"Key": "SERVICE", "Values": ["EC2"]}},
                ]
            },
            "2.20",
        ),
        (
            {
                "Or": [
                    {"Tags": {"Key": "customer", "Values": ["c2"]}},
                    {"Dimensions": {"Key": "SERVICE", "Values": ["S3"]}},
                ]
            },
            "7.70",
        ),
        ({"Dimensions": {"Key": "RECORD_TYPE", "Values": ["Credit"]}}, "0"),
    ],
)
def test_filters_choose_line_items(bill: Sandbox, expression: dict[str, Any], total: str) -> None:
    [result] = costs(bill, Filter=expression)["ResultsByTime"]
    assert result["Total"]["UnblendedCost"]["Amount"] == total


@pytest.mark.parametrize(
    "bad",
    [
        {"TimePeriod": {"Start": "2026-03-01", "End": "2026-03-01"}},
        {"TimePeriod": {"Start": "2026-03-21", "End": "2026-04-01"}},
        {"Granularity": "WEEKLY"},
        {"Metrics": []},
        {"Metrics": ["UNBLENDED_COST"]},
        {"GroupBy": [*BY_CUSTOMER, *BY_CUSTOMER, *BY_CUSTOMER]},
        {"GroupBy": [{"Type": "DIMENSION", "Key": "COLOUR"}]},
        {"Filter": {}},
        {"Filter": {"Tags": {"Key": "k", "Values": ["v"]}, "Dimensions": {"Key": "SERVICE", "Values": ["S3"]}}},
    ],
)
def test_a_bad_question_is_refused(sandbox: Sandbox, bad: dict[str, Any]) -> None:
    good = {"TimePeriod": MARCH, "Granularity": "MONTHLY", "Metrics": ["UnblendedCost"]}
    with refused("ValidationException", 400):
        ce(sandbox).get_cost_and_usage(**{**good, **bad})


def test_days_and_partial_months_are_periods_too(bill: Sandbox) -> None:
    daily = costs(bill, {"Start": "2026-02-28", "End": "2026-03-03"}, Granularity="DAILY")
    assert [r["Total"]["UnblendedCost"]["Amount"] for r in daily["ResultsByTime"]] == ["1.10", "2.20", "3.30"]
    months = costs(bill, {"Start": "2026-02-28", "End": "2026-03-02"})
    assert [r["TimePeriod"] for r in months["ResultsByTime"]] == [
        {"Start": "2026-02-28", "End": "2026-03-01"},
        {"Start": "2026-03-01", "End": "2026-03-02"},
    ]


def test_groups_come_in_pages_and_each_page_wants_the_same_question(bill: Sandbox) -> None:
    bill.cost.page_size = 2
    first = costs(bill, GroupBy=BY_CUSTOMER)
    second = costs(bill, GroupBy=BY_CUSTOMER, NextPageToken=first["NextPageToken"])
    assert {**groups(first), **groups(second)} == groups_on_one_page(bill)
    assert "NextPageToken" not in second
    with refused("RequestChangedException"):
        costs(bill, GroupBy=BY_CUSTOMER, Granularity="DAILY", NextPageToken=first["NextPageToken"])


def groups_on_one_page(bill: Sandbox) -> dict[tuple[str, ...], str]:
    bill.cost.page_size = 1000
    return groups(costs(bill, GroupBy=BY_CUSTOMER))


def test_a_forecast_goes_straight_on_and_needs_history(sandbox: Sandbox) -> None:
    question = {"TimePeriod": {"Start": "2026-03-20", "End": "2026-04-01"}, "Granularity": "MONTHLY"}
    sandbox.cost.add_line_items([line(date(2026, 3, 15), "c1", "30")])
    with refused("DataUnavailableException"):
        ce(sandbox).get_cost_forecast(**question, Metric="UNBLENDED_COST")
    sandbox.cost.add_line_items([line(date(2026, 1, 15), "c1", "30")])
    answer = ce(sandbox).get_cost_forecast(**question, Metric="UNBLENDED_COST")
    assert Decimal(answer["Total"]["Amount"]) == 12, "a dollar a day"
    [result] = answer["ForecastResultsByTime"]
    low, mean, high = (
        Decimal(result[name]) for name in ("PredictionIntervalLowerBound", "MeanValue", "PredictionIntervalUpperBound")
    )
    assert low < mean < high
    with refused("ValidationException"):
        ce(sandbox).get_cost_forecast(**question, Metric="UnblendedCost")


def test_values_of_tags_and_dimensions_are_listed(bill: Sandbox) -> None:
    assert ce(bill).get_tags(TimePeriod=MARCH, TagKey="customer")["Tags"] == ["", "c1", "c2"]
    assert ce(bill).get_tags(TimePeriod=MARCH)["Tags"] == ["customer"]
    values = ce(bill).get_dimension_values(TimePeriod=MARCH, Dimension="SERVICE")["DimensionValues"]
    assert [value["Value"] for value in values] == ["EC2", "S3"]


def test_billing_knows_a_tag_key_a_day_after_its_first_use(sandbox: Sandbox) -> None:
    make_bucket(sandbox, "one-bucket")
    put_tags(sandbox, "one-bucket", {"customer": "c1"})
    sandbox.advance(timedelta(hours=23))
    put_tags(sandbox, "one-bucket", {"customer": "c2"})
    activate = [{"TagKey": "customer", "Status": "Active"}]
    assert ce(sandbox).list_cost_allocation_tags()["CostAllocationTags"] == []
    [error] = ce(sandbox).update_cost_allocation_tags_status(CostAllocationTagsStatus=activate)["Errors"]
    assert error["TagKey"] == "customer"
    sandbox.advance(timedelta(hours=1))
    assert ce(sandbox).update_cost_allocation_tags_status(CostAllocationTagsStatus=activate)["Errors"] == []
    [tag] = ce(sandbox).list_cost_allocation_tags(Status="Active", TagKeys=["customer"])["CostAllocationTags"]
    assert (tag["TagKey"], tag["Type"], tag["Status"]) == ("customer", "UserDefined", "Active")
    assert ce(sandbox).list_cost_allocation_tags(Status="Inactive")["CostAllocationTags"] == []


def test_cost_allocation_tags_are_the_payers(bill: Sandbox) -> None:
    bill.cost.set_member(OTHER, payer=ACCOUNT)
    member = ce(bill, OTHER)
    with refused("AccessDeniedException", 400, "Linked account doesn't have access to cost allocation tags"):
        member.list_cost_allocation_tags()
    with refused("AccessDeniedException"):
        member.update_cost_allocation_tags_status(CostAllocationTagsStatus=[{"TagKey": "k", "Status": "Active"}])
    bill.cost.add_line_items([line(date(2026, 3, 3), "c3", "7.00", account=OTHER)])
    assert groups(costs(bill, GroupBy=BY_CUSTOMER))["customer$c3",] == "7.00", "the payer sees its members' costs"
    own = member.get_cost_and_usage(TimePeriod=MARCH, Granularity="MONTHLY", Metrics=["UnblendedCost"])
    assert own["ResultsByTime"][0]["Total"]["UnblendedCost"]["Amount"] == "7.00", "a member sees its own"


def test_cost_allocation_tags_come_in_pages_and_change_twenty_at_a_time(sandbox: Sandbox) -> None:
    keys = [f"k{n:02}" for n in range(21)]
    sandbox.cost.sees_tag_keys(ACCOUNT, keys)
    first = ce(sandbox).list_cost_allocation_tags(MaxResults=20)
    second = ce(sandbox).list_cost_allocation_tags(MaxResults=20, NextToken=first["NextToken"])
    assert [tag["TagKey"] for tag in first["CostAllocationTags"] + second["CostAllocationTags"]] == keys
    with refused("ValidationException"):
        ce(sandbox).update_cost_allocation_tags_status(
            CostAllocationTagsStatus=[{"TagKey": key, "Status": "Active"} for key in keys]
        )


def test_a_backfill_starts_at_a_first_of_the_month_and_once_a_day(sandbox: Sandbox) -> None:
    client = ce(sandbox)
    for bad in ("2026-02-02T00:00:00Z", "2025-02-01T00:00:00Z", "in a month or so, maybe"):
        with refused("ValidationException"):
            client.start_cost_allocation_tag_backfill(BackfillFrom=bad)
    started = client.start_cost_allocation_tag_backfill(BackfillFrom="2026-01-01T00:00:00Z")
    assert started["BackfillRequest"]["BackfillStatus"] == "PROCESSING"
    sandbox.advance(timedelta(hours=5))
    [request] = client.list_cost_allocation_tag_backfill_history()["BackfillRequests"]
    assert request["BackfillStatus"] == "SUCCEEDED"
    with refused("BackfillLimitExceededException"):
        client.start_cost_allocation_tag_backfill(BackfillFrom="2026-01-01T00:00:00Z")
    sandbox.advance(timedelta(hours=24))
    client.start_cost_allocation_tag_backfill(BackfillFrom="2026-01-01T00:00:00Z")
