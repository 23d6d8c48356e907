"""`python -m benchmarks.in_cluster`: what the operator takes, on the fake API server or on a real one.

The real one is that of the kubeconfig in BENCH_KUBECONFIG. The operator, the local AWS and the fake API server are
processes of their own. Writes and calls are the operator's own count, from its metrics; that customers are Ready is
asked of the API server. On a real cluster the definition has to be there, and the namespace is left for you to delete.
"""

import argparse
import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import urlopen

import yaml

from benchmarks.__main__ import RECONCILE, machine
from benchmarks.fleet import manifest
from benchmarks.measuring import CLEAN
from benchmarks.world import World
from controller.cluster.api import Api
from controller.domain.custom_resource import collection
from controller.entrypoints.cluster_operator import login

NAMESPACE = "reconcile-benchmark"
CRD = Path("schemas/customer.crd.yaml")
WRITING = 'operation="(Create|Put|Update|Tag|Set|Delete|TransactWrite)'
"""Calls to AWS that change something, as the metrics name them."""
LOOK_EVERY = 0.02
"""Seconds between two looks at a resource that was changed."""
AT_ONCE = 16
"""Requests of the benchmark itself at a time."""


@dataclass(frozen=True, slots=True)
class Row:
    """One phase: `each` is by resource; `writes` to the API server, `calls` to AWS."""

    resources: int
    what: str
    seconds: str
    cluster_writes: int
    aws_calls: int
    aws_writes: int
    peak: float
    sockets: int

    def __str__(self) -> str:
        writes, calls = self.cluster_writes / self.resources, self.aws_calls / self.resources
        return (
            f"| {self.resources:,} | {self.what} | {self.seconds} | {self.cluster_writes:,} | {writes:.2f}"
            f" | {self.aws_calls:,} | {calls:.2f} | {self.aws_writes:,} | {self.peak:.0f} | {self.sockets} |"
        )


