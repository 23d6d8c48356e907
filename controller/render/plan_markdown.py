"""A plan as a pull-request comment: a headline, warnings, a table, and the details folded away.

The first line is a marker, by which a comment is found again and updated. Comments of GitHub hold 65,536 characters:
what does not fit is folded first and then cut, and the comment says how much is missing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation

from controller import __version__
from controller.domain.customer import Account
from controller.domain.plan import Action, Change, Plan, PlannedField, Unread
from controller.fleet import FleetPlan
from controller.render.folding import Section, size
from controller.render.markdown_text import code, fenced, prose
from controller.render.phrases import (
    VERBS,
    by_hand,
    count,
    field_name,
    moment,
    reason,
    shown,
    title,
    what_to_do,
)
from controller.render.plan_text import is_new, staying
from controller.render.safe_text import visible
from controller.render.shared_failures import Shared, Sign, sign, unread_of
from controller.render.tally import Tally, tally

LIMIT = 65_000
"""Characters of a comment, with room for what a bot may add."""
TABLE_ROWS = 25
"""A longer table is folded."""
WARNINGS = 20
"""How many warnings of one sort are written out."""
MORE = "… and {} more, see the plan artifact"


def render(plan: FleetPlan, *, prune: bool = False, limit: int = LIMIT) -> str:
    """The comment, at most `limit` characters long, ending in a newline."""
    totals = tally(plan, prune=prune)
    headline = totals.headline if totals.has_changes else "no changes"
    head = [marker(plan.controller_id), f"### Billing plan: {headline}", "", prose(totals.summary)]
    foot = ["", f"Plan {code(plan.digest[:12])}, made {moment(plan.made_at)} by reconcile {__version__}."]
    told = _told(plan, prune=prune)
    room = limit - size([*head, *foot])
    body: list[str] = []
    for section, share in (*((one, 1) for one in _alerts(plan, told)), (_table(told, totals), 2), (_details(told), 1)):
        lines = section.fitted(room // share)
        room -= size(lines)
        body += lines
    return "\n".join([*head, *body, *foot]) + "\n"


def marker(controller_id: str) -> str:
    """The comment's first line: the same for every plan of one controller."""
    return f"<!-- reconcile:plan:{re.sub(r'[^A-Za-z0-9_.-]', '_', controller_id)} -->"


def _told(plan: FleetPlan, *, prune: bool) -> list[Plan]:
    """The plans that have changes to tell of."""
    pruned = [orphan.plan for orphan in plan.orphans if prune and not orphan.lets_go]
    return [one for one in (*plan.plans, *pruned) if one.changes]


# Warnings


def _alerts(plan: FleetPlan, told: Sequence[Plan]) -> Iterator[Section]:
    shared = unread_of(plan)
    yield _alert("CAUTION", "**Careful:**", list(_dangers(told)))
    yield _alert("WARNING", "Changed in AWS by hand, and put back by this plan:", list(_drifts(told)))
    unread = [*_shared(shared.values()), *_unread(plan, shared)]
    yield _alert("WARNING", "Could not be read; nothing is done about it:", unread)
    yield _alert("NOTE", "The manifest is gone; touched only with `--prune`:", list(_orphans(plan)))


def _alert(level: str, title: str, items: Sequence[str]) -> Section:
    """A block that GitHub shows as an alert."""
    rows = [(f"> - {item}",) for item in items[:WARNINGS]]
    if len(items) > WARNINGS:
        rows.append((f"> - {MORE.format(len(items) - WARNINGS)}",))
    return Section(("", f"> [!{level}]", f"> {title}"), tuple(rows), (), f"> - {MORE}")


def _dangers(told: Iterable[Plan]) -> Iterator[str]:
    for plan in told:
        for change in plan.to_apply:
            for note in change.notes:
                if note.level == "danger":
                    yield f"{_where(plan, change)}: {prose(note.text)}"


def _drifts(told: Iterable[Plan]) -> Iterator[str]:
    for plan in told:
        for change in plan.to_apply:
            for field in change.fields:
                if field.because == "drift":
                    did = f"{code(field_name(field.path))} was {by_hand(field)}"
                    yield f"{_where(plan, change)}: {did}: {_value(field.before)} → {_value(field.after)}"


def _shared(shared: Iterable[Shared]) -> Iterator[str]:
    for one in shared:
        kinds = ", ".join(code(kind) for kind in one.kinds)
        owners = count(len(one.owners), "owner")
        yield f"account {code(one.account)}: {kinds} of {owners}: {_failure(one)}"


def _unread(plan: FleetPlan, shared: Mapping[Sign, Shared]) -> Iterator[str]:
    for one in plan.plans:
        for unknown in one.problems:
            if sign(one.owner, unknown.failure) not in shared:
                yield f"{_where(one, unknown)}: {_failure(unknown)}"


