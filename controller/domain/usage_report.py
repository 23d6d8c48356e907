"""What one customer used and what it cost in one month, ready to be told. Pure; made from what is stored.

The parts add up to the total, and so do the lines. What the ledger says of single worksets adds up to compute only
where compute comes from the ledger, and every workset says whether it is in the sum.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from controller.domain.coverage import Coverage
from controller.domain.figure import (
    PARTS,
    UNKNOWN,
    Figure,
    budget_figure,
    cost_of,
    figure_of,
    quantity_of,
    read_at,
    rounded,
    share,
    sum_of,
)
from controller.domain.forecast_report import ForecastReport, forecast_report
from controller.domain.gate import Gate
from controller.domain.money import ZERO, cents, in_cents
from controller.domain.month import Month
from controller.domain.usage import BucketStorage, CustomerMonth, Line, Part, Workset

CORE: tuple[Part, ...] = ("storage", "compute", "data_transfer")
"""What the seed document's usage response counts; `other` is what it leaves out."""
OUTCOMES = ("completed", "failed", "pending", "other")
HOURS = frozenset({"vcpu-hours", "vcpu-h"})
PRECISION = Decimal("0.000001")
"""USD: what two sums of the same costs may differ by."""


@dataclass(frozen=True, slots=True)
class StorageUse:
    """All buckets of the customer together. `unmeasured`: how many of them CloudWatch says nothing about."""

    size: Figure
    objects: Figure
    by_class: Mapping[str, int]
    unmeasured: int
    quota_gib: int | None


@dataclass(frozen=True, slots=True)
class WorksetCost:
    """A workset with its cost in whole cents. `counted`: the cost is in the cost of compute; else it only informs."""

    workset: Workset
    cost: Decimal | None
    counted: bool


@dataclass(frozen=True, slots=True)
class UsageReport:
    """`limit` and `used` are unknown without a budget; `budget_actual` is AWS Budgets' own count, of tagged cost."""

    stored: CustomerMonth
    month: Month
    total: Figure
    parts: Mapping[Part, Figure]
    core: Figure
    limit: Figure
    budget_actual: Figure
    lines: tuple[Line, ...]
    storage: StorageUse
    counts: Mapping[str, Figure]
    """Worksets by outcome, and all of them as `submitted`."""
    vcpu_hours: Figure
    ingress: Figure
    egress: Figure
    transferred: Figure
    worksets: tuple[WorksetCost, ...]
    coverage: Coverage | None
    gate: Gate | None

    @property
    def used(self) -> Decimal | None:
        return share(self.total, self.limit)

    @property
    def core_used(self) -> Decimal | None:
        return share(self.core, self.limit)

    @property
    def forecast(self) -> ForecastReport | None:
        """What the whole month is expected to cost; None where that is unknown, or the month is over."""
        told = forecast_report(self.stored)
        over = self.total.as_of is not None and self.total.as_of >= self.month.end
        return None if over or told.amount.value is None else told

    @property
    def worksets_are_counted(self) -> bool:
        return any(one.counted for one in self.worksets)


def usage_report(stored: CustomerMonth, coverage: Coverage | None = None, gate: Gate | None = None) -> UsageReport:
    """`coverage` is that of the customer's account; a gate of another month is left out."""
    parts = {part: cost_of(stored, part) for part in PARTS}
    direction = _directions(stored)
    return UsageReport(
        stored=stored,
        month=Month.parse(stored.month),
        total=cost_of(stored),
        parts=parts,
        core=_core(parts),
        limit=budget_figure(stored, lambda spend: spend.limit),
        budget_actual=budget_figure(stored, lambda spend: spend.actual),
        lines=in_order(stored.lines),
        storage=_storage(stored),
        counts=_counts(stored),
        vcpu_hours=_vcpu_hours(stored),
        ingress=direction["in"],
        egress=direction["out"],
        transferred=direction[""],
        worksets=_worksets(stored),
        coverage=coverage,
        gate=gate if gate and gate.month in ("", stored.month) else None,
    )


def in_order(lines: Collection[Line]) -> tuple[Line, ...]:
    """Compute first, what belongs to no part last, by service within."""
    return tuple(sorted(lines, key=lambda one: (PARTS.index(one.part), one.service, one.source, one.amount)))


