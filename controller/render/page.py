"""Lines of styled text: plain with `str`, coloured when rich prints them. Without rich until then.

Every text passes `visible` on its way into a line, so nothing that is printed can hold a control character.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.render.safe_text import visible, width

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

Part = str | tuple[str, str]
"""A text, or a text and its rich style, e.g. `("FAILED", "bold red")`."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: texts with their styles. Made by `line`."""

    spans: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return "".join(text for text, _ in self.spans).rstrip()

    @property
    def width(self) -> int:
        return sum(width(text) for text, _ in self.spans)

    def at(self, column: int, *parts: Part) -> "Line":
        """More parts, beginning at this column, or after two spaces where the line is that long already."""
        gap = " " * max(column - self.width, 2)
        return Line((*self.spans, (gap, ""), *line(*parts).spans))

    def __rich__(self) -> "Text":
        from rich.text import Text

        return Text.assemble(*self.spans)


class Remade(Iterable[Line]):
    """Lines that are made whenever somebody goes through them: those of a fleet take more memory than the fleet."""

    def __init__(self, make: Callable[[], Iterator[Line]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Line]:
        return self._make()


@dataclass(frozen=True, slots=True)
class Page:
    """Lines in order, as often as asked. `str` is plain and ends in a newline; `console.print(page)` has colours."""

    lines: Iterable[Line]

    def __str__(self) -> str:
        return "".join(self.plain())

    def plain(self) -> Iterator[str]:
        """The lines without styles, each with its newline."""
        return (f"{one}\n" for one in self.lines)

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "Iterator[Text]":
        return (one.__rich__() for one in self.lines)


BLANK = Line()


def line(*parts: Part) -> Line:
    """A line of these parts, all made visible."""
    pairs = ((part, "") if isinstance(part, str) else part for part in parts)
    return Line(tuple((visible(text), style) for text, style in pairs))


def spaced(blocks: Iterable[Iterable[Line]]) -> Iterator[Line]:
    """The blocks that say something, with a blank line between them."""
    is_first = True
    for block in blocks:
        begins = True
        for one in block:
            if begins and not is_first:
                yield BLANK
            yield one
            begins = is_first = False


def table(rows: Iterable[tuple[str, ...]], right: frozenset[int] = frozenset(), indent: int = 0) -> Iterator[Line]:
    """Rows in columns as wide as their widest cell, two spaces apart; the columns numbered in `right` end flush."""
    cells = [tuple(visible(cell) for cell in row) for row in rows]
    widths = [max(width(cell) for cell in column) for column in zip(*cells, strict=True)]
    for row in cells:
        filled = [
            " " * (wide - width(cell)) + cell if at in right else cell + " " * (wide - width(cell))
            for at, (cell, wide) in enumerate(zip(row, widths, strict=True))
        ]
        yield Line(((" " * indent + "  ".join(filled), ""),))
