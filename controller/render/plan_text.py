"""A plan as a person reads it in a terminal. Colours only repeat what symbols and words say."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from controller.domain.plan import Change, Held, Plan, PlannedField, Unread
from controller.domain.resource import Key
from controller.fleet import FleetPlan, Orphan
from controller.render.page import Line, Page, Remade, line, spaced
from controller.render.phrases import (
    STYLES,
    SYMBOLS,
    VERBS,
    by_hand,
    count,
    customer_title,
    field_name,
    listed,
    moment,
    reason,
    shown,
    title,
    what_to_do,
)
from controller.render.safe_text import padded, visible, width
from controller.render.shared_failures import Shared, Sign, sign, unread_of
from controller.render.tally import Tally, tally

SOURCE_COLUMN = 88
"""Where `file:line` stands; after a longer text it follows two spaces behind."""
NAME_COLUMNS = 44
"""Up to which length field names make their neighbours' values line up."""
WRAP = 110


def render(plan: FleetPlan, *, verbose: bool = False, prune: bool = False) -> Page:
    """All owners with something to say, what is shared by many, and one summary line at the end.

    `verbose` cuts no list and no value and names what is in sync; `prune` counts the orphans' part as to be done.
    """
    return Page(Remade(lambda: spaced(_blocks(plan, verbose=verbose, prune=prune))))


def _blocks(plan: FleetPlan, *, verbose: bool, prune: bool) -> Iterator[list[Line]]:
    shared = unread_of(plan)
    writer = _Writer(verbose, shared)
    yield from map(writer.owner, plan.plans)
    yield from map(writer.orphan, plan.orphans)
    yield from map(_shared_block, shared.values())
    totals = tally(plan, prune=prune)
    yield list(_remarks(totals))
    yield [line((totals.summary, "bold"))]


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the block of one owner; empty where all of it is in sync."""

    verbose: bool
    shared: Mapping[Sign, Shared]

    def owner(self, plan: Plan) -> list[Line]:
        columns = _kind_columns(plan)
        body = list(self._changes(plan, columns))
        body += [_row(".", "settles", one.key, "dim", (one.reason, ""), columns=columns) for one in plan.settling]
        body += [_row(".", "waits", one.key, "dim", (_waits(one), ""), columns=columns) for one in plan.waiting]
        if (
            not body
            and not plan.taken_from
            and all(sign(plan.owner, unknown.failure) in self.shared for unknown in plan.problems)
        ):
            return []
        body += self._unread(plan, columns)
        if self.verbose:
            body += [_row("=", "in sync", synced.key, "dim", columns=columns) for synced in plan.in_sync]
        return [_header(title(plan.owner), plan.owner.file, _standing(plan)), *body]

    def orphan(self, orphan: Orphan) -> list[Line]:
        status, plan = orphan.status, orphan.plan
        header = _header(customer_title(status.name, status.owner_id), status.source, "the manifest is gone")
        if orphan.suspended:
            return [header, line("  suspended when its manifest went: --prune leaves it alone")]
        if orphan.lets_go:
            told = f"deletionPolicy Retain: --prune lets go of it and {_stays(staying(orphan))}"
            rows = [line(f"      {key.kind}  {key.name}") for key in staying(orphan)]
            return [header, line(f"  {told}"), *rows]
        told = "nothing of ours is left; --prune forgets it"
        if plan.changes or plan.problems:
            told = "--prune would remove what is ours"
        columns = _kind_columns(plan)
        rows = [*self._changes(plan, columns), *self._unread(plan, columns)]
        return [header, line(f"  deletionPolicy Delete: {told}"), *rows]

    def _changes(self, plan: Plan, columns: int) -> Iterator[Line]:
        kept = {one.key: one.parts for one in plan.kept}
        for change in plan.changes:
            grouped = change.action == "delete" and not self.verbose
            yield _change_row(change, columns)
            yield from _grouped(change.fields) if grouped else self._fields(change)
            yield from _notes(change)
            yield from self._kept(kept.get(change.key, ()))

    def _fields(self, change: Change) -> Iterable[Line]:
        names = [field_name(field.path) for field in change.fields]
        columns = min(max((width(name) for name in names), default=0), NAME_COLUMNS)
        return (
            _field(field, padded(name, columns), verbose=self.verbose)
            for name, field in zip(names, change.fields, strict=True)
        )

    def _unread(self, plan: Plan, columns: int) -> Iterator[Line]:
        for unknown in plan.problems:
            if sign(plan.owner, unknown.failure) in self.shared:
                yield _row("?", "unread", unknown.key, "red", ("for the reason given below", ""), columns=columns)
            else:
                yield _row("?", "unread", unknown.key, "red", ("nothing is done about it", ""), columns=columns)
                yield from _failure(unknown)

    def _kept(self, parts: tuple[str, ...]) -> Iterator[Line]:
        if parts:
            are = "other is not ours and is kept" if len(parts) == 1 else "others are not ours and are kept"
            yield line((f"      {len(parts):,} {are}: {listed(parts, verbose=self.verbose)}", "dim"))


def is_new(plan: Plan) -> bool:
    """Whether nothing of this owner was ever applied or found: then its fields need no comparison."""
    return bool(plan.changes) and not plan.in_sync and all(c.action == "create" and not c.drift for c in plan.changes)


def staying(orphan: Orphan) -> list[Key]:
    """What a prune by Retain leaves in AWS: all of the inventory that is still there and nobody else's."""
    gone = set(orphan.plan.gone)
    return [key for key in sorted(orphan.status.keys) if key not in gone]


