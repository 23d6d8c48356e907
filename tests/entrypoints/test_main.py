"""The console script: its help is click's own, byte for byte, and costs hardly more than an empty Python."""

import os
import subprocess
import sys

import pytest

from controller.entrypoints import main

SCRIPT = "import sys; from controller.entrypoints.main import main; main()"
COMMAND_LINE = ("-m", "controller.entrypoints.cli")


def python(*arguments: str, **environment: str) -> tuple[int, bytes, bytes]:
    """Exit code, stdout and stderr; a variable given as "" is not set at all."""
    variables = {name: value for name, value in {**os.environ, **environment}.items() if value}
    done = subprocess.run([sys.executable, *arguments], env=variables, capture_output=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("arguments", [[], ["-h"], ["--help"]], ids=str)
@pytest.mark.parametrize("columns", ["", "0", "wide", "79", "80", "200"])
def test_the_help_is_clicks_own_at_every_width(arguments: list[str], columns: str) -> None:
    assert python("-c", SCRIPT, *arguments, COLUMNS=columns) == python(*COMMAND_LINE, *arguments, COLUMNS=columns)


@pytest.mark.parametrize(
    ("arguments", "environment", "why"),
    [
        (["plan", "--help"], {}, "the help of a command is not generated"),
        (["--version"], {}, "any other option"),
        (["--hlep"], {}, "a slip is told by click"),
        ([], {"_RECONCILE_COMPLETE": "bash_source"}, "a shell asks for its completion script without arguments"),
    ],
)
def test_everything_else_is_the_command_line(arguments: list[str], environment: dict[str, str], why: str) -> None:
    assert python("-c", SCRIPT, *arguments, **environment) == python(*COMMAND_LINE, *arguments, **environment), why


def test_without_its_file_the_help_is_made_anew(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(main, "HELP", main.HELP + ".gone")
    monkeypatch.setattr(sys, "argv", ["reconcile", "--help"])
    monkeypatch.setattr("controller.entrypoints.cli.main", lambda: print("from click"))
    main.main()
    assert capsys.readouterr().out == "from click\n"


def test_the_help_imports_nothing_that_an_empty_python_lacks_but_itself() -> None:
    ask = "import sys; empty = set(sys.modules); sys.argv = ['reconcile', '--help']\n"
    look = "try: import controller.entrypoints.main as own; own.main()\n"
    tell = "finally: sys.stderr.write(' '.join(sorted(set(sys.modules) - empty)))"
    _, _, imported = python("-c", ask + look + tell)
    assert imported.decode().split() == [
        "controller",
        "controller.entrypoints",
        "controller.entrypoints.exit_codes",
        "controller.entrypoints.main",
    ]
