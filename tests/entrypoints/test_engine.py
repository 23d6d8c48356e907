"""What the operator works with in AWS, on the local one."""

from dataclasses import replace
from pathlib import Path

import pytest

from controller import bootstrap
from controller.collect import Collected, Hold
from controller.entrypoints.cli import run
from controller.entrypoints.engine import AwsEngine
from controller.manifests.files import load
from controller.manifests.settings_file import LoadedSettings
from controller.passes import Due
from controller.sandbox import Fault, Sandbox
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


def test_the_usual_settings_are_read_again_as_they_were_first(engine: AwsEngine, local_environment: Sandbox) -> None:
    usual = Path("config/billing_config.yaml")
    usual.parent.mkdir()
    usual.write_text("controller_id: first")
    found = AwsEngine(None, {}, only_watch=False, clock=local_environment.now)
    assert found.controller_id == "first"

    usual.write_text("controller_id: second")

    assert found.refresh()
    assert found.controller_id == "second"


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text("{}")
    return path


@pytest.fixture
def watched(engine: AwsEngine, settings: Path, local_environment: Sandbox) -> AwsEngine:
    """With settings of its own, at work with them."""
    found = AwsEngine(settings, {}, only_watch=False, clock=local_environment.now)
    found.run(Due(()), lambda: False)
    return found


@pytest.mark.parametrize(
    "text", ["safety: {allow: [everything]}", "accounts: [{name: default, id: '999999999999'}]"], ids=["power", "id"]
)
def test_settings_that_only_building_finds_broken_leave_the_last_good_ones(
    watched: AwsEngine, settings: Path, local_environment: Sandbox, text: str
) -> None:
    settings.write_text(text)
    assert not watched.refresh()
    assert watched.trouble
    assert watched.run(Due(()), lambda: False).verdicts
    local_environment.clear_requests()
    assert not watched.refresh()
    assert not local_environment.requests, "AWS is not asked again about what has not changed"

    settings.write_text("concurrency: 3")
    assert watched.refresh()
    assert not watched.trouble


def test_settings_that_cannot_be_tried_now_are_tried_again(
    watched: AwsEngine, settings: Path, local_environment: Sandbox
) -> None:
    settings.write_text("accounts: [{name: default, id: '123456789012'}]")
    local_environment.faults.add(Fault("sts", "", "error", "AccessDenied", 403, times=None))
    assert not watched.refresh()
    assert not watched.trouble
    local_environment.faults.clear()
    assert watched.refresh()


class Refusing:
    """Reads nothing, and says whether it may go on."""

    lost_after: bool = False

    def collect(self, customers: object, hold: Hold) -> Collected:
        self.lost_after = hold.lost
        return Collected((), 0, ())


def test_a_collect_ends_with_the_operator(engine: AwsEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    house, collector = bootstrap.collect_house, Refusing()
    monkeypatch.setattr(
        bootstrap,
        "collect_house",
        lambda *settings: replace(house(*settings), collector=collector),  # type: ignore[arg-type]
    )
    engine.collect((), lambda: False)
    assert not collector.lost_after
    engine.collect((), lambda: True)
    assert collector.lost_after
