"""Who has a right to what: two customers must never fight over one bucket, nor strip it from each other. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from controller.domain.customer import Customer, Owner
from controller.domain.resource import Key, Unreadable
from controller.domain.status import Status
from controller.errors import PermanentFailure
from controller.reconcile import Case


@dataclass(frozen=True, slots=True)
class Claims:
    """Who has a right to each key of an account, by owner id.

    `wanted`: wants it in this run; `retained`: its manifest is gone, and it keeps what it has; `held`: has it, outside
    of this run.
    """

    wanted: Mapping[tuple[str, Key], set[str]]
    retained: Mapping[tuple[str, Key], set[str]]
    held: Mapping[tuple[str, Key], set[str]]

    def others(self, owner: Owner, key: Key) -> set[str]:
        """The owners beside this one that the key must not be removed from."""
        at = (owner.account, key)
        return set().union(*(who.get(at, ()) for who in (self.wanted, self.retained, self.held))) - {owner.id}

    def holders(self, owner: Owner, key: Key) -> set[str]:
        """The owners that the key must not be taken over from."""
        return self.held.get((owner.account, key), set()) - {owner.id}


def claims_of(cases: Iterable[Case], statuses: Mapping[str, Status]) -> Claims:
    wanted: dict[tuple[str, Key], set[str]] = defaultdict(set)
    retained: dict[tuple[str, Key], set[str]] = defaultdict(set)
    held: dict[tuple[str, Key], set[str]] = defaultdict(set)
    in_this_run = set()
    for case in cases:
        in_this_run.add(case.owner.id)
        is_gone = not case.desired and isinstance(case.owner, Customer)
        for key in case.desired:
            wanted[case.owner.account, key].add(case.owner.id)
        for key in case.applied if is_gone and case.owner.deletion_policy == "Retain" else ():
            retained[case.owner.account, key].add(case.owner.id)
    for status in statuses.values():
        for key in status.keys if status.owner_id not in in_this_run and not status.is_account else ():
            held[status.account, key].add(status.owner_id)
    return Claims(wanted, retained, held)


def held_by(owners: set[str]) -> Unreadable:
    return Unreadable(
        PermanentFailure(
            f"it is held by {', '.join(sorted(owners))}",
            code="HeldByAnother",
            advice="Take it out of that manifest, and apply that one first or together with this one.",
        )
    )
