"""A small, faithful Kubernetes API server in a thread, for tests and benchmarks.

What it does as kube-apiserver does it, tests/cluster/test_server.py promises. What it does not have:

- Ownership of fields: no managedFields, server-side apply replaces lists as a whole and knows no conflict.
- Garbage collection by ownerReferences; graceful deletion; conversion between versions, but for the apiVersion.
- Time: what controllers do (a CRD's status, the emptying of a namespace) is done within the write that causes it.
- All resources but those that an operator needs, and all admission but the schemas of custom resources.
- TLS: plain HTTP on 127.0.0.1.
"""

import asyncio
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from tests.cluster.access import ADMIN, OPERATOR, Access, Rule
from tests.cluster.admission import SchemaOf, SimpleSchema
from tests.cluster.answers import ApiError
from tests.cluster.asked import Requests
from tests.cluster.faults import Fault
from tests.cluster.kubeconfig import write_kubeconfig
from tests.cluster.objects import Objects, Options
from tests.cluster.protocol import Object
from tests.cluster.resources import Resource, Resources
from tests.cluster.routes import Routes, cut
from tests.cluster.selectors import selector
from tests.cluster.storage import Store

T = TypeVar("T")

NAMESPACES_AT_FIRST = ("default", "kube-node-lease", "kube-public", "kube-system")
_BODY_LIMIT = 3 * 1024**2


def system_clock() -> datetime:
    return datetime.now(UTC)


