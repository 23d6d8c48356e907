"""What may be applied of a saved plan: on fakes, by digests of what is done and of what was observed."""

from dataclasses import replace

import pytest

from controller.domain.plan import Plan
from controller.domain.saved_plan import (
    FORMAT,
    STALE,
    Basis,
    PlanOptions,
    SavedPlan,
    check_basis,
    observed_digest,
    owner_digests,
    stale,
)
from controller.errors import Refused
from controller.fleet import Desired, FleetPlan, Unheld
from tests.fakes import START, Thing, Town, customer

BASIS = Basis("default", {"default": "1", "second": "2"}, "settings", "manifests")


def save(plan: FleetPlan) -> SavedPlan:
    return SavedPlan(FORMAT, "id", START, START, BASIS, PlanOptions(), owner_digests(plan.touched()))


def plan_of(plan: FleetPlan, owner_id: str) -> Plan:
    return next(one for one in plan.plans if one.owner.id == owner_id)


def test_the_same_world_is_the_same_digest_whenever_it_is_looked_at() -> None:
    town = Town()
    first = town.plan(customer("acme"))
    town.clock.advance(hours=3)

    assert observed_digest(plan_of(first, "acme")) == observed_digest(plan_of(town.plan(customer("acme")), "acme"))


def test_what_is_only_reported_moves_no_digest() -> None:
    town = Town()
    town.apply(customer("acme"))
    before = plan_of(town.plan(customer("acme")), "acme")
    town.world.things["thing", "acme-bucket"] = Thing("500", {"cost_center": "CC-1"}, spend="99")

    assert observed_digest(plan_of(town.plan(customer("acme")), "acme")) == observed_digest(before)


@pytest.mark.parametrize("kind", ["thing", "second"])
def test_any_other_move_is_another_digest(kind: str) -> None:
    town = Town()
    town.apply(customer("acme"))
    before = plan_of(town.plan(customer("acme")), "acme")
    town.world.things[kind, "acme-bucket"] = Thing("7", {"cost_center": "CC-1"})

    assert observed_digest(plan_of(town.plan(customer("acme")), "acme")) != observed_digest(before)


def test_only_customers_with_changes_and_their_accounts_are_touched() -> None:
    town = Town(accounts=("default", "second"))
    town.apply(customer("acme"), customer("beta"), customer("gamma", account="second"))

    plan = town.plan(customer("acme", limit=1), customer("beta"), customer("gamma", account="second"))

    assert [one.owner.id for one in plan.touched()] == ["account/default/default", "acme"]


def test_a_plan_for_some_reads_some_and_counts_the_others() -> None:
    town = Town()
    town.apply(customer("acme"), customer("beta"))

    wanted = Desired((customer("acme", limit=1), customer("beta")))
    plan = town.fleet.plan(wanted, only=["account/default/default", "acme"])

    assert [one.owner.id for one in plan.plans] == ["account/default/default", "acme"]
    assert plan.passed_over == 2


def test_a_bucket_that_moves_is_not_stripped_by_a_plan_for_its_old_owner_alone() -> None:
    town = Town()
    town.apply(customer("acme", "shared", "own"), customer("beta"))
    wanted = Desired((customer("acme", "own", limit=1), customer("beta", "beta-bucket", "shared")))

    plan = town.fleet.plan(wanted, only=["account/default/default", "acme"])

    assert [change.action for change in plan_of(plan, "acme").changes] == ["update", "update"]


def test_an_owner_whose_world_moved_is_stale_and_one_that_vanished_too() -> None:
    town = Town()
    plan = town.plan(customer("acme"), customer("beta"), customer("gamma"))
    town.world.things["second", "acme-bucket"] = Thing("7")

    now = town.plan(customer("acme"), customer("beta"))

    assert stale(save(plan), now.all_plans()) == {"acme", "gamma"}


def test_a_stale_owner_is_left_alone_with_its_status_and_the_others_are_done() -> None:
    town = Town()
    town.apply(customer("acme"), customer("beta"))
    before = town.store.statuses["acme"]
    fleet = town.fleet
    plan = fleet.plan(Desired((customer("acme", limit=1), customer("beta", limit=2))))

    results = fleet.apply(plan.sparing({"acme"}, STALE), Unheld())

    assert [one.plan.owner.id for one in results if one.failed] == ["acme"]
    assert town.store.statuses["acme"] == before
    assert town.world.things["thing", "beta-bucket"].size == "2"
    assert town.world.things["thing", "acme-bucket"].size == "500"


def test_a_stale_orphan_is_not_let_go_of() -> None:
    town = Town()
    town.apply(customer("acme"))
    plan = town.fleet.plan(Desired(()))

    town.fleet.apply(plan.sparing({"acme"}, STALE), Unheld(), prune=True)

    assert "acme" in town.store.statuses
    assert not plan.sparing({"acme"}, STALE).has_changes(prune=True)


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (replace(BASIS, accounts={"default": "1"}), "the accounts default (1), second (2), and this is the account d"),
        (replace(BASIS, controller_id="green"), "for the controller_id 'default', and this is 'green'"),
        (replace(BASIS, settings="other"), "made with other settings"),
        (replace(BASIS, manifests="other"), "made from other manifests"),
    ],
)
def test_another_basis_is_another_plan(now: Basis, says: str) -> None:
    town = Town()
    plan = save(town.plan(customer("acme")))
    check_basis(plan, BASIS)

    with pytest.raises(Refused) as refused:
        check_basis(plan, now)

    assert says in str(refused.value)
