"""A plan as JSON, for other programs. The dataclasses here are the contract; schemas/plan.schema.json is made of them.

Fields may be added under the same major `format_version`: readers ignore what they do not know.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from controller import __version__
from controller.domain.customer import Account, Owner
from controller.domain.plan import Change, Held, Kept, Plan, PlannedField, Unread
from controller.domain.saved_plan import SavedPlan
from controller.errors import TransientFailure
from controller.fleet import FleetPlan, Orphan
from controller.render.json_text import json_text
from controller.render.phrases import iso
from controller.render.tally import Tally, tally

FORMAT_VERSION = "1.0"
DOCUMENTED: dict[str, Any] = {"use_attribute_docstrings": True}
"""Pydantic: the texts below the fields are their descriptions in the schema."""


def to_document(plan: FleetPlan, *, prune: bool = False) -> "PlanDocument":
    """The plan as a document; owners sorted, changes in the order in which they are applied.

    `prune`: whether the counts include what becomes of orphans.
    """
    totals = tally(plan, prune=prune)
    ordered = sorted(plan.plans, key=lambda one: one.owner.id)
    return PlanDocument(
        format_version=FORMAT_VERSION,
        tool_version=__version__,
        made_at=iso(plan.made_at),
        controller_id=plan.controller_id,
        digest=plan.digest,
        has_changes=totals.has_changes,
        summary=_summary(totals),
        accounts=tuple(_owner(one) for one in ordered if isinstance(one.owner, Account)),
        customers=tuple(_owner(one) for one in ordered if not isinstance(one.owner, Account)),
        orphans=tuple(_orphan(one) for one in sorted(plan.orphans, key=lambda one: one.status.owner_id)),
    )


def to_json(plan: FleetPlan, *, prune: bool = False) -> str:
    """The document as text, ending in a newline; the same for the same plan but for `made_at`."""
    return json_text(asdict(to_document(plan, prune=prune)))


def schema() -> str:
    """The JSON Schema (draft 2020-12) of the document: the content of schemas/plan.schema.json."""
    from pydantic import TypeAdapter

    made = TypeAdapter(PlanDocument).json_schema()
    return json_text({"$schema": "https://json-schema.org/draft/2020-12/schema", **made, "title": "Plan"})


@dataclass(frozen=True, slots=True)
class FieldDocument:
    """One field of a change. `before` null: it is added; `after` null: it is removed."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    path: tuple[str, ...]
    """Keys from the outside in."""
    before: str | None
    after: str | None
    because: Literal["intent", "drift"]
    """drift: nobody changed the manifest, AWS was changed by hand."""
    source: str
    """file:line of the value that asks for it; empty where no single line does."""


@dataclass(frozen=True, slots=True)
class NoteDocument:
    """What a person should know before the change is made."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    level: Literal["info", "danger"]
    """danger: new power over data or money."""
    text: str
    needs: str | None = None
    """What has to be allowed by this name before the change is made."""


@dataclass(frozen=True, slots=True)
class ChangeDocument:
    """One action on one thing in AWS. An adopt without fields writes nothing: the thing is already as wanted."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    kind: str
    name: str
    """The name in AWS."""
    action: Literal["create", "update", "adopt", "delete"]
    drift: bool
    """Whether any field undoes a change made by hand."""
    fields: tuple[FieldDocument, ...]
    notes: tuple[NoteDocument, ...]


@dataclass(frozen=True, slots=True)
class KeyDocument:
    """A managed thing in AWS."""

    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """Parts of a managed thing that belong to others and stay as they are."""

    kind: str
    name: str
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldDocument:
    """A thing that AWS has to move first for, why, and since when it was seen waiting; null: it settles by itself."""

    kind: str
    name: str
    reason: str
    since: str | None


@dataclass(frozen=True, slots=True)
class UnreadableDocument:
    """A thing that could not be read; nothing is done about it."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    kind: str
    name: str
    code: str
    """The service's own error code."""
    operation: str
    """service:Operation."""
    message: str
    advice: str
    """What a person can do; may be empty."""
    transient: bool
    """true: time may heal it; false: a person must act."""


@dataclass(frozen=True, slots=True)
class OwnerDocument:
    """All that one apply would do for one customer or account."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    id: str
    name: str
    account: str
    """The account's name in the settings."""
    source: str
    """The file that declares it; empty where none does."""
    suspended: bool
    """true: the changes are shown and not applied."""
    digest: str
    """Identifies what an apply would do for this owner; the same over re-runs."""
    changes: tuple[ChangeDocument, ...]
    """In the order in which they are applied."""
    in_sync: tuple[KeyDocument, ...]
    kept: tuple[KeptDocument, ...]
    waiting: tuple[HeldDocument, ...]
    """AWS has to move first; nobody need act."""
    settling: tuple[HeldDocument, ...]
    """Written a moment ago; AWS may still answer with the old state."""
    unreadable: tuple[UnreadableDocument, ...]
    taken_from: str | None = None
    """The controller_id that answered for the customer until now, with --take-over."""


