"""What a command takes: run in a process of its own, against nothing but the AWS that its environment names."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

CLEAN = ("AWS_", "RECONCILE_")


class CommandFailed(Exception):
    """A command that did not do what is measured. Says which, and the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Wall seconds, CPU seconds and peak megabytes of a command and its children."""

    wall: float
    cpu: float
    peak: float


def measure(command: Sequence[str], environment: Mapping[str, str]) -> Taken:
    """Runs the command to its end. Raises CommandFailed where it exits with anything but 0."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(CLEAN)}
    started = time.perf_counter()
    with TemporaryDirectory() as elsewhere, (Path(elsewhere) / "out").open("w+") as out:
        child = subprocess.Popen(command, env={**clean, **environment}, stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        if child.returncode:
            out.seek(0)
            raise CommandFailed(f"{' '.join(command)} ended with {child.returncode}:\n{out.read()[-2000:]}")
    return Taken(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2))
