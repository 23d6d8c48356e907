"""Fakes with state for `collect`: a bill, a ledger, budgets and buckets in dictionaries, and a store of months."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from controller.collect import Collected, Collector
from controller.domain.bill import CUSTOMER_TAG
from controller.domain.collected import StoredMonth
from controller.domain.customer import Account, Bucket, Customer
from controller.domain.month import Month
from controller.domain.settings import UsageSettings
from controller.domain.usage import (
    AccountMonth,
    BucketStorage,
    CostReading,
    CostRow,
    CustomerMonth,
    Forecast,
    Spend,
    Workset,
)
from controller.errors import Failure
from controller.fleet import Unheld
from controller.gatekeeper import Verdict
from controller.sources import Library, Sources
from tests.fakes import Clock, MemoryStore

JANUARY = datetime(2024, 1, 11, 6, 0, tzinfo=UTC)


@dataclass
class Meter:
    """What a fake AWS and a fake ledger know; what fails, by source; and what was asked."""

    clock: Clock
    rows: dict[str, list[CostRow]] = field(default_factory=dict)
    """By account."""
    closed: set[str] = field(default_factory=set)
    """Months whose bill is final."""
    refused: dict[str, Failure] = field(default_factory=dict)
    """Months that Cost Explorer does not tell."""
    currency: str = "USD"
    ledger: dict[str, list[Workset]] = field(default_factory=dict)
    spends: dict[str, Spend] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    to_come: dict[str, Decimal] = field(default_factory=dict)
    failing: dict[str, Failure] = field(default_factory=dict)
    """By `cost ACCOUNT`, `ledger`, `worksets CUSTOMER`, `budgets`, `sizes`, `forecast CUSTOMER`."""
    broken: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def bill(self, month: str, tag_value: str, service: str, amount: str, account: str = "default") -> None:
        parts: dict[str, Any] = {"EC2 Compute": "compute", "S3 Storage": "storage", "Data Transfer": "data_transfer"}
        row = CostRow(month, CUSTOMER_TAG, tag_value, service, parts.get(service, "other"), Decimal(amount))
        self.rows.setdefault(account, []).append(row)

    def check(self, what: str) -> None:
        if failure := self.failing.get(what):
            raise failure
        if error := self.broken.get(what):
            raise error

    def each(self, ids: Collection[str], what: str, known: Callable[[str], Any]) -> dict[str, Any]:
        """The answer for each id that is known, or its failure."""
        found = {id_: self.failing.get(f"{what} {id_}") or known(id_) for id_ in ids}
        return {id_: one for id_, one in found.items() if one is not None}


@dataclass
class FakeCosts:
    meter: Meter
    account: str

    def read(self, months: Sequence[Month], tag_keys: Collection[str]) -> CostReading:
        self.meter.asked.append(f"cost {self.account} {' '.join(map(str, months))}")
        self.meter.check(f"cost {self.account}")
        names = tuple(str(month) for month in months)
        rows = tuple(row for row in self.meter.rows.get(self.account, ()) if row.month in names)
        kept = tuple(row for row in rows if not row.record_type)
        apart = tuple(row for row in rows if row.record_type)
        open_ = frozenset(names) - self.meter.closed
        names, refused = tuple(name for name in names if name not in self.meter.refused), self.meter.refused
        now, id_ = self.meter.clock(), "123456789012"
        return CostReading(
            self.account, names, kept, apart, open_, now, 2, self.meter.currency, refused, account_id=id_
        )


@dataclass
class FakeForecasts:
    meter: Meter

    def read(self, customer_ids: Collection[str], month: Month) -> Mapping[str, Forecast | Failure]:
        self.meter.asked.append(f"forecast {' '.join(customer_ids)}")
        now = self.meter.clock()
        made = {id_: Forecast(amount, "cost_explorer", now) for id_, amount in self.meter.to_come.items()}
        return self.meter.each(customer_ids, "forecast", made.get)


@dataclass
class FakeSpends:
    meter: Meter

    def read(self, customer_ids: Collection[str]) -> Mapping[str, Spend | Failure]:
        self.meter.asked.append("budgets")
        self.meter.check("budgets")
        return self.meter.each(customer_ids, "budget", self.meter.spends.get)


@dataclass
class FakeStorage:
    meter: Meter

    def read(self, buckets: Collection[Bucket]) -> Mapping[str, BucketStorage | Failure]:
        self.meter.asked.append("sizes")
        self.meter.check("sizes")

        def size(name: str) -> BucketStorage:
            if name not in self.meter.sizes:
                return BucketStorage(name)
            return BucketStorage(name, {"StandardStorage": self.meter.sizes[name]}, 1, self.meter.clock())

        return self.meter.each([bucket.name for bucket in buckets], "size", size)


@dataclass
class FakeLedger:
    meter: Meter

    def read(self, customer_ids: Collection[str]) -> Mapping[str, tuple[Workset, ...] | Failure]:
        self.meter.asked.append("ledger")
        self.meter.check("ledger")
        return self.meter.each(customer_ids, "worksets", lambda id_: tuple(self.meter.ledger.get(id_, ())))


@dataclass
class MemoryMonths:
    """Months in a dictionary, by month and owner."""

    customers: dict[tuple[str, str], CustomerMonth | Failure] = field(default_factory=dict)
    accounts: dict[tuple[str, str], AccountMonth | Failure] = field(default_factory=dict)
    refused: dict[str, Failure] = field(default_factory=dict)
    saves: list[str] = field(default_factory=list)

    def load(self, month: Month) -> StoredMonth:
        return StoredMonth(
            {id_: one for (at, id_), one in self.customers.items() if at == str(month)},
            {name: one for (at, name), one in self.accounts.items() if at == str(month)},
        )

    def get(self, customer_ids: Collection[str], month: Month) -> Mapping[str, CustomerMonth | Failure]:
        return {id_: one for id_, one in self.load(month).customers.items() if id_ in customer_ids}

    def account_history(
        self, accounts: Collection[str], months: Collection[Month]
    ) -> Mapping[tuple[str, Month], AccountMonth | Failure]:
        found = {(name, month): self.accounts.get((str(month), name)) for name in accounts for month in months}
        return {key: one for key, one in found.items() if one is not None}

    def save(self, values: Collection[CustomerMonth | AccountMonth], fence: int) -> Mapping[str, Failure]:
        failures = {}
        for one in values:
            owner = one.customer_id if isinstance(one, CustomerMonth) else self.account_id(one.account)
            if owner in self.refused:
                failures[owner] = self.refused[owner]
                continue
            self.saves.append(f"{one.month} {owner}")
            if isinstance(one, CustomerMonth):
                self.customers[one.month, one.customer_id] = one
            else:
                self.accounts[one.month, one.account] = one
        return failures

    def account_id(self, name: str) -> str:
        return f"account/default/{name}"

    def month(self, customer_id: str, month: str = "2024-01") -> CustomerMonth:
        found = self.customers[month, customer_id]
        assert isinstance(found, CustomerMonth)
        return found

    def account(self, name: str = "default", month: str = "2024-01") -> AccountMonth:
        found = self.accounts[month, name]
        assert isinstance(found, AccountMonth)
        return found

    def amounts(self, customer_id: str, month: str = "2024-01") -> dict[str, str]:
        return {f"{one.service} by {one.source}": str(one.amount) for one in self.month(customer_id, month).lines}


@dataclass
class FakeJudge:
    """Gates of which nothing is known but what fails, by customer id."""

    failures: dict[str, Failure] = field(default_factory=dict)

    def judge(self, customers: Sequence[Customer], months: Mapping[str, CustomerMonth]) -> tuple[Verdict, ...]:
        ids = [one.customer_id for one in customers if one.customer_id in self.failures]
        return tuple(Verdict(id_, None, failure=self.failures[id_]) for id_ in ids)


@dataclass
class Metered:
    """A fleet whose usage is collected, on fakes."""

    clock: Clock = field(default_factory=lambda: Clock(JANUARY))
    months: MemoryMonths = field(default_factory=MemoryMonths)
    statuses: MemoryStore = field(default_factory=MemoryStore)
    judge: FakeJudge = field(default_factory=FakeJudge)
    settings: UsageSettings = field(default_factory=UsageSettings)
    accounts: tuple[Account, ...] = (Account("default", "000000000001", "us-west-2"),)
    meter: Meter = field(init=False)

    def __post_init__(self) -> None:
        self.meter = Meter(self.clock)

    @property
    def collector(self) -> Collector:
        meter = self.meter
        sources = {
            one.name: Sources(
                one, FakeCosts(meter, one.name), FakeForecasts(meter), FakeSpends(meter), FakeStorage(meter)
            )
            for one in self.accounts
        }
        library = Library(
            sources, FakeLedger(meter), self.settings.forecast == "cost_explorer", self.settings.cluster_tag
        )
        return Collector(library, self.months, self.statuses, self.settings, self.clock, judge=self.judge)

    def collect(self, *customers: Customer, months: Sequence[str] | None = None, **how: Any) -> Collected:
        """What the run did; what was asked and saved is that of this run alone."""
        self.meter.asked.clear()
        self.months.saves.clear()
        asked = None if months is None else [Month.parse(month) for month in months]
        return self.collector.collect(customers, how.pop("hold", Unheld()), asked, **how)
