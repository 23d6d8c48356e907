"""Diagnostics in print: greppable, aligned, and never led astray by what a person wrote."""

import json

import pytest

from controller.domain.diagnostic import Diagnostic
from controller.render.diagnostics import FORMATS, render_github, render_json, render_text

TYPO = Diagnostic(
    file="customers/acme.yaml",
    line=12,
    column=5,
    rule="unknown-field",
    message="spec.billing.curency is not a field",
    suggestion='did you mean "currency"?',
    source_line="    curency: USD",
    end_column=12,
)
NAME = Diagnostic("customers/beta.yaml", 4, 9, "sanitised-name", "reads differently", "warning")
GONE = Diagnostic("customers/gone.yaml", 0, 0, "unreadable-file", "does not exist")


def test_text_shows_the_line_and_what_is_meant_in_it() -> None:
    assert render_text([TYPO, NAME, GONE], files=9) == (
        "customers/acme.yaml:12:5: error[unknown-field]: "
        'spec.billing.curency is not a field; did you mean "currency"?\n'
        "   |\n"
        "12 |     curency: USD\n"
        "   |     ^^^^^^^\n"
        "customers/beta.yaml:4:9: warning[sanitised-name]: reads differently\n"
        "customers/gone.yaml: error[unreadable-file]: does not exist\n"
        "Found 2 errors and 1 warning in 3 of 9 files.\n"
    )


def test_nothing_found_is_nothing_said() -> None:
    assert render_text([]) == ""
    assert render_github([]) == ""
    assert json.loads(render_json([], 3)) == {
        "format_version": "1.0",
        "files": 3,
        "errors": 0,
        "warnings": 0,
        "diagnostics": [],
    }


@pytest.mark.parametrize(
    ("why", "line", "column", "end", "shown", "carets"),
    [
        ("wide characters take two columns", "名: 株式", 4, 6, "名: 株式", "    ^^^^"),
        ("a tab takes one", "a:\tb", 4, 5, "a: b", "   ^"),
        ("a combining mark takes none", "e\u0301: x", 5, 6, "e\u0301: x", "   ^"),
        ("the end of the line", "a", 2, 2, "a", " ^"),
        (
            "a long line is shown around the place",
            "x" * 500 + "Y" + "z" * 500,
            501,
            502,
            "x" * 60 + "Y" + "z" * 59,
            " " * 60 + "^",
        ),
    ],
)
def test_carets_stand_under_what_is_meant(why: str, line: str, column: int, end: int, shown: str, carets: str) -> None:
    found = Diagnostic("f", 1, column, "tab", "m", source_line=line, end_column=end)
    assert render_text([found]).splitlines()[1:4] == ["  |", f"1 | {shown}", f"  | {carets}"], why


def test_what_a_person_wrote_paints_no_terminal_and_ends_no_line() -> None:
    evil = "\x1b[31mred\x07\n::error::fake\u202e\u2028[bold]"
    for name in ("text", "github"):
        printed = FORMATS[name]([Diagnostic(evil, 1, 1, "tab", evil, source_line=evil, suggestion=evil)], 1)
        assert not set(printed) & set("\x1b\x07\u202e\u2028")
        assert not any(line.startswith("::error::") for line in printed.splitlines())
        assert "[bold]" in printed


def test_github_gets_escaped_commands_errors_first() -> None:
    strange = Diagnostic("a,b:c.yaml", 1, 2, "tab", "100 % sure", end_column=3)
    assert render_github([NAME, strange], 2).splitlines() == [
        "::error file=a%2Cb%3Ac.yaml,line=1,endLine=1,col=2,endColumn=3,title=tab::100 %25 sure",
        "::warning file=customers/beta.yaml,line=4,endLine=4,col=9,endColumn=9,title=sanitised-name::reads differently",
        "Found 1 error and 1 warning in 2 of 2 files.",
    ]


def test_json_has_everything_and_a_version() -> None:
    document = json.loads(render_json([TYPO, NAME], 9))
    assert (document["errors"], document["warnings"], document["files"]) == (1, 1, 9)
    assert document["diagnostics"][0] == {
        "file": "customers/acme.yaml",
        "line": 12,
        "column": 5,
        "end_column": 12,
        "severity": "error",
        "rule": "unknown-field",
        "message": "spec.billing.curency is not a field",
        "suggestion": 'did you mean "currency"?',
    }
