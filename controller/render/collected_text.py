"""What a collect did, for people and as JSON."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from controller.collect import PAGE_PRICE, Collected, MonthResult
from controller.gatekeeper import Verdict
from controller.render.figure_words import amount
from controller.render.gate_view import verdict
from controller.render.page import Line, Page, line, table
from controller.render.tables import Column, Table

FORMAT_VERSION = "1.0"
HEAD = ("MONTH", "ACCOUNT", "STORED", "UNCHANGED", "FAILED", "COST", "UNALLOCATED", "COST EXPLORER", "BILL")
COLUMNS = (
    Column("month", "Month"),
    Column("account", "Account"),
    Column("stored", "Stored", "number"),
    Column("unchanged", "Unchanged", "number"),
    Column("failed", "Failed", "number"),
    Column("total", "Cost", "money"),
    Column("unallocated", "Unallocated", "money"),
    Column("currency", "Currency"),
)


def page(collected: Collected) -> Page:
    """A line for each month and account that pays."""
    return Page(tuple(_lines(collected)))


def to_table(collected: Collected) -> Table:
    """A row for each month and account that pays."""
    return Table(COLUMNS, [[_plain(one)[column.name] for column in COLUMNS] for one in collected.results])


def document(collected: Collected, pages: int) -> dict[str, Any]:
    """`pages` are those of Cost Explorer that were paid."""
    return {
        "format_version": FORMAT_VERSION,
        "months": [_plain(one) for one in collected.results],
        "gates": {one.customer_id: one.gate.state for one in collected.verdicts if one.gate},
        "pages": pages,
        "usd": price(pages),
        "notes": list(collected.notes),
        "problems": [
            {"message": str(one), "customers": list(one.customers), "code": one.failure.code}
            for one in collected.problems
        ],
    }


def price(pages: int) -> Decimal:
    return PAGE_PRICE * pages


def paid(pages: int) -> str:
    return f"Cost Explorer: {pages} {'page' if pages == 1 else 'pages'}, ${price(pages):.2f}"


def _lines(collected: Collected) -> Iterator[Line]:
    if not collected.results:
        yield line("Nothing to collect.")
        return
    rows = [HEAD, *(_row(one) for one in collected.results)]
    yield from table(rows, right=frozenset({2, 3, 4, 5, 6}))
    states = Counter(one.gate.state for one in collected.verdicts if one.gate)
    if states:
        yield line("Gates: " + ", ".join(f"{states[state]:,} {state}" for state in sorted(states)))
    for one in collected.verdicts:
        if _is_news(one):
            yield from verdict(one).lines


def _is_news(one: Verdict) -> bool:
    """A gate that has turned, but for a first one that is open; and one that is held and that no record tells of."""
    if one.gate is None:
        return False
    if one.before is None:
        return one.gate.state != "open"
    return one.before.state != one.gate.state or (one.gate.state == "held" and one.record == "missing")


def _row(one: MonthResult) -> tuple[str, ...]:
    known = one.total is not None
    return (
        str(one.month),
        one.account,
        f"{one.stored:,}",
        f"{one.unchanged:,}",
        f"{one.failed:,}",
        amount(one.total, one.currency),
        amount(one.unallocated, one.currency),
        "asked" if one.asked else "not asked" if known else "never read",
        ("open" if one.estimated else "closed") if known else "-",
    )


def _plain(one: MonthResult) -> dict[str, Any]:
    return {
        "month": str(one.month),
        "account": one.account,
        "stored": one.stored,
        "unchanged": one.unchanged,
        "failed": one.failed,
        "asked": one.asked,
        "total": one.total,
        "unallocated": one.unallocated,
        "estimated": one.estimated if one.total is not None else None,
        "currency": one.currency,
    }
