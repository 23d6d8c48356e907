"""Typed states to JSON and back, by the types themselves.

A state is stored packed, as JSON text: a tenth of what the same costs as dictionaries, and most states are never looked
into. Where the very state is at hand anyway, that is kept, and packed when it is written.
"""

import json
from dataclasses import fields, replace
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BeforeValidator, PlainSerializer, TypeAdapter, ValidationError

from controller.domain.diff import Plain

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

Packed = str
"""All of a state as JSON text."""


def pack(state: Any) -> Packed:
    """All of a state, for storing it; what is packed stays as it is."""
    return state if isinstance(state, str) else _adapter(state.__class__).dump_json(state).decode()


def unpack(state_type: Any, kept: Any | None) -> Any | None:
    """The state that was kept, or None where there is none or it is of another version of the kind."""
    if not isinstance(kept, str):
        return kept
    try:
        return _adapter(state_type).validate_json(kept)
    except ValidationError:
        return None


def says_the_same(kept: Any, state: Any) -> bool:
    """Whether the state that was kept is equal to this one, in the fields that `==` looks at."""
    if not isinstance(kept, str):
        return bool(kept == state)
    told, plain = json.loads(kept), comparable(state)
    return isinstance(told, dict) and {name: told.get(name) for name in plain} == plain


def _text(value: object) -> Packed | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError("a state is stored as text")


def _written(kept: Any | None) -> Packed | None:
    return None if kept is None else pack(kept)


Stored = Annotated[Any, BeforeValidator(_text), PlainSerializer(_written)]
"""A state packed, or itself, or None; stored packed."""


def sharing(state: T, other: T) -> T:
    """The state, with the very values of another one where they are equal: most of a fleet need not be kept twice."""
    equal = [field.name for field in fields(other) if getattr(state, field.name) == getattr(other, field.name)]
    if len(equal) == len(fields(other)):
        return other
    return replace(state, **{name: getattr(other, name) for name in equal})


def comparable(state: Any | None) -> Plain:
    """The part of a state that `==` looks at, as plain values; empty for None."""
    if state is None:
        return {}
    plain = _adapter(state.__class__).dump_python(state, mode="json")
    return {name: plain[name] for name in _compared(state.__class__)}


@cache
def _adapter(state_type: Any) -> TypeAdapter[Any]:
    return TypeAdapter(state_type)


@cache
def _compared(state_type: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(state_type) if field.compare)
