"""The main flow for all owners: look at everything in bulk, plan each, guard, apply in parallel, write what changed.

The CLI and every later front end call the same two methods, `Fleet.plan` and `Fleet.apply`.
"""

import hashlib
from collections import ChainMap, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from controller import reconcile
from controller.claims import Claims, claims_of, held_by
from controller.domain.customer import Account, Customer, Origin, Owner, Place
from controller.domain.kind import AnyKind
from controller.domain.outcome import Outcome
from controller.domain.plan import Plan, Rules
from controller.domain.resource import Key, Observation
from controller.domain.safety import Lately, refusals, unallowed
from controller.domain.settings import SafetySettings
from controller.domain.status import Condition, Pass, Status
from controller.errors import Failure, InvalidInput, PermanentFailure, Refused, TransientFailure
from controller.reconcile import Case, Stop

Progress = Callable[[str, int, int], None]
"""Told after each step: what is being done, how many are done, of how many."""

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 1_000
"""Owners that an apply hands to its threads at a time: many more than threads, so that none waits for a slow one."""

LOOKS_AT_ONCE = 32
"""Bulk observations that run at the same time: one for each account and kind."""


class Store(Protocol):
    """Where statuses are kept."""

    def load(self) -> Mapping[str, Status | Failure]:
        """All statuses by owner id, a Failure standing for one that cannot be read."""
        ...

    def save(self, status: Status, fence: int) -> None:
        """Writes over version `status.version`, under the number of the lease.

        Raises TransientFailure when another run wrote in between, or one with a higher number.
        """
        ...

    def delete(self, status: Status) -> None:
        """Forgets the owner. Idempotent."""
        ...


class Hold(Protocol):
    """The leases that an apply holds, one for each account."""

    @property
    def lost(self) -> bool:
        """Whether another run may have taken over: then nothing more is written."""
        ...

    def fence(self, account: str) -> int:
        """The number that status writes for this account carry."""
        ...


class Unheld:
    """No lease: enough for an apply that is idle, and for tests that run alone."""

    lost = False

    def fence(self, account: str) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Site:
    """One AWS account, ready to work with: its owner value and its kinds, in order of application."""

    account: Account
    account_kinds: tuple[AnyKind, ...]
    customer_kinds: tuple[AnyKind, ...]

    def kinds_of(self, owner: Owner) -> tuple[AnyKind, ...]:
        return self.account_kinds if isinstance(owner, Account) else self.customer_kinds


@dataclass(frozen=True, slots=True)
class Desired:
    """What the manifests ask for. `covers` tells whether a source file belongs to the paths that were read."""

    customers: tuple[Customer, ...]
    complete: bool = True
    """False: something could not be read, so a customer that is missing here may still be wanted."""
    covers: Callable[[str], bool] = lambda _: True
    leaving: Mapping[str, str] | None = None
    """The only ones that may count as gone, each with the source that declared it; None: all that `covers` says.

    Unless None, more customers are declared than these, and what they have counts in the guard's shares.
    """


