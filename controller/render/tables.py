"""One table as text, CSV and Markdown. The cells are values; each form writes them as its readers expect."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from controller.domain.money import cents
from controller.render import page
from controller.render.json_text import number
from controller.render.markdown_text import prose
from controller.render.safe_text import visible

Cell = str | int | Decimal | None
"""None: unknown."""

UNKNOWN = "-"

_FORMULA = tuple("=+-@\t\r＝＋－＠")
"""What a cell begins with that a spreadsheet takes for a formula, also in the wide letters of East Asia (OWASP)."""
_PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Column:
    """`name` heads the column in CSV, `title` elsewhere; a column without a title is in CSV only.

    `money` has two decimals, a `number` one at most for people and all that it has in CSV, a `share` is in percent. An
    `exact` number has everywhere all that it has: an amount in a currency that may have no cents.
    """

    name: str
    title: str
    kind: Literal["text", "money", "number", "share", "exact"] = "text"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of as many cells as there are columns. `total` stands under them, and is not in CSV: it is their sum."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    total: Sequence[Cell] | None = None


def as_lines(table: Table, indent: int = 0) -> Iterator[page.Line]:
    """For people: aligned, numbers flush right, `-` for what is unknown."""
    shown = [at for at, column in enumerate(table.columns) if column.title]
    right = frozenset(place for place, at in enumerate(shown) if table.columns[at].kind != "text")
    head = tuple(table.columns[at].title.upper() for at in shown)
    body = [tuple(for_people(row[at], table.columns[at]) for at in shown) for row in _all_rows(table)]
    return page.table([head, *body], right, indent)


def as_csv(table: Table) -> str:
    """RFC 4180. Unknown is an empty field, never 0; no cell of text can be taken for a formula by a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in table.columns])
    writer.writerows([_field(*pair) for pair in zip(row, table.columns, strict=True)] for row in table.rows)
    return text.getvalue()


def as_markdown(table: Table) -> list[str]:
    """For GitHub: foreign text has no power in it, and the total is bold."""
    shown = [at for at, column in enumerate(table.columns) if column.title]
    head = [prose(table.columns[at].title) for at in shown]
    rule = ["---" if table.columns[at].kind == "text" else "--:" for at in shown]
    rows = [[prose(for_people(row[at], table.columns[at])) for at in shown] for row in table.rows]
    if table.total:
        told = [(table.total[at], table.columns[at]) for at in shown]
        rows.append(["" if cell == "" else f"**{prose(for_people(cell, column))}**" for cell, column in told])
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *rows)]


def for_people(cell: Cell, column: Column) -> str:
    if cell is None:
        return UNKNOWN
    if isinstance(cell, str):
        return visible(cell)
    if column.kind == "money":
        return f"{cell:,.2f}"
    if column.kind == "exact":
        return f"{Decimal(cell):,f}"
    return f"{cell}%" if column.kind == "share" else quantity(Decimal(cell))


def quantity(value: Decimal) -> str:
    """`1,250.5`, `125,000`: one decimal at most, half up, and none where it is 0."""
    tenths = value.quantize(Decimal("0.1"), ROUND_HALF_UP)
    return f"{tenths if tenths else abs(tenths):,}".removesuffix(".0")


def _all_rows(table: Table) -> list[Sequence[Cell]]:
    return [*table.rows, *([table.total] if table.total else [])]


def _field(cell: Cell, column: Column) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return number(cents(Decimal(cell)) if column.kind == "money" else Decimal(cell))
    text = visible(cell)
    harmful = text.startswith(_FORMULA) and not _PLAIN_NUMBER.fullmatch(text)
    return f"'{text}" if harmful else text
