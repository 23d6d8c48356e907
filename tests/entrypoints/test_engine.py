"""What the operator works with in AWS, on the local one."""

from pathlib import Path

import pytest

from controller.entrypoints.cli import run
from controller.entrypoints.engine import AwsEngine
from controller.manifests.files import load
from controller.manifests.settings_file import LoadedSettings
from controller.sandbox import Sandbox
from controller.sandbox.seed import seed

CUSTOMERS = Path(__file__).parent.parent.parent / "customers"


@pytest.fixture
def engine(tmp_path: Path, local_environment: Sandbox, monkeypatch: pytest.MonkeyPatch) -> AwsEngine:
    """With the five customers of the sandbox, and no settings but the defaults."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("controller.bootstrap.utc_now", local_environment.now)
    seed(local_environment)
    assert run(["init", "--aws"]) == 0
    return AwsEngine(None, {}, only_watch=False, clock=local_environment.now)


def test_what_is_collected_are_the_figures_to_be_shown(engine: AwsEngine) -> None:
    customers = load([CUSTOMERS], LoadedSettings()).customers
    assert engine.figures() == {}

    engine.collect(customers, lambda: False)

    shown = engine.figures()["cust_beta01"]
    assert shown.usage is not None
    assert shown.usage["spent"] == "639.29"
    assert shown.gate is not None
    assert shown.gate["state"] == "Held"