@dataclass(frozen=True, slots=True)
class Orphan:
    """A customer that we answer for and whose manifest is gone. `plan` is what a prune by Delete would do."""

    status: Status
    plan: Plan

    @property
    def lets_go(self) -> bool:
        """Whether a prune leaves everything in AWS as it is, by the deletion policy.

        That is the one last applied, or, in a cluster, the one of the resource that is being deleted.
        """
        return self.status.deletion_policy == "Retain" and not self.suspended

    @property
    def suspended(self) -> bool:
        """Whether its manifest said to change nothing when it went: then it is not pruned either."""
        return self.plan.owner.suspend


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """The plans of all owners: accounts first, then customers by id.

    `elsewhere`: how many customers of this controller are declared outside the paths that were read, or in accounts
    that the settings no longer name.
    """

    plans: tuple[Plan, ...]
    orphans: tuple[Orphan, ...]
    elsewhere: int
    controller_id: str
    made_at: datetime
    cases: Mapping[str, Case] = field(repr=False)
    limits: SafetySettings = field(default_factory=SafetySettings)
    passed_over: int = 0
    """How many keys of other owners within the paths were not looked at: they count in the guard's shares."""
    by_name: bool = False
    """Whether somebody asked for each of the orphans by its name: to let go of many of them is no accident then."""
    lately: Lately = field(default_factory=Lately)
    """What runs just before this one did, for the guard's shares."""
    kept: Mapping[str, Status | Failure] = field(default_factory=dict)
    """What is stored of those that are leaving and are not ours to prune, by owner id."""

    def all_plans(self) -> tuple[Plan, ...]:
        """The plans of all owners, orphans included."""
        return (*self.plans, *(orphan.plan for orphan in self.orphans))

    def touched(self, *, prune: bool = False) -> tuple[Plan, ...]:
        """What an apply has to look at: owners with changes, and the accounts that they are in.

        What an account drops depends on everybody in it, so then it is everybody in it.
        """
        changing = [plan for plan in self.plans if plan.to_apply or plan.taken_from]
        changing += [orphan.plan for orphan in self.orphans if prune]
        names = {plan.owner.id for plan in changing}
        accounts = {plan.owner.account for plan in changing}
        dropping = {plan.owner.account for plan in changing if isinstance(plan.owner, Account) and _drops(plan)}

        def concerned(owner: Owner) -> bool:
            return owner.id in names or owner.account in (accounts if isinstance(owner, Account) else dropping)

        return tuple(plan for plan in self.all_plans() if concerned(plan.owner))

    def sparing(self, owners: Collection[str], why: Failure) -> "FleetPlan":
        """This plan with these owners left alone, for a reason that is told."""

        def spared(plan: Plan) -> Plan:
            return Plan(plan.owner, refused=why) if plan.owner.id in owners else plan

        orphans = tuple(replace(orphan, plan=spared(orphan.plan)) for orphan in self.orphans)
        return replace(self, plans=tuple(map(spared, self.plans)), orphans=orphans)

    @property
    def digest(self) -> str:
        """Identifies what is planned; stable over re-runs."""
        digests = [plan.digest for plan in self.all_plans()]
        return hashlib.sha256(" ".join([self.controller_id, *sorted(digests)]).encode()).hexdigest()

    def has_changes(self, *, prune: bool = False) -> bool:
        """Whether an apply would do anything beside refreshing statuses."""
        prunes = prune and any(not orphan.suspended and not orphan.plan.refused for orphan in self.orphans)
        return prunes or any(plan.to_apply or plan.taken_from for plan in self.plans)

    def guard(self, *, prune: bool = False) -> None:
        """Raises Refused where an apply would change or remove too much at once."""
        if found := self.refusals(prune=prune):
            raise Refused("nothing was done: " + "; ".join(found))

    def refusals(self, *, prune: bool = False) -> tuple[str, ...]:
        """Why the guard stops an apply of this plan, each with the option that would allow it."""
        pruned = [orphan.plan for orphan in self.orphans if prune and not orphan.lets_go]
        idle = [len(orphan.status.inventory) for orphan in self.orphans if not prune or orphan.lets_go]
        lost = [orphan for orphan in self.orphans if prune and orphan.lets_go and not self.by_name]
        released = sum(len(orphan.status.inventory) for orphan in lost)
        untouched = sum(idle) + self.passed_over
        shares = refusals([*self.plans, *pruned], self.limits, untouched, released, self.lately)
        return (*shares, *unallowed([*self.plans, *pruned], self.limits.allow))


@dataclass(frozen=True, slots=True)
class Result:
    """What an apply did for one owner.

    `unsaved`: the status could not be written. `released`: an orphan was let go of. `stopped`: the run ended first.
    `status`: what is known of the owner now; None where nothing is, or where it was forgotten.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    unsaved: Failure | None = None
    released: bool = False
    stopped: bool = False
    status: Status | None = None

    @property
    def failed(self) -> bool:
        return bool(self.plan.failures or self.unsaved or any(o.failure for o in self.outcomes))

    @property
    def complete(self) -> bool:
        return not self.failed and not self.stopped and all(o.tried for o in self.outcomes)


@dataclass(frozen=True, slots=True)
class Options:
    """How a fleet works."""

    controller_id: str = "default"
    concurrency: int = 16
    settle: timedelta = timedelta(0)
    commit: str = ""
    limits: SafetySettings = field(default_factory=SafetySettings)
    take_over: bool = False
    """Whether customers of other controller_ids become this one's."""


