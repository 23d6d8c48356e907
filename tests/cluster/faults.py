"""Faults on purpose, switched on while the cluster runs: refusals, lost answers and delays."""

from collections import deque
from dataclasses import dataclass

from tests.cluster.answers import ApiError
from tests.cluster.asked import Asked


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request that fits: it is refused with `error`, or done without an answer where there is none.

    An empty `verb` is any; `path_contains` is a part of the path.
    """

    verb: str
    path_contains: str
    error: ApiError | None

    def fits(self, asked: Asked) -> bool:
        return self.verb in ("", asked.verb) and self.path_contains in asked.path


class Faults:
    """The faults that wait for their requests, in the order in which they were armed."""

    def __init__(self) -> None:
        self.latency = 0.0
        """Seconds by which every answer is late."""
        self._armed: deque[Fault] = deque()

    def arm(self, fault: Fault, times: int) -> None:
        self._armed.extend([fault] * times)

    def clear(self) -> None:
        self._armed.clear()
        self.latency = 0.0

    def next_for(self, asked: Asked) -> Fault | None:
        """The fault that this request meets, which is used up."""
        for fault in self._armed:
            if fault.fits(asked):
                self._armed.remove(fault)
                return fault
        return None
