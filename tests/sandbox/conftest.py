"""One sandbox for the session, on a clock that stands still, and empty at the start of every test."""

from collections.abc import Iterator

import pytest

from controller.sandbox import Sandbox
from tests.sandbox.world import NOW


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with Sandbox(clock=lambda: NOW) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running
