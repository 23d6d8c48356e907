"""A status for other programs: a plain document as JSON, YAML or files. The applied states stay inside: internal."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from controller.domain.status import Status
from controller.domain.usage_report import UsageReport
from controller.render import usage_document
from controller.render.figure_words import cents_of, when
from controller.render.json_text import json_text
from controller.render.phrases import iso
from controller.render.status_figures import NOTHING, Known, Spending, spending

FORMAT_VERSION = "1.0"


def to_document(status: Status, known: Known = NOTHING) -> dict[str, Any]:
    """The public part of a status, and what was collected of its owner in the running month.

    Unknown figures are null, never 0. Amounts of `figures` and `budget` are decimal strings, the others numbers.
    """
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
        "usage": _usage(known.usage(status), known.spending(status)),
        "coverage": usage_document.coverage(known.coverage(status)),
        "gate": usage_document.gate(known.gate(status)),
        "updated_at": iso(status.updated_at) if status.updated_at else None,
    }


def to_json(statuses: Iterable[Status], known: Known = NOTHING) -> str:
    """A list of documents, sorted by id."""
    return json_text([to_document(one, known) for one in _ordered(statuses)])


def to_yaml(statuses: Iterable[Status], known: Known = NOTHING) -> str:
    """One YAML document for each status, sorted by id."""
    from controller.render.yaml_text import yaml_text

    return yaml_text(to_document(one, known) for one in _ordered(statuses))


def files(statuses: Iterable[Status], known: Known = NOTHING) -> dict[str, str]:
    """File names and their contents: one JSON document per customer, none for accounts. No name leaves its folder."""
    return {
        f"{quote(one.owner_id, safe='')}.json": json_text(to_document(one, known))
        for one in _ordered(statuses)
        if not one.is_account
    }


def _budget(spent: Spending) -> dict[str, str | None] | None:
    if spent.as_of is None:
        return None
    amounts = {"limit": spent.limit, "actual": spent.actual, "forecast": spent.forecast}
    told = {name: None if amount is None else f"{amount:f}" for name, amount in amounts.items()}
    return {**told, "used_percent": spent.used, "currency": spent.currency, "as_of": iso(spent.as_of)}


def _usage(usage: UsageReport | None, spent: Spending) -> dict[str, Any] | None:
    """The few figures of the month that a list shows; `reconcile usage` has them all."""
    if usage is None:
        return None
    known = usage.total.value is not None
    return {
        "month": str(usage.month),
        "total_cost_usd": cents_of(usage.total.value),
        "budget_limit_usd": cents_of(usage.limit.value),
        "budget_used_percent": usage.used,
        "forecast_usd": cents_of(spent.forecast) if known else None,
        "storage_bytes": usage.storage.size.value,
        "worksets_submitted": usage.counts["submitted"].value,
        "certainty": usage.total.certainty,
        "as_of": when(usage.total.as_of),
    }


def _ordered(statuses: Iterable[Status]) -> list[Status]:
    return sorted(statuses, key=lambda one: one.owner_id)
