"""One pass of the operator: all customers that are due, reconciled as one fleet.

The same `Fleet` as the commands use, with the same guards and the same leases. What differs: nobody is there to be
asked, so what a guard is against is left alone and told, and all the rest goes on.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from controller.domain.customer import Account, Customer, DeletionPolicy
from controller.domain.outcome import Outcome
from controller.domain.plan import Plan
from controller.domain.safety import Lately, Placed, unallowed
from controller.domain.status import Status
from controller.errors import Failure, PermanentFailure, Refused, TransientFailure
from controller.fleet import Desired, Fleet, FleetPlan, Hold, Orphan, Result, Unheld
from controller.reconcile import Stop

LEASE_PATIENCE = 20.0
"""Seconds that a pass waits for a lease: longer than that of a replica that was killed lives on."""


LATELY = timedelta(minutes=5)
"""For how long what was changed counts in the guard's shares."""


class Leases(Protocol):
    def hold(self, names: Mapping[str, str], timeout: float, what: str = "apply") -> AbstractContextManager[Hold]: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a pass found and did for one owner.

    `status`: what is known of it now. `failure`: why it was left alone, or why its status could not be stored. `gone`:
    nothing of it is ours any more, or we let go of it. `declared_by`: what goes on to declare it then.
    """

    plan: Plan | None = None
    outcomes: tuple[Outcome, ...] = ()
    status: Status | None = None
    failure: Failure | None = None
    gone: bool = False
    declared_by: str = ""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Everything that did not work, the weightiest first."""
        unread = self.plan.failures if self.plan else ()
        found = [*([self.failure] if self.failure else []), *unread, *(o.failure for o in self.outcomes if o.failure)]
        return tuple(dict.fromkeys(found))

    @property
    def is_cut_short(self) -> bool:
        """Whether the pass was stopped in the middle of it: what is left is nobody's fault, and still to be done."""
        return not self.failures and any(not outcome.tried for outcome in self.outcomes)


@dataclass(frozen=True, slots=True)
class Leaving:
    """A customer that is being deleted, as its resource says now: that counts, and not what was applied last."""

    customer_id: str
    source: str
    policy: DeletionPolicy
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """What a pass is about: customers that are wanted, and those that are being deleted, by id."""

    customers: Sequence[Customer]
    leaving: Mapping[str, Leaving] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passed:
    """The verdicts by owner id, accounts among them."""

    verdicts: Mapping[str, Verdict]