class Fleet:
    """All accounts and the status store, under one controller id."""

    def __init__(
        self, sites: Mapping[str, Site], store: Store, clock: Callable[[], datetime], options: Options
    ) -> None:
        self._sites = sites
        self._store = store
        self._clock = clock
        self._options = options

    def plan(
        self, wanted: Desired, progress: Progress = lambda *_: None, only: Collection[str] | None = None
    ) -> FleetPlan:
        """Looks at everything, or at the owners `only`; writes nothing. Raises Failure where no status can be read."""
        opened = self._opened(wanted, only)
        observed = self._observe(opened.everyone, progress)
        now = self._clock()
        plans = {case.owner.id: self._plan(case, observed, opened, now) for case in opened.everyone}
        return FleetPlan(
            plans=tuple(plans[case.owner.id] for case in opened.cases),
            orphans=tuple(Orphan(case.status, plans[case.owner.id]) for case in opened.orphans if case.status),
            elsewhere=opened.elsewhere,
            controller_id=self._options.controller_id,
            made_at=now,
            cases={case.owner.id: case for case in opened.everyone},
            limits=self._options.limits,
            passed_over=opened.passed_over,
            kept=opened.kept,
        )

    def foresee(self, fleet_plan: FleetPlan) -> dict[str, Status | None]:
        """What the statuses would say, by owner id, where none of this plan is carried out. Writes nothing."""
        accounts = [plan for plan in fleet_plan.plans if isinstance(plan.owner, Account)]
        shared = {plan.owner.name: self._shared(fleet_plan, plan, ()) for plan in accounts}
        told: dict[str, Status | None] = {}
        for plan in fleet_plan.all_plans():
            conditions = () if isinstance(plan.owner, Account) else shared.get(plan.owner.account, ())
            news = self._status(fleet_plan, plan, (), conditions)
            told[plan.owner.id] = news or fleet_plan.cases[plan.owner.id].status
        return told

    def is_idle(self, fleet_plan: FleetPlan, *, prune: bool = False) -> bool:
        """Whether an apply would write nothing at all, no status either: then it needs no lease."""
        if fleet_plan.has_changes(prune=prune):
            return False
        accounts = [plan for plan in fleet_plan.plans if isinstance(plan.owner, Account)]
        shared = {plan.owner.name: self._shared(fleet_plan, plan, ()) for plan in accounts}
        return all(
            self._status(fleet_plan, plan, (), () if isinstance(plan.owner, Account) else shared[plan.owner.account])
            is None
            for plan in fleet_plan.plans
        )

    def has_moved(self, fleet_plan: FleetPlan) -> bool:
        """Whether another run has written a status since this plan was made: then it has to be made anew."""
        stored = self._store.load()
        versions = {owner_id: one.version for owner_id, one in stored.items() if isinstance(one, Status)}
        return any(
            versions.get(owner_id, 0) != (case.status.version if case.status else 0)
            for owner_id, case in fleet_plan.cases.items()
        )

    def apply(
        self,
        fleet_plan: FleetPlan,
        hold: Hold,
        *,
        prune: bool = False,
        stop: Stop = lambda: False,
        progress: Progress = lambda *_: None,
    ) -> tuple[Result, ...]:
        """Carries the plans out, under leases for all accounts that are written to; a lost one stops everything.

        Raises Refused, and does nothing, where the guard is against it. Accounts first, since budgets need the topic;
        then customers in parallel; what accounts drop comes last.
        """
        fleet_plan.guard(prune=prune)
        run = _Run(fleet_plan, hold, lambda: stop() or hold.lost)
        accounts = [plan for plan in fleet_plan.plans if isinstance(plan.owner, Account)]
        customers = [plan for plan in fleet_plan.plans if isinstance(plan.owner, Customer)]
        orphans = fleet_plan.orphans if prune else ()
        tell = _counting(progress, "Applying", len(accounts) + len(customers) + len(orphans))

        begun = {plan.owner.name: self._carry_out(plan, _puts(plan), run.stop) for plan in accounts}
        shared = {plan.owner.name: self._shared(fleet_plan, plan, begun[plan.owner.name]) for plan in accounts}
        with ThreadPoolExecutor(self._options.concurrency, thread_name_prefix="apply") as pool:
            work = _mapped(pool, lambda plan: self._apply_one(run, plan, shared[plan.owner.account]), customers)
            results = [*tell(work), *tell(_mapped(pool, lambda one: self._prune_one(run, one), orphans))]
        ends = tell(self._end(run, plan, begun[plan.owner.name], results) for plan in accounts)
        return (*ends, *results)

    def _opened(self, wanted: Desired, only: Collection[str] | None) -> "_Opened":
        """What the run begins with. Of what is stored, nothing else is kept while AWS is asked."""
        stored = self._store.load()
        statuses = {owner_id: status for owner_id, status in stored.items() if isinstance(status, Status)}
        customers = sorted(wanted.customers, key=lambda customer: customer.customer_id)
        owners: list[Owner] = [*(site.account for _, site in sorted(self._sites.items())), *customers]
        cases = [self._open(owner, statuses.get(owner.id)) for owner in owners]
        gone, others = self._gone(statuses, wanted)
        orphans = [self._open(_former(status), status, wanted=False) for status in gone]
        refused = {case.owner.id: self._refusal(case.owner, stored.get(case.owner.id)) for case in (*cases, *orphans)}
        claims = claims_of([case for case in (*cases, *orphans) if not refused[case.owner.id]], statuses)
        passed_over = sum(len(status.inventory) for status in others) if wanted.leaving is not None else 0
        if only is not None:
            passed_over += sum(len(case.applied) for case in (*cases, *orphans) if case.owner.id not in only)
            cases = [case for case in cases if case.owner.id in only]
            orphans = [case for case in orphans if case.owner.id in only]
        kept = self._kept(stored, wanted.leaving or {}, orphans)
        return _Opened(tuple(cases), tuple(orphans), refused, claims, len(others), passed_over, kept)

    def _open(self, owner: Owner, status: Status | None, *, wanted: bool = True) -> Case:
        return reconcile.open_case(owner, self._kinds_of(owner), status, wanted=wanted)

    def _kinds_of(self, owner: Owner) -> tuple[AnyKind, ...]:
        if owner.account not in self._sites:
            raise InvalidInput(f"{owner.id}: the settings have no account {owner.account!r}")
        return self._sites[owner.account].kinds_of(owner)

    def _gone(self, statuses: Mapping[str, Status], wanted: Desired) -> tuple[list[Status], list[Status]]:
        """Customers of this controller without a manifest: those in the scope of this run, and the others.

        Where manifests could not be read, nobody counts as gone.
        """
        present = {customer.customer_id for customer in wanted.customers}
        missing = [
            status
            for _, status in sorted(statuses.items())
            if status.controller_id == self._options.controller_id
            and status.owner_id not in present
            and not status.is_account
        ]

        def is_gone(status: Status) -> bool:
            may_be = wanted.leaving is None or wanted.leaving.get(status.owner_id) == status.source
            return may_be and wanted.complete and wanted.covers(status.source) and status.account in self._sites

        return [s for s in missing if is_gone(s)], [s for s in missing if not is_gone(s)]

    def _kept(
        self, stored: Mapping[str, Status | Failure], leaving: Mapping[str, str], gone: Collection[Case]
    ) -> dict[str, Status | Failure]:
        left = leaving.keys() & stored.keys() - {case.owner.id for case in gone}
        return {id_: self._why_kept(stored[id_], leaving[id_]) for id_ in sorted(left)}

    def _why_kept(self, stored: Status | Failure, source: str) -> Status | Failure:
        """A failure also where this source declared it for another controller."""
        if isinstance(stored, Failure) or stored.source != source:
            return stored
        return self._refusal(_former(stored), stored) or stored

    def _plan(
        self,
        case: Case,
        observed: Mapping[str, dict[Key, Observation[Any]]],
        opened: "_Opened",
        now: datetime,
    ) -> Plan:
        owner, claims = case.owner, opened.claims
        if why := opened.refused[owner.id]:
            return Plan(owner, refused=why)
        claimed = frozenset(key for key in case.applied if claims.others(owner, key))
        new = case.desired.keys() - case.applied.keys()
        taken: dict[Key, Observation[Any]] = {
            key: held_by(holders) for key in new if (holders := claims.holders(owner, key))
        }
        waits = case.status.waiting if case.status else ()
        since = {Key(wait.kind, wait.name): wait.since for wait in waits}
        rules = Rules(now, self._options.settle, claimed, since)
        seen = observed[owner.account]
        known: Mapping[Key, Observation[Any]] = ChainMap(taken, seen) if taken else seen
        plan = reconcile.plan(case, self._kinds_of(owner), known, rules)
        former = case.status.controller_id if case.status else self._options.controller_id
        return plan if former == self._options.controller_id else replace(plan, taken_from=former)

    def _refusal(self, owner: Owner, stored: Status | Failure | None) -> Failure | None:
        """Why this owner cannot be touched at all: unreadable, of another controller, or moved between accounts."""
        if stored is None or isinstance(stored, Failure):
            return stored
        if stored.controller_id != self._options.controller_id and not self._options.take_over:
            return PermanentFailure(
                f"{owner.id} is managed by the controller_id {stored.controller_id!r}, not by this one",
                code="ForeignController",
                advice="Remove the manifest on one side, or take the customer over for good with --take-over.",
            )
        if stored.account != owner.account:
            return PermanentFailure(
                f"spec.account was {stored.account!r} and is now {owner.account!r}; what stands in the old account"
                " would be forgotten",
                code="AccountChanged",
                advice="Take the customer out with --prune first, then declare it in the new account.",
            )
        return None

    def _observe(self, cases: Sequence[Case], progress: Progress) -> dict[str, dict[Key, Observation[Any]]]:
        """One bulk observation for each account and kind, by account name."""
        by_site: dict[str, list[Case]] = defaultdict(list)
        for case in cases:
            by_site[case.owner.account].append(case)
        parts = [(name, kind) for name in by_site for kind in self._sites[name].account_kinds]
        parts += [(name, kind) for name in by_site for kind in self._sites[name].customer_kinds]
        observed: dict[str, dict[Key, Observation[Any]]] = defaultdict(dict)
        with ThreadPoolExecutor(min(len(parts), LOOKS_AT_ONCE) or 1, thread_name_prefix="observe") as pool:
            found = pool.map(lambda part: reconcile.observe(by_site[part[0]], part[1]), parts)
            told = _counting(progress, "Observing", len(parts))
            for (name, _), observations in zip(parts, told(found), strict=True):
                observed[name] |= observations
        return observed

    def _carry_out(self, plan: Plan, part: Plan, stop: Stop) -> tuple[Outcome, ...]:
        return reconcile.apply(part, self._kinds_of(plan.owner), stop)

    def _status(
        self,
        fleet_plan: FleetPlan,
        plan: Plan,
        outcomes: tuple[Outcome, ...],
        conditions: tuple[Condition, ...] = (),
    ) -> Status | None:
        """The status to write, or None where there is nothing new to say; the status of a refused owner is not ours."""
        if plan.refused:
            return None
        case = fleet_plan.cases[plan.owner.id]
        this = Pass(self._clock(), self._options.controller_id, self._options.commit, conditions)
        return reconcile.conclude(case, plan, outcomes, self._kinds_of(plan.owner), this)

    def _apply_one(self, run: "_Run", plan: Plan, conditions: tuple[Condition, ...]) -> Result:
        if run.stop():
            return _stopped(plan)
        outcomes = self._carry_out(plan, plan, run.stop)
        return self._result(run, plan, outcomes, self._status(run.plan, plan, outcomes, conditions))

    def _end(self, run: "_Run", plan: Plan, done: tuple[Outcome, ...], results: Sequence[Result]) -> Result:
        """What an account drops, e.g. a renamed topic, it drops once nobody in it can depend on it any more."""
        drops = replace(plan, changes=tuple(change for change in plan.to_apply if change.action == "delete"))
        in_it = [result for result in results if result.plan.owner.account == plan.owner.name]
        settled = all(result.complete and not result.plan.owner.suspend for result in in_it)
        others = run.plan.elsewhere or any(o.plan.owner.account == plan.owner.name for o in run.plan.orphans)
        free = settled and not others
        outcomes = (*done, *self._carry_out(plan, drops, run.stop if free else lambda: True))
        result = self._result(run, plan, outcomes, self._status(run.plan, plan, outcomes))
        return replace(result, stopped=run.stop())

    def _prune_one(self, run: "_Run", orphan: Orphan) -> Result:
        """Deletes what is ours, or lets go of it, by the deletion policy; then forgets the owner."""
        if run.stop():
            return _stopped(orphan.plan)
        if orphan.suspended or orphan.plan.refused:
            return Result(orphan.plan)
        if orphan.lets_go:
            unsaved = self._forget(run, orphan.status)
            return Result(replace(orphan.plan, changes=()), unsaved=unsaved, released=unsaved is None)
        outcomes = self._carry_out(orphan.plan, orphan.plan, run.stop)
        if not orphan.plan.failures and all(outcome.ok for outcome in outcomes):
            return Result(orphan.plan, outcomes, self._forget(run, orphan.status))
        return self._result(run, orphan.plan, outcomes, self._status(run.plan, orphan.plan, outcomes))

    def _result(self, run: "_Run", plan: Plan, outcomes: tuple[Outcome, ...], news: Status | None) -> Result:
        """The result, once its status is written where it is news."""
        case = run.plan.cases[plan.owner.id]
        return Result(plan, outcomes, self._save(run, news), status=news or case.status)

    def _shared(self, fleet_plan: FleetPlan, plan: Plan, done: tuple[Outcome, ...]) -> tuple[Condition, ...]:
        """Conditions of an account that hold for each of its customers, e.g. TagsActive."""
        status = self._status(fleet_plan, plan, done) or fleet_plan.cases[plan.owner.id].status
        types = {kind.condition for kind in self._kinds_of(plan.owner)}
        return tuple(condition for condition in (status.conditions if status else ()) if condition.type in types)

    def _save(self, run: "_Run", status: Status | None) -> Failure | None:
        try:
            if status:
                run.check()
                self._store.save(status, run.hold.fence(status.account))
        except Failure as failure:
            return failure
        return None

    def _forget(self, run: "_Run", status: Status) -> Failure | None:
        try:
            run.check()
            self._store.delete(status)
        except Failure as failure:
            return failure
        return None


