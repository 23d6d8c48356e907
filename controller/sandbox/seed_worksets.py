"""The worksets ledger of the example customers, as the system that owns it writes it: table, indexes, items.

January 2024 of cust_abc123 is that of the design document: 15 worksets completed with 1,250.5 vCPU-hours and $312.63,
2 failed, 1 waiting. After that six months up to today, in which the ledger knows of most of the cost of compute.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from controller.sandbox.local_aws import Sandbox
from controller.sandbox.seed_costs import ACME, BETA, COMPUTE, COSTS, EPSILON, GAMMA, RUSH

TABLE = "daylily-worksets"
INDEXES = {
    "state-priority-index": ("state", "priority"),
    "created-at-index": ("state", "created_at"),
    "customer-id-state-index": ("customer_id", "state"),
}

Item = dict[str, Any]

JANUARY_RUNS = (
    ("74", "18.50"),
    ("60.5", "15.12"), ("92", "23.00"), ("78.5", "19.62"), ("110", "27.50"), ("84", "21.00"), ("66.5", "16.63"),
    ("95", "23.75"), ("71", "17.75"), ("88.5", "22.13"), ("102", "25.50"), ("59", "14.75"), ("97.5", "24.38"),
    ("81", "20.25"), ("91", "22.75"),
)  # fmt: skip
"""vCPU-hours and USD of what completed in January 2024; the first took 45 minutes."""

A_MONTH = {ACME: 4, BETA: 6, GAMMA: 2}
"""Worksets that complete in a month."""

KNOWN_SHARE = Decimal("0.92")
"""Of the cost of compute, what the ledger tells: idle and starting machines are in no cost report."""

PRICE = Decimal(COMPUTE.price)
RULES = (("bwa_mem2_sort", 96, Decimal("0.6")), ("deepvariant", 16, Decimal("0.3")), ("multiqc", 8, Decimal("0.1")))
"""Rules of the pipeline with their threads, and their share of the vCPU-hours."""


def seed_worksets(sandbox: Sandbox) -> None:
    """Make the table and fill it."""
    make_ledger(sandbox, worksets(sandbox.now()))


def make_ledger(sandbox: Sandbox, items: Iterable[Item], indexes: Collection[str] = INDEXES.keys()) -> None:
    """The table with these of its indexes, and these items in it."""
    dynamodb = sandbox.client("dynamodb")
    dynamodb.create_table(**_definition(indexes))
    puts = [{"PutRequest": {"Item": _typed(item)}} for item in items]
    for start in range(0, len(puts), 25):
        dynamodb.batch_write_item(RequestItems={TABLE: puts[start : start + 25]})


def worksets(now: datetime) -> Iterator[Item]:
    """Every item of the ledger."""
    yield from _january()
    yield from _six_months(now)
    yield from _today(now)


def _january() -> Iterator[Item]:
    for number, (hours, cost) in enumerate(JANUARY_RUNS, start=1):
        ended = datetime(2024, 1, 2 * number, 9, 45, tzinfo=UTC)
        minutes = 45 if number == 1 else 60 + 7 * number
        yield _completed(f"ws-{number:03}", ACME, ended, minutes, Decimal(hours), Decimal(cost), nested=number % 3 == 0)
    for number in (16, 17):
        yield _failed(f"ws-{number:03}", ACME, datetime(2024, 1, number, 18, 30, tzinfo=UTC))
    waiting = datetime(2024, 1, 31, 22, 0, tzinfo=UTC)
    yield _item("ws-018", ACME, ("ready", waiting))


def _six_months(now: datetime) -> Iterator[Item]:
    """Months as in the table of costs; of the current one only what is over."""
    for cost in COSTS:
        if cost.sold != COMPUTE:
            continue
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        for amount in reversed(cost.months.split()):
            yield from _in_month(cost.customer, month, Decimal(amount), now)
            month = (month - timedelta(days=1)).replace(day=1)


def _in_month(customer: str, month: datetime, amount: Decimal, now: datetime) -> Iterator[Item]:
    """Equal runs all over the month, the oldest of them archived, and one that failed."""
    runs = A_MONTH[customer]
    each = (amount * KNOWN_SHARE / runs).quantize(Decimal("0.01"))
    if not each:
        return
    for number in range(runs):
        ended = month + timedelta(days=1 + number * (26 // runs), hours=14)
        if ended < now:
            id_ = _id(customer, "wgs", month, number)
            item = _completed(id_, customer, ended, 90 + 11 * number, each / PRICE, each, nested=number % 2 == 1)
            yield _archived(item, ended + timedelta(days=1)) if number == 0 and ended.month % 2 else item
    failed = month + timedelta(days=3, hours=4)
    if failed < now:
        yield _failed(_id(customer, "wes", month, runs), customer, failed)


def _today(now: datetime) -> Iterator[Item]:
    """What runs and waits right now, with no more than an estimate of its cost; and a large run of this month."""
    first = now.replace(day=1, hour=0, minute=20, second=0, microsecond=0)
    if first < now:
        yield _completed(_id(BETA, "rush", first, 80), BETA, first, 15, RUSH / PRICE, RUSH, nested=False)
    running = ((ACME, 2, "21.40"), (ACME, 1, "18.00"), (BETA, 5, "36.75"), (EPSILON, 1, "9.20"))
    for number, (customer, hours, estimate) in zip(count(90), running, strict=False):
        started = now - timedelta(hours=hours)
        item = _item(_id(customer, "run", now, number), customer, ("ready", started), ("in_progress", started))
        metadata = item["metadata"] | {"estimated_cost_usd": Decimal(estimate)}
        yield item | {"execution_started_at": _time(started), "metadata": metadata}
    yield _item(_id(BETA, "run", now, 99), BETA, ("ready", now - timedelta(minutes=20)))


def _completed(
    id_: str, customer: str, ended: datetime, minutes: int, hours: Decimal, cost: Decimal, *, nested: bool
) -> Item:
    """`nested`: its report stands one level deeper and nowhere else, as the monitor writes it."""
    started = ended - timedelta(minutes=minutes)
    steps = (("ready", started - timedelta(minutes=9)), ("in_progress", started), ("complete", ended))
    samples = {f"{id_}-s{number}": str(share) for number, share in enumerate(_halves(cost), start=1)}
    summary = {"total_cost": str(cost), "per_sample_costs": samples, "rule_count": 3, "sample_count": 2}
    report = {
        "cost_summary": summary,
        "benchmark_data": _benchmark(id_, hours),
        "duration_info": {"duration_seconds": 60 * minutes},
        "analysis_directory_size_bytes": int(hours * 1024**3),
    }
    item = _item(id_, customer, *steps) | {
        "execution_started_at": _time(started),
        "execution_ended_at": _time(ended),
        "cluster_name": "prod-us-west-2",
        "performance_metrics": {"post_export_metrics": report} if nested else report,
    }
    if nested:
        return item
    return item | {"total_compute_cost_usd": cost, "per_sample_costs": samples, "results_storage_bytes": 10**9}


def _failed(id_: str, customer: str, ended: datetime) -> Item:
    """It left no cost report: those come with the results."""
    started = ended - timedelta(minutes=35)
    item = _item(id_, customer, ("ready", started), ("in_progress", started), ("error", ended), ("failed", ended))
    return item | {
        "execution_started_at": _time(started),
        "execution_ended_at": _time(ended),
        "error_category": "data",
        "error_details": "sample sheet does not match the FASTQ files",
    }


def _archived(item: Item, at: datetime) -> Item:
    entry = {"state": "archived", "timestamp": _time(at), "reason": "archived by the customer"}
    return item | {
        "state": "archived",
        "original_state": item["state"],
        "archived_at": _time(at),
        "updated_at": _time(at),
        "state_history": [*item["state_history"], entry],
    }


def _item(id_: str, customer: str, *steps: tuple[str, datetime]) -> Item:
    """A workset that went through these states."""
    return {
        "workset_id": id_,
        "customer_id": customer,
        "bucket": "daylily-monitor-us-west-2",
        "prefix": f"worksets/{id_}/",
        "priority": "normal",
        "workset_type": "ruo",
        "state": steps[-1][0],
        "state_history": [
            {"state": state, "timestamp": _time(at), "reason": f"workset is {state}"} for state, at in steps
        ],
        "created_at": _time(steps[0][1]),
        "updated_at": _time(steps[-1][1]),
        "metadata": {
            "workset_name": id_.replace("-", " "),
            "pipeline_type": "germline_wgs",
            "submitted_by": customer,
            "sample_count": 2,
        },
    }


def _benchmark(id_: str, hours: Decimal) -> list[dict[str, str]]:
    """Rows as they come from a TSV, all text; cpu_time is what the threads really used."""
    return [
        {
            "rule": rule,
            "sample": f"{id_}-s1",
            "s": f"{(hours * share * 3600 / threads).normalize():f}",
            "snakemake_threads": str(threads),
            "cpu_time": f"{(hours * share * 288).quantize(Decimal('0.1')):f}",
            "task_cost": f"{(hours * share * PRICE).quantize(Decimal('0.0001')):f}",
        }
        for rule, threads, share in RULES
    ]


def _halves(cost: Decimal) -> tuple[Decimal, Decimal]:
    half = (cost / 2).quantize(Decimal("0.01"))
    return half, cost - half


def _id(customer: str, kind: str, at: datetime, number: int) -> str:
    return f"{kind}-{customer.removeprefix('cust_')}-{number:08x}-{at:%Y%m%d}"


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _definition(indexes: Collection[str]) -> Mapping[str, Any]:
    made = {name: INDEXES[name] for name in indexes}
    keys = sorted({"workset_id", *(key for pair in made.values() for key in pair)})
    return {
        "TableName": TABLE,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "KeySchema": [{"AttributeName": "workset_id", "KeyType": "HASH"}],
        "GlobalSecondaryIndexes": [
            {
                "IndexName": name,
                "KeySchema": [
                    {"AttributeName": hashed, "KeyType": "HASH"},
                    {"AttributeName": sorted_by, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for name, (hashed, sorted_by) in made.items()
        ],
    }


def _typed(item: Item) -> Mapping[str, Any]:
    serializer = TypeSerializer()
    return {name: serializer.serialize(value) for name, value in item.items()}
