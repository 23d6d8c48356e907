"""What YAML makes of text without quotes.

PyYAML reads YAML 1.1 (`no` is false, 012 is octal, 22:30 is 1350); kubectl reads a mixture of 1.1 and 1.2 (`y` is
true, 1e3 is a number). Text that either of them takes for something else is never a string here, so that the model
refuses it where it wants one.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import ScalarNode

_KUBECTL_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|0o[0-7]+")
_KUBECTL_BOOLEAN = {"y": True, "Y": True, "n": False, "N": False}
_LONGEST_NUMBER = 64
"""Digits beyond this are no amount of anything, and reading a million of them takes minutes."""
_TAG = "tag:yaml.org,2002:"
_CONSTRUCT = {
    f"{_TAG}int": SafeConstructor().construct_yaml_int,
    f"{_TAG}float": SafeConstructor().construct_yaml_float,
    f"{_TAG}bool": SafeConstructor().construct_yaml_bool,
}


@dataclass(frozen=True, slots=True)
class NotText:
    """Unquoted text that YAML takes for something that no field of ours holds: a date, a strange number."""

    text: str
    what: str


PlainValue = str | int | float | bool | NotText | None


@lru_cache(maxsize=65_536)
def read_plain(text: str) -> PlainValue:
    """The value that YAML gives to unquoted `text`. Never raises."""
    tag = _tag(text)
    if tag == f"{_TAG}null":
        return None
    if tag == f"{_TAG}str":
        return _as_kubectl(text)
    if tag == f"{_TAG}timestamp":
        return NotText(text, "a date")
    if len(text) > _LONGEST_NUMBER:
        return NotText(text, "a number")
    try:
        return _CONSTRUCT[tag](ScalarNode(tag, text))
    except (KeyError, ValueError, OverflowError):
        return NotText(text, "a number" if tag in _CONSTRUCT else "a special value")


def words_for(value: object) -> str:
    """How to call what YAML made of a text."""
    match value:
        case None:
            return "nothing (null)"
        case bool():
            return "true" if value else "false"
        case NotText():
            return value.what
        case int() | float():
            digits = f"{value}" if abs(value) < 10**20 else "a very large one"
            return f"the number {digits}"
    return "something else"


def _tag(text: str) -> str:
    """PyYAML's own implicit resolution: candidates by first character."""
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ()):
        if pattern.match(text):
            return str(tag)
    return f"{_TAG}str"


def _as_kubectl(text: str) -> PlainValue:
    if len(text) <= _LONGEST_NUMBER and _KUBECTL_NUMBER.fullmatch(text):
        return int(text, 8) if text.startswith("0o") else float(text)
    return _KUBECTL_BOOLEAN.get(text, text)
