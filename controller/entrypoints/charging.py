"""The commands `chargeback`, `export` and `reconcile-bill`. They read what is stored, and never ask AWS itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click

from controller import __version__, bootstrap
from controller.bootstrap import Books
from controller.domain import focus
from controller.domain.bill_check import check_bill
from controller.domain.chargeback import chargeback as charged_back
from controller.domain.month import Month
from controller.domain.settings import Settings
from controller.domain.statement import Filed, Statement, draft
from controller.domain.usage import AccountMonth, CustomerMonth
from controller.entrypoints import exit_codes, inputs, terminal
from controller.entrypoints.files import save
from controller.entrypoints.telling import tell
from controller.errors import Failure, ReconcileError
from controller.render import bill_check_view, chargeback_view, focus_file
from controller.render.tables import as_csv

BREACHES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class _Month:
    """A month as it is stored, and what of it cannot be read, in words."""

    month: Month
    settings: Settings
    books: Books
    customers: tuple[CustomerMonth, ...]
    accounts: tuple[AccountMonth, ...]
    broken: tuple[str, ...]

    def statements(self, customer: CustomerMonth) -> list[Statement]:
        """Those of the customer that count for this month, with their corrections. Raises Failure for a broken one."""
        found = self.books.statements.of_customer(customer.customer_id)
        for one in found:
            if isinstance(one, Failure):
                raise one
        filed = [one for one in found if isinstance(one, Filed)]
        return [one.statement for one in filed if one.state != "void" and one.statement.month == str(self.month)]


def chargeback(*, month: Month | None, settings: Path | None, form: str) -> int:
    """What each cost center is charged, and that it adds up to the accounts' cost. Exit 5 where there is a problem."""
    read = _read(month, settings)
    report = charged_back(read.month, read.customers, read.accounts, read.broken)
    tell(
        form,
        page=lambda: chargeback_view.page(report),
        markdown=lambda: chargeback_view.markdown(report),
        table=lambda: chargeback_view.table(report),
        document=lambda: chargeback_view.document(report),
    )
    apart = any(one.difference for one in report.totals)
    return exit_codes.PARTIAL if report.problems or apart else exit_codes.OK


def export(
    *,
    what: str,
    month: Month | None,
    version: focus.Version,
    out: Path | None,
    validate: bool,
    settings: Path | None,
) -> int:
    """The charges for other tools. Exit 5 where some could not be read, or where rows break a rule."""
    if what == "parquet" and out is None:
        raise click.UsageError("a Parquet file needs --out FILE.")
    read = _read(month, settings)
    if what == "csv":
        report = charged_back(read.month, read.customers, read.accounts, read.broken)
        _write(out, as_csv(chargeback_view.table(report)))
        for words in report.problems[len(read.broken) :]:
            terminal.say(f"Problem: {words}")
        return exit_codes.PARTIAL if report.problems else exit_codes.OK
    rows = _focus_rows(read, version)
    if what == "parquet" and out:
        save(out, focus_file.as_parquet(version, rows))
    else:
        _write(out, focus_file.as_csv(version, rows))
    if out:
        beside = out.with_name(f"{out.name}.metadata.json")
        told = focus_file.metadata(version, read.books.clock(), f"daylily-reconcile {__version__}")
        save(beside, told.encode())
        terminal.say(f"{len(rows):,} rows in {out}, their schema in {beside}")
    broken = validate and _tell_breaches(version, rows)
    return exit_codes.PARTIAL if read.broken or broken else exit_codes.OK


def reconcile_bill(*, month: Month | None, settings: Path | None, form: str) -> int:
    """Ledger, Cost Explorer, budgets and statements against each other. Exit 5 where anything is flagged."""
    read = _read(month, settings)
    statements = {one.customer_id: read.statements(one) for one in read.customers}
    days = timedelta(days=read.settings.statements.close_days)
    closed = read.books.clock() >= read.month.end + days
    checks = check_bill(read.month, read.customers, read.accounts, statements, closed=closed)
    tell(
        form,
        page=lambda: bill_check_view.page(read.month, checks),
        table=lambda: bill_check_view.table(checks),
        document=lambda: bill_check_view.document(read.month, checks),
    )
    flagged = any(one.verdict == "flagged" for one in checks)
    return exit_codes.PARTIAL if flagged or read.broken else exit_codes.OK


def _focus_rows(read: _Month, version: focus.Version) -> list[focus.Row]:
    def documents() -> Iterator[tuple[CustomerMonth, Statement]]:
        for one in read.customers:
            for statement in read.statements(one) or [draft(one, read.settings.statements)]:
                yield one, statement

    issuer = read.settings.statements.sender.name
    return focus.rows(version, issuer, read.month, documents(), read.accounts)


def _tell_breaches(version: focus.Version, rows: list[focus.Row]) -> bool:
    """Says what breaks a rule of the specification; whether anything does."""
    breaches = list(focus.validate(version, rows))
    for one in breaches[:BREACHES_SHOWN]:
        terminal.say(f"row {one.row}, {one.column}: {one.message} [{one.rule}]")
    if len(breaches) > BREACHES_SHOWN:
        terminal.say(f"and {len(breaches) - BREACHES_SHOWN:,} more")
    terminal.say(f"FOCUS {version}: {len(rows):,} rows, {len(breaches):,} breaches of our rule table")
    return bool(breaches)


def _write(out: Path | None, text: str) -> None:
    if out is None:
        terminal.write(text)
    else:
        save(out, text.encode())


def _read(month: Month | None, settings: Path | None) -> _Month:
    """The month that was asked for, or the last one that is over. Raises ReconcileError where nothing is stored."""
    loaded = inputs.read_settings(settings, {}).settings
    books = bootstrap.books(loaded)
    now = Month.of(books.clock())
    if month and month > now:
        raise ReconcileError(f"{month} has not begun: the running month is {now}")
    at = month or next(iter(now.back(2)))
    stored = books.usage.load(at)
    if not stored.customers and not stored.accounts:
        raise ReconcileError(f"nothing was collected for {at}: `reconcile collect --month {at}` reads it")
    found = (*stored.customers.values(), *stored.accounts.values())
    broken = tuple(str(one) for one in found if isinstance(one, Failure))
    for words in broken:
        terminal.say(f"Error: {words}")
    return _Month(
        month=at,
        settings=loaded,
        books=books,
        customers=tuple(one for one in stored.customers.values() if isinstance(one, CustomerMonth)),
        accounts=tuple(one for one in stored.accounts.values() if isinstance(one, AccountMonth)),
        broken=broken,
    )
