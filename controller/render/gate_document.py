"""A gate as JSON, for whoever takes worksets in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from controller.domain.gate import Gate, Turn
from controller.render.figure_words import cents_of, when
from controller.render.json_text import json_text
from controller.render.phrases import iso

FORMAT_VERSION = "1.0"


def to_json(gate: Gate, now: datetime, history: Sequence[Turn] | None = None) -> str:
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
    return json_text(document if history is None else {**document, "history": [_turn(one) for one in history]})


def unknown_json(customer_id: str, why: str) -> str:
    """Of a gate that nobody knows: neither open nor held."""
    document = {"format_version": FORMAT_VERSION, "customer_id": customer_id, "state": "unknown", "may_submit": None}
    return json_text({**document, "reason": "Unknown", "message": why})


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
