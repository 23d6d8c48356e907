"""When each resource is looked at again: what is due now, what waits, and how long after a failure.

Level-triggered: what woke a resource does not matter, only that it is due. However often one is woken before it is
taken, it is taken once.
"""

import heapq
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_RETRY = 10.0
"""Seconds until the first retry of what time may heal."""
LONGEST_RETRY = 600.0
"""Seconds between two retries, however often it failed."""


class Agenda(Generic[K]):
    """What is due, by key. `clock` is in seconds and never goes back; `spread` gives a number from 0 to 1, for jitter.

    Not safe to use from more than one thread.
    """

    def __init__(self, clock: Callable[[], float], spread: Callable[[], float]) -> None:
        self._clock, self._spread = clock, spread
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0
        self._failures: dict[K, int] = {}

    def __len__(self) -> int:
        """How many are due now."""
        now = self._clock()
        return sum(at <= now for at in self._due.values())

    @property
    def oldest(self) -> float:
        """Seconds that the longest waiting key has been due."""
        now = self._clock()
        return max((now - at for at in self._due.values() if at <= now), default=0.0)

    def now(self, key: K) -> None:
        """It is due at once."""
        self.after(key, 0.0)

    def after(self, key: K, seconds: float) -> None:
        """It is due in that many seconds, or earlier where it already is."""
        at = self._clock() + seconds
        if at < self._due.get(key, float("inf")):
            self._due[key] = at
            self._count += 1
            heapq.heappush(self._heap, (at, self._count, key))

    def failed(self, key: K) -> float:
        """It failed in a way that time may heal: due again later, each time longer. The seconds until then."""
        count = self._failures.get(key, 0)
        self._failures[key] = count + 1
        longest = min(FIRST_RETRY * 2.0 ** min(count, 16), LONGEST_RETRY)
        seconds = longest * (0.5 + self._spread() / 2)
        self.after(key, seconds)
        return seconds

    def healed(self, key: K) -> None:
        """What failed is over: the next failure counts as the first."""
        self._failures.pop(key, None)

    def forget(self, key: K) -> None:
        self._due.pop(key, None)
        self.healed(key)

    def next_at(self) -> float | None:
        """When the next one is due, by the clock; None where nothing is."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def take(self) -> tuple[K, ...]:
        """What is due now, each once, and not due any more from here on."""
        now, taken = self._clock(), []
        while (at := self.next_at()) is not None and at <= now:
            key = heapq.heappop(self._heap)[2]
            del self._due[key]
            taken.append(key)
        return tuple(taken)
