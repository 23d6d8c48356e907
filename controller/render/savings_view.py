"""What lifecycle rules save, as a person reads it and as programs do. The assumptions stand in every form."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from controller.domain.savings_report import Parts, SavingsReport, SavingsRow, Span
from controller.render import report_page
from controller.render.figure_words import amount
from controller.render.page import Page
from controller.render.report_page import Facts
from controller.render.tables import Column, Table

FORMAT_VERSION = "1.0"
TITLE = "Savings by lifecycle rules"
USD = "USD"
PARTS = {
    "storage": "storage",
    "overhead": "archived objects' overhead",
    "requests": "moving objects",
    "early": "minimum stays",
}


def page(report: SavingsReport) -> Page:
    return Page(tuple(report_page.facts_and_table(TITLE, facts(report), table(report), notes(report))))


def markdown(report: SavingsReport) -> str:
    return report_page.markdown(TITLE, facts(report), table(report), notes(report))


def facts(report: SavingsReport) -> Facts:
    if not report.known:
        return [("Saves", "unknown")]
    told = [
        ("All in Standard", f"{amount(report.all_standard, USD)} a month"),
        ("Now", f"{amount(report.now, USD)} a month"),
        ("Under the rules", f"{between(report.steady)} a month once all of it has moved"),
        ("Saves", f"{between(report.saves)} a month against all in Standard, {_percent(report.percent)}"),
        ("Still to save", f"{between(report.saves_from_now)} a month against now"),
        ("Moving costs", f"{between(report.moving)} once"),
    ]
    low, high = report.parts()
    if low == high:
        return [*told, ("Made of", words_of(low))]
    return [*told, ("Low made of", words_of(low)), ("High made of", words_of(high))]


def between(span: Span) -> str:
    """`8.25 USD`, `8.25 to 23.00 USD`, `an unknown amount`."""
    if span.low is None or span.high is None:
        return "an unknown amount"
    return amount(span.high, USD) if span.low == span.high else f"{amount(span.low)} to {amount(span.high, USD)}"


def words_of(parts: Parts) -> str:
    return ", ".join(f"{amount(parts[name]) if parts[name] is not None else 'unknown'} {PARTS[name]}" for name in PARTS)


def table(report: SavingsReport) -> Table:
    columns = (
        Column("customer_id", ""),
        Column("name", "Customer"),
        Column("bucket", "Bucket"),
        Column("region", ""),
        Column("size_gb", "GB", "number"),
        Column("objects", "", "number"),
        Column("all_standard_usd", "Standard", "money"),
        Column("now_usd", "Now", "money"),
        Column("steady_low_usd", "Rules low", "money"),
        Column("steady_high_usd", "Rules high", "money"),
        Column("saves_low_usd", "Saves low", "money"),
        Column("saves_high_usd", "Saves high", "money"),
        Column("saves_low_percent", "", "share"),
        Column("saves_high_percent", "", "share"),
        Column("saves_from_now_low_usd", "", "money"),
        Column("saves_from_now_high_usd", "", "money"),
        Column("moving_low_usd", "", "money"),
        Column("moving_high_usd", "Moving", "money"),
        Column("moves_monthly_low", "", "number"),
        Column("moves_monthly_high", "", "number"),
        Column("assumptions", ""),
    )
    rested = " ".join(report.assumptions)
    rows = [
        (
            row.customer_id,
            row.name,
            row.bucket,
            row.region,
            *_figures(row),
            " ".join(filter(None, [row.advice, rested])),
        )
        for row in report.rows
    ]
    return Table(columns, rows)


def _figures(row: SavingsRow) -> tuple[Decimal | None, ...]:
    spans = (row.steady, row.saves, row.percent, row.saves_from_now, row.moving, row.monthly)
    amounts = (row.gib, row.objects, row.all_standard, row.now)
    return (*amounts, *(end for span in spans for end in (span.low, span.high)))


def notes(report: SavingsReport) -> Iterator[str]:
    yield from (f"{row.bucket or row.name}: {row.advice}" for row in report.rows if row.advice)
    if report.known and len(report.known) < len(report.rows):
        yield "Unknown is not zero: the sums are of what is known."
    yield from report.assumptions


def to_document(report: SavingsReport) -> dict[str, Any]:
    """For other programs. Unknown figures are null, never 0."""
    low, high = report.parts()
    return {
        "format_version": FORMAT_VERSION,
        "currency": USD,
        "prices": report.price_set,
        "all_standard_usd": report.all_standard,
        "now_usd": report.now,
        "steady_usd": {**_span(report.steady), "low_parts": dict(low), "high_parts": dict(high)},
        "saves_usd": _span(report.saves),
        "saves_percent": _span(report.percent),
        "saves_from_now_usd": _span(report.saves_from_now),
        "moving_once_usd": _span(report.moving),
        "complete": bool(report.rows) and len(report.known) == len(report.rows),
        "buckets": [_bucket(row) for row in report.rows],
        "assumptions": list(report.assumptions),
    }


def _bucket(row: SavingsRow) -> dict[str, Any]:
    return {
        "customer_id": row.customer_id,
        "name": row.name,
        "bucket": row.bucket,
        "region": row.region,
        "bytes": round(row.savings.stock.size) if row.savings else None,
        "objects": None if row.objects is None else round(row.objects),
        "all_standard_usd": row.all_standard,
        "now_usd": row.now,
        "steady_usd": _span(row.steady),
        "saves_usd": _span(row.saves),
        "saves_percent": _span(row.percent),
        "saves_from_now_usd": _span(row.saves_from_now),
        "moving_once_usd": _span(row.moving),
        "moves_monthly": _span(row.monthly),
        "ages": None if row.savings is None else "inventory" if row.savings.stock.by_prefix else "assumed",
        "advice": row.advice,
    }


def _span(span: Span) -> dict[str, Decimal | None]:
    return {"low": span.low, "high": span.high}


def _percent(span: Span) -> str:
    if span.low is None or span.high is None:
        return "an unknown share"
    return f"{span.high} %" if span.low == span.high else f"{span.low} to {span.high} %"
