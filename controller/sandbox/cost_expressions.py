"""Cost line items, and the filters and groups of Cost Explorer over them. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from controller.sandbox.wire import AwsError

COST_METRICS = ("UnblendedCost", "BlendedCost", "AmortizedCost", "NetUnblendedCost", "NetAmortizedCost")
METRICS = (*COST_METRICS, "UsageQuantity", "NormalizedUsageAmount")


@dataclass(frozen=True, slots=True)
class LineItem:
    """One line of a bill: a day, what was used, what it cost in USD, and the tags its resource had on that day."""

    date: date
    account: str
    service: str
    usage_type: str
    record_type: str
    amount: Decimal
    quantity: Decimal = Decimal(1)
    unit: str = "N/A"
    tags: Mapping[str, str] = field(default_factory=dict)

    def dimension(self, name: str) -> str:
        if name not in _DIMENSIONS:
            raise validation(f"{name} is not a dimension that the sandbox knows")
        return str(getattr(self, _DIMENSIONS[name]))

    def tag(self, key: str, active: Collection[str]) -> str:
        """The value as billing sees it: empty while the key is not an active cost allocation tag."""
        return self.tags.get(key, "") if key in active else ""


_DIMENSIONS = {
    "SERVICE": "service",
    "USAGE_TYPE": "usage_type",
    "LINKED_ACCOUNT": "account",
    "RECORD_TYPE": "record_type",
}


def matches(expression: Mapping[str, Any], item: LineItem, active: Collection[str]) -> bool:
    """Whether a line item passes a Filter. An expression has exactly one root [botocore model]."""
    if len(expression) != 1:
        raise validation("Expression should have exactly one root operator")
    [(operator, operand)] = expression.items()
    if operator in ("And", "Or"):
        results = [matches(part, item, active) for part in operand]
        return all(results) if operator == "And" else any(results)
    if operator == "Not":
        return not matches(operand, item, active)
    if operator == "Dimensions":
        return _chosen(item.dimension(operand.get("Key", "")), operand)
    if operator == "Tags":
        return _chosen(item.tag(operand.get("Key", ""), active), operand)
    raise validation(f"{operator} is not served by the sandbox")


def _chosen(value: str, operand: Mapping[str, Any]) -> bool:
    """A key without values means ABSENT, i.e. untagged, not "all" [botocore model]."""
    values, options = operand.get("Values", []), operand.get("MatchOptions", [])
    if "ABSENT" in options or not values:
        return not value
    if "CASE_INSENSITIVE" in options:
        value, values = value.lower(), [v.lower() for v in values]
    if "STARTS_WITH" in options:
        return value.startswith(tuple(values))
    if "CONTAINS" in options:
        return any(v in value for v in values)
    return value in values


def group_keys(group_by: Collection[Mapping[str, str]], item: LineItem, active: Collection[str]) -> tuple[str, ...]:
    """The group of a line item: a dimension's value, or "key$value" with nothing behind the $ when untagged."""
    return tuple(
        f"{group['Key']}${item.tag(group['Key'], active)}" if group["Type"] == "TAG" else item.dimension(group["Key"])
        for group in group_by
    )


def shown_metrics(items: Collection[LineItem], metrics: Collection[str]) -> dict[str, dict[str, str]]:
    return {name: _metric(items, name) for name in metrics}


def _metric(items: Collection[LineItem], name: str) -> dict[str, str]:
    """Amounts are decimal strings. Quantities of different units add up to a number without meaning, unit N/A."""
    if name in COST_METRICS:
        return {"Amount": decimal_text(sum((item.amount for item in items), Decimal(0))), "Unit": "USD"}
    units = {item.unit for item in items}
    quantity = sum((item.quantity for item in items), Decimal(0))
    return {"Amount": decimal_text(quantity), "Unit": units.pop() if len(units) == 1 else "N/A"}


def decimal_text(amount: Decimal) -> str:
    return format(amount, "f")


def validation(message: str) -> AwsError:
    return AwsError("ValidationException", message)
