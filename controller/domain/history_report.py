"""What one customer cost month by month. Pure; a month that was not collected is unknown, never zero."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from controller.domain.figure import PARTS, UNKNOWN, Figure, budget_figure, cost_of, share
from controller.domain.money import percent_of
from controller.domain.month import Month
from controller.domain.usage import CustomerMonth, Part


@dataclass(frozen=True, slots=True)
class HistoryMonth:
    """One month. `change` is to the month before it, in percent; None where either is unknown, or that was free.

    `problem`: why the month is unknown, where it was collected and cannot be read.
    """

    month: Month
    total: Figure = UNKNOWN
    parts: Mapping[Part, Figure] | None = None
    limit: Figure = UNKNOWN
    change: Decimal | None = None
    problem: str = ""

    @property
    def used(self) -> Decimal | None:
        """Percent of the limit of then."""
        return share(self.total, self.limit)

    def part(self, part: Part) -> Figure:
        return self.parts[part] if self.parts else UNKNOWN


@dataclass(frozen=True, slots=True)
class HistoryReport:
    """The months are in order, the oldest first, and none between them is left out."""

    customer_id: str
    name: str
    months: tuple[HistoryMonth, ...]
    currency: str = "USD"

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(f"{one.month}: {one.problem}" for one in self.months if one.problem)


def history_report(
    customer_id: str,
    name: str,
    months: Sequence[Month],
    stored: Mapping[Month, CustomerMonth],
    unreadable: Mapping[Month, str],
) -> HistoryReport:
    """Of these months, in order. `unreadable` says of months what is wrong with them."""
    told: list[HistoryMonth] = []
    for month in months:
        one = _month(month, stored.get(month), unreadable.get(month, ""), told[-1].total if told else UNKNOWN)
        told.append(one)
    currency = next((stored[month].currency for month in reversed(months) if month in stored), "USD")
    return HistoryReport(customer_id, name, tuple(told), currency)


def _month(month: Month, stored: CustomerMonth | None, problem: str, before: Figure) -> HistoryMonth:
    if stored is None:
        return HistoryMonth(month, problem=problem)
    total = cost_of(stored)
    return HistoryMonth(
        month,
        total,
        {part: cost_of(stored, part) for part in PARTS},
        budget_figure(stored, lambda spend: spend.limit),
        _change(total.value, before.value),
        problem,
    )


def _change(now: Decimal | None, before: Decimal | None) -> Decimal | None:
    return None if now is None or before is None else percent_of(now - before, before)
