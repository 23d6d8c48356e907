"""The command `reconcile operator`, running: in a thread of the tests, which is quicker, or as the process that it is.

In a thread its waiting is short. A process waits as long as it does in life, and can be killed.
"""

import asyncio
import http.client
import io
import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, TextIO, TypeVar

import pytest
from botocore import loaders
from prometheus_client.parser import text_string_to_metric_families

from controller import agenda, operating, passes
from controller.aws.call import Retry
from controller.aws.pace import Pace
from controller.cluster import api, leader
from controller.entrypoints import cluster_operator, json_logs

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds after which what is waited for counts as never to come: far more than it takes on a slow machine."""

DEFAULTS: Mapping[str, Any] = {
    "namespace": None,
    "all_namespaces": False,
    "dry_run": False,
    "settings": None,
    "controller_id": None,
    "resync": 3600.0,
    "collect": 0.0,
    "customer_metrics": True,
    "log_format": "json",
    "verbose": False,
}

SHORTER = (
    (operating, "QUIET", 0.05),
    (operating, "PUT_RIGHT", 0.3),
    (cluster_operator, "ASK_AGAIN", 0.1),
    (agenda, "FIRST_RETRY", 0.2),
    (agenda, "LONGEST_RETRY", 2.0),
    (api, "FIRST_WAIT", 0.05),
    (leader, "EVERY", 0.3),
    (passes, "LEASE_PATIENCE", 0.1),
    (Retry, "delay", lambda *_, **__: 0.0),
    (Pace, "wait", lambda _: None),
)
"""What an operator in a thread of the tests waits for, by where it is said."""

LOADERS = cache(loaders.create_loader)
"""What botocore knows of AWS is read once for all tests, not once for each operator."""


def eventually(look: Callable[[], T], patience: float = PATIENCE) -> T:
    """The first answer that is true."""
    deadline = time.monotonic() + patience
    while not (found := look()):
        assert time.monotonic() < deadline, f"not within {patience} s; the last answer was {found!r}"
        time.sleep(0.02)
    return found


class Running:
    """An operator that answers probes and Prometheus on `port`."""

    def __init__(self) -> None:
        self.port = _free_port()

    @property
    def log(self) -> str:
        raise NotImplementedError

    def probe(self, path: str) -> tuple[int, str]:
        """Status and text of the answer; (0, "") where there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def metric(self, name: str, **labels: str) -> float:
        """The sum of all samples of this name with these labels."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.probe("/metrics")[1])
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    @property
    def passes(self) -> int:
        return int(self.metric("reconcile_passes_total"))

    def wait_for_passes(self, count: int) -> None:
        """So many more that begin after now: the one under way does not count."""
        wanted = self.passes + count + 1
        eventually(lambda: self.passes >= wanted)

    def logged(self, words: str) -> bool:
        return words in self.log


class InThread(Running):
    """`options` are those of `cluster_operator.operator`, where they differ from `DEFAULTS`."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.code: int | None = None
        self._options = {**DEFAULTS, "listen": f"127.0.0.1:{self.port}", **options}
        self._log = io.StringIO()
        self._error: BaseException | None = None
        self._main: tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]] | None = None
        self._thread = _Thread(self)
        self._thread.start()

    @property
    def log(self) -> str:
        return self._log.getvalue()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        """As at SIGTERM. Raises what it ended by, where that was no proper end."""
        if self._main:
            loop, task = self._main
            with suppress(RuntimeError):  # it has ended by itself
                loop.call_soon_threadsafe(task.cancel)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "it does not end"
        error, self._error = self._error, None
        if error:
            raise error

    def wait(self) -> int | None:
        """The exit code, once it ends by itself."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "it does not end"
        return self.code

    def run(self) -> None:
        try:
            self.code = cluster_operator.operator(**self._options)
        except BaseException as error:  # noqa: BLE001 - raised in the thread of the test
            self._error = error

    def run_loop(self, main: Coroutine[Any, Any, None]) -> None:
        """What `asyncio.run` does, and to be stopped from outside."""

        async def stoppable() -> None:
            task = asyncio.current_task()
            assert task
            self._main = asyncio.get_running_loop(), task
            await main

        with asyncio.Runner() as runner, suppress(asyncio.CancelledError):
            runner.run(stoppable())

    def begin_log(self, pass_number: Callable[[], int]) -> None:
        """With several operators at a time each has the lines of all."""
        handler = logging.StreamHandler(self._log)
        handler.setFormatter(json_logs.JsonLines(pass_number))
        logging.getLogger().addHandler(handler)


class _Thread(threading.Thread):
    def __init__(self, running: InThread) -> None:
        super().__init__(target=running.run, name="operator", daemon=True)
        self.running = running


@contextmanager
def in_threads() -> Iterator[None]:
    """Within it `InThread` may be used: what an operator does to its whole process is kept to its thread."""

    def run(main: Coroutine[Any, Any, None]) -> None:
        _this_operator().run_loop(main)

    def begin(stream: TextIO, pass_number: Callable[[], int], **_: bool) -> None:
        _this_operator().begin_log(pass_number)

    root, kopf = logging.getLogger(), logging.getLogger("kopf")
    handlers, levels = tuple(root.handlers), (root.level, kopf.level)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "run", run)
        patch.setattr(json_logs, "begin", begin)
        patch.setattr(loaders, "create_loader", LOADERS)
        for where, name, value in SHORTER:
            patch.setattr(where, name, value)
        root.setLevel(logging.INFO)
        kopf.setLevel(logging.WARNING)
        try:
            yield
        finally:
            root.handlers[:] = handlers
            root.setLevel(levels[0])
            kopf.setLevel(levels[1])


def _this_operator() -> InThread:
    thread = threading.current_thread()
    assert isinstance(thread, _Thread)
    return thread.running


class AsProcess(Running):
    """The command itself, with these arguments, in this environment; its log is in `file`."""

    def __init__(self, file: Path, *arguments: str, environment: Mapping[str, str] = os.environ) -> None:
        super().__init__()
        self._file = file
        command = [sys.executable, "-m", "controller.entrypoints.cli", "operator"]
        with file.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--listen", f"127.0.0.1:{self.port}", *arguments],
                stdout=log,
                stderr=log,
                env=dict(environment),
            )

    @property
    def log(self) -> str:
        return self._file.read_text()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it logged; fails where a line is no JSON object."""
        found = [json.loads(line) for line in self.log.splitlines()]
        assert all(isinstance(one, dict) for one in found)
        return found

    @property
    def leads(self) -> bool:
        return self.metric("reconcile_leader") == 1

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.kill()


def _free_port() -> int:
    """One below those that outgoing connections get."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as tried, suppress(OSError):
            tried.bind(("127.0.0.1", port))
            return port
