"""What could not be read, told once: a failure that many owners share is one thing to repair, not a thousand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.customer import Account, Owner
from controller.domain.plan import Plan
from controller.errors import AccountFailure, Failure

Sign = tuple[str, ...]
"""What makes two failures one: all refusals of an account's credentials are, whichever call met them."""


@dataclass(frozen=True, slots=True)
class Shared:
    """One failure, and the kinds and the owners that it kept from being read, in the order of the plan."""

    failure: Failure
    account: str
    kinds: tuple[str, ...]
    owners: tuple[Owner, ...]


def shared_failures(plans: Iterable[Plan]) -> Mapping[Sign, Shared]:
    """The failures of whole accounts, and those that more than one owner met, by their sign."""
    first: dict[Sign, Failure] = {}
    kinds: dict[Sign, dict[str, None]] = {}
    owners: dict[Sign, dict[str, Owner]] = {}
    for plan in plans:
        for unknown in plan.unknown:
            mark = sign(plan.owner, unknown.failure)
            first.setdefault(mark, unknown.failure)
            kinds.setdefault(mark, {})[unknown.key.kind] = None
            owners.setdefault(mark, {})[plan.owner.id] = plan.owner
    return {
        mark: Shared(failure, mark[0], tuple(kinds[mark]), tuple(owners[mark].values()))
        for mark, failure in first.items()
        if isinstance(failure, AccountFailure) or len(owners[mark]) > 1
    }


def sign(owner: Owner, failure: Failure) -> Sign:
    """The sign of a failure; begins with the account's name."""
    account = owner.name if isinstance(owner, Account) else owner.account
    if isinstance(failure, AccountFailure):
        return (account, AccountFailure.__name__, failure.code)
    return (account, type(failure).__name__, failure.code, failure.operation, failure.resource, failure.message)
