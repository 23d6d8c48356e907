"""Settings that change while the operator runs, guards, and controllers that are several."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from controller import operating
from tests.cluster.server import FakeCluster
from tests.operator.conftest import StartInThread
from tests.operator.world import BUDGET, LIFECYCLE, World, condition, manifest, message

ANY_SHARE = {"max_change_percent": 100, "max_remove_percent": 100}
EXPIRING = {**LIFECYCLE, "expirations": [{"prefix": "runs/", "days": 90}]}

WriteSettings = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> WriteSettings:
    """Writes the settings, and tells where they are."""

    def write_them(**settings: Any) -> Path:
        path = tmp_path / "settings.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path

    return write_them


def default_limit(limit: int) -> dict[str, Any]:
    return {"budgets": {"default_monthly_limit": limit}}


def add_without_budget(world: World, *names: str) -> None:
    for name in names:
        world.has_bucket(name)
        without = manifest(name)
        del without["spec"]["budget"]
        world.cluster.create(without)


def test_when_settings_change_everything_is_reconciled(
    world: World, start: StartInThread, write: WriteSettings
) -> None:
    names = ["acme", "beta", "gamma"]
    path = write(billing=default_limit(300), safety=ANY_SHARE)
    add_without_budget(world, *names)
    start(settings=path, resync=1.0)
    world.wait_ready(*names)
    assert [world.limit(name) for name in names] == ["300.0"] * 3

    write(billing=default_limit(400), safety=ANY_SHARE)
    world.eventually(lambda: [world.limit(name) for name in names] == ["400.0"] * 3)
    world.wait_ready(*names)


def test_settings_that_break_leave_the_last_good_ones_until_they_are_mended(
    world: World, start: StartInThread, write: WriteSettings
) -> None:
    path = write(billing=default_limit(300))
    add_without_budget(world, "acme")
    operator = start(settings=path)
    world.wait_ready("acme")
    assert operator.metric("reconcile_settings_good") == 1

    for number, spoil in enumerate(SPOILING):
        spoil(path)
        add_without_budget(world, f"customer{number}")
        world.wait_ready(f"customer{number}")
        assert world.limit(f"customer{number}") == "300.0"
        assert operator.metric("reconcile_settings_good") == 0

        if path.is_dir():
            path.rmdir()
        write(billing=default_limit(300), plan_ttl_hours=number + 1)
        world.ask("acme")
        assert operator.metric("reconcile_settings_good") == 1
    assert operator.log.count("the last good ones stay") == len(SPOILING)


def gone(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def not_text(path: Path) -> None:
    path.write_bytes(b"\xff\xfe\x00")


def not_yaml(path: Path) -> None:
    path.write_text("a: [")


def unknown_field(path: Path) -> None:
    path.write_text("colour: red")


def wrong_value(path: Path) -> None:
    path.write_text("billing: {budgets: lots}")


SPOILING = (gone, a_folder, not_text, not_yaml, unknown_field, wrong_value)


def test_broken_settings_at_the_start_are_told_and_end_it(world: World, start: StartInThread, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("colour: red")
    operator = start(settings=path)
    with pytest.raises(Exception, match="settings are not valid"):
        operator.stop()


def test_a_change_of_more_than_the_allowed_share_is_refused_for_all_and_creates_go_on(
    world: World, start: StartInThread, write: WriteSettings
) -> None:
    names = ["acme", "beta", "gamma"]
    path = write(billing=default_limit(300), safety={"max_change_percent": 10})
    add_without_budget(world, *names)
    start(settings=path, resync=1.0)
    world.wait_ready(*names)
    world.sandbox.clear_requests()

    write(billing=default_limit(400), safety={"max_change_percent": 10})
    for name in names:
        told = world.wait_for(name, "False", "NotAllowed")
        assert "the limit is 10 %" in message(told)
    add_without_budget(world, "new")
    world.wait_ready("new")

    assert [world.limit(name) for name in names] == ["300.0"] * 3
    assert world.limit("new") == "400.0"
    assert not world.calls("UpdateBudget")

    write(billing=default_limit(400), safety=ANY_SHARE)
    world.wait_ready(*names)
    assert [world.limit(name) for name in names] == ["400.0"] * 3


def test_an_expiration_that_newly_covers_data_has_to_be_allowed(
    world: World, start: StartInThread, write: WriteSettings
) -> None:
    path = write(safety=ANY_SHARE)
    for name in ("acme", "beta"):
        world.add(name)
    start(settings=path, resync=1.0)
    world.wait_ready("acme", "beta")

    storage = manifest("acme")["spec"]["storage"]
    world.change("acme", storage={**storage, "lifecycle": EXPIRING}, budget={**BUDGET, "monthlyLimit": 1000})
    world.change("beta", budget={**BUDGET, "monthlyLimit": 1000})
    told = world.wait_for("acme", "False", "NotAllowed")
    assert "new-expiry" in message(told)
    assert "runs/" in message(told)
    world.wait_ready("beta")
    assert (world.limit("acme"), world.limit("beta")) == ("500.0", "1000.0")
    assert len(world.rules("acme")) == 3

    write(safety={**ANY_SHARE, "allow": ["new-expiry"]})
    world.wait_ready("acme")
    assert world.limit("acme") == "1000.0"
    assert len(world.rules("acme")) == 4


def test_a_new_customer_with_all_defaults_needs_nothing_to_be_allowed(world: World, start: StartInThread) -> None:
    world.has_bucket("acme")
    plain = manifest("acme")
    del plain["spec"]["budget"], plain["spec"]["storage"]["lifecycle"]
    world.cluster.create(plain)
    start()
    world.wait_ready("acme")


@pytest.mark.parametrize("role", [None])  # the Role is for the Lease of the default controller only
def test_a_customer_of_another_controller_is_told_and_left_alone(world: World, start: StartInThread) -> None:
    world.add("acme")
    first = start(controller_id="first")
    world.wait_ready("acme")
    first.stop()
    world.sandbox.clear_requests()

    world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
    start(controller_id="second")
    told = world.wait_for("acme", "False", "ForeignController")
    assert "'first'" in message(told)
    assert world.limit("acme") == "500.0"

    world.cluster.delete("customers", "acme")
    world.ask("acme")
    assert world.exists("acme"), "only its own controller lets it go"
    assert world.stored() == {"acme"}


@pytest.mark.parametrize("role", [None])  # the Role is for the Lease of the default controller only
def test_two_controllers_that_see_the_same_customers_do_not_write_against_each_other_without_end(
    world: World, start: StartInThread, fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has the customer, and the other says that it is not its own. Neither can know of the other."""
    monkeypatch.setattr(operating, "PUT_RIGHT", 60.0)
    world.add("acme")
    first = start(controller_id="first")
    world.wait_ready("acme")
    second = start(controller_id="second")
    world.wait_for("acme", "False", "ForeignController")
    passes = first.passes + second.passes
    fake.requests.clear()
    time.sleep(2)
    assert first.passes + second.passes - passes <= 4
    assert fake.requests.count("patch", resource="customers") <= 4


