"""`make bench`: how many calls, how long, how much CPU and memory, as Markdown tables.

Every command runs as a user would run it, in a process of its own, against the local AWS in another one.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.world import Calls, World, manifest, write_manifests

LIMITS = {
    "budgets": 10.0,
    "ce": 5.0,
    "dynamodb": 1000.0,
    "resourcegroupstaggingapi": 15.0,
    "s3": 3500.0,
    "s3control": 100.0,
    "sns": 30.0,
}
"""Calls a second by service. docs/performance.md says where each comes from."""

RUNS: dict[str, tuple[float, Mapping[str, float]]] = {
    "plain": (0.0, {}),
    "50 ms": (0.05, {}),
    "limits": (0.0, LIMITS),
}
"""Seconds added to every answer, and calls that each service takes in a second."""

RECONCILE = (str(Path(sys.executable).with_name("reconcile")),)
"""The console script, as users run it."""
CLEAN = ("AWS_", "RECONCILE_")


@dataclass(frozen=True, slots=True)
class Measured:
    """One command: seconds, seconds of CPU, megabytes at the peak, and what it asked of AWS."""

    customers: int
    run: str
    what: str
    wall: float
    cpu: float
    peak: float
    calls: Calls

    @property
    def dictated(self) -> float:
        """Seconds that the limits alone make of these calls: the first second's worth may come at once."""
        limits = RUNS[self.run][1]
        return max(
            (count / limits[name] - 1 for name, count in self.calls.served().items() if name in limits), default=0
        )


def bench(customers: int, run: str, folder: Path) -> Iterator[Measured]:
    """The scenarios one after the other, each beginning where the one before ended."""
    paths = write_manifests(folder, customers)
    everyone, alone = ("-q", "-f", str(folder)), ("-q", "-f", str(paths[0]))
    with World(customers) as world:
        world.behave(*RUNS[run])

        def take(what: str, *command: str) -> Measured:
            wall, cpu, peak = _measure(command, world.environment)
            return Measured(customers, run, what, wall, cpu, peak, world.calls())

        yield take("first apply", *RECONCILE, "apply", "--yes", *everyone)
        yield take("no-op plan", *RECONCILE, "plan", *everyone)
        yield take("floor: two reads a bucket", sys.executable, "-m", "benchmarks.floor", str(customers))
        paths[0].write_text(manifest(0, chief="finance"))
        yield take("one e-mail changed", *RECONCILE, "apply", "--yes", *everyone)
        yield take("one customer alone", *RECONCILE, "plan", *alone)


def _measure(command: Sequence[str], environment: Mapping[str, str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak megabytes of a command. Raises where it fails."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(CLEAN)}
    started = time.perf_counter()
    with TemporaryDirectory() as elsewhere, (Path(elsewhere) / "out").open("w+") as out:
        child = subprocess.Popen(command, env={**clean, **environment}, stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        if child.returncode:
            out.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {child.returncode}:\n{out.read()[-2000:]}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2)


def start_up() -> str:
    """`reconcile --help` beside an empty Python, the best of ten each."""
    help_, empty = (
        min(_measure(command, {})[0] for _ in range(10))
        for command in ((*RECONCILE, "--help"), (sys.executable, "-c", "pass"))
    )
    ratio = help_ / empty
    return f"`reconcile --help`: {help_ * 1000:.0f} ms; `python -c pass`: {empty * 1000:.0f} ms; {ratio:.1f} times."


def machine() -> str:
    names = ("boto3", "botocore", "pydantic", "moto")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {versions}."


def figures(measured: Sequence[Measured]) -> Iterator[str]:
    yield "| customers | run | what | wall s | CPU s | peak MB | calls each | writes each | throttled | by limits s |"
    yield "| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for one in measured:
        each, writes = one.calls.total / one.customers, one.calls.writes / one.customers
        dictated = f"{max(one.dictated, 0):.1f}" if RUNS[one.run][1] else ""
        yield (
            f"| {one.customers:,} | {one.run} | {one.what} | {one.wall:.1f} | {one.cpu:.1f} | {one.peak:.0f}"
            f" | {each:.3f} | {writes:.3f} | {one.calls.throttled} | {dictated} |"
        )


def operations(measured: Sequence[Measured]) -> Iterator[str]:
    """Calls by operation, for the largest plain run."""
    size = max((one.customers for one in measured if one.run == "plain"), default=0)
    shown = [one for one in measured if one.run == "plain" and one.customers == size]
    if not shown:
        return
    names = sorted({name for one in shown for name in one.calls.by_operation})
    yield f"| calls of {size:,} customers | " + " | ".join(one.what for one in shown) + " |"
    yield "| --- |" + " ---: |" * len(shown)
    for name in names:
        yield f"| `{name}` | " + " | ".join(f"{one.calls.by_operation[name] or ''}" for one in shown) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=[100, 1000])
    parser.add_argument("--runs", nargs="+", choices=list(RUNS), default=list(RUNS))
    asked = parser.parse_args()
    measured = []
    for customers in asked.sizes:
        for run in asked.runs:
            with TemporaryDirectory() as folder:
                for one in bench(customers, run, Path(folder)):
                    measured.append(one)
                    print(f"{customers} customers, {run}, {one.what}: {one.wall:.1f} s", file=sys.stderr)
    print("\n".join([machine(), "", start_up(), "", *figures(measured), "", *operations(measured)]))


if __name__ == "__main__":
    main()
