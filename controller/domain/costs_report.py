"""What a month cost, by service, cost center, customer or account. Pure; every grouping has the same total.

What nobody is charged for stands in rows of its own, and what a rule split between customers in a column of its own.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, TypeVar

from controller.domain.clusters import cluster_notes
from controller.domain.coverage import Coverage, coverage_of, unallocated_of
from controller.domain.figure import (
    NOTHING,
    PARTS,
    UNKNOWN,
    Figure,
    cost_of,
    line_figure,
    oldest,
    quantity_of,
    read_at,
    rounded,
    sum_of,
)
from controller.domain.money import ZERO, percent_of
from controller.domain.month import Month
from controller.domain.usage import AccountMonth, CustomerMonth, Line

M = TypeVar("M", CustomerMonth, AccountMonth)
By = Literal["service", "cost-center", "customer", "account"]

NO_COST_CENTER = "(no cost center)"
UNALLOCATED = "(unallocated)"


@dataclass(frozen=True, slots=True)
class CostsRow:
    """`cost` is direct and shared together; None: unknown. `allocated` False: nobody is charged for it.

    `customers` is of how many; 0 of what is nobody's. `quantity` and `unit` are of services only.
    """

    name: str
    allocated: bool
    cost: Figure
    shared: Decimal | None = None
    customer_id: str = ""
    customers: int = 0
    quantity: Decimal | None = None
    unit: str = ""

    @property
    def direct(self) -> Decimal | None:
        return None if self.cost.value is None or self.shared is None else self.cost.value - self.shared


@dataclass(frozen=True, slots=True)
class CostsReport:
    """Allocated rows first, then unallocated ones. `total` is the sum of the rows that are known."""

    by: By
    month: Month
    rows: tuple[CostsRow, ...]
    total: Figure
    coverage: Coverage
    problems: tuple[str, ...] = ()
    currency: str = "USD"
    notes: tuple[str, ...] = ()
    """What else people should know: which clusters are nobody's alone."""

    def share(self, row: CostsRow) -> Decimal | None:
        """Percent of the total; None while that is not known."""
        whole = self.coverage.total
        return None if row.cost.value is None or whole is None else percent_of(row.cost.value, whole)


def costs_report(
    by: By,
    month: Month,
    customers: Collection[CustomerMonth],
    accounts: Collection[AccountMonth],
    problems: Sequence[str] = (),
) -> CostsReport:
    """`problems`: what could not be read. Then the cost of somebody is missing, and the coverage unknown.

    Amounts of different currencies are never added up: the rows stand as they are, without a total.
    """
    units = sorted({one.currency for one in customers} | {one.currency for one in accounts})
    if len(units) > 1:
        problems = (*problems, f"amounts are in {' and '.join(units)}, so there is no total")
    coverage = coverage_of(customers, accounts, complete=not problems)
    rows = (*_allocated(by, customers), *_unallocated(by, customers, accounts))
    told = [row.cost for row in rows if row.cost.value is not None]
    total = sum_of(told, complete=coverage.total is not None)
    is_known = len(units) <= 1 and bool(told or accounts)
    return CostsReport(
        by,
        month,
        rows,
        total if is_known else UNKNOWN,
        coverage,
        tuple(problems),
        "/".join(units) or "USD",
        tuple(cluster_notes(customers, accounts)),
    )


# What customers are charged for


def _allocated(by: By, customers: Collection[CustomerMonth]) -> Iterator[CostsRow]:
    if by == "service":
        yield from _services([(line, one) for one in customers for line in one.lines if one.is_known])
        return
    for (_, name, _), group in _groups(by, customers):
        yield _group(name, group, group[0].customer_id if by == "customer" else "")


Place = tuple[bool, str, str]


