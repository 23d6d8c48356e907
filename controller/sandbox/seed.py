"""The world before the first reconcile: what five example customers already have, in one table each.

Three of them have been there for long; delta has a bucket that nobody ever used, epsilon came today. What they cost
is in seed_costs.py, what they ran in seed_worksets.py.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from controller.sandbox.buckets import MinimumSizeMode
from controller.sandbox.local_aws import Sandbox
from controller.sandbox.moto_backend import DEFAULT_ACCOUNT
from controller.sandbox.seed_costs import COST_CENTER_KEY, CUSTOMER_KEY, line_items
from controller.sandbox.seed_worksets import seed_worksets

GIB = 1024**3
MEASURED_DAYS = 3
"""Days that buckets were measured on, up to yesterday; each day they had grown by a hundredth of what they have now."""


@dataclass(frozen=True, slots=True)
class SeedBucket:
    """`sizes`: bytes by storage type on the newest day; none: never measured."""

    name: str
    region: str
    sizes: dict[str, int] = field(default_factory=dict)
    objects: int = 0
    tags: dict[str, str] = field(default_factory=dict)
    system_tags: dict[str, str] = field(default_factory=dict)
    rules: tuple[dict[str, Any], ...] = ()
    minimum_size_mode: MinimumSizeMode = "all_storage_classes_128K"


LEGACY_RULE = {"ID": "archive-reports", "Prefix": "reports/", "Status": "Enabled", "Expiration": {"Days": 3650}}
SEED_DOCUMENT_RULES = (
    {
        "ID": "TransitionToIA",
        "Status": "Enabled",
        "Filter": {"Prefix": "results/"},
        "Transitions": [
            {"Days": 30, "StorageClass": "STANDARD_IA"},
            {"Days": 90, "StorageClass": "GLACIER"},
        ],
    },
    {"ID": "DeleteOldLogs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 90}},
)

BUCKETS = (
    SeedBucket(
        "daylily-customer-acme-genomics", "us-west-2",
        {"StandardStorage": 96_636_764_160, "StandardIAStorage": 85_899_345_920, "GlacierStorage": 81_032_413_184},
        15234,
        tags={"Owner": "platform-team", "backup": "nightly"},
        system_tags={"aws:cloudformation:stack-name": "acme-onboarding"},
        rules=(LEGACY_RULE,),
    ),
    SeedBucket(
        "daylily-customer-beta-bio", "us-west-2", {"StandardStorage": 1204 * GIB}, 88410,
        rules=SEED_DOCUMENT_RULES,
        minimum_size_mode="varies_by_storage_class",
    ),
    SeedBucket("daylily-customer-gamma-labs", "us-east-1", {"StandardStorage": 39 * GIB}, 2101),
    SeedBucket("gamma-archive", "us-east-1", {"StandardStorage": 3072 * GIB, "DeepArchiveStorage": 2048 * GIB}, 640),
    SeedBucket("daylily-customer-delta-diagnostics", "us-west-2"),
    SeedBucket("daylily-customer-epsilon-oncology", "us-west-2"),
)  # fmt: skip


def seed(sandbox: Sandbox) -> None:
    """Make the buckets with what was on them, their storage metrics, the costs, and the ledger of worksets.

    Billing already counts by customer_id, knows cost_center but does not use it, and has met no other key.
    The request log is empty afterwards.
    """
    for bucket in BUCKETS:
        _make(sandbox, bucket)
    sandbox.cost.add_line_items(line_items(sandbox.now().date()))
    sandbox.cost.sees_tag_keys(DEFAULT_ACCOUNT, [CUSTOMER_KEY], active=True)
    sandbox.cost.sees_tag_keys(DEFAULT_ACCOUNT, [COST_CENTER_KEY])
    seed_worksets(sandbox)
    sandbox.clear_requests()


def _make(sandbox: Sandbox, bucket: SeedBucket) -> None:
    s3 = sandbox.client("s3", region=bucket.region)
    elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": bucket.region}}
    s3.create_bucket(Bucket=bucket.name, **({} if bucket.region == "us-east-1" else elsewhere))
    if bucket.tags:
        tag_set = [{"Key": key, "Value": value} for key, value in bucket.tags.items()]
        s3.put_bucket_tagging(Bucket=bucket.name, Tagging={"TagSet": tag_set})
    for key, value in bucket.system_tags.items():
        sandbox.buckets.add_system_tag(bucket.name, key, value)
    if bucket.rules:
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket.name,
            LifecycleConfiguration={"Rules": list(bucket.rules)},
            TransitionDefaultMinimumObjectSize=bucket.minimum_size_mode,
        )
    _measure(sandbox, bucket)


def _measure(sandbox: Sandbox, bucket: SeedBucket) -> None:
    """S3's daily storage metrics, each as of midnight; the newest are yesterday's."""
    if not bucket.sizes:
        return
    figures = [("BucketSizeBytes", type_, size, "Bytes") for type_, size in bucket.sizes.items()]
    figures.append(("NumberOfObjects", "AllStorageTypes", bucket.objects, "Count"))
    today = sandbox.now().replace(hour=0, minute=0, second=0, microsecond=0)
    sandbox.client("cloudwatch", region=bucket.region).put_metric_data(
        Namespace="AWS/S3",
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "BucketName", "Value": bucket.name},
                    {"Name": "StorageType", "Value": storage_type},
                ],
                "Timestamp": today - timedelta(days=back),
                "Value": float(value * (101 - back) // 100),
                "Unit": unit,
            }
            for metric, storage_type, value, unit in figures
            for back in range(1, MEASURED_DAYS + 1)
        ],
    )