@dataclass(frozen=True, slots=True)
class OrphanDocument:
    """A customer whose manifest is gone; touched only with --prune."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    id: str
    name: str
    account: str
    source: str
    """The file that declared it."""
    deletion_policy: Literal["Retain", "Delete"]
    """Retain: a prune lets go and everything stays. Delete: a prune makes the changes."""
    digest: str
    inventory: tuple[KeyDocument, ...]
    """What we answer for."""
    changes: tuple[ChangeDocument, ...]
    """What a prune would do; empty with Retain."""
    unreadable: tuple[UnreadableDocument, ...]


@dataclass(frozen=True, slots=True)
class SummaryDocument:
    """Counts. A change counts once; suspended owners' changes and, without --prune, orphans' do not count."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    create: int
    update: int
    delete: int
    adopt: int
    drift: int
    """Changes that undo something done by hand in AWS."""
    customers: int
    changed: int
    """Customers with something to apply."""
    unchanged: int
    """Customers that match AWS."""
    suspended: int
    """Owners with changes that are not applied."""
    unreadable: int
    """Owners of which something could not be read."""
    waiting: int
    """Things that wait for AWS."""
    settling: int
    orphans: int
    released: int
    """Orphans that a prune would let go of, leaving AWS as it is."""
    elsewhere: int
    """Customers of this controller that are declared outside the paths that were read."""
    trusted: int
    """Facts that were read in an earlier run and taken on trust in this one."""
    trusted_since: str | None
    """When the oldest of them was read."""


@dataclass(frozen=True, slots=True)
class PlanDocument:
    """What `reconcile --apply` would change in AWS. Fields may be added: ignore those that you do not know."""

    __pydantic_config__: ClassVar[dict[str, Any]] = DOCUMENTED

    format_version: str
    """Major version: what was there changes its meaning. Minor version: fields are added."""
    tool_version: str
    made_at: str
    """UTC, ISO 8601; no part of the digest."""
    controller_id: str
    digest: str
    """Identifies what an apply would do; the same over re-runs."""
    has_changes: bool
    """Whether an apply would write anything to AWS, adopt anything, or let go of it."""
    summary: SummaryDocument
    accounts: tuple[OwnerDocument, ...]
    customers: tuple[OwnerDocument, ...]
    """Sorted by id."""
    orphans: tuple[OrphanDocument, ...]
    saved: SavedPlan | None = None
    """Of a saved plan: what an apply of it checks."""
    checksum: str | None = None
    """Of a saved plan: SHA-256 of this file without this field."""


def _summary(totals: Tally) -> SummaryDocument:
    return SummaryDocument(
        **totals.actions,
        drift=totals.drift,
        customers=totals.customers,
        changed=totals.changed,
        unchanged=totals.unchanged,
        suspended=totals.suspended,
        unreadable=totals.unread,
        waiting=totals.waiting,
        settling=totals.settling,
        orphans=totals.orphans,
        released=totals.released,
        elsewhere=totals.elsewhere,
        trusted=totals.trusted,
        trusted_since=iso(totals.trusted_since) if totals.trusted_since else None,
    )


def _owner(plan: Plan) -> OwnerDocument:
    owner = plan.owner
    return OwnerDocument(
        id=owner.id,
        name=owner.name,
        account=_account(owner),
        source=owner.file,
        suspended=owner.suspend,
        digest=plan.digest,
        changes=_changes(plan.changes),
        in_sync=tuple(KeyDocument(key.kind, key.name) for key in sorted(one.key for one in plan.in_sync)),
        kept=tuple(_kept(one) for one in sorted(plan.kept, key=lambda one: one.key)),
        waiting=_held(plan.waiting),
        settling=_held(plan.settling),
        unreadable=unreadable(plan.problems),
        taken_from=plan.taken_from or None,
    )


def _orphan(orphan: Orphan) -> OrphanDocument:
    status, plan = orphan.status, orphan.plan
    return OrphanDocument(
        id=status.owner_id,
        name=status.name,
        account=status.account,
        source=status.source,
        deletion_policy=status.deletion_policy,
        digest=plan.digest,
        inventory=tuple(KeyDocument(key.kind, key.name) for key in sorted(status.keys)),
        changes=_changes(plan.changes) if status.deletion_policy == "Delete" else (),
        unreadable=unreadable(plan.problems),
    )


def _account(owner: Owner) -> str:
    return owner.name if isinstance(owner, Account) else owner.account


def _changes(changes: Iterable[Change]) -> tuple[ChangeDocument, ...]:
    return tuple(
        ChangeDocument(
            kind=change.key.kind,
            name=change.key.name,
            action=change.action,
            drift=change.drift,
            fields=tuple(_field(field) for field in change.fields),
            notes=tuple(NoteDocument(note.level, note.text, note.needs or None) for note in change.notes),
        )
        for change in changes
    )


def _field(field: PlannedField) -> FieldDocument:
    return FieldDocument(field.path, field.before, field.after, field.because, field.source)


def _kept(kept: Kept) -> KeptDocument:
    return KeptDocument(kept.key.kind, kept.key.name, tuple(sorted(kept.parts)))


def _held(held: Iterable[Held]) -> tuple[HeldDocument, ...]:
    ordered = sorted(held, key=lambda one: one.key)
    return tuple(
        HeldDocument(one.key.kind, one.key.name, one.reason, iso(one.since) if one.since else None) for one in ordered
    )


def unreadable(unread: Iterable[Unread]) -> tuple[UnreadableDocument, ...]:
    """The unread keys, sorted, as every document tells them."""
    return tuple(
        UnreadableDocument(
            kind=one.key.kind,
            name=one.key.name,
            code=one.failure.code,
            operation=one.failure.operation,
            message=one.failure.message,
            advice=one.failure.advice,
            transient=isinstance(one.failure, TransientFailure),
        )
        for one in sorted(unread, key=lambda one: one.key)
    )
