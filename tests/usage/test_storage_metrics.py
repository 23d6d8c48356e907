"""How much is stored: all storage types, the newest figures, and nothing rather than zero where nothing is known."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from controller.aws.clients import Aws
from controller.domain.customer import Bucket
from controller.domain.usage import BucketStorage
from controller.errors import Failure, PermanentFailure, TransientFailure
from controller.sandbox import Fault, Sandbox
from controller.sandbox.seed import seed
from controller.usage.storage_metrics import DAYS, StorageReader
from tests.kinds.setting import REGION, door

SIZE, COUNT, ALL = "BucketSizeBytes", "NumberOfObjects", "AllStorageTypes"
YESTERDAY = datetime(2026, 11, 21, tzinfo=UTC)
BUCKET = Bucket("data", REGION)

Figures = Mapping[str, Mapping[int, float]]
"""By storage type: values by how many days ago."""


def measure(sandbox: Sandbox, bucket: str, figures: Figures, region: str = REGION) -> None:
    put(sandbox, data(bucket, figures), region)


def put(sandbox: Sandbox, data: list[dict[str, Any]], region: str = REGION) -> None:
    sandbox.client("cloudwatch", region).put_metric_data(Namespace="AWS/S3", MetricData=data)


def data(bucket: str, figures: Figures) -> list[dict[str, Any]]:
    return [
        {
            "MetricName": COUNT if type_ == ALL else SIZE,
            "Dimensions": [{"Name": "BucketName", "Value": bucket}, {"Name": "StorageType", "Value": type_}],
            "Timestamp": YESTERDAY - timedelta(days=back - 1),
            "Value": value,
        }
        for type_, values in figures.items()
        for back, value in values.items()
    ]


def read(sandbox: Sandbox, *buckets: Bucket) -> dict[str, BucketStorage | Failure]:
    sandbox.clear_requests()
    return dict(StorageReader(door(), sandbox.now).read(buckets))


def test_trap_9_every_storage_type_counts_by_its_newest_figure(local_environment: Sandbox) -> None:
    measure(
        local_environment,
        "data",
        {
            "StandardStorage": {2: 90, 1: 80, 3: 100},
            "StandardIAStorage": {1: 15, 3: 0},
            "GlacierStorage": {1: 5},
            "GlacierObjectOverhead": {1: 1},
            ALL: {1: 7, 2: 6},
        },
    )
    found = read(local_environment, BUCKET)["data"]
    assert isinstance(found, BucketStorage)
    assert found.bytes_by_type == {
        "StandardStorage": 80,
        "StandardIAStorage": 15,
        "GlacierStorage": 5,
        "GlacierObjectOverhead": 1,
    }
    assert (found.total, found.objects, found.as_of) == (101, 7, YESTERDAY)


def test_trap_9_no_figure_at_all_is_unknown_and_not_zero(local_environment: Sandbox) -> None:
    measure(local_environment, "data", {"StandardStorage": {1: 0}, ALL: {1: 0}})
    found = read(local_environment, BUCKET, Bucket("never-measured", REGION))
    assert found["never-measured"] == BucketStorage("never-measured")
    assert found["data"] == BucketStorage("data", {"StandardStorage": 0}, 0, YESTERDAY)


def test_trap_9_a_failing_read_is_a_failure_and_not_zero(local_environment: Sandbox) -> None:
    measure(local_environment, "data", {"StandardStorage": {1: 5}})
    measure(local_environment, "east", {"StandardStorage": {1: 5}}, "us-east-1")
    for operation in ("ListMetrics", "GetMetricData"):
        local_environment.faults.add(Fault("cloudwatch", operation, "throttle", times=3))
        found = read(local_environment, BUCKET, Bucket("east", "us-east-1"))
        assert isinstance(found["east"], TransientFailure), operation
        assert isinstance(found["data"], BucketStorage), operation


def test_trap_9_a_bucket_is_asked_for_in_its_own_region(local_environment: Sandbox) -> None:
    measure(local_environment, "data", {"StandardStorage": {1: 5}}, "eu-central-1")
    assert read(local_environment, BUCKET)["data"] == BucketStorage("data")
    there = Bucket("data", "eu-central-1")
    assert read(local_environment, there)["data"] == BucketStorage("data", {"StandardStorage": 5}, None, YESTERDAY)


def test_figures_that_are_too_old_say_nothing(local_environment: Sandbox) -> None:
    measure(local_environment, "data", {"StandardStorage": {DAYS + 1: 5}})
    assert read(local_environment, BUCKET)["data"] == BucketStorage("data")


def test_a_type_that_all_bytes_have_left_does_not_count_twice(local_environment: Sandbox) -> None:
    """Its last figures are still there when those bytes already stand under the type that they moved to."""
    measure(local_environment, "data", {"StandardStorage": {3: 100}, "GlacierStorage": {2: 100, 1: 100}})
    found = read(local_environment, BUCKET)["data"]
    assert isinstance(found, BucketStorage)
    assert found.bytes_by_type == {"GlacierStorage": 100}


def test_a_type_that_is_a_day_late_counts_with_the_figure_before(local_environment: Sandbox) -> None:
    measure(local_environment, "data", {"StandardStorage": {2: 100}, "GlacierStorage": {2: 10, 1: 11}})
    found = read(local_environment, BUCKET)["data"]
    assert isinstance(found, BucketStorage)
    assert (found.total, found.as_of) == (111, YESTERDAY)


def test_trap_5_pagination_many_buckets_take_a_call_for_500_metrics(local_environment: Sandbox) -> None:
    names = [f"bucket-{n:03}" for n in range(520)]
    figures: Figures = {"StandardStorage": {1: 5}, "GlacierStorage": {1: 6}, ALL: {1: 2}}
    for start in range(0, len(names), 260):
        put(local_environment, [one for name in names[start : start + 260] for one in data(name, figures)])
    measure(local_environment, "someone-elses", {"StandardStorage": {1: 5}})
    found = read(local_environment, *(Bucket(name, REGION) for name in names))
    assert found == {
        name: BucketStorage(name, {"GlacierStorage": 6, "StandardStorage": 5}, 2, YESTERDAY) for name in names
    }
    operations = [one.operation for one in local_environment.requests]
    assert (operations.count("ListMetrics"), operations.count("GetMetricData")) == (3, 4)


def test_few_buckets_are_asked_for_by_name(local_environment: Sandbox) -> None:
    names = ["data", *(f"bucket-{n:03}" for n in range(600))]
    put(local_environment, [one for name in names for one in data(name, {"StandardStorage": {1: 5}})])
    assert read(local_environment, BUCKET).keys() == {"data"}
    assert [one.operation for one in local_environment.requests] == ["ListMetrics", "GetMetricData"]


def test_no_buckets_are_no_question(local_environment: Sandbox) -> None:
    assert read(local_environment) == {}
    assert local_environment.requests == ()


def test_the_seeded_buckets_are_as_the_design_document_says(local_environment: Sandbox) -> None:
    seed(local_environment)
    acme, delta = "daylily-customer-acme-genomics", "daylily-customer-delta-diagnostics"
    found = read(local_environment, Bucket(acme, REGION), Bucket(delta, REGION))
    assert found[delta] == BucketStorage(delta)
    storage = found[acme]
    assert isinstance(storage, BucketStorage)
    assert (storage.total, storage.objects, storage.as_of) == (263568523264, 15234, YESTERDAY)
    assert len(storage.bytes_by_type) == 3


class Results:
    """A door behind which CloudWatch has one size of `data`, and answers it in these pages."""

    def __init__(self, *pages: Mapping[str, Any]) -> None:
        self.pages = list(pages)

    def call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation == "list_metrics":
            dimensions = [{"Name": "BucketName", "Value": "data"}, {"Name": "StorageType", "Value": "StandardStorage"}]
            return {"Metrics": [{"Dimensions": dimensions}, {"Dimensions": dimensions[:1]}]}
        page = self.pages.pop(0)
        more = {"NextToken": "more"} if self.pages else {}
        return {"MetricDataResults": [{"Id": "m0", "Timestamps": [], "Values": [], **page}], **more}

    def each(self, work: Any, items: Iterable[Any]) -> list[Any]:
        return [work(item) for item in items]


def answered(sandbox: Sandbox, *pages: Mapping[str, Any]) -> BucketStorage | Failure:
    return StorageReader(cast(Aws, Results(*pages)), sandbox.now).read([BUCKET])["data"]


def points(**values: float) -> dict[str, Any]:
    """`d1=5.0`: 5 bytes, one day ago."""
    days = [YESTERDAY - timedelta(days=int(name[1:]) - 1) for name in values]
    return {"Timestamps": days, "Values": list(values.values())}


def test_the_order_of_the_answer_does_not_matter(sandbox: Sandbox) -> None:
    expected = BucketStorage("data", {"StandardStorage": 5}, None, YESTERDAY)
    assert answered(sandbox, points(d2=4.0, d1=5.0, d3=3.0)) == expected
    assert answered(sandbox, points(d3=3.0, d2=4.0, d1=5.0)) == expected


def test_figures_that_come_over_two_pages_are_partial_only_in_between(sandbox: Sandbox) -> None:
    first, second = {**points(d1=5.0), "StatusCode": "PartialData"}, {**points(d2=4.0), "StatusCode": "Complete"}
    assert answered(sandbox, first, second) == BucketStorage("data", {"StandardStorage": 5}, None, YESTERDAY)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("PartialData", TransientFailure), ("InternalError", TransientFailure), ("Forbidden", PermanentFailure)],
)
def test_a_metric_that_is_not_complete_is_a_failure_of_its_bucket(
    sandbox: Sandbox, code: str, kind: type[Failure]
) -> None:
    found = answered(sandbox, {**points(d1=5.0), "StatusCode": code})
    assert isinstance(found, kind)
    assert (found.code, found.resource) == (code, "data")