def _core(parts: Mapping[Part, Figure]) -> Figure:
    """Known where all of it is."""
    figures = [parts[part] for part in CORE]
    return sum_of(figures) if all(one.value is not None for one in figures) else UNKNOWN


def _storage(stored: CustomerMonth) -> StorageUse:
    buckets = stored.storage or ()
    by_class: dict[str, int] = {}
    for bucket in buckets:
        for name, size in bucket.bytes_by_type.items():
            by_class[name] = by_class.get(name, 0) + size
    return StorageUse(
        _over_buckets(stored, lambda bucket: bucket.total),
        _over_buckets(stored, lambda bucket: bucket.objects),
        dict(sorted(by_class.items())),
        sum(bucket.total is None for bucket in buckets),
        stored.quota_gib,
    )


def _over_buckets(stored: CustomerMonth, which: Callable[[BucketStorage], int | None]) -> Figure:
    """The sum over all buckets; an estimate where only some are measured, and unknown where none is."""
    if stored.storage is None:
        return UNKNOWN
    known = [amount for bucket in stored.storage if (amount := which(bucket)) is not None]
    if stored.storage and not known:
        return UNKNOWN
    every = len(known) == len(stored.storage)
    at = read_at(stored, "cloudwatch")
    return Figure(Decimal(sum(known)), ("cloudwatch",), at, "actual" if every else "estimated")


def _counts(stored: CustomerMonth) -> dict[str, Figure]:
    if stored.worksets_as_of is None:
        return dict.fromkeys(("submitted", *OUTCOMES), UNKNOWN)
    found = {name: sum(one.outcome == name for one in stored.worksets) for name in OUTCOMES}
    told = {"submitted": len(stored.worksets), **found}
    return {name: Figure(Decimal(n), ("ledger",), stored.worksets_as_of, "actual") for name, n in told.items()}


def _vcpu_hours(stored: CustomerMonth) -> Figure:
    """By the ledger; where it says nothing, what AWS counted in the cost of compute."""
    known = [one.vcpu_hours for one in stored.worksets if one.vcpu_hours is not None]
    if known:
        every = len(known) == len(stored.worksets)
        hours = rounded(sum(known, ZERO), 3)
        return Figure(hours, ("ledger",), stored.worksets_as_of, "actual" if every else "estimated")
    return _quantity(stored, [one for one in stored.lines if one.part == "compute" and one.unit.lower() in HOURS])


def _directions(stored: CustomerMonth) -> dict[str, Figure]:
    """GB moved in, out, and together. What AWS bills as transfer goes out, but where the name says In."""
    lines = [line for line in stored.lines if line.part == "data_transfer"]
    told: dict[str, list[Line]] = {"in": [], "out": [], "": lines}
    for line in lines:
        told["in" if line.service.lower().endswith(" in") else "out"].append(line)
    return {way: _quantity(stored, found) for way, found in told.items()}


def _quantity(stored: CustomerMonth, lines: Sequence[Line]) -> Figure:
    amount, _ = quantity_of(lines)
    return UNKNOWN if amount is None else replace(figure_of(stored, lines), value=rounded(amount, 3))


def _worksets(stored: CustomerMonth) -> tuple[WorksetCost, ...]:
    """By id. Those whose cost is charged are rounded together, so that they add up to it to the cent."""
    counted = _counted(stored)
    return tuple(
        WorksetCost(one, counted.get(at, None if one.cost is None else cents(one.cost)), at in counted)
        for at, one in sorted(enumerate(stored.worksets), key=lambda pair: (pair[1].workset_id, pair[0]))
    )


def _counted(stored: CustomerMonth) -> dict[int, Decimal]:
    """The charged cost of worksets in whole cents, by their place. Nothing where it is not what the line says: where
    compute is what AWS tags, or the line has stayed as it was billed and the ledger has gone on."""
    lines = [line for line in stored.lines if line.source == "ledger" and line.part == "compute"]
    costs = {at: one.cost for at, one in enumerate(stored.worksets) if one.charged and one.cost is not None}
    apart = sum(costs.values(), ZERO) - sum((line.exact for line in lines), ZERO)
    return in_cents(costs, sum((line.amount for line in lines), ZERO)) if lines and abs(apart) < PRECISION else {}
