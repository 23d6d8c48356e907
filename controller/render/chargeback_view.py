"""A chargeback as a person reads it, as a table for spreadsheets, and as a document."""

from collections.abc import Iterator, Sequence
from typing import Any

from controller.domain.chargeback import Charge, Chargeback, Sum, Total
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
    """A row for each customer under its cost center, and what is nobody's. Currencies stand there if they differ."""
    unit = Column("currency", "" if report.total else "Currency")
    columns = (Column("cost_center", "Cost center"), Column("customer", "Customer"), *MONEY, unit)
    rows: list[tuple[Cell, ...]] = []
    for center, currency in report.centers:
        charges = report.of_center(center, currency)
        customers = dict.fromkeys(one.customer for one in charges)
        rows += [
            (center, name, *_sums(Sum.of(one for one in charges if one.customer == name)), currency)
            for name in customers
        ]
    rows += [(NOBODY, one.service, *_sums(Sum.of([one])), one.currency) for one in report.unallocated]
    totals = [("TOTAL", "", *_sums(one.sum), one.currency) for one in report.totals]
    return Table(columns, rows, totals[0]) if report.total else Table(columns, [*rows, *totals])


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
            *_sums(Sum.of([one])),
            one.currency,
            one.certainty,
        )
        for one in report.charges
    ]
    return Table(columns, rows)


def document(report: Chargeback) -> dict[str, Any]:
    """`currency`, `total`, `account_total` and `difference` are null where there are several currencies."""
    total = report.total
    return {
        "format_version": FORMAT_VERSION,
        "month": str(report.month),
        "currency": total.currency if total else None,
        "cost_centers": [_center(report, *center) for center in report.centers],
        "unallocated": _charges(report.unallocated),
        "total": _told(total.sum) if total else None,
        "account_total": cents_of(total.account) if total else None,
        "difference": cents_of(total.difference) if total else None,
        "totals": [
            {
                "currency": one.currency,
                **_told(one.sum),
                "account_total": cents_of(one.account),
                "difference": cents_of(one.difference),
            }
            for one in report.totals
        ],
        "unknown_customers": list(report.unknown),
        "problems": list(report.problems),
    }


def _center(report: Chargeback, cost_center: str, currency: str) -> dict[str, Any]:
    charges = report.of_center(cost_center, currency)
    return {
        "cost_center": cost_center,
        "currency": currency,
        **_told(Sum.of(charges)),
        "charges": _charges(charges),
    }


def _charges(charges: Sequence[Charge]) -> list[dict[str, Any]]:
    return [
        {
            "customer_id": one.customer_id or None,
            "customer": one.customer or None,
            "service": one.service,
            "currency": one.currency,
            **_told(Sum.of([one])),
            "certainty": one.certainty,
        }
        for one in charges
    ]


def _told(found: Sum) -> dict[str, Any]:
    return {
        "listed": cents_of(found.listed),
        "shared": cents_of(found.shared),
        "discount": cents_of(found.discount),
        "charged": cents_of(found.charged),
    }


def _sums(found: Sum) -> tuple[Cell, ...]:
    return (found.listed, found.shared, found.discount, found.charged)


def _title(report: Chargeback) -> str:
    return f"Chargeback by cost center   {report.month}"


def _facts(report: Chargeback) -> Facts:
    return [fact for one in report.totals for fact in _agreement(one)]


def _agreement(total: Total) -> Facts:
    agrees = "unknown: not all of it could be read"
    if total.difference is not None:
        agrees = "to the cent" if not total.difference else f"{total.difference:f} apart"
    return [("Account total", amount(total.account, total.currency)), ("Adds up", agrees)]


def _notes(report: Chargeback) -> Iterator[str]:
    yield "Before taxes. A discount is the customer's; what nobody is charged for stays with our own organisation."
    if report.unknown:
        yield f"Not in it, since their cost is not known: {', '.join(report.unknown)}."
    yield from (f"Problem: {one}" for one in report.problems)