@pytest.mark.parametrize("role", [None])
def test_two_controllers_work_side_by_side(world: World, start: StartInThread, fake: FakeCluster) -> None:
    fake.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    world.add("acme")
    world.has_bucket("beta")
    fake.create(manifest("beta"), namespace="other")
    start(controller_id="first")
    start(controller_id="second", namespace="other")

    world.wait_ready("acme")
    fake.wait("customers", "beta", lambda one: one is not None and condition(one)[0] == "True", namespace="other")
    assert world.stored() == {"acme", "beta"}
    leases = [one["metadata"]["name"] for one in fake.list("leases", namespace="")]
    assert sorted(leases) == ["daylily-reconcile-first", "daylily-reconcile-second"]


@pytest.mark.parametrize("role", [None])
def test_one_operator_serves_all_namespaces(world: World, start: StartInThread, fake: FakeCluster) -> None:
    fake.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}})
    world.add("acme")
    for name in ("beta", "gamma"):
        world.has_bucket(name)
    fake.create(manifest("beta"), namespace="other")
    start(all_namespaces=True, namespace=None)
    world.wait_ready("acme")
    same_name = {**manifest("acme"), "spec": manifest("gamma")["spec"]}
    fake.create(same_name, namespace="other")

    for name in ("beta", "acme"):
        fake.wait("customers", name, lambda one: one is not None and condition(one)[0] == "True", namespace="other")
    assert world.stored() == {"acme", "beta", "gamma"}
