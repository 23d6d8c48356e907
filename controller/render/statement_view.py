"""A statement on a terminal and in Markdown, its table for CSV, and the list of statements."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from controller.domain.statement import Entry, Filed, Statement, StatementLine
from controller.invoicing import Standing
from controller.render import report_page
from controller.render.markdown_text import prose
from controller.render.page import BLANK, Line, Page, line
from controller.render.page import table as aligned
from controller.render.phrases import moment
from controller.render.safe_text import visible
from controller.render.statement_sheet import NOTHING, Sheet, fraction, plain, sheet, title
from controller.render.tables import Column, Table, as_lines

COLUMNS = (
    Column("number", ""),
    Column("state", ""),
    Column("customer_id", ""),
    Column("month", ""),
    Column("row", ""),
    Column("part", ""),
    Column("name", "Name"),
    Column("quantity", "Quantity", "exact"),
    Column("unit", "Unit"),
    Column("list_price", "List price", "exact"),
    Column("discount", "Discount", "exact"),
    Column("amount", "Amount", "exact"),
    Column("currency", "Currency"),
)
LIST_COLUMNS = (
    Column("number", "Number"),
    Column("customer_id", "Customer"),
    Column("month", "Month"),
    Column("kind", "Kind"),
    Column("state", "State"),
    Column("issued_on", "Issued"),
    Column("due_on", "Due"),
    Column("overdue_days", "Days overdue", "number"),
    Column("total", "Total", "exact"),
    Column("currency", "Currency"),
)


def page(standing: Standing) -> Page:
    """What was issued, else the draft, and what became of it."""
    return Page((*_sheet_lines(sheet(standing.shown, standing.filed)), *report_page.remarks(remarks(standing))))


def markdown(standing: Standing) -> str:
    """The same for GitHub."""
    return _markdown(sheet(standing.shown, standing.filed), remarks(standing))


def remarks(standing: Standing) -> Iterator[str]:
    """What became of it, its corrections, and what AWS has changed since."""
    if standing.filed:
        yield from _became(standing.filed)
        yield from news(standing)


def news(standing: Standing) -> Iterator[str]:
    """What the document itself, which never changes, cannot say: its corrections, and what AWS has changed since."""
    for one in standing.corrections:
        name = f"{title(one.statement)} {one.statement.number}"
        yield f"Corrected by {name}, {one.state}: {_signed(one.statement)}."
    if standing.incomparable:
        yield f"Whether AWS has changed its figures since cannot be told: {standing.incomparable}."
    if difference := standing.difference:
        yield (
            f"AWS has changed its figures since: {_money(difference)} are to be "
            f"{'given back' if difference.total < 0 else 'charged'}. --correct issues that."
        )


def table(statement: Statement, state: str) -> Table:
    """A row for each line and each tax; the amounts of all rows add up to the total."""
    start = (statement.number, state, statement.customer_id, statement.month)
    lines = [
        (*start, "service", one.part, one.service, one.quantity, one.unit, *_amounts(one)) for one in statement.lines
    ]
    taxes = [(*start, "tax", "", one.name, None, "", None, None, one.amount) for one in statement.taxes]
    return Table(COLUMNS, [(*row, statement.currency) for row in (*lines, *taxes)])


def _amounts(one: StatementLine) -> tuple[Decimal | None, ...]:
    return (None, None, None) if one.is_unknown else (one.listed, -one.discount, one.charged)


def list_page(statements: Sequence[Entry], today: date, none: str) -> Page:
    """The list, and what of it is open; `none` where there is none."""
    if not statements:
        return Page((line(none),))
    return Page((*as_lines(list_table(statements, today)), BLANK, *(line(one) for one in _open(statements, today))))


def entry_title(one: Entry) -> str:
    if one.kind == "statement":
        return "statement"
    return "credit note" if one.total < 0 else "further charge"


def list_table(statements: Sequence[Entry], today: date) -> Table:
    rows = [
        (
            one.number,
            one.customer_id,
            one.month,
            entry_title(one),
            one.state,
            str(one.issued_on),
            str(one.due_on),
            one.overdue_days(today) or "",
            one.total,
            one.currency,
        )
        for one in statements
    ]
    return Table(LIST_COLUMNS, rows)


def _open(statements: Sequence[Entry], today: date) -> Iterator[str]:
    """What is still to be paid, in each currency."""
    waiting = [one for one in statements if one.is_open]
    for currency in sorted({one.currency for one in waiting}):
        mine = [one for one in waiting if one.currency == currency]
        late = [one for one in mine if one.overdue_days(today)]
        told = f"Open: {_sum(mine, currency)} of {len(mine)}"
        yield told + (f", overdue: {_sum(late, currency)} of {len(late)}." if late else ", none overdue.")
    if not waiting:
        yield "Nothing is open."


def _sum(statements: Sequence[Entry], currency: str) -> str:
    return f"{plain(sum((one.total for one in statements), start=statements[0].total * 0), currency)} {currency}"


def _money(statement: Statement) -> str:
    return f"{plain(abs(statement.total), statement.currency)} {statement.currency}"


def _signed(statement: Statement) -> str:
    return f"{plain(statement.total, statement.currency)} {statement.currency}"


def _became(filed: Filed) -> Iterator[str]:
    yield f"Issued {moment(filed.issued_at)} by {filed.issued_by}."
    if filed.changed_at:
        why = f": {filed.reason}" if filed.reason else "."
        yield f"{filed.state.capitalize()} {moment(filed.changed_at)} by {filed.changed_by}{why}"


def _sheet_lines(one: Sheet) -> Iterator[Line]:
    yield line((one.name, "bold"), *([("   ", ""), (one.badge, "bold reverse")] if one.badge and one.number else []))
    facts = [("From", ", ".join(one.sender)), ("To", ", ".join(one.receiver)), *one.facts]
    yield from _facts(facts)
    yield BLANK
    yield from _table_lines(one)
    yield BLANK
    yield line(one.terms)
    yield BLANK
    yield from _facts(one.made_from)
    yield from report_page.remarks(one.notes)


def _facts(facts: Sequence[tuple[str, str]]) -> Iterator[Line]:
    return aligned([(f"{name}:", words) for name, words in facts])


def _table_lines(one: Sheet) -> Iterator[Line]:
    """Numbers stand with their points under each other; the sums stand in the last column."""
    if not one.rows:
        yield line(NOTHING)
    columns = [_pointed(cells) if at in one.numbers else cells for at, cells in enumerate(zip(*one.rows, strict=True))]
    body = list(zip(*columns, strict=True))
    blank = ("",) * (len(one.columns) - 2)
    head = tuple(name.upper() for name in one.columns)
    sums = [(name, *blank, amount) for name, amount in one.sums]
    total = (one.total[0].upper(), *blank, one.total[1].rpartition(" ")[0])
    lines = list(aligned([head, *body, *sums, total], one.numbers))
    yield from lines[:-1]
    yield Line(tuple((text, "bold") for text, _ in lines[-1].spans))


def _pointed(column: Sequence[str]) -> Sequence[str]:
    """Numbers, filled up behind to equally many decimals."""
    most = max(fraction(cell) for cell in column)
    return [cell and cell + " " * (most - fraction(cell)) for cell in column]


def _markdown(one: Sheet, became: Iterator[str]) -> str:
    badge = f" ({one.badge})" if one.badge and one.number else ""
    facts = [("From", ", ".join(one.sender)), ("To", ", ".join(one.receiver)), *one.facts]
    lines = [f"### {prose(one.name + badge)}", "", *(f"- {prose(name)}: {prose(words)}" for name, words in facts), ""]
    rule = ["--:" if at in one.numbers else "---" for at in range(len(one.columns))]
    blank = ("",) * (len(one.columns) - 2)
    sums = [(name, *blank, amount) for name, amount in one.sums]
    rows = [tuple(map(prose, row)) for row in (*one.rows, *sums)]
    rows.append((f"**{prose(one.total[0])}**", *blank, f"**{prose(one.total[1])}**"))
    lines += [f"| {' | '.join(cells)} |" for cells in (tuple(map(prose, one.columns)), tuple(rule), *rows)]
    told = (one.terms, *(f"{name}: {words}" for name, words in one.made_from), *one.notes, *map(visible, became))
    lines += [text for words in told for text in ("", prose(words))]
    return "\n".join(lines) + "\n"
