"""A kind is one file: the toy, put into a Site's tuple, is planned, applied, healed and removed like any other."""

from dataclasses import replace

import pytest

from controller.domain.customer import Customer
from controller.domain.resource import Key
from controller.errors import PermanentFailure
from controller.fleet import Desired, Fleet, FleetPlan, Options, Site, Unheld
from tests.fakes import Clock, CustomerThing, MemoryStore
from tests.fakes import World as FakeAws
from tests.kinds.setting import ACME, BUCKET, OWN_ACCOUNT
from tests.kinds.toy import Cloud, SizeAlarms

NAME = f"daylily-{BUCKET}-size"
WANTED = replace(ACME, quota_gib=5000, deletion_policy="Delete")


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
def fleet(cloud: Cloud) -> Fleet:
    customer_kinds = (CustomerThing(FakeAws()), SizeAlarms(cloud))
    return Fleet({"default": Site(OWN_ACCOUNT, (), customer_kinds)}, MemoryStore(), Clock(), Options())


def actions(plan: FleetPlan) -> list[tuple[str, str]]:
    """What would happen to the toy's keys."""
    plans = [*plan.plans, *(orphan.plan for orphan in plan.orphans)]
    return [(c.action, c.key.name) for one in plans for c in one.changes if c.key.kind == SizeAlarms.name]


def run(fleet: Fleet, *customers: Customer, prune: bool = False) -> FleetPlan:
    plan = fleet.plan(Desired(customers))
    fleet.apply(plan, Unheld(), prune=prune)
    return plan


def test_it_is_planned_and_applied(fleet: Fleet, cloud: Cloud) -> None:
    assert actions(fleet.plan(Desired((WANTED,)))) == [("create", NAME)]
    assert cloud.alarms == {}, "a plan is not an apply"
    run(fleet, WANTED)
    assert cloud.alarms == {NAME: {"threshold": "5000"}}
    assert actions(fleet.plan(Desired((WANTED,)))) == []


def test_drift_is_found_and_healed(fleet: Fleet, cloud: Cloud) -> None:
    run(fleet, WANTED)
    cloud.alarms[NAME]["threshold"] = "1"
    plan = run(fleet, WANTED)
    change = next(c for one in plan.plans for c in one.changes)
    assert (change.action, change.drift) == ("update", True)
    assert [(f.path, f.before, f.after) for f in change.fields] == [(("gib",), "1", "5000")]
    assert cloud.alarms[NAME]["threshold"] == "5000"


def test_it_is_adopted(fleet: Fleet, cloud: Cloud) -> None:
    cloud.alarms[NAME] = {"threshold": "5000"}
    assert actions(run(fleet, WANTED)) == [("adopt", NAME)]
    assert "cloudwatch:PutMetricAlarm" not in cloud.log
    assert actions(fleet.plan(Desired((WANTED,)))) == []


def test_what_a_manifest_wants_no_more_is_removed(fleet: Fleet, cloud: Cloud) -> None:
    run(fleet, WANTED)
    assert actions(run(fleet, replace(WANTED, quota_gib=None))) == [("delete", NAME)]
    assert cloud.alarms == {}


def test_an_orphan_is_removed_by_a_prune_only(fleet: Fleet, cloud: Cloud) -> None:
    run(fleet, WANTED)
    assert actions(run(fleet)) == [("delete", NAME)]
    assert NAME in cloud.alarms
    run(fleet, prune=True)
    assert cloud.alarms == {}


def test_its_failure_stops_no_other_kind(fleet: Fleet, cloud: Cloud) -> None:
    cloud.failing["DescribeAlarms"] = PermanentFailure("no", code="AccessDenied")
    plan = fleet.plan(Desired((WANTED,)))
    customer = plan.plans[1]
    assert [unknown.key for unknown in customer.unread] == [Key(SizeAlarms.name, NAME)]
    assert [change.key.kind for change in customer.changes] == [CustomerThing.name]
