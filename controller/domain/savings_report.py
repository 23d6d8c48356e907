"""What lifecycle rules save, of customers and their buckets, with what it rests on in words. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from types import MappingProxyType

from controller.domain.inventory import Inventory
from controller.domain.money import ZERO, cents, in_cents, percent_of
from controller.domain.prices import GIB, Prices
from controller.domain.savings import Cost, Savings, Stock, uniform
from controller.domain.usage import BucketStorage

CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "StandardStorage": "STANDARD",
        "GlacierStagingStorage": "STANDARD",
        "DeepArchiveStagingStorage": "STANDARD",
        "ReducedRedundancyStorage": "STANDARD",
        "StandardIAStorage": "STANDARD_IA",
        "OneZoneIAStorage": "ONEZONE_IA",
        "GlacierInstantRetrievalStorage": "GLACIER_IR",
        "GlacierStorage": "GLACIER",
        "DeepArchiveStorage": "DEEP_ARCHIVE",
    }
)
"""Storage class by CloudWatch's StorageType (S3 User Guide, metrics-dimensions). Others count as Standard."""


Parts = Mapping[str, Decimal | None]
"""Amounts in whole cents by the fields of Cost; None: unknown of at least one bucket."""


@dataclass(frozen=True, slots=True)
class Span:
    """An amount in whole cents, from `low` to `high`; both None: unknown."""

    low: Decimal | None = None
    high: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SavingsRow:
    """One bucket. `savings` None: nothing is known of what it holds, and `advice` says how to know it."""

    customer_id: str
    name: str
    bucket: str
    region: str
    savings: Savings | None = None
    advice: str = ""

    @property
    def gib(self) -> Decimal | None:
        return self.savings.stock.size / GIB if self.savings else None

    @property
    def objects(self) -> Decimal | None:
        return self.savings.stock.objects if self.savings else None

    @property
    def all_standard(self) -> Decimal | None:
        return cents(self.savings.all_standard.total) if self.savings else None

    @property
    def now(self) -> Decimal | None:
        return cents(self.savings.now.total) if self.savings else None

    @property
    def steady(self) -> Span:
        if self.savings is None:
            return Span()
        return Span(cents(self.savings.most.steady.total), cents(self.savings.least.steady.total))

    @property
    def saves(self) -> Span:
        """Against all of it in Standard."""
        return _less(self.all_standard, self.steady)

    @property
    def saves_from_now(self) -> Span:
        return _less(self.now, self.steady)

    @property
    def percent(self) -> Span:
        return _percent(self.saves, self.all_standard)

    @property
    def moving(self) -> Span:
        found = self.savings.moving if self.savings else None
        return Span(cents(found[0]), cents(found[1])) if found else Span()

    @property
    def monthly(self) -> Span:
        """How many objects move each month."""
        found = self.savings.monthly if self.savings else None
        return Span(round(found[0]), round(found[1])) if found else Span()  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class SavingsReport:
    """`assumptions` are what the figures rest on: no form of the report leaves them out."""

    rows: tuple[SavingsRow, ...]
    price_set: str
    assumptions: tuple[str, ...]

    @property
    def known(self) -> list[SavingsRow]:
        return [row for row in self.rows if row.savings]

    @property
    def all_standard(self) -> Decimal | None:
        return _sum([row.all_standard for row in self.known])

    @property
    def now(self) -> Decimal | None:
        return _sum([row.now for row in self.known])

    @property
    def steady(self) -> Span:
        return _total([row.steady for row in self.known])

    @property
    def saves(self) -> Span:
        return _less(self.all_standard, self.steady)

    @property
    def percent(self) -> Span:
        return _percent(self.saves, self.all_standard)

    @property
    def moving(self) -> Span:
        return _total([row.moving for row in self.known])

    @property
    def saves_from_now(self) -> Span:
        return _less(self.now, self.steady)

    def parts(self) -> tuple[Parts, Parts]:
        """What `steady` is made of, low and high, adding up to it to the cent where all of them are known."""
        found = [row.savings for row in self.known if row.savings]
        return _parts([one.most.steady for one in found]), _parts([one.least.steady for one in found])


# Stocks


