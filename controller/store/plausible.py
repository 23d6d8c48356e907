"""Whether what was read from a table can be reckoned with: JSON holds numbers that no amount of money can be."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from typing import Any

TOO_LARGE = Decimal(10) ** 21
"""From here on a number does not fit into our arithmetic, to the cent and added up; nobody ever wrote one of ours."""


def check_numbers(value: Any) -> None:
    """Raises ValueError where a number in a value, however deep, is too large to reckon with."""
    for number in _numbers(value):
        if not -TOO_LARGE < number < TOO_LARGE:
            raise ValueError(f"it holds the number {Decimal(number):.0e}, which is too large to reckon with")


def _numbers(value: Any) -> Iterator[Decimal | int]:
    if isinstance(value, Decimal | int):
        yield value
    elif is_dataclass(value) and not isinstance(value, type):
        for one in fields(value):
            yield from _numbers(getattr(value, one.name))
    elif isinstance(value, Mapping):
        yield from (number for one in value.values() for number in _numbers(one))
    elif isinstance(value, tuple):
        yield from (number for one in value for number in _numbers(one))
