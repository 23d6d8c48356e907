"""Watches: every write that concerns one, as a line of JSON, until its time is over or it is cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web

from tests.cluster.answers import ApiError
from tests.cluster.protocol import Object
from tests.cluster.selectors import Selector
from tests.cluster.storage import Shelf, Stored, Write, encode

Render = Callable[[Stored], bytes]


class Pace:
    """When a watch is told a bookmark (never where `interval` is None), and when it ends (never where `seconds` is)."""

    def __init__(self, bookmark: Callable[[], Object], interval: float | None, seconds: float | None) -> None:
        self.bookmark = bookmark
        self._interval = interval
        self._seconds = seconds
        self._timers: set[asyncio.TimerHandle] = set()

    def begin(self, watch: Watch) -> None:
        self._later(self._interval, self._tell, watch)
        self._later(self._seconds, self._finish, watch)

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()

    def _later(self, seconds: float | None, what: Callable[[Watch], None], watch: Watch) -> None:
        if seconds:
            self._timers.add(asyncio.get_running_loop().call_later(seconds, what, watch))

    def _tell(self, watch: Watch) -> None:
        watch.bookmark(self.bookmark())
        self._later(self._interval, self._tell, watch)

    def _finish(self, watch: Watch) -> None:
        if self._interval:
            watch.bookmark(self.bookmark())
        watch.end()


class Watch:
    """One open watch and the lines that its client is yet to get.

    An object that enters the selection is ADDED, and one that leaves it is DELETED, whatever the write was.
    """

    def __init__(self, shelf: Shelf, namespace: str, selected: Selector | None, render: Render) -> None:
        self.stalled = False
        """The connection stays open, and nothing more arrives."""
        self._shelf = shelf
        self._namespace = namespace
        self._selected = selected
        self._render = render
        self._pending: list[bytes] = []
        self._wake = asyncio.Event()
        self._ended = False

    def start(self, since: int | None) -> None:
        """Go on after a version, or with all that there is. ApiError where the version is too old."""
        try:
            missed = [] if since is None else list(self._shelf.since(since))
        except ApiError as error:
            self._add(b"ERROR", encode(error.status()))
            self.end()
            return
        for stored in self._shelf.all(self._namespace) if since is None else ():
            if self._concerns(stored):
                self._add(b"ADDED", self._render(stored))
        for write in missed:
            self.notice(write)
        self._shelf.listeners.add(self)

    def notice(self, write: Write) -> None:
        was = write.old is not None and self._concerns(write.old)
        now = not write.gone and self._concerns(write.new)
        if now:
            self._add(b"MODIFIED" if was else b"ADDED", self._render(write.new))
        elif was:
            self._add(b"DELETED", self._render(write.new if write.gone else _last_seen(write)))

    def bookmark(self, document: Object) -> None:
        self._add(b"BOOKMARK", encode(document))

    def end(self) -> None:
        """Send what is pending, then close."""
        self._ended = True
        self._wake.set()

    def stop(self) -> None:
        self._shelf.listeners.discard(self)

    async def send(self, response: web.StreamResponse, pace: Pace) -> None:
        """Write lines as they come, many at once where many came. Returns at the end of the watch."""
        pace.begin(self)
        try:
            await self._send(response)
        finally:
            pace.stop()

    async def _send(self, response: web.StreamResponse) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._pending and not self.stalled:
                lines, self._pending = self._pending, []
                await response.write(b"".join(lines))
            if self._ended:
                return

    def _concerns(self, stored: Stored) -> bool:
        if self._namespace and stored.object["metadata"].get("namespace") != self._namespace:
            return False
        return self._selected is None or self._selected(stored.object)

    def _add(self, type: bytes, document: bytes) -> None:
        self._pending.append(b'{"type":"%s","object":%s}\n' % (type, document))
        self._wake.set()


def _last_seen(write: Write) -> Stored:
    """An object that left the selection: as it was in it, at the version of the write that took it out."""
    assert write.old is not None
    metadata = {**write.old.object["metadata"], "resourceVersion": str(write.version)}
    return Stored({**write.old.object, "metadata": metadata})