class FakeCluster:
    """A `Cluster` from `with` to its end, with faults to switch on, and a log of what it was asked.

    crds       created at the start, as `create` would
    rules      what the operator's token may do: see access.Rule; None lets it do all
    schemas    what makes a schema of an entry of a CRD's `spec.versions`: see admission.py
    clock      the time of timestamps; waiting is always done in real time
    history    writes of one resource that a watch can go back
    bookmark_interval  seconds between two bookmarks of a watch
    port       0 for any that is free
    kubeconfig where to write that file; None for a temporary one
    """

    def __init__(
        self,
        *,
        crds: Iterable[Object] = (),
        rules: Iterable[Rule] | None = None,
        schemas: SchemaOf = SimpleSchema,
        clock: Callable[[], datetime] = system_clock,
        history: int = 100_000,
        bookmark_interval: float = 60,
        port: int = 0,
        kubeconfig: Path | None = None,
    ) -> None:
        self.namespace = "default"
        self._objects = Objects(Store(history), Resources(schemas), clock)
        self._routes = Routes(self._objects, Access(rules), clock, bookmark_interval)
        self._crds = tuple(crds)
        self._wanted_port = port
        self._wanted_kubeconfig = kubeconfig
        self._written = threading.Condition()

    def __enter__(self) -> Self:
        self._files = tempfile.TemporaryDirectory(prefix="cluster-")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="cluster", daemon=True)
        self._thread.start()
        self._reserved = _reserved(self._wanted_port)
        self.port: int = self._reserved.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._routes.url = self.url
        self._objects.store.listeners.add(self._tell_waiters)
        self._run(self._start())
        for name in NAMESPACES_AT_FIRST:
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        for crd in self._crds:
            self.create(crd)
        self.kubeconfig = self._wanted_kubeconfig or Path(self._files.name) / "operator.yaml"
        self.admin_kubeconfig = Path(self._files.name) / "admin.yaml"
        self.write_kubeconfig(self.kubeconfig, OPERATOR)
        self.write_kubeconfig(self.admin_kubeconfig, ADMIN)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._reserved.close()
        self._files.cleanup()

    # What the cluster holds

    def create(self, object: Object, *, namespace: str | None = None, admit: bool = True) -> Object:
        """`admit=False` puts in what the schema would refuse."""

        def create() -> Object:
            resource = self._objects.resources.of(object)
            where = self._where(resource, namespace or object["metadata"].get("namespace"))
            return self._objects.create(resource, where, object, Options(admit=admit)).copy()

        return self._call(create)

    def get(self, resource: str, name: str, *, namespace: str | None = None) -> Object:
        def get() -> Object:
            known = self._objects.resources.called(resource)
            return self._objects.get(known, self._where(known, namespace), name).copy()

        return self._call(get)

    def list(self, resource: str, *, namespace: str | None = None, labels: str = "", fields: str = "") -> list[Object]:
        def list_() -> Any:
            known = self._objects.resources.called(resource)
            page = self._objects.page(known, self._where(known, namespace), selector(known, labels, fields))
            return [stored.copy() for stored in page.items]

        found: list[Object] = self._call(list_)
        return found

    def replace(self, object: Object, *, admit: bool = True) -> Object:
        def replace() -> Object:
            known = self._objects.resources.of(object)
            where = self._where(known, object["metadata"].get("namespace"))
            return self._objects.replace(known, where, object["metadata"]["name"], object, Options(admit=admit)).copy()

        return self._call(replace)

    def patch(
        self,
        resource: str,
        name: str,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        namespace: str | None = None,
        subresource: str = "",
        admit: bool = True,
    ) -> Object:
        def patched() -> Object:
            known = self._objects.resources.called(resource)
            way = self._objects.merge if isinstance(patch, Mapping) else self._objects.json_patch
            where = self._where(known, namespace)
            return way(known, where, name, patch, Options(subresource, admit=admit)).copy()

        return self._call(patched)

    def put_status(
        self,
        resource: str,
        name: str,
        status: Mapping[str, Any],
        *,
        namespace: str | None = None,
        admit: bool = True,
    ) -> Object:
        def put() -> Object:
            known = self._objects.resources.called(resource)
            where = self._where(known, namespace)
            wanted = {**self._objects.get(known, where, name).object, "status": dict(status)}
            return self._objects.replace(known, where, name, wanted, Options("status", admit=admit)).copy()

        return self._call(put)

    def delete(self, resource: str, name: str, *, namespace: str | None = None) -> None:
        def delete() -> None:
            known = self._objects.resources.called(resource)
            self._objects.delete(known, self._where(known, namespace), name)

        self._call(delete)

    def wait(
        self,
        resource: str,
        name: str,
        until: Callable[[Object | None], bool],
        *,
        namespace: str | None = None,
        timeout: float = 10,
    ) -> Object | None:
        last: Object | None = None

        def look() -> bool:
            nonlocal last
            last = self._found(resource, name, namespace)
            return until(last)

        try:
            self.eventually(look, timeout=timeout)
        except TimeoutError:
            raise TimeoutError(f"{resource} {name} is not as awaited after {timeout} s: {last}") from None
        return last

    def eventually(self, look: Callable[[], T], *, timeout: float = 10) -> T:
        deadline = time.monotonic() + timeout
        while True:
            seen = self._objects.store.version
            if found := look():
                return found
            with self._written:
                if not self._written.wait_for(partial(self._has_passed, seen), deadline - time.monotonic()):
                    raise TimeoutError(f"not as awaited after {timeout} s: {found!r}")

    # What it was asked

    @property
    def requests(self) -> Requests:
        return self._routes.requests

    @property
    def answers(self) -> Counter[int]:
        """How many requests were answered with each HTTP status."""
        return self._routes.answers

    @property
    def open_watches(self) -> int:
        return len(self._routes.watches)

    # What goes wrong

    def down(self) -> None:
        """Cut every connection and refuse new ones. The test's own calls work on."""
        self._run(self._unlisten())

    def up(self) -> None:
        """Listen again on the same port."""
        self._run(self._listen())

    def cut_watches(self) -> None:
        """End the connections of all watches; their clients may come back."""
        self._call(self._cut_watches)

    def stall_watches(self) -> None:
        """Let all open watches tell nothing more, on connections that stay open."""

        def stall() -> None:
            for watch in self._routes.watches:
                watch.stalled = True

        self._call(stall)

    def forget_history(self) -> None:
        """Whoever resumes a watch, or continues a list, gets 410 Gone. Open watches go on."""
        self._call(self._objects.store.forget_history)

    def fail_next(
        self,
        times: int = 1,
        *,
        verb: str = "",
        path_contains: str = "",
        status: int = 500,
        reason: str | None = None,
        message: str = "a fault on purpose",
        retry_after: int | None = None,
    ) -> None:
        """Refuse the next requests of this verb (get, list, watch, create, update, patch, delete) and path."""
        error = ApiError(status, message, reason=reason, retry_after=retry_after)
        self._call(lambda: self._routes.faults.arm(Fault(verb, path_contains, error), times))

    def lose_next(self, times: int = 1, *, verb: str = "", path_contains: str = "") -> None:
        """Do what the next requests ask for, and cut the connection without an answer."""
        self._call(lambda: self._routes.faults.arm(Fault(verb, path_contains, None), times))

    @property
    def latency(self) -> float:
        """Seconds by which every answer is late."""
        return self._routes.faults.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._routes.faults.latency = seconds

    def heal(self) -> None:
        """Forget the armed faults and the latency."""
        self._call(self._routes.faults.clear)

    def write_kubeconfig(self, path: Path, token: str) -> None:
        write_kubeconfig(path, url=self.url, token=token, namespace=self.namespace)

    # The thread that serves

    async def _start(self) -> None:
        server = web.Server(
            self._routes, request_factory=_request, handler_cancellation=True, access_log=None, keepalive_timeout=3600
        )
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0)
        await self._runner.setup()
        await self._listen()

    async def _stop(self) -> None:
        self._abort_connections()
        await self._runner.cleanup()

    async def _listen(self) -> None:
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_port=True, backlog=4096).start()

    async def _unlisten(self) -> None:
        for site in tuple(self._runner.sites):
            await site.stop()
        self._abort_connections()

    def _abort_connections(self) -> None:
        server = self._runner.server
        assert server is not None
        for connection in server.connections:
            if connection.transport:
                connection.transport.abort()

    def _cut_watches(self) -> None:
        for request in self._routes.watches.values():
            cut(request)

    def _where(self, resource: Resource, namespace: str | None) -> str:
        if not resource.namespaced:
            return ""
        return self.namespace if namespace is None else namespace

    def _found(self, resource: str, name: str, namespace: str | None) -> Object | None:
        try:
            return self.get(resource, name, namespace=namespace)
        except ApiError as error:
            if error.code != 404:
                raise
            return None

    def _has_passed(self, version: int) -> bool:
        return self._objects.store.version > version

    def _tell_waiters(self) -> None:
        with self._written:
            self._written.notify_all()

    def _call(self, work: Callable[[], T]) -> T:
        """Do this in the thread that serves, between two requests."""
        done: Future[T] = Future()

        def work_there() -> None:
            try:
                done.set_result(work())
            except BaseException as error:  # noqa: BLE001 -- it is raised in the caller's thread
                done.set_exception(error)

        self._loop.call_soon_threadsafe(work_there)
        return done.result()

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _reserved(port: int) -> socket.socket:
    """A socket that holds the port and never listens, so that nobody else takes it while the cluster is down."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    reserved.bind(("127.0.0.1", port))
    return reserved


def _request(message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(message, payload, protocol, writer, task, loop, client_max_size=_BODY_LIMIT)
