"""What the operator writes to the cluster: statuses, Events and its finalizer. Nothing that stands there already."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from controller.domain.custom_resource import FINALIZER, GROUP, KIND, VERSION, Name, Resource
from controller.errors import Failure
from controller.known import Known
from controller.render.resource_events import Event

_log = logging.getLogger(__name__)

AT_ONCE = 16
"""Writes at a time."""
OUTDATED = (
    "the cluster keeps only a part of the status: its definition is older than this operator."
    " Apply schemas/customer.crd.yaml"
)


class Cluster(Protocol):
    """The API server, for writing."""

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]: ...
    async def patch(self, path: str, operations: list[dict[str, Any]]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class News:
    """A status that says something new, the same packed, and what happened. None: it stands there already."""

    resource: Resource
    status: Mapping[str, Any] | None
    told: bytes
    events: tuple[Event, ...] = ()


class Writer:
    """Writes, some at a time. `wrote` is told what was written, `failed` which resource could not be."""

    def __init__(
        self,
        cluster: Cluster,
        known: Known,
        clock: Callable[[], datetime],
        wrote: Callable[[str], None],
        failed: Callable[[Name], Any],
    ) -> None:
        self._cluster, self._known, self._clock = cluster, known, clock
        self._wrote, self._failed = wrote, failed
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def statuses(self, news: Sequence[News]) -> frozenset[Name]:
        """Those that could not be told."""
        return await self._each((one.resource.name, self._news(one)) for one in news)

    async def add_finalizers(self, resources: Iterable[Resource]) -> None:
        """To those that have none of ours yet."""
        without = [one for one in resources if not one.has_finalizer]
        await self._each((one.name, self._add_finalizer(one)) for one in without)

    async def let_go(self, farewells: Iterable[tuple[Resource, Event | None]]) -> frozenset[Name]:
        """Removes our finalizer, so that the deletions go on. Those that could not be let go of."""
        return await self._each((one.name, self._let_go(one, farewell)) for one, farewell in farewells)

    async def post(self, resource: Resource, events: Iterable[Event]) -> None:
        """An Event that cannot be posted is logged and lost: it only tells."""
        for event in events:
            who = {"customer": str(resource.name)}
            _log.log(event.level, "%s: %s: %s", resource.name, event.reason, event.message, extra=who)
            try:
                await self._cluster.create(
                    f"/api/v1/namespaces/{resource.name.namespace}/events", self._event(resource, event)
                )
                self._wrote("event")
            except Failure as failure:
                _log.warning("%s: the event %s was not posted: %s", resource.name, event.reason, failure, extra=who)

    async def _news(self, one: News) -> None:
        if one.status is not None:
            await self._status(one)
        await self.post(one.resource, one.events)

    async def _status(self, one: News) -> None:
        name, body = one.resource.name, None
        self._known.writing(name, one.told)
        try:
            body = await self._cluster.patch(
                f"{name.path}/status",
                [
                    {"op": "test", "path": "/metadata/uid", "value": one.resource.uid},
                    {"op": "add", "path": "/status", "value": one.status},
                ],
            )
        finally:
            whole = self._known.wrote(name, one.told, body)
        self._wrote("status")
        if not whole:
            _log.warning("%s: %s", name, OUTDATED, extra={"customer": str(name)})

    async def _add_finalizer(self, resource: Resource) -> None:
        """To the resource as it is known: else that of another controller might be lost, or ours be there twice."""
        there = "/metadata/finalizers"
        added = (
            {"path": f"{there}/-", "value": FINALIZER} if resource.finalizers else {"path": there, "value": [FINALIZER]}
        )
        same = {"op": "test", "path": "/metadata/resourceVersion", "value": resource.version}
        self._known.put(await self._cluster.patch(resource.name.path, [same, {"op": "add", **added}]))
        self._wrote("finalizer")

    async def _let_go(self, resource: Resource, farewell: Event | None) -> None:
        await self.post(resource, [farewell] if farewell else [])
        if not resource.has_finalizer:  # a person was quicker
            return
        at = f"/metadata/finalizers/{resource.finalizers.index(FINALIZER)}"
        operations = [{"op": "test", "path": at, "value": FINALIZER}, {"op": "remove", "path": at}]
        await self._cluster.patch(resource.name.path, operations)
        self._wrote("finalizer")

    async def _each(self, writes: Iterable[tuple[Name, Awaitable[None]]]) -> frozenset[Name]:
        """What fails is logged and told, and returned; what is gone needs nothing any more."""
        failed: set[Name] = set()

        async def contained(name: Name, write: Awaitable[None]) -> None:
            async with self._slots:
                try:
                    await write
                except Failure as failure:
                    if failure.code != "NotFound":
                        _log.warning("%s was not written: %s", name, failure, extra={"customer": str(name)})
                        self._failed(name)
                        failed.add(name)

        await asyncio.gather(*(contained(name, write) for name, write in writes))
        return frozenset(failed)

    def _event(self, resource: Resource, event: Event) -> dict[str, Any]:
        name, moment = resource.name, self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"generateName": f"{name.name[:200]}.", "namespace": name.namespace},
            "involvedObject": {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": KIND,
                "namespace": name.namespace,
                "name": name.name,
                "uid": resource.uid,
            },
            "type": event.type,
            "reason": event.reason,
            "message": event.message,
            "firstTimestamp": moment,
            "lastTimestamp": moment,
            "count": 1,
            "source": {"component": "daylily-reconcile"},
        }
