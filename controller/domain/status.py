"""What is written back about an owner: inventory, conditions, figures. Pure; stored as JSON.

Conditions follow kstatus: Ready and Synced always, Reconciling and Stalled only while true.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BeforeValidator, TypeAdapter

from controller.domain.customer import ACCOUNT_PREFIX, DeletionPolicy, Owner
from controller.domain.kind import AnyKind
from controller.domain.outcome import Outcome
from controller.domain.plan import Change, InSync, Plan
from controller.domain.resource import Applied, Key
from controller.domain.state import Stored, pack, says_the_same, unpack
from controller.errors import Failure, TransientFailure

FORMAT = 1
REFRESH = timedelta(hours=12)
"""How old a figure's `as_of` may get in the store while the figure stays the same."""

Truth = Literal["True", "False", "Unknown"]

_MOMENT = TypeAdapter(AwareDatetime)


@lru_cache
def _moment(text: str) -> datetime:
    return _MOMENT.validate_python(text)


Moment = Annotated[AwareDatetime, BeforeValidator(lambda value: _moment(value) if isinstance(value, str) else value)]
"""One value for one text: a status tells of the same moment a dozen times, and a fleet is many statuses."""


@dataclass(frozen=True, slots=True)
class Condition:
    """`since` moves only when `status` flips."""

    type: str
    status: Truth
    reason: str
    message: str
    since: Moment


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the inventory: a key that we answer for, and the state that we applied.

    `state` None: a first put failed, so it may be there or not. `tried`: what the last put was to make of it, where it
    failed.
    """

    kind: str
    name: str
    state: Stored
    at: Moment
    verified_at: Moment
    replaced: Stored = None
    tried: Stored = None

    @property
    def key(self) -> Key:
        return Key(self.kind, self.name)


@dataclass(frozen=True, slots=True)
class Wait:
    """A key that AWS has to move first for, and since when."""

    kind: str
    name: str
    reason: str
    since: Moment


@dataclass(frozen=True, slots=True)
class Figures:
    """What AWS reported about one key, e.g. the spend of a budget. Unknown figures are absent, never zero."""

    kind: str
    name: str
    values: dict[str, str]
    as_of: Moment


@dataclass(frozen=True, slots=True)
class Status:
    """The status of one owner, as of its last reconcile that changed anything.

    `generation` is the digest of the spec that was acted on, `commit` the git commit it came from, `source` the file,
    `plan_digest` that of the last plan with changes.
    `version` counts the writes of this item, for the store's optimistic locking.
    """

    owner_id: str
    name: str
    account: str
    controller_id: str
    deletion_policy: DeletionPolicy = "Retain"
    source: str = ""
    generation: str = ""
    commit: str = ""
    plan_digest: str = ""
    summary: str = ""
    last_error: str = ""
    conditions: tuple[Condition, ...] = ()
    inventory: tuple[Entry, ...] = ()
    waiting: tuple[Wait, ...] = ()
    figures: tuple[Figures, ...] = ()
    updated_at: Moment | None = None
    version: int = 0
    format: int = FORMAT

    def condition(self, type_: str) -> Condition | None:
        return next((c for c in self.conditions if c.type == type_), None)

    def written(self) -> "Status":
        """This status as it stands in the store once it is written."""
        return dataclasses.replace(self, version=self.version + 1)

    @property
    def is_suspended(self) -> bool:
        return any(condition.type == "Suspended" and condition.status == "True" for condition in self.conditions)

    @property
    def is_account(self) -> bool:
        return self.owner_id.startswith(ACCOUNT_PREFIX)

    @property
    def keys(self) -> tuple[Key, ...]:
        return tuple(entry.key for entry in self.inventory)


def holding(status: Status, desired: Mapping[Key, Any]) -> Status:
    """The status with what is `desired` itself where that was applied or tried, as it mostly is: so it is kept once."""
    return dataclasses.replace(
        status, inventory=tuple(_holding(entry, desired.get(entry.key)) for entry in status.inventory)
    )


def _holding(entry: Entry, wanted: Any | None) -> Entry:
    if wanted is None:
        return entry
    packed = pack(wanted)
    same = {name: wanted for name in ("state", "tried") if getattr(entry, name) == packed}
    return dataclasses.replace(entry, **same) if same else entry


def applied_states(status: Status | None, kinds: Iterable[AnyKind], desired: Iterable[Key]) -> dict[Key, Applied[Any]]:
    """The inventory as the kinds' own states. A state of an older shape is None: known to be ours, contents unknown."""
    types = {kind.name: kind.state for kind in kinds}
    same = {key: key for key in desired}
    return {
        same.get(entry.key, entry.key): Applied(
            state=unpack(types[entry.kind], entry.state),
            at=entry.at,
            verified_at=entry.verified_at,
            replaced=unpack(types[entry.kind], entry.replaced),
            tried=unpack(types[entry.kind], entry.tried),
        )
        for entry in (status.inventory if status else ())
        if entry.kind in types
    }


