"""The statement of a customer's month: what it is charged, made once, numbered, and never changed. Pure.

    draft --issue--> issued --> paid
                           `--> void       a void number is never used again
    issued --correct--> a credit note, or a further charge, with a number of its own

Amounts are in the coins of the statement's currency. Lines stand at list price; the discount, then taxes, come off and
on the sum; every column adds up to its total. What was issued carries a hash of everything that it says.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic import AwareDatetime, TypeAdapter

from controller.domain.figure import PARTS
from controller.domain.money import ZERO, cents, coin, in_cents
from controller.domain.month import Month
from controller.domain.settings import StatementSettings
from controller.domain.usage import Certainty, CustomerMonth, Part, Source

FORMAT = 1
HUNDRED = Decimal(100)

UNKNOWN = "unknown"
"""The name by which a statement is allowed that is without what is not known."""
NAMED = 5
"""How many worksets are named, where it may be thousands."""

LEAST_CERTAIN: tuple[Certainty, ...] = ("unknown", "estimated", "actual")

State = Literal["draft", "issued", "paid", "void"]
Kind = Literal["statement", "correction"]


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One service. `listed` is AWS's or the ledger's cost, `discount` what comes off it, `charged` what is left.

    `exact` is AWS's figure before rounding and conversion, in the currency of the figures.
    """

    service: str
    part: Part
    listed: Decimal
    discount: Decimal
    charged: Decimal
    exact: Decimal
    sources: tuple[Source, ...]
    certainty: Certainty
    quantity: Decimal | None = None
    unit: str = ""

    @property
    def is_unknown(self) -> bool:
        """Whether nothing is known of its cost: the zeros that it has are none."""
        return self.certainty == "unknown" and not self.listed


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax on what is charged."""

    name: str
    percent: Decimal
    base: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """The figures behind a statement: where anybody can look them up again.

    `rate`: how many units of the statement's currency one unit of `currency` is worth, as of `rate_date`.
    """

    currency: str
    total: Decimal
    costs_as_of: AwareDatetime | None
    worksets_as_of: AwareDatetime | None
    closed: bool
    payer: str
    digest: str
    rate: Decimal = Decimal(1)
    rate_date: date | None = None


@dataclass(frozen=True, slots=True)
class Party:
    """Who sends the statement, or who gets it."""

    name: str
    lines: tuple[str, ...] = ()
    email: str | None = None
    tax_id: str | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """All that a statement says. `number`, `issued_on` and `due_on` are None in a draft.

    `is_invoice`: the legal fields of the sender are configured; else it is "not a tax invoice". `corrects`: the number
    of the statement that this one corrects; its lines are then differences.
    """

    customer_id: str
    month: str
    kind: Kind
    sender: Party
    receiver: Party
    cost_center: str | None
    account_id: str | None
    currency: str
    lines: tuple[StatementLine, ...]
    discount_percent: Decimal
    taxes: tuple[Tax, ...]
    payment_terms: str
    due_days: int
    made_from: MadeFrom
    is_invoice: bool = False
    notes: tuple[str, ...] = ()
    corrects: str | None = None
    number: str | None = None
    issued_on: date | None = None
    due_on: date | None = None

    @property
    def listed(self) -> Decimal:
        return sum((line.listed for line in self.lines), ZERO)

    @property
    def discount(self) -> Decimal:
        return sum((line.discount for line in self.lines), ZERO)

    @property
    def subtotal(self) -> Decimal:
        """After the discount, before taxes."""
        return sum((line.charged for line in self.lines), ZERO)

    @property
    def total(self) -> Decimal:
        return self.subtotal + sum((tax.amount for tax in self.taxes), ZERO)

    @property
    def hash(self) -> str:
        """SHA-256 of everything that it says, in hex."""
        return hash_of(_STATEMENT.dump_python(self, mode="json"))

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.number or f"draft {self.customer_id} {self.month}"


@dataclass(frozen=True, slots=True)
class Filed:
    """A statement that was issued, as it is kept: what it says, which never changes, and what became of it.

    `kept` is the JSON that it was filed with, empty for a new one: a later version of this tool may know fields that an
    earlier one did not write, and what was issued is kept as it was written. `nth`: the how-manieth correction it is of
    what it corrects, void ones included; 0 for a statement.
    """

    statement: Statement
    state: State
    hash: str
    issued_by: str
    issued_at: AwareDatetime
    changed_at: AwareDatetime | None = None
    changed_by: str = ""
    reason: str = ""
    format: int = FORMAT
    nth: int = 0
    version: int = field(default=0, compare=False)
    kept: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One that was issued, as it stands in a list."""

    number: str
    customer_id: str
    month: str
    kind: Kind
    state: State
    issued_on: date
    due_on: date
    total: Decimal
    currency: str

    @property
    def is_open(self) -> bool:
        """Whether it is still to be paid, or given back."""
        return self.state == "issued" and self.total != 0

    def overdue_days(self, today: date) -> int:
        """Days since it was to be paid; 0 for one that is not late, or where nothing is to be paid."""
        return max((today - self.due_on).days, 0) if self.is_open and self.total > 0 else 0


