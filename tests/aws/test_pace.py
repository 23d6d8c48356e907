"""The pace of calls, in simulated time: nothing is slowed without need, and what AWS lets through is nearly used up."""

import heapq
import random
from dataclasses import dataclass, field

import pytest

from controller.aws.call import PATIENT
from controller.aws.pace import Pace


@dataclass
class Simulation:
    """Threads that call an AWS with a token bucket, through one pace; returns when the last call was answered."""

    rate: float
    burst: int
    threads: int = 16
    latency: float = 0.05
    now: float = 0.0
    slept: float = 0.0
    answered: int = 0
    throttled: int = 0
    failed: int = 0
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        self.pace = Pace(lambda: self.now, self._sleep)

    def run(self, calls: int) -> float:
        random.seed(7)
        tokens, refilled, left = float(self.burst), 0.0, calls
        events: list[tuple[float, int, bool, int]] = [(0.0, thread, False, 0) for thread in range(self.threads)]
        left -= self.threads
        while events:
            self.now, thread, arrived, tries = heapq.heappop(events)
            if not arrived:
                self.slept = 0.0
                self.pace.wait()
                heapq.heappush(events, (self.now + self.slept + self.latency, thread, True, tries))
                continue
            tokens, refilled = min(self.burst, tokens + (self.now - refilled) * self.rate), self.now
            if tokens >= 1:
                tokens -= 1
                self.answered += 1
                self.pace.answered()
            else:
                self.throttled += 1
                self.pace.throttled()
                if tries + 1 < PATIENT.throttled_attempts:
                    heapq.heappush(events, (self.now + PATIENT.delay(tries, throttled=True), thread, False, tries + 1))
                    continue
                self.failed += 1
            if left > 0:
                left -= 1
                heapq.heappush(events, (self.now, thread, False, 0))
        return self.now

    def _sleep(self, seconds: float) -> None:
        self.slept = seconds


def test_without_throttling_no_call_waits() -> None:
    simulation = Simulation(rate=1e9, burst=10**6)

    took = simulation.run(1_600)

    assert took == pytest.approx(1_600 / 16 * 0.05)
    assert simulation.pace.rate is None


@pytest.mark.parametrize(
    ("rate", "burst", "calls"),
    [
        (5, 5, 600),
        (10, 10, 1_500),
        (50, 50, 5_000),
        (100, 200, 10_000),
        (5, 5, 100),
        (10, 10, 100),
        (50, 50, 500),
    ],
)
def test_throttled_calls_take_little_longer_than_the_limit_itself_and_none_is_lost(
    rate: float, burst: int, calls: int
) -> None:
    simulation = Simulation(rate, burst)

    took = simulation.run(calls)

    assert simulation.failed == 0
    assert simulation.answered == calls
    assert took < 1.1 * (calls - burst) / rate
    assert simulation.throttled < 0.1 * calls + 2 * simulation.threads


def test_many_refusals_at_once_are_one_lesson() -> None:
    simulation = Simulation(rate=1, burst=1)
    for _ in range(20):
        simulation.pace.answered()

    for _ in range(16):
        simulation.pace.throttled()

    assert simulation.pace.rate == pytest.approx(18.0)


def test_quiet_time_raises_the_rate_again() -> None:
    simulation = Simulation(rate=1, burst=1)
    simulation.pace.throttled()
    before = simulation.pace.rate
    assert before is not None

    for _ in range(100):
        simulation.now += 1
        simulation.pace.answered()

    after = simulation.pace.rate
    assert after is not None
    assert after > before
