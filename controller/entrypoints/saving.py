"""The command `savings`. It reads manifests, what was collected, and inventories; it asks AWS for nothing else."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import click

from controller import bootstrap
from controller.bootstrap import Books
from controller.domain.customer import Bucket, Customer
from controller.domain.inventory import Inventory
from controller.domain.month import Month
from controller.domain.prices import GIB, Prices
from controller.domain.resolve import default_lifecycle
from controller.domain.savings import Fates, Stock, fates_of, savings, uniform
from controller.domain.savings_report import SavingsReport, SavingsRow, assumptions, counted, measured
from controller.domain.settings import Settings
from controller.domain.usage import CustomerMonth
from controller.entrypoints import exit_codes, inputs, terminal
from controller.entrypoints.choosing import choose
from controller.entrypoints.telling import tell
from controller.errors import Failure, InvalidInput
from controller.prices import prices
from controller.render import savings_view

COLLECT = "no storage figures were collected: `reconcile collect` reads them, or pass an --inventory"
NOT_MEASURED = "CloudWatch has no size of it yet: it is empty or new; an --inventory says more"


_NO_PROBLEMS: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """How it is asked: which prices, which ages where none are known, and how much lies under which prefix."""

    price_set: str
    retention: Decimal
    shares: Mapping[str, Decimal] | None


def savings_command(
    *,
    customer: str | None,
    inventory: Sequence[Path],
    paths: Sequence[Path],
    settings: Path | None,
    price_set: str,
    retention_days: int,
    under: Mapping[str, Decimal],
    size_gb: float | None,
    objects: int | None,
    region: str | None,
    form: str,
) -> int:
    """What lifecycle rules save: of all customers, of one, or of an example."""
    asked = Question(price_set, Decimal(retention_days), under or None)
    if size_gb is None and (objects is not None or region):
        raise click.UsageError("--objects and --region are of an example: they go with --size-gb.")
    if size_gb is not None and inventory:
        raise click.UsageError("--size-gb is an example, an --inventory is not: one of the two.")
    if size_gb is not None:
        size = Decimal(str(size_gb))
        report, problems = _example(customer, paths, settings, size, objects, region, asked), _NO_PROBLEMS
    else:
        report, problems = _report(customer, paths, settings, inventory, asked)
    for problem in problems:
        terminal.say(f"Error: {problem}")
    tell(
        form,
        page=lambda: savings_view.page(report),
        markdown=lambda: savings_view.markdown(report),
        table=lambda: savings_view.table(report),
        document=lambda: savings_view.to_document(report),
    )
    return exit_codes.PARTIAL if problems else exit_codes.OK


def _example(
    customer: str | None,
    paths: Sequence[Path],
    settings: Path | None,
    size_gb: Decimal,
    objects: int | None,
    region: str | None,
    asked: Question,
) -> SavingsReport:
    """So much in Standard, under the rules of a customer or under those of the settings."""
    loaded = inputs.read_settings(settings, {}).settings
    whose = _customers(paths, settings, customer)[1][0] if customer is not None else None
    rules = fates_of(whose.lifecycle if whose else default_lifecycle(loaded))
    where = region or loaded.tables.region or "us-west-2"
    _check_prefixes(asked, [rules])
    table = prices(where, asked.price_set)
    stock = uniform({"STANDARD": int(size_gb * GIB)}, objects, asked.retention, region=where)
    row = SavingsRow("", "(example)", "", where, savings(stock, rules, table, asked.shares))
    return SavingsReport((row,), asked.price_set, assumptions([row], [table], asked.retention, asked.shares))


def _report(
    customer: str | None, paths: Sequence[Path], settings: Path | None, files: Sequence[Path], asked: Question
) -> tuple[SavingsReport, tuple[str, ...]]:
    loaded, chosen = _customers(paths, settings, customer)
    rules = {one.id: fates_of(one.lifecycle) for one in chosen}
    _check_prefixes(asked, rules.values())
    books = bootstrap.books(loaded)
    inventory = _inventory(files, chosen, rules, books)
    names = {bucket.region for one in chosen for bucket in one.buckets}
    tables = {name: prices(name, asked.price_set) for name in sorted(names)}
    stored, problems = _stored(books, chosen, inventory)
    rows = tuple(
        _row(one, bucket, inventory, stored.get(one.id), rules[one.id], tables[bucket.region], asked)
        for one in chosen
        for bucket in one.buckets
    )
    rested = assumptions(rows, list(tables.values()), asked.retention, asked.shares, inventory.remarks)
    return SavingsReport(rows, asked.price_set, rested), problems


def _customers(paths: Sequence[Path], settings: Path | None, asked: str | None) -> tuple[Settings, list[Customer]]:
    """Those of the manifests, by name: all, or the one that was asked for by id or name."""
    given = inputs.read(paths, settings, {}, keep_going=False)
    customers = {one.id: one for one in given.manifests.customers}
    if asked is not None:
        names = {id_: one.name for id_, one in customers.items()}
        missing = f'no manifest declares a customer "{asked}".'
        customers = {
            id_: customers[id_] for id_ in [choose(asked, names, missing=missing, hint="-f says where they are.")]
        }
    return given.settings.settings, sorted(customers.values(), key=lambda one: one.name)


def _check_prefixes(asked: Question, rules: Iterable[Fates]) -> None:
    known = {prefix for one in rules for prefix in one if prefix}
    for prefix in asked.shares or {}:
        if prefix not in known:
            raise click.UsageError(
                f"--under {prefix}: no rule is for it, only for {', '.join(sorted(known)) or 'none'}."
            )


def _inventory(
    files: Sequence[Path], customers: Sequence[Customer], rules: Mapping[str, Fates], books: Books
) -> Inventory:
    """Of buckets of these customers. Raises InvalidInput for that of another one."""
    if not files:
        return Inventory()
    found = bootstrap.read_inventory(files, {prefix for one in rules.values() for prefix in one}, books.clock())
    buckets = sorted(bucket.name for one in customers for bucket in one.buckets)
    if strange := sorted(found.cohorts.keys() - set(buckets)):
        raise InvalidInput(
            f"the inventory is of {', '.join(strange)}, which is no bucket of these customers: "
            f"{', '.join(buckets[:5]) or 'they have none'}"
        )
    return found


def _stored(
    books: Books, customers: Sequence[Customer], inventory: Inventory
) -> tuple[Mapping[str, CustomerMonth], tuple[str, ...]]:
    """What was collected in the running month, and what cannot be read; nothing where the inventory says it all."""
    if all(bucket.name in inventory.cohorts for one in customers for bucket in one.buckets):
        return {}, ()
    found = books.usage.load(Month.of(books.clock())).customers
    mine = {one.id: found[one.id] for one in customers if one.id in found}
    problems = tuple(str(one) for one in mine.values() if isinstance(one, Failure))
    return {id_: one for id_, one in mine.items() if isinstance(one, CustomerMonth)}, problems


def _row(
    customer: Customer,
    bucket: Bucket,
    inventory: Inventory,
    month: CustomerMonth | None,
    rules: Fates,
    table: Prices,
    asked: Question,
) -> SavingsRow:
    row = SavingsRow(customer.id, customer.name, bucket.name, bucket.region)
    stock, advice = _stock(bucket, inventory, month, asked.retention)
    return (
        replace(row, advice=advice)
        if stock is None
        else replace(row, savings=savings(stock, rules, table, asked.shares))
    )


def _stock(
    bucket: Bucket, inventory: Inventory, month: CustomerMonth | None, retention: Decimal
) -> tuple[Stock | None, str]:
    if bucket.name in inventory.cohorts:
        return counted(inventory, bucket.name, bucket.region), ""
    stored = next((one for one in (month.storage if month else None) or () if one.bucket == bucket.name), None)
    if stored is None:
        return None, COLLECT
    return measured(stored, bucket.region, retention), NOT_MEASURED
