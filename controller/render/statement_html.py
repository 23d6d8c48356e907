"""A statement as one HTML file to read, to print and to keep: no scripts, nothing that is loaded, all text escaped.

It prints on A4 and, since nothing is wider or lower than both, on letter; and it needs no colour.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from controller.render.statement_sheet import NOTHING, Fact, Sheet, fraction

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""A browser runs and loads nothing of the page, whatever stands in it."""

STYLE = """
@page { size: A4; margin: 17mm 18mm 22mm }
* { box-sizing: border-box }
html { color-scheme: light; background: #eceef0 }
body { margin: 0; color: #16191d; background: #eceef0; overflow-wrap: anywhere;
  font: 9.75pt/1.5 "Helvetica Neue", Helvetica, Arial, "Liberation Sans", "Noto Sans", sans-serif;
  font-variant-numeric: tabular-nums lining-nums }
main { position: relative; width: 210mm; max-width: 100%; min-height: 270mm; margin: 10mm auto;
  padding: 20mm 18mm; background: #fff; box-shadow: 0 1px 10px #0002 }
header { display: flex; justify-content: space-between; align-items: flex-start; gap: 10mm;
  padding-bottom: 5mm; border-bottom: 2px solid #16191d }
h1 { margin: 0; font-size: 25pt; font-weight: 300; line-height: 1.1; letter-spacing: -.01em }
h2, dt, thead th { color: #59616b; font-size: 8pt; font-weight: 500; letter-spacing: .03em }
h2 { margin: 0 0 1mm }
p { margin: 0 }
.number { margin-top: 1mm; font-size: 12pt }
.badge { flex: none; padding: 1.2mm 4mm; border: 2.5px solid #16191d; border-radius: 1.5mm; font-size: 15pt;
  font-weight: 700; letter-spacing: .14em; text-indent: .14em; transform: rotate(-4deg) }
.parties { display: grid; grid-template-columns: 1fr 1fr max-content; gap: 7mm; margin: 8mm 0 9mm }
.name { font-weight: 600 }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0 4mm; margin: 0 }
.parties dl { grid-template-columns: max-content minmax(0, 42mm) }
dt { line-height: 15pt }
dd { margin: 0 }
.due { display: flex; justify-content: space-between; align-items: baseline; gap: 8mm; margin-bottom: 8mm;
  padding: 4mm 5mm; background: #f3f4f6; border-left: 3px solid #16191d; print-color-adjust: exact }
.due strong { flex: none; font-size: 16pt; font-weight: 600 }
table { width: 100%; border-collapse: collapse }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
th, td { padding: 1.7mm 0 1.7mm 5mm; text-align: left; vertical-align: top; font-weight: 400 }
th, td { overflow-wrap: break-word }
th:first-child, td:first-child { padding-left: 0; overflow-wrap: anywhere }
thead th { border-bottom: 1px solid #16191d; vertical-align: bottom }
tbody tr { border-bottom: 1px solid #dfe2e6; break-inside: avoid }
.n { text-align: right; white-space: nowrap; overflow-wrap: normal }
.f { display: inline-block; width: calc(var(--f) * 1ch); text-align: left }
.sums { break-inside: avoid }
.sums tr { border: 0 }
.sums tr:first-child > * { padding-top: 3mm }
.sums th { text-align: right; color: #59616b }
.sums td, .sums th { padding-top: .8mm; padding-bottom: .8mm }
.sums .total > * { padding: 2mm 0 2mm 5mm; color: inherit; font-size: 12pt; font-weight: 700 }
.sums .total td { border-top: 1px solid #16191d; border-bottom: 3px double #16191d }
.more { margin-top: 11mm; display: grid; grid-template-columns: 1fr 1fr; gap: 10mm; color: #3a414a;
  font-size: 8.25pt; border-top: 1px solid #dfe2e6; padding-top: 5mm; break-inside: avoid }
.more p { margin-bottom: 1.2mm }
.more dl { gap: 0 4mm }
.more dt { line-height: 12.4pt }
.hash { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: 7pt }
.notes { margin-top: 7mm }
.notes p { margin-bottom: 1mm }
@media (max-width: 700px) {
  main { margin: 0; padding: 8mm 6mm; box-shadow: none }
  .parties, .more { grid-template-columns: 1fr; gap: 5mm }
  th, td { padding-left: 3mm }
}
@media print {
  html, body { background: #fff }
  body { line-height: 1.4 }
  main { width: auto; max-width: 174mm; min-height: 0; margin: 0; padding: 1.5mm 0 0; box-shadow: none }
  .parties { margin: 6mm 0 }
  .due { margin-bottom: 5mm }
  th, td { padding-top: 1.3mm; padding-bottom: 1.3mm }
  .more { margin-top: 8mm }
  .notes { margin-top: 4mm }
}
"""