class Recent:
    """What passes changed and removed lately. A change of many customers may come in parts, a pass for each."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._changed: dict[Placed, datetime] = {}
        self._removed: dict[Placed, datetime] = {}

    def note(self, results: Iterable[Result]) -> None:
        """What is new is not too much however often it comes."""
        now = self._clock()
        for result in results:
            for outcome in result.outcomes:
                action, placed = outcome.change.action, (result.plan.owner.account, outcome.change.key)
                if outcome.tried and outcome.change.writes and action != "create":
                    (self._removed if action == "delete" else self._changed)[placed] = now

    def look(self) -> Lately:
        oldest = self._clock() - LATELY
        self._changed = {placed: at for placed, at in self._changed.items() if at >= oldest}
        self._removed = {placed: at for placed, at in self._removed.items() if at >= oldest}
        return Lately(frozenset(self._changed), frozenset(self._removed))


class Passes:
    """Passes over one fleet, one at a time. `lease_names` are the leases by account; `only_watch` changes nothing."""

    def __init__(
        self,
        fleet: Fleet,
        leases: Leases,
        lease_names: Mapping[str, str],
        *,
        recent: Recent | None = None,
        only_watch: bool = False,
    ) -> None:
        self._fleet, self._leases, self._names, self._only_watch = fleet, leases, lease_names, only_watch
        self._recent = recent

    def run(self, due: Due, stop: Stop = lambda: False) -> Passed:
        """Reconciles what is due. Raises Failure where nothing can be done for anybody."""
        plan = self._plan(due)
        return Passed(dict(_of_the_kept(plan, due)) | self._verdicts(plan, due, stop))

    def _verdicts(self, plan: FleetPlan, due: Due, stop: Stop) -> dict[str, Verdict]:
        if self._only_watch:
            return self._foreseen(plan)
        if self._fleet.is_idle(plan, prune=True):
            return _verdicts(plan, self._fleet.apply(plan, Unheld(), prune=True, stop=stop))
        try:
            with self._leases.hold(self._names, LEASE_PATIENCE, what="apply") as hold:
                if self._fleet.has_moved(plan):
                    plan = self._plan(due)
                results = self._fleet.apply(plan, hold, prune=True, stop=stop)
        except Refused as refused:
            return self._held_up(plan, refused)
        if self._recent:
            self._recent.note(results)
        return _verdicts(plan, results)

    def _plan(self, due: Due) -> FleetPlan:
        wanted = Desired(tuple(due.customers), leaving={id_: one.source for id_, one in due.leaving.items()})
        plan = self._fleet.plan(wanted)
        orphans = (_as_it_leaves(orphan, due.leaving.get(orphan.status.owner_id)) for orphan in plan.orphans)
        lately = self._recent.look() if self._recent else Lately()
        return guarded(replace(plan, orphans=tuple(orphans), by_name=True, lately=lately))

    def _foreseen(self, plan: FleetPlan) -> dict[str, Verdict]:
        statuses = self._fleet.foresee(plan)
        return {
            one.owner.id: Verdict(one, status=statuses[one.owner.id], failure=one.refused) for one in plan.all_plans()
        }

    def _held_up(self, plan: FleetPlan, refused: Refused) -> dict[str, Verdict]:
        """Who is in sync is told so; the changes of the others wait for the other run."""
        waits = TransientFailure(str(refused), code="AnotherRun")
        changing = {one.owner.id for one in plan.all_plans() if one.to_apply or one.taken_from}
        changing |= {orphan.status.owner_id for orphan in plan.orphans}
        return {
            id_: replace(one, failure=waits) if id_ in changing and not one.failure else one
            for id_, one in self._foreseen(plan).items()
        }


def _as_it_leaves(orphan: Orphan, leaving: Leaving | None) -> Orphan:
    """What only lets go touches nothing in AWS, so that is done for a suspended one, too."""
    if leaving is None:
        return orphan
    suspended = leaving.suspended and leaving.policy == "Delete"
    owner = replace(orphan.plan.owner, suspend=suspended, deletion_policy=leaving.policy)
    return Orphan(replace(orphan.status, deletion_policy=leaving.policy), replace(orphan.plan, owner=owner))


def guarded(plan: FleetPlan) -> FleetPlan:
    """The plan without what a guard is against: those owners are refused, each with what it would take."""
    pruned = [orphan.plan for orphan in plan.orphans if not orphan.lets_go]
    for one in (*plan.plans, *pruned):
        if words := unallowed([one], plan.limits.allow):
            plan = plan.sparing({one.owner.id}, _not_allowed("; ".join(words), "safety.allow"))
    if words := plan.refusals(prune=True):
        changing = {one.owner.id for one in (*plan.plans, *pruned) if _changes_what_is_there(one)}
        plan = plan.sparing(changing, _not_allowed("; ".join(words), "safety.max_change_percent or max_remove_percent"))
    return plan


def _not_allowed(words: str, setting: str) -> PermanentFailure:
    return PermanentFailure(words, code="NotAllowed", advice=f"In a cluster: {setting} of the settings.")


def _changes_what_is_there(plan: Plan) -> bool:
    return any(change.writes and change.action != "create" for change in plan.to_apply)


def _verdicts(plan: FleetPlan, results: Collection[Result]) -> dict[str, Verdict]:
    """None of those that the pass was stopped before: nothing is known of them that was not known already."""
    orphans = {orphan.status.owner_id: orphan for orphan in plan.orphans}
    done = [result for result in results if not result.stopped]
    return {result.plan.owner.id: _verdict(result, orphans.get(result.plan.owner.id)) for result in done}


def _verdict(result: Result, orphan: Orphan | None) -> Verdict:
    failure = result.plan.refused or result.unsaved
    if orphan is None:
        return Verdict(result.plan, result.outcomes, result.status, failure)
    if orphan.suspended:
        words = "it is suspended, so nothing of it is removed"
        failure = failure or PermanentFailure(
            words, code="Suspended", advice="Set spec.suspend to false, or release it."
        )
    gone = not failure and (result.released or result.complete)
    return Verdict(result.plan, result.outcomes, result.status or orphan.status, failure, gone)


def _of_the_kept(plan: FleetPlan, due: Due) -> Iterator[tuple[str, Verdict]]:
    """Those that are leaving, and of which nothing is this pass's to prune."""
    pruned = {orphan.status.owner_id for orphan in plan.orphans}
    for id_, leaving in due.leaving.items():
        if id_ not in pruned:
            yield id_, _kept(leaving, plan.kept.get(id_), plan.controller_id)


def _kept(leaving: Leaving, stored: Status | Failure | None, controller_id: str) -> Verdict:
    if not isinstance(stored, Status):
        return Verdict(failure=stored, gone=stored is None)
    if stored.source == leaving.source:
        words = f"its account {stored.account!r} is not in the settings, so nothing of it is removed"
        return _stays(stored, words, "UnknownAccount", "Put the account back until it is gone, or release it.")
    where = stored.source or "another manifest"
    if leaving.policy == "Retain" or stored.controller_id != controller_id:
        return Verdict(status=stored, gone=True, declared_by=where)
    words = f"{where} declares it, too, so nothing of it is removed"
    return _stays(stored, words, "DeclaredElsewhere", "Remove it there as well, or release it.")


def _stays(stored: Status, words: str, code: str, advice: str) -> Verdict:
    return Verdict(status=stored, failure=PermanentFailure(words, code=code, advice=advice))


AnyPass = Callable[[Due, Stop], Passed]


def is_account(verdict: Verdict) -> bool:
    return verdict.plan is not None and isinstance(verdict.plan.owner, Account)
