"""What a customer's running month is expected to cost as a whole. Pure."""

from datetime import timedelta
from decimal import Decimal

from controller.domain.money import cents
from controller.domain.month import Month
from controller.domain.usage import CustomerMonth, Forecast

LEAST = timedelta(days=1)
"""How much of a month has to be over before there is a run rate."""


def expected(month: CustomerMonth, to_come: Forecast | None = None) -> Forecast | None:
    """By AWS where it sees all that the customer is charged for, else at the pace of the month so far.

    `to_come` is Cost Explorer's forecast of the rest of the month, without what was spent already. AWS forecasts what
    carries the customer's tags, and nothing that the ledger or a rule brings in. None while there is nothing to go by.
    """
    spent = month.total
    if spent is None:
        return None
    told = _by_aws(month, spent, to_come) if sees_all(month) else None
    return told if told and told.amount >= spent else run_rate(month, spent)


def sees_all(month: CustomerMonth) -> bool:
    """Whether AWS's tags tie all of the cost to the customer."""
    return all(line.source == "cost_explorer" for line in month.lines)


def run_rate(month: CustomerMonth, spent: Decimal) -> Forecast | None:
    """What was spent so far, and on at the same pace; nothing in the first day, nor once the month is over."""
    as_of = month.costs_as_of or month.worksets_as_of
    span = Month.parse(month.month)
    if as_of is None or as_of not in span or as_of - span.start < LEAST:
        return None
    elapsed, whole = _seconds(as_of - span.start), _seconds(span.end - span.start)
    return Forecast(cents(spent * whole / elapsed), "run_rate", as_of)


def _by_aws(month: CustomerMonth, spent: Decimal, to_come: Forecast | None) -> Forecast | None:
    """Cost Explorer's, as it was asked now or before, rather than the budget's, which has no interval."""
    if to_come:
        return _on_top(spent, to_come)
    if month.forecast and month.forecast.source == "cost_explorer":
        return month.forecast
    spend = month.spend
    if spend is None or spend.forecast is None or spend.as_of is None or spend.currency != month.currency:
        return None
    return Forecast(spend.forecast, "budgets", spend.as_of)


def _on_top(spent: Decimal, to_come: Forecast) -> Forecast:
    low, high = (None if bound is None else cents(spent + bound) for bound in (to_come.low, to_come.high))
    return Forecast(cents(spent + to_come.amount), "cost_explorer", to_come.as_of, low, high)


def _seconds(span: timedelta) -> Decimal:
    return Decimal(span // timedelta(seconds=1))
