"""A customer's months as a person reads them: a table, and on a terminal a bar for each month."""

from collections.abc import Iterator
from decimal import Decimal

from controller.domain.history_report import HistoryReport
from controller.render import report_page
from controller.render.figure_words import amount, sources, when
from controller.render.page import BLANK, Line, Page, line
from controller.render.phrases import customer_title
from controller.render.tables import UNKNOWN, Column, Table

COLUMNS = (
    Column("customer_id", ""),
    Column("month", "Month"),
    Column("compute_cost_usd", "Compute", "money"),
    Column("storage_cost_usd", "Storage", "money"),
    Column("data_transfer_cost_usd", "Transfer", "money"),
    Column("other_cost_usd", "Other", "money"),
    Column("total_cost_usd", "Total (USD)", "money"),
    Column("change_percent", "Change", "share"),
    Column("budget_limit_usd", "Limit", "money"),
    Column("budget_used_percent", "Used", "share"),
    Column("certainty", "Certainty"),
    Column("source", "Source"),
    Column("as_of", "As of"),
)
EIGHTHS = " ▏▎▍▌▋▊▉"
NARROWEST = 10
"""Columns of a bar at least: on a narrower terminal there is no chart."""


def page(report: HistoryReport, width: int = 0, *, blocks: bool = True) -> Page:
    """With a chart where a terminal so wide shows it; without `blocks` it is of plain ASCII."""
    told = report_page.facts_and_table(title(report), (), table(report), notes(report))
    return Page((*told, *_chart(report, width, blocks=blocks)))


def markdown(report: HistoryReport) -> str:
    return report_page.markdown(title(report), (), table(report), notes(report))


def title(report: HistoryReport) -> str:
    first, last = report.months[0].month, report.months[-1].month
    return f"{customer_title(report.name or report.customer_id, report.customer_id)}   {first} to {last}"


def table(report: HistoryReport) -> Table:
    rows = [
        (
            report.customer_id,
            str(one.month),
            one.part("compute").value,
            one.part("storage").value,
            one.part("data_transfer").value,
            one.part("other").value,
            one.total.value,
            one.change,
            one.limit.value,
            one.used,
            one.total.certainty,
            sources(one.total.sources) or None,
            when(one.total.as_of),
        )
        for one in report.months
    ]
    return Table(COLUMNS, rows)


def notes(report: HistoryReport) -> Iterator[str]:
    unknown = [str(one.month) for one in report.months if one.total.value is None and not one.problem]
    if unknown:
        yield f"Unknown, not zero: {', '.join(unknown)} is not collected or could not be read."
    yield from (f"Problem: {one}" for one in report.problems)


# The chart


def _chart(report: HistoryReport, width: int, *, blocks: bool) -> Iterator[Line]:
    """A bar for each month on one scale, from 0 to the largest total or limit, and a mark at each month's limit."""
    known = [value for one in report.months for value in (one.total.value, one.limit.value) if value is not None]
    labels = [amount(one.total.value) for one in report.months]
    room = width - len("2024-01  ") - max(map(len, labels), default=0) - len("  ")
    top = max(known, default=Decimal(0))
    if room < NARROWEST or top <= 0:
        return
    yield BLANK
    for one, label in zip(report.months, labels, strict=True):
        bar = _bar(one.total.value, top, room, blocks=blocks)
        yield line(f"{one.month}  ", *_marked(bar, one.limit.value, top, blocks=blocks), f"  {label}")
    if any(one.limit.value is not None for one in report.months):
        yield line(f"         {'│' if blocks else '|'} the budget of the month", f"   {UNKNOWN} unknown")


def _bar(value: Decimal | None, top: Decimal, room: int, *, blocks: bool) -> str:
    length = max(value or Decimal(0), Decimal(0)) * room / top
    whole, rest = divmod(int(length * 8), 8)
    full, part = ("█", EIGHTHS[rest].strip()) if blocks else ("#", "")
    return (full * whole + part).ljust(room)


def _marked(bar: str, limit: Decimal | None, top: Decimal, *, blocks: bool) -> Iterator[str | tuple[str, str]]:
    if limit is None:
        yield bar
        return
    at = min(int(max(limit, Decimal(0)) * len(bar) / top), len(bar) - 1)
    yield bar[:at]
    yield ("│" if blocks else "|", "yellow")
    yield bar[at + 1 :]