_STATEMENT = TypeAdapter(Statement)


def hash_of(said: Any) -> str:
    """SHA-256 of what a statement says, as plain JSON: of the fields that it was written with, in any order."""
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def draft(month: CustomerMonth, settings: StatementSettings) -> Statement:
    """The statement of a month as it would be issued now. A month whose cost is unknown has no lines."""
    conditions = _conditions(month, settings)
    statement = _statement(month, settings, conditions)
    wanted = month.terms.currency
    if wanted == statement.currency:
        return statement
    agreed = f"Agreed in {wanted}; charged in {statement.currency}, since no exchange rate is set."
    return replace(statement, notes=(agreed, *statement.notes))


def correction(
    issued: Statement, earlier: Sequence[Statement], month: CustomerMonth, settings: StatementSettings
) -> Statement | None:
    """What is to be charged or given back on top of a statement and its corrections, for all to say what AWS says now.

    The currency, its rate, the discount, the taxes and the payment terms are those of the statement: what the settings
    say today is no reason to correct it. Lines, discounts and taxes are differences, by service and by tax; those
    without any are left out. `earlier` are in the order of their issue. None: AWS changed nothing since, or not by a
    coin. Only for what `why_not_comparable` lets pass.
    """
    said = [issued, *earlier]
    now = _statement(month, settings, _conditions_of(issued))
    if now.made_from.digest == said[-1].made_from.digest:
        return None
    lines = _differences(said, now)
    taxes = _tax_differences(said, now)
    if not lines and not taxes:
        return None
    notes = (f"Corrects {issued.number}: AWS's figures changed after it was issued.", *now.notes)
    return replace(now, kind="correction", corrects=issued.number, lines=lines, taxes=taxes, notes=notes)


def why_not_comparable(issued: Statement, earlier: Sequence[Statement], month: CustomerMonth) -> str:
    """Why nobody can tell what AWS changed since; empty where it can be told."""
    counted = issued.made_from.currency
    if any(line.certainty == "unknown" for line in month.lines):
        return f"the cost of {_unknown(month)} is not known"
    if month.currency != counted:
        return f"{issued.number} was made from figures in {counted}, and they are in {month.currency} now"
    foreign = [one for one in earlier if one.currency != issued.currency]
    if foreign:
        return f"{issued.number} is in {issued.currency}, and {foreign[0].number} corrects it in {foreign[0].currency}"
    return ""


def issue(statement: Statement, number: str, on: date) -> Statement:
    """The statement under its number."""
    return replace(statement, number=number, issued_on=on, due_on=on + timedelta(days=statement.due_days))


