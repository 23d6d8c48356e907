"""Long texts cut to a size, row by row, with a word on how much is missing."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """Lines in rows that stay or go as a whole, between an opening and a closing.

    `more` stands for the rows that do not fit; `{}` in it becomes their number.
    """

    opening: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    closing: tuple[str, ...]
    more: str

    def fitted(self, room: int) -> list[str]:
        """As many rows as fit into so many characters; nothing where there are no rows, or no room for any word."""
        whole = [*self.opening, *(text for row in self.rows for text in row), *self.closing]
        if not self.rows or size(whole) <= room:
            return whole if self.rows else []
        room -= size([*self.opening, *self.closing, self.more.format(len(self.rows))])
        if room < 0:
            return []
        kept: list[str] = []
        for number, row in enumerate(self.rows):
            room -= size(row)
            if room < 0:
                return [*self.opening, *kept, self.more.format(len(self.rows) - number), *self.closing]
            kept += row
        raise AssertionError("rows that all fit were returned above")


def size(lines: Iterable[str]) -> int:
    """Characters of these lines, each with its line break."""
    return sum(len(one) + 1 for one in lines)
