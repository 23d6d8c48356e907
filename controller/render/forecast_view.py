"""What a month will cost, as a person reads it: the amount, where it is from, and whether it crosses the budget."""

from collections.abc import Iterator

from controller.domain.forecast_report import ForecastReport
from controller.render import report_page
from controller.render.figure_words import SOURCES, amount, sources, told, when
from controller.render.page import Page
from controller.render.phrases import customer_title
from controller.render.tables import Column, Table

COLUMNS = (
    Column("customer_id", ""),
    Column("month", ""),
    Column("figure", "Figure"),
    Column("amount_usd", "Amount (USD)", "money"),
    Column("low_usd", "Low", "money"),
    Column("high_usd", "High", "money"),
    Column("source", "Source"),
    Column("certainty", "Certainty"),
    Column("as_of", "As of"),
)


def page(report: ForecastReport) -> Page:
    return Page(tuple(report_page.facts_and_table(title(report), (), table(report), notes(report))))


def markdown(report: ForecastReport) -> str:
    return report_page.markdown(title(report), (), table(report), notes(report))


def title(report: ForecastReport) -> str:
    stored = report.stored
    return f"{customer_title(stored.name or stored.customer_id, stored.customer_id)}   {report.month}"


def table(report: ForecastReport) -> Table:
    figures = (("spent so far", report.spent), ("forecast", report.amount), ("budget", report.limit))
    rows = [
        (
            report.stored.customer_id,
            str(report.month),
            name,
            one.value,
            *((report.low, report.high) if name == "forecast" else ("", "")),
            sources(one.sources) or None,
            one.certainty,
            when(one.as_of),
        )
        for name, one in figures
    ]
    return Table(COLUMNS, rows)


def notes(report: ForecastReport) -> Iterator[str]:
    """The answer first, then how it was found."""
    yield _answer(report)
    if "run_rate" in report.amount.sources:
        yield "Run rate: what was spent so far, and on at the same pace. AWS has no forecast that covers it."
    if report.set_aside:
        one = report.set_aside
        yield (
            f"Set aside: {SOURCES[one.source]} forecasts {amount(one.amount, report.stored.currency)}, less than was"
            " spent: it does not see all of it."
        )
    yield from (f"Note: {one}." for one in report.stored.remarks)
    yield from (f"Problem: {one}" for one in report.stored.problems)


def _answer(report: ForecastReport) -> str:
    currency = report.stored.currency
    limit = amount(report.limit.value, currency)
    if report.limit.value is None:
        return "Whether the budget is crossed is unknown: there is none, or it could not be read."
    if report.has_exceeded:
        return f"The budget of {limit} is crossed already: {told(report.spent)}."
    if report.will_exceed is None:
        return f"Whether the budget of {limit} is crossed is unknown: there is no forecast yet."
    if report.will_exceed:
        about = f", about {report.crosses_on}" if report.crosses_on else ""
        return f"The budget of {limit} is going to be crossed{about}."
    if report.high is not None and report.high > report.limit.value:
        return f"The budget of {limit} is not going to be crossed, but may be: the interval ends above it."
    return f"The budget of {limit} is not going to be crossed."
