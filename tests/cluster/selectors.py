"""Label and field selectors, as functions of an object. None stands for the selector that takes all."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.cluster.answers import ApiError
from tests.cluster.protocol import Object
from tests.cluster.resources import Resource

Selector = Callable[[Object], bool]


def selector(resource: Resource, labels: str, fields: str) -> Selector | None:
    """Both selectors as one. 400 for one that cannot be understood, or names a field that cannot be selected by."""
    tests = [_label_test(part) for part in _parts(labels)]
    tests += [_field_test(resource, part) for part in _parts(fields)]
    if not tests:
        return None
    return lambda object: all(test(object) for test in tests)


_SET = re.compile(r"(?P<key>[^\s=!<>()]+)\s+(?P<operator>in|notin)\s*\((?P<values>[^)]*)\)")
_COMPARED = re.compile(r"(?P<key>[^\s=!<>()]+)\s*(?P<operator>==|=|!=|>|<)\s*(?P<value>[^\s=!<>()]*)")
_PRESENT = re.compile(r"(?P<absent>!?)\s*(?P<key>[^\s=!<>()]+)")


def _parts(text: str) -> list[str]:
    """Split at the commas that stand outside parentheses."""
    return [part.strip() for part in re.split(r",(?![^()]*\))", text) if part.strip()]


def _label_test(part: str) -> Selector:
    if match := _SET.fullmatch(part):
        return _membership(match["key"], match["operator"] == "in", match["values"])
    if match := _COMPARED.fullmatch(part):
        return _comparison(match["key"], match["operator"], match["value"])
    if match := _PRESENT.fullmatch(part):
        return _presence(match["key"], not match["absent"])
    raise ApiError(400, f'unable to parse requirement: found "{part}"')


def _membership(key: str, wanted: bool, listed: str) -> Selector:
    values = {value.strip() for value in listed.split(",")}
    return lambda object: (_labels(object).get(key) in values) is wanted


def _presence(key: str, wanted: bool) -> Selector:
    return lambda object: (key in _labels(object)) is wanted


def _comparison(key: str, operator: str, value: str) -> Selector:
    if operator in ("=", "=="):
        return lambda object: _labels(object).get(key) == value
    if operator == "!=":
        return lambda object: _labels(object).get(key) != value
    sign = 1 if operator == ">" else -1
    return lambda object: _is_number(found := _labels(object).get(key)) and sign * (int(found or 0) - int(value)) > 0


def _labels(object: Object) -> Mapping[str, str]:
    labels: Mapping[str, str] = object["metadata"].get("labels") or {}
    return labels


def _is_number(text: str | None) -> bool:
    return bool(text) and re.fullmatch(r"-?\d+", text or "") is not None


_FIELD = re.compile(r"(?P<path>[^=!]+?)\s*(?P<operator>==|=|!=)\s*(?P<value>.*)")


def _field_test(resource: Resource, part: str) -> Selector:
    match = _FIELD.fullmatch(part)
    if not match:
        raise ApiError(400, f'invalid selector: "{part}"; can\'t understand it')
    path, value, equal = match["path"], match["value"], match["operator"] != "!="
    if path not in ("metadata.name", "metadata.namespace", *resource.selectable):
        raise ApiError(400, f"field label not supported: {path}")
    steps = path.split(".")
    return lambda object: (_field(object, steps) == value) is equal


def _field(object: Any, steps: list[str]) -> str:
    for step in steps:
        object = object.get(step) if isinstance(object, dict) else None
    if isinstance(object, bool):
        return str(object).lower()
    return "" if object is None else str(object)