def measured(storage: BucketStorage, region: str, retention: Decimal) -> Stock | None:
    """By CloudWatch's sizes, evenly aged; None where nothing was measured. What AWS adds to objects is left out here,
    since it is reckoned anew."""
    if storage.total is None:
        return None
    sizes: dict[str, int] = {}
    for name, size in storage.bytes_by_type.items():
        if not name.endswith("Overhead"):
            kind = CLASSES.get(name, name)
            sizes[kind] = sizes.get(kind, 0) + size
    return uniform(sizes, storage.objects, retention, bucket=storage.bucket, region=region)


def counted(inventory: Inventory, bucket: str, region: str) -> Stock:
    """By an inventory: sizes, ages and prefixes are known."""
    return Stock(bucket, region, inventory.cohorts[bucket], by_prefix=True, versioned=bucket in inventory.versioned)


# What it rests on


def assumptions(
    rows: Sequence[SavingsRow],
    tables: Sequence[Prices],
    retention: Decimal,
    shares: Mapping[str, Decimal] | None,
    remarks: Sequence[str] = (),
) -> tuple[str, ...]:
    stocks = [row.savings.stock for row in rows if row.savings]
    return (*_of_prices(tables), *_of_model(), *_of_stocks(stocks, tables, retention, shares), *remarks)


def _of_prices(tables: Sequence[Prices]) -> Iterator[str]:
    for one in tables:
        yield f"Prices of {one.region} as of {one.as_of}, set {one.name}: no discounts, no taxes."
    yield "The tiers of Standard are counted bucket by bucket; AWS counts them over the account."


def _of_model() -> Iterator[str]:
    yield "Steady state: data of the same size and ages as now, all where the rules put it; a month has 30 days."
    yield "What rules delete counts as saved."
    yield "Retrieval is not in it: what is read from Standard-IA or Glacier costs extra. Nor are any other requests."
    yield "Objects below 128 KB are not moved, which is S3's default."


def _of_stocks(
    stocks: Sequence[Stock], tables: Sequence[Prices], retention: Decimal, shares: Mapping[str, Decimal] | None
) -> Iterator[str]:
    guessed = [one for one in stocks if not one.by_prefix]
    if guessed:
        yield f"Ages are assumed: even from 0 to {retention} days, when objects are deleted; what is colder is older."
        yield "Every object of a bucket counts as one of average size."
    if guessed and shares is None:
        yield "How much lies under a rule's prefix is not known: from none of it to all of it under any one of them."
    if guessed and shares is not None:
        told = ", ".join(f"{share * 100:f} % under {prefix!r}" for prefix, share in sorted(shares.items()))
        yield f"As asked for: {told}."
    if any(one.objects is None for one in stocks):
        yield "Objects are not counted, so what moves and what archived objects take on top is unknown and not in it."
    for one in stocks:
        if one.versioned:
            yield f"{one.bucket} keeps versions: what rules delete stays there as replaced versions, and frees nothing."
    classes = {cohort.storage_class for one in stocks for cohort in one.cohorts}
    if strange := sorted(name for name in classes if not all(table.knows(name) for table in tables)):
        yield f"Counted at the price of Standard, for want of another one: {', '.join(strange)}."


# Sums


def _parts(costs: Sequence[Cost]) -> Parts:
    told = [_in_cents(cost) for cost in costs]
    return {field.name: _sum([one[field.name] for one in told]) for field in fields(Cost)}


def _in_cents(cost: Cost) -> Parts:
    values = {field.name: getattr(cost, field.name) for field in fields(Cost)}
    return {**values, **in_cents({name: value for name, value in values.items() if value is not None})}


def _less(whole: Decimal | None, span: Span) -> Span:
    if whole is None or span.low is None or span.high is None:
        return Span()
    return Span(whole - span.high, whole - span.low)


def _percent(span: Span, whole: Decimal | None) -> Span:
    if whole is None or span.low is None or span.high is None:
        return Span()
    return Span(percent_of(span.low, whole), percent_of(span.high, whole))


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Unknown without any, or where one is."""
    known = [one for one in amounts if one is not None]
    return sum(known, ZERO) if known and len(known) == len(amounts) else None


def _total(spans: Sequence[Span]) -> Span:
    return Span(_sum([one.low for one in spans]), _sum([one.high for one in spans]))
