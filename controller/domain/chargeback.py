"""What each cost center is charged for a month. Pure; it adds up to the account's cost, to the cent.

Amounts are in the currency of AWS's figures, before taxes: a statement adds those, and may be in another currency. What
is in different currencies is never added up.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from controller.domain.costs_report import NO_COST_CENTER
from controller.domain.coverage import Coverage, coverage_of
from controller.domain.money import ZERO
from controller.domain.month import Month
from controller.domain.settings import StatementSettings
from controller.domain.statement import draft
from controller.domain.usage import DOLLARS, AccountMonth, Certainty, CustomerMonth, Part

PLAIN = StatementSettings()


@dataclass(frozen=True, slots=True)
class Charge:
    """One service of one customer. `listed` is the cost, `shared` the part of it that a rule splits, `charged` is after
    the customer's discount. Of what nobody is charged for, `customer_id` and `cost_center` are empty and `charged` is
    zero: our own organisation bears it.
    """

    cost_center: str
    customer_id: str
    customer: str
    service: str
    part: Part
    listed: Decimal
    shared: Decimal
    discount: Decimal
    charged: Decimal
    certainty: Certainty
    currency: str

    @property
    def is_allocated(self) -> bool:
        return bool(self.customer_id)


@dataclass(frozen=True, slots=True)
class Sum:
    """Charges added up."""

    listed: Decimal = ZERO
    shared: Decimal = ZERO
    discount: Decimal = ZERO
    charged: Decimal = ZERO

    @classmethod
    def of(cls, charges: Iterable[Charge]) -> "Sum":
        found = list(charges)
        return cls(
            listed=sum((one.listed for one in found), ZERO),
            shared=sum((one.shared for one in found), ZERO),
            discount=sum((one.discount for one in found), ZERO),
            charged=sum((one.charged for one in found), ZERO),
        )


@dataclass(frozen=True, slots=True)
class Total:
    """All charges in one currency. `account` is what the accounts cost in it; None where that is not known, and then
    nothing can be reconciled.
    """

    currency: str
    sum: Sum
    account: Decimal | None

    @property
    def difference(self) -> Decimal | None:
        """What the charges and the accounts' cost are apart; None where that is not known."""
        return None if self.account is None else self.sum.listed - self.account


@dataclass(frozen=True, slots=True)
class Chargeback:
    """All charges of a month: by cost center, customer and service; what is nobody's last.

    `unknown` are the customers whose cost is not known. `totals` has one for each currency, and at least one.
    """

    month: Month
    charges: tuple[Charge, ...]
    unknown: tuple[str, ...]
    totals: tuple[Total, ...]
    problems: tuple[str, ...] = ()

    @property
    def centers(self) -> tuple[tuple[str, str], ...]:
        """Each with each currency that it is charged in."""
        return tuple(dict.fromkeys((one.cost_center, one.currency) for one in self.charges if one.is_allocated))

    def of_center(self, cost_center: str, currency: str) -> tuple[Charge, ...]:
        allocated = (one for one in self.charges if one.is_allocated)
        return tuple(one for one in allocated if (one.cost_center, one.currency) == (cost_center, currency))

    @property
    def unallocated(self) -> tuple[Charge, ...]:
        return tuple(one for one in self.charges if not one.is_allocated)

    @property
    def total(self) -> Total | None:
        """None where there are several currencies: no sum of them means anything."""
        return self.totals[0] if len(self.totals) == 1 else None


def chargeback(
    month: Month,
    customers: Collection[CustomerMonth],
    accounts: Collection[AccountMonth],
    problems: Sequence[str] = (),
) -> Chargeback:
    """`problems`: what could not be read. Amounts in different currencies are one, too."""
    charges = [charge for one in sorted(customers, key=_place) for charge in _charges(one)]
    charges += [charge for one in sorted(accounts, key=lambda one: one.account) for charge in _nobodys(one)]
    asked = {one.currency for one in accounts if one.asked_at is not None}
    units = sorted({one.currency for one in charges} | asked) or [DOLLARS]
    mixed = (f"amounts are in {' and '.join(units)}, so there is no total of all",) if len(units) > 1 else ()
    return Chargeback(
        month=month,
        charges=tuple(charges),
        unknown=tuple(sorted(one.customer_id for one in customers if not one.is_known)),
        totals=tuple(
            Total(
                unit,
                Sum.of(one for one in charges if one.currency == unit),
                _coverage(unit, customers, accounts, complete=not problems).total,
            )
            for unit in units
        ),
        problems=(*problems, *mixed),
    )


def _coverage(
    currency: str, customers: Iterable[CustomerMonth], accounts: Iterable[AccountMonth], *, complete: bool
) -> Coverage:
    """Of what is in this currency, and of what may be: of what is not known nothing says in which it is."""
    return coverage_of(
        [one for one in customers if one.currency == currency or not one.is_known],
        [one for one in accounts if one.currency == currency or one.asked_at is None],
        complete=complete,
    )


def _place(month: CustomerMonth) -> tuple[bool, str, str]:
    return (month.cost_center is None, month.cost_center or "", month.customer_id)


def _charges(month: CustomerMonth) -> Iterable[Charge]:
    """The lines of its statement, as it would be without taxes and in AWS's currency."""
    shared: dict[tuple[Part, str], Decimal] = {}
    for line in month.lines if month.is_known else ():
        if line.source == "split":
            shared[line.part, line.service] = shared.get((line.part, line.service), ZERO) + line.amount
    for charged in draft(month, PLAIN).lines:
        yield Charge(
            cost_center=month.cost_center or NO_COST_CENTER,
            customer_id=month.customer_id,
            customer=month.name or month.customer_id,
            service=charged.service,
            part=charged.part,
            listed=charged.listed,
            shared=shared.get((charged.part, charged.service), ZERO),
            discount=charged.discount,
            charged=charged.charged,
            certainty=charged.certainty,
            currency=month.currency,
        )


def _nobodys(account: AccountMonth) -> Iterable[Charge]:
    sums: dict[tuple[Part, str], list[Decimal]] = {}
    certain: dict[tuple[Part, str], bool] = {}
    for line in account.lines:
        sums.setdefault((line.part, line.service), []).append(line.amount)
        certain[line.part, line.service] = certain.get((line.part, line.service), True) and line.certainty == "actual"
    for (part, service), amounts in sums.items():
        certainty: Certainty = "actual" if certain[part, service] else "estimated"
        yield Charge("", "", "", service, part, sum(amounts, ZERO), ZERO, ZERO, ZERO, certainty, account.currency)
