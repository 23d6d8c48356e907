"""Diagnostics for people, for GitHub and for programs: pure functions to text.

What a person wrote is data: nothing in it is taken for markup, and control characters, also those that turn the
direction of writing, are shown as U+FFFD.
"""

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from controller.domain.diagnostic import Diagnostic

FORMAT_VERSION = "1.0"
_WIDTH = 120
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def render_text(diagnostics: Sequence[Diagnostic], files: int = 0) -> str:
    """One greppable line each, the source under it, and a summary. `files`: how many were read; 0: not said."""
    if not diagnostics:
        return ""
    blocks = [line for found in diagnostics for line in (_headline(found), *_excerpt(found))]
    return "\n".join([*blocks, _summary(diagnostics, files)]) + "\n"


def render_github(diagnostics: Sequence[Diagnostic], files: int = 0) -> str:
    """Workflow commands. GitHub shows ten of each severity, so errors come first; the summary counts all."""
    if not diagnostics:
        return ""
    ordered = sorted(diagnostics, key=lambda found: not found.is_error)
    return "\n".join([*map(_command, ordered), _clean(_summary(diagnostics, files))]) + "\n"


def render_json(diagnostics: Sequence[Diagnostic], files: int = 0) -> str:
    """A versioned document: fields are added within 1.x, never changed. The text is as written, JSON-escaped."""
    errors = sum(found.is_error for found in diagnostics)
    document = {
        "format_version": FORMAT_VERSION,
        "files": files,
        "errors": errors,
        "warnings": len(diagnostics) - errors,
        "diagnostics": [_record(found) for found in diagnostics],
    }
    return json.dumps(document, indent=2) + "\n"


FORMATS: Mapping[str, Callable[[Sequence[Diagnostic], int], str]] = MappingProxyType(
    {"text": render_text, "github": render_github, "json": render_json}
)


def _headline(found: Diagnostic) -> str:
    place = f"{found.file}:{found.line}:{found.column}" if found.line else found.file
    return _clean(f"{place}: {found.severity}[{found.rule}]: {_sentence(found)}")


def _sentence(found: Diagnostic) -> str:
    return f"{found.message}; {found.suggestion}" if found.suggestion else found.message


def _excerpt(found: Diagnostic) -> tuple[str, ...]:
    """The source line with a caret under what is meant. Of a long line the part around it."""
    if not found.line or not found.source_line.strip():
        return ()
    start = found.column - 1
    cut = max(0, min(start - _WIDTH // 2, len(found.source_line) - _WIDTH))
    shown = _clean(found.source_line[cut : cut + _WIDTH])
    before, meant = shown[: start - cut], shown[start - cut : max(found.end_column - 1, start + 1) - cut]
    number = str(found.line)
    margin = " " * len(number)
    carets = " " * _columns(before) + "^" * max(1, _columns(meant))
    return f"{margin} |", f"{number} | {shown}", f"{margin} | {carets}"


def _columns(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return sum(
        2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
        if not unicodedata.combining(character)
    )


def _summary(diagnostics: Sequence[Diagnostic], files: int) -> str:
    errors = sum(found.is_error for found in diagnostics)
    counts = ((errors, "error"), (len(diagnostics) - errors, "warning"))
    spoken = " and ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts if count)
    touched = len({found.file for found in diagnostics})
    where = (
        f"{touched} of {files} file{'s' * (files != 1)}"
        if files >= touched > 0
        else f"{touched} file{'s' * (touched != 1)}"
    )
    return f"Found {spoken} in {where}."


def _command(found: Diagnostic) -> str:
    properties: dict[str, object] = {"file": found.file}
    if found.line:
        end = found.end_column or found.column
        properties |= {"line": found.line, "endLine": found.line, "col": found.column, "endColumn": end}
    properties["title"] = found.rule
    written = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{found.severity} {written}::{_data(_clean(_sentence(found)))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(_clean(text)).replace(":", "%3A").replace(",", "%2C")


def _record(found: Diagnostic) -> dict[str, Any]:
    return {
        "file": found.file,
        "line": found.line,
        "column": found.column,
        "end_column": found.end_column,
        "severity": found.severity,
        "rule": found.rule,
        "message": found.message,
        "suggestion": found.suggestion,
    }


def _clean(text: str) -> str:
    """One printable line: a tab becomes a space, so that carets stay under what they mean."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in _HIDDEN else character
