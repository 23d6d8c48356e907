"""The text of a file, and diagnostics that point into it."""

import re
from collections.abc import Sequence
from functools import cached_property

from controller.domain.diagnostic import Diagnostic, Severity

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What YAML takes for a line break: line numbers must be those of the parser."""


class Source:
    """A file as it was read. Lines and columns count from 0 here, as in YAML marks; from 1 in a Diagnostic."""

    def __init__(self, file: str, text: str = "") -> None:
        self.file = file
        self.text = text

    @cached_property
    def lines(self) -> Sequence[str]:
        return _LINE_BREAK.split(self.text)

    def diagnostic(
        self,
        rule: str,
        message: str,
        start: tuple[int, int] | None = None,
        end: tuple[int, int] | None = None,
        *,
        suggestion: str = "",
        severity: Severity = "error",
    ) -> Diagnostic:
        """A finding from `start` up to `end`; without a start it concerns the whole file."""
        if start is None:
            return Diagnostic(self.file, 0, 0, rule, message, severity, suggestion)
        line, column = start
        text = self.lines[line] if line < len(self.lines) else ""
        end_column = end[1] if end and end[0] == line else len(text)
        return Diagnostic(
            file=self.file,
            line=line + 1,
            column=column + 1,
            rule=rule,
            message=message,
            severity=severity,
            suggestion=suggestion,
            source_line=text,
            end_column=max(end_column, column + 1) + 1,
        )

    def at_offset(self, rule: str, message: str, offset: int) -> Diagnostic:
        """A finding about the one character at `offset` of the text."""
        before = _LINE_BREAK.split(self.text[:offset])
        line, column = len(before) - 1, len(before[-1])
        return self.diagnostic(rule, message, (line, column), (line, column + 1))