@dataclass(frozen=True, slots=True)
class _Opened:
    """Who is planned for, before anything was looked at: those that are wanted, and those whose manifest is gone.

    `elsewhere`, `passed_over` and `kept` as in FleetPlan; `refused`: why an owner cannot be touched, by id.
    """

    cases: tuple[Case, ...]
    orphans: tuple[Case, ...]
    refused: Mapping[str, Failure | None]
    claims: Claims
    elsewhere: int
    passed_over: int
    kept: Mapping[str, Status | Failure]

    @property
    def everyone(self) -> tuple[Case, ...]:
        return (*self.cases, *self.orphans)


@dataclass(frozen=True, slots=True)
class _Run:
    """One apply: what it carries out, under which leases, and what ends it."""

    plan: FleetPlan
    hold: Hold
    stop: Stop

    def check(self) -> None:
        """Raises TransientFailure where a lease was lost: another run may be writing."""
        if self.hold.lost:
            raise TransientFailure("the lease was lost to another run", advice="The next run goes on from there.")


def _drops(plan: Plan) -> bool:
    return any(change.action == "delete" for change in plan.to_apply)


def _puts(plan: Plan) -> Plan:
    return replace(plan, changes=tuple(change for change in plan.to_apply if change.action != "delete"))


def _stopped(plan: Plan) -> Result:
    return Result(plan, tuple(Outcome(change, tried=False) for change in plan.to_apply), stopped=True)


def _mapped(pool: ThreadPoolExecutor, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """As `pool.map`, with no more than `AHEAD` of them handed over at a time: what waits in a pool takes memory."""
    begun: deque[Future[R]] = deque()
    try:
        for item in items:
            begun.append(pool.submit(work, item))
            if len(begun) >= AHEAD:
                yield begun.popleft().result()
        while begun:
            yield begun.popleft().result()
    finally:
        for one in begun:
            one.cancel()


def _counting(progress: Progress, what: str, total: int) -> Callable[[Iterable[Any]], Iterator[Any]]:
    """Passes things on and tells how many there were."""
    done = 0

    def count(things: Iterable[Any]) -> Iterator[Any]:
        nonlocal done
        for thing in things:
            done += 1
            progress(what, done, total)
            yield thing

    return count


def _former(status: Status) -> Customer:
    """The customer that a status was written for, as far as it is needed to remove its keys."""
    return Customer(
        name=status.name,
        customer_id=status.owner_id,
        display_name=status.name,
        email="",
        account=status.account,
        deletion_policy=status.deletion_policy,
        suspend=status.is_suspended,
        generation=status.generation,
        origin=Origin({"": Place(status.source, 0, 0)}),
    )
