"""What is left of an account's cost when its customers are charged, to the cent, and how much that is. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from controller.domain.bill import Bill
from controller.domain.money import ZERO, in_cents, percent_of
from controller.domain.usage import AccountMonth, Certainty, CustomerMonth, Line


@dataclass(frozen=True, slots=True)
class ServiceCoverage:
    """How much of a service's cost is tied to customers, in whole cents; the three parts add up to `total`.

    `allocated` by a tag or the ledger, `shared` split by a written rule, `unallocated` charged to nobody. `service` is
    empty for all of them together.
    """

    service: str
    allocated: Decimal
    shared: Decimal
    unallocated: Decimal

    @property
    def total(self) -> Decimal:
        return self.allocated + self.shared + self.unallocated

    @property
    def percent(self) -> Decimal | None:
        """The share that is allocated; None of a service that costs nothing."""
        return percent_of(self.allocated, self.total)


def account_month(bill: Bill, customers: Collection[CustomerMonth], *, settled: bool = False) -> AccountMonth:
    """The account's month beside the customers that it pays for: by service, its rounded cost less what they pay.

    So all lines together are the bill, rounded to cents, whatever the customers' lines are.
    """
    return AccountMonth(
        account=bill.account,
        month=bill.month,
        lines=_left_over(bill, customers),
        totals=bill.totals,
        mistagged=bill.mistagged,
        mistagged_services=bill.mistagged_services,
        excluded=bill.excluded,
        estimated=bill.estimated,
        settled=settled,
        asked_at=bill.asked_at,
        pages=bill.pages,
        currency=bill.currency,
    )


def coverage(account: AccountMonth, customers: Iterable[CustomerMonth]) -> tuple[ServiceCoverage, ...]:
    """Service by service, the dearest first. Customers that another account pays for are not looked at."""
    own = [line for one in customers if one.paid_by == account.account for line in one.lines]
    allocated = _amounts(line for line in own if line.source != "split")
    shared = _amounts(line for line in own if line.source == "split")
    left = _amounts(account.lines)
    rows = [
        ServiceCoverage(name, allocated.get(name, ZERO), shared.get(name, ZERO), left.get(name, ZERO))
        for name in {*allocated, *shared, *left}
    ]
    return tuple(sorted(rows, key=lambda row: (-row.total, row.service)))


def in_all(rows: Iterable[ServiceCoverage]) -> ServiceCoverage:
    """All services together, also of several accounts in one currency."""
    every = list(rows)
    return ServiceCoverage(
        "",
        sum((row.allocated for row in every), ZERO),
        sum((row.shared for row in every), ZERO),
        sum((row.unallocated for row in every), ZERO),
    )


def _left_over(bill: Bill, customers: Collection[CustomerMonth]) -> tuple[Line, ...]:
    charged = [line for one in customers for line in one.lines]
    exact = _exact(charged)
    amounts = _amounts(charged)
    rounded = in_cents(dict(sorted(bill.totals.items())))
    parts = {line.service: line.part for line in charged} | dict(bill.parts)
    certainty: Certainty = "estimated" if bill.estimated else "actual"
    lines = [
        Line(
            service=name,
            part=parts.get(name, "other"),
            amount=rounded.get(name, ZERO) - amounts.get(name, ZERO),
            exact=bill.totals.get(name, ZERO) - exact.get(name, ZERO),
            source="cost_explorer",
            certainty=certainty,
        )
        for name in sorted({*bill.totals, *amounts})
    ]
    return tuple(line for line in lines if line.amount or line.exact)


def _amounts(lines: Iterable[Line]) -> Mapping[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        sums[line.service] += line.amount
    return sums


def _exact(lines: Iterable[Line]) -> Mapping[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        sums[line.service] += line.exact
    return sums
