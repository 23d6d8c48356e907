"""Who has a right to what: two customers must never fight over one bucket, nor strip it from each other. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
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

    wanted: "Owners"
    retained: "Owners"
    held: "Owners"

    def others(self, owner: Owner, key: Key) -> frozenset[str]:
        """The owners beside this one that the key must not be removed from."""
        found = (who.get(owner.account, {}).get(key, NOBODY) for who in (self.wanted, self.retained, self.held))
        return NOBODY.union(*found) - {owner.id}

    def holders(self, owner: Owner, key: Key) -> frozenset[str]:
        """The owners that the key must not be taken over from."""
        return self.held.get(owner.account, {}).get(key, NOBODY) - {owner.id}


Owners = Mapping[str, Mapping[Key, frozenset[str]]]
"""Owner ids by account and key. Nearly always there is one, and all keys of an owner share one value."""

NOBODY: frozenset[str] = frozenset()

HELD = "HeldByAnother"
"""The code of what is wanted and is another owner's."""


def claims_of(cases: Iterable[Case], statuses: Mapping[str, Status]) -> Claims:
    wanted, retained, held = _Collected(), _Collected(), _Collected()
    in_this_run = set()
    for case in cases:
        owner = case.owner
        in_this_run.add(owner.id)
        wanted.add(owner.account, owner.id, case.desired)
        if not case.desired and isinstance(owner, Customer) and owner.deletion_policy == "Retain":
            retained.add(owner.account, owner.id, case.applied)
    for status in statuses.values():
        if status.owner_id not in in_this_run and not status.is_account:
            held.add(status.account, status.owner_id, status.keys)
    return Claims(wanted.owners, retained.owners, held.owners)


class _Collected:
    def __init__(self) -> None:
        self.owners: dict[str, dict[Key, frozenset[str]]] = defaultdict(dict)

    def add(self, account: str, owner_id: str, keys: Iterable[Key]) -> None:
        just_this = frozenset({owner_id})
        there = self.owners[account]
        for key in keys:
            there[key] = there[key] | just_this if key in there else just_this


def held_by(owners: Collection[str]) -> Unreadable:
    return Unreadable(
        PermanentFailure(
            f"it is held by {', '.join(sorted(owners))}",
            code=HELD,
            advice="Take it out of that manifest, and apply that one first or together with this one.",
        )
    )
