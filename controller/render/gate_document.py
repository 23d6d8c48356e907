"""A gate as a document and as a row, for whoever takes worksets in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from controller.domain.gate import Gate, Turn
from controller.render.figure_words import cents_of, when
from controller.render.phrases import iso
from controller.render.tables import Column, Table

FORMAT_VERSION = "1.0"


COLUMNS = (
    Column("customer_id", "Customer"),
    Column("state", "Gate"),
    Column("reason", "Reason"),
    Column("since", "Since"),
    Column("until", "Until"),
    Column("spent_usd", "Spent (USD)", "money"),
    Column("limit_usd", "Limit (USD)", "money"),
    Column("percent", "Used", "share"),
    Column("as_of", "As of"),
    Column("override", "Override"),
    Column("message", "Why"),
)


def to_table(gate: Gate, now: datetime) -> Table:
    """One row, of the fields of the document."""
    told = to_document(gate, now)
    return Table(COLUMNS, [[told[column.name] for column in COLUMNS]])


def to_document(gate: Gate, now: datetime, history: Sequence[Turn] | None = None) -> dict[str, Any]:
    """The gate, and its audit trail where that was asked for, newest first. Unknown is null, never 0."""
    document = {
        "format_version": FORMAT_VERSION,
        "customer_id": gate.customer_id,
        "state": gate.state,
        "may_submit": gate.may_submit,
        "reason": gate.reason,
        "message": gate.message,
        "since": iso(gate.since),
        "until": when(gate.until),
        "override": gate.override,
        "override_reason": gate.override_reason,
        "month": gate.month,
        "spent_usd": cents_of(gate.spent),
        "limit_usd": cents_of(gate.limit),
        "percent": gate.percent,
        "as_of": when(gate.as_of),
        "age_hours": int((now - gate.as_of).total_seconds() // 3600) if gate.as_of else None,
    }
    return document if history is None else {**document, "history": [_turn(one) for one in history]}


def unknown(customer_id: str, why: str) -> dict[str, Any]:
    """Of a gate that nobody knows: neither open nor held."""
    document = {"format_version": FORMAT_VERSION, "customer_id": customer_id, "state": "unknown", "may_submit": None}
    return {**document, "reason": "Unknown", "message": why}


def _turn(one: Turn) -> dict[str, Any]:
    return {
        "at": iso(one.at),
        "who": one.who,
        "from": one.before,
        "to": one.after,
        "reason": one.reason,
        "message": one.message,
        "override": one.override,
        "override_reason": one.override_reason,
    }