@dataclass(frozen=True, slots=True)
class Pass:
    """What one reconcile pass knows besides the plan: who runs it, when, and from which commit."""

    now: datetime
    controller_id: str
    commit: str = ""
    conditions: tuple[Condition, ...] = ()
    """Conditions that hold for a whole account and are repeated on its customers, e.g. TagsActive."""


def next_status(
    previous: Status | None,
    plan: Plan,
    outcomes: Sequence[Outcome],
    kinds: Sequence[AnyKind],
    this: Pass,
) -> Status:
    """The status after a pass. Equal to `previous` (but for `updated_at`) when nothing changed: then do not write."""
    owner = plan.owner
    inventory = _inventory(previous, plan, outcomes, this.now)
    status = Status(
        owner_id=owner.id,
        name=owner.name,
        account=owner.account,
        controller_id=this.controller_id,
        deletion_policy=owner.deletion_policy,
        source=owner.file,
        generation=owner.generation,
        commit=_commit(previous, owner, this),
        plan_digest=plan.digest if plan.changes or not previous else previous.plan_digest,
        summary=_summary(plan, outcomes),
        last_error=_last_error(plan, outcomes),
        conditions=_conditions(previous, plan, outcomes, kinds, this),
        inventory=inventory,
        waiting=_waiting(plan, this.now),
        figures=_figures(previous, plan, outcomes, kinds, this.now),
        updated_at=previous.updated_at if previous else None,
        version=previous.version if previous else 0,
    )
    if status == previous:
        return status
    return dataclasses.replace(status, updated_at=this.now)


def _commit(previous: Status | None, owner: Owner, this: Pass) -> str:
    """The commit that brought this spec: a later commit that leaves the spec alone is no change."""
    if previous is None or previous.generation != owner.generation or not previous.commit:
        return this.commit
    settled = previous.commit.endswith("-dirty") and this.commit and not this.commit.endswith("-dirty")
    return this.commit if settled else previous.commit


def _inventory(previous: Status | None, plan: Plan, outcomes: Sequence[Outcome], now: datetime) -> tuple[Entry, ...]:
    """Keys enter when a put was tried, even if it failed: it may have taken effect. They leave when they are gone."""
    entries = {entry.key: entry for entry in (previous.inventory if previous else ())}
    for key in plan.gone:
        entries.pop(key, None)
    for synced in plan.in_sync:
        if synced.key in entries:
            entries[synced.key] = _confirmed(entries[synced.key], synced)
    for outcome in outcomes:
        _enter(entries, outcome, now)
    return tuple(entries[key] for key in sorted(entries))


def _confirmed(entry: Entry, synced: InSync) -> Entry:
    """The entry of a key that is as wanted: also where our last put failed and took effect all the same."""
    if entry.tried or entry.state is None or not says_the_same(entry.state, synced.state):
        entry = dataclasses.replace(entry, state=synced.state, tried=None)
    if synced.verified_at and synced.verified_at > entry.verified_at:
        entry = dataclasses.replace(entry, verified_at=synced.verified_at)
    return entry


def _enter(entries: dict[Key, Entry], outcome: Outcome, now: datetime) -> None:
    change = outcome.change
    if change.action == "delete":
        if outcome.ok:
            entries.pop(change.key, None)
        return
    if not outcome.tried:
        return
    if outcome.ok:
        entries[change.key] = Entry(change.key.kind, change.key.name, change.desired, now, now, change.observed)
    else:
        first = Entry(change.key.kind, change.key.name, None, now, now, change.observed)
        entries[change.key] = dataclasses.replace(entries.get(change.key, first), tried=change.desired)


def _waiting(plan: Plan, now: datetime) -> tuple[Wait, ...]:
    return tuple(Wait(held.key.kind, held.key.name, held.reason, held.since or now) for held in plan.waiting)


def _figures(
    previous: Status | None, plan: Plan, outcomes: Sequence[Outcome], kinds: Sequence[AnyKind], now: datetime
) -> tuple[Figures, ...]:
    """The figures of this pass over those known before: what AWS does not tell now stays, with its old `as_of`."""
    by_name = {kind.name: kind for kind in kinds}
    known = {Key(f.kind, f.name): f for f in (previous.figures if previous else ())}
    read = [(synced.key, synced.state) for synced in plan.in_sync]
    read += [(change.key, change.observed) for change in plan.changes if change.observed is not None]
    read += [(o.change.key, o.change.desired) for o in outcomes if o.ok and o.change.desired is not None]
    for key, state in read:
        values = dict(by_name[key.kind].report(state))
        if values:
            known[key] = _figure(known.get(key), key, values, now)
    removed = {o.change.key for o in outcomes if o.ok and o.change.action == "delete"} | set(plan.gone)
    return tuple(known[key] for key in sorted(known) if key not in removed)


