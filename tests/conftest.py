"""One local AWS for the whole test process, on a clock that stands still, empty at the start of every test."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import settings

from controller.sandbox import Sandbox
from tests.fakes import Clock

settings.register_profile("unhurried", deadline=None)  # how fast the machine is proves nothing
settings.load_profile("unhurried")

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def standing_clock() -> Clock:
    return Clock(NOW)


@pytest.fixture(scope="session")
def running_sandbox(standing_clock: Clock) -> Iterator[Sandbox]:
    with Sandbox(clock=standing_clock) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox, standing_clock: Clock) -> Sandbox:
    standing_clock.now = NOW
    running_sandbox.reset()
    return running_sandbox


@pytest.fixture
def local_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """The sandbox, with the environment that leads every boto3 client to it, and no other setting of ours or AWS's."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "RECONCILE_"))]:
        monkeypatch.delenv(name)
    for name, value in sandbox.environment().items():
        monkeypatch.setenv(name, value)
    return sandbox