HEAD = (
    "| resources | phase | seconds | cluster writes | each | AWS calls | each | AWS writes | peak MiB | sockets |\n"
    "| ---: | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


class Running:
    """The operator as a process, and its metrics."""

    def __init__(self, environment: Mapping[str, str], log: Path, resync: float) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(CLEAN)}
        options = ("-n", NAMESPACE, "--listen", f"127.0.0.1:{self._port}", "--collect", "0", "--no-customer-metrics")
        self._log = log.open("a")
        self._process = subprocess.Popen(
            [*RECONCILE, "operator", *options, "--resync", str(resync)],
            env={**clean, **environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self.started = time.perf_counter()

    def metrics(self) -> dict[str, float]:
        """By name with its labels; empty until it answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=10) as answer:
                text = answer.read().decode()
        except OSError:
            if self._process.poll() is not None:
                raise SystemExit(f"the operator ended with {self._process.returncode}; see {self._log.name}") from None
            return {}
        lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in lines}

    def counts(self) -> tuple[int, int, int]:
        """Writes to the cluster, calls to AWS, and those of them that write."""
        found = self.metrics()
        cluster = sum(value for name, value in found.items() if name.startswith("reconcile_cluster_writes_total"))
        aws = {name: value for name, value in found.items() if name.startswith("aws_requests_total")}
        writes = sum(value for name, value in aws.items() if re.search(WRITING, name))
        return int(cluster), int(sum(aws.values())), int(writes)

    def is_idle(self, resources: int, passes: int) -> bool:
        """Whether it knows all resources, has done that many passes, and nothing is due."""
        found = self.metrics()
        done = found.get('reconcile_passes_total{result="ok"}', 0) >= passes
        return done and found["reconcile_resources"] == resources and found["reconcile_queue_depth"] == 0

    def peak(self) -> float:
        """MiB."""
        text = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(text.partition("VmHWM:")[2].split()[0]) / 1024

    def sockets(self) -> int:
        links = (os.readlink(one) for one in Path(f"/proc/{self._process.pid}/fd").iterdir() if one.is_symlink())
        return sum(link.startswith("socket:") for link in links)

    def end(self, how: int = signal.SIGTERM) -> None:
        self._process.send_signal(how)
        self._process.wait(60)
        self._log.close()


async def bench(resources: int, changes: int, steady: float, log: Path) -> AsyncIterator[Row]:
    """The phases one after the other, each beginning where the one before ended."""
    with World(resources) as world, _cluster() as kubeconfig:
        os.environ["KUBECONFIG"] = kubeconfig
        environment = {**world.environment, "KUBECONFIG": kubeconfig}
        async with _customers(resources) as api:
            running = Running(environment, log, resync=3600)
            await _until(lambda: running.is_idle(resources, passes=1))
            took = f"{time.perf_counter() - running.started:.1f}"
            await _check(api, resources)
            yield _row(resources, "first start to all Ready", took, running, (0, 0, 0))
            running.end()

            running = Running(environment, log, resync=3600)
            await _until(lambda: running.is_idle(resources, passes=1))
            took = f"{time.perf_counter() - running.started:.1f}"
            yield _row(resources, "restart over handled ones", took, running, (0, 0, 0))

            before = running.counts()
            times = [await _change(api, number % resources, 2000 + number) for number in range(changes)]
            p = quantiles(times, n=100)
            told = f"p50 {p[49]:.2f}, p99 {p[98]:.2f}"
            yield _row(resources, f"one change to Ready, {changes} times", told, running, before)
            running.end()

            running = Running(environment, log, resync=max(steady / 5, 10))
            await _until(lambda: running.is_idle(resources, passes=1))
            before = running.counts()
            await asyncio.sleep(steady)
            yield _row(resources, f"steady, {max(steady / 5, 10):.0f} s resync", f"{steady:.0f}", running, before)
            running.end()


def _row(resources: int, what: str, seconds: str, running: Running, before: tuple[int, int, int]) -> Row:
    cluster, calls, writes = (now - then for now, then in zip(running.counts(), before, strict=True))
    return Row(resources, what, seconds, cluster, calls, writes, running.peak(), running.sockets())


@contextmanager
def _cluster() -> Iterator[str]:
    """The kubeconfig of the API server: the one that is given, or a fake one of its own."""
    if given := os.environ.get("BENCH_KUBECONFIG"):
        yield given
        return
    with TemporaryDirectory() as folder:
        config = f"{folder}/kubeconfig"
        command = [sys.executable, "-m", "tests.cluster", "--kubeconfig", config, "--crd", str(CRD)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert server.stdout
        server.stdout.readline()
        try:
            yield config
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()


@asynccontextmanager
async def _customers(count: int) -> AsyncIterator[Api]:
    """That many customer resources in a namespace of their own."""
    api = Api(login)
    await api.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    slots = asyncio.Semaphore(AT_ONCE)

    async def create(number: int) -> None:
        async with slots:
            await api.create(collection(NAMESPACE), yaml.safe_load(manifest(number)))

    await asyncio.gather(*(create(number) for number in range(count)))
    try:
        yield api
    finally:
        await api.close()


async def _check(api: Api, resources: int) -> None:
    """Raises SystemExit where not all of them are Ready."""
    found: list[dict[str, Any]] = (await api.get(collection(NAMESPACE)))["items"]
    ready = sum(_is_ready(one) for one in found)
    if ready != resources:
        raise SystemExit(f"{ready} of {resources} resources are Ready")


def _is_ready(body: Mapping[str, Any]) -> bool:
    status = body.get("status") or {}
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", ()))
    return ready and status.get("observedGeneration") == body["metadata"]["generation"]


async def _change(api: Api, number: int, limit: int) -> float:
    """Seconds from a changed limit to Ready."""
    path = f"{collection(NAMESPACE)}/customer-{number:05}"
    began = time.perf_counter()
    await api.patch(path, [{"op": "replace", "path": "/spec/budget/monthlyLimit", "value": limit}])
    while not _is_ready(await api.get(path)):
        await asyncio.sleep(LOOK_EVERY)
    return time.perf_counter() - began


async def _until(look: Any, timeout: float = 1800.0) -> None:
    end = time.perf_counter() + timeout
    while not await asyncio.to_thread(look):
        if time.perf_counter() > end:
            raise SystemExit(f"not done within {timeout:.0f} s")
        await asyncio.sleep(0.1)


async def _main(asked: argparse.Namespace) -> None:
    print(f"{machine()}\n\n{HEAD}", flush=True)
    for resources in asked.sizes:
        async for row in bench(resources, asked.changes, asked.steady, asked.log):
            print(row, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.in_cluster", description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=int, default=[1000])
    parser.add_argument("--changes", type=int, default=50)
    parser.add_argument("--steady", type=float, default=600.0, help="seconds")
    parser.add_argument("--log", type=Path, default=Path("operator-benchmark.log"), help="what the operator says")
    asyncio.run(_main(parser.parse_args()))
