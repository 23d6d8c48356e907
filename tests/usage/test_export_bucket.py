"""An export in S3: what is asked of AWS, what is kept on disk, and what happens when a delivery comes in between."""

from pathlib import Path
from typing import Any

import pytest

from controller.aws.clients import Aws
from controller.domain.settings import DataExportSettings, UsageSettings
from controller.domain.usage import CostReading
from controller.errors import PermanentFailure, TransientFailure
from controller.kinds.iam_policy import READING
from controller.sandbox import Fault, Sandbox
from controller.usage.data_export import DataExportReader
from tests.kinds.setting import OWN_ACCOUNT, door, make_bucket
from tests.usage.exports import Written, cur_row
from tests.usage.test_cost_explorer import NOVEMBER, OCTOBER, by_service, item

BUCKET, PREFIX, MONTH = "daylily-exports", "billing/costs", "2026-11"
LOCATION = f"s3://{BUCKET}/{PREFIX}"


class InS3:
    """An export that is written to a folder first and copied to S3 as a delivery."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        make_bucket(sandbox, BUCKET)
        self.s3 = sandbox.client("s3")
        self.written, self.cache = Written(folder / "aws"), folder / "cache"

    def deliver(self) -> None:
        for path in sorted(self.written.folder.rglob("*.*")):
            self.s3.put_object(Bucket=BUCKET, Key=self.key(path), Body=path.read_bytes())

    def key(self, path: Path) -> str:
        return f"{PREFIX}/{path.relative_to(self.written.folder).as_posix()}"

    def read(self, aws: Aws, *, keep: bool = True) -> CostReading:
        told = DataExportSettings(location=LOCATION, cache_folder=str(self.cache) if keep else None)
        return DataExportReader(aws, OWN_ACCOUNT, UsageSettings(), told, lambda: NOVEMBER.start).read(
            [OCTOBER, NOVEMBER], []
        )

    def kept(self) -> list[str]:
        return sorted(path.name.partition("-")[2] for path in self.cache.rglob("*.parquet"))


@pytest.fixture
def in_s3(local_environment: Sandbox, tmp_path: Path) -> InS3:
    return InS3(local_environment, tmp_path)


def test_an_export_in_s3_is_read_and_no_file_is_downloaded_twice(in_s3: InS3) -> None:
    in_s3.written.month(MONTH, [cur_row(item("1"), 1)], [cur_row(item("2"), 2)])
    in_s3.deliver()
    first, again = door(), door()
    reading = in_s3.read(first)
    assert (by_service(reading.rows), reading.months) == ({"EC2 Compute": "3"}, (MONTH,))
    assert dict(first.calls) == {"s3:ListObjectsV2": 4, "s3:GetObject": 3}
    assert in_s3.read(again).rows == reading.rows
    assert dict(again.calls) == {"s3:ListObjectsV2": 4, "s3:GetObject": 1}


def test_a_new_delivery_is_downloaded_and_the_old_one_goes(in_s3: InS3) -> None:
    in_s3.written.month(MONTH, [cur_row(item("1"), 1)], [cur_row(item("2"), 2)])
    in_s3.deliver()
    in_s3.read(door())
    in_s3.written.month(MONTH, [cur_row(item("4"), 1)])
    in_s3.deliver()
    aws = door()
    assert by_service(in_s3.read(aws).rows) == {"EC2 Compute": "4"}
    assert aws.calls["s3:GetObject"] == 2
    assert in_s3.kept() == ["costs-00001.snappy.parquet"]


def test_where_nothing_is_kept_nothing_stays(in_s3: InS3) -> None:
    in_s3.written.month(MONTH, [cur_row(item("1"), 1)])
    in_s3.deliver()
    assert by_service(in_s3.read(door(), keep=False).rows) == {"EC2 Compute": "1"}
    assert not in_s3.cache.exists()


def test_a_file_that_is_listed_and_missing_refuses_the_delivery(in_s3: InS3) -> None:
    first, _ = in_s3.written.month(MONTH, [cur_row(item("1"), 1)], [cur_row(item("2"), 2)])
    in_s3.deliver()
    in_s3.s3.delete_object(Bucket=BUCKET, Key=in_s3.key(first))
    with pytest.raises(TransientFailure, match=r"costs-00001.*listed and not there"):
        in_s3.read(door())


def test_a_file_that_is_replaced_while_it_is_read_is_not_counted(in_s3: InS3) -> None:
    in_s3.written.month(MONTH, [cur_row(item("1"), 1)])
    in_s3.deliver()
    aws, call = door(), Aws.call

    def replaced(service: str, operation: str, **how: Any) -> dict[str, Any]:
        if operation == "get_object" and str(how["Key"]).endswith(".parquet"):
            in_s3.s3.put_object(Bucket=BUCKET, Key=how["Key"], Body=b"new")
        return call(aws, service, operation, **how)

    aws.call = replaced  # type: ignore[method-assign]
    with pytest.raises(TransientFailure, match="replaced while it was read"):
        in_s3.read(aws)
    assert in_s3.kept() == []


def test_a_location_without_an_export_and_a_bucket_that_is_not_there_are_failures(in_s3: InS3) -> None:
    with pytest.raises(PermanentFailure, match=f"no data export at {LOCATION}"):
        in_s3.read(door())
    in_s3.s3.delete_bucket(Bucket=BUCKET)
    with pytest.raises(PermanentFailure, match="NoSuchBucket"):
        in_s3.read(door())


def test_a_refusal_of_s3_names_what_was_read(local_environment: Sandbox, in_s3: InS3) -> None:
    local_environment.faults.add(Fault("s3", "ListObjectsV2", "error", code="AccessDenied", status=403, times=None))
    with pytest.raises(PermanentFailure, match=LOCATION):
        in_s3.read(door())


def test_pages_of_a_long_list_are_all_read(in_s3: InS3) -> None:
    in_s3.written.month(MONTH, *([cur_row(item("1"), number)] for number in range(3)))
    in_s3.deliver()
    aws, call = door(), Aws.call

    def one_by_one(service: str, operation: str, **how: Any) -> dict[str, Any]:
        how |= {"MaxKeys": 1} if operation == "list_objects_v2" else {}
        return call(aws, service, operation, **how)

    aws.call = one_by_one  # type: ignore[method-assign]
    assert by_service(in_s3.read(aws).rows) == {"EC2 Compute": "3"}


def test_declared_permissions_are_those_used_and_only_read(in_s3: InS3) -> None:
    """ListObjectsV2 is authorised as s3:ListBucket (AWS, service authorization reference, Amazon S3)."""
    in_s3.written.month(MONTH, [cur_row(item("1"), 1)])
    in_s3.deliver()
    aws = door()
    in_s3.read(aws)
    used = {"s3:ListBucket" if one == "s3:ListObjectsV2" else one for one in aws.calls}
    assert used == DataExportReader.permissions
    assert all(one.partition(":")[2].startswith(READING) for one in used)