def page(sheet: Sheet) -> str:
    return "\n".join(_page(sheet)) + "\n"


def _page(sheet: Sheet) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(sheet.name)}</title>"
    yield f"<style>{STYLE}</style>\n</head>\n<body>\n<main>"
    yield from _header(sheet)
    yield '<section class="parties">'
    yield _party("From", sheet.sender)
    yield _party("To", sheet.receiver)
    yield f"<div>{_facts(sheet.facts)}</div>\n</section>"
    yield f'<section class="due"><p>{escape(sheet.terms)}</p><strong>{escape(sheet.total[1])}</strong></section>'
    yield from _table(sheet)
    yield from _more(sheet)
    yield "</main>\n</body>\n</html>"


def _header(sheet: Sheet) -> Iterator[str]:
    number = f'<p class="number">{escape(sheet.number)}</p>' if sheet.number else ""
    badge = f'<p class="badge">{escape(sheet.badge)}</p>' if sheet.badge else ""
    yield f"<header><div><h1>{escape(sheet.title)}</h1>{number}</div>{badge}</header>"


def _party(heading: str, lines: Sequence[str]) -> str:
    name, *more = (f"<bdi>{escape(one)}</bdi>" for one in lines)
    told = "".join(f"<p>{one}</p>" for one in more)
    return f'<div><h2>{heading}</h2><p class="name">{name}</p>{told}</div>'


def _facts(facts: Iterable[Fact]) -> str:
    rows = (f"<dt>{escape(name)}</dt><dd{_like_a_hash(words)}><bdi>{escape(words)}</bdi></dd>" for name, words in facts)
    return f"<dl>{''.join(rows)}</dl>"


def _like_a_hash(words: str) -> str:
    return ' class="hash"' if len(words) >= 32 and " " not in words else ""


def _table(sheet: Sheet) -> Iterator[str]:
    heads = (f'<th scope="col"{_number(at, sheet)}>{escape(one)}</th>' for at, one in enumerate(sheet.columns))
    yield "<table>\n<caption>What is charged, service by service</caption>"
    yield f"<thead><tr>{''.join(heads)}</tr></thead>\n<tbody>"
    if not sheet.rows:
        yield f'<tr><td colspan="{len(sheet.columns)}">{NOTHING}</td></tr>'
    widths = [max(map(fraction, cells)) for cells in zip(*sheet.rows, strict=True)]
    for row in sheet.rows:
        cells = (f"<td{_number(at, sheet)}>{_cell(at, cell, widths[at], sheet)}</td>" for at, cell in enumerate(row))
        yield f"<tr>{''.join(cells)}</tr>"
    yield '</tbody>\n<tbody class="sums">'
    for name, amount in sheet.sums:
        yield _sum(name, amount, sheet)
    yield _sum(*sheet.total, sheet, ' class="total"')
    yield "</tbody>\n</table>"


def _sum(name: str, amount: str, sheet: Sheet, style: str = "") -> str:
    return (
        f'<tr{style}><th scope="row" colspan="{len(sheet.columns) - 1}">{escape(name)}</th>'
        f'<td class="n">{escape(amount)}</td></tr>'
    )


def _number(at: int, sheet: Sheet) -> str:
    return ' class="n"' if at in sheet.numbers else ""


def _cell(at: int, cell: str, width: int, sheet: Sheet) -> str:
    """Numbers that differ in their decimals stand with their points under each other."""
    differs = len({fraction(row[at]) for row in sheet.rows if row[at]}) > 1
    if at not in sheet.numbers or not differs or not cell:
        return f"<bdi>{escape(cell)}</bdi>"
    whole = cell[: len(cell) - fraction(cell)]
    return f'{escape(whole)}<span class="f" style="--f:{width}">{escape(cell[len(whole) :])}</span>'


def _more(sheet: Sheet) -> Iterator[str]:
    yield '<section class="more">\n<div><h2>How to read this</h2>'
    yield from (f"<p>{escape(one)}</p>" for one in sheet.reading)
    yield '<div class="notes"><h2>Notes</h2>' if sheet.notes else "<div>"
    yield from (f"<p><bdi>{escape(one)}</bdi></p>" for one in sheet.notes)
    yield f"</div></div>\n<div><h2>Where the figures come from</h2>{_facts(sheet.made_from)}</div>\n</section>"