def _orphans(plan: FleetPlan) -> Iterator[str]:
    for orphan in plan.orphans:
        does = f"removes {count(len(orphan.plan.changes), 'thing')} of ours"
        if orphan.suspended:
            does = "leaves it alone, it was suspended"
        elif orphan.lets_go:
            does = f"lets go, {count(len(staying(orphan)), 'thing')} of ours stay in AWS"
        policy = f"deletionPolicy {orphan.status.deletion_policy}: a prune {does}"
        yield f"{code(orphan.status.name)} ({code(orphan.status.owner_id)}): {policy}"


def _where(plan: Plan, part: Change | Unread) -> str:
    return f"{code(plan.owner.name)} {code(part.key.kind)} {code(part.key.name)}"


def _failure(one: Unread | Shared) -> str:
    return prose(" — ".join(text for text in (reason(one.failure), what_to_do(one.failure)) if text))


def _value(value: str | None) -> str:
    return "nothing" if value is None else code(value)


# The table


def _table(told: Sequence[Plan], totals: Tally) -> Section:
    """One row for each owner with changes; the column of adoptions is there when there are any."""
    columns = [action for action in VERBS if action != "adopt" or totals.actions["adopt"]]
    names = " | ".join(VERBS[action].capitalize() for action in columns)
    head = (
        f"| Customer | {names} | Monthly limit | File |",
        f"|---|{'--:|' * len(columns)}---|---|",
    )
    rows = tuple((_table_row(plan, columns),) for plan in told)
    more = f"| {MORE} |{' |' * (len(columns) + 2)}"
    if len(rows) <= TABLE_ROWS:
        return Section(("", *head), rows, (), more)
    opening = ("", f"<details><summary>{count(len(rows), 'customer')} with changes</summary>", "", *head)
    return Section(opening, rows, ("", "</details>"), more)


def _table_row(plan: Plan, columns: Iterable[Action]) -> str:
    counts = " | ".join(str(sum(change.action == action for change in plan.changes)) for action in columns)
    file = plan.owner.file
    kind = "account " if isinstance(plan.owner, Account) else ""
    name = f"{kind}{code(plan.owner.name)}{_standing(plan)}"
    return f"| {name} | {counts} | {_monthly_limit(plan)} | {code(file) if file else ''} |"


def _standing(plan: Plan) -> str:
    if plan.owner.suspend:
        return " (suspended: not applied)"
    return " (new)" if is_new(plan) else ""


def _monthly_limit(plan: Plan) -> str:
    """What becomes of the field `limit` of the customer's budget; the state's `unit` is its currency."""
    for change in plan.changes:
        for field in change.fields:
            if change.key.kind == "budget" and field.path == ("limit",):
                state = change.desired if change.desired is not None else change.observed
                unit = str(getattr(state, "unit", ""))
                before = f"{_amount(field.before)} → " if field.before else ""
                after = f"**{_amount(field.after)}**" if field.after else "none"
                return f"{before}{after} {prose(unit)}".rstrip()
    return ""


def _amount(text: str) -> str:
    try:
        return f"{Decimal(text):,.2f}"
    except InvalidOperation:
        return code(text)


# The details


def _details(told: Sequence[Plan]) -> Section:
    """All changes in a fence of the language diff: only lines of changes have a sign in their first column."""
    rows = [tuple(_diff(plan)) for plan in told]
    fence = fenced([text for row in rows for text in row], "diff")
    opening = ("", "<details><summary>Details</summary>", "", fence[0])
    return Section(opening, tuple(rows), (fence[-1], "", "</details>"), f"  {MORE}")


def _diff(plan: Plan) -> Iterator[str]:
    file = plan.owner.file
    yield visible(f"  {title(plan.owner)}{_standing(plan)}" + (f"   {file}" if file else ""))
    for change in plan.changes:
        yield visible(f"    {VERBS[change.action]} {change.key}")
        for field in change.fields:
            yield from _diff_field(field)
        for note in change.notes:
            yield visible(f"      {'CAREFUL' if note.level == 'danger' else 'note'}: {note.text}")


def _diff_field(field: PlannedField) -> Iterator[str]:
    name = field_name(field.path)
    marks = [by_hand(field) if field.because == "drift" else "", field.source]
    told = "; ".join(visible(mark) for mark in marks if mark)
    end = f"   ({told})" if told else ""
    if field.before is not None:
        yield f"-     {name} = {shown(field.before)}" + (end if field.after is None else "")
    if field.after is not None:
        yield f"+     {name} = {shown(field.after)}{end}"
