"""The world before the first reconcile: what three example customers already have, in one table each.

Amounts of the last closed month for cust_abc123 are those of the design document's cost breakdown ($367.97).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from controller.sandbox.buckets import MinimumSizeMode
from controller.sandbox.cost_expressions import LineItem
from controller.sandbox.local_aws import Sandbox
from controller.sandbox.moto_backend import DEFAULT_ACCOUNT


@dataclass(frozen=True, slots=True)
class SeedBucket:
    name: str
    region: str
    size_gib: Decimal
    objects: int
    tags: dict[str, str] = field(default_factory=dict)
    system_tags: dict[str, str] = field(default_factory=dict)
    rules: tuple[dict[str, Any], ...] = ()
    minimum_size_mode: MinimumSizeMode = "all_storage_classes_128K"


@dataclass(frozen=True, slots=True)
class Sold:
    """What AWS bills for: as Cost Explorer names it, and the price of a unit in USD."""

    service: str
    usage_type: str
    unit: str
    price: str
    record_type: str = "Usage"


@dataclass(frozen=True, slots=True)
class SeedCost:
    """`months`: USD from five months ago up to the current month, which is billed by the day until today."""

    customer: str
    sold: Sold
    months: str


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
        "daylily-customer-acme-genomics", "us-west-2", Decimal("245.5"), 15234,
        tags={"Owner": "platform-team", "backup": "nightly"},
        system_tags={"aws:cloudformation:stack-name": "acme-onboarding"},
        rules=(LEGACY_RULE,),
    ),
    SeedBucket(
        "daylily-customer-beta-bio", "us-west-2", Decimal("1204.2"), 88410,
        rules=SEED_DOCUMENT_RULES,
        minimum_size_mode="varies_by_storage_class",
    ),
    SeedBucket("daylily-customer-gamma-labs", "us-east-1", Decimal("38.9"), 2101),
    SeedBucket("gamma-archive", "us-east-1", Decimal("5120"), 640),
)  # fmt: skip

COMPUTE = Sold("Amazon Elastic Compute Cloud - Compute", "USW2-SpotUsage:c6i.8xlarge", "vCPU-Hours", "0.25")
STORAGE = Sold("Amazon Simple Storage Service", "USW2-TimedStorage-ByteHrs", "GB-Mo", "0.023")
STORAGE_EAST = Sold("Amazon Simple Storage Service", "TimedStorage-ByteHrs", "GB-Mo", "0.023")
REQUESTS = Sold("Amazon Simple Storage Service", "USW2-Requests-Tier1", "Requests", "0.000005")
TRANSFER = Sold("AWS Data Transfer", "USW2-DataTransfer-Out-Bytes", "GB", "0.09")
LUSTRE = Sold("Amazon FSx", "USW2-Storage:Lustre", "GB-Mo", "0.09")
GATEWAY = Sold("EC2 - Other", "USW2-NatGateway-Hours", "Hrs", "0.045")
TAX = Sold("Tax", "", "", "1", record_type="Tax")
NOBODY = ""

COSTS = (
    SeedCost("cust_abc123", COMPUTE, " 96.20 148.05 205.71 268.40 312.63 331.00"),
    SeedCost("cust_abc123", STORAGE, "  2.10   3.05   3.90   4.88   5.64   5.80"),
    SeedCost("cust_abc123", REQUESTS, " 0.20   0.31   0.42   0.55   0.63   0.64"),
    SeedCost("cust_abc123", TRANSFER, " 1.10   1.90   2.75   3.40   4.07   4.20"),
    SeedCost("cust_abc123", LUSTRE, "  15.00  20.00  30.00  38.00  45.00  45.00"),
    SeedCost("cust_beta01", COMPUTE, "402.11 430.90 455.32 471.08 498.75 640.00"),
    SeedCost("cust_beta01", STORAGE, " 22.40  23.85  25.01  26.30  27.69  28.50"),
    SeedCost("cust_beta01", TRANSFER, "12.15  11.80  14.02  13.37  15.11  16.00"),
    SeedCost("cust_gamma7", COMPUTE, "  0.00   0.00  18.40  22.75  31.20  30.00"),
    SeedCost("cust_gamma7", STORAGE_EAST, " 117.76 117.80 118.10 118.43 118.65 118.65"),
    SeedCost(NOBODY, GATEWAY, " 32.40  33.48  32.40  33.48  33.48  32.40"),
    SeedCost(NOBODY, TAX, " 41.20  46.11  52.30  58.02  63.90  70.00"),
)  # fmt: skip

COST_CENTERS = {"cust_abc123": "CC-GENOMICS-001", "cust_gamma7": "CC-GAMMA-042"}
CUSTOMER_KEY, COST_CENTER_KEY = "daylily:customer_id", "daylily:cost_center"


def seed(sandbox: Sandbox) -> None:
    """Make the buckets with what was on them, their storage metrics, and six months of costs.

    Billing already counts by customer_id, knows cost_center but does not use it, and has met no other key.
    The request log is empty afterwards.
    """
    for bucket in BUCKETS:
        _make(sandbox, bucket)
    sandbox.cost.add_line_items(_line_items(sandbox.now().date()))
    sandbox.cost.sees_tag_keys(DEFAULT_ACCOUNT, [CUSTOMER_KEY], active=True)
    sandbox.cost.sees_tag_keys(DEFAULT_ACCOUNT, [COST_CENTER_KEY])
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
    """S3's daily storage metrics, as of yesterday's midnight."""
    midnight = sandbox.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    figures = (
        ("BucketSizeBytes", "StandardStorage", float(bucket.size_gib * 1024**3), "Bytes"),
        ("NumberOfObjects", "AllStorageTypes", float(bucket.objects), "Count"),
    )
    sandbox.client("cloudwatch", region=bucket.region).put_metric_data(
        Namespace="AWS/S3",
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "BucketName", "Value": bucket.name},
                    {"Name": "StorageType", "Value": storage_type},
                ],
                "Timestamp": midnight,
                "Value": value,
                "Unit": unit,
            }
            for metric, storage_type, value, unit in figures
        ],
    )


def _line_items(today: date) -> Iterator[LineItem]:
    """Every cost spread over the days of its months, to the cent, up to and including today."""
    for cost in COSTS:
        first = today.replace(day=1)
        for amount in reversed(cost.months.split()):
            yield from (_line(cost, day, share) for day, share in _by_day(first, Decimal(amount)) if day <= today)
            first = (first - timedelta(days=1)).replace(day=1)


def _by_day(first: date, amount: Decimal) -> Iterator[tuple[date, Decimal]]:
    """The month's days with their shares, which sum to the amount exactly."""
    days = ((first + timedelta(days=32)).replace(day=1) - first).days
    cents = int(amount * 100)
    for index in range(days):
        share = cents * (index + 1) // days - cents * index // days
        if share:
            yield first + timedelta(days=index), Decimal(share) / 100


def _line(cost: SeedCost, day: date, amount: Decimal) -> LineItem:
    known = {CUSTOMER_KEY: cost.customer, COST_CENTER_KEY: COST_CENTERS.get(cost.customer, "")}
    tags = {key: value for key, value in known.items() if value}
    quantity = (amount / Decimal(cost.sold.price)).quantize(Decimal("0.000001"))
    sold = cost.sold
    return LineItem(
        day, DEFAULT_ACCOUNT, sold.service, sold.usage_type, sold.record_type, amount, quantity, sold.unit, tags
    )
