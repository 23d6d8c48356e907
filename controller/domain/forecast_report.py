"""What the running month will cost one customer, and whether and when that crosses the budget. Pure.

AWS's own forecast counts where there is one. It is left aside where it is below what was spent already, since then it
does not see all of it: compute from the ledger carries no tag. The run rate takes its place: what was spent so far, and
on at the same pace.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from controller.domain.figure import UNKNOWN, Figure, budget_figure, cost_of
from controller.domain.money import cents
from controller.domain.month import Month
from controller.domain.usage import CustomerMonth, Forecast

LEAST = timedelta(days=1)
"""How much of a month has to be over before there is a run rate."""


@dataclass(frozen=True, slots=True)
class ForecastReport:
    """Amounts are in whole cents. `amount` is for the whole month; `low` and `high` only where its source has them.

    `will_exceed` None: unknown. `crosses_on` is the day on which spend goes over the limit, on a straight line from
    what was spent to the forecast at the month's end; None where it does not, or has already: `has_exceeded`.
    """

    stored: CustomerMonth
    month: Month
    spent: Figure
    amount: Figure
    limit: Figure
    low: Decimal | None = None
    high: Decimal | None = None
    set_aside: Forecast | None = None
    """A forecast of AWS that does not see all of the spend."""

    @property
    def has_exceeded(self) -> bool | None:
        return _over(self.spent.value, self.limit.value)

    @property
    def will_exceed(self) -> bool | None:
        return True if self.has_exceeded else _over(self.amount.value, self.limit.value)

    @property
    def crosses_on(self) -> date | None:
        start = self.spent.as_of
        spent, amount, limit = self.spent.value, self.amount.value, self.limit.value
        if not self.will_exceed or self.has_exceeded or start is None or spent is None:
            return None
        if amount is None or limit is None or start >= self.month.end:
            return None
        moment = start + (self.month.end - start) * float((limit - spent) / (amount - spent))
        return min(moment.date(), self.month.last_day)


def forecast_report(stored: CustomerMonth) -> ForecastReport:
    month = Month.parse(stored.month)
    spent = cost_of(stored)
    told = list(_told(stored))
    fitting = [one for one in told if spent.value is None or cents(one.amount) >= spent.value]
    pace = run_rate(spent, month)
    chosen = (*fitting, *([pace] if pace else []))[:1]
    limit = budget_figure(stored, lambda spend: spend.limit)
    if not chosen:
        return ForecastReport(stored, month, spent, UNKNOWN, limit, set_aside=told[0] if told else None)
    (best,) = chosen
    return ForecastReport(
        stored,
        month,
        spent,
        Figure(cents(best.amount), (best.source,), best.as_of, "estimated"),
        limit,
        None if best.low is None else cents(best.low),
        None if best.high is None else cents(best.high),
        told[0] if told and not fitting else None,
    )


def run_rate(spent: Figure, month: Month) -> Forecast | None:
    """What was spent so far and on at the same pace; None of the unknown, and in the first day of a month."""
    if spent.value is None or spent.as_of is None:
        return None
    elapsed = min(spent.as_of, month.end) - month.start
    if elapsed < LEAST:
        return None
    return Forecast(spent.value * _seconds(month.end - month.start) / _seconds(elapsed), "run_rate", spent.as_of)


def _told(stored: CustomerMonth) -> Iterator[Forecast]:
    """What was collected, and what the budget says."""
    if stored.forecast:
        yield stored.forecast
    spend = stored.spend
    if spend and spend.forecast is not None and spend.as_of is not None and spend.currency == stored.currency:
        yield Forecast(spend.forecast, "budgets", spend.as_of)


def _over(amount: Decimal | None, limit: Decimal | None) -> bool | None:
    return None if amount is None or limit is None else amount > limit


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(seconds=1))
