"""What the customers of a benchmark used: a bill, storage metrics and a ledger, put straight into the local AWS."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from benchmarks.fleet import REGION, bucket
from controller.sandbox import Sandbox
from controller.sandbox.cost_expressions import LineItem
from controller.sandbox.moto_backend import DEFAULT_ACCOUNT
from controller.sandbox.seed_costs import COMPUTE, CUSTOMER_KEY, REQUESTS, STORAGE, TRANSFER
from controller.sandbox.seed_worksets import make_ledger

WORKSETS_EACH = 2


def seed_usage(sandbox: Sandbox, customers: int) -> None:
    """For every customer: four costs in this month and the last, a measured bucket, and two worksets.

    The ledger has no index by customer, so it is scanned: moto goes through the whole table for a query of an index.
    """
    today = sandbox.now().date()
    sandbox.cost.add_line_items(_bill(customers, today))
    sandbox.cost.sees_tag_keys(DEFAULT_ACCOUNT, [CUSTOMER_KEY], active=True)
    _measure(sandbox, customers)
    items = (item for number in range(customers) for item in _worksets(number, today))
    make_ledger(sandbox, items, indexes=["created-at-index"])


def _bill(customers: int, today: date) -> Iterator[LineItem]:
    first = today.replace(day=1)
    for day in (first - timedelta(days=3), first):
        for number in range(customers):
            tags = {CUSTOMER_KEY: f"cust_{number:05}"}
            for sold, amount in ((COMPUTE, "31.27"), (STORAGE, "5.64"), (REQUESTS, "0.63"), (TRANSFER, "4.07")):
                yield LineItem(
                    day, DEFAULT_ACCOUNT, sold.service, sold.usage_type, sold.record_type,
                    Decimal(amount), Decimal(amount) / Decimal(sold.price), sold.unit, tags,
                )  # fmt: skip


def _measure(sandbox: Sandbox, customers: int) -> None:
    from moto.cloudwatch.models import cloudwatch_backends

    at = sandbox.now().replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None) - timedelta(days=1)
    figures = (("BucketSizeBytes", "StandardStorage", 2.6e11), ("NumberOfObjects", "AllStorageTypes", 15234.0))
    cloudwatch: Any = cloudwatch_backends[DEFAULT_ACCOUNT][REGION]
    cloudwatch.put_metric_data(
        "AWS/S3",
        [
            {
                "MetricName": metric,
                "Dimensions": [
                    {"Name": "BucketName", "Value": bucket(number)},
                    {"Name": "StorageType", "Value": storage_type},
                ],
                "Timestamp": at,
                "Value": value,
            }
            for number in range(customers)
            for metric, storage_type, value in figures
        ],
    )


def _worksets(number: int, today: date) -> Iterator[dict[str, Any]]:
    for run in range(WORKSETS_EACH):
        ended = f"{today.replace(day=1)}T0{run}:45:00Z"
        yield {
            "workset_id": f"run-{number:05}-{run}",
            "customer_id": f"cust_{number:05}",
            "state": "complete",
            "priority": "normal",
            "created_at": ended,
            "state_history": [{"state": "complete", "timestamp": ended, "reason": "done"}],
            "total_compute_cost_usd": Decimal("14.10"),
        }
