"""What the commands share that only read what is stored: whose it is, and what to say where nothing is."""

from collections.abc import Mapping
from pathlib import Path

from controller import bootstrap
from controller.bootstrap import Books
from controller.domain.customer import ACCOUNT_PREFIX
from controller.domain.month import Month
from controller.domain.usage import CustomerMonth
from controller.entrypoints import inputs
from controller.errors import Failure, ReconcileError

Readings = Mapping[str, CustomerMonth | Failure]


def books_of(settings: Path | None) -> Books:
    return bootstrap.books(inputs.read_settings(settings, {}).settings)


def names_of(books: Books, customers: Readings) -> dict[str, str]:
    """The names of all customers, by id: as applied, or as they were collected."""
    statuses = {id_: one for id_, one in books.statuses.load().items() if not id_.startswith(ACCOUNT_PREFIX)}
    found = (*customers.items(), *statuses.items())
    named = {id_: one.name for id_, one in found if not isinstance(one, Failure) and one.name}
    return {id_: id_ for id_, _ in found} | named


def begun(books: Books, month: Month) -> Month:
    """The month. Raises ReconcileError for one that has not begun."""
    now = Month.of(books.clock())
    if month > now:
        raise ReconcileError(f"{month} has not begun: the running month is {now}")
    return month


def never(month: Month, books: Books, customer: str = "") -> ReconcileError:
    whose = f'of "{customer}" ' if customer else ""
    return ReconcileError(f"nothing {whose}was collected for {month}: {collect(month, books)} reads it")


def collect(month: Month, books: Books) -> str:
    """The command that collects a month."""
    running = month == Month.of(books.clock())
    return "`reconcile collect`" if running else f"`reconcile collect --month {month}`"
