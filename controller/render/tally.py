"""What a plan adds up to: the numbers and the one sentence that every output of a plan ends in or begins with."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controller.domain.customer import Customer
from controller.domain.plan import Action, Change, Plan
from controller.fleet import FleetPlan
from controller.render.phrases import SYMBOLS, VERBS, count


@dataclass(frozen=True, slots=True)
class Tally:
    """The counts of a plan; a Change counts as one. `prune`: whether the orphans' part is to be carried out too.

    `changed` are the customers with something to apply, `unchanged` those that match AWS; suspended, waiting and
    unreadable ones are neither. `trusted` are states of which a part was read in an earlier run only, the oldest at
    `trusted_since`.
    """

    actions: dict[Action, int]
    drift: int
    changing_adoptions: int
    customers: int
    changed: int
    changed_accounts: int
    unchanged: int
    suspended: int
    unread: int
    waiting: int
    settling: int
    orphans: int
    released: int
    elsewhere: int
    trusted: int
    trusted_since: datetime | None
    prune: bool
    taken_over: int = 0

    @property
    def has_changes(self) -> bool:
        """Whether an apply would do anything: write to AWS, enter something into the inventory, or let go of it."""
        return any(self.actions.values()) or bool(self.prune and self.released) or bool(self.taken_over)

    @property
    def headline(self) -> str:
        """`9 to add, 3 to change, 1 to remove, 2 to adopt`; the last one only where there is any."""
        told = [action for action in SYMBOLS if action != "adopt" or self.actions["adopt"]]
        return ", ".join(f"{self.actions[action]:,} to {VERBS[action]}" for action in told)

    @property
    def summary(self) -> str:
        """The one summary line."""
        if not self.has_changes:
            return f"No changes. {self._matching()}{self._clauses()}."
        let_go = f", {self.released:,} to let go of" if self.prune and self.released else ""
        return f"Plan: {self.headline}{let_go} in {self._where()}; {self.unchanged:,} unchanged{self._clauses()}."

    def _matching(self) -> str:
        if not self.customers:
            return "No customers are declared"
        verb = "matches" if self.customers == 1 else "match"
        if self.unchanged == self.customers:
            return f"{count(self.customers, 'customer')} {verb} AWS"
        return f"{self.unchanged:,} of {count(self.customers, 'customer')} {verb} AWS"

    def _where(self) -> str:
        where = [
            (self.changed_accounts, count(self.changed_accounts, "account")),
            (self.changed, f"{self.changed:,} of {count(self.customers, 'customer')}"),
            (self.prune and self.orphans, count(self.orphans, "orphan")),
        ]
        *most, last = [text for number, text in where if number]
        return f"{', '.join(most)} and {last}" if most else last

    def _clauses(self) -> str:
        said = [
            (self.drift, f"{count(self.drift, 'change is', 'changes are')} drift"),
            (self.taken_over, f"{self.taken_over:,} taken over from another controller_id"),
            (self.suspended, f"{self.suspended:,} suspended"),
            (self.waiting, f"{self.waiting:,} waiting for AWS"),
            (self.settling, f"{self.settling:,} settling"),
            (self.unread, f"{self.unread:,} could not be read completely"),
            (self.orphans and not self.prune, f"{count(self.orphans, 'orphan')} (--prune)"),
        ]
        return "".join(f"; {text}" for number, text in said if number)


def tally(plan: FleetPlan, *, prune: bool = False) -> Tally:
    """Counts a plan once, in linear time."""
    customers = [one for one in plan.plans if isinstance(one.owner, Customer)]
    changed = sum(bool(one.to_apply or one.taken_from) for one in customers)
    pruned = [orphan.plan for orphan in plan.orphans if prune and not orphan.lets_go]
    changes = [change for one in (*plan.plans, *pruned) for change in one.to_apply]
    trusted = _trusted(plan)
    return Tally(
        actions=_actions(changes),
        drift=sum(change.drift for change in changes),
        changing_adoptions=sum(change.action == "adopt" and change.writes for change in changes),
        customers=len(customers),
        changed=changed,
        changed_accounts=sum(bool(one.to_apply or one.taken_from) for one in plan.plans) - changed,
        unchanged=sum(matches(one) for one in customers),
        suspended=sum(bool(one.owner.suspend and one.changes) for one in plan.plans),
        unread=sum(bool(one.problems) for one in plan.plans),
        waiting=sum(len(one.waiting) for one in plan.plans),
        settling=sum(len(one.settling) for one in plan.plans),
        orphans=len(plan.orphans),
        released=sum(orphan.lets_go for orphan in plan.orphans),
        elsewhere=plan.elsewhere,
        trusted=len(trusted),
        trusted_since=min(trusted, default=None),
        prune=prune,
        taken_over=sum(bool(one.taken_from) for one in plan.plans),
    )


def matches(plan: Plan) -> bool:
    """Whether AWS holds what the owner asks for, as far as we can tell after our own writes."""
    return not (plan.changes or plan.problems or plan.waiting or plan.taken_from)


def _actions(changes: Sequence[Change]) -> dict[Action, int]:
    found = Counter(change.action for change in changes)
    return {action: found[action] for action in SYMBOLS}


def _trusted(plan: FleetPlan) -> list[datetime]:
    """When the facts were read that no call of this run confirmed: their time is the one in the inventory."""
    found = []
    for one in plan.plans:
        case = plan.cases.get(one.owner.id)
        for synced in one.in_sync:
            if synced.verified_at is None:
                continue
            applied = case.applied.get(synced.key) if case else None
            if synced.verified_at <= applied.verified_at if applied else synced.verified_at < plan.made_at:
                found.append(synced.verified_at)
    return found
