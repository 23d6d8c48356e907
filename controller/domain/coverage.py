"""How much of what accounts cost is tied to customers, and how much nothing ties to anybody. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from controller.domain.money import ZERO, percent_of
from controller.domain.usage import AccountMonth, CustomerMonth


@dataclass(frozen=True, slots=True)
class Coverage:
    """In whole cents. `allocated` is what is known of it; None: unknown."""

    allocated: Decimal
    unallocated: Decimal | None
    complete: bool = True
    """False: the cost of some customer is not known."""

    @property
    def total(self) -> Decimal | None:
        """What the accounts cost; None while any part of it is not known."""
        return self.allocated + self.unallocated if self.complete and self.unallocated is not None else None

    @property
    def percent(self) -> Decimal | None:
        """The share that is allocated."""
        return None if self.total is None else percent_of(self.allocated, self.total)


def coverage_of(
    customers: Collection[CustomerMonth], accounts: Collection[AccountMonth], *, complete: bool = True
) -> Coverage:
    """Of these customers and the accounts that they are in. `complete` False: others cannot be read."""
    totals = [month.total for month in customers]
    return Coverage(
        sum((total for total in totals if total is not None), ZERO),
        unallocated_of(customers, accounts),
        complete and None not in totals,
    )


def unallocated_of(customers: Collection[CustomerMonth], accounts: Collection[AccountMonth]) -> Decimal | None:
    """What nobody is charged for; None where Cost Explorer was not asked about one of the accounts."""
    asked = {one.account for one in accounts if one.asked_at is not None}
    if not accounts or not {one.paid_by for one in customers} | {one.account for one in accounts} <= asked:
        return None
    return sum((one.unallocated for one in accounts), ZERO)
