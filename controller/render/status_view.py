"""Statuses as a person reads them: a table of all customers, or everything about one."""

from collections.abc import Iterable, Iterator, Sequence

from controller.domain.status import Status
from controller.render import usage_view
from controller.render.figure_words import amount
from controller.render.page import BLANK, Line, Page, line, table
from controller.render.phrases import customer_title, moment
from controller.render.status_figures import NOTHING, Known, spending
from controller.render.tables import UNKNOWN, Column, Table, quantity
from controller.render.usage_document import GIB

COLUMNS = ("CUSTOMER", "READY", "SPENT", "LIMIT", "USED", "FORECAST", "STORAGE", "GATE", "AS OF", "MESSAGE")
RIGHT = frozenset({2, 3, 4, 5, 6})


def overview(statuses: Iterable[Status], known: Known = NOTHING) -> Page:
    """One row per customer by id, then the accounts, and under them the coverage of these, where it is known.

    What is unknown shows as `-`, never as 0.
    """
    ordered = sorted(statuses, key=lambda one: (one.is_account, one.owner_id))
    if not ordered:
        return Page((line("Nothing was reconciled yet."),))
    rows = table([COLUMNS, *(_row(one, known) for one in ordered)], RIGHT)
    return Page((*rows, *_coverages(ordered, known)))


def to_table(statuses: Iterable[Status], known: Known = NOTHING) -> Table:
    """The rows of the overview, for other programs; unknown is empty."""
    ordered = sorted(statuses, key=lambda one: (one.is_account, one.owner_id))
    columns = [Column(title.lower().replace(" ", "_"), title.capitalize()) for title in COLUMNS]
    return Table(columns, [[None if cell == UNKNOWN else cell for cell in _row(one, known)] for one in ordered])


def details(status: Status, known: Known = NOTHING) -> Page:
    """Everything that is known about one owner."""
    sections = [
        ("", _facts(status)),
        ("Conditions", _conditions(status)),
        ("Usage", _usage(status, known)),
        ("Gate", _gate(status, known)),
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


def _row(status: Status, known: Known) -> tuple[str, ...]:
    ready, gate = status.condition("Ready"), known.gate(status)
    spent = known.spending(status)
    message = ready.message if ready and ready.status != "True" else status.summary
    return (
        f"account {status.name}" if status.is_account else status.name,
        ready.status if ready else "Unknown",
        amount(spent.actual),
        amount(spent.limit, spent.currency),
        f"{spent.used}%" if spent.used is not None else UNKNOWN,
        amount(spent.forecast),
        _storage(status, known),
        gate.state if gate else UNKNOWN,
        moment(spent.as_of) if spent.as_of else UNKNOWN,
        message or UNKNOWN,
    )


def _storage(status: Status, known: Known) -> str:
    usage = known.usage(status)
    size = usage.storage.size.value if usage else None
    return UNKNOWN if size is None else f"{quantity(size / GIB)} GiB"


def _coverages(statuses: Iterable[Status], known: Known) -> Iterator[Line]:
    told = [(one.name, known.coverage(one)) for one in statuses]
    found = [(name, one) for name, one in told if one and one.percent is not None]
    yield from [BLANK] if found else []
    for name, one in found:
        nobody = amount(one.unallocated, known.accounts[name].currency)
        whole = amount(one.total, known.accounts[name].currency)
        yield line(f"account {name}: {one.percent}% of {whole} is allocated to customers, {nobody} to nobody.")


def _usage(status: Status, known: Known) -> list[tuple[str, ...]]:
    usage, coverage = known.usage(status), known.coverage(status)
    if usage:
        return [(f"{name}:", words) for name, words in usage_view.facts(usage)]
    if coverage is None:
        return []
    currency = known.accounts[status.name].currency
    return [
        ("Cost:", amount(coverage.total, currency)),
        ("Allocated:", amount(coverage.allocated, currency)),
        ("Unallocated:", amount(coverage.unallocated, currency)),
        ("Coverage:", UNKNOWN if coverage.percent is None else f"{coverage.percent}%"),
    ]


def _gate(status: Status, known: Known) -> list[tuple[str, ...]]:
    gate = known.gate(status)
    if gate is None:
        return []
    return [
        ("State:", gate.state),
        ("Reason:", gate.reason),
        ("Message:", gate.message),
        ("Since:", moment(gate.since)),
        ("Until:", moment(gate.until) if gate.until else UNKNOWN),
    ]


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
        ("Spent:", amount(spent.actual, spent.currency)),
        ("Limit:", amount(spent.limit, spent.currency)),
        ("Used:", f"{spent.used}%" if spent.used is not None else UNKNOWN),
        ("Forecast:", amount(spent.forecast, spent.currency)),
        ("As of:", moment(spent.as_of)),
    ]


def _waiting(status: Status) -> list[tuple[str, ...]]:
    return [(one.kind, one.name, moment(one.since), one.reason) for one in status.waiting]


def _inventory(status: Status) -> list[tuple[str, ...]]:
    if not status.inventory:
        return []
    entries = sorted(status.inventory, key=lambda one: one.key)
    return [("KIND", "NAME", "SINCE"), *((one.kind, one.name, moment(one.at)) for one in entries)]
