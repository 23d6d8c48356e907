"""Documents as JSON text: the same bytes for the same values."""

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any


def json_text(plain: Any) -> str:
    """Sorted keys, two spaces, a newline at the end. Pure ASCII: no terminal acts on what the values hold.

    A Decimal is a number with just the digits that it has: 322.30 stays 322.30, which no float can hold to.
    """
    return "".join(_pieces(plain, "\n")) + "\n"


def number(value: Decimal) -> str:
    """A Decimal as JSON and YAML write numbers, without an exponent and without a negative zero."""
    return f"{value if value else abs(value):f}"


def _pieces(plain: Any, margin: str) -> Iterator[str]:
    match plain:
        case dict() if plain:
            named = ((f"{_scalar(key)}: ", value) for key, value in sorted(plain.items()))
            yield from _block("{", named, "}", margin)
        case list() | tuple() if plain:
            yield from _block("[", (("", value) for value in plain), "]", margin)
        case _:
            yield _scalar(plain)


def _block(opening: str, items: Iterable[tuple[str, Any]], closing: str, margin: str) -> Iterator[str]:
    between = f"{margin}  "
    yield opening
    for at, (name, value) in enumerate(items):
        yield ("," if at else "") + between + name
        yield from _pieces(value, between)
    yield margin + closing


def _scalar(plain: Any) -> str:
    if isinstance(plain, Decimal):
        if not plain.is_finite():
            raise ValueError(f"{plain} is no number in JSON")
        return number(plain)
    return json.dumps(plain, allow_nan=False).replace("\x7f", "\\u007f")
