"""The flow of `collect`: read usage and cost of the whole fleet in bulk, and store them by customer and month."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from controller.domain.collected import StoredMonth
from controller.domain.collecting import MonthCase, Readings, by_customer, collected_month, everyone_in
from controller.domain.customer import Customer
from controller.domain.money import ZERO, cents
from controller.domain.month import Month
from controller.domain.recorded import is_news, worksets_in
from controller.domain.settings import UsageSettings
from controller.domain.status import Status
from controller.domain.usage import AccountMonth, CostReading, CustomerMonth, Forecast
from controller.errors import Failure, InvalidInput, PermanentFailure, TransientFailure
from controller.gatekeeper import Verdict
from controller.sources import Asking, Library, Progress

PAGE_PRICE = Decimal("0.01")
"""US dollars for one page of Cost Explorer (AWS, ce-what-is)."""
LEASE = "collect"
"""What the lease is held as: it is one for all accounts."""
MONTHS_BACK = 6
"""How many months before the running one are collected until nothing of them can change any more."""


class Statuses(Protocol):
    def load(self) -> Mapping[str, Status | Failure]: ...


class Judge(Protocol):
    """Who decides the gates."""

    def judge(self, customers: Sequence[Customer], months: Mapping[str, CustomerMonth]) -> tuple[Verdict, ...]: ...


class NoJudge:
    """Gates stay as they are."""

    def judge(self, customers: Sequence[Customer], months: Mapping[str, CustomerMonth]) -> tuple[Verdict, ...]:
        return ()


class Store(Protocol):
    """Where months are kept. A Failure stands for one that cannot be used."""

    def load(self, month: Month) -> StoredMonth: ...

    def get(self, customer_ids: Collection[str], month: Month) -> Mapping[str, CustomerMonth | Failure]: ...

    def account_history(
        self, accounts: Collection[str], months: Collection[Month]
    ) -> Mapping[tuple[str, Month], AccountMonth | Failure]: ...

    def save(self, values: Collection[CustomerMonth | AccountMonth], fence: int) -> Mapping[str, Failure]:
        """The failures by customer id, or by `account_id`; what failed is as it was.

        Refused is what a holder of a later lease, with a higher fence, has stored.
        """
        ...

    def account_id(self, name: str) -> str: ...


class Hold(Protocol):
    """The lease that a collect holds."""

    @property
    def lost(self) -> bool:
        """Whether another run may have taken over: then nothing more is written."""
        ...

    def fence(self, account: str) -> int:
        """The number that writes carry; that of a collect is held under `LEASE`."""
        ...


@dataclass(frozen=True, slots=True)
class MonthResult:
    """What became of one month of one account that pays. Counts are of the customers that it pays for.

    `asked`: Cost Explorer was asked about it now, and answered. `total` and `unallocated` are as they are known now, in
    whole cents; None: never read.
    """

    month: Month
    account: str
    stored: int
    unchanged: int
    failed: int
    asked: bool
    total: Decimal | None = None
    unallocated: Decimal | None = None
    estimated: bool = True
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Problem:
    """What could not be read or stored, and the customers whose figures are missing or old by it."""

    what: str
    failure: Failure
    customers: tuple[str, ...] = ()

    def __str__(self) -> str:
        if len(self.customers) > 1:
            return f"{self.what} of {len(self.customers):,} customers: {self.failure}"
        return ": ".join([f"{self.what} of {self.customers[0]}" if self.customers else self.what, str(self.failure)])


@dataclass(frozen=True, slots=True)
class Collected:
    """What a run did. `pages` are those of Cost Explorer that were paid for, as far as its readers could tell."""

    results: tuple[MonthResult, ...]
    pages: int
    problems: tuple[Problem, ...]
    verdicts: tuple[Verdict, ...] = ()
    """What was decided of the gates, where the running month was collected."""
    notes: tuple[str, ...] = ()
    """What people should know of the cost that was read; nothing that failed."""

    @property
    def dollars(self) -> Decimal:
        return PAGE_PRICE * self.pages


class Collector:
    """All sources and the store, under one controller id."""

    def __init__(
        self,
        library: Library,
        store: Store,
        statuses: Statuses,
        settings: UsageSettings,
        clock: Callable[[], datetime],
        controller_id: str = "default",
        judge: Judge | None = None,
    ) -> None:
        self._library, self._store, self._statuses = library, store, statuses
        self._judge = judge or NoJudge()
        self._settings, self._clock, self._controller_id = settings, clock, controller_id

    def collect(
        self,
        customers: Collection[Customer],
        hold: Hold,
        months: Sequence[Month] | None = None,
        *,
        force_costs: bool = False,
        progress: Progress = lambda *_: None,
    ) -> Collected:
        """Reads and stores these months; None: the running one, and those before it of which anything may change.

        With the running month the gates are decided anew, of every customer of this controller.

        `force_costs`: Cost Explorer is asked although it was asked lately, or has closed the bill. Raises InvalidInput
        for a month that has not begun, Failure where the store cannot be read, and TransientFailure where the lease was
        lost.
        """
        now = self._clock()
        wanted = self._months(months, Month.of(now))
        foreign = self._foreign()
        ours = [one for one in customers if one.customer_id not in foreign]
        stored = {month: self._store.load(month) for month in wanted}
        cases = [self._case(month, now, ours, stored[month], foreign, forced=force_costs) for month in wanted]
        asking = self._asking(cases, stored, now, force=force_costs)
        readings = self._library.read(cases, ours, asking, now, progress)
        problems = [*_not_ours(customers, foreign), *_unusable(stored.values()), *_unread(readings)]
        results: list[MonthResult] = []
        recorded: list[CustomerMonth] = []
        for case in cases:
            earlier = by_customer([*recorded, *self._recorded_before(case, readings, wanted)])
            after, accounts = collected_month(replace(case, earlier=earlier), readings, self._settings)
            recorded += after.values()
            news = {id_: one for id_, one in after.items() if is_news(case.before.get(id_), one)}
            unsaved = self._save(case, news, accounts, hold)
            problems += _unsaved(unsaved, {self._store.account_id(name): name for name in accounts})
            results += [self._result(case, payer, after, news, accounts, unsaved, readings) for payer in case.payers]
        verdicts: tuple[Verdict, ...] = ()
        if Month.of(now) in wanted:
            _check(hold)
            running = {one.customer_id: one for one in recorded if one.month == str(Month.of(now))}
            try:
                verdicts = self._judge.judge(ours, running)
            except Failure as failure:  # what was collected is stored all the same, and told
                problems.append(Problem("no gate was decided", failure))
            problems += _undecided(verdicts)
        return Collected(tuple(results), _pages(readings), tuple(problems), verdicts, _notes(readings))

    # What is to be read

    def _months(self, asked: Sequence[Month] | None, running: Month) -> list[Month]:
        """In order. Of the closed months those that are not settled, for every account that pays."""
        if asked is not None:
            for month in asked:
                if month > running:
                    raise InvalidInput(f"{month} has not begun: the running month is {running}")
            return sorted(set(asked))
        payers = self._library.payers
        *closed, running = running.back(MONTHS_BACK + 1)
        known = self._store.account_history(payers, closed)
        open_ = [month for month in closed if not all(_is_settled(known.get((name, month))) for name in payers)]
        return [*open_, running]

    def _foreign(self) -> dict[str, str]:
        """The controller_ids of customers that another controller answers for: one Query of the statuses, in pages."""
        statuses = [one for one in self._statuses.load().values() if isinstance(one, Status) and not one.is_account]
        return {one.owner_id: one.controller_id for one in statuses if one.controller_id != self._controller_id}

    def _case(
        self,
        month: Month,
        now: datetime,
        ours: Collection[Customer],
        stored: StoredMonth,
        foreign: Collection[str],
        *,
        forced: bool,
    ) -> MonthCase:
        """An item that cannot be used is left as it is, so its customer is left out of the month."""
        before = {
            id_: one for id_, one in stored.customers.items() if isinstance(one, CustomerMonth) and id_ not in foreign
        }
        usable = [one for one in ours if not isinstance(stored.customers.get(one.customer_id), Failure)]
        accounts = {name: one for name, one in stored.accounts.items() if isinstance(one, AccountMonth)}
        is_running = month == Month.of(now)
        return MonthCase(
            month, is_running, everyone_in(usable, before), before, accounts, self._library.payers, forced=forced
        )

    def _asking(
        self, cases: Sequence[MonthCase], stored: Mapping[Month, StoredMonth], now: datetime, *, force: bool
    ) -> Asking:
        """The months that Cost Explorer is asked about, by account: all open ones together, once one of them is due.

        An account whose item cannot be used is not asked: what cannot be stored would be paid for again and again.
        """
        asking: dict[str, list[Month]] = {}
        for name in self._library.payers:
            open_ = [
                case
                for case in cases
                if (force or not case.is_final(name)) and not isinstance(stored[case.month].accounts.get(name), Failure)
            ]
            if force or any(self._is_due(case.accounts.get(name), now) for case in open_):
                asking[name] = [case.month for case in open_]
        return {name: months for name, months in asking.items() if months}

    def _is_due(self, stored: AccountMonth | None, now: datetime) -> bool:
        """Never asked, asked too long ago, or by a clock that was ahead of this one."""
        if stored is None or stored.asked_at is None:
            return True
        return not timedelta(0) <= now - stored.asked_at < timedelta(hours=self._settings.cost_ttl_hours)

    def _recorded_before(
        self, case: MonthCase, readings: Readings, loaded: Collection[Month]
    ) -> Iterator[CustomerMonth]:
        """The earlier months of customers with worksets that may have been recorded there: those that began before."""
        looked_for: dict[Month, set[str]] = defaultdict(set)
        for id_, ledger in readings.worksets.items():
            found = worksets_in(case.month, ledger, running=False) if isinstance(ledger, tuple) else ()
            for first in {Month.of(one.started_at) if one.started_at else case.month.previous for one in found}:
                for month in case.month.previous.back(MONTHS_BACK):
                    if month >= first and month not in loaded:
                        looked_for[month].add(id_)
        for month, ids in sorted(looked_for.items()):
            found_there = self._store.get(sorted(ids), month).values()
            yield from (one for one in found_there if isinstance(one, CustomerMonth))

    # What is written

    def _save(
        self,
        case: MonthCase,
        news: Mapping[str, CustomerMonth],
        accounts: Mapping[str, AccountMonth],
        hold: Hold,
    ) -> dict[str, Failure]:
        """Writes what is news; the failures by customer id and `account_id`.

        Accounts come last, and only once their customers are stored: an account that is stored is not asked again.
        """
        unsaved: dict[str, Failure] = {}
        if news:
            _check(hold)
            unsaved |= self._store.save(list(news.values()), hold.fence(LEASE))
        half = {news[id_].paid_by for id_, failure in unsaved.items() if isinstance(failure, TransientFailure)}
        moved = [one for name, one in accounts.items() if one != case.accounts.get(name) and name not in half]
        if moved:
            _check(hold)
            unsaved |= self._store.save(moved, hold.fence(LEASE))
        return unsaved

    def _result(
        self,
        case: MonthCase,
        payer: str,
        after: Mapping[str, CustomerMonth],
        news: Collection[str],
        accounts: Mapping[str, AccountMonth],
        unsaved: Mapping[str, Failure],
        readings: Readings,
    ) -> MonthResult:
        own = {id_ for id_, one in after.items() if one.paid_by == payer}
        moved = own & set(news)
        failed = moved & unsaved.keys()
        account = accounts.get(payer)
        return MonthResult(
            month=case.month,
            account=payer,
            stored=len(moved - failed),
            unchanged=len(own) - len(moved),
            failed=len(failed),
            asked=readings.cost_of(payer, case.month) is not None,
            total=cents(sum(account.totals.values(), ZERO)) if account else None,
            unallocated=account.unallocated if account else None,
            estimated=account.estimated if account else True,
            currency=account.currency if account else "USD",
        )


def _check(hold: Hold) -> None:
    if hold.lost:
        raise TransientFailure("the lease was lost to another run", advice="The next run reads everything anew.")


def _is_settled(stored: AccountMonth | Failure | None) -> bool:
    return isinstance(stored, AccountMonth) and stored.settled


def _pages(readings: Readings) -> int:
    pages = sum(one.pages for one in readings.costs.values() if isinstance(one, CostReading))
    return pages + sum(isinstance(one, Forecast) for one in readings.to_come.values())


def _notes(readings: Readings) -> tuple[str, ...]:
    read = {account: one for account, one in readings.costs.items() if isinstance(one, CostReading)}
    return tuple(f"cost of account {account}, {note}" for account, one in sorted(read.items()) for note in one.notes)


# What went wrong


def _not_ours(customers: Collection[Customer], foreign: Mapping[str, str]) -> Iterator[Problem]:
    ids = {one.customer_id for one in customers}
    failures = {id_: _foreign(other) for id_, other in foreign.items() if id_ in ids}
    yield from (Problem("left out: usage", failure, who) for failure, who in _grouped(failures))


def _foreign(controller_id: str) -> PermanentFailure:
    return PermanentFailure(
        f"managed by the controller_id {controller_id!r}, not by this one",
        code="ForeignController",
        advice="Remove the manifest on one side, or take the customer over: reconcile apply --take-over",
    )


def _unsaved(unsaved: Mapping[str, Failure], accounts: Mapping[str, str]) -> Iterator[Problem]:
    """`accounts` are the names of accounts by what their months stand under."""
    customers = {id_: failure for id_, failure in unsaved.items() if id_ not in accounts}
    yield from (Problem("not stored", failure, who) for failure, who in _grouped(customers))
    yield from (Problem(f"account {accounts[id_]} not stored", unsaved[id_]) for id_ in unsaved if id_ in accounts)


def _undecided(verdicts: Collection[Verdict]) -> Iterator[Problem]:
    failures = {one.customer_id: one.failure for one in verdicts if one.failure}
    yield from (Problem("gate", failure, who) for failure, who in _grouped(failures))


def _unusable(stored: Collection[StoredMonth]) -> Iterator[Problem]:
    for month in stored:
        for failure in (*month.customers.values(), *month.accounts.values()):
            if isinstance(failure, Failure):
                yield Problem("left out", failure)


def _unread(readings: Readings) -> Iterator[Problem]:
    for account, cost in readings.costs.items():
        if isinstance(cost, Failure):
            yield Problem(f"cost of account {account}", cost)
        else:
            yield from (Problem(f"cost of account {account} in {at}", why) for at, why in cost.refused.items())
    for what, found in (
        ("worksets", readings.worksets),
        ("budget", readings.spends),
        ("forecast", readings.to_come),
    ):
        failures = {id_: one for id_, one in found.items() if isinstance(one, Failure)}
        yield from (Problem(what, failure, who) for failure, who in _grouped(failures))
    failures = {name: one for name, one in readings.storage.items() if isinstance(one, Failure)}
    for failure, buckets in _grouped(failures):
        yield Problem(f"size of {buckets[0]}" if len(buckets) == 1 else f"size of {len(buckets):,} buckets", failure)


def _grouped(failures: Mapping[str, Failure]) -> list[tuple[Failure, tuple[str, ...]]]:
    """Failures that say the same are one, with all whom it befell."""
    who: dict[str, list[str]] = defaultdict(list)
    for id_, failure in sorted(failures.items()):
        who[str(failure)].append(id_)
    return [(failures[ids[0]], tuple(ids)) for ids in who.values()]
