"""How much is stored in buckets, by S3's daily metrics in CloudWatch.

S3 tells sizes once a day for each storage type that a bucket has bytes in, and no total; a figure shows up one to two
days after the day that it is about (AWS, S3 metrics-dimensions). A bucket that is empty or new has no figures at all.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, ClassVar

from controller.aws.clients import Aws
from controller.domain.customer import Bucket
from controller.domain.usage import BucketStorage
from controller.errors import Failure, PermanentFailure, TransientFailure

NAMESPACE = "AWS/S3"
SIZE, COUNT = "BucketSizeBytes", "NumberOfObjects"

FEW = 5
"""Up to so many buckets of a region are asked for by name; all metrics of the region are paged through otherwise."""

QUERIES = 500
"""Metrics that one GetMetricData takes at most."""

DAYS = 4
"""How far back to look for the newest figure."""

LAG = timedelta(days=1)
"""A storage type whose newest figure is older than the bucket's newest by more than this has no bytes any more."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric of a bucket, with the dimensions as CloudWatch lists them, in that order."""

    bucket: str
    name: str
    storage_type: str
    dimensions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    at: datetime
    value: int


class StorageReader:
    """Reads the newest size and number of objects of buckets: all storage types, whatever their region."""

    permissions: ClassVar[frozenset[str]] = frozenset({"cloudwatch:ListMetrics", "cloudwatch:GetMetricData"})

    def __init__(self, aws: Aws, clock: Callable[[], datetime]) -> None:
        self._aws, self._clock = aws, clock

    def read(self, buckets: Collection[Bucket]) -> Mapping[str, BucketStorage | Failure]:
        """By bucket name. A bucket without any figure is there, with nothing known of it."""
        found: dict[str, BucketStorage | Failure] = {}
        ordered = sorted(buckets, key=lambda bucket: (bucket.region, bucket.name))
        for region, there in groupby(ordered, key=lambda bucket: bucket.region):
            found |= self._in_region(region, list(dict.fromkeys(bucket.name for bucket in there)))
        return found

    def _in_region(self, region: str, names: Sequence[str]) -> dict[str, BucketStorage | Failure]:
        try:
            metrics = self._metrics(region, names)
        except Failure as failure:
            return dict.fromkeys(names, failure)
        figures: dict[str, dict[Metric, Figure]] = {name: {} for name in names}
        failed: dict[str, Failure] = {}
        chunks = [metrics[start : start + QUERIES] for start in range(0, len(metrics), QUERIES)]
        for chunk, answer in zip(chunks, self._aws.each(lambda c: self._figures(region, c), chunks), strict=True):
            for metric in chunk:
                figure = answer if isinstance(answer, Failure) else answer.get(metric)
                if isinstance(figure, Failure):
                    failed[metric.bucket] = figure
                elif figure:
                    figures[metric.bucket][metric] = figure
        return {name: failed.get(name) or _storage(name, figures[name]) for name in names}

    # Which metrics there are

    def _metrics(self, region: str, names: Sequence[str]) -> list[Metric]:
        """Sizes of these buckets by storage type, and for each bucket that has any, its number of objects."""
        wanted = set(names)
        listed = self._named(region, names) if len(names) <= FEW else self._listed(region, {})
        sizes = list(dict.fromkeys(metric for metric in listed if metric.bucket in wanted))
        return sizes + list(dict.fromkeys(_count(metric) for metric in sizes))

    def _named(self, region: str, names: Sequence[str]) -> Iterator[Metric]:
        for name in names:
            yield from self._listed(region, {"Dimensions": [{"Name": "BucketName", "Value": name}]})

    def _listed(self, region: str, narrowed: Mapping[str, Any]) -> Iterator[Metric]:
        """CloudWatch lists what had figures within the last two weeks, 500 a page."""
        more: dict[str, str] | None = {}
        while more is not None:
            page = self._aws.call(
                "cloudwatch",
                "list_metrics",
                region=region,
                about=region,
                Namespace=NAMESPACE,
                MetricName=SIZE,
                **narrowed,
                **more,
            )
            more = {"NextToken": page["NextToken"]} if page.get("NextToken") else None
            yield from filter(None, map(_metric, page.get("Metrics", ())))

    # What they say

    def _figures(self, region: str, metrics: Sequence[Metric]) -> Mapping[Metric, Figure | Failure]:
        """The newest figure of each metric that has one. Figures and their status may come over several pages."""
        queries = {f"m{number}": metric for number, metric in enumerate(metrics)}
        newest: dict[Metric, Figure] = {}
        status: dict[Metric, str] = {}
        for result in self._results(region, queries):
            metric = queries[result["Id"]]
            status[metric] = result.get("StatusCode", "Complete")
            seen = [newest[metric]] if metric in newest else []
            seen += map(_figure, result["Timestamps"], result["Values"])
            if seen:
                newest[metric] = max(seen, key=lambda figure: figure.at)
        unread = {metric: _unread(metric, code) for metric, code in status.items() if code != "Complete"}
        return {**newest, **unread}

    def _results(self, region: str, queries: Mapping[str, Metric]) -> Iterator[Mapping[str, Any]]:
        today = self._clock().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        parameters = {
            "MetricDataQueries": [_query(id_, metric) for id_, metric in queries.items()],
            "StartTime": today - timedelta(days=DAYS),
            "EndTime": today + timedelta(days=1),
        }
        more: dict[str, str] | None = {}
        while more is not None:
            page = self._aws.call("cloudwatch", "get_metric_data", region=region, about=region, **parameters, **more)
            more = {"NextToken": page["NextToken"]} if page.get("NextToken") else None
            yield from page.get("MetricDataResults", ())


def _metric(listed: Mapping[str, Any]) -> Metric | None:
    """None for what is not about one bucket and storage type."""
    dimensions = {one["Name"]: one["Value"] for one in listed.get("Dimensions", ())}
    if dimensions.keys() != {"BucketName", "StorageType"}:
        return None
    return Metric(dimensions["BucketName"], SIZE, dimensions["StorageType"], tuple(dimensions.items()))


def _count(size: Metric) -> Metric:
    """The number of objects in the bucket of a size: there is one for all storage types together."""
    every = "AllStorageTypes"
    dimensions = dict(size.dimensions) | {"StorageType": every}
    return Metric(size.bucket, COUNT, every, tuple(dimensions.items()))


def _query(id_: str, metric: Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {
        "Id": id_,
        "MetricStat": {
            "Metric": {"Namespace": NAMESPACE, "MetricName": metric.name, "Dimensions": dimensions},
            "Period": 86400,
            "Stat": "Average",
        },
    }


def _figure(at: datetime, value: float) -> Figure:
    return Figure(at.astimezone(UTC), round(value))


def _unread(metric: Metric, code: str) -> Failure:
    kind = PermanentFailure if code == "Forbidden" else TransientFailure
    told = f"{metric.name} of {metric.storage_type} came as {code}"
    return kind(told, code=code, operation="cloudwatch:GetMetricData", resource=metric.bucket)


def _storage(bucket: str, figures: Mapping[Metric, Figure]) -> BucketStorage:
    """The bucket as of its newest size."""
    sizes = {metric.storage_type: figure for metric, figure in figures.items() if metric.name == SIZE}
    if not sizes:
        return BucketStorage(bucket)
    as_of = max(figure.at for figure in sizes.values())
    count = next((figure.value for metric, figure in figures.items() if metric.name == COUNT), None)
    there = {type_: figure.value for type_, figure in sorted(sizes.items()) if as_of - figure.at <= LAG}
    return BucketStorage(bucket, there, count, as_of)
