"""Which of several replicas works: the holder of a Lease of the cluster.

As client-go does it: the holder renews its Lease every few seconds; whoever waits takes it over once it has not been
renewed for its duration, by the waiter's own clock, so clocks that differ do no harm. Its times are shorter than
usual, so that a replica that was killed is replaced within seconds.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from controller.errors import Failure, PermanentFailure

_log = logging.getLogger(__name__)

DURATION = 6
"""Seconds without renewal after which another one may take over."""
EVERY = 1.5
"""Seconds between two renewals, and between two looks of whoever waits."""
GROUP = "/apis/coordination.k8s.io/v1"


class Api(Protocol):
    async def get(self, path: str) -> dict[str, Any]: ...
    async def create(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]: ...
    async def replace(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]: ...


class Leader:
    """A claim to the Lease `name` in `namespace`. `clock` is in seconds, `now` is what the Lease says."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        name: str,
        identity: str,
        clock: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._api, self._identity, self._clock, self._now = api, identity, clock, now
        self._leases = f"{GROUP}/namespaces/{namespace}/leases"
        self._name, self._path = name, f"{self._leases}/{name}"
        self._renewed_at = float("-inf")
        self._seen = ""
        self._seen_at = 0.0
        self._leads = asyncio.Event()

    @property
    def leads(self) -> bool:
        """Whether this one may work: its Lease was renewed shortly enough ago that nobody else can hold it."""
        return self._leads.is_set() and self._clock() - self._renewed_at < DURATION

    async def elected(self) -> None:
        """Returns once this one leads."""
        await self._leads.wait()

    async def run(self) -> None:
        """Claims and renews until it is cancelled; then it gives the Lease back, and another one goes on at once."""
        try:
            while True:
                await self._try()
                await asyncio.sleep(EVERY)
        finally:
            await asyncio.shield(self._give_back())

    async def _try(self) -> None:
        began = self._clock()
        try:
            async with asyncio.timeout(DURATION - EVERY):
                held = await self._claim()
        except (Failure, TimeoutError) as failure:
            held = self.leads  # until it runs out
            _log.warning("the leader's Lease could not be read or renewed: %s", str(failure) or "no answer in time")
        else:
            if held:
                self._renewed_at = began
        if held != self._leads.is_set():
            _log.info("this replica leads" if held else "this replica does not lead any more")
            (self._leads.set if held else self._leads.clear)()

    async def _claim(self) -> bool:
        """Whether the Lease is ours, renewed just now."""
        try:
            lease = await self._api.get(self._path)
        except PermanentFailure as failure:
            if failure.code != "NotFound":
                raise
            body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": self._name}}
            return await self._written(self._api.create(self._leases, {**body, "spec": self._spec({})}))
        spec = lease.get("spec") or {}
        if spec.get("holderIdentity") not in (None, "", self._identity) and not self._is_dead(lease):
            return False
        return await self._written(self._api.replace(self._path, {**lease, "spec": self._spec(spec)}))

    async def _written(self, write: Any) -> bool:
        try:
            await write
        except PermanentFailure as failure:
            if failure.code in ("Conflict", "AlreadyExists"):  # another one was quicker
                return False
            raise
        return True

    def _is_dead(self, lease: Mapping[str, Any]) -> bool:
        """Whether nobody has written it for its duration, since we first saw it so."""
        version = str(lease["metadata"].get("resourceVersion"))
        if version != self._seen:
            self._seen, self._seen_at = version, self._clock()
        return self._clock() - self._seen_at >= float(lease["spec"].get("leaseDurationSeconds") or DURATION)

    def _spec(self, before: Mapping[str, Any]) -> dict[str, Any]:
        now = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        ours = before.get("holderIdentity") == self._identity
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": DURATION,
            "acquireTime": before.get("acquireTime", now) if ours else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (not ours),
        }

    async def _give_back(self) -> None:
        if not self._leads.is_set():
            return
        self._leads.clear()
        try:
            lease = await self._api.get(self._path)
            if (lease.get("spec") or {}).get("holderIdentity") == self._identity:
                await self._api.replace(self._path, {**lease, "spec": {**lease["spec"], "holderIdentity": ""}})
        except Failure as failure:
            _log.warning("the leader's Lease could not be given back and runs out by itself: %s", failure)