def _figure(old: Figures | None, key: Key, values: dict[str, str], now: datetime) -> Figures:
    if old is None:
        return Figures(key.kind, key.name, values, now)
    merged = old.values | values
    partial = values.keys() < old.values.keys()
    fresh = merged != old.values or now - old.as_of >= REFRESH
    return Figures(key.kind, key.name, merged, now if fresh and not partial else old.as_of)


def _summary(plan: Plan, outcomes: Sequence[Outcome]) -> str:
    failed = sum(o.failure is not None for o in outcomes) + len(plan.unread)
    left = len(plan.to_apply) - sum(o.ok for o in outcomes)
    if failed:
        return f"{failed} failed"
    if plan.owner.suspend and plan.changes:
        return f"suspended, {len(plan.changes)} changes not made"
    return f"{left} changes pending" if left else "in sync"


def _last_error(plan: Plan, outcomes: Sequence[Outcome]) -> str:
    failures = _failures(plan, outcomes)
    return str(failures[0]) if failures else ""


def _failures(plan: Plan, outcomes: Sequence[Outcome]) -> list[Failure]:
    return [*plan.failures, *(o.failure for o in outcomes if o.failure)]


def _conditions(
    previous: Status | None, plan: Plan, outcomes: Sequence[Outcome], kinds: Sequence[AnyKind], this: Pass
) -> tuple[Condition, ...]:
    said = [*_sync_conditions(plan, outcomes), *_kind_conditions(plan, outcomes, kinds)]
    said += [(c.type, c.status, c.reason, c.message) for c in this.conditions]
    return tuple(_since(previous, this.now, *one) for one in sorted(said))


Said = tuple[str, Truth, str, str]


def _since(previous: Status | None, now: datetime, type_: str, status: Truth, reason: str, message: str) -> Condition:
    old = previous.condition(type_) if previous else None
    return Condition(type_, status, reason, message, old.since if old and old.status == status else now)


def _sync_conditions(plan: Plan, outcomes: Sequence[Outcome]) -> list[Said]:
    failures = _failures(plan, outcomes)
    left = len(plan.changes) - sum(o.ok for o in outcomes)
    said: list[Said] = []
    if plan.owner.suspend:
        said.append(("Suspended", "True", "SpecSuspend", "spec.suspend is true: observed only, nothing is changed"))
    if failures:
        kind = "TransientFailure" if all(isinstance(f, TransientFailure) for f in failures) else "PermanentFailure"
        said += [
            ("Ready", "False", kind, str(failures[0])),
            ("Synced", "False", kind, _summary(plan, outcomes)),
        ]
        said.append(("Reconciling" if kind == "TransientFailure" else "Stalled", "True", kind, str(failures[0])))
    elif left:
        reason = "Suspended" if plan.owner.suspend else "ChangesPending"
        said += [
            ("Ready", "False", reason, f"{_changes(left)} not made"),
            ("Synced", "False", reason, "AWS differs"),
        ]
        if not plan.owner.suspend:
            said.append(("Reconciling", "True", reason, f"{_changes(left)} to be made"))
    else:
        managed = len(plan.in_sync) + len(plan.settling) + sum(o.change.action != "delete" for o in outcomes)
        said += [
            ("Ready", "True", "Reconciled", f"{managed} resources match"),
            ("Synced", "True", "Reconciled", "AWS matches"),
        ]
    return said


def _changes(count: int) -> str:
    return "1 change is" if count == 1 else f"{count} changes are"


def _kind_conditions(plan: Plan, outcomes: Sequence[Outcome], kinds: Sequence[AnyKind]) -> list[Said]:
    said: list[Said] = []
    for kind in kinds:
        if not kind.condition:
            continue
        waiting = [w for w in plan.waiting if w.key.kind == kind.name]
        unknown = [u for u in plan.unread if u.key.kind == kind.name]
        done = {s.key for s in plan.in_sync} | {o.change.key for o in outcomes if o.ok}
        open_ = [c for c in plan.changes if c.key.kind == kind.name and c.key not in done]
        said += _kind_condition(kind, waiting, unknown, open_, any(key.kind == kind.name for key in done))
    return said


def _kind_condition(
    kind: AnyKind, waiting: Sequence[Any], unknown: Sequence[Any], open_: Sequence[Change], any_done: bool
) -> list[Said]:
    if unknown:
        return [(kind.condition, "Unknown", "NotReadable", str(unknown[0].failure))]
    if waiting:
        names = ", ".join(w.key.name for w in waiting)
        return [(kind.condition, "False", "WaitingForAWS", f"{names}: {waiting[0].reason}")]
    if open_:
        return [(kind.condition, "False", "ChangesPending", ", ".join(c.key.name for c in open_))]
    return [(kind.condition, "True", "Active", "all are in place")] if any_done else []
