"""The main flow for one owner: desired -> observe -> plan -> apply -> status.

Everything here works on any kinds: real ones, or the in-memory fakes of the tests.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from controller.domain.customer import Owner
from controller.domain.kind import AnyKind
from controller.domain.outcome import Outcome
from controller.domain.plan import Change, Plan, Rules, build_plan
from controller.domain.resource import Applied, Key, Observation, Target, Unreadable
from controller.domain.status import Pass, Status, applied_states, holding, next_status
from controller.errors import AccountFailure, Failure, unexpected

Stop = Callable[[], bool]
"""Asked before every change: True ends the run after the calls in flight."""


@dataclass(frozen=True, slots=True)
class Case:
    """One owner before anything was looked at: what it wants, and what we applied for it before."""

    owner: Owner
    desired: Mapping[Key, Any]
    applied: Mapping[Key, Applied[Any]]
    status: Status | None

    def targets(self, kind: str) -> Iterator[tuple[Key, Target[Any]]]:
        """Desired keys plus inventory keys: all that has to be looked at of a kind."""
        keys = [key for key in self.desired if key.kind == kind]
        keys += [key for key in self.applied if key.kind == kind and key not in self.desired]
        return ((key, Target(key.name, self.desired.get(key), self.applied.get(key))) for key in keys)


def open_case(owner: Owner, kinds: Sequence[AnyKind], status: Status | None, *, wanted: bool = True) -> Case:
    """The case of an owner; `wanted` False: its manifest is gone, so nothing is desired any more."""
    desired = {Key(kind.name, name): state for kind in kinds if wanted for name, state in kind.desired(owner).items()}
    known = holding(status, desired) if status else None
    return Case(owner, desired, applied_states(known, kinds, desired), known)


def observe(cases: Iterable[Case], kind: AnyKind) -> dict[Key, Observation[Any]]:
    """Everything that this kind has to look at for these cases, in one bulk observation.

    A kind that fails as a whole, or an account, leaves all these keys unread, and the other kinds alone.
    """
    targets: dict[Key, Target[Any]] = {}
    for case in cases:
        for key, target in case.targets(kind.name):
            if target.desired is not None or key not in targets:
                targets[key] = target  # of two owners with one name, the one that wants it says where it is
    if not targets:
        return {}
    found: Mapping[str, Observation[Any]]
    try:
        found = kind.observe(list(targets.values()))
    except Failure as failure:
        found = {key.name: Unreadable(failure) for key in targets}
    except Exception as error:  # noqa: BLE001 - a bug in one kind must not stop the others
        wrong = Unreadable(unexpected(error, kind.name))
        found = {key.name: wrong for key in targets}
    return {key: found[key.name] for key in targets if key.name in found}


def plan(case: Case, kinds: Sequence[AnyKind], observed: Mapping[Key, Observation[Any]], rules: Rules) -> Plan:
    """What would change for this owner. Pure."""
    return build_plan(case.owner, kinds, case.desired, case.applied, observed, rules)


def apply(plan: Plan, kinds: Sequence[AnyKind], stop: Stop = lambda: False) -> tuple[Outcome, ...]:
    """Carries out the plan, change by change. A failed kind does not stop the next one; a failed account does."""
    by_name = {kind.name: kind for kind in kinds}
    outcomes: list[Outcome] = []
    for change in plan.to_apply:
        if stop() or any(isinstance(o.failure, AccountFailure) for o in outcomes):
            outcomes.append(Outcome(change, tried=False))
        else:
            outcomes.append(_carry_out(change, by_name[change.key.kind]))
    return tuple(outcomes)


def conclude(
    case: Case, plan: Plan, outcomes: Sequence[Outcome], kinds: Sequence[AnyKind], this: Pass
) -> Status | None:
    """The status to write, or None when the one in the store says it all already."""
    status = next_status(case.status, plan, outcomes, kinds, this)
    return None if status == case.status else status


def _carry_out(change: Change, kind: AnyKind) -> Outcome:
    started = time.perf_counter()
    failure: Failure | None = None
    try:
        if change.action == "delete":
            kind.delete(change.key.name, change.observed)
        elif change.writes:
            kind.put(change.key.name, change.desired, change.observed)
    except Failure as caught:
        failure = caught
    except Exception as error:  # noqa: BLE001 - a bug in one kind must not stop the others
        failure = unexpected(error, str(change.key))
    return Outcome(change, failure, seconds=time.perf_counter() - started)
