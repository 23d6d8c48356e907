"""The canonical state of a budget, and its forms in the Budgets API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from controller.domain.customer import Alert, Customer
from controller.kinds.budget_alerts import alert_key

UNIT = "USD"
"""AWS counts cost in US dollars, whatever currency a customer is billed in."""

AWS_END = datetime(2087, 6, 15, tzinfo=UTC)
"""The End that AWS gives a budget that has none; after its End AWS deletes a budget."""

COUNTED_AFTER = timedelta(hours=12)
"""How long AWS may take to count the spend of a budget that was written."""

COST_TYPES = {
    "IncludeTax": True,
    "IncludeSubscription": True,
    "UseBlended": False,
    "IncludeRefund": True,
    "IncludeCredit": True,
    "IncludeUpfront": True,
    "IncludeRecurring": True,
    "IncludeOtherSubscription": True,
    "IncludeSupport": True,
    "IncludeDiscount": True,
    "UseAmortized": False,
}
"""What AWS fills in for a cost budget that says nothing."""


@dataclass(frozen=True, slots=True)
class BudgetState:
    """A budget and its alerts, each with its subscribers.

    `limit` has two decimals at least. `form` says in words where a budget is not a monthly one on cost, with a fixed
    limit and a classic filter. `actual` and `forecast` are the month's spend by AWS, None where it has not said;
    `period` is the budget's own TimePeriod, echoed when it is updated; `others` are the alerts and subscribers that
    others added, in words.
    """

    limit: Decimal
    unit: str
    filters: Mapping[str, tuple[str, ...]]
    alerts: Mapping[str, tuple[str, ...]]
    form: str | None = None
    cost_types: Mapping[str, bool] = field(default_factory=dict)
    actual: Decimal | None = field(default=None, compare=False)
    forecast: Decimal | None = field(default=None, compare=False)
    period: Mapping[str, datetime] | None = field(default=None, compare=False)
    others: tuple[str, ...] = field(default=(), compare=False)

    def same_budget(self, other: "BudgetState") -> bool:
        """Whether UpdateBudget has nothing to do; alerts have calls of their own."""
        ours = (self.limit, self.unit, self.filters, self.form, self.cost_types)
        return ours == (other.limit, other.unit, other.filters, other.form, other.cost_types)

    def to_aws(self, name: str, period: Mapping[str, datetime] | None = None) -> dict[str, Any]:
        """The whole budget: UpdateBudget replaces all of it. No End is ever set: AWS deletes a budget after it."""
        return {
            "BudgetName": name,
            "BudgetType": "COST",
            "TimeUnit": "MONTHLY",
            "BudgetLimit": {"Amount": f"{self.limit:f}", "Unit": self.unit},
            "CostFilters": {key: list(values) for key, values in self.filters.items()},
            "CostTypes": COST_TYPES | dict(self.cost_types),
            **({"TimePeriod": dict(period)} if period else {}),
        }


def wanted_state(owner: Customer, topic_arn: str) -> BudgetState | None:
    """The budget that the customer asks for; an alert that notifies nobody exists for the gate only, not in AWS."""
    if owner.budget is None:
        return None
    alerts = {alert_key(a.type, a.at_percent): _subscribers(a, topic_arn) for a in owner.budget.alerts}
    return BudgetState(
        limit=_cents(owner.budget.monthly_limit),
        unit=UNIT,
        filters={"TagKeyValue": _tag_filter(owner)},
        alerts={key: subscribers for key, subscribers in alerts.items() if subscribers},
    )


def parse_budget(
    raw: Mapping[str, Any], alerts: Mapping[str, tuple[str, ...]], now: datetime, others: tuple[str, ...] = ()
) -> BudgetState:
    """The state of a budget as AWS describes it, with the alerts that are ours and the names of the others."""
    limit = raw.get("BudgetLimit", {})
    spend = {} if _zeroed(raw, now) else raw.get("CalculatedSpend", {})
    types = raw.get("CostTypes", {})
    return BudgetState(
        limit=_cents(Decimal(limit.get("Amount", "0"))),
        unit=limit.get("Unit", ""),
        filters={key: tuple(sorted(values)) for key, values in raw.get("CostFilters", {}).items()},
        alerts=alerts,
        form=_form(raw, now),
        cost_types={key: types[key] for key in COST_TYPES if types.get(key, COST_TYPES[key]) != COST_TYPES[key]},
        actual=_amount(spend.get("ActualSpend")),
        forecast=_amount(spend.get("ForecastedSpend")),
        period=_lasting(raw.get("TimePeriod"), now),
        others=others,
    )


def _tag_filter(owner: Customer) -> tuple[str, ...]:
    """Cost with any of these tags counts: values of one filter are alternatives. AWS counts nothing without `user:`."""
    pairs = (("daylily:customer_id", owner.customer_id), *owner.attribution)
    return tuple(sorted(f"user:{key}${value}" for key, value in pairs))


def _subscribers(alert: Alert, topic_arn: str) -> tuple[str, ...]:
    topic = (f"sns:{alert.topic_arn or topic_arn}",) if alert.sns else ()
    return tuple(sorted([*(f"email:{address}" for address in alert.emails), *topic]))


def _lasting(period: Mapping[str, datetime] | None, now: datetime) -> Mapping[str, datetime] | None:
    """The period to echo: AWS's own end, or none, and no start in the future."""
    if not period or period.get("Start", now) > now:
        return None
    kept = period if period.get("End", AWS_END) >= AWS_END else {"Start": period["Start"]}
    return {name: moment.astimezone(UTC) for name, moment in kept.items()}


def _form(raw: Mapping[str, Any], now: datetime) -> str | None:
    """AWS describes a classic filter also as an expression, so only an expression without a filter is another form."""
    type_ = f"{raw.get('TimeUnit', '?')} {raw.get('BudgetType', '?')}".lower()
    words = {
        type_: type_ != "monthly cost",
        "planned limits": bool(raw.get("PlannedBudgetLimits")),
        "limit adjusted by AWS": bool(raw.get("AutoAdjustData")),
        "filter expression": bool(raw.get("FilterExpression")) and not raw.get("CostFilters"),
        "with an end, after which AWS deletes it": raw.get("TimePeriod", {}).get("End", AWS_END) < AWS_END,
        "not begun": raw.get("TimePeriod", {}).get("Start", now) > now,
    }
    return ", ".join(word for word, holds in words.items() if holds) or None


def _zeroed(raw: Mapping[str, Any], now: datetime) -> bool:
    """Whether a spend of zero only means that AWS has not counted since the budget was last written.

    "When you modify a budget, the calculatedSpend drops to zero until AWS has new usage data" (UpdateBudget).
    """
    updated = raw.get("LastUpdatedTime")
    actual = _amount(raw.get("CalculatedSpend", {}).get("ActualSpend"))
    return not actual and updated is not None and now - updated < COUNTED_AFTER


def _cents(amount: Decimal) -> Decimal:
    """1000 and 1000.0 as 1000.00; more decimals stay."""
    try:
        cents = amount.quantize(Decimal("0.01"))
    except InvalidOperation:  # more digits than anybody's limit has
        return amount
    return cents if cents == amount else amount.normalize()


def _amount(spend: Mapping[str, str] | None) -> Decimal | None:
    return Decimal(spend["Amount"]) if spend and "Amount" in spend else None
