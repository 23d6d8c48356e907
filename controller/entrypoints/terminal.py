"""Where words go: data to stdout, everything else to stderr. User data is never read as markup.

rich leaves colours out where there is no terminal or NO_COLOR is set.
"""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from controller.render.page import Page
from controller.render.safe_text import visible, visible_lines

PLAIN_LINE_EVERY = 10.0
"""Seconds between progress lines where there is no terminal."""


def _console(*, stderr: bool) -> Console:
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, soft_wrap=True)


def show(what: RenderableType) -> None:
    """Data for a person, to stdout: in colour on a terminal, as it stands elsewhere."""
    console = _console(stderr=False)
    if console.color_system:
        console.print(what)
    elif isinstance(what, Page):
        _write(what.plain())
    else:
        write(str(what))


def write(text: str) -> None:
    """Text that is data as it stands, e.g. JSON, to stdout: no wrapping, no colours."""
    _write([text if text.endswith("\n") else text + "\n"])


def _write(pieces: Iterable[str]) -> None:
    """Where the reader went away, e.g. `| head`, nobody is told, and the work goes on."""
    try:
        sys.stdout.writelines(pieces)
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the rest of the process


def write_bytes(data: bytes) -> None:
    """Data that is no text, to stdout; nobody is told where the reader went away."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the rest of the process


def width() -> int:
    """How many columns the terminal has that data goes to; 0 where it goes elsewhere."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0


def shows(characters: str) -> bool:
    """Whether stdout can take these characters as they are."""
    try:
        characters.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def say(what: RenderableType) -> None:
    """Anything that is not data, to stderr. What is invisible in a text, but for line breaks, is written out."""
    _console(stderr=True).print(visible_lines(what) if isinstance(what, str) else what)


def complain(what: object) -> None:
    """An error, to stderr, in one line: what AWS or a table wrote into it can neither act nor look like ours."""
    say(f"Error: {visible(str(what))}")


def asks() -> bool:
    """Whether there is a person to ask: a terminal on both ends, and not CI."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")


@contextmanager
def progress(*, quiet: bool = False) -> Iterator[Callable[[str, int, int], None]]:
    """Tells how far a long run is: a bar on a terminal, a line every 10 s elsewhere, nothing if `quiet`."""
    if quiet:
        yield lambda *_: None
    elif sys.stderr.isatty():
        with _bar() as update:
            yield update
    else:
        yield _lines()


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def update(what: str, done: int, total: int) -> None:
            task = tasks.setdefault(what, None)
            if task is None:
                task = tasks[what] = bar.add_task(what, total=total)
            bar.update(task, completed=done, total=total)

        yield update


def _lines() -> Callable[[str, int, int], None]:
    last = time.monotonic()

    def update(what: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_LINE_EVERY:
            last = time.monotonic()
            say(f"{what}: {done} of {total}")

    return update


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Turns Ctrl-C and SIGTERM into a question that the run asks: shall I stop? A second Ctrl-C ends it at once."""
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()
        sys.stderr.write("\nStopping after the calls in flight; again to stop at once.\n")

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped.is_set
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
