"""A chargeback as a person reads it, as a table for spreadsheets, and as a document."""

from collections.abc import Iterator
from typing import Any

from controller.domain.chargeback import Charge, Chargeback, Sum
from controller.render import report_page
from controller.render.figure_words import amount, cents_of
from controller.render.page import Page
from controller.render.report_page import Facts
from controller.render.tables import Cell, Column, Table

FORMAT_VERSION = "1.0"
NOBODY = "(unallocated)"

MONEY = (
    Column("listed", "Cost", "money"),
    Column("shared", "of it shared", "money"),
    Column("discount", "Discount", "money"),
    Column("charged", "Charged", "money"),
)


def page(report: Chargeback) -> Page:
    return Page(tuple(report_page.facts_and_table(_title(report), _facts(report), summary(report), _notes(report))))


def markdown(report: Chargeback) -> str:
    return report_page.markdown(_title(report), _facts(report), summary(report), _notes(report))


def summary(report: Chargeback) -> Table:
    """A row for each customer under its cost center, and what is nobody's."""
    columns = (Column("cost_center", "Cost center"), Column("customer", "Customer"), *MONEY)
    rows: list[tuple[Cell, ...]] = []
    for center in report.centers:
        charges = report.of_center(center)
        customers = dict.fromkeys(one.customer for one in charges)
        rows += [(center, name, *_sums([one for one in charges if one.customer == name])) for name in customers]
    rows += [(NOBODY, one.service, *_sums([one])) for one in report.unallocated]
    return Table(columns, rows, ("TOTAL", "", *_sums(report.charges)))


def table(report: Chargeback) -> Table:
    """Every charge, for spreadsheets."""
    names = ("month", "cost_center", "customer_id", "customer", "service", "allocated")
    columns = (*(Column(name, name) for name in names), *MONEY, Column("currency", ""), Column("certainty", ""))
    rows = [
        (
            str(report.month),
            one.cost_center,
            one.customer_id,
            one.customer,
            one.service,
            "yes" if one.is_allocated else "no",
            *_sums([one]),
            report.currency,
            one.certainty,
        )
        for one in report.charges
    ]
    return Table(columns, rows)


def document(report: Chargeback) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "month": str(report.month),
        "currency": report.currency,
        "cost_centers": [
            {"cost_center": center, **_told(report.of_center(center)), "charges": _charges(report.of_center(center))}
            for center in report.centers
        ],
        "unallocated": _charges(report.unallocated),
        "total": _told(report.charges),
        "account_total": cents_of(report.coverage.total),
        "difference": cents_of(report.difference),
        "unknown_customers": list(report.unknown),
        "problems": list(report.problems),
    }


def _charges(charges: tuple[Charge, ...]) -> list[dict[str, Any]]:
    return [
        {
            "customer_id": one.customer_id or None,
            "customer": one.customer or None,
            "service": one.service,
            **_told([one]),
            "certainty": one.certainty,
        }
        for one in charges
    ]


def _told(charges: tuple[Charge, ...] | list[Charge]) -> dict[str, Any]:
    found = Sum.of(charges)
    return {
        "listed": cents_of(found.listed),
        "shared": cents_of(found.shared),
        "discount": cents_of(found.discount),
        "charged": cents_of(found.charged),
    }


def _sums(charges: tuple[Charge, ...] | list[Charge]) -> tuple[Cell, ...]:
    found = Sum.of(charges)
    return (found.listed, found.shared, found.discount, found.charged)


def _title(report: Chargeback) -> str:
    return f"Chargeback by cost center   {report.month}"


def _facts(report: Chargeback) -> Facts:
    whole = amount(report.coverage.total, report.currency)
    agrees = "unknown: not all of it could be read"
    if report.difference is not None:
        agrees = "to the cent" if not report.difference else f"{report.difference:f} apart"
    return [("Account total", whole), ("Adds up", agrees)]


def _notes(report: Chargeback) -> Iterator[str]:
    yield "Before taxes. A discount is the customer's; what nobody is charged for stays with our own organisation."
    if report.unknown:
        yield f"Not in it, since their cost is not known: {', '.join(report.unknown)}."
    yield from (f"Problem: {one}" for one in report.problems)
