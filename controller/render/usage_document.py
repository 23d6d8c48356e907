"""A month's usage for other programs: the superset of the two shapes that the seed document shows for it.

The seed's flat shape has the month as text under `period`, its other shape an object there; one key cannot be both, so
the text is `period.month`. `total_cost_usd` stands at the top for the one and in `summary` for the other.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from controller.domain.coverage import Coverage
from controller.domain.figure import PARTS, Figure, read_at, rounded
from controller.domain.gate import Gate
from controller.domain.money import cents
from controller.domain.usage import CostRow, CustomerMonth, Line
from controller.domain.usage_report import UsageReport, WorksetCost
from controller.render.figure_words import cents_of, origin, when
from controller.render.phrases import iso

FORMAT_VERSION = "1.0"

IN_SUM = "in_compute_cost"
INFORMATIVE = "informative"
GIB = 2**30


def to_document(report: UsageReport) -> dict[str, Any]:
    """Unknown figures are null, never 0. `figures` says of each where it comes from, by its path in this document."""
    stored, month = report.stored, report.month
    return {
        "format_version": FORMAT_VERSION,
        "customer_id": stored.customer_id,
        "customer_name": stored.display_name or stored.name,
        "account": stored.account,
        "cost_center": stored.cost_center,
        "period": {"month": str(month), "start": f"{month.first_day}", "end": f"{month.last_day}"},
        "currency": stored.currency,
        "total_cost_usd": cents_of(report.total.value),
        "summary": _summary(report),
        "storage": _storage(report),
        "compute": _compute(report),
        "data_transfer": {
            "ingress_gb": report.ingress.value,
            "egress_gb": report.egress.value,
            "total_gb": report.transferred.value,
            "cost_usd": cents_of(report.parts["data_transfer"].value),
        },
        "other": {"cost_usd": cents_of(report.parts["other"].value)},
        "by_service": [_service(stored, line) for line in report.lines] if report.total.value is not None else [],
        "by_workset": [_workset(stored, one) for one in report.worksets],
        "by_workset_costs": IN_SUM if report.worksets_are_counted else INFORMATIVE,
        "excluded": [_excluded(one) for one in stored.excluded],
        "not_charged": _not_charged(stored),
        "forecast": _forecast(report),
        "coverage": coverage(report.coverage),
        "gate": gate(report.gate),
        "figures": {path: origin(figure) for path, figure in sorted(figures(report).items())},
        "problems": list(stored.problems),
        "remarks": list(stored.remarks),
    }


def figures(report: UsageReport) -> Mapping[str, Figure]:
    """Every figure by its path in the document."""
    costs = {f"{part}.cost_usd": report.parts[part] for part in PARTS}
    counts = {f"compute.worksets_{name}": figure for name, figure in report.counts.items()}
    return {
        **costs,
        **counts,
        "total_cost_usd": report.total,
        "summary.total_cost_usd": report.total,
        "summary.core_cost_usd": report.core,
        "summary.budget_limit_usd": report.limit,
        "summary.budget_actual_usd": report.budget_actual,
        "storage.current_bytes": report.storage.size,
        "storage.current_gb": report.storage.size,
        "storage.objects_count": report.storage.objects,
        "compute.vcpu_hours": report.vcpu_hours,
        "data_transfer.ingress_gb": report.ingress,
        "data_transfer.egress_gb": report.egress,
        "data_transfer.total_gb": report.transferred,
    }


def coverage(one: Coverage | None) -> dict[str, Any] | None:
    """Of an account, or of all."""
    if one is None:
        return None
    return {
        "allocated_usd": cents_of(one.allocated),
        "unallocated_usd": cents_of(one.unallocated),
        "total_usd": cents_of(one.total),
        "percent": one.percent,
    }


def gate(one: Gate | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "state": one.state,
        "may_submit": one.may_submit,
        "reason": one.reason,
        "message": one.message,
        "since": iso(one.since),
        "until": when(one.until),
        "override": one.override,
        "spent_usd": cents_of(one.spent),
        "limit_usd": cents_of(one.limit),
        "percent": one.percent,
        "as_of": when(one.as_of),
    }


def _summary(report: UsageReport) -> dict[str, Any]:
    return {
        "total_cost_usd": cents_of(report.total.value),
        "budget_limit_usd": cents_of(report.limit.value),
        "budget_used_percent": report.used,
        "budget_actual_usd": cents_of(report.budget_actual.value),
        "core_cost_usd": cents_of(report.core.value),
        "core_budget_used_percent": report.core_used,
        "currency": report.stored.currency,
        "certainty": report.total.certainty,
        "as_of": when(report.total.as_of),
    }


def _storage(report: UsageReport) -> dict[str, Any]:
    storage = report.storage
    size, quota = storage.size.value, storage.quota_gib
    return {
        "current_bytes": size,
        "current_gb": None if size is None else rounded(size / GIB, 1),
        "quota_bytes": None if quota is None else quota * GIB,
        "max_gb": quota,
        "objects_count": storage.objects.value,
        "by_class": dict(storage.by_class),
        "buckets_not_measured": storage.unmeasured,
        "as_of": when(storage.size.as_of),
        "cost_usd": cents_of(report.parts["storage"].value),
    }


def _compute(report: UsageReport) -> dict[str, Any]:
    counts = {f"worksets_{name}": figure.value for name, figure in report.counts.items()}
    return {
        **counts,
        "vcpu_hours": report.vcpu_hours.value,
        "source": report.stored.compute_source,
        "cost_usd": cents_of(report.parts["compute"].value),
    }


def _service(stored: CustomerMonth, line: Line) -> dict[str, Any]:
    return {
        "service": line.service,
        "part": line.part,
        "usage": None if line.quantity is None else rounded(line.quantity, 3),
        "unit": line.unit or None,
        "cost_usd": line.amount,
        "source": line.source,
        "as_of": when(read_at(stored, line.source)),
        "certainty": line.certainty,
    }


def _workset(stored: CustomerMonth, one: WorksetCost) -> dict[str, Any]:
    workset = one.workset
    return {
        "workset_id": workset.workset_id,
        "name": workset.name or None,
        "status": workset.outcome,
        "state": workset.state,
        "started_at": when(workset.started_at),
        "ended_at": when(workset.ended_at),
        "duration_minutes": _short(workset.minutes, 1),
        "samples": workset.samples,
        "vcpu_hours": _short(workset.vcpu_hours, 3),
        "cost_usd": one.cost,
        "source": "ledger",
        "as_of": when(stored.worksets_as_of),
        "certainty": "unknown" if one.cost is None else workset.certainty,
        "in_compute_cost": one.counted,
    }


def _not_charged(stored: CustomerMonth) -> dict[str, Decimal] | None:
    """Failed worksets that cost something; None where the ledger was not read."""
    if stored.worksets_as_of is None:
        return None
    return {"absorbed_usd": cents(stored.absorbed), "flagged_usd": cents(stored.flagged)}


def _excluded(row: CostRow) -> dict[str, Any]:
    return {"service": row.service, "record_type": row.record_type, "amount_usd": cents(row.amount)}


def _forecast(report: UsageReport) -> dict[str, Any] | None:
    one = report.forecast
    if one is None:
        return None
    return {
        "amount_usd": cents_of(one.amount.value),
        "low_usd": cents_of(one.low),
        "high_usd": cents_of(one.high),
        "will_exceed": one.will_exceed,
        **origin(one.amount),
    }


def _short(value: Decimal | None, places: int) -> Decimal | None:
    return None if value is None else rounded(value, places)
