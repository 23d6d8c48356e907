"""One pass of the operator: all customers that are due, reconciled as one fleet.

The same `Fleet` as the commands use, with the same guards and the same leases. What differs: nobody is there to be
asked, so what a guard is against is left alone and told, and all the rest goes on.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from controller.domain.customer import Account, Customer
from controller.domain.outcome import Outcome
from controller.domain.plan import Plan
from controller.domain.safety import unallowed
from controller.domain.status import Status
from controller.errors import Failure, PermanentFailure, Refused, TransientFailure
from controller.fleet import Desired, Fleet, FleetPlan, Hold, Orphan, Result, Unheld
from controller.reconcile import Stop

LEASE_PATIENCE = 20.0
"""Seconds that a pass waits for a lease: longer than that of a replica that was killed lives on."""


class Leases(Protocol):
    def hold(self, names: Mapping[str, str], timeout: float, what: str = "apply") -> AbstractContextManager[Hold]: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a pass found and did for one owner.

    `status`: what is known of it now. `failure`: why it was left alone, or why its status could not be stored. `gone`:
    nothing of it is ours any more, or we let go of it.
    """

    plan: Plan | None = None
    outcomes: tuple[Outcome, ...] = ()
    status: Status | None = None
    failure: Failure | None = None
    gone: bool = False

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Everything that did not work, the weightiest first."""
        unread = self.plan.failures if self.plan else ()
        found = [*([self.failure] if self.failure else []), *unread, *(o.failure for o in self.outcomes if o.failure)]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Due:
    """What a pass is about: customers that are wanted, and the sources of those that are being deleted, by id."""

    customers: Sequence[Customer]
    leaving: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Passed:
    """The verdicts by owner id, accounts among them."""

    verdicts: Mapping[str, Verdict]


class Passes:
    """Passes over one fleet, one at a time. `lease_names` are the leases by account; `only_watch` changes nothing."""

    def __init__(
        self, fleet: Fleet, leases: Leases, lease_names: Mapping[str, str], *, only_watch: bool = False
    ) -> None:
        self._fleet, self._leases, self._names, self._only_watch = fleet, leases, lease_names, only_watch

    def run(self, due: Due, stop: Stop = lambda: False) -> Passed:
        """Reconciles what is due. Raises Failure where nothing can be done for anybody."""
        plan = self._plan(due)
        if self._only_watch:
            return Passed(self._foreseen(plan))
        if self._fleet.is_idle(plan, prune=True):
            results = self._fleet.apply(plan, Unheld(), prune=True, stop=stop)
            return Passed(_verdicts(plan, results, due))
        try:
            with self._leases.hold(self._names, LEASE_PATIENCE, what="apply") as hold:
                if self._fleet.has_moved(plan):
                    plan = self._plan(due)
                results = self._fleet.apply(plan, hold, prune=True, stop=stop)
        except Refused as refused:
            return Passed(self._held_up(plan, refused))
        return Passed(_verdicts(plan, results, due))

    def _plan(self, due: Due) -> FleetPlan:
        sources = frozenset(due.leaving.values())
        wanted = Desired(tuple(due.customers), covers=lambda source: source in sources, partial=True)
        return guarded(replace(self._fleet.plan(wanted), by_name=True))

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


def _verdicts(plan: FleetPlan, results: Collection[Result], due: Due) -> dict[str, Verdict]:
    """None of those that the pass was stopped before: nothing is known of them that was not known already."""
    orphans = {orphan.status.owner_id: orphan for orphan in plan.orphans}
    done = [result for result in results if not result.stopped]
    verdicts = {result.plan.owner.id: _verdict(result, orphans.get(result.plan.owner.id)) for result in done}
    for id_ in due.leaving:
        if id_ not in orphans and id_ not in verdicts:  # nothing of it was ever ours
            foreign = plan.foreign.get(id_)
            verdicts[id_] = Verdict(failure=foreign, gone=foreign is None)
    return verdicts


def _verdict(result: Result, orphan: Orphan | None) -> Verdict:
    failure = result.plan.refused or result.unsaved
    if orphan is None:
        return Verdict(result.plan, result.outcomes, result.status, failure)
    if orphan.suspended and orphan.status.deletion_policy == "Retain":
        return Verdict(result.plan, gone=True, status=orphan.status)
    if orphan.suspended:
        words = "it is suspended, so nothing of it is removed"
        failure = failure or PermanentFailure(
            words, code="Suspended", advice="Set spec.suspend to false, or release it."
        )
    gone = not failure and result.complete
    return Verdict(result.plan, result.outcomes, result.status or orphan.status, failure, gone)


AnyPass = Callable[[Due, Stop], Passed]


def is_account(verdict: Verdict) -> bool:
    return verdict.plan is not None and isinstance(verdict.plan.owner, Account)
