"""Failures told once: what many owners share is one thing to repair, not a thousand."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from controller.domain.customer import Account, Owner
from controller.domain.plan import Plan
from controller.errors import AccountFailure, Failure
from controller.fleet import FleetPlan

Met = tuple[Owner, str, Failure]
"""An owner, the kind of thing that it concerned, and the failure."""

Sign = tuple[str, ...]
"""What makes two failures one: all refusals of an account's credentials are, whichever call met them."""


@dataclass(frozen=True, slots=True)
class Shared:
    """One failure with the kinds and the owners that met it, in the order of the plan."""

    failure: Failure
    account: str
    kinds: tuple[str, ...]
    owners: tuple[Owner, ...]


def shared_failures(met: Iterable[Met]) -> Mapping[Sign, Shared]:
    """The failures of whole accounts, and those that more than one owner met, by their sign."""
    first: dict[Sign, Failure] = {}
    kinds: dict[Sign, dict[str, None]] = {}
    owners: dict[Sign, dict[str, Owner]] = {}
    for owner, kind, failure in met:
        mark = sign(owner, failure)
        first.setdefault(mark, failure)
        kinds.setdefault(mark, {})[kind] = None
        owners.setdefault(mark, {})[owner.id] = owner
    return {
        mark: Shared(failure, mark[0], tuple(kinds[mark]), tuple(owners[mark].values()))
        for mark, failure in first.items()
        if isinstance(failure, AccountFailure) or len(owners[mark]) > 1
    }


def unread(plans: Iterable[Plan]) -> Iterator[Met]:
    """The failures that kept things from being read."""
    return ((plan.owner, unknown.key.kind, unknown.failure) for plan in plans for unknown in plan.problems)


def unread_of(plan: FleetPlan) -> Mapping[Sign, Shared]:
    """What a whole plan, orphans included, could not read for reasons that owners share."""
    return shared_failures(unread(plan.all_plans()))


def sign(owner: Owner, failure: Failure) -> Sign:
    """The sign of a failure; begins with the account's name."""
    account = owner.name if isinstance(owner, Account) else owner.account
    if isinstance(failure, AccountFailure):
        return (account, AccountFailure.__name__, failure.code)
    return (account, type(failure).__name__, failure.code, failure.operation, failure.resource, failure.message)