def _waits(held: Held) -> str:
    return f"since {moment(held.since)}: {held.reason}" if held.since else held.reason


def _stays(keys: list[Key]) -> str:
    return "these stay in AWS as they are:" if keys else "nothing stays in AWS"


def _header(name: str, file: str, standing: str) -> Line:
    parts = [(name, "bold"), (f"   {file}" if file else "", "dim"), (f"   {standing}" if standing else "", "bold")]
    return line(*parts)


def _standing(plan: Plan) -> str:
    if plan.owner.suspend:
        return "suspended: shown, not applied"
    if plan.taken_from:
        return f"taken over from the controller_id {plan.taken_from}"
    return "new" if is_new(plan) else ""


def _kind_columns(plan: Plan) -> int:
    parts = (plan.changes, plan.settling, plan.waiting, plan.problems)
    return max((width(visible(one.key.kind)) for part in parts for one in part), default=0)


def _row(symbol: str, word: str, key: Key, style: str, *more: tuple[str, str], columns: int = 0) -> Line:
    after = [part for text, hue in more for part in (("  ", ""), (text, hue))]
    return line("  ", (f"{symbol} {word:<7}", style), "  ", padded(key.kind, columns), "  ", (key.name, "bold"), *after)


def _change_row(change: Change, columns: int) -> Line:
    more = []
    if change.action == "adopt":
        what = "exists already; these fields change" if change.writes else "exists already, just as wanted"
        more = [(what, "")]
    action = change.action
    return _row(SYMBOLS[action], VERBS[action], change.key, STYLES[action], *more, columns=columns)


def _field(field: PlannedField, name: str, *, verbose: bool) -> Line:
    before, after = (None if v is None else shown(v, verbose=verbose) for v in (field.before, field.after))
    if before is None:
        symbol, style, text = "+", STYLES["create"], after or ""
    elif after is None:
        symbol, style, text = "-", STYLES["delete"], before
    else:
        symbol, style, text = "~", STYLES["update"], f"{before} -> {after}"
    if field.because == "drift":
        symbol, style = "!", "magenta"
    told = line("      ", (symbol, style), f" {name}  {text}")
    if field.because == "drift":
        told = Line((*told.spans, (f"   {by_hand(field)}", "magenta")))
    return told.at(SOURCE_COLUMN, (field.source, "dim")) if field.source else told


def _grouped(fields: Iterable[PlannedField]) -> Iterator[Line]:
    """The fields of a thing that goes as a whole, several on a line."""
    values: dict[str, list[str]] = {}
    for field in fields:
        values.setdefault(field_name(field.path), []).append(shown(field.before or ""))
    row = ""
    for name, told in values.items():
        piece = f"{name} = {', '.join(told)}"
        if row and width(row) + width(piece) > WRAP:
            yield line((f"      {row};", "dim"))
            row = ""
        row = f"{row}; {piece}" if row else piece
    if row:
        yield line((f"      {row}", "dim"))


def _notes(change: Change) -> Iterator[Line]:
    for note in change.notes:
        if note.level == "danger":
            yield line("      ", (f"!! CAREFUL: {note.text}", "bold red"))
        else:
            yield line(f"      note: {note.text}")


def _failure(unknown: Unread | Shared) -> Iterator[Line]:
    yield line(f"      {reason(unknown.failure)}")
    advice = what_to_do(unknown.failure)
    if advice:
        yield line(f"      {advice}")


def _shared_block(shared: Shared) -> list[Line]:
    names = listed([title(owner) for owner in shared.owners])
    about = f"account {shared.account}: {listed(shared.kinds)} could not be read, for"
    head = line((f"? {about} {count(len(shared.owners), 'owner')}: {names}", "red"))
    return [head, *_failure(shared)]


def _remarks(totals: Tally) -> Iterator[Line]:
    """What is worth knowing about the whole, before the summary."""
    if totals.changing_adoptions:
        verb = "adoption also changes" if totals.changing_adoptions == 1 else "adoptions also change"
        yield line(f"{totals.changing_adoptions:,} {verb} what is there.")
    if totals.elsewhere:
        verb = "customer of this controller is" if totals.elsewhere == 1 else "customers of this controller are"
        yield line(f"{totals.elsewhere:,} {verb} declared outside these paths.")
    if totals.trusted_since:
        facts = count(totals.trusted, "fact")
        since = moment(totals.trusted_since)
        yield line(f"{facts} taken on trust, the oldest since {since} (--full reads them all).")
