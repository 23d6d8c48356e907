"""A calendar month in UTC: half-open, from its first moment up to the first moment of the next."""

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month, written `2024-01`. `start` belongs to it, `end` does not."""

    year: int
    number: int

    @classmethod
    def parse(cls, text: str) -> "Month":
        """Raises ValueError for anything but four digits, a dash, and 01 to 12."""
        found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text, re.ASCII)
        if not found or found[1] == "0000":
            raise ValueError(f"{text!r} is not a month: it is written like 2024-01")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def of(cls, moment: datetime | date) -> "Month":
        """The month that a moment is in, in UTC whatever zone it is told in."""
        day = moment.astimezone(UTC) if isinstance(moment, datetime) else moment
        return cls(day.year, day.month)

    @property
    def start(self) -> datetime:
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    @property
    def end(self) -> datetime:
        return self.next.start

    @property
    def first_day(self) -> date:
        return date(self.year, self.number, 1)

    @property
    def last_day(self) -> date:
        """The last day inside it: what people mean by the end of a month."""
        return self.next.first_day - timedelta(days=1)

    @property
    def days(self) -> int:
        return calendar.monthrange(self.year, self.number)[1]

    @property
    def next(self) -> "Month":
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def previous(self) -> "Month":
        return Month(self.year - (self.number == 1), (self.number - 2) % 12 + 1)

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def back(self, months: int) -> Iterator["Month"]:
        """So many months that end with this one, the oldest first."""
        first = self
        for _ in range(months - 1):
            first = first.previous
        while first <= self:
            yield first
            first = first.next

    def __str__(self) -> str:
        return f"{self.year:04}-{self.number:02}"
