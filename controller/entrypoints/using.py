"""The commands `usage`, `history`, `forecast` and `costs`. They read what was collected, and never ask AWS itself."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from controller.bootstrap import Books
from controller.domain.costs_report import By, costs_report
from controller.domain.coverage import Coverage, coverage_of
from controller.domain.forecast_report import forecast_report
from controller.domain.gate import Gate
from controller.domain.history_report import history_report
from controller.domain.month import Month
from controller.domain.usage import AccountMonth, CustomerMonth
from controller.domain.usage_report import usage_report
from controller.entrypoints import exit_codes, terminal
from controller.entrypoints.choosing import choose
from controller.entrypoints.shelves import Readings, begun, books_of, collect, names_of, never
from controller.entrypoints.telling import tell
from controller.errors import Failure
from controller.render import costs_view, forecast_view, history_view, report_documents, usage_document, usage_view
from controller.render.page import Page
from controller.render.tables import Table


def usage(*, customer: str, month: Month | None, settings: Path | None, form: str) -> int:
    """What one customer used and what it cost in a month."""
    books = books_of(settings)
    at = _month(books, month)
    stored = books.usage.load(at)
    chosen = _choose(books, stored.customers, customer, at)
    one, broken = _reading(stored.customers, chosen, at)
    gate = books.gates.load().get(chosen)
    coverage = _coverage(one, stored.customers, stored.accounts)
    report = usage_report(one, coverage, gate if isinstance(gate, Gate) else None)
    broken = (*broken, *([str(gate)] if isinstance(gate, Failure) else []))
    return _tell(
        form,
        broken,
        page=lambda: usage_view.page(report),
        markdown=lambda: usage_view.markdown(report),
        table=lambda: usage_view.table(report),
        document=lambda: usage_document.to_document(report),
    )


def history(*, customer: str, months: int, settings: Path | None, form: str) -> int:
    """What one customer cost month by month."""
    books = books_of(settings)
    now = _month(books, None)
    span = list(now.back(months))
    chosen, found = _history(books, customer, span)
    readable = {month: one for month, one in found.items() if isinstance(one, CustomerMonth)}
    unreadable = {month: str(one) for month, one in found.items() if isinstance(one, Failure)}
    name = next((readable[month].name for month in reversed(span) if month in readable), "")
    report = history_report(chosen, name, span, readable, unreadable)
    return _tell(
        form,
        tuple(unreadable.values()),
        page=lambda: history_view.page(report, terminal.width(), blocks=terminal.shows("█▏│")),
        markdown=lambda: history_view.markdown(report),
        table=lambda: history_view.table(report),
        document=lambda: report_documents.history(report),
    )


def forecast(*, customer: str, settings: Path | None, form: str) -> int:
    """What the running month will cost one customer."""
    books = books_of(settings)
    now = _month(books, None)
    stored = books.usage.load(now)
    one, broken = _reading(stored.customers, _choose(books, stored.customers, customer, now), now)
    report = forecast_report(one)
    return _tell(
        form,
        broken,
        page=lambda: forecast_view.page(report),
        markdown=lambda: forecast_view.markdown(report),
        table=lambda: forecast_view.table(report),
        document=lambda: report_documents.forecast(report),
    )


def costs(*, by: By, month: Month | None, settings: Path | None, form: str) -> int:
    """What a month cost, all customers and accounts together."""
    books = books_of(settings)
    at = _month(books, month)
    stored = books.usage.load(at)
    if not stored.customers and not stored.accounts:
        raise never(at, books)
    customers = [one for one in stored.customers.values() if isinstance(one, CustomerMonth)]
    accounts = [one for one in stored.accounts.values() if isinstance(one, AccountMonth)]
    found = (*stored.customers.values(), *stored.accounts.values())
    broken = tuple(str(one) for one in found if isinstance(one, Failure))
    report = costs_report(by, at, customers, accounts, broken)
    return _tell(
        form,
        broken,
        page=lambda: costs_view.page(report),
        markdown=lambda: costs_view.markdown(report),
        table=lambda: costs_view.table(report),
        document=lambda: report_documents.costs(report),
    )


# Reading


def _month(books: Books, month: Month | None) -> Month:
    """The month that was asked for, or the running one. Raises ReconcileError for one that has not begun."""
    return begun(books, month) if month else Month.of(books.clock())


def _choose(books: Books, customers: Readings, asked: str, month: Month) -> str:
    """The id of a customer whose month was collected. Statuses are read only where the id does not say it."""
    if asked in customers:
        return asked
    names = names_of(books, customers)
    missing = f'no customer "{asked}" is known.'
    chosen = choose(asked, names, missing=missing, hint=f"Is it applied? Then {collect(month, books)} reads its usage.")
    if chosen not in customers:
        raise never(month, books, asked)
    return chosen


def _history(books: Books, asked: str, span: list[Month]) -> tuple[str, Mapping[Month, CustomerMonth | Failure]]:
    """Of a customer by its id, also where nothing but old months is left of it; else by its name."""
    if found := books.usage.history(asked, span):
        return asked, found
    names = names_of(books, books.usage.load(span[-1]).customers)
    hint = f"Is it applied? Then {collect(span[-1], books)} reads its usage."
    chosen = choose(asked, names, missing=f'no customer "{asked}" is known.', hint=hint)
    found = books.usage.history(chosen, span)
    if not found:
        raise never(span[-1], books, asked)
    return chosen, found


def _reading(customers: Readings, chosen: str, month: Month) -> tuple[CustomerMonth, tuple[str, ...]]:
    """The month of a customer; all of it unknown, with the reason, where the item cannot be read."""
    one = customers[chosen]
    if isinstance(one, CustomerMonth):
        return one, ()
    return CustomerMonth(chosen, str(month), problems=(str(one),)), (str(one),)


def _coverage(
    one: CustomerMonth, customers: Readings, accounts: Mapping[str, AccountMonth | Failure]
) -> Coverage | None:
    """Of the customer's account; None where that was not collected."""
    account = accounts.get(one.paid_by)
    if not isinstance(account, AccountMonth):
        return None
    readable = [other for other in customers.values() if isinstance(other, CustomerMonth)]
    complete = len(readable) == len(customers)
    return coverage_of([other for other in readable if other.paid_by == one.paid_by], [account], complete=complete)


# Telling


def _tell(
    form: str,
    broken: tuple[str, ...],
    *,
    page: Callable[[], Page],
    markdown: Callable[[], str],
    table: Callable[[], Table],
    document: Callable[[], dict[str, Any]],
) -> int:
    """Shows what is known in the form that was asked for; what cannot be read is told, and told by the exit code."""
    for told in broken:
        terminal.complain(told)
    tell(form, page=page, table=table, document=document, markdown=markdown)
    return exit_codes.PARTIAL if broken else exit_codes.OK
