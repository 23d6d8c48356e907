"""The sandbox of all tests, on the day that these tests speak of."""

import pytest

from controller.sandbox import Sandbox
from tests.fakes import Clock
from tests.sandbox.world import NOW


@pytest.fixture
def sandbox(running_sandbox: Sandbox, standing_clock: Clock) -> Sandbox:
    standing_clock.now = NOW
    running_sandbox.reset()
    return running_sandbox
