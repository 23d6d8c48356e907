"""Statuses as a person reads them: a table of all customers, or everything about one."""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from controller.domain.status import Status
from controller.render.page import BLANK, Line, Page, line, table
from controller.render.phrases import customer_title, moment
from controller.render.status_document import spending

COLUMNS = ("CUSTOMER", "READY", "SPENT", "LIMIT", "USED", "FORECAST", "AS OF", "MESSAGE")
RIGHT = frozenset({2, 3, 4, 5})
UNKNOWN = "-"


def overview(statuses: Iterable[Status]) -> Page:
    """One row per customer by id, then the accounts. What is unknown shows as `-`, never as 0."""
    ordered = sorted(statuses, key=lambda one: (one.is_account, one.owner_id))
    if not ordered:
        return Page((line("Nothing was reconciled yet."),))
    return Page(tuple(table([COLUMNS, *(_row(one) for one in ordered)], RIGHT)))


def details(status: Status) -> Page:
    """Everything that is known about one owner."""
    sections = [
        ("", _facts(status)),
        ("Conditions", _conditions(status)),
        ("Budget", _figures(status)),
        ("Waiting for AWS", [("KIND", "NAME", "SINCE", "REASON"), *_waiting(status)] if status.waiting else []),
        ("Inventory", _inventory(status)),
    ]
    return Page(tuple(_sections((title, rows) for title, rows in sections if rows)))


def _sections(sections: Iterable[tuple[str, Sequence[tuple[str, ...]]]]) -> Iterator[Line]:
    for title, rows in sections:
        if title:
            yield BLANK
            yield line((title, "bold"))
        yield from table(rows, indent=2 if title else 0)


def _row(status: Status) -> tuple[str, ...]:
    ready = status.condition("Ready")
    spent = spending(status)
    message = ready.message if ready and ready.status != "True" else status.summary
    return (
        f"account {status.name}" if status.is_account else status.name,
        ready.status if ready else "Unknown",
        _money(spent.actual),
        _money(spent.limit, spent.currency),
        f"{spent.used}%" if spent.used is not None else UNKNOWN,
        _money(spent.forecast),
        moment(spent.as_of) if spent.as_of else UNKNOWN,
        message or UNKNOWN,
    )


def _facts(status: Status) -> list[tuple[str, ...]]:
    facts = [
        ("Name:", status.name if status.is_account else customer_title(status.name, status.owner_id)),
        ("Account:", status.account),
        ("Manifest:", status.source),
        ("Summary:", status.summary),
        ("Last error:", status.last_error or "none"),
        ("Deletion policy:", status.deletion_policy),
        ("Controller:", status.controller_id),
        ("Generation:", status.generation),
        ("Commit:", status.commit),
        ("Plan digest:", status.plan_digest),
        ("Updated:", moment(status.updated_at) if status.updated_at else ""),
    ]
    return [(name, value or UNKNOWN) for name, value in facts]


def _conditions(status: Status) -> list[tuple[str, ...]]:
    if not status.conditions:
        return []
    rows = [(c.type, c.status, c.reason, moment(c.since), c.message) for c in status.conditions]
    return [("TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"), *rows]


def _figures(status: Status) -> list[tuple[str, ...]]:
    spent = spending(status)
    if spent.as_of is None:
        return []
    return [
        ("Spent:", _money(spent.actual, spent.currency)),
        ("Limit:", _money(spent.limit, spent.currency)),
        ("Used:", f"{spent.used}%" if spent.used is not None else UNKNOWN),
        ("Forecast:", _money(spent.forecast, spent.currency)),
        ("As of:", moment(spent.as_of)),
    ]


def _waiting(status: Status) -> list[tuple[str, ...]]:
    return [(one.kind, one.name, moment(one.since), one.reason) for one in status.waiting]


def _inventory(status: Status) -> list[tuple[str, ...]]:
    if not status.inventory:
        return []
    entries = sorted(status.inventory, key=lambda one: one.key)
    return [("KIND", "NAME", "SINCE"), *((one.kind, one.name, moment(one.at)) for one in entries)]


def _money(amount: Decimal | None, currency: str = "") -> str:
    return UNKNOWN if amount is None else f"{amount:,.2f} {currency}".rstrip()