def entry(filed: Filed) -> Entry:
    """What a list says of one that was issued. Raises ValueError for one without a number."""
    statement = filed.statement
    if statement.number is None or statement.issued_on is None or statement.due_on is None:
        raise ValueError(f"the {statement.name} was never issued")
    return Entry(
        number=statement.number,
        customer_id=statement.customer_id,
        month=statement.month,
        kind=statement.kind,
        state=filed.state,
        issued_on=statement.issued_on,
        due_on=statement.due_on,
        total=statement.total,
        currency=statement.currency,
    )


def why_not_yet(month: CustomerMonth, settings: StatementSettings, now: datetime, allow: Collection[str] = ()) -> str:
    """Why no statement may be issued of this month; empty where it may. `allow`: UNKNOWN, for one without what is not
    known."""
    at = Month.parse(month.month)
    if now < at.end:
        return f"{at} is not over"
    if not month.is_known or month.costs_as_of is None:
        return f"the cost of {at} is not known: reconcile collect --month {at} reads it"
    if month.problems:
        return f"not all of {at} could be read: {month.problems[0]}"
    if month.costs_as_of < at.end:
        return f"the figures are of {month.costs_as_of:%Y-%m-%d %H:%M} UTC, before {at} was over: collect it again"
    if month.costs_estimated and now < at.end + timedelta(days=settings.close_days):
        day = at.end + timedelta(days=settings.close_days)
        return f"AWS has not closed {at} yet; from {day:%Y-%m-%d} on it may be issued even so"
    if UNKNOWN not in allow and any(line.certainty == "unknown" for line in month.lines):
        return f"the cost of {_unknown(month)} is not known; --allow {UNKNOWN} issues it without that"
    return ""


def number_of(prefix: str, year: int, count: int) -> str:
    """`INV-2026-000042`: the count begins anew each year."""
    return f"{prefix}{year}-{count:06}"


def due_days(terms: str | None, default: int) -> int:
    """Days until payment is due by terms like net-30, `Net 30` or `30 days`; those of the settings for any other."""
    words = (terms or "").lower().replace("-", " ").split()
    numbers = [word for word in words if word.isdigit()]
    is_known = len(numbers) == 1 and set(words) - set(numbers) <= {"net", "days", "day"}
    if is_known and int(numbers[0]) <= 365:
        return int(numbers[0])
    return 0 if words in (["due", "on", "receipt"], ["immediate"]) else default


# Money


@dataclass(frozen=True, slots=True)
class _Conditions:
    """On what the figures of a month become what is charged. `taxes`: names and percentages."""

    currency: str
    rate: Decimal
    rate_date: date | None
    discount_percent: Decimal
    taxes: tuple[tuple[str, Decimal], ...]
    payment_terms: str
    due_days: int


def _conditions(month: CustomerMonth, settings: StatementSettings) -> _Conditions:
    """Those of the manifest and the settings. The currency is that of AWS's figures where no rate is set."""
    wanted, own = month.terms.currency, month.currency
    rates = (one for one in settings.rates if wanted != own and (one.currency, one.of) == (wanted, own))
    rate = next(rates, None)
    days = due_days(month.terms.payment_terms, settings.due_days)
    rules = [rule for rule in settings.taxes if not rule.customers or month.customer_id in rule.customers]
    return _Conditions(
        currency=rate.currency if rate else own,
        rate=rate.rate if rate else Decimal(1),
        rate_date=rate.date if rate else None,
        discount_percent=month.terms.discount_percent or ZERO,
        taxes=tuple((rule.name, rule.percent) for rule in rules),
        payment_terms=month.terms.payment_terms or f"net-{days}",
        due_days=days,
    )


