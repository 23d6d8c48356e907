"""What `collect` reads from, and reading all of it at the same time. One failing source leaves the others alone.

Everything here works on any readers: the real ones, or the fakes of the tests.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from controller.domain.bill import CUSTOMER_TAG, payer_of
from controller.domain.collecting import MonthCase, Readings
from controller.domain.customer import Account, Bucket, Customer
from controller.domain.expectation import sees_all
from controller.domain.month import Month
from controller.domain.usage import BucketStorage, CostReading, Forecast, Spend, Workset
from controller.errors import Failure, unexpected

READS_AT_ONCE = 16

Progress = Callable[[str, int, int], None]
Asking = Mapping[str, Sequence[Month]]
"""The months that Cost Explorer is asked about, by account."""


class CostReader(Protocol):
    def read(self, months: Sequence[Month], tag_keys: Collection[str]) -> CostReading:
        """The cost of one account in these months. Raises Failure."""
        ...


class ForecastReader(Protocol):
    def read(self, customer_ids: Collection[str], month: Month) -> Mapping[str, Forecast | Failure]:
        """What the rest of the month is expected to cost, by customer id. A page for each."""
        ...


class SpendReader(Protocol):
    def read(self, customer_ids: Collection[str]) -> Mapping[str, Spend | Failure]:
        """What the customers' budgets say, by customer id; one without a budget is not in it."""
        ...


class StorageReader(Protocol):
    def read(self, buckets: Collection[Bucket]) -> Mapping[str, BucketStorage | Failure]:
        """How much is stored, by bucket name."""
        ...


class WorksetReader(Protocol):
    def read(self, customer_ids: Collection[str]) -> Mapping[str, tuple[Workset, ...] | Failure]:
        """All worksets that customers ever had, by customer id."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """What is read in one account."""

    account: Account
    costs: CostReader
    forecasts: ForecastReader
    spends: SpendReader
    storage: StorageReader


@dataclass(frozen=True, slots=True)
class _Job:
    """One reading. `ids` are what it is about; empty where it is about an account as a whole."""

    source: str
    account: str
    ids: tuple[str, ...]
    read: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Library:
    """All sources of a fleet. `forecasts`: whether Cost Explorer's are paid for. `cluster_tag`: the tag key that is
    asked for last, so that it tells only what no customer's tag does.
    """

    accounts: Mapping[str, Sources]
    ledger: WorksetReader
    forecasts: bool = False
    cluster_tag: str | None = None

    @property
    def payers(self) -> tuple[str, ...]:
        """The accounts whose bills are read: those that pay, or all where none says that it does."""
        paying = [name for name, one in sorted(self.accounts.items()) if one.account.payer]
        return tuple(paying or sorted(self.accounts))

    def read(
        self,
        cases: Sequence[MonthCase],
        declared: Collection[Customer],
        asking: Asking,
        now: datetime,
        progress: Progress = lambda *_: None,
    ) -> Readings:
        """Everything that these months need: the ledger once for all, and once what only the running month has."""
        jobs = [*self._costs(cases, asking), *self._worksets(cases)]
        for case in cases:
            if case.is_running:
                jobs += [*self._budgets_and_buckets(declared), *self._forecasts(case, declared, asking)]
        found: dict[str, dict[str, Any]] = {name: {} for name in ("cost", "worksets", "budget", "bucket", "forecast")}
        with ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="collect") as pool:
            for number, (job, answer) in enumerate(zip(jobs, pool.map(_answer, jobs), strict=True), start=1):
                found[job.source] |= answer
                progress("Reading", number, len(jobs))
        return Readings(now, found["cost"], found["worksets"], found["budget"], found["bucket"], found["forecast"])

    def _costs(self, cases: Sequence[MonthCase], asking: Asking) -> Iterator[_Job]:
        keys = {key for case in cases for one in case.customers for key, _ in one.attribution} - {CUSTOMER_TAG}
        asked = sorted(keys - {self.cluster_tag}) + ([self.cluster_tag] if self.cluster_tag else [])
        for name, months in asking.items():
            yield _Job("cost", name, (), partial(_cost_of, self.accounts[name], months, asked))

    def _worksets(self, cases: Sequence[MonthCase]) -> Iterator[_Job]:
        ids = tuple(sorted({one.customer_id for case in cases for one in case.customers}))
        if ids:
            yield _Job("worksets", "", ids, partial(self.ledger.read, ids))

    def _budgets_and_buckets(self, declared: Collection[Customer]) -> Iterator[_Job]:
        for name, sources in self.accounts.items():
            own = [one for one in declared if one.account == name]
            budgets = tuple(sorted(one.customer_id for one in own if one.budget))
            buckets = sorted({bucket for one in own for bucket in one.buckets}, key=lambda one: (one.name, one.region))
            names = tuple(bucket.name for bucket in buckets)
            if budgets:
                yield _Job("budget", name, budgets, partial(sources.spends.read, budgets))
            if buckets:
                yield _Job("bucket", name, names, partial(sources.storage.read, buckets))

    def _forecasts(self, case: MonthCase, declared: Collection[Customer], asking: Asking) -> Iterator[_Job]:
        """Only along with the cost, and only of customers whose cost AWS sees all of: each is a page."""
        asked = [name for name, months in asking.items() if self.forecasts and case.month in months]
        for name in asked:
            own = [one for one in declared if _pays(name, one, case, self.payers)]
            ids = tuple(sorted(one.customer_id for one in own))
            if ids:
                yield _Job("forecast", name, ids, partial(self.accounts[name].forecasts.read, ids, case.month))


def _cost_of(sources: Sources, months: Sequence[Month], keys: Sequence[str]) -> dict[str, CostReading]:
    return {sources.account.name: sources.costs.read(months, keys)}


def _pays(name: str, customer: Customer, case: MonthCase, payers: Sequence[str]) -> bool:
    before = case.before.get(customer.customer_id)
    payer = payer_of(customer, payers, {}, before.paid_by if before else "")
    return payer == name and (before is None or sees_all(before))


def _answer(job: _Job) -> Mapping[str, Any]:
    """What was read, by id; a Failure for everything that it is about, where it failed as a whole."""
    try:
        found: Mapping[str, Any] = job.read()
    except Failure as failure:
        return dict.fromkeys(job.ids or (job.account,), failure)
    except Exception as error:  # noqa: BLE001 - a bug in one reader must not stop the others
        return dict.fromkeys(job.ids or (job.account,), unexpected(error, job.source))
    return found
