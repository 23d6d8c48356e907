"""What a month cost, as a person reads it: the seed document's breakdown, and the same by other groupings."""

from collections.abc import Iterator, Mapping

from controller.domain.costs_report import UNALLOCATED, By, CostsReport, CostsRow
from controller.render import report_page
from controller.render.figure_words import amount, sources, told, when
from controller.render.page import Page
from controller.render.report_page import Facts
from controller.render.tables import Column, Table

NAMES: Mapping[By, str] = {
    "service": "Service",
    "cost-center": "Cost center",
    "customer": "Customer",
    "account": "Account",
}
USAGE = (Column("usage", "Usage", "number"), Column("unit", "Unit"))


def page(report: CostsReport) -> Page:
    return Page(tuple(report_page.facts_and_table(title(report), facts(report), table(report), notes(report))))


def markdown(report: CostsReport) -> str:
    return report_page.markdown(title(report), facts(report), table(report), notes(report))


def title(report: CostsReport) -> str:
    return f"Costs by {NAMES[report.by].lower()}   {report.month}"


def table(report: CostsReport) -> Table:
    """What nobody is charged for stands last, and is named so."""
    used = report.by == "service"
    columns = (
        Column("month", ""),
        Column("name", NAMES[report.by]),
        Column("customer_id", "Id" if report.by == "customer" else ""),
        Column("allocated", ""),
        *(USAGE if used else ()),
        Column("direct_usd", "Direct", "money"),
        Column("shared_usd", "Shared", "money"),
        Column("cost_usd", "Cost (USD)", "money"),
        Column("share_percent", "Share", "share"),
        Column("certainty", "Certainty"),
        Column("source", "Source"),
        Column("as_of", ""),
    )
    rows = [
        (
            str(report.month),
            name_of(row),
            row.customer_id,
            "yes" if row.allocated else "no",
            *((row.quantity if row.quantity is not None else "", row.unit) if used else ()),
            row.direct,
            row.shared,
            row.cost.value,
            report.share(row),
            row.cost.certainty,
            sources(row.cost.sources) or None,
            when(row.cost.as_of),
        )
        for row in report.rows
    ]
    blank = ("", "") if used else ()
    total = ("", "TOTAL", "", "", *blank, "", "", report.total.value, "", report.total.certainty, "", "")
    return Table(columns, rows, total)


def name_of(row: CostsRow) -> str:
    return row.name if row.allocated or row.name == UNALLOCATED else f"{row.name} {UNALLOCATED}"


def facts(report: CostsReport) -> Facts:
    coverage = report.coverage
    share = "unknown"
    if coverage.percent is not None:
        allocated, nobody = (amount(one, report.currency) for one in (coverage.allocated, coverage.unallocated))
        share = f"{coverage.percent}%: {allocated} allocated to customers, {nobody} to nobody"
    cost = f"{amount(report.total.value, report.currency)}, {told(report.total)}"
    return [("Cost", cost), ("Coverage", share)]


def notes(report: CostsReport) -> Iterator[str]:
    if any(row.cost.value is None for row in report.rows):
        yield "Unknown is not zero: the total is of what is known."
    yield from report.notes
    yield from (f"Problem: {one}" for one in report.problems)
