"""The Events of a customer resource: few, one for each real change, in the same words for the same thing."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from controller.domain.plan import Change
from controller.domain.resource_status import MESSAGE, fit
from controller.passes import Verdict
from controller.render.phrases import field_name, shown
from controller.render.resource_status import OVER_ALERT

DONE = {"create": "added", "update": "changed", "delete": "removed", "adopt": "adopted"}
FIELDS = 4
"""How many fields of a change are named."""
QUIET = frozenset({"Synced", "Reconciling", "Stalled", "UsageFresh"})
"""Conditions that only repeat what Ready says, or that come and go by themselves."""


TOLD_AT_ONCE = frozenset({"WorksetsHeld", "Drifted", "Paused", "Suspended"})
"""Conditions that are there only while they hold: that they appear is news."""
WAITING = frozenset({"Suspended", "ChangesPending"})
"""Reasons of a condition that only say that somebody wants it so, or that the next pass goes on."""


@dataclass(frozen=True, slots=True)
class Event:
    type: Literal["Normal", "Warning"]
    reason: str
    message: str

    @property
    def level(self) -> int:
        """As which it is logged."""
        return logging.WARNING if self.type == "Warning" else logging.INFO


def events(before: Mapping[str, Any], after: Mapping[str, Any], verdict: Verdict | None = None) -> tuple[Event, ...]:
    """What happened between two statuses of a resource: the changes that were made, and the conditions that flipped."""
    return (*(_applied(verdict) if verdict else ()), *_flips(before, after))


def farewell(verdict: Verdict) -> Event:
    """Of a resource that is being deleted, when we let it go."""
    if verdict.outcomes:
        gone = ", ".join(str(outcome.change.key) for outcome in verdict.outcomes if outcome.ok)
        return Event("Normal", "Removed", fit(f"removed from AWS: {gone}", MESSAGE))
    if verdict.declared_by:
        return Event("Normal", "Released", fit(f"let go of: {verdict.declared_by} declares it, and it stays", MESSAGE))
    count = len(verdict.status.inventory) if verdict.status else 0
    stays = f"{count} resources stay in AWS as they are" if count else "nothing of it is managed"
    return Event("Normal", "Released", f"let go of: {stays}")


def forced() -> Event:
    return Event("Warning", "ForcedRelease", "let go of as the annotation says; what is in AWS was not looked at")


def _applied(verdict: Verdict) -> Iterator[Event]:
    """What a pass changed in one event, and in another one what it put back."""
    done = [outcome.change for outcome in verdict.outcomes if outcome.ok and outcome.change.writes]
    back = [change for change in done if change.drift and not change.intended]
    for reason, changes in (("Applied", [one for one in done if one not in back]), ("DriftCorrected", back)):
        if changes:
            yield Event("Normal", reason, fit("; ".join(_told(change) for change in changes), MESSAGE))


def _told(change: Change) -> str:
    """`changed budget daylily-acme-monthly: limit 500.00 -> 1000.00`."""
    fields = [
        f"{field_name(one.path)} {shown(one.before or '')} -> {shown(one.after or '')}"
        for one in change.fields[:FIELDS]
        if change.action == "update"
    ]
    more = len(change.fields) - FIELDS if fields else 0
    words = ", ".join(fields) + (f" and {more} more" if more > 0 else "")
    return f"{DONE[change.action]} {change.key.kind} {change.key.name}" + (f": {words}" if words else "")


def _flips(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Event]:
    old, new = _conditions(before), _conditions(after)
    for kind in sorted(old.keys() | new.keys()):
        was, now = old.get(kind), new.get(kind)
        if kind in QUIET or (was and now and _gist(kind, was) == _gist(kind, now)):
            continue
        if event := _flip(kind, was, now):
            yield event


def _flip(kind: str, was: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> Event | None:
    if kind == "BudgetHealthy":
        return _budget(was, now) if now else None
    if kind == "WorksetsHeld" and now is None:
        return Event("Normal", "WorksetsReleased", "new worksets may be submitted again")
    if now is None or now["reason"] in WAITING:
        return None
    if was is None and kind not in TOLD_AT_ONCE and (kind != "Ready" or now["status"] == "True"):
        return None
    bad = (now["status"] == "True") == (kind in ("WorksetsHeld", "Drifted"))
    reason = kind if kind in TOLD_AT_ONCE else now["reason"]
    quiet = kind in ("TagsActive", "Paused", "Suspended")
    return Event("Warning" if bad and not quiet else "Normal", reason, now["message"] or f"{kind} is {now['status']}")


def _gist(kind: str, condition: Mapping[str, Any]) -> tuple[Any, ...]:
    """What is news when it changes. Of a message, that is only the alert that spend has passed."""
    return condition["status"], condition["reason"], _alert(condition) if kind == "BudgetHealthy" else None


def _budget(was: Mapping[str, Any] | None, now: Mapping[str, Any]) -> Event | None:
    """Only what went over something is an event: a new month begins below every alert without one."""
    if now["status"] == "False" and not (was and was["reason"] == now["reason"]):
        return Event("Warning", now["reason"], now["message"])
    higher = _alert(now) > (_alert(was) if was else 0)
    return Event("Warning", "BudgetThreshold", now["message"]) if higher else None


def _alert(condition: Mapping[str, Any]) -> Decimal:
    """80, where spend is over the alert at 80 %; else 0."""
    message = condition.get("message")
    found = re.search(rf"{OVER_ALERT} (\d+(\.\d+)?)%", message) if isinstance(message, str) else None
    return Decimal(found[1]) if found else Decimal(0)


def _conditions(status: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found = status.get("conditions")
    return {
        one["type"]: one
        for one in (found if isinstance(found, list) else [])
        if isinstance(one, Mapping) and all(isinstance(one.get(part), str) for part in ("type", "status", "reason"))
    }
