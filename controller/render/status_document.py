"""A status for other programs: a plain document as JSON, YAML or files. The applied states stay inside: internal."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from controller.domain.money import percent_of
from controller.domain.status import Status
from controller.render.json_text import json_text
from controller.render.phrases import iso

FORMAT_VERSION = "1.0"


def to_document(status: Status) -> dict[str, Any]:
    """The public part of a status. Unknown figures are null, never 0; amounts are decimal strings."""
    return {
        "format_version": FORMAT_VERSION,
        "id": status.owner_id,
        "name": status.name,
        "account": status.account,
        "controller_id": status.controller_id,
        "deletion_policy": status.deletion_policy,
        "source": status.source,
        "generation": status.generation,
        "commit": status.commit,
        "plan_digest": status.plan_digest,
        "summary": status.summary,
        "last_error": status.last_error,
        "conditions": [
            {"type": c.type, "status": c.status, "reason": c.reason, "message": c.message, "since": iso(c.since)}
            for c in status.conditions
        ],
        "inventory": [
            {"kind": one.kind, "name": one.name, "since": iso(one.at)}
            for one in sorted(status.inventory, key=lambda one: one.key)
        ],
        "waiting": [
            {"kind": w.kind, "name": w.name, "reason": w.reason, "since": iso(w.since)} for w in status.waiting
        ],
        "figures": [
            {"kind": f.kind, "name": f.name, "values": dict(f.values), "as_of": iso(f.as_of)} for f in status.figures
        ],
        "budget": _budget(spending(status)),
        "updated_at": iso(status.updated_at) if status.updated_at else None,
    }


def to_json(statuses: Iterable[Status]) -> str:
    """A list of documents, sorted by id."""
    return json_text([to_document(one) for one in _ordered(statuses)])


def to_yaml(statuses: Iterable[Status]) -> str:
    """One YAML document for each status, sorted by id."""
    from controller.render.yaml_text import yaml_text

    return yaml_text(to_document(one) for one in _ordered(statuses))


def files(statuses: Iterable[Status]) -> dict[str, str]:
    """File names and their contents: one JSON document per customer, none for accounts. No name leaves its folder."""
    return {
        f"{quote(one.owner_id, safe='')}.json": json_text(to_document(one))
        for one in _ordered(statuses)
        if not one.is_account
    }


@dataclass(frozen=True, slots=True)
class Spending:
    """What the budget says; None: unknown."""

    limit: Decimal | None = None
    actual: Decimal | None = None
    forecast: Decimal | None = None
    currency: str = ""
    as_of: datetime | None = None

    @property
    def used(self) -> str | None:
        """Percent of the limit with one decimal."""
        if self.actual is None or self.limit is None:
            return None
        share = percent_of(self.actual, self.limit)
        return None if share is None else str(share)


def spending(status: Status) -> Spending:
    """The figures of the customer's budget."""
    for one in status.figures:
        if one.kind == "budget":
            values = one.values
            limit, actual, forecast = (_amount(values.get(name)) for name in ("limit", "actual", "forecast"))
            return Spending(limit, actual, forecast, values.get("currency", ""), one.as_of)
    return Spending()


def _budget(spent: Spending) -> dict[str, str | None] | None:
    if spent.as_of is None:
        return None
    amounts = {"limit": spent.limit, "actual": spent.actual, "forecast": spent.forecast}
    told = {name: None if amount is None else f"{amount:f}" for name, amount in amounts.items()}
    return {**told, "used_percent": spent.used, "currency": spent.currency, "as_of": iso(spent.as_of)}


def _amount(text: str | None) -> Decimal | None:
    """The amount; None where it is missing or no sane number."""
    try:
        amount = Decimal(text or "")
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) < 18 else None


def _ordered(statuses: Iterable[Status]) -> list[Status]:
    return sorted(statuses, key=lambda one: one.owner_id)
