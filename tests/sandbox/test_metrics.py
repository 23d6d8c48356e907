"""CloudWatch's metrics: listed in pages, told by period, and as fast for thousands of buckets as for ten."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from controller.sandbox import Sandbox
from tests.sandbox.world import ACCOUNT, NOW, OTHER, refused

MIDNIGHT = NOW.replace(hour=0)
DAY = timedelta(days=1)


def size(bucket: str, value: float | None = 5.0, at: datetime = MIDNIGHT, **more: Any) -> dict[str, Any]:
    """A datum of BucketSizeBytes."""
    dimensions = [{"Name": "BucketName", "Value": bucket}, {"Name": "StorageType", "Value": "StandardStorage"}]
    datum = {"MetricName": "BucketSizeBytes", "Dimensions": dimensions, "Timestamp": at, "Value": value, **more}
    return {name: told for name, told in datum.items() if told is not None}


def put(sandbox: Sandbox, *data: dict[str, Any], **where: Any) -> None:
    sandbox.client("cloudwatch", **where).put_metric_data(Namespace="AWS/S3", MetricData=list(data))


def listed(sandbox: Sandbox, **ask: Any) -> list[str]:
    """The buckets of the metrics in one page."""
    page = sandbox.client("cloudwatch").list_metrics(**{"Namespace": "AWS/S3", **ask})
    return [one["Dimensions"][0]["Value"] for one in page["Metrics"]]


def query(bucket: str, id_: str = "m0", stat: str = "Average", period: int = 86400, **more: Any) -> dict[str, Any]:
    metric = {"Namespace": "AWS/S3", "MetricName": "BucketSizeBytes", "Dimensions": size(bucket)["Dimensions"]}
    return {"Id": id_, "MetricStat": {"Metric": metric, "Period": period, "Stat": stat, **more}}


def results(sandbox: Sandbox, *queries: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    ask = {"StartTime": MIDNIGHT - 4 * DAY, "EndTime": MIDNIGHT + DAY, **more}
    told: list[dict[str, Any]] = sandbox.client("cloudwatch").get_metric_data(MetricDataQueries=list(queries), **ask)[
        "MetricDataResults"
    ]
    return told


def test_metrics_of_many_buckets_come_in_pages_of_500(sandbox: Sandbox) -> None:
    put(sandbox, *(size(f"bucket-{n:04}") for n in range(1000)))
    put(sandbox, size("bucket-1000"))
    pages = list(sandbox.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace="AWS/S3"))

    assert [len(page["Metrics"]) for page in pages] == [500, 500, 1]
    names = [one["Dimensions"][0]["Value"] for page in pages for one in page["Metrics"]]
    assert sorted(names) == [f"bucket-{n:04}" for n in range(1001)]


def test_a_token_that_is_none_is_refused(sandbox: Sandbox) -> None:
    with refused("InvalidParameterValue"):
        listed(sandbox, NextToken="xx")


@pytest.mark.parametrize(
    ("ask", "found"),
    [
        ({}, ["a", "b"]),
        ({"Namespace": "AWS/EC2"}, []),
        ({"MetricName": "NumberOfObjects"}, []),
        ({"Dimensions": [{"Name": "BucketName", "Value": "b"}]}, ["b"]),
        ({"Dimensions": [{"Name": "BucketName"}]}, ["a", "b"]),
        ({"Dimensions": [{"Name": "BucketName", "Value": "b"}, {"Name": "StorageType", "Value": "X"}]}, []),
        ({"RecentlyActive": "PT3H"}, []),
    ],
)
def test_what_is_listed_passes_all_that_is_asked_for(sandbox: Sandbox, ask: dict[str, Any], found: list[str]) -> None:
    put(sandbox, size("a"), size("a", at=MIDNIGHT - DAY), size("b"))

    assert listed(sandbox, **ask) == found


def test_what_has_no_data_for_two_weeks_is_not_listed(sandbox: Sandbox) -> None:
    put(sandbox, size("b"), size("old", at=NOW - timedelta(days=15)))
    assert listed(sandbox) == ["b"]

    sandbox.advance(timedelta(days=14))
    assert listed(sandbox) == []


def test_a_figure_keeps_the_day_that_it_was_put_for(sandbox: Sandbox) -> None:
    put(sandbox, size("b", 5.0), size("b", 4.0, MIDNIGHT - DAY + timedelta(hours=7)))
    [result] = results(sandbox, query("b"))

    times: list[datetime] = result["Timestamps"]
    assert [time.isoformat() for time in times] == [MIDNIGHT.isoformat(), (MIDNIGHT - DAY).isoformat()]
    assert (result["Values"], result["StatusCode"]) == ([5.0, 4.0], "Complete")
    assert results(sandbox, query("b"), ScanBy="TimestampAscending")[0]["Values"] == [4.0, 5.0]


def test_the_end_is_exclusive_and_the_beginning_is_not(sandbox: Sandbox) -> None:
    put(sandbox, size("b", 1.0, MIDNIGHT - DAY), size("b", 2.0))

    [result] = results(sandbox, query("b"), StartTime=MIDNIGHT - DAY, EndTime=MIDNIGHT)

    assert result["Values"] == [1.0]


@pytest.mark.parametrize(
    ("stat", "value"), [("Average", 3.0), ("Sum", 12.0), ("Minimum", 1.0), ("Maximum", 6.0), ("SampleCount", 4.0)]
)
def test_statistics_are_of_all_that_was_put_in_the_period(sandbox: Sandbox, stat: str, value: float) -> None:
    together = {"Sum": 8.0, "Minimum": 1.0, "Maximum": 6.0, "SampleCount": 3.0}
    put(sandbox, size("b", 4.0), size("b", None, MIDNIGHT + timedelta(hours=9), StatisticValues=together))

    assert results(sandbox, query("b", stat=stat))[0]["Values"] == [value]


def test_the_order_of_dimensions_means_nothing_and_a_unit_does(sandbox: Sandbox) -> None:
    put(sandbox, size("b", Unit="Bytes"))
    turned = query("b")
    turned["MetricStat"]["Metric"]["Dimensions"].reverse()

    assert results(sandbox, turned)[0]["Values"] == [5.0]
    assert results(sandbox, query("b", Unit="Bytes"))[0]["Values"] == [5.0]
    assert results(sandbox, query("b", Unit="Count"))[0]["Values"] == []


def test_each_query_has_its_result_also_without_data(sandbox: Sandbox) -> None:
    put(sandbox, size("b"))

    told = results(sandbox, query("b", "m1"), query("none", "m2"), query("b", "m3") | {"ReturnData": False})

    assert [(one["Id"], one["Values"]) for one in told] == [("m1", [5.0]), ("m2", [])]


def test_regions_accounts_and_resets_are_apart(sandbox: Sandbox) -> None:
    put(sandbox, size("east"), region="us-east-1")
    put(sandbox, size("other"), account_id=OTHER)
    put(sandbox, size("b"))
    assert OTHER != ACCOUNT
    assert listed(sandbox) == ["b"]

    sandbox.reset()
    assert listed(sandbox) == []


def test_more_than_500_queries_are_refused_and_so_are_two_of_one_name(sandbox: Sandbox) -> None:
    assert len(results(sandbox, *(query("b", f"m{n}") for n in range(500)))) == 500
    with refused("ValidationError", saying="must not have a size greater than 500"):
        results(sandbox, *(query("b", f"m{n}") for n in range(501)))
    with refused("ValidationError", saying="not unique"):
        results(sandbox, query("b"), query("b"))
    with refused("ValidationError", saying="EndTime must be greater"):
        results(sandbox, query("b"), EndTime=MIDNIGHT - 4 * DAY)


def test_an_expression_is_left_to_moto(sandbox: Sandbox) -> None:
    put(sandbox, size("b"))

    select = {"Id": "e1", "Expression": 'SELECT MAX(BucketSizeBytes) FROM "AWS/S3"', "Period": 86400}
    told = results(sandbox, query("b", "m1"), select)

    assert {one["Id"] for one in told} == {"m1", "e1"}


def test_thousands_of_buckets_are_read_in_seconds(sandbox: Sandbox) -> None:
    """moto alone takes the square of it: minutes for these."""
    names = [f"bucket-{n:04}" for n in range(5000)]
    for start in range(0, len(names), 1000):
        put(sandbox, *(size(name) for name in names[start : start + 1000]))
    begin = time.monotonic()

    pages = list(sandbox.client("cloudwatch").get_paginator("list_metrics").paginate(Namespace="AWS/S3"))
    chunks = [names[start : start + 500] for start in range(0, len(names), 500)]
    told = [one for chunk in chunks for one in results(sandbox, *(query(name, f"m{name[-4:]}") for name in chunk))]

    assert len(pages) == 10
    assert [one["Values"] for one in told] == [[5.0]] * 5000
    assert time.monotonic() - begin < 30
