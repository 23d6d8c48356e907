"""Typed states to plain JSON and back, by the types themselves."""

from dataclasses import fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from controller.domain.diff import Plain


def dump(state: Any) -> dict[str, Any]:
    """All of a state as plain JSON, for storing it."""
    plain: dict[str, Any] = _adapter(state.__class__).dump_python(state, mode="json")
    return plain


def load(state_type: Any, plain: Plain | None) -> Any | None:
    """The state that was dumped, or None where there is none or it is of another version of the kind."""
    if plain is None:
        return None
    try:
        return _adapter(state_type).validate_python(plain)
    except ValidationError:
        return None


def comparable(state: Any | None) -> Plain:
    """The part of a state that `==` looks at; empty for None."""
    if state is None:
        return {}
    plain = dump(state)
    return {name: plain[name] for name in _compared(state.__class__)}


@cache
def _adapter(state_type: Any) -> TypeAdapter[Any]:
    return TypeAdapter(state_type)


@cache
def _compared(state_type: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(state_type) if field.compare)
