"""A statement as a sheet of words: what HTML, PDF, the terminal and Markdown all show, so that no number is made twice.

Every text on a sheet is visible and harmless on a terminal; escaping it for its own form is left to each printer.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from controller.domain.money import coin
from controller.domain.month import Month
from controller.domain.statement import Filed, Party, State, Statement, StatementLine
from controller.domain.usage import Source
from controller.render.figure_words import SOURCES
from controller.render.phrases import listed, moment
from controller.render.safe_text import clipped, visible

Fact = tuple[str, str]
"""A name, and what is known of it."""

NOT_LEGAL = "This is not a tax invoice."
NOTHING = "There is nothing to charge."
LONG = 80
"""How much of one foreign text a sheet shows: no name is to fill a page."""
LONG_NOTE = 300
THOUSANDTH = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One document in words.

    `badge` says what is not to be missed, DRAFT, PAID or VOID, or is empty. `columns` head the `rows`, and those that
    `numbers` counts stand flush right. `sums` lead to the `total`; `made_from` is where the figures can be looked up.
    """

    title: str
    number: str
    badge: str
    sender: tuple[str, ...]
    receiver: tuple[str, ...]
    facts: tuple[Fact, ...]
    columns: tuple[str, ...]
    numbers: frozenset[int]
    rows: tuple[tuple[str, ...], ...]
    sums: tuple[Fact, ...]
    total: Fact
    terms: str
    reading: tuple[str, ...]
    made_from: tuple[Fact, ...]
    notes: tuple[str, ...]

    @property
    def name(self) -> str:
        """`Statement INV-2024-000001`, `Statement, draft`."""
        return f"{self.title} {self.number}" if self.number else f"{self.title}, draft"


def sheet(statement: Statement, filed: Filed | None = None) -> Sheet:
    """The sheet of a draft, or of what was `filed`."""
    discounted = any(line.discount for line in statement.lines)
    counted = any(line.quantity is not None for line in statement.lines)
    columns = [("Service", False)]
    columns += [("Quantity", True), ("Unit", False)] if counted else []
    columns += [("List price", True), ("Discount", True)] if discounted else []
    columns += [(f"Amount ({statement.currency})", True)]
    return Sheet(
        title=title(statement),
        number=_text(statement.number),
        badge=_badge(filed.state if filed else "draft"),
        sender=tuple(_party(statement.sender)),
        receiver=tuple(_party(statement.receiver)),
        facts=tuple((name, _text(words)) for name, words in _facts(statement, filed) if words),
        columns=tuple(name for name, _ in columns),
        numbers=frozenset(at for at, (_, is_number) in enumerate(columns) if is_number),
        rows=tuple(_row(line, statement.currency, counted, discounted) for line in statement.lines),
        sums=tuple(_sums(statement, discounted)),
        total=(_total_name(statement), f"{plain(statement.total, statement.currency)} {statement.currency}"),
        terms=clipped(_terms(statement, filed), LONG_NOTE),
        reading=tuple(_reading(statement, discounted)),
        made_from=tuple((name, clipped(words, LONG_NOTE)) for name, words in _made_from(statement, filed)),
        notes=tuple(clipped(note, LONG_NOTE) for note in _notes(statement)),
    )


def title(statement: Statement) -> str:
    """What it is: the sign of its total says whom a correction favours."""
    if statement.kind == "correction":
        return "Credit note" if statement.total < 0 else "Further charge"
    return "Invoice" if statement.is_invoice else "Statement"


def plain(amount: Decimal, currency: str) -> str:
    """`1,234.50`: as many decimals as the currency has coins."""
    value = amount.quantize(coin(currency))
    return f"{value if value else abs(value):,f}"


def quantity(value: Decimal) -> str:
    """`1,250.5`, `245.466`, `125,000`: three decimals at most, half up, and none that say nothing."""
    short = value.quantize(THOUSANDTH, ROUND_HALF_UP)
    text = f"{short if short else abs(short):,f}"
    return text.rstrip("0").rstrip(".")


def fraction(text: str) -> int:
    """How many characters of a number stand after its whole part, the point included."""
    return len(text) - len(text.partition(".")[0])


