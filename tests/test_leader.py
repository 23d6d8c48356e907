"""Of several replicas one leads, and another one takes over only once it cannot lead any more."""

import asyncio
import logging
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest

from controller.cluster.leader import DURATION, Leader
from controller.errors import PermanentFailure, TransientFailure
from tests.fakes import Clock


@dataclass
class Leases:
    """The Leases of an API server, with its versions."""

    lease: dict[str, Any] | None = None
    down: bool = False
    silent: bool = False
    writes: int = 0

    async def get(self, path: str) -> dict[str, Any]:
        self._answer()
        if self.lease is None:
            raise PermanentFailure("not there", code="NotFound")
        return deepcopy(self.lease)

    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._answer()
        if self.lease is not None:
            raise PermanentFailure("there is one", code="AlreadyExists")
        return self._written(body, 1)

    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self._answer()
        if self.lease is None or body["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise PermanentFailure("another version", code="Conflict")
        return self._written(body, self.lease["metadata"]["resourceVersion"] + 1)

    @property
    def holder(self) -> str:
        return str(self.lease["spec"]["holderIdentity"]) if self.lease else ""

    def _answer(self) -> None:
        if self.down:
            raise TransientFailure("no answer")
        if self.silent:
            raise TimeoutError

    def _written(self, body: Mapping[str, Any], version: int) -> dict[str, Any]:
        self.writes += 1
        self.lease = {**deepcopy(dict(body)), "metadata": {**body["metadata"], "resourceVersion": version}}
        return deepcopy(self.lease)


@dataclass
class Seconds:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Scene:
    leases: Leases = field(default_factory=Leases)
    seconds: Seconds = field(default_factory=Seconds)

    def replica(self, name: str) -> Leader:
        return Leader(self.leases, "default", "daylily-reconcile", name, self.seconds, Clock())

    def step(self, *replicas: Leader, passing: float = 0) -> list[bool]:
        """One look of each, after so many seconds."""
        self.seconds.now += passing

        async def look() -> None:
            for one in replicas:
                await one._try()

        asyncio.run(look())
        return [one.leads for one in replicas]


def test_the_first_one_leads_and_the_second_one_waits() -> None:
    scene = Scene()
    assert scene.step(scene.replica("a"), scene.replica("b")) == [True, False]
    assert scene.leases.holder == "a"


def test_a_leader_that_renews_is_never_replaced() -> None:
    scene = Scene()
    a, b = scene.replica("a"), scene.replica("b")
    for _ in range(20):
        assert scene.step(a, b, passing=DURATION / 2) == [True, False]


def test_a_dead_leader_is_replaced_once_its_duration_is_over_and_not_before() -> None:
    scene = Scene()
    a, b = scene.replica("a"), scene.replica("b")
    scene.step(a, b)
    assert scene.step(b, passing=DURATION - 1) == [False]
    assert scene.step(b, passing=1) == [True]


def test_a_leader_that_cannot_renew_stops_before_another_one_may_begin() -> None:
    scene = Scene()
    a, b = scene.replica("a"), scene.replica("b")
    scene.step(a, b)
    scene.leases.down = True
    assert scene.step(a, passing=DURATION - 0.5) == [True]
    assert scene.step(a, passing=0.5) == [False]
    scene.leases.down = False
    assert scene.step(b) == [True]
    assert scene.step(a) == [False]


def test_it_says_why_it_cannot_renew_and_claims_to_know_of_no_other(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    scene = Scene()
    a = scene.replica("a")
    scene.step(a)
    scene.leases.silent = True
    scene.step(a, passing=DURATION)
    assert caplog.messages == [
        "this replica leads",
        "the leader's Lease could not be read or renewed: no answer in time",
        "this replica does not lead any more",
    ]


def test_clocks_that_differ_do_no_harm() -> None:
    scene = Scene()
    a, b = scene.replica("a"), scene.replica("b")
    scene.step(a)
    assert scene.leases.lease
    scene.leases.lease["spec"]["renewTime"] = "2001-01-01T00:00:00.000000Z"
    assert scene.step(b) == [False]


def test_two_that_claim_at_once_are_not_both_elected() -> None:
    scene = Scene()
    a, b = scene.replica("a"), scene.replica("b")

    async def race() -> None:
        await asyncio.gather(a._try(), b._try())

    asyncio.run(race())
    assert sorted([a.leads, b.leads]) == [False, True]


@pytest.mark.parametrize("field", ["renewTime", "leaseDurationSeconds", "acquireTime"])
def test_a_lease_that_lacks_something_is_taken_in_the_end(field: str) -> None:
    scene = Scene()
    a, b = scene.replica("a"), scene.replica("b")
    scene.step(a)
    assert scene.leases.lease
    scene.leases.lease["spec"][field] = None
    scene.step(b)
    assert scene.step(b, passing=DURATION) == [True]


def test_who_ends_gives_it_back_and_another_one_leads_at_once() -> None:
    scene = Scene()
    a, b = scene.replica("a"), scene.replica("b")

    async def ended() -> None:
        running = asyncio.create_task(a.run())
        await a.elected()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(ended())
    assert not a.leads
    assert scene.step(b) == [True]
    assert scene.leases.lease
    assert scene.leases.lease["spec"]["leaseTransitions"] == 2


def test_who_only_waited_writes_nothing_when_it_ends() -> None:
    scene = Scene()
    a, b = scene.replica("a"), scene.replica("b")
    scene.step(a, b)
    before = scene.leases.writes

    async def ended() -> None:
        running = asyncio.create_task(b.run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(ended())
    assert (scene.leases.writes, scene.leases.holder) == (before, "a")
