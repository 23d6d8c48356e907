"""What AWS Budgets takes, and how it says back what it took. Pure.

Sources: the botocore model of budgets-2016-10-20; terraform-provider-aws acceptance tests and aws-cli#7145 for the
read-back ("100" comes back "100.0", PERCENTAGE is left out, Threshold is a float).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from controller.sandbox.wire import AwsError

FAR_END = datetime(2087, 6, 15, tzinfo=UTC)
MAX_NOTIFICATIONS = 10
MAX_SUBSCRIBERS = {"EMAIL": 10, "SNS": 1}

_NAME = re.compile(r"(?!.*/action/)(?!(?i:.*<script>.*</script>))[^:\\]{1,100}", re.DOTALL)
_AMOUNT = re.compile(r"([0-9]*\.)?[0-9]+")
_BUDGET_TYPES = (
    "USAGE", "COST", "RI_UTILIZATION", "RI_COVERAGE", "SAVINGS_PLANS_UTILIZATION", "SAVINGS_PLANS_COVERAGE",
)  # fmt: skip
_TIME_UNITS = ("DAILY", "MONTHLY", "QUARTERLY", "ANNUALLY", "CUSTOM")
_OPERATORS = ("GREATER_THAN", "LESS_THAN", "EQUAL_TO")
_COST_TYPES = {
    "IncludeTax": True, "IncludeSubscription": True, "UseBlended": False, "IncludeRefund": True,
    "IncludeCredit": True, "IncludeUpfront": True, "IncludeRecurring": True, "IncludeOtherSubscription": True,
    "IncludeSupport": True, "IncludeDiscount": True, "UseAmortized": False,
}  # fmt: skip


class AlertId(NamedTuple):
    """What makes a notification the one it is. `threshold_type` is never absent here."""

    type: str
    operator: str
    threshold: float
    threshold_type: str


class SubscriberId(NamedTuple):
    type: str
    address: str


def alert_id(notification: Mapping[str, Any]) -> AlertId:
    """The identity of a notification as sent; an absent ThresholdType is PERCENTAGE."""
    kind = notification.get("NotificationType")
    operator = notification.get("ComparisonOperator")
    threshold = notification.get("Threshold")
    threshold_type = notification.get("ThresholdType", "PERCENTAGE")
    if kind not in ("ACTUAL", "FORECASTED") or operator not in _OPERATORS:
        raise invalid(f"{kind} {operator} is not a notification")
    if not isinstance(threshold, int | float) or isinstance(threshold, bool):
        raise invalid("Threshold is required")
    if threshold_type not in ("PERCENTAGE", "ABSOLUTE_VALUE"):
        raise invalid(f"{threshold_type} is not a ThresholdType")
    limit = 1_000_000 if threshold_type == "PERCENTAGE" else 15_000_000_000_000
    if not 0 <= threshold <= limit:
        raise invalid(f"Threshold must be between 0 and {limit}")
    return AlertId(kind, operator, float(threshold), threshold_type)


def shown_alert(alert: AlertId, state: str) -> dict[str, Any]:
    shown = {
        "NotificationType": alert.type,
        "ComparisonOperator": alert.operator,
        "Threshold": alert.threshold,
        "NotificationState": state,
    }
    return shown if alert.threshold_type == "PERCENTAGE" else {**shown, "ThresholdType": alert.threshold_type}


def subscriber_id(subscriber: Mapping[str, Any]) -> SubscriberId:
    kind, address = subscriber.get("SubscriptionType"), subscriber.get("Address")
    if kind not in MAX_SUBSCRIBERS or not isinstance(address, str) or not address or "\n" in address:
        raise invalid(f"{address!r} is not an address of type {kind}")
    if kind == "EMAIL" and not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
        raise invalid(f"Invalid email address: {address}")
    return SubscriberId(kind, address)


def check_subscriber_count(subscribers: Sequence[SubscriberId]) -> None:
    for kind, most in MAX_SUBSCRIBERS.items():
        if sum(subscriber.type == kind for subscriber in subscribers) > most:
            raise AwsError(
                "CreationLimitExceededException",
                f"one notification can only have {most} subscribers with type of {kind}",
            )


def check_budget(budget: Mapping[str, Any]) -> None:
    """InvalidParameterException for a budget that AWS would not take."""
    name = budget.get("BudgetName")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid("BudgetName has 1 to 100 characters, no ':' or '\\', no '/action/'")
    if budget.get("BudgetType") not in _BUDGET_TYPES:
        raise invalid("BudgetType is required")
    if budget.get("TimeUnit") not in _TIME_UNITS:
        raise invalid("TimeUnit is required")
    if not any(budget.get(field) for field in ("BudgetLimit", "PlannedBudgetLimits", "AutoAdjustData")):
        raise invalid("Unable to create/update budget - please provide one of the followings: Budget Limit/ Planned"
                      " Budget Limit/ Auto Adjust Data")  # fmt: skip
    if limit := budget.get("BudgetLimit"):
        amount, unit = limit.get("Amount"), limit.get("Unit")
        if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount) or not unit:
            raise invalid("BudgetLimit needs an Amount, a number without a sign, and a Unit")
    if ("FilterExpression" in budget or "Metrics" in budget) and ("CostFilters" in budget or "CostTypes" in budget):
        raise invalid("CostFilters and CostTypes cannot be combined with FilterExpression and Metrics")
    if "FilterExpression" in budget and len(budget.get("Metrics", ())) > 1:
        raise invalid("Metrics has at most one metric")


def normalized(budget: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The fields that AWS keeps of a budget as sent: amounts and times normalised, defaults filled in."""
    kept = {key: value for key, value in budget.items() if value is not None and key not in _READ_ONLY}
    if limit := kept.get("BudgetLimit"):
        kept["BudgetLimit"] = {"Amount": shown_amount(Decimal(limit["Amount"])), "Unit": limit["Unit"]}
    if "FilterExpression" not in kept and "Metrics" not in kept:
        kept.setdefault("CostFilters", {})
        if kept["BudgetType"] == "COST":
            kept["CostTypes"] = {**_COST_TYPES, **kept.get("CostTypes", {})}
    period = kept.get("TimePeriod", {})
    start = period.get("Start", period_start(kept["TimeUnit"], now).timestamp())
    end = period.get("End", FAR_END.timestamp())
    if start >= end:
        raise invalid("TimePeriod.Start must be before TimePeriod.End")
    kept["TimePeriod"] = {"Start": start, "End": end}
    return kept


def shown_amount(amount: Decimal) -> str:
    """A number as Budgets writes it: at least one decimal place, no needless zeros."""
    text = format(amount.normalize(), "f")
    return text if "." in text else f"{text}.0"


def period_start(time_unit: str, now: datetime) -> datetime:
    """The first instant, UTC, of the budget period that holds `now`."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if time_unit == "DAILY":
        return day
    month = {"QUARTERLY": (day.month - 1) // 3 * 3 + 1, "ANNUALLY": 1}.get(time_unit, day.month)
    return day.replace(month=month, day=1)


def period_end(time_unit: str, start: datetime) -> datetime:
    months = {"QUARTERLY": 3, "ANNUALLY": 12}.get(time_unit, 1)
    if time_unit == "DAILY":
        return start + timedelta(days=1)
    total = start.month - 1 + months
    return start.replace(year=start.year + total // 12, month=total % 12 + 1)


def invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterException", message)


_READ_ONLY = ("CalculatedSpend", "LastUpdatedTime", "HealthStatus")
