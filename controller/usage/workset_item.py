"""One item of the worksets ledger, read as a Workset. Pure.

The ledger is not ours. Its numbers are Decimal or text, its metrics stand at either of two depths, its dates may be
anything, and attributes are missing as often as not: what cannot be read is left out, and the rest counts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from controller.domain.month import Month
from controller.domain.usage import Certainty, Workset

Item = Mapping[str, Any]
Outcome = Literal["completed", "failed", "pending", "other"]

OUTCOMES: Mapping[str, Outcome] = {
    "complete": "completed",
    "error": "failed",
    "failed": "failed",
    "ready": "pending",
    "queued": "pending",
    "locked": "pending",
    "in_progress": "pending",
    "retrying": "pending",
    "paused": "pending",
    "pending_review": "pending",
    "billing_hold": "pending",
}
"""By state; every other one (canceled, ignored, or none that we know) is `other`."""

PUT_AWAY = ("archived", "deleted")
"""States that hide the one before, which keeps its outcome and its month."""

PROJECTION = (
    "workset_id",
    "customer_id",
    "state",
    "original_state",
    "state_history",
    "execution_started_at",
    "execution_ended_at",
    "started_at",
    "finished_at",
    "total_compute_cost_usd",
    "per_sample_costs",
    "cost_report_sample_count",
    "results_storage_bytes",
    "cluster_name",
    "execution_cluster_name",
    "execution_context.cluster_name",
    "metadata.workset_name",
    "metadata.submitted_by",
    "metadata.sample_count",
    "metadata.samples",
    "metadata.cost_usd",
    "metadata.estimated_cost_usd",
    "performance_metrics.cost_summary",
    "performance_metrics.benchmark_data",
    "performance_metrics.duration_info",
    "performance_metrics.post_export_metrics.cost_summary",
    "performance_metrics.post_export_metrics.benchmark_data",
    "performance_metrics.post_export_metrics.duration_info",
    "performance_metrics.post_export_metrics.analysis_directory_size_bytes",
    "performance_metrics.pre_export_metrics.analysis_directory_size_bytes",
)
"""All that is read of an item. What it leaves out is most of it: items go up to 400 KB."""

HOUR = Decimal(3600)
TOO_MUCH = Decimal(10) ** 18


def workset_of(item: Item) -> Workset:
    """The workset. Never raises: an item that makes no sense is one with the outcome `other`, no month and no cost."""
    outcome = _outcome(item)
    ended = _ended(item, outcome)
    cost, certainty = _cost(item)
    return Workset(
        workset_id=_text(item.get("workset_id")),
        state=_text(item.get("state")),
        outcome=outcome,
        month=str(Month.of(ended)) if ended else None,
        name=_text(_metadata(item).get("workset_name")),
        started_at=_moment(item.get("execution_started_at") or item.get("started_at")),
        ended_at=ended,
        minutes=_minutes(item),
        samples=_samples(item),
        vcpu_hours=_vcpu_hours(item),
        cost=cost,
        certainty=certainty,
        per_sample=_per_sample(item),
        results_bytes=_results_bytes(item),
        cluster=_cluster(item),
    )


def customer_of(item: Item) -> str:
    """The customer by id; items from before there was a customer_id have it in metadata.submitted_by, or nowhere."""
    return _text(item.get("customer_id")) or _text(_metadata(item).get("submitted_by"))


# What became of it, and when


def _outcome(item: Item) -> Outcome:
    """A workset that ran to its end and was made ready again counts as completed until it ends anew: its figures are
    those of the run before."""
    outcome = OUTCOMES.get(_state(item), "other")
    return "completed" if outcome == "pending" and _last(item, "completed") else outcome


def _state(item: Item) -> str:
    """The state, or the one before it was archived or deleted."""
    states = [_text(item.get("state")), _text(item.get("original_state"))]
    states += [_text(entry.get("state")) for entry in reversed(_history(item))]
    return next((state for state in states if state and state not in PUT_AWAY), "")


def _ended(item: Item, outcome: Outcome) -> datetime | None:
    """When it ended for good: the last entry of its history that says so, and only without one what else is told.

    `updated_at` moves with every later touch, and `completed_at` is written by nobody. An entry whose date cannot be
    read gives no other date to go by: the workset then has no month rather than a wrong one.
    """
    if outcome == "pending":
        return None
    if entry := _last(item, outcome):
        return _moment(entry.get("timestamp"))
    told = [item[name] for name in ("execution_ended_at", "finished_at") if item.get(name)]
    return _moment(told[0]) if told else None


def _last(item: Item, outcome: Outcome) -> Item | None:
    """The last entry of the history with this outcome, archiving and deleting apart."""
    entries = [entry for entry in _history(item) if _text(entry.get("state")) not in PUT_AWAY]
    return next((one for one in reversed(entries) if OUTCOMES.get(_text(one.get("state")), "other") == outcome), None)


def _history(item: Item) -> Sequence[Item]:
    return [entry for entry in _items(item.get("state_history")) if isinstance(entry, Mapping)]


def _minutes(item: Item) -> Decimal | None:
    """By the clock of the run; else as long as the run says that it took."""
    started, ended = _moment(item.get("execution_started_at")), _moment(item.get("execution_ended_at"))
    if started and ended and ended >= started:
        return Decimal((ended - started) // timedelta(seconds=1)) / 60
    seconds = _first_number(metrics.get("duration_seconds") for metrics in _metrics(item, "duration_info"))
    return seconds / 60 if seconds else None


# What it cost, and how large it was


def _cost(item: Item) -> tuple[Decimal | None, Certainty]:
    """What a cost report says, else what was written down at submission. A cost of 0 is one that nobody measured:
    the ledger has summaries without a total, and they must not make an actual cost of an estimate."""
    metadata = _metadata(item)
    totals = [summary.get("total_cost") for summary in _metrics(item, "cost_summary")]
    actual = _first_number([item.get("total_compute_cost_usd"), *totals, metadata.get("cost_usd")])
    if actual is not None:
        return actual, "actual"
    estimate = _first_number([metadata.get("estimated_cost_usd")])
    return (estimate, "estimated") if estimate is not None else (None, "unknown")


def _per_sample(item: Item) -> Mapping[str, Decimal]:
    tables = [item.get("per_sample_costs"), *(one.get("per_sample_costs") for one in _metrics(item, "cost_summary"))]
    for table in tables:
        costs = {str(sample): _number(cost) for sample, cost in _mapping(table).items()}
        if costs:
            return {sample: cost for sample, cost in costs.items() if cost is not None}
    return {}


def _samples(item: Item) -> int | None:
    metadata = _metadata(item)
    counts = [metadata.get("sample_count"), item.get("cost_report_sample_count")]
    counts += [summary.get("sample_count") for summary in _metrics(item, "cost_summary")]
    return _whole(_first_number([*counts, len(_items(metadata.get("samples")))]))


def _vcpu_hours(item: Item) -> Decimal | None:
    """Threads times hours over all benchmark rows: what was held, not the CPU time that was used of it."""
    tables = [_items(table) for table in _found(item, "benchmark_data")]
    rows = [_mapping(row) for row in next(filter(None, tables), [])]
    pairs = [(_number(row.get("snakemake_threads")), _number(row.get("s"))) for row in rows]
    spent = [threads * seconds for threads, seconds in pairs if threads is not None and seconds is not None]
    return _number(sum(spent, Decimal(0)) / HOUR) if spent else None


def _results_bytes(item: Item) -> int | None:
    metrics = _mapping(item.get("performance_metrics"))
    exports = [_mapping(metrics.get(name)) for name in ("post_export_metrics", "pre_export_metrics")]
    sizes = [item.get("results_storage_bytes"), *(one.get("analysis_directory_size_bytes") for one in exports)]
    return _whole(next((size for size in map(_number, sizes) if size is not None), None))


def _cluster(item: Item) -> str:
    told = (item.get("cluster_name"), item.get("execution_cluster_name"))
    return next(filter(None, map(_text, (*told, _mapping(item.get("execution_context")).get("cluster_name")))), "")


def _metrics(item: Item, name: str) -> Iterator[Item]:
    return map(_mapping, _found(item, name))


def _found(item: Item, name: str) -> Iterator[Any]:
    """A part of the performance metrics at both depths where it may stand: the monitor writes it one level deeper."""
    metrics = _mapping(item.get("performance_metrics"))
    for place in (metrics, _mapping(metrics.get("post_export_metrics"))):
        if name in place:
            yield place[name]


def _metadata(item: Item) -> Item:
    return _mapping(item.get("metadata"))


# Values that may be anything


def _mapping(value: Any) -> Item:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> Decimal | None:
    """A number of 0 or more, written as one or as text; one that nothing here could be is none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        number = Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() and 0 <= number < TOO_MUCH else None


def _first_number(values: Iterable[Any]) -> Decimal | None:
    """The first that is more than 0."""
    return next((number for number in map(_number, values) if number), None)


def _whole(number: Decimal | None) -> int | None:
    return None if number is None else int(number)


def _moment(value: Any) -> datetime | None:
    """ISO 8601, in UTC where no zone is told; also with both an offset and a Z, which the ledger has."""
    try:
        moment = datetime.fromisoformat(_text(value).strip().removesuffix("Z"))
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
