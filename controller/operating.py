"""The operator: what the cluster wants, gathered, reconciled as one fleet, and told back to the cluster.

Everything that the API server says comes in by `seen`; everything else is one loop: wait until something is due, gather
for a moment, run one pass in a thread, write the statuses that say something new. One pass at a time, on one replica.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar

from controller.agenda import Agenda
from controller.domain.custom_resource import FINALIZER, Name, Resource, from_body, packed
from controller.domain.customer import Customer
from controller.errors import Failure, PermanentFailure, ReconcileError, TransientFailure
from controller.passes import Due, Passed, Verdict
from controller.reconcile import Stop
from controller.render import resource_events, resource_status
from controller.render.resource_events import Event
from controller.render.resource_status import Figures, Shown

_log = logging.getLogger(__name__)

T = TypeVar("T")

QUIET = 0.3
"""Seconds without news after which a pass begins."""
GATHER = 5.0
"""Seconds after which it begins even so."""
WRITES = 16
"""Writes to the API server at a time."""


class Cluster(Protocol):
    """The API server, for writing."""

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]: ...
    async def patch(self, path: str, operations: list[dict[str, Any]]) -> dict[str, Any]: ...


class Leadership(Protocol):
    @property
    def leads(self) -> bool: ...
    async def elected(self) -> None: ...


class Engine(Protocol):
    """What the operator works with in AWS, under the settings as they are now. Its methods are called in threads."""

    def refresh(self) -> bool:
        """Takes on settings that were changed; True where there were any."""
        ...

    def read(self, resource: Resource) -> Customer | str:
        """The customer, or what is wrong with the resource."""
        ...

    def run(self, due: Due, stop: Stop) -> Passed: ...

    def figures(self) -> Mapping[str, Figures]:
        """What was collected in the running month, by customer id. Asks the store only."""
        ...

    def collect(self, customers: Sequence[Customer], stop: Stop) -> None:
        """Collects usage and decides the gates."""
        ...


class Meter(Protocol):
    """Told what happens, for the metrics."""

    def passed(self, passed: Passed, seconds: float) -> None: ...
    def failed(self, failure: ReconcileError, seconds: float) -> None: ...
    def wrote(self, what: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Times:
    """In seconds. `resync`: how often everything is looked at; `collect`: how often usage is collected, 0: never."""

    resync: float = 1800.0
    collect: float = 3600.0

    @property
    def words(self) -> str:
        minutes, seconds = divmod(int(self.resync), 60)
        return f"{minutes} minutes" if minutes and not seconds else f"{int(self.resync)} seconds"


@dataclass(frozen=True, slots=True)
class Sorted:
    """What is due, by what is to be done with it. `wrong`: by name, the code and the words of what is wrong."""

    customers: dict[Name, Customer] = field(default_factory=dict)
    leaving: dict[Name, str] = field(default_factory=dict)
    free: list[Name] = field(default_factory=list)
    """Being deleted, and nothing of it is ours to remove."""
    forced: list[Name] = field(default_factory=list)
    wrong: dict[Name, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class News:
    """A status to write, with what happened."""

    resource: Resource
    status: dict[str, Any] | None
    events: tuple[Event, ...] = ()


class Operator:
    """All customer resources of a cluster, or of a namespace. Its methods are called on one event loop."""

    def __init__(
        self,
        cluster: Cluster,
        engine: Engine,
        leadership: Leadership,
        meter: Meter,
        clock: Callable[[], datetime],
        spread: Callable[[], float],
        times: Times,
        *,
        only_watch: bool = False,
    ) -> None:
        self._cluster, self._engine, self._leadership, self._meter = cluster, engine, leadership, meter
        self._clock, self._spread, self._times, self._only_watch = clock, spread, times, only_watch
        self._resources: dict[Name, Resource] = {}
        self.agenda: Agenda[Name] = Agenda(time.monotonic, spread)
        self._figures: Mapping[str, Figures] = {}
        self._writing: dict[Name, str] = {}
        self._wanted: dict[Name, int] = {}
        self._clashing: set[Name] = set()
        self._news = asyncio.Event()
        self._stopping = threading.Event()
        self._slots = asyncio.Semaphore(WRITES)
        self._resync_at = self._collect_at = float("inf")
        self._collecting: asyncio.Task[None] | None = None
        self.pass_number = 0
        self.alive_at = time.monotonic()
        """When a pass last ended, or when it was last not our turn."""

    def __len__(self) -> int:
        return len(self._resources)

    def seen(self, kind: str | None, body: Mapping[str, Any]) -> None:
        """What the API server says of a resource: as listed (None), ADDED, MODIFIED or DELETED."""
        resource = from_body(body)
        if kind == "DELETED":
            self._forget(resource.name)
            return
        before = self._resources.get(resource.name)
        self._resources[resource.name] = resource
        if before is None or before.asked != resource.asked or self._was_edited(before, resource):
            self._wake([resource.name])
            if before and (before.customer_id, before.buckets) != (resource.customer_id, resource.buckets):
                self._wake(self._clashing)

    async def run(self) -> None:
        """Works until it is stopped."""
        try:
            while not self._stopping.is_set():
                await self._leadership.elected()
                await self._turn()
        finally:
            self._stopping.set()
            if self._collecting:
                self._collecting.cancel()

    def stop(self) -> None:
        """No further pass; the one under way ends after its calls in flight, and tells what it did."""
        self._stopping.set()
        self._news.set()

    def resync(self) -> None:
        """Everything is due."""
        self._wake(self._resources)
        self._resync_at = time.monotonic() + self._times.resync * (0.9 + 0.2 * self._spread())

    def _stop(self) -> bool:
        return self._stopping.is_set() or not self._leadership.leads

    def _wake(self, names: Iterable[Name]) -> None:
        for name in tuple(names):
            self.agenda.now(name)
        self._news.set()

    def _forget(self, name: Name) -> None:
        self._resources.pop(name, None)
        self._wanted.pop(name, None)
        self._clashing.discard(name)
        self.agenda.forget(name)
        self._wake(self._clashing)

    def _was_edited(self, before: Resource, now: Resource) -> bool:
        """Whether the status was changed by somebody else than this operator."""
        return now.packed_status not in (before.packed_status, self._writing.get(now.name))

    async def _turn(self) -> None:
        """Waits until something is due, and does it."""
        if self._resync_at == float("inf"):  # the first turn of this leader: nothing that it knows is certain
            await self._learn_figures()
            self.resync()
            self._collect_at = time.monotonic() if self._times.collect and not self._only_watch else float("inf")
        await self._sleep_until_due()
        if not self._leadership.leads or self._stopping.is_set():
            self._resync_at = float("inf")
            return
        if time.monotonic() >= self._resync_at:
            self.resync()
        await self._gather()
        names = self.agenda.take()
        await self._whole_pass([self._resources[name] for name in names if name in self._resources])
        self.alive_at = time.monotonic()
        if time.monotonic() >= self._collect_at and (self._collecting is None or self._collecting.done()):
            self._collect_at = time.monotonic() + self._times.collect
            self._collecting = asyncio.create_task(self._collect(), name="collect")

    async def _sleep_until_due(self) -> None:
        """Returns early with news, and at least every second, to see whether we still lead."""
        while self._leadership.leads and not self._stopping.is_set():
            self._news.clear()
            next_at = min(self.agenda.next_at() or float("inf"), self._resync_at)
            wait = next_at - time.monotonic()
            if wait <= 0:
                return
            try:
                await asyncio.wait_for(self._news.wait(), min(wait, 1.0))
            except TimeoutError:
                continue

    async def _gather(self) -> None:
        """Lets what comes together be one pass."""
        until = time.monotonic() + GATHER
        while time.monotonic() < until:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), QUIET)
            except TimeoutError:
                return

    async def _whole_pass(self, due: Sequence[Resource]) -> None:
        self.pass_number += 1
        began = time.monotonic()
        try:
            passed = await self._pass(due)
        except ReconcileError as failure:
            _log.error("the pass failed: %s", failure)
            self._meter.failed(failure, time.monotonic() - began)
            for resource in due:
                self.agenda.failed(resource.name)
            await self._write([self._news_of_failure(resource, failure) for resource in due])
            return
        self._meter.passed(passed, time.monotonic() - began)
        if due:
            _log.info("pass: %s in %.1f s", resource_status.summary(passed.verdicts.values()), time.monotonic() - began)

    async def _pass(self, due: Sequence[Resource]) -> Passed:
        everything = tuple(self._resources.values())
        if await asyncio.to_thread(self._engine.refresh):
            _log.info("settings were changed: everything is due")
            self._wake(self._resources)
        found = await asyncio.to_thread(self._sort, due, everything)
        self._clashing |= {name for name, (code, _) in found.wrong.items() if code == "Duplicate"}
        self._clashing -= found.customers.keys()
        await self._release([*found.free, *found.forced], found)
        if not self._only_watch:
            await self._hold_on_to(found)
        owners = {customer.customer_id: name for name, customer in found.customers.items()}
        leaving = {id_: name.source for name, id_ in found.leaving.items()}
        passed = await asyncio.to_thread(self._engine.run, Due(tuple(found.customers.values()), leaving), self._stop)
        owners |= {id_: name for name, id_ in found.leaving.items()}
        news = await asyncio.to_thread(self._tell, found, passed, owners)
        await self._write(news)
        await self._let_go(found, passed)
        for id_, name in owners.items():
            self._come_back(name, passed.verdicts.get(id_))
        return passed

    def _sort(self, due: Sequence[Resource], everything: Collection[Resource]) -> Sorted:
        """What is to be done with each. The older one of two that claim the same has it."""
        holders = _holders(everything)
        found = Sorted()
        for resource in due:
            name = resource.name
            older = {
                f"{what} {word}": holders[what, word] for what, word in _claims(resource) if holders[what, word] != name
            }
            if resource.deleting:
                if not resource.has_finalizer:
                    continue
                if resource.released:
                    found.forced.append(name)
                elif older or not resource.customer_id:
                    found.free.append(name)
                else:
                    found.leaving[name] = resource.customer_id
            elif older:
                words = "; ".join(
                    f"{what} is already that of {holder}, the older one" for what, holder in older.items()
                )
                found.wrong[name] = ("Duplicate", words)
            else:
                self._read(resource, found)
        return found

    def _read(self, resource: Resource, found: Sorted) -> None:
        try:
            read = self._engine.read(resource)
        except Exception as error:  # noqa: BLE001 - with validation off anything may stand in it
            _log.exception("cannot read %s", resource.name)
            read = f"it cannot be read: {type(error).__name__}: {error}"
        if isinstance(read, str):
            found.wrong[resource.name] = ("InvalidSpec", read)
        else:
            found.customers[resource.name] = read

    async def _hold_on_to(self, found: Sorted) -> None:
        """A finalizer for everything that AWS is touched for, before it is. What cannot have one waits."""
        new = [self._resources[name] for name in found.customers if name in self._resources]
        await self._each(self._add_finalizer, [one for one in new if not one.has_finalizer])
        for name in [*found.customers]:
            known = self._resources.get(name)
            if known is None or not known.has_finalizer:
                del found.customers[name]
                if known:
                    self.agenda.failed(name)

    async def _add_finalizer(self, resource: Resource) -> None:
        operations = [
            {"op": "test", "path": "/metadata/uid", "value": resource.uid},
            {"op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER}
            if resource.finalizers
            else {"op": "add", "path": "/metadata/finalizers", "value": [FINALIZER]},
        ]
        body = await self._cluster.patch(resource.name.path, operations)
        self._meter.wrote("finalizer")
        self._resources[resource.name] = from_body(body)

    async def _release(self, names: Sequence[Name], found: Sorted) -> None:
        for name in names:
            if resource := self._resources.get(name):
                if name in found.forced:
                    await self._post(resource, [resource_events.forced()])
                await self._drop_finalizer(resource)

    async def _let_go(self, found: Sorted, passed: Passed) -> None:
        """Removes the finalizer of what is gone from AWS, or let go of."""
        for name, id_ in found.leaving.items():
            verdict, resource = passed.verdicts.get(id_), self._resources.get(name)
            if verdict and verdict.gone and resource:
                await self._post(resource, [_farewell(verdict)])
                await self._drop_finalizer(resource)

    async def _drop_finalizer(self, resource: Resource) -> None:
        at = resource.finalizers.index(FINALIZER)
        operations = [
            {"op": "test", "path": f"/metadata/finalizers/{at}", "value": FINALIZER},
            {"op": "remove", "path": f"/metadata/finalizers/{at}"},
        ]
        try:
            await self._cluster.patch(resource.name.path, operations)
            self._meter.wrote("finalizer")
        except Failure as failure:
            if failure.code != "NotFound":
                _log.warning("%s keeps its finalizer for now: %s", resource.name, failure)
                self.agenda.failed(resource.name)

    def _come_back(self, name: Name, verdict: Verdict | None) -> None:
        """When it is looked at again: what time may heal soon, the rest with everything else."""
        if verdict is None or any(isinstance(failure, TransientFailure) for failure in verdict.failures):
            self.agenda.failed(name)
        else:
            self.agenda.healed(name)

    def _tell(self, found: Sorted, passed: Passed, owners: Mapping[str, Name]) -> list[News]:
        """The statuses that say something new."""
        news = []
        for id_, name in owners.items():
            resource, verdict = self._resources.get(name), passed.verdicts.get(id_)
            if resource is None or verdict is None or verdict.gone:
                continue
            shown = self._shown(resource, found.customers.get(name))
            before = resource.status
            after = resource_status.document(shown, verdict)
            news.append(News(resource, after, resource_events.events(before, after, verdict)))
        for name, (code, words) in found.wrong.items():
            if resource := self._resources.get(name):
                after = resource_status.left_alone(self._shown(resource, None), code, words)
                news.append(News(resource, after, resource_events.events(resource.status, after)))
        return news

    def _news_of_failure(self, resource: Resource, failure: ReconcileError) -> News:
        """A pass that failed as a whole is told once; what was known stays."""
        heals = not isinstance(failure, PermanentFailure)
        code = getattr(failure, "code", "") or type(failure).__name__
        after = resource_status.left_alone(
            self._shown(resource, None), resource_status.camel(code), str(failure), heals=heals
        )
        return News(resource, after, resource_events.events(resource.status, after))

    def _shown(self, resource: Resource, customer: Customer | None) -> Shown:
        figures = self._figures.get(resource.customer_id, Figures())
        return Shown(resource, customer, figures, self._clock(), self._times.words)

    async def _write(self, news: Iterable[News]) -> None:
        await self._each(self._write_one, [one for one in news if self._is_news(one)])

    def _is_news(self, one: News) -> bool:
        """Whether the status there is another one; not where the cluster kept less of ours than it was told."""
        if one.status is None:
            return False
        text = packed(one.status)
        if text == one.resource.packed_status:
            return False
        kept = self._resources.get(one.resource.name)
        return self._wanted.get(one.resource.name) != hash((text, kept.packed_status if kept else ""))

    async def _write_one(self, one: News) -> None:
        name, text = one.resource.name, packed(one.status)
        self._writing[name] = text
        try:
            body = await self._cluster.patch(
                f"{name.path}/status",
                [
                    {"op": "test", "path": "/metadata/uid", "value": one.resource.uid},
                    {"op": "add", "path": "/status", "value": one.status},
                ],
            )
        finally:
            self._writing.pop(name, None)
        self._meter.wrote("status")
        if name in self._resources:
            self._took(name, from_body(body), text)
        await self._post(one.resource, one.events)

    def _took(self, name: Name, now: Resource, text: str) -> None:
        """Remembers what the cluster made of a status: with an older definition it drops what that does not know."""
        known = self._resources[name]
        if known.asked == now.asked:
            self._resources[name] = now
        if now.packed_status != text:
            _log.warning(
                "%s: the cluster keeps only part of the status: its definition is older than this operator."
                " Apply schemas/customer.crd.yaml",
                name,
            )
        self._wanted[name] = hash((text, now.packed_status))

    async def _post(self, resource: Resource, events: Iterable[Event]) -> None:
        """An Event that cannot be posted is logged and lost: it only tells."""
        for event in events:
            body = _event_body(resource, event, self._clock())
            try:
                await self._cluster.create(f"/api/v1/namespaces/{resource.name.namespace}/events", body)
                self._meter.wrote("event")
            except Failure as failure:
                _log.warning("the event %s of %s was not posted: %s", event.reason, resource.name, failure)

    async def _each(self, work: Callable[[T], Awaitable[None]], items: Sequence[T]) -> None:
        """All of them, some at a time. What fails is logged and due again; what is gone is nothing."""

        async def contained(item: T) -> None:
            async with self._slots:
                try:
                    await work(item)
                except Failure as failure:
                    name = item.name if isinstance(item, Resource) else item.resource.name  # type: ignore[attr-defined]
                    if failure.code != "NotFound":
                        _log.warning("%s was not written: %s", name, failure)
                        self.agenda.failed(name)

        await asyncio.gather(*(contained(item) for item in items))

    async def _collect(self) -> None:
        """Collects for everybody, and shows what came of it, without asking AWS about anything else."""
        try:
            customers = await asyncio.to_thread(self._customers, tuple(self._resources.values()))
            await asyncio.to_thread(self._engine.collect, customers, self._stop)
            await self._learn_figures()
            news = await asyncio.to_thread(lambda: list(self._refigured(tuple(self._resources.values()))))
            await self._write(news)
        except ReconcileError as failure:
            _log.error("usage could not be collected: %s", failure)

    def _customers(self, resources: Iterable[Resource]) -> list[Customer]:
        found = self._sort([one for one in resources if not one.deleting], self._resources.values())
        return list(found.customers.values())

    async def _learn_figures(self) -> None:
        try:
            self._figures = await asyncio.to_thread(self._engine.figures)
        except ReconcileError as failure:
            _log.error("what was collected cannot be read, and is not shown: %s", failure)

    def _refigured(self, resources: Iterable[Resource]) -> Iterator[News]:
        for resource in resources:
            figures = self._figures.get(resource.customer_id)
            if figures is None or figures.usage is None or resource.deleting or not resource.status:
                continue
            read = self._engine.read(resource)
            after = resource_status.refigured(self._shown(resource, None if isinstance(read, str) else read))
            yield News(resource, after, resource_events.events(resource.status, after))


def _claims(resource: Resource) -> Iterator[tuple[str, str]]:
    if resource.customer_id:
        yield "customerId", resource.customer_id
    for bucket in resource.buckets:
        yield "bucket", bucket


def _holders(resources: Iterable[Resource]) -> dict[tuple[str, str], Name]:
    """Who has each customer id and bucket: of several the oldest."""
    found: dict[tuple[str, str], Resource] = {}
    for resource in resources:
        for claim in _claims(resource):
            other = found.get(claim)
            if other is None or resource.age < other.age:
                found[claim] = resource
    return {claim: resource.name for claim, resource in found.items()}


def _farewell(verdict: Verdict) -> Event:
    if verdict.outcomes:
        return resource_events.removed(verdict)
    return resource_events.released(len(verdict.status.inventory) if verdict.status else 0)


def _event_body(resource: Resource, event: Event, at: datetime) -> dict[str, Any]:
    moment = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{resource.name.name[:200]}.", "namespace": resource.name.namespace},
        "involvedObject": {
            "apiVersion": "billing.daylily.io/v1alpha1",
            "kind": "Customer",
            "namespace": resource.name.namespace,
            "name": resource.name.name,
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