def _conditions_of(issued: Statement) -> _Conditions:
    """Those that it was issued on: it says them all, a tax of 0.00 included."""
    return _Conditions(
        currency=issued.currency,
        rate=issued.made_from.rate,
        rate_date=issued.made_from.rate_date,
        discount_percent=issued.discount_percent,
        taxes=tuple((tax.name, tax.percent) for tax in issued.taxes),
        payment_terms=issued.payment_terms,
        due_days=issued.due_days,
    )


def _statement(month: CustomerMonth, settings: StatementSettings, conditions: _Conditions) -> Statement:
    unit = coin(conditions.currency)
    lines = _lines(month, conditions, unit)
    return Statement(
        customer_id=month.customer_id,
        month=month.month,
        kind="statement",
        sender=_sender(settings),
        receiver=Party(month.display_name or month.name or month.customer_id, email=month.terms.email),
        cost_center=month.cost_center,
        account_id=month.terms.account_id,
        currency=conditions.currency,
        lines=lines,
        discount_percent=conditions.discount_percent,
        taxes=_taxes(lines, conditions, unit),
        payment_terms=conditions.payment_terms,
        due_days=conditions.due_days,
        made_from=_made_from(month, conditions),
        is_invoice=settings.is_legal,
        notes=tuple(_notes(month, settings)),
    )


def _made_from(month: CustomerMonth, conditions: _Conditions) -> MadeFrom:
    return MadeFrom(
        currency=month.currency,
        total=month.total or ZERO,
        costs_as_of=month.costs_as_of,
        worksets_as_of=month.worksets_as_of,
        closed=not month.costs_estimated,
        payer=month.paid_by,
        digest=_digest(month),
        rate=conditions.rate,
        rate_date=conditions.rate_date,
    )


def _lines(month: CustomerMonth, conditions: _Conditions, unit: Decimal) -> tuple[StatementLine, ...]:
    """One line for each service, listed and charged each rounded once and adding up to its own sum."""
    groups = _by_service(month)
    exact = {key: sum((line.amount for line in lines), ZERO) * conditions.rate for key, lines in groups.items()}
    listed = in_cents(exact, unit=unit)
    share = (HUNDRED - conditions.discount_percent) / HUNDRED
    net = {key: amount * share for key, amount in listed.items()}
    charged = in_cents(net, unit=unit)
    return tuple(
        _line(key[1], lines, listed[key], charged[key])
        for key, lines in groups.items()
        if listed[key] or charged[key] or any(line.certainty == "unknown" for line in lines)
    )


def _by_service(month: CustomerMonth) -> dict[tuple[int, str], list[Any]]:
    groups: dict[tuple[int, str], list[Any]] = {}
    for line in month.lines if month.is_known else ():
        groups.setdefault((PARTS.index(line.part), line.service), []).append(line)
    return {key: groups[key] for key in sorted(groups)}


def _line(service: str, lines: Sequence[Any], listed: Decimal, charged: Decimal) -> StatementLine:
    units = {line.unit for line in lines if line.quantity is not None}
    counted = len(units) == 1 and all(line.quantity is not None for line in lines)
    certainties = {line.certainty for line in lines}
    return StatementLine(
        service=service,
        part=lines[0].part,
        listed=listed,
        discount=listed - charged,
        charged=charged,
        exact=sum((line.exact for line in lines), ZERO),
        sources=tuple(sorted({line.source for line in lines})),
        certainty=next((one for one in LEAST_CERTAIN if one in certainties), "actual"),
        quantity=sum((line.quantity for line in lines), ZERO) if counted else None,
        unit=units.pop() if counted else "",
    )


def _taxes(lines: Sequence[StatementLine], conditions: _Conditions, unit: Decimal) -> tuple[Tax, ...]:
    base = sum((line.charged for line in lines), ZERO)
    return tuple(Tax(name, percent, base, cents(base * percent / HUNDRED, unit)) for name, percent in conditions.taxes)


