"""A gate as a person reads it, its audit trail, and what was just decided."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from controller.domain.gate import Gate, Turn
from controller.gatekeeper import Verdict
from controller.render.page import BLANK, Line, Page, line, table
from controller.render.phrases import count, moment

STYLES = {"open": "green", "warned": "yellow", "held": "red", "unknown": "yellow"}
WORDS = {"open": "new worksets may start", "warned": "new worksets may start", "held": "no new worksets"}
UNKNOWN = "-"


def details(gate: Gate, now: datetime, history: Sequence[Turn] | None = None) -> Page:
    """Everything about one gate, with the age of what it was decided by; and the audit trail where it was asked for."""
    head = line(f"{gate.customer_id}: ", (gate.state, STYLES[gate.state]), f", {WORDS[gate.state]}")
    trail = () if history is None else (BLANK, line(("Audit trail, newest first", "bold")), *_trail(history))
    return Page((head, *table(_facts(gate, now), indent=2), *trail))


def verdict(one: Verdict) -> Page:
    """One line for what was decided of a customer, and one for what did not work."""
    told = []
    if one.gate:
        what = "stays" if one.before and one.before.state == one.gate.state else "is now"
        state = (one.gate.state, STYLES[one.gate.state])
        told.append(line(f"{one.customer_id}: {what} ", state, f": {one.gate.reason}: {one.gate.message}"))
    if one.gate and one.record == "missing" and one.gate.state == "held":
        told.append(line("  it has no record in the table of customers, so whoever reads that knows nothing of it"))
    if one.failure:
        told.append(line(f"{one.customer_id}: ", ("FAILED", "bold red"), f": {one.failure}"))
    return Page(tuple(told))


def _facts(gate: Gate, now: datetime) -> list[tuple[str, str]]:
    override = f"{gate.override}: {gate.override_reason}" if gate.override != "Auto" else "none"
    return [
        ("Why:", f"{gate.reason}: {gate.message}"),
        ("Since:", moment(gate.since)),
        ("Until:", moment(gate.until) if gate.until else "further notice"),
        ("Spent:", _spent(gate)),
        ("Numbers of:", f"{moment(gate.as_of)}, {_age(now - gate.as_of)} old" if gate.as_of else UNKNOWN),
        ("Override:", override),
    ]


def _spent(gate: Gate) -> str:
    if gate.spent is None or gate.limit is None:
        return UNKNOWN
    share = f", {gate.percent} %" if gate.percent is not None else ""
    return f"{gate.spent:,.2f} of {gate.limit:,.2f} USD{share}"


def _age(span: timedelta) -> str:
    hours = max(int(span.total_seconds() // 3600), 0)
    return count(hours, "hour") if hours < 48 else count(hours // 24, "day")


def _trail(history: Sequence[Turn]) -> list[Line]:
    if not history:
        return [line("  nothing yet")]
    rows = [("AT", "FROM", "TO", "REASON", "WHO", "MESSAGE")]
    rows += [(moment(one.at), one.before, one.after, one.reason, one.who, one.message) for one in history]
    return list(table(rows, indent=2))
