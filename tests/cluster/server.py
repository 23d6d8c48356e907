"""A small, faithful Kubernetes API server in a thread, for tests and benchmarks.

What it does as kube-apiserver does it, tests/cluster/test_server.py promises. What it does not have:

- Ownership of fields: no managedFields, server-side apply replaces lists as a whole and knows no conflict.
- Garbage collection by ownerReferences; graceful deletion; conversion between versions, but for the apiVersion.
- Time: what controllers do (a CRD's status, the emptying of a namespace) is done within the write that causes it.
- All resources but those that an operator needs, and all admission but the schemas of custom resources.
- TLS: plain HTTP on 127.0.0.1.
"""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.cluster.access import ADMIN, OPERATOR, Access, Rule
from tests.cluster.admission import SchemaOf
from tests.cluster.answers import ApiError
from tests.cluster.asked import Requests
from tests.cluster.discovery import VERSION, release
from tests.cluster.faults import Fault
from tests.cluster.kubeconfig import write_kubeconfig
from tests.cluster.objects import Objects, Options
from tests.cluster.protocol import Object
from tests.cluster.resources import Resource, Resources
from tests.cluster.routes import Routes
from tests.cluster.selectors import selector
from tests.cluster.serving import Serving, cut
from tests.cluster.storage import Store
from tests.cluster.structural import Schema

T = TypeVar("T")

NAMESPACES_AT_FIRST = ("default", "kube-node-lease", "kube-public", "kube-system")
_PAUSE = 0.05
"""Seconds after which who waits looks again, though nothing was written."""


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
        schemas: SchemaOf = Schema,
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
        self._serving = Serving(self._routes, self._wanted_port)
        self.url = self._routes.url = f"http://127.0.0.1:{self._serving.port}"
        self._objects.store.listeners.add(self._tell_waiters)
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
        self._serving.stop()
        self._files.cleanup()

    # What the cluster holds

    @property
    def version(self) -> tuple[int, int]:
        return release(VERSION)

    def create(self, object: Object, *, namespace: str | None = None, admit: bool = True) -> Object:
        """`admit=False` puts in what the schema would refuse."""

        def create() -> Object:
            resource = self._objects.resources.of(object)
            where = self._where(resource, namespace or object["metadata"].get("namespace"))
            return self._objects.create(resource, where, object, Options(admit=admit)).copy()

        return self._serving.call(create)

    def get(self, resource: str, name: str, *, namespace: str | None = None) -> Object:
        def get() -> Object:
            known = self._objects.resources.called(resource)
            return self._objects.get(known, self._where(known, namespace), name).copy()

        return self._serving.call(get)

    def list(self, resource: str, *, namespace: str | None = None, labels: str = "", fields: str = "") -> list[Object]:
        def list_() -> Any:
            known = self._objects.resources.called(resource)
            page = self._objects.page(known, self._where(known, namespace), selector(known, labels, fields))
            return [stored.copy() for stored in page.items]

        found: list[Object] = self._serving.call(list_)
        return found

    def replace(self, object: Object, *, admit: bool = True) -> Object:
        def replace() -> Object:
            known = self._objects.resources.of(object)
            where = self._where(known, object["metadata"].get("namespace"))
            return self._objects.replace(known, where, object["metadata"]["name"], object, Options(admit=admit)).copy()

        return self._serving.call(replace)

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

        return self._serving.call(patched)

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

        return self._serving.call(put)

    def delete(self, resource: str, name: str, *, namespace: str | None = None) -> None:
        def delete() -> None:
            known = self._objects.resources.called(resource)
            self._objects.delete(known, self._where(known, namespace), name)

        self._serving.call(delete)

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
            if time.monotonic() > deadline:
                raise TimeoutError(f"not as awaited after {timeout} s: {found!r}")
            with self._written:
                self._written.wait_for(partial(self._has_passed, seen), _PAUSE)

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
        self._serving.refuse()

    def up(self) -> None:
        """Listen again on the same port."""
        self._serving.accept()

    def cut_watches(self) -> None:
        """End the connections of all watches; their clients may come back."""
        self._serving.call(self._cut_watches)

    def stall_watches(self) -> None:
        """Let all open watches tell nothing more, on connections that stay open."""

        def stall() -> None:
            for watch in self._routes.watches:
                watch.stalled = True

        self._serving.call(stall)

    def forget_history(self) -> None:
        """Whoever resumes a watch, or continues a list, gets 410 Gone. Open watches go on."""
        self._serving.call(self._objects.store.forget_history)

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
        self._serving.call(lambda: self._routes.faults.arm(Fault(verb, path_contains, error), times))

    def lose_next(self, times: int = 1, *, verb: str = "", path_contains: str = "") -> None:
        """Do what the next requests ask for, and cut the connection without an answer."""
        self._serving.call(lambda: self._routes.faults.arm(Fault(verb, path_contains, None), times))

    @property
    def latency(self) -> float:
        """Seconds by which every answer is late."""
        return self._routes.faults.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._routes.faults.latency = seconds

    def heal(self) -> None:
        """Forget the armed faults and the latency."""
        self._serving.call(self._routes.faults.clear)

    def write_kubeconfig(self, path: Path, token: str) -> None:
        write_kubeconfig(path, cluster={"server": self.url}, token=token, namespace=self.namespace)

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