def _differences(said: Sequence[Statement], now: Statement) -> tuple[StatementLine, ...]:
    before: dict[tuple[Part, str], list[StatementLine]] = {}
    for line in (line for one in said for line in one.lines):
        before.setdefault((line.part, line.service), []).append(line)
    current = {(line.part, line.service): line for line in now.lines}
    keys = sorted(before.keys() | current.keys(), key=lambda key: (PARTS.index(key[0]), key[1]))
    found = (_difference(before.get(key, []), current.get(key)) for key in keys)
    return tuple(line for line in found if line.listed or line.charged)


def _difference(before: Sequence[StatementLine], now: StatementLine | None) -> StatementLine:
    base = now or replace(before[0], listed=ZERO, discount=ZERO, charged=ZERO, exact=ZERO)

    def less(name: str) -> Decimal:
        found: Decimal = getattr(base, name) - sum((getattr(line, name) for line in before), ZERO)
        return found

    return replace(
        base,
        listed=less("listed"),
        discount=less("discount"),
        charged=less("charged"),
        exact=less("exact"),
        quantity=None,
        unit="",
    )


def _tax_differences(said: Sequence[Statement], now: Statement) -> tuple[Tax, ...]:
    before: dict[tuple[str, Decimal], tuple[Decimal, Decimal]] = {}
    for tax in (tax for one in said for tax in one.taxes):
        base, amount = before.get((tax.name, tax.percent), (ZERO, ZERO))
        before[tax.name, tax.percent] = (base + tax.base, amount + tax.amount)
    current: Mapping[tuple[str, Decimal], Tax] = {(tax.name, tax.percent): tax for tax in now.taxes}
    found = []
    for key in sorted(before.keys() | current.keys()):
        base, amount = before.get(key, (ZERO, ZERO))
        tax = current.get(key) or Tax(*key, ZERO, ZERO)
        found.append(Tax(*key, tax.base - base, tax.amount - amount))
    return tuple(tax for tax in found if tax.base or tax.amount)


# Words


def _sender(settings: StatementSettings) -> Party:
    legal = settings.sender
    return Party(legal.name, legal.address, legal.email, legal.tax_id)


def _notes(month: CustomerMonth, settings: StatementSettings) -> Iterable[str]:
    if unknown := _unknown(month):
        yield f"Not in it, since it is not known: the cost of {unknown}."
    if month.excluded:
        kinds = ", ".join(sorted({row.record_type for row in month.excluded}))
        yield f"Not part of it, as set: what AWS books as {kinds}."
    if month.flagged:
        yield f"Open question: {month.flagged:.2f} {month.currency} of failed worksets are not charged."
    if any(line.source == "split" for line in month.lines):
        yield "Shared cost is in it by a written rule."
    if settings.note:
        yield settings.note


def _unknown(month: CustomerMonth) -> str:
    """What there is no cost of: services, and the worksets that the ledger has none for; empty where there is all."""
    services = sorted({line.service for line in month.lines if line.certainty == "unknown"})
    worksets = _without_cost(month, "completed") or (_without_cost(month, "failed") if services else [])
    names = [*worksets[:NAMED], *([f"{len(worksets) - NAMED:,} more"] if len(worksets) > NAMED else [])]
    of = ", ".join(services)
    if not names:
        return of
    return f"{of} (worksets {', '.join(names)})" if of else f"the worksets {', '.join(names)}"


def _without_cost(month: CustomerMonth, outcome: str) -> list[str]:
    """The worksets that are charged by the ledger, which says of none of these what it cost."""
    if month.compute_source != "ledger":
        return []
    return [one.workset_id for one in month.worksets if one.has_ended and one.cost is None and one.outcome == outcome]


def _digest(month: CustomerMonth) -> str:
    """Changes when, and only when, a figure does that a statement is made of."""
    lines = month.lines if month.is_known else ()
    told = [[line.service, line.part, str(line.exact), str(line.amount), line.source] for line in lines]
    return hashlib.sha256(json.dumps([month.customer_id, month.month, told]).encode()).hexdigest()[:16]