def _groups(by: By, customers: Collection[CustomerMonth]) -> Iterable[tuple[Place, list[CustomerMonth]]]:
    key: Callable[[CustomerMonth], Place] = {
        "customer": lambda one: (False, one.name or one.customer_id, one.customer_id),
        "account": lambda one: (False, one.account, ""),
        "cost-center": lambda one: (one.cost_center is None, one.cost_center or NO_COST_CENTER, ""),
    }[by]
    groups: dict[Place, list[CustomerMonth]] = {}
    for one in customers:
        groups.setdefault(key(one), []).append(one)
    return sorted(groups.items(), key=lambda item: item[0])


def _group(name: str, months: Sequence[CustomerMonth], customer_id: str) -> CostsRow:
    """All that some customers cost. Unknown where none of them is known; an estimate where one is not."""
    costs = [cost_of(one) for one in months]
    known = [cost for cost in costs if cost.value is not None]
    if not known:
        return CostsRow(name, True, UNKNOWN, None, customer_id, len(months))
    figure = sum_of(known, complete=len(known) == len(costs))
    shared = _shared(line for one in months if one.is_known for line in one.lines)
    return CostsRow(name, True, figure, shared, customer_id, len(months))


def _services(charged: Sequence[tuple[Line, CustomerMonth]]) -> Iterator[CostsRow]:
    for name, group in _by_service(charged):
        figure = sum_of(line_figure(line, read_at(one, line.source)) for line, one in group)
        customers = len({one.customer_id for _, one in group})
        lines = [line for line, _ in group]
        yield _measured(CostsRow(name, True, figure, _shared(lines), customers=customers), lines)


# What nobody is charged for


def _unallocated(
    by: By, customers: Collection[CustomerMonth], accounts: Collection[AccountMonth]
) -> Iterator[CostsRow]:
    every = unallocated_of(customers, accounts) is not None
    if by == "service":
        for name, group in _by_service([(line, one) for one in accounts for line in one.lines]):
            figure = sum_of(line_figure(line, one.asked_at) for line, one in group)
            yield _measured(CostsRow(name, False, figure, ZERO), [line for line, _ in group])
        if not every:
            yield CostsRow(UNALLOCATED, False, UNKNOWN)
    elif by == "account":
        names = {one.account for one in customers} | {one.account for one in accounts}
        for name in sorted(names):
            yield _nobody(name, _left_over([one for one in accounts if one.account == name]))
    else:
        figure = _left_over(accounts)
        yield _nobody(UNALLOCATED, figure if every or figure.value is None else replace(figure, certainty="estimated"))


def _nobody(name: str, figure: Figure) -> CostsRow:
    return CostsRow(name, False, figure, None if figure.value is None else ZERO)


def _left_over(accounts: Collection[AccountMonth]) -> Figure:
    """Of the accounts that Cost Explorer was asked about; unknown without any."""
    asked = [one for one in accounts if one.asked_at is not None or one.lines]
    if not asked:
        return UNKNOWN
    told = [line_figure(line, one.asked_at) for one in asked for line in one.lines]
    figure = sum_of([NOTHING, *told], complete=not any(one.estimated for one in asked))
    return replace(figure, as_of=oldest(one.asked_at for one in asked))


# Both


def _by_service(
    lines: Sequence[tuple[Line, M]],
) -> Iterable[tuple[str, list[tuple[Line, M]]]]:
    """Lines by service, in the order of their parts."""
    groups: dict[tuple[int, str], list[tuple[Line, M]]] = {}
    for line, one in lines:
        groups.setdefault((PARTS.index(line.part), line.service), []).append((line, one))
    return [(name, groups[at, name]) for at, name in sorted(groups)]


def _shared(lines: Iterable[Line]) -> Decimal:
    return sum((line.amount for line in lines if line.source == "split"), ZERO)


def _measured(row: CostsRow, lines: Sequence[Line]) -> CostsRow:
    """With what was used, where all lines that are not shared say it in one unit."""
    direct = [line for line in lines if line.source != "split"]
    quantity, unit = quantity_of(direct)
    return row if quantity is None else replace(row, quantity=rounded(quantity, 3), unit=unit)