def percent(value: Decimal) -> str:
    """`10%`, `7.25%`."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + "%"


def _text(text: str | None) -> str:
    return clipped(text or "", LONG)


def _badge(state: State) -> str:
    return "" if state == "issued" else state.upper()


def _party(party: Party) -> Iterator[str]:
    yield _text(party.name)
    yield from (_text(one) for one in party.lines)
    if party.email:
        yield _text(party.email)
    if party.tax_id:
        yield _text(f"Tax ID {party.tax_id}")


def _facts(statement: Statement, filed: Filed | None) -> Iterator[Fact]:
    month = Month.parse(statement.month)
    yield "Corrects", statement.corrects or ""
    yield "Period", f"{month.first_day} to {month.last_day}"
    yield "Issued", str(statement.issued_on or "")
    yield "Due", str(statement.due_on or "") if statement.total > 0 else ""
    if filed and filed.changed_at and filed.state in ("paid", "void"):
        yield filed.state.capitalize(), str(filed.changed_at.date())
    yield "Customer", statement.customer_id
    yield "Cost center", statement.cost_center or ""
    yield "Account", statement.account_id or ""


def _row(line: StatementLine, currency: str, counted: bool, discounted: bool) -> tuple[str, ...]:
    cells = [_text(line.service)]
    cells += ["" if line.quantity is None else quantity(line.quantity), _text(line.unit)] if counted else []
    if line.is_unknown:
        return (*cells, *(["unknown", ""] if discounted else []), "unknown")
    cells += [plain(line.listed, currency), plain(-line.discount, currency)] if discounted else []
    return (*cells, plain(line.charged, currency))


def _sums(statement: Statement, discounted: bool) -> Iterator[Fact]:
    currency = statement.currency
    if discounted:
        yield "List price", plain(statement.listed, currency)
        yield f"Discount {percent(statement.discount_percent)}", plain(-statement.discount, currency)
    if statement.taxes:
        yield "Subtotal", plain(statement.subtotal, currency)
    for tax in statement.taxes:
        yield (
            visible(f"{tax.name} {percent(tax.percent)} on {plain(tax.base, currency)}"),
            plain(tax.amount, currency),
        )


def _total_name(statement: Statement) -> str:
    return "Credit" if statement.kind == "correction" and statement.total < 0 else "Total"


def _terms(statement: Statement, filed: Filed | None) -> str:
    """What is to be done about it."""
    if filed and filed.state == "void":
        return "This document is void: nothing is to be paid."
    if filed and filed.state == "paid":
        return "This amount is settled. Thank you." if statement.total > 0 else "This amount is settled."
    if statement.total == 0:
        return "Nothing is to be paid."
    if statement.total < 0:
        return "This amount is given back."
    if statement.due_on is None:
        return f"Payment terms: {statement.payment_terms}. A draft is not to be paid."
    return f"Payment terms: {statement.payment_terms}. Please pay by {statement.due_on}."


def _reading(statement: Statement, discounted: bool) -> Iterator[str]:
    if statement.kind == "correction":
        yield f"Each row is what a service cost differently from what {_text(statement.corrects)} says."
    elif discounted:
        yield "Each row is one service: what was used, its list price, the discount, and the amount that is charged."
    else:
        yield "Each row is one service: what was used, and the amount that is charged."
    yield "Amounts are rounded once, so that every column adds up to its sum."
    if statement.kind == "statement":
        yield "What AWS changes after the day of issue comes in a document of its own; this one never changes."


def _made_from(statement: Statement, filed: Filed | None) -> Iterator[Fact]:
    made = statement.made_from
    yield "Cost", f"{made.total:,.2f} {made.currency}, {_closed(statement)}"
    yield "As of", moment(made.costs_as_of) if made.costs_as_of else "never read"
    if made.worksets_as_of:
        yield "Worksets as of", moment(made.worksets_as_of)
    yield "Payer account", made.payer
    if names := _sources(statement.lines):
        yield "Sources", names
    if uncertain := [line.service for line in statement.lines if line.certainty == "estimated"]:
        yield "Estimated", listed(uncertain)
    if unknown := [line.service for line in statement.lines if line.certainty == "unknown"]:
        yield "Unknown", listed(unknown)
    if made.rate_date:
        day = f"of {made.rate_date}"
        yield "Exchange rate", f"1 {made.currency} = {made.rate.normalize():f} {statement.currency}, {day}"
    yield "Figures", made.digest
    if filed:
        yield "Document hash", filed.hash


def _closed(statement: Statement) -> str:
    return "the bill of the month is closed" if statement.made_from.closed else "AWS may still change it"


def _sources(lines: Iterable[StatementLine]) -> str:
    found: set[Source] = {source for line in lines for source in line.sources}
    return ", ".join(SOURCES[source] for source in SOURCES if source in found)


def _notes(statement: Statement) -> Iterator[str]:
    yield from statement.notes
    if not statement.is_invoice:
        yield NOT_LEGAL
