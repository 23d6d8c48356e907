"""A plan: what would change for one owner, what agrees, and what could not be told. A value, and pure.

The planner looks at desired keys plus inventory keys. In the inventory and not desired: removed. In AWS and wanted
but not in the inventory: adopted. Equal states make no change at all.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from controller.domain.customer import Account, Owner
from controller.domain.diff import FieldChange, diff
from controller.domain.kind import AnyKind, Note, Path
from controller.domain.resource import Absent, Applied, Key, Observation, Present, Unreadable, Waiting
from controller.domain.state import comparable
from controller.errors import Failure

Action = Literal["create", "update", "adopt", "delete"]
Because = Literal["intent", "drift"]


@dataclass(frozen=True, slots=True)
class PlannedField:
    """One field of a change. `because` drift: nobody changed the manifest, AWS differs from what was applied."""

    path: Path
    before: str | None
    after: str | None
    because: Because = "intent"
    source: str = ""
    """`file:line` of the value that asks for it; empty where no single line does."""


@dataclass(frozen=True, slots=True)
class Change:
    """One action on one key, with the states that it leads from and to."""

    key: Key
    action: Action
    fields: tuple[PlannedField, ...] = ()
    notes: tuple[Note, ...] = ()
    desired: Any = field(default=None, repr=False)
    observed: Any = field(default=None, repr=False)

    @property
    def writes(self) -> bool:
        """Whether AWS is touched; an adoption of what is already right only enters the inventory."""
        return self.action == "delete" or bool(self.fields) or self.desired != self.observed

    @property
    def intended(self) -> bool:
        """Whether anything of it is asked for anew, and not only put back."""
        return not self.fields or any(change.because == "intent" for change in self.fields)

    @property
    def drift(self) -> bool:
        return any(change.because == "drift" for change in self.fields)


@dataclass(frozen=True, slots=True)
class InSync:
    key: Key
    state: Any = field(repr=False)
    verified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """Parts of a managed thing that belong to others and stay as they are."""

    key: Key
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A key that waits for AWS, or settles after our own write. `since`: when it was first seen waiting."""

    key: Key
    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A key that could not be read; nothing is done about it."""

    key: Key
    failure: Failure


@dataclass(frozen=True, slots=True)
class Plan:
    """All that one reconcile would do for one owner. `gone`: wanted no more and not there either.

    `refused`: why the owner may not be touched at all; then nothing else is in the plan, and no status is written.
    `taken_from`: the controller_id that answered for the owner until now, where that one is taken over.
    """

    owner: Owner
    changes: tuple[Change, ...] = ()
    in_sync: tuple[InSync, ...] = ()
    kept: tuple[Kept, ...] = ()
    waiting: tuple[Held, ...] = ()
    settling: tuple[Held, ...] = ()
    unread: tuple[Unread, ...] = ()
    gone: tuple[Key, ...] = ()
    refused: Failure | None = None
    taken_from: str = ""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Why this plan is not the whole truth: the owner is refused, or some keys could not be read."""
        return tuple(one.failure for one in self.problems)

    @property
    def problems(self) -> tuple[Unread, ...]:
        """What is told of failures: the unread keys, or the owner itself where all of it is refused."""
        if self.refused is None:
            return self.unread
        kind = "account" if isinstance(self.owner, Account) else "customer"
        return (Unread(Key(kind, self.owner.id), self.refused),)

    @property
    def to_apply(self) -> tuple[Change, ...]:
        """What an apply would carry out; nothing while the owner is suspended."""
        return () if self.owner.suspend else self.changes

    @property
    def digest(self) -> str:
        """Identifies what the plan does; the same over re-runs, whatever was spent meanwhile."""
        told = [[str(c.key), c.action, [[*f.path, f.before, f.after] for f in c.fields]] for c in self.changes]
        taken = [self.taken_from] if self.taken_from else []
        text = json.dumps([self.owner.id, self.owner.suspend, told, *taken], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Rules:
    """What the planner goes by besides the states.

    `claimed`: keys that another owner wants or holds. `waiting_since`: when waiting keys were first seen waiting.
    """

    now: datetime
    settle: timedelta = timedelta(0)
    claimed: frozenset[Key] = frozenset()
    waiting_since: Mapping[Key, datetime] = field(default_factory=dict)


def build_plan(
    owner: Owner,
    kinds: Iterable[AnyKind],
    desired: Mapping[Key, Any],
    applied: Mapping[Key, Applied[Any]],
    observed: Mapping[Key, Observation[Any]],
    rules: Rules,
) -> Plan:
    """The plan for one owner. `observed` holds every key of `desired` and `applied`.

    Puts come in the order of `kinds`, then removals in the opposite order.
    """
    planner = _Planner(owner, rules)
    order = list(kinds)
    for kind in order:
        for key in sorted(key for key in desired if key.kind == kind.name):
            planner.want(kind, key, desired[key], applied.get(key), observed[key])
    for kind in reversed(order):
        for key in sorted(key for key in applied if key.kind == kind.name and key not in desired):
            planner.drop(kind, key, observed[key])
    return planner.plan()


class _Planner:
    """Collects the parts of one plan."""

    def __init__(self, owner: Owner, rules: Rules) -> None:
        self.owner, self.rules = owner, rules
        self.changes: list[Change] = []
        self.in_sync: list[InSync] = []
        self.kept: list[Kept] = []
        self.waiting: list[Held] = []
        self.settling: list[Held] = []
        self.unread: list[Unread] = []
        self.gone: list[Key] = []
        self.sources: dict[str, str] = {}

    def plan(self) -> Plan:
        return Plan(
            self.owner, tuple(self.changes), tuple(self.in_sync), tuple(self.kept), tuple(self.waiting),
            tuple(self.settling), tuple(self.unread), tuple(self.gone),
        )  # fmt: skip

    def want(self, kind: AnyKind, key: Key, desired: Any, applied: Applied[Any] | None, seen: Observation[Any]) -> None:
        match seen:
            case Unreadable(failure):
                self.unread.append(Unread(key, failure))
            case Waiting(reason):
                self.waiting.append(Held(key, reason, self.rules.waiting_since.get(key, self.rules.now)))
            case Absent(kept):
                self._note_kept(key, kept)
                self._change(kind, key, "create", desired, None, applied)
            case Present(state, kept, verified_at) if state == desired and applied:
                self._note_kept(key, kept)
                self.in_sync.append(InSync(key, state, verified_at))
            case Present(state, kept, _):
                self._note_kept(key, kept)
                self._change(kind, key, "update" if applied else "adopt", desired, state, applied)

    def drop(self, kind: AnyKind, key: Key, seen: Observation[Any]) -> None:
        if key in self.rules.claimed:  # it went to another owner: removing it now would hurt that one
            self.gone.append(key)
            return
        match seen:
            case Unreadable(failure):
                self.unread.append(Unread(key, failure))
            case Present(state, kept, _):
                self._note_kept(key, kept)
                fields = tuple(PlannedField(c.path, c.before, c.after) for c in diff(comparable(state), {}))
                self.changes.append(
                    Change(key, "delete", fields, tuple(kind.notes(key.name, state, None)), None, state)
                )
            case Absent() | Waiting():
                self.gone.append(key)

    def _change(
        self,
        kind: AnyKind,
        key: Key,
        action: Action,
        desired: Any,
        observed: Any,
        applied: Applied[Any] | None,
    ) -> None:
        found = diff(comparable(observed), comparable(desired))
        if applied and kind.lags and self._settles(found, applied, desired):
            until = applied.at + self.rules.settle
            self.settling.append(Held(key, f"AWS may still answer with what we replaced; until {until:%H:%M:%S} UTC"))
            return
        asked = _asked_for(applied, desired)
        fields = tuple(
            PlannedField(c.path, c.before, c.after, asked(c), self._source(kind, key, c.path)) for c in found
        )
        notes = tuple(kind.notes(key.name, observed, desired))
        self.changes.append(Change(key, action, fields, notes, desired, observed))

    def _settles(self, found: tuple[FieldChange, ...], applied: Applied[Any], desired: Any) -> bool:
        """Whether a difference looks like a read that lags behind our own recent write: all old values, no new ones."""
        if applied.state != desired or self.rules.now >= applied.at + self.rules.settle:
            return False
        return set(found) <= set(diff(comparable(applied.replaced), comparable(desired)))

    def _source(self, kind: AnyKind, key: Key, path: Path) -> str:
        asked = kind.source(self.owner, key.name, path)
        if asked not in self.sources:
            self.sources[asked] = str(self.owner.origin.locate(asked) or "")
        return self.sources[asked]

    def _note_kept(self, key: Key, parts: tuple[str, ...]) -> None:
        if parts:
            self.kept.append(Kept(key, parts))


def _asked_for(applied: Applied[Any] | None, desired: Any) -> Callable[[FieldChange], Because]:
    """Tells intent from drift: a field is intent when the manifest asks for something else than was applied last."""
    if applied is None or applied.state is None:
        return lambda _: "intent"
    asked = diff(comparable(applied.state), comparable(desired))
    news = {(change.path, change.after) for change in asked if change.after is not None}
    dropped = {(change.path, change.before) for change in asked if change.after is None}

    def because(change: FieldChange) -> Because:
        if change.after is None:
            return "intent" if (change.path, change.before) in dropped else "drift"
        return "intent" if (change.path, change.after) in news else "drift"

    return because
