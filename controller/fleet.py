"""The main flow for all owners: look at everything in bulk, plan each one, apply in parallel, write what changed.

The CLI and every later front end call the same two methods, `Fleet.plan` and `Fleet.apply`.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from controller import reconcile
from controller.domain.customer import Account, Customer, Owner
from controller.domain.kind import AnyKind
from controller.domain.outcome import Outcome
from controller.domain.plan import Plan, Rules, Unknown
from controller.domain.resource import Key, Observation
from controller.domain.status import Condition, Pass, Status
from controller.errors import Failure, PermanentFailure
from controller.reconcile import Case, Stop

Progress = Callable[[str, int, int], None]
"""Told after each step: what is being done, how many are done, of how many."""


class Store(Protocol):
    """Where statuses are kept."""

    def load(self) -> Mapping[str, Status]:
        """All statuses, by owner id."""
        ...

    def save(self, status: Status) -> None:
        """Writes over version `status.version`; raises TransientFailure when another run wrote in between."""
        ...

    def delete(self, status: Status) -> None:
        """Forgets the owner. Idempotent."""
        ...


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


@dataclass(frozen=True, slots=True)
class Orphan:
    """A customer that we answer for and whose manifest is gone. `plan` is what a prune would do."""

    status: Status
    plan: Plan


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """The plans of all owners: accounts first, then customers by id.

    `elsewhere`: how many customers of this controller are declared outside the paths that were read.
    """

    plans: tuple[Plan, ...]
    orphans: tuple[Orphan, ...]
    elsewhere: int
    controller_id: str
    made_at: datetime
    cases: Mapping[str, Case] = field(repr=False)

    @property
    def digest(self) -> str:
        """Identifies what an apply would do; stable over re-runs."""
        digests = [plan.digest for plan in self.plans] + [orphan.plan.digest for orphan in self.orphans]
        return hashlib.sha256(" ".join([self.controller_id, *sorted(digests)]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Result:
    """What an apply did for one owner.

    `unsaved`: the status could not be written. `released`: an orphan was let go of. `stopped`: the run ended first.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    unsaved: Failure | None = None
    released: bool = False
    stopped: bool = False

    @property
    def failed(self) -> bool:
        return bool(self.plan.unknown or self.unsaved or any(o.failure for o in self.outcomes))

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


