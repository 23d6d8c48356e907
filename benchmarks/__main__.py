"""`make bench`: how many calls, how long, how much CPU and memory, as Markdown tables.

Every command runs as a user would run it, in a process of its own, against the local AWS in another one. Where they are
installed (`make bench-peers`) neighbouring tools do the part of the work that they can do, in the same table.
"""

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fleet import manifest, write_manifests
from benchmarks.measuring import CommandFailed, Taken, measure
from benchmarks.peers import PEERS, STEPS, Peer, check
from benchmarks.world import Calls, World

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


@dataclass(frozen=True, slots=True)
class Measured:
    """One command: what it took, and what it asked of AWS."""

    customers: int
    run: str
    what: str
    taken: Taken
    calls: Calls

    @property
    def dictated(self) -> float:
        """Seconds that the limits alone make of these calls: the first second's worth may come at once."""
        limits = RUNS[self.run][1]
        return max(
            (count / limits[name] - 1 for name, count in self.calls.served().items() if name in limits), default=0
        )


@dataclass(frozen=True, slots=True)
class Missing:
    """A tool that was not measured, or not to the end, and why."""

    customers: int
    run: str
    what: str
    why: str


Row = Measured | Missing


def bench(customers: int, run: str, folder: Path) -> Iterator[Measured]:
    """The scenarios one after the other, each beginning where the one before ended."""
    paths = write_manifests(folder, customers)
    everyone, alone = ("-q", "-f", str(folder)), ("-q", "-f", str(paths[0]))
    with World(customers) as world:
        world.behave(*RUNS[run])

        def take(what: str, *command: str) -> Measured:
            taken = measure(command, world.environment)
            return Measured(customers, run, what, taken, world.calls())

        yield take("first apply", *RECONCILE, "apply", "--yes", *everyone)
        yield take("no-op plan", *RECONCILE, "plan", *everyone)
        yield take("no-op apply", *RECONCILE, "apply", "--yes", *everyone)
        yield take("floor: two reads a bucket", sys.executable, "-m", "benchmarks.floor", str(customers))
        paths[0].write_text(manifest(0, chief="finance"))
        yield take("one e-mail changed", *RECONCILE, "apply", "--yes", *everyone)
        yield take("one customer alone", *RECONCILE, "plan", *alone)


def bench_usage(customers: int, run: str, folder: Path) -> Iterator[Measured]:
    """Collecting for a fleet that was never collected, and again right after."""
    write_manifests(folder, customers)
    command = (*RECONCILE, "collect", "-q", "-f", str(folder))
    with World(customers, used=True) as world:
        world.behave(*RUNS[run])
        for what in ("first collect", "collect again"):
            taken = measure(command, world.environment)
            yield Measured(customers, run, what, taken, world.calls())


def bench_peer(tool: type[Peer], customers: int, run: str, folder: Path) -> Iterator[Row]:
    """One neighbouring tool, up to the first command after which the buckets are not as asked for."""
    version = tool.version()
    if version is None:
        yield Missing(customers, run, tool.package, "skipped: not installed (make bench-peers installs it)")
        return
    what = f"{tool.package} {version}"
    with World(customers) as world:
        world.behave(*RUNS[run])
        peer = tool(folder, customers, world.environment)
        for step in STEPS:
            try:
                taken = measure(peer.command(step), peer.environment)
                calls = world.calls()
                check(world.environment, customers)
            except CommandFailed as error:
                print(error, file=sys.stderr)
                yield Missing(customers, run, f"{what}: {step}", f"failed: {str(error).splitlines()[0]}")
                return
            world.calls()
            yield Measured(customers, run, f"{what}: {step}", taken, calls)


def start_up() -> str:
    """`reconcile --help` beside an empty Python, the best of ten each."""
    help_, empty = (
        min(measure(command, {}).wall for _ in range(10))
        for command in ((*RECONCILE, "--help"), (sys.executable, "-c", "pass"))
    )
    ratio = help_ / empty
    return f"`reconcile --help`: {help_ * 1000:.0f} ms; `python -c pass`: {empty * 1000:.0f} ms; {ratio:.1f} times."


def machine() -> str:
    names = ("boto3", "botocore", "pydantic", "moto")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, {versions}."


def figures(rows: Sequence[Row]) -> Iterator[str]:
    yield "| customers | run | what | wall s | CPU s | peak MB | calls each | writes each | throttled | by limits s |"
    yield "| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for one in rows:
        yield f"| {one.customers:,} | {one.run} | {one.what} | {_figures(one)} |"


def _figures(one: Row) -> str:
    if isinstance(one, Missing):
        return f"{one.why.replace('|', '/')} |  |  |  |  |  | "
    each, writes = one.calls.total / one.customers, one.calls.writes / one.customers
    dictated = f"{max(one.dictated, 0):.1f}" if RUNS[one.run][1] else ""
    return (
        f"{one.taken.wall:.1f} | {one.taken.cpu:.1f} | {one.taken.peak:.0f}"
        f" | {each:.3f} | {writes:.3f} | {one.calls.throttled} | {dictated}"
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
    parser.add_argument("--sizes", nargs="*", type=int, default=[100, 1000])
    parser.add_argument("--runs", nargs="+", choices=list(RUNS), default=list(RUNS))
    parser.add_argument("--collect-sizes", nargs="*", type=int, default=[1000, 5000])
    parser.add_argument("--peer-sizes", nargs="*", type=int, default=[100], help="They are slow: 100 takes minutes.")
    parser.add_argument("--peer-runs", nargs="*", choices=list(RUNS), default=["plain"])
    asked = parser.parse_args()
    ours = list(_ours(bench, asked.sizes, asked.runs))
    collected = list(_ours(bench_usage, asked.collect_sizes, ["plain"]))
    rows = [*ours, *collected, *_theirs(asked.peer_sizes, asked.peer_runs)]
    print("\n".join([machine(), "", start_up(), "", *figures(rows), "", *operations(ours), "", *operations(collected)]))


Bench = Callable[[int, str, Path], Iterator[Measured]]


def _ours(bench: Bench, sizes: Sequence[int], runs: Sequence[str]) -> Iterator[Measured]:
    for customers, run in product(sizes, runs):
        with TemporaryDirectory() as folder:
            for one in bench(customers, run, Path(folder)):
                _tell(one)
                yield one


def _theirs(sizes: Sequence[int], runs: Sequence[str]) -> Iterator[Row]:
    for customers, run, tool in product(sizes, runs, PEERS):
        with TemporaryDirectory() as folder:
            for one in bench_peer(tool, customers, run, Path(folder)):
                _tell(one)
                yield one


def _tell(one: Row) -> None:
    """Says on stderr how far the benchmark has come."""
    result = one.why if isinstance(one, Missing) else f"{one.taken.wall:.1f} s"
    print(f"{one.customers} customers, {one.run}, {one.what}: {result}", file=sys.stderr)


if __name__ == "__main__":
    main()
