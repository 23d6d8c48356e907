"""How fast one operation may be called: as fast as it goes, until AWS throttles; then at the rate that AWS let through.

One pace for each service and operation of an account, so that one throttled operation does not slow the others. The
rates of AWS are not published and differ by account, so they are learnt: a throttled call lowers the rate to what was
answered lately, and quiet time raises it again: quickly up to where it was throttled last, little by little beyond.
"""

import math
import threading
from collections import deque
from collections.abc import Callable

WINDOW = 1.0
"""Seconds over which answered calls are counted to tell what AWS lets through: mostly a burst is a second's worth."""
LOWER = 0.9
"""Of that rate, the share that is tried next."""
RAISE_PER_SECOND = 0.05
"""By which share the rate grows in a second without throttling."""
RECOVER_PER_SECOND = 0.5
"""By which share it grows while it is below the rate that was throttled last: the first lesson comes after a burst, and
says little."""
SLOWEST = 0.5
"""Calls a second that are always tried."""
ONE_LESSON = 0.5
"""Seconds in which many throttled calls, all on their way at the same time, count as one."""


class Pace:
    """The pace of one operation. Thread-safe; time comes from `clock`, in seconds, and passes in `sleep`."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._rate: float | None = None
        self._ceiling = math.inf
        self._next = 0.0
        self._learnt_at = 0.0
        self._answered: deque[float] = deque()

    @property
    def rate(self) -> float | None:
        """Calls a second, or None where AWS has not throttled yet."""
        return self._rate

    def wait(self) -> None:
        """Returns when the next call may begin."""
        with self._lock:
            now = self._clock()
            if self._rate is None:
                return
            start = max(now, self._next)
            self._next = start + 1 / self._rate
        if start > now:
            self._sleep(start - now)

    def answered(self) -> None:
        """A call came through."""
        with self._lock:
            now = self._clock()
            self._answered.append(now)
            self._forget(now)
            if self._rate is not None:
                growth = RECOVER_PER_SECOND if self._rate < LOWER * self._ceiling else RAISE_PER_SECOND
                self._rate *= 1 + growth * min(now - self._learnt_at, 1 / self._rate)

    def throttled(self) -> None:
        """A call was refused for coming too fast."""
        with self._lock:
            now = self._clock()
            if self._rate is not None and now - self._learnt_at < ONE_LESSON:
                return
            self._forget(now)
            let_through = len(self._answered) / WINDOW
            self._ceiling = self._rate or math.inf
            self._rate = max(SLOWEST, LOWER * min(let_through, self._ceiling))
            self._learnt_at = now
            self._next = max(self._next, now + 1 / self._rate)  # after those that wait for their turn already

    def _forget(self, now: float) -> None:
        while self._answered and self._answered[0] <= now - WINDOW:
            self._answered.popleft()
