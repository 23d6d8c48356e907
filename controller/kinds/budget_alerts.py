"""Alerts and subscribers as keys, and the steps from one set to another. Pure.

An alert is identified in AWS by its type, operator, threshold and threshold type; here that is one readable key, e.g.
`ACTUAL > 80 %`. A subscriber is `email:ops@acme.com` or `sns:arn:aws:sns:...`.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from sys import intern
from typing import Any

SIGNS = {"GREATER_THAN": ">", "LESS_THAN": "<", "EQUAL_TO": "="}


def alert_key(
    type_: str, threshold: Decimal | float, operator: str = "GREATER_THAN", threshold_type: str = "PERCENTAGE"
) -> str:
    """The key of an alert. AWS gives thresholds as floats and leaves out a ThresholdType of PERCENTAGE.

    Interned: a fleet has few different alerts, and thousands of each.
    """
    unit = " %" if threshold_type == "PERCENTAGE" else ""
    return intern(f"{type_} {SIGNS[operator]} {_plain(Decimal(str(threshold)))}{unit}")


def to_notification(key: str) -> dict[str, Any]:
    """The alert as the Budgets API takes it. Ours are all GREATER_THAN a PERCENTAGE."""
    type_, _, threshold, _ = key.split(" ")
    return {
        "NotificationType": type_,
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": float(threshold),
        "ThresholdType": "PERCENTAGE",
    }


def to_subscriber(subscriber: str) -> dict[str, str]:
    protocol, _, address = subscriber.partition(":")
    return {"SubscriptionType": protocol.upper(), "Address": address}


def percent(key: str) -> Decimal:
    """The threshold of one of our alerts."""
    return Decimal(key.split(" ")[2])


def pair_moved(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Alerts whose threshold moved: (old, new), to be updated in place so that they keep their subscribers.

    Of each type, what is no longer wanted becomes what is newly wanted, in order of the thresholds.
    """
    pairs: list[tuple[str, str]] = []
    for type_ in ("ACTUAL", "FORECASTED"):
        old = sorted((key for key in there.keys() - wanted.keys() if key.startswith(f"{type_} ")), key=percent)
        new = sorted((key for key in wanted.keys() - there.keys() if key.startswith(f"{type_} ")), key=percent)
        pairs += zip(old, new, strict=False)
    return pairs


def subscriber_steps(there: Sequence[str], wanted: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """Steps (old, new) from one set of subscribers to another: exchanges first, then additions, then removals.

    In this order no alert is ever without a subscriber, which would delete it, and none has more than AWS allows.
    """
    gone, come = sorted(set(there) - set(wanted)), sorted(set(wanted) - set(there))
    steps: list[tuple[str | None, str | None]] = []
    for protocol in ("email:", "sns:"):
        old = [one for one in gone if one.startswith(protocol)]
        new = [one for one in come if one.startswith(protocol)]
        pairs = list(zip(old, new, strict=False))
        steps = [*pairs, *steps]
        steps += [(None, one) for one in new[len(pairs) :]]
        steps += [(one, None) for one in old[len(pairs) :]]
    return sorted(steps, key=_rank)


def _rank(step: tuple[str | None, str | None]) -> int:
    old, new = step
    if old and new:
        return 0
    return 1 if new else 2


def _plain(number: Decimal) -> str:
    """80.0 and 8E+1 as `80`."""
    return f"{number.normalize():f}"