class Fleet:
    """All accounts and the status store, under one controller id."""

    def __init__(
        self, sites: Mapping[str, Site], store: Store, clock: Callable[[], datetime], options: Options
    ) -> None:
        self._sites = sites
        self._store = store
        self._clock = clock
        self._options = options

    def plan(self, wanted: Desired, progress: Progress = lambda *_: None) -> FleetPlan:
        """Looks at everything, writes nothing. Raises Failure only where the status store cannot be read."""
        statuses = self._store.load()
        customers = sorted(wanted.customers, key=lambda customer: customer.customer_id)
        owners: list[Owner] = [*(site.account for _, site in sorted(self._sites.items())), *customers]
        cases = [self._open(owner, statuses.get(owner.id)) for owner in owners]
        gone, elsewhere = self._gone(statuses, wanted)
        orphans = [self._open(_former(status), status, wanted=False) for status in gone]

        observed = self._observe([*cases, *orphans], progress)
        now = self._clock()
        claims = _claims([*cases, *orphans], statuses)

        def plan(case: Case) -> Plan:
            refusal = self._refusal(case)
            if refusal:
                return Plan(case.owner, unknown=(Unknown(Key("customer", case.owner.id), refusal),))
            site = self._site(case.owner)
            claimed = frozenset(key for key in case.applied if claims[key] - {case.owner.id})
            rules = Rules(now, self._options.settle, claimed)
            return reconcile.plan(case, site.kinds_of(case.owner), observed[site.account.name], rules)

        return FleetPlan(
            plans=tuple(plan(case) for case in cases),
            orphans=tuple(Orphan(status, plan(case)) for status, case in zip(gone, orphans, strict=True)),
            elsewhere=elsewhere,
            controller_id=self._options.controller_id,
            made_at=now,
            cases={case.owner.id: case for case in [*cases, *orphans]},
        )

    def apply(
        self,
        fleet_plan: FleetPlan,
        *,
        prune: bool = False,
        stop: Stop = lambda: False,
        progress: Progress = lambda *_: None,
    ) -> tuple[Result, ...]:
        """Carries the plans out: accounts first, since budgets need the topic, then customers in parallel."""
        accounts = [plan for plan in fleet_plan.plans if isinstance(plan.owner, Account)]
        customers = [plan for plan in fleet_plan.plans if isinstance(plan.owner, Customer)]
        total = len(accounts) + len(customers) + (len(fleet_plan.orphans) if prune else 0)
        results: list[Result] = []

        def collect(found: Iterable[Result]) -> None:
            for result in found:
                results.append(result)
                progress("Applying", len(results), total)

        conditions: dict[str, tuple[Condition, ...]] = {}
        with ThreadPoolExecutor(self._options.concurrency, thread_name_prefix="apply") as pool:
            for plan in accounts:
                result, status = self._apply_one(fleet_plan, plan, (), stop)
                conditions[plan.owner.name] = _shared(status)
                collect([result])
            collect(
                pool.map(
                    lambda plan: self._apply_one(fleet_plan, plan, conditions.get(plan.owner.account, ()), stop)[0],
                    customers,
                )
            )
            if prune:
                collect(pool.map(lambda orphan: self._prune_one(fleet_plan, orphan, stop), fleet_plan.orphans))
        return tuple(results)

    def _open(self, owner: Owner, status: Status | None, *, wanted: bool = True) -> Case:
        site = self._site(owner)
        return reconcile.open_case(owner, site.kinds_of(owner), status, wanted=wanted)

    def _site(self, owner: Owner) -> Site:
        return self._sites[owner.name if isinstance(owner, Account) else owner.account]

    def _gone(self, statuses: Mapping[str, Status], wanted: Desired) -> tuple[list[Status], int]:
        """Customers of this controller without a manifest: those in the scope of this run, and how many others.

        Where manifests could not be read, nobody counts as gone.
        """
        present = {customer.customer_id for customer in wanted.customers}
        missing = [
            status
            for _, status in sorted(statuses.items())
            if status.controller_id == self._options.controller_id
            and status.owner_id not in present
            and not status.owner_id.startswith("account/")
        ]
        inside = [s for s in missing if wanted.complete and wanted.covers(s.source) and s.account in self._sites]
        return inside, len(missing) - len(inside)

    def _refusal(self, case: Case) -> Failure | None:
        """Why this owner cannot be touched at all: it belongs to another controller, or it moved between accounts."""
        status, owner = case.status, case.owner
        if status is None or isinstance(owner, Account):
            return None
        if status.controller_id != self._options.controller_id:
            return PermanentFailure(
                f"{owner.id} is managed by the controller_id {status.controller_id!r}, not by this one",
                code="ForeignController",
                advice="Remove the manifest on one side.",
            )
        if status.account != owner.account:
            return PermanentFailure(
                f"spec.account was {status.account!r} and is now {owner.account!r}; what stands in the old account"
                " would be forgotten",
                code="AccountChanged",
                advice="Take the customer out with --prune first, then declare it in the new account.",
            )
        return None

    def _observe(self, cases: Sequence[Case], progress: Progress) -> dict[str, dict[Key, Observation[Any]]]:
        """One bulk observation for each account and kind, all at the same time; by account name."""
        parts = [(site, kind) for site in self._sites.values() for kind in (*site.account_kinds, *site.customer_kinds)]
        by_site = {name: [c for c in cases if self._site(c.owner) is site] for name, site in self._sites.items()}
        observed: dict[str, dict[Key, Observation[Any]]] = {name: {} for name in self._sites}

        def look(part: tuple[Site, AnyKind]) -> tuple[str, dict[Key, Observation[Any]]]:
            name = part[0].account.name
            return name, reconcile.observe(by_site[name], part[1])

        with ThreadPoolExecutor(max(len(parts), 1), thread_name_prefix="observe") as pool:
            for done, (name, found) in enumerate(pool.map(look, parts), start=1):
                observed[name] |= found
                progress("Observing", done, len(parts))
        return observed

    def _apply_one(
        self, fleet_plan: FleetPlan, plan: Plan, conditions: tuple[Condition, ...], stop: Stop
    ) -> tuple[Result, Status | None]:
        case = fleet_plan.cases[plan.owner.id]
        if stop():
            return _stopped(plan), case.status
        kinds = self._site(plan.owner).kinds_of(plan.owner)
        outcomes = reconcile.apply(plan, kinds, stop)
        this = Pass(self._clock(), self._options.controller_id, self._options.commit, conditions)
        status = reconcile.conclude(case, plan, outcomes, kinds, this)
        return Result(plan, outcomes, self._save(status)), status or case.status

    def _prune_one(self, fleet_plan: FleetPlan, orphan: Orphan, stop: Stop) -> Result:
        """Deletes what is ours, or lets go of it, by the deletion policy as last applied; then forgets the owner."""
        if stop():
            return _stopped(orphan.plan)
        if orphan.status.deletion_policy == "Retain":
            unsaved = self._forget(orphan.status)
            return Result(replace(orphan.plan, changes=()), unsaved=unsaved, released=unsaved is None)
        case = fleet_plan.cases[orphan.plan.owner.id]
        kinds = self._site(orphan.plan.owner).kinds_of(orphan.plan.owner)
        outcomes = reconcile.apply(orphan.plan, kinds, stop)
        if not orphan.plan.unknown and all(outcome.ok for outcome in outcomes):
            return Result(orphan.plan, outcomes, self._forget(orphan.status))
        this = Pass(self._clock(), self._options.controller_id, self._options.commit)
        status = reconcile.conclude(case, orphan.plan, outcomes, kinds, this)
        return Result(orphan.plan, outcomes, self._save(status))

    def _save(self, status: Status | None) -> Failure | None:
        try:
            if status:
                self._store.save(status)
        except Failure as failure:
            return failure
        return None

    def _forget(self, status: Status) -> Failure | None:
        try:
            self._store.delete(status)
        except Failure as failure:
            return failure
        return None


def _stopped(plan: Plan) -> Result:
    return Result(plan, tuple(Outcome(change, tried=False) for change in plan.pending), stopped=True)


def _claims(cases: Iterable[Case], statuses: Mapping[str, Status]) -> Mapping[Key, set[str]]:
    """Who wants or holds each key, by owner id."""
    claims: dict[Key, set[str]] = defaultdict(set)
    for case in cases:
        for key in case.desired:
            claims[key].add(case.owner.id)
    for status in statuses.values():
        for key in status.keys:
            claims[key].add(status.owner_id)
    return claims


def _former(status: Status) -> Customer:
    """The customer that a status was written for, as far as it is needed to remove its keys."""
    return Customer(
        name=status.name,
        customer_id=status.owner_id,
        display_name=status.name,
        email="",
        account=status.account,
        deletion_policy=status.deletion_policy,
        generation=status.generation,
    )


def _shared(status: Status | None) -> tuple[Condition, ...]:
    """Conditions of an account that hold for each of its customers."""
    own = {"Ready", "Synced", "Reconciling", "Stalled", "Suspended"}
    return tuple(c for c in (status.conditions if status else ()) if c.type not in own)
