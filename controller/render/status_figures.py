"""The figures beside a status: what was collected of the running month, else what the last reconcile saw."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation

from controller.domain.coverage import Coverage, coverage_of
from controller.domain.figure import oldest
from controller.domain.gate import Gate
from controller.domain.money import percent_of
from controller.domain.status import Status
from controller.domain.usage import AccountMonth, CustomerMonth
from controller.domain.usage_report import UsageReport, usage_report


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent, of what, and what is expected; None: unknown."""

    limit: Decimal | None = None
    actual: Decimal | None = None
    forecast: Decimal | None = None
    currency: str = ""
    as_of: datetime | None = None

    @property
    def used(self) -> str | None:
        """Percent of the limit with one decimal."""
        if self.actual is None or self.limit is None:
            return None
        share = percent_of(self.actual, self.limit)
        return None if share is None else str(share)


@dataclass(frozen=True, slots=True)
class Known:
    """What was collected of the running month: customers and gates by id, accounts by name.

    `complete` False: some of it could not be read, so that the coverage is unknown.
    """

    customers: Mapping[str, CustomerMonth] = field(default_factory=dict)
    accounts: Mapping[str, AccountMonth] = field(default_factory=dict)
    gates: Mapping[str, Gate] = field(default_factory=dict)
    complete: bool = True

    def usage(self, status: Status) -> UsageReport | None:
        stored = self.customers.get(status.owner_id)
        return usage_report(stored) if stored else None

    def gate(self, status: Status) -> Gate | None:
        return self.gates.get(status.owner_id)

    def coverage(self, status: Status) -> Coverage | None:
        """Of an account; None of customers, and of an account that was not collected."""
        account = self.accounts.get(status.name) if status.is_account else None
        if account is None:
            return None
        inside = [one for one in self.customers.values() if one.account == status.name]
        return coverage_of(inside, [account], complete=self.complete)

    def spending(self, status: Status) -> Spending:
        """By what was collected; by the budget, as the last reconcile saw it, where that is not known."""
        if status.is_account:
            return self._whole(status)
        budget, usage = spending(status), self.usage(status)
        if usage is None or usage.total.value is None:
            return budget
        limit, forecast = usage.limit.value, usage.forecast
        return Spending(
            budget.limit if limit is None else limit,
            usage.total.value,
            forecast.amount.value if forecast else None,
            usage.stored.currency,
            usage.total.as_of,
        )

    def _whole(self, status: Status) -> Spending:
        coverage = self.coverage(status)
        if coverage is None or coverage.total is None:
            return spending(status)
        account = self.accounts[status.name]
        inside = [one.costs_as_of for one in self.customers.values() if one.account == status.name]
        at = oldest([account.asked_at, *inside])
        return replace(Spending(), actual=coverage.total, currency=account.currency, as_of=at)


NOTHING = Known()


def spending(status: Status) -> Spending:
    """The figures of the customer's budget."""
    for one in status.figures:
        if one.kind == "budget":
            values = one.values
            limit, actual, forecast = (_amount(values.get(name)) for name in ("limit", "actual", "forecast"))
            return Spending(limit, actual, forecast, values.get("currency", ""), one.as_of)
    return Spending()


def _amount(text: str | None) -> Decimal | None:
    """The amount; None where it is missing or no sane number."""
    try:
        amount = Decimal(text or "")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) < 18 else None
