"""A statement as PDF, by reportlab. The same statement gives the same bytes, on every machine and on every day.

Its fonts are those that every PDF reader has, so they are not in the file, and have the letters of Western Europe
alone: what else stands in a name is written out, e.g. `\\u0416`; HTML shows it as it is.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table

from controller.render.safe_text import clipped
from controller.render.statement_sheet import LONG, NOTHING, Fact, Sheet, fraction

LETTERS = "cp1252"
"""What the fonts have."""

SIDE, TOP, BOTTOM = 18 * mm, 17 * mm, 27 * mm
FRAME = 6
"""What reportlab leaves free inside of its margins."""
WIDTH = A4[0] - 2 * SIDE
"""What is printed fits letter, too, which is wider and 18 mm lower than A4."""
INK, SOFT, HAIR, SHADE = (HexColor(code) for code in ("#16191d", "#59616b", "#dfe2e6", "#f3f4f6"))


def _style(name: str, size: float, leading: float, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(name, fontName="Helvetica", fontSize=size, leading=leading, textColor=INK, **more)


BODY = _style("body", 9.25, 13)
NUMBER = _style("number", 9.25, 13, alignment=TA_RIGHT)
LABEL = ParagraphStyle("label", BODY, fontSize=7.75, textColor=SOFT)
LABEL_RIGHT = ParagraphStyle("label right", LABEL, alignment=TA_RIGHT)
SUM = ParagraphStyle("sum", NUMBER, textColor=SOFT)
STRONG = ParagraphStyle("strong", BODY, fontName="Helvetica-Bold")
TOTAL = ParagraphStyle("total", NUMBER, fontName="Helvetica-Bold", fontSize=11.5, leading=15)
TITLE = _style("title", 24, 28)
SMALL = _style("small", 7.75, 11, spaceAfter=2)
HASH = ParagraphStyle("hash", SMALL, fontName="Courier", fontSize=6.25, leading=11)


def pdf(sheet: Sheet) -> bytes:
    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=SIDE - FRAME,
        rightMargin=SIDE - FRAME,
        topMargin=TOP - FRAME,
        bottomMargin=BOTTOM - FRAME,
        title=_letters(sheet.name),
        author=_letters(sheet.sender[0]),
        creator="reconcile",
        lang="en",
        invariant=1,
        pageCompression=0,  # what a compression library makes of it differs from machine to machine
    )
    document.build(list(_story(sheet)), canvasmaker=_counted(_letters(sheet.name)))
    return file.getvalue()


def _story(sheet: Sheet) -> Iterator[Flowable]:
    yield _header(sheet)
    yield Spacer(0, 7 * mm)
    yield _parties(sheet)
    yield Spacer(0, 7 * mm)
    yield _due(sheet)
    yield Spacer(0, 6 * mm)
    yield _table(sheet)
    yield Spacer(0, 10 * mm)
    yield KeepTogether(list(_more(sheet)))


def _header(sheet: Sheet) -> Flowable:
    left: list[Flowable] = [_text(sheet.title, TITLE)]
    if sheet.number:
        left.append(_text(sheet.number, _style("reference", 12, 17)))
    badge = _Stamp(sheet.badge) if sheet.badge else ""
    rule = [("LINEBELOW", (0, 0), (-1, -1), 1.5, INK), ("BOTTOMPADDING", (0, 0), (-1, -1), 4 * mm)]
    return _grid([[left, badge]], [WIDTH - 55 * mm, 55 * mm], [*rule, ("ALIGN", (1, 0), (1, 0), "RIGHT")])


def _parties(sheet: Sheet) -> Flowable:
    widths = [52 * mm, 52 * mm, WIDTH - 104 * mm]
    cells = [_party("From", sheet.sender), _party("To", sheet.receiver), _facts(sheet.facts, widths[2], 23 * mm)]
    return _grid([cells], widths, [("RIGHTPADDING", (0, 0), (1, 0), 5 * mm)])


def _party(heading: str, lines: Sequence[str]) -> list[Flowable]:
    name, *more = lines
    return [_text(heading, LABEL), _text(name, STRONG), *(_text(one, BODY) for one in more)]


def _facts(facts: Sequence[Fact], width: float, names: float, style: ParagraphStyle = BODY) -> Flowable:
    label = ParagraphStyle("fact", LABEL, leading=style.leading)
    rows = [[_text(name, label), _text(words, HASH if _is_hash(words) else style)] for name, words in facts]
    return _grid(rows, [names, width - names], [("TOPPADDING", (0, 0), (0, -1), style.fontSize - label.fontSize)])


def _is_hash(words: str) -> bool:
    return len(words) >= 32 and " " not in words


def _due(sheet: Sheet) -> Flowable:
    cells = [_text(sheet.terms, BODY), _text(sheet.total[1], ParagraphStyle("due", TOTAL, fontSize=15, leading=18))]
    style = [
        ("BACKGROUND", (0, 0), (-1, -1), SHADE),
        ("LINEBEFORE", (0, 0), (0, -1), 2.5, INK),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        *(
            (f"{side}PADDING", (0, 0), (-1, -1), size)
            for side, size in {"LEFT": 5 * mm, "RIGHT": 4 * mm, "TOP": 3 * mm, "BOTTOM": 3 * mm}.items()
        ),
    ]
    return _grid([cells], [WIDTH * 0.6, WIDTH * 0.4], style)


def _table(sheet: Sheet) -> Flowable:
    """The head comes again on every page, and the sums never stand alone on one."""
    heads = [_text(name, LABEL_RIGHT if at in sheet.numbers else LABEL) for at, name in enumerate(sheet.columns)]
    body, sums = _body(sheet), _sums(sheet)
    first, last = 1 + len(body), len(body) + len(sums)
    style = [
        ("LINEBELOW", (0, 0), (-1, 0), 0.75, INK),
        ("LINEBELOW", (0, 1), (-1, first - 1), 0.5, HAIR),
        ("TOPPADDING", (0, 1), (-1, first - 1), 1.5 * mm),
        ("BOTTOMPADDING", (0, 0), (-1, first - 1), 1.7 * mm),
        ("LEFTPADDING", (1, 0), (-1, first - 1), 4 * mm),
        *(("SPAN", (0, at), (-2, at)) for at in range(first, last + 1)),
        ("BOTTOMPADDING", (0, first), (-1, last), 0.5 * mm),
        ("TOPPADDING", (0, first), (-1, first), 2.5 * mm),
        ("TOPPADDING", (0, last), (-1, last), 1.5 * mm),
        ("BOTTOMPADDING", (0, last), (-1, last), 1.5 * mm),
        ("LINEABOVE", (-1, last), (-1, last), 0.75, INK),
        ("LINEBELOW", (-1, last), (-1, last), 0.75, INK, "butt", None, "miter", 2, 1.5),
        ("NOSPLIT", (0, max(first - 2, 1)), (0, last)),
    ]
    return _grid([heads, *body, *sums], _widths(sheet), style, repeatRows=1)


def _body(sheet: Sheet) -> list[list[Flowable]]:
    """Numbers stand with their points under each other."""
    if not sheet.rows:
        return [[_text(one, BODY) for one in (NOTHING, *[""] * (len(sheet.columns) - 1))]]
    most = [max(map(fraction, cells)) for cells in zip(*sheet.rows, strict=True)]
    return [[_cell(cell, at in sheet.numbers, most[at]) for at, cell in enumerate(row)] for row in sheet.rows]


def _sums(sheet: Sheet) -> list[list[Flowable]]:
    """Rows of two cells, with as many empty ones between as the table has columns besides."""

    def row(name: str, amount: str, label: ParagraphStyle, number: ParagraphStyle) -> list[Flowable]:
        return [_text(name, label), *(_text("", BODY) for _ in sheet.columns[2:]), _text(amount, number)]

    sums = [row(name, amount, SUM, NUMBER) for name, amount in sheet.sums]
    return [*sums, row(*sheet.total, TOTAL, TOTAL)]


def _cell(cell: str, is_number: bool, most: int) -> Flowable:
    if not is_number:
        return _text(cell, BODY)
    digits = most - fraction(cell) if cell else 0
    room = 0.556 * digits - (0.278 if digits == most and digits else 0)  # a digit and a point in Helvetica, in ems
    return _text(cell, ParagraphStyle("pointed", NUMBER, rightIndent=room * NUMBER.fontSize))


def _widths(sheet: Sheet) -> list[float]:
    known = {"Quantity": 25 * mm, "Unit": 25 * mm, "List price": 25 * mm, "Discount": 24 * mm}
    widths = [known.get(name, 30 * mm) for name in sheet.columns[1:]]
    return [WIDTH - sum(widths), *widths]


def _more(sheet: Sheet) -> Iterator[Flowable]:
    half = WIDTH / 2 - 5 * mm
    left: list[Flowable] = [_text("How to read this", LABEL), *(_text(one, SMALL) for one in sheet.reading)]
    if sheet.notes:
        left += [Spacer(0, 3 * mm), _text("Notes", LABEL), *(_text(one, SMALL) for one in sheet.notes)]
    facts = _facts(sheet.made_from, half, 24 * mm, SMALL)
    right = [_text("Where the figures come from", LABEL), facts]
    style = [
        ("LINEABOVE", (0, 0), (-1, 0), 0.5, HAIR),
        ("TOPPADDING", (0, 0), (-1, -1), 4 * mm),
        ("RIGHTPADDING", (0, 0), (0, 0), 10 * mm),
    ]
    yield _grid([[left, right]], [WIDTH - half, half], style)


def _grid(rows: Sequence[Sequence[Any]], widths: Sequence[float], style: Sequence[Any] = (), **more: Any) -> Flowable:
    """Cells without any padding but what `style` says."""
    bare = [(f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")]
    whole = [("VALIGN", (0, 0), (-1, -1), "TOP"), *bare, *style]
    return Table([list(row) for row in rows], colWidths=list(widths), style=whole, hAlign="LEFT", **more)


def _text(text: str, style: ParagraphStyle) -> Flowable:
    return Paragraph(escape(_letters(text)), style)


def _letters(text: str) -> str:
    """The text with what the fonts have not written out as in Python; that makes it no longer than a text may be."""
    told = text.encode(LETTERS, "backslashreplace").decode(LETTERS)
    return clipped(told, max(len(text), LONG))


class _Stamp(Flowable):
    """A word in a frame, a little askew."""

    SIZE, SPACE, PAD = 15, 2.2, 9

    def __init__(self, word: str) -> None:
        super().__init__()
        self._word = word
        self.hAlign = "RIGHT"

    def wrap(self, available: float, _height: float) -> tuple[float, float]:
        from reportlab.pdfbase.pdfmetrics import stringWidth

        self._wide = stringWidth(self._word, "Helvetica-Bold", self.SIZE) + self.SPACE * (len(self._word) - 1)
        self.width, self.height = self._wide + 2 * self.PAD, self.SIZE + 12
        return self.width, self.height

    def draw(self) -> None:
        canvas = self.canv
        canvas.translate(self.width / 2, self.height / 2)
        canvas.rotate(4)
        canvas.setStrokeColor(INK)
        canvas.setFillColor(INK)
        canvas.setLineWidth(2)
        canvas.roundRect(-self.width / 2, -self.height / 2, self.width, self.height, 4)
        canvas.setFont("Helvetica-Bold", self.SIZE)
        canvas.drawString(-self._wide / 2, -self.SIZE * 0.36, self._word, charSpace=self.SPACE)


def _counted(name: str) -> Callable[..., Canvas]:
    """Canvases that end each page in its number, and in how many there are."""

    class Counted(Canvas):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self._pages: list[dict[str, Any]] = []

        def showPage(self) -> None:
            self._pages.append(dict(self.__dict__))
            self._startPage()  # type: ignore[attr-defined]

        def save(self) -> None:
            for number, page in enumerate(self._pages, start=1):
                self.__dict__.update(page)
                self.setFont("Helvetica", 7.5)
                self.setFillColor(SOFT)
                self.drawString(SIDE, 17 * mm, name)
                self.drawRightString(A4[0] - SIDE, 17 * mm, f"Page {number} of {len(self._pages)}")
                super().showPage()
            super().save()

    return Counted
