"""The console script. Asked for help alone it prints what was generated: to import click takes longer than Python does.

help.txt is click's own text for 80 columns, the widest that click makes it, written by `make schemas`. Everywhere else,
and for everything else, the command line in cli.py answers.
"""

import os
import sys

from controller.entrypoints import exit_codes

HELP = os.path.join(os.path.dirname(__file__), "help.txt")
COLUMNS = 80
COMPLETION = "_RECONCILE_COMPLETE"


def main() -> None:
    code = _help(sys.argv[1:])
    if code is not None:
        sys.exit(code)
    import gc

    gc.set_threshold(100_000, 50)  # a fleet is many small values and hardly a cycle: a tenth of the time went there
    from controller.entrypoints import cli

    try:
        cli.main()
    finally:
        gc.freeze()  # else Python looks through a whole fleet once more before it ends


def _help(arguments: list[str]) -> int | None:
    """Prints the help, as click does: without arguments to stderr, as wrong usage. None: click has to do it."""
    asked = arguments in (["-h"], ["--help"])
    stream = sys.stdout if asked else sys.stderr
    if not (asked or not arguments) or COMPLETION in os.environ or stream is None or _columns() < COLUMNS:
        return None
    try:
        with open(HELP, encoding="utf-8") as file:
            stream.write(file.read())
        stream.flush()
    except OSError:
        return None
    return exit_codes.OK if asked else exit_codes.USAGE


def _columns() -> int:
    """The width of the terminal, as shutil.get_terminal_size tells it: shutil is slow to import."""
    try:
        columns = int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        columns = 0
    if columns > 0:
        return columns
    if sys.__stdout__ is None:
        return COLUMNS
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns or COLUMNS
    except (ValueError, OSError):
        return COLUMNS
