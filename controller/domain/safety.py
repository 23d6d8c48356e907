"""The guard against changing too much at once: a wrong branch, an empty folder, a bad default. Pure.

As in octoDNS and Peribolos: shares of what exists already; what is new is never too much. Beside the shares, what gives
new power over data, or takes away the last who is told, has to be allowed by name.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from controller.domain.plan import Plan
from controller.domain.resource import Key
from controller.domain.settings import SafetySettings

EMPTY = "empty"
"""Allowed by name, too: that a folder of manifests is empty on purpose."""


Placed = tuple[str, Key]
"""A key, and the account that it is in."""


@dataclass(frozen=True, slots=True)
class Lately:
    """What runs just before this one changed and removed: with this one it is one change that came in parts."""

    changed: frozenset[Placed] = frozenset()
    removed: frozenset[Placed] = frozenset()


NOTHING = Lately()


def unallowed(plans: Iterable[Plan], allowed: Collection[str]) -> tuple[str, ...]:
    """Which powers these plans need that nobody allowed, each with whom it concerns and the option that allows it.

    What only puts drift back needs none: it was allowed when it was applied first.
    """
    found: dict[str, dict[str, str]] = {}
    for plan in plans:
        for change in plan.to_apply:
            for note in change.notes:
                if note.needs and note.needs not in allowed and change.intended:
                    found.setdefault(note.needs, {}).setdefault(plan.owner.name, note.text)
    return tuple(_unallowed(power, owners) for power, owners in sorted(found.items()))


def _unallowed(power: str, owners: Mapping[str, str]) -> str:
    name, text = next(iter(owners.items()))
    return f"{power} is not allowed: {name}: {text}{_others(list(owners)[1:])}. If that is meant: --allow {power}"


def _others(names: Sequence[str]) -> str:
    return f" (and the same for {', '.join(names)})" if names else ""


def refusals(
    plans: Sequence[Plan],
    limits: SafetySettings,
    untouched: int = 0,
    released: int = 0,
    lately: Lately = NOTHING,
) -> tuple[str, ...]:
    """Why these plans must not be applied, each with the option that would allow it; empty: nothing against it.

    Counted are keys in the inventory and keys that would be adopted with a difference. `untouched`: how many more keys
    we answer for, outside of these plans; `released`: how many of these we would let go of. A key that was changed
    `lately` and is changed again counts once.
    """
    changes = [change for plan in plans for change in plan.to_apply if change.writes]
    changed = _with(_placed(plans, "update", "adopt"), lately.changed)
    removed = released + _with(_placed(plans, "delete"), lately.removed)
    adopted = sum(change.action == "adopt" for change in changes)
    existing = untouched + adopted + sum(len(plan.in_sync) + len(plan.settling) + len(plan.unread) for plan in plans)
    existing += sum(change.action in ("update", "delete") for change in changes) + len(lately.removed)
    if existing < limits.min_keys:
        return ()
    shares = (
        (changed, limits.max_change_percent, "changes", "--max-change"),
        (removed, limits.max_remove_percent, "removes", "--max-remove"),
    )
    return tuple(
        f"this plan{_and_before(lately)} {verb} {count} of {existing} existing resources"
        f" ({_percent(count, existing)} %, the limit is {limit} %)."
        f" If that is meant: {option} {_percent(count, existing)}"
        for count, limit, verb, option in shares
        if Decimal(count) * 100 > limit * existing
    )


def _placed(plans: Iterable[Plan], *actions: str) -> frozenset[Placed]:
    changes = ((plan.owner.account, change) for plan in plans for change in plan.to_apply if change.writes)
    return frozenset((account, change.key) for account, change in changes if change.action in actions)


def _with(now: frozenset[Placed], before: frozenset[Placed]) -> int:
    """Each key once. Who changes nothing now is not to blame for what was changed before."""
    return len(now | before) if now else 0


def _and_before(lately: Lately) -> str:
    return ", with what was changed in the last 5 minutes," if lately != NOTHING else ""


def _percent(count: int, existing: int) -> int:
    """Rounded up, so that the suggested option is enough."""
    return -(-count * 100 // existing)
