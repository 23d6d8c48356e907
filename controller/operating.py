"""The operator: what the cluster wants, gathered, reconciled as one fleet, and told back to the cluster.

Everything that the API server says comes in by `seen`; all the rest is one loop: wait until something is due, gather
for a moment, run one pass in a thread, write the statuses that say something new. One pass at a time, on one replica.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any, Protocol

from controller.agenda import Agenda
from controller.claims import HELD
from controller.domain.custom_resource import Name, Resource, packed
from controller.domain.customer import Customer
from controller.errors import (
    Failure,
    InvalidInput,
    PermanentFailure,
    ReconcileError,
    Refused,
    TransientFailure,
    unexpected,
)
from controller.known import Known
from controller.passes import Due, Passed, Verdict, is_account
from controller.reconcile import Stop
from controller.render import resource_events, resource_status
from controller.render.resource_events import Event
from controller.render.resource_status import Figures, Shown
from controller.triage import Triage, triage
from controller.writing import Cluster, News, Writer

_log = logging.getLogger(__name__)

QUIET = 0.3
"""Seconds without news after which a pass begins."""
GATHER = 5.0
"""Seconds after which it begins even so."""
PUT_RIGHT = 60.0
"""Seconds after which a status that somebody edits again and again is put right again."""
LOOK = 1.0
"""Seconds after which a waiting loop looks whether this replica still leads."""
SETTINGS = 10.0
"""Seconds between two looks at the settings."""
NEWCOMERS = 10.0
"""Seconds after which usage is collected for who came since it last was: more may come together with it."""
COLLECT_AGAIN = 60.0
"""Seconds after which usage is collected again where another run held the lease, or time may heal what failed."""
PORTION = 200
"""Statuses that are told at a time."""
NEVER = float("inf")

Lister = Callable[[], AsyncIterator[Mapping[str, Any]]]
"""All customer resources, as the API server has them now."""

Document = Callable[[], Mapping[str, Any]]
"""Makes a status."""


class Leadership(Protocol):
    """Which replica works."""

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
        """Collects usage and decides the gates. Raises Refused while another run does."""
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


class Operator:
    """All customer resources of a cluster, or of a namespace. Its methods are called on one event loop.

    `only_watch`: plans are shown, and nothing is changed but statuses. `spread` gives numbers from 0 to 1, for jitter.
    """

    def __init__(
        self,
        cluster: Cluster,
        listed: Lister,
        engine: Engine,
        leadership: Leadership,
        meter: Meter,
        clock: Callable[[], datetime],
        spread: Callable[[], float],
        times: Times,
        *,
        only_watch: bool = False,
    ) -> None:
        self._listed, self._engine, self._leadership, self._meter = listed, engine, leadership, meter
        self._clock, self._spread, self._times, self._only_watch = clock, spread, times, only_watch
        self.known = Known()
        self.agenda: Agenda[Name] = Agenda(time.monotonic, spread)
        self._writer = Writer(cluster, self.known, clock, meter.wrote, self.agenda.failed)
        self._figures: Mapping[str, Figures] = {}
        self._waiting: frozenset[Name] = frozenset()
        """Those that may have what they want once another one goes."""
        self._news = asyncio.Event()
        self._telling = asyncio.Lock()
        self._put_right_at: dict[Name, float] = {}
        self._stopping = threading.Event()
        self._resync_at = self._collect_at = NEVER
        self._settings_at = 0.0
        self._collecting: asyncio.Task[None] | None = None
        self._collected_for: frozenset[str] = frozenset()
        self.listed = False
        """Whether it has seen all resources since it last began to lead."""
        self.pass_number = 0
        self.alive_at = time.monotonic()
        """When a pass last ended, whatever came of it."""

    def seen(self, kind: str | None, body: Mapping[str, Any]) -> Name:
        """What the API server says of a resource: as listed (None), ADDED, MODIFIED or DELETED."""
        seen = self.known.take(kind, body)
        if seen.now is None:
            self._forget(seen.name)
        elif seen.is_asked:
            self._wake([seen.name])
        elif seen.edited:
            self._put_right(seen.name)
        if seen.frees:
            self._wake(self._waiting)
        return seen.name

    def _forget(self, name: Name) -> None:
        self.known.forget(name)
        self._put_right_at.pop(name, None)
        self.agenda.forget(name)
        self._wake(self._waiting)

    def _put_right(self, name: Name) -> None:
        """Soon, and not again soon: who edits the status may be another operator, that puts it right after us."""
        now = time.monotonic()
        self.agenda.after(name, max(0.0, self._put_right_at.get(name, -NEVER) + PUT_RIGHT - now))
        self._put_right_at[name] = now
        self._news.set()

    async def run(self) -> None:
        """Works until it is stopped."""
        try:
            while not self._stopping.is_set():
                await self._leadership.elected()
                await self._lead()
        finally:
            self._stopping.set()
            if self._collecting:
                self._collecting.cancel()

    def stop(self) -> None:
        """No further pass; the one under way ends after its calls in flight, and tells what it did."""
        self._stopping.set()
        self._news.set()

    @property
    def _works(self) -> bool:
        return self._leadership.leads and not self._stopping.is_set()

    async def _lead(self) -> None:
        """While this replica leads: what it knew before is not certain any more, so everything is due."""
        self.listed, self._resync_at = False, 0.0
        self._collect_at = time.monotonic() if self._times.collect and not self._only_watch else NEVER
        self.alive_at = time.monotonic()
        while self._works:
            if await self._is_due():
                await self._turn()
            if self.listed:
                self._begin_to_collect()
        await self._pause(LOOK)

    async def _list(self) -> bool:
        """Learns of all resources, and forgets those that are gone: a watch with a gap in it tells of none of them.

        Before anything is done for one of them all have to be known: two may claim the same.
        """
        known, listed = {one.name: one.uid for one in self.known.all()}, set[Name]()
        try:
            async for body in self._listed():
                listed.add(self.seen(None, body))
        except Failure as failure:
            _log.error("the customers cannot be listed: %s", failure)
            return False
        for name in known.keys() - listed:
            if (there := self.known.get(name)) and there.uid == known[name]:  # not one that came meanwhile
                self._forget(name)
        return True

    async def _is_due(self) -> bool:
        """Waits until something is due, for a while."""
        self._news.clear()
        wait = min(self.agenda.next_at() or NEVER, self._resync_at) - time.monotonic()
        if wait > 0:
            await self._pause(min(wait, LOOK))
        await self._look_at_settings()
        return min(self.agenda.next_at() or NEVER, self._resync_at) <= time.monotonic()

    async def _look_at_settings(self, *, even_so: bool = False) -> None:
        """At most every few seconds, and before each pass."""
        if time.monotonic() < self._settings_at and not even_so:
            return
        self._settings_at = time.monotonic() + SETTINGS
        if await asyncio.to_thread(self._engine.refresh):
            _log.info("settings were changed: everything is due")
            self._wake(self.known)

    async def _turn(self) -> None:
        if time.monotonic() >= self._resync_at and not await self._look_at_everything():
            return
        await self._gather()
        if not self._works:
            return
        due = [resource for name in self.agenda.take() if (resource := self.known.get(name))]
        self.pass_number += 1
        began = time.monotonic()
        try:
            passed = await self._pass(due)
        except ReconcileError as failure:
            await self._pass_failed(due, failure, time.monotonic() - began)
        except Exception as error:  # noqa: BLE001 - a bug must not end the operator, and is told where people look
            await self._pass_failed(due, unexpected(error, "the pass"), time.monotonic() - began)
        else:
            self._passed(passed, time.monotonic() - began)
        self.alive_at = time.monotonic()

    async def _look_at_everything(self) -> bool:
        """Makes it due. False where nothing may be done yet, since not all of it was ever seen."""
        self.listed = await self._list() or self.listed
        if not self.listed:
            await self._pause(LOOK)
            return False
        await self._learn_figures()
        self._wake(self.known)
        self._resync_at = time.monotonic() + self._times.resync * (0.9 + 0.2 * self._spread())
        return True

    async def _gather(self) -> None:
        """Lets what comes together be one pass."""
        until = time.monotonic() + GATHER
        while time.monotonic() < until:
            self._news.clear()
            if not await self._pause(QUIET):
                return

    async def _pause(self, seconds: float) -> bool:
        """That long, or until there is news: then True."""
        try:
            await asyncio.wait_for(self._news.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def _pass(self, due: Sequence[Resource]) -> Passed:
        """Finalizers first, then AWS, then what is told, and in the end what AWS is rid of."""
        await self._look_at_settings(even_so=True)
        found = await asyncio.to_thread(triage, due, self.known.all(), self._read)
        self._waiting = (self._waiting - found.due.keys()) | found.clashing
        if not self._only_watch:
            await self._let_go(dict.fromkeys(found.free) | {name: resource_events.forced() for name in found.forced})
            await self._hold_on_to(found)
        asked = Due(tuple(found.customers.values()), {one.customer_id: one for one in found.leaving.values()})
        passed = await asyncio.to_thread(self._engine.run, asked, self._stops)
        self._waiting |= _held_up(found, passed)
        self._collect_soon(one.customer_id for one in found.customers.values())
        failed = await self._tell(lambda: self._told(found, passed))
        if not self._only_watch:
            failed |= await self._let_go(_farewells(found, passed))
        for id_, name in found.owners.items():
            if name not in failed:  # those come back later each time, whatever AWS says of them
                self._come_back(name, passed.verdicts.get(id_))
        return passed

    def _stops(self) -> bool:
        return not self._works

    def _read(self, resource: Resource) -> Customer | str:
        try:
            return self._engine.read(resource)
        except Exception as error:  # noqa: BLE001 - with validation off anything may stand in it
            _log.exception("%s cannot be read", resource.name, extra={"customer": str(resource.name)})
            return f"it cannot be read: {type(error).__name__}: {error}"

    async def _hold_on_to(self, found: Triage) -> None:
        """A finalizer for everything that AWS is touched for, before it is. What cannot have one waits."""
        await self._writer.add_finalizers([one for name in found.customers if (one := self.known.get(name))])
        for name in tuple(found.customers):
            known = self.known.get(name)
            if known is None or not known.has_finalizer:
                del found.customers[name]

    async def _let_go(self, farewells: Mapping[Name, Event | None]) -> frozenset[Name]:
        there = ((self.known.get(name), farewell) for name, farewell in farewells.items())
        return await self._writer.let_go((one, farewell) for one, farewell in there if one)

    def _come_back(self, name: Name, verdict: Verdict | None) -> None:
        """What time may heal soon, the rest with everything else."""
        failures = verdict.failures if verdict else ()
        unfinished = verdict is None or verdict.is_cut_short
        if unfinished or any(isinstance(failure, TransientFailure) for failure in failures):
            self.agenda.failed(name)
        else:
            self.agenda.healed(name)

    async def _tell(self, news: Callable[[], Iterable[News]]) -> frozenset[Name]:
        """Tells, and returns whom it could not be told.

        One after the other: each is made of what the one before left there, and of the newest figures. In portions,
        so that a pass does not wait for thousands of statuses of a collect.
        """
        rest, failed = iter(news()), frozenset[Name]()
        while True:
            async with self._telling:
                portion = await asyncio.to_thread(lambda: list(islice(rest, PORTION)))
                failed |= await self._writer.statuses(portion)
            if len(portion) < PORTION:
                return failed

    def _told(self, found: Triage, passed: Passed) -> Iterator[News]:
        """The statuses that say something new."""
        for id_, name in found.owners.items():
            resource, verdict = self._as_asked(found.due[name]), passed.verdicts.get(id_)
            if resource and verdict and not verdict.gone:
                shown = self._shown(resource, found.customers.get(name))
                yield from self._news_of(resource, partial(resource_status.document, shown, verdict), verdict)
        for name, (code, words) in found.wrong.items():
            if resource := self._as_asked(found.due[name]):
                shown = self._shown(resource, None)
                yield from self._news_of(resource, partial(resource_status.left_alone, shown, code, words))

    def _as_asked(self, then: Resource) -> Resource | None:
        """The resource of a pass as it stands now; None where it is gone, or another one has its name."""
        known = self.known.get(then.name)
        return known.as_asked(then) if known and known.uid == then.uid else None

    def _news_of(self, resource: Resource, document: Document, verdict: Verdict | None = None) -> Sequence[News]:
        try:
            return tuple(self._news_in(resource, document(), verdict))
        except Exception:  # noqa: BLE001 - a bug with one customer must not keep the others from being told
            _log.exception("%s cannot be told", resource.name, extra={"customer": str(resource.name)})
            return ()

    def _news_in(self, resource: Resource, status: Mapping[str, Any], verdict: Verdict | None) -> Iterator[News]:
        told = packed(status)
        if self.known.is_news(resource, told):
            yield News(resource, status, told, resource_events.events(resource.status, status, verdict))
        elif done := resource_events.events(status, status, verdict):  # drift was put back: all is as it was
            yield News(resource, None, told, done)

    def _shown(self, resource: Resource, customer: Customer | None) -> Shown:
        figures = self._figures.get(resource.customer_id, Figures())
        return Shown(resource, customer, figures, self._clock(), self._times.words)

    def _passed(self, passed: Passed, seconds: float) -> None:
        self._meter.passed(passed, seconds)
        for id_, verdict in passed.verdicts.items():
            for failure in verdict.failures if is_account(verdict) else ():
                _log.error("%s: %s", id_, failure)
        _log.info("pass: %s in %.1f s", resource_status.summary(passed.verdicts.values()), seconds)

    async def _pass_failed(self, due: Sequence[Resource], failure: ReconcileError, seconds: float) -> None:
        """A pass that failed as a whole is told to each, and tried again; what was known of it stays."""
        _log.error("the pass failed: %s", failure)
        self._meter.failed(failure, seconds)
        for one in due:
            self.agenda.failed(one.name)
        await self._tell(lambda: self._told_failed(due, failure))

    def _told_failed(self, due: Sequence[Resource], failure: ReconcileError) -> Iterator[News]:
        heals = not isinstance(failure, PermanentFailure | InvalidInput)
        code = resource_status.camel(getattr(failure, "code", "") or type(failure).__name__)
        told = partial(resource_status.left_alone, code=code, message=str(failure), heals=heals, again=True)
        for one in due:
            if resource := self._as_asked(one):
                yield from self._news_of(resource, partial(told, self._shown(resource, None)))

    def _begin_to_collect(self) -> None:
        """Beside the passes: it takes long, and has a lease of its own."""
        running = self._collecting and not self._collecting.done()
        if time.monotonic() >= self._collect_at and not running:
            self._collect_at = time.monotonic() + self._times.collect
            self._collecting = asyncio.create_task(self._collect(), name="collect")

    def _collect_soon(self, ids: Iterable[str]) -> None:
        """Where one of them came since usage was last collected: its figures must not be unknown for an interval."""
        if self._collect_at != NEVER and not self._collected_for.issuperset(ids):
            self._collect_at = min(self._collect_at, time.monotonic() + NEWCOMERS)

    async def _collect(self) -> None:
        """Collects for everybody, and shows what came of it, without asking AWS about anything else."""
        try:
            there = [resource for resource in self.known.all() if not resource.deleting]
            found = await asyncio.to_thread(triage, there, self.known.all(), self._read)
            self._collected_for = frozenset(one.customer_id for one in found.customers.values())
            await asyncio.to_thread(self._engine.collect, tuple(found.customers.values()), self._stops)
            await self._learn_figures()
            await self._tell(lambda: self._refigured(found))
        except (Refused, TransientFailure) as failure:
            _log.warning("usage could not be collected yet: %s", failure)
            self._collect_at = min(self._collect_at, time.monotonic() + COLLECT_AGAIN)
        except ReconcileError as failure:
            _log.error("usage could not be collected: %s", failure)
        except Exception:  # noqa: BLE001 - a bug here must not end the operator
            _log.exception("usage could not be collected")

    async def _learn_figures(self) -> None:
        try:
            self._figures = await asyncio.to_thread(self._engine.figures)
        except ReconcileError as failure:
            _log.error("what was collected cannot be read: %s", failure)
        except Exception:  # noqa: BLE001 - a bug here must not end the operator
            _log.exception("what was collected cannot be read")

    def _refigured(self, found: Triage) -> Iterator[News]:
        """Not of those that were changed meanwhile: they are due anyway, and this customer is not theirs any more."""
        for name, customer in found.customers.items():
            resource, figures = self.known.get(name), self._figures.get(customer.customer_id)
            if resource is None or resource.asked != found.due[name].asked:
                continue
            if resource.status and figures and figures.usage is not None:
                yield from self._news_of(resource, partial(resource_status.refigured, self._shown(resource, customer)))

    def _wake(self, names: Iterable[Name]) -> None:
        for name in names:
            self.agenda.now(name)
        self._news.set()


def _held_up(found: Triage, passed: Passed) -> frozenset[Name]:
    """Those that want what another one has."""
    verdicts = {name: passed.verdicts.get(id_) for id_, name in found.owners.items()}
    return frozenset(
        name for name, one in verdicts.items() if one and any(failure.code == HELD for failure in one.failures)
    )


def _farewells(found: Triage, passed: Passed) -> dict[Name, Event | None]:
    """To what is gone from AWS, or let go of."""
    verdicts = {name: passed.verdicts.get(one.customer_id) for name, one in found.leaving.items()}
    return {name: resource_events.farewell(one) for name, one in verdicts.items() if one and one.gone}
