"""The whole flow on in-memory fakes: what a team may rely on, without any AWS."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from threading import Event

import pytest

from controller import fleet
from controller.domain.customer import Account, Billing, Budget, Customer, Origin, Place
from controller.domain.safety import refusals
from controller.domain.settings import SafetySettings
from controller.errors import AccountFailure, PermanentFailure, Refused, TransientFailure
from controller.fleet import Desired, Fleet, Options, Result, Site, Unheld
from tests.fakes import AccountThing, Clock, CustomerThing, SecondThing, Thing, Town, World, customer


def kinds_of_change(plan: object) -> list[tuple[str, str]]:
    return [(str(change.key), change.action) for one in plan.plans for change in one.changes]  # type: ignore[attr-defined]


def test_a_new_customer_is_created_and_a_second_plan_is_empty() -> None:
    town = Town()

    results = town.apply(customer("acme"))

    assert all(result.complete for result in results)
    assert town.world.things["thing", "acme-bucket"] == Thing("500", {"cost_center": "CC-1"})
    assert kinds_of_change(town.plan(customer("acme"))) == []


def test_a_second_apply_writes_nothing_anywhere() -> None:
    town = Town()
    town.apply(customer("acme"), customer("beta"))
    town.world.writes.clear()
    town.store.saves.clear()

    town.clock.advance(hours=1)
    town.apply(customer("acme"), customer("beta"))

    assert town.world.writes == []
    assert town.store.saves == []


def test_many_are_handed_to_the_threads_by_and_by_and_told_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "AHEAD", 2)
    everyone = [customer(f"customer{number}") for number in range(7)]

    results = Town().apply(*everyone)

    assert all(result.complete for result in results)
    assert [result.plan.owner.id for result in results[1:]] == [one.customer_id for one in everyone]


def test_planning_writes_nothing() -> None:
    town = Town()

    town.plan(customer("acme"))

    assert town.world.writes == []
    assert town.store.saves == []


def test_each_kind_is_read_once_however_many_customers_there_are() -> None:
    town = Town()

    town.plan(*(customer(f"customer{number}") for number in range(50)))

    assert town.world.reads == 2  # two kinds of a customer


def test_what_exists_and_was_never_applied_is_adopted() -> None:
    town = Town()
    town.world.things["thing", "acme-bucket"] = Thing("500", {"cost_center": "CC-1"})
    town.world.things["second", "acme-bucket"] = Thing("100", {"cost_center": "CC-1"})

    plan = town.plan(customer("acme"))

    actions = {change.key.kind: (change.action, change.writes) for one in plan.plans[1:] for change in one.changes}
    assert actions == {"thing": ("adopt", False), "second": ("adopt", True)}


def test_adopting_what_is_right_already_touches_only_the_inventory() -> None:
    town = Town()
    town.world.things["thing", "acme-bucket"] = Thing("500", {"cost_center": "CC-1"})
    town.world.things["second", "acme-bucket"] = Thing("500", {"cost_center": "CC-1"})

    town.apply(customer("acme"))

    assert town.world.writes == ["put shared topic-000000000001"]
    assert [str(key) for key in town.store.statuses["acme"].keys] == ["second acme-bucket", "thing acme-bucket"]


def test_a_change_made_by_hand_is_called_drift_and_put_back() -> None:
    town = Town()
    town.apply(customer("acme"))
    town.world.things["thing", "acme-bucket"] = Thing("9999", {"cost_center": "CC-1"})

    plan = town.plan(customer("acme"))
    town.apply(customer("acme"))

    (change,) = [change for one in plan.plans for change in one.changes]
    assert [(f.path, f.before, f.after, f.because) for f in change.fields] == [(("size",), "9999", "500", "drift")]
    assert town.world.things["thing", "acme-bucket"].size == "500"


def test_a_changed_manifest_is_called_intent() -> None:
    town = Town()
    town.apply(customer("acme"))

    plan = town.plan(customer("acme", limit=800))

    fields = [field for one in plan.plans for change in one.changes for field in change.fields]
    assert [(f.path, f.because) for f in fields] == [(("size",), "intent"), (("size",), "intent")]


def test_drift_and_intent_on_one_thing_are_told_apart_field_by_field() -> None:
    town = Town()
    town.apply(customer("acme"))
    town.world.things["thing", "acme-bucket"] = Thing("500", {"cost_center": "by hand"})

    plan = town.plan(customer("acme", limit=800))

    fields = {f.path: f.because for one in plan.plans for c in one.changes if c.key.kind == "thing" for f in c.fields}
    assert fields == {("size",): "intent", ("parts", "cost_center"): "drift"}


def test_what_someone_deleted_by_hand_comes_back_as_drift() -> None:
    town = Town()
    town.apply(customer("acme"))
    del town.world.things["thing", "acme-bucket"]

    plan = town.plan(customer("acme"))

    (change,) = [change for one in plan.plans for change in one.changes]
    assert (change.action, change.drift) == ("create", True)


def test_what_a_live_manifest_no_longer_wants_is_removed_by_its_apply() -> None:
    town = Town()
    town.apply(customer("acme", "one", "two"))

    town.apply(customer("acme", "one"))

    assert sorted(name for kind, name in town.world.things if kind == "thing") == ["one"]
    assert {key.name for key in town.store.statuses["acme"].keys} == {"one"}


def test_a_failed_removal_stays_in_the_inventory_and_is_tried_again() -> None:
    town = Town()
    town.apply(customer("acme", "one", "two"))
    town.world.failing["delete two"] = TransientFailure("throttled")
    town.apply(customer("acme", "one"))
    town.world.failing.clear()

    town.apply(customer("acme", "one"))

    assert sorted(name for kind, name in town.world.things if kind == "thing") == ["one"]


def test_what_fails_as_it_failed_before_is_told_once_and_not_written_again() -> None:
    town = Town()
    town.apply(customer("acme"))
    town.world.failing["put acme-bucket"] = PermanentFailure("denied", code="AccessDenied")
    town.apply(customer("acme", limit=600))
    saves = list(town.store.saves)

    (_, result) = town.apply(customer("acme", limit=600))

    assert result.failed
    assert town.store.saves == saves


def test_after_a_bug_nobody_else_is_begun() -> None:
    begun: list[int] = []
    end = Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 0:
            raise ZeroDivisionError
        end.wait()

    with ThreadPoolExecutor(1) as pool:
        try:
            with pytest.raises(ZeroDivisionError):
                list(fleet._mapped(pool, work, range(200)))
        finally:
            end.set()

    assert begun in ([0], [0, 1])


def test_a_customer_whose_manifest_is_gone_is_shown_and_left_alone() -> None:
    town = Town()
    town.apply(customer("acme"), customer("beta"))

    plan = town.plan(customer("beta"))
    town.apply(customer("beta"))

    assert [orphan.status.owner_id for orphan in plan.orphans] == ["acme"]
    assert ("thing", "acme-bucket") in town.world.things
    assert "acme" in town.store.statuses


@pytest.mark.parametrize(("policy", "remains"), [("Delete", False), ("Retain", True)])
def test_prune_follows_the_deletion_policy_as_last_applied(policy: str, remains: bool) -> None:
    town = Town()
    town.apply(customer("acme", deletion_policy=policy), customer("beta"))

    town.apply(customer("beta"), prune=True)

    assert (("thing", "acme-bucket") in town.world.things) is remains
    assert "acme" not in town.store.statuses
    assert ("thing", "beta-bucket") in town.world.things


def test_a_prune_that_fails_is_not_forgotten() -> None:
    town = Town()
    town.apply(customer("acme", deletion_policy="Delete"), customer("beta"))
    town.world.failing["delete acme-bucket"] = PermanentFailure("denied")

    results = town.apply(customer("beta"), prune=True)

    assert any(result.failed for result in results)
    assert town.store.statuses["acme"].keys


def test_nothing_counts_as_gone_while_a_manifest_cannot_be_read() -> None:
    town = Town()
    town.apply(customer("acme", deletion_policy="Delete"), customer("beta"))

    plan = town.plan(customer("beta"), complete=False)
    town.apply(customer("beta"), complete=False, prune=True)

    assert plan.orphans == ()
    assert ("thing", "acme-bucket") in town.world.things


def test_customers_declared_outside_the_paths_that_were_read_are_only_counted() -> None:
    town = Town()
    town.apply(customer("acme"), customer("beta"))

    plan = town.plan(customer("beta"), covers=lambda _: False)

    assert (plan.orphans, plan.elsewhere) == ((), 1)


def test_a_bucket_that_moves_to_another_customer_is_not_stripped_by_the_first_one() -> None:
    town = Town()
    town.apply(customer("acme", "shared", "own"), customer("beta"))

    town.apply(customer("acme", "own"), customer("beta", "beta-bucket", "shared"))

    assert ("thing", "shared") in town.world.things
    assert {key.name for key in town.store.statuses["acme"].keys} == {"own"}
    assert {key.name for key in town.store.statuses["beta"].keys} == {"beta-bucket", "shared"}
    assert kinds_of_change(town.plan(customer("acme", "own"), customer("beta", "beta-bucket", "shared"))) == []


def test_a_renamed_customer_id_never_strips_the_bucket_that_both_name() -> None:
    town = Town()
    town.apply(customer("old", "bucket", deletion_policy="Delete"))

    town.apply(customer("new", "bucket"), prune=True)

    assert ("thing", "bucket") in town.world.things
    assert "old" not in town.store.statuses


def test_one_customers_failure_stops_no_other_customer_and_no_other_kind() -> None:
    town = Town()
    town.world.failing["observe bad-bucket"] = PermanentFailure("no such bucket", code="NoSuchBucket")
    town.world.failing["put worse-bucket"] = PermanentFailure("denied", code="AccessDenied")

    results = town.apply(customer("bad"), customer("good"), customer("worse"))

    assert {result.plan.owner.id: result.failed for result in results if "/" not in result.plan.owner.id} == {
        "bad": True,
        "good": False,
        "worse": True,
    }
    assert ("thing", "good-bucket") in town.world.things
    assert ("second", "good-bucket") in town.world.things


def test_a_kind_that_cannot_be_read_at_all_does_not_stop_the_other_kinds() -> None:
    town = Town()
    town.world.failing["observe shared"] = TransientFailure("throttled")

    results = town.apply(customer("acme"))

    assert ("thing", "acme-bucket") in town.world.things
    assert [result.failed for result in results] == [True, False]


def test_unreadable_is_never_taken_for_absent() -> None:
    town = Town()
    town.apply(customer("acme"))
    town.world.failing["observe acme-bucket"] = PermanentFailure("denied", code="AccessDenied")
    town.world.writes.clear()

    town.apply(customer("acme", limit=800))

    assert town.world.writes == []
    assert town.store.statuses["acme"].keys


def test_refused_credentials_in_the_middle_of_an_apply_end_the_customer_and_say_what_was_not_begun() -> None:
    town = Town()
    town.world.failing["put acme-bucket"] = AccountFailure("expired", code="ExpiredToken")

    (_, result) = town.apply(customer("acme"))

    assert [outcome.tried for outcome in result.outcomes] == [True, False]


def test_a_suspended_customer_is_observed_and_reported_but_not_changed() -> None:
    town = Town()

    results = town.apply(customer("acme", suspend=True))

    status = town.store.statuses["acme"]
    assert town.world.writes == ["put shared topic-000000000001"]
    assert [change.action for change in results[1].plan.changes] == ["create", "create"]
    assert status.condition("Suspended") is not None
    assert status.condition("Ready") is not None
    assert status.condition("Ready").status == "False"  # type: ignore[union-attr]


def test_a_customer_of_another_controller_is_refused_and_not_fought_over() -> None:
    world, town = World(), Town(options=Options(controller_id="blue"))
    town.world = world
    town.apply(customer("acme"))
    green = Town(world, town.store, options=Options(controller_id="green"))
    world.writes.clear()

    results = green.apply(customer("acme", limit=800))

    assert [r.plan.refused.code for r in results if r.plan.refused] == ["ForeignController"]
    assert world.things["thing", "acme-bucket"].size == "500"


def test_a_refusal_holds_for_as_many_runs_as_it_takes() -> None:
    blue = Town(options=Options(controller_id="blue"))
    blue.apply(customer("acme"))
    green = Town(blue.world, blue.store, options=Options(controller_id="green"))
    before = blue.store.statuses["acme"]

    for _ in range(3):
        green.apply(customer("acme", limit=800))

    assert blue.store.statuses["acme"] == before
    assert blue.world.things["thing", "acme-bucket"].size == "500"
    assert kinds_of_change(blue.plan(customer("acme"))) == []


def test_customers_of_another_controller_are_no_orphans_of_ours() -> None:
    blue = Town(options=Options(controller_id="blue"))
    blue.apply(customer("acme"))
    green = Town(blue.world, blue.store, options=Options(controller_id="green"))

    plan = green.plan(customer("beta"))

    assert (plan.orphans, plan.elsewhere) == ((), 0)


def test_a_customer_that_moves_to_another_account_is_refused_with_what_to_do() -> None:
    town = Town(accounts=("default", "second"))
    town.apply(customer("acme"))

    plan = town.plan(customer("acme", account="second"))

    (refused,) = [one.refused for one in plan.plans if one.refused]
    assert refused.code == "AccountChanged"
    assert "--prune" in refused.advice


def test_a_lagging_read_after_our_own_write_settles_and_is_not_drift() -> None:
    town = Town(options=Options(settle=timedelta(minutes=5)))
    town.apply(customer("acme"))
    town.world.stale["second", "acme-bucket"] = None
    town.clock.advance(minutes=1)

    plan = town.plan(customer("acme"))

    assert kinds_of_change(plan) == []
    assert [pending.key.kind for one in plan.plans for pending in one.settling] == ["second"]


def test_what_differs_from_before_and_after_our_write_is_drift_at_once() -> None:
    town = Town(options=Options(settle=timedelta(minutes=5)))
    town.apply(customer("acme"))
    town.world.things["second", "acme-bucket"] = Thing("9999", {"cost_center": "CC-1"})

    assert kinds_of_change(town.plan(customer("acme"))) == [("second acme-bucket", "update")]


def test_after_the_settle_time_a_lasting_difference_is_drift() -> None:
    town = Town(options=Options(settle=timedelta(minutes=5)))
    town.apply(customer("acme"))
    town.world.stale["second", "acme-bucket"] = None
    town.clock.advance(minutes=6)

    assert kinds_of_change(town.plan(customer("acme"))) == [("second acme-bucket", "create")]


def test_a_stopped_run_begins_nothing_more_and_says_so() -> None:
    town = Town()
    fleet = town.fleet

    results = fleet.apply(fleet.plan(Desired((customer("acme"),))), Unheld(), stop=lambda: True)

    assert town.world.writes == []
    assert not any(result.complete for result in results)


def test_a_status_that_cannot_be_written_is_a_failure_of_that_customer() -> None:
    town = Town()
    town.store.failure = TransientFailure("throttled")

    results = town.apply(customer("acme"))

    assert all(result.failed for result in results)


def test_two_runs_at_once_do_not_overwrite_each_others_status() -> None:
    town = Town()
    fleet = town.fleet

    first = fleet.plan(Desired((customer("acme"),)))
    second = fleet.plan(Desired((customer("acme", limit=800),)))
    fleet.apply(first, Unheld())

    results = fleet.apply(second, Unheld())

    assert [result.unsaved is not None for result in results if result.plan.owner.id == "acme"] == [True]


def test_the_condition_of_the_account_shows_on_its_customers() -> None:
    town = Town()

    town.apply(customer("acme"))

    condition = town.store.statuses["acme"].condition("SharedReady")
    assert condition is not None
    assert condition.status == "True"


def test_figures_that_aws_stops_telling_keep_their_old_time() -> None:
    town = Town()
    town.world.things["thing", "acme-bucket"] = Thing("500", {"cost_center": "CC-1"}, spend="12.00")
    town.apply(customer("acme"))
    told_at = town.clock.now
    town.clock.advance(hours=2)
    town.apply(customer("acme", limit=800))

    (figures,) = town.store.statuses["acme"].figures
    assert (figures.values, figures.as_of) == ({"spend": "12.00"}, told_at)


def test_the_plan_digest_is_stable_over_reruns_and_time() -> None:
    town = Town()
    first = town.plan(customer("acme"), customer("beta"))
    town.clock.advance(hours=3)

    second = town.plan(customer("beta"), customer("acme"))

    assert first.digest == second.digest
    assert first.digest != town.plan(customer("acme", limit=1)).digest


@pytest.mark.parametrize(
    ("changed", "refused", "why"),
    [
        (3, False, "30 % is allowed"),
        (4, True, "more than 30 % is not"),
    ],
)
def test_a_plan_that_changes_too_much_is_refused_with_the_option_that_allows_it(
    changed: int, refused: bool, why: str
) -> None:
    town = Town(options=Options())
    names = [f"customer{number}" for number in range(10)]
    town.apply(*(customer(name) for name in names))
    plan = town.plan(*(customer(name, limit=1 if index < changed else 500) for index, name in enumerate(names)))

    found = refusals(plan.plans[1:], SafetySettings())

    assert bool(found) is refused, why
    assert all("--max-change 40" in text for text in found)


def test_removing_many_is_refused_on_its_own_limit() -> None:
    town = Town()
    names = [f"customer{number}" for number in range(10)]
    town.apply(*(customer(name) for name in names))
    plan = town.plan(*(customer(name, limit=None if index < 5 else 500) for index, name in enumerate(names)))

    (found,) = refusals(plan.plans[1:], SafetySettings())

    assert "removes 10 of 20" in found
    assert "--max-remove 50" in found


def test_what_is_new_is_never_too_much() -> None:
    town = Town(clock=Clock())

    plan = town.plan(*(customer(f"customer{number}") for number in range(100)))

    assert refusals(plan.plans, SafetySettings()) == ()


def test_a_status_of_another_shape_makes_keys_ours_without_knowing_their_state() -> None:
    town = Town()
    town.apply(customer("acme"))
    status = town.store.statuses["acme"]
    entries = tuple(replace(entry, state='{"another": "shape"}') for entry in status.inventory)
    town.store.statuses["acme"] = replace(status, inventory=entries)

    plan = town.plan(replace(customer("acme"), budget=Budget(Decimal(9)), billing=Billing()))

    assert {change.action for one in plan.plans for change in one.changes} == {"update"}
    assert not any(change.drift for one in plan.plans for change in one.changes)


def test_after_a_first_put_that_failed_nothing_is_believed_about_it() -> None:
    town = Town()
    town.world.failing["put acme-bucket"] = PermanentFailure("denied", code="AccessDenied")
    town.apply(customer("acme"))
    town.world.failing.clear()

    plan = town.plan(customer("acme"))

    assert {change.action for one in plan.plans for change in one.changes} == {"create"}
    assert not any(change.drift for one in plan.plans for change in one.changes)


def test_a_put_that_failed_and_took_effect_is_remembered_once_it_is_seen() -> None:
    town = Town()
    town.apply(customer("acme"))
    town.world.failing["put acme-bucket"] = TransientFailure("cut")
    town.apply(customer("acme", limit=800))
    town.world.failing.clear()
    for kind in ("thing", "second"):
        town.world.things[kind, "acme-bucket"] = Thing("800", {"cost_center": "CC-1"})
    town.apply(customer("acme", limit=800))
    town.world.things["thing", "acme-bucket"] = Thing("7", {"cost_center": "CC-1"})

    plan = town.plan(customer("acme", limit=800))

    assert [change.drift for one in plan.plans for change in one.changes] == [True]


def test_one_unreadable_status_is_one_refused_customer() -> None:
    town = Town()
    town.apply(customer("acme"), customer("beta"))
    town.store.broken["acme"] = PermanentFailure("not one that this tool wrote", code="ForeignStatus")
    town.world.writes.clear()

    results = town.apply(customer("acme", limit=1), customer("beta", limit=1))

    assert town.world.things["thing", "acme-bucket"].size == "500"
    assert town.world.things["thing", "beta-bucket"].size == "1"
    assert [result.failed for result in results] == [False, True, False]


def test_a_bug_in_a_kind_is_a_failure_of_that_key(caplog: pytest.LogCaptureFixture) -> None:
    town = Town()
    town.world.failing["put acme-bucket"] = KeyError("oops")  # type: ignore[assignment]

    results = town.apply(customer("acme"), customer("beta"))

    assert ("thing", "beta-bucket") in town.world.things
    assert "This is a bug" in str(results[1].outcomes[0].failure)
    assert "unexpected error with thing acme-bucket" in caplog.text


def test_a_key_of_one_account_is_not_claimed_by_another_account() -> None:
    town = Town(accounts=("default", "second"))
    town.apply(customer("acme", "same-name"), customer("beta", "same-name", account="second"))

    town.apply(customer("acme", limit=None), customer("beta", "same-name", account="second"))

    assert town.store.statuses["acme"].keys == ()


class Renamed(AccountThing):
    """The account's thing under another name, as after a change of the settings."""

    def desired(self, owner: Account) -> Mapping[str, Thing]:
        return {"renamed": Thing("1")}


def renamed(town: Town, *customers: Customer) -> Sequence[Result]:
    fleet = town.fleet
    site = Site(
        Account("default", "000000000001", "us-west-2"),
        (Renamed(town.world),),
        (CustomerThing(town.world), SecondThing(town.world)),
    )
    fleet = Fleet({"default": site}, town.store, town.clock, town.options)
    return fleet.apply(fleet.plan(Desired(customers)), Unheld())


def test_what_an_account_drops_goes_after_the_customers_are_done() -> None:
    town = Town()
    town.apply(customer("acme"))
    town.world.writes.clear()

    renamed(town, customer("acme", limit=800))

    assert town.world.writes[0] == "put shared renamed"
    assert ("shared", "topic-000000000001") not in town.world.things
    assert {key.name for key in town.store.statuses["account/default/default"].keys} == {"renamed"}


@pytest.mark.parametrize("trouble", ["failed", "suspended", "elsewhere"])
def test_what_an_account_drops_stays_while_anybody_may_depend_on_it(trouble: str) -> None:
    town = Town()
    town.apply(customer("acme"), customer("beta"))
    if trouble == "failed":
        town.world.failing["put acme-bucket"] = TransientFailure("throttled")
    there = (customer("acme", limit=800, suspend=trouble == "suspended"), customer("beta"))

    renamed(town, *(there[:1] if trouble == "elsewhere" else there))

    assert ("shared", "topic-000000000001") in town.world.things
    assert {key.name for key in town.store.statuses["account/default/default"].keys} == {
        "renamed",
        "topic-000000000001",
    }


def test_the_guard_stands_in_the_fleet_itself() -> None:
    town = Town()
    names = [f"customer{number}" for number in range(10)]
    town.apply(*(customer(name) for name in names))

    with pytest.raises(Refused, match="--max-change"):
        town.apply(*(customer(name, limit=1) for name in names))

    assert town.world.things["thing", "customer0-bucket"].size == "500"


class LosesItsLease(Unheld):
    """A hold that is lost as soon as the first customer's first change is made."""

    def __init__(self, town: Town) -> None:
        self._town = town

    @property
    def lost(self) -> bool:  # type: ignore[override]
        return len(self._town.world.writes) >= 2


def test_a_lost_lease_ends_all_writing_to_aws_and_to_the_store() -> None:
    town = Town(options=Options(concurrency=1))
    fleet = town.fleet

    results = fleet.apply(fleet.plan(Desired((customer("acme"), customer("beta")))), LosesItsLease(town))

    assert town.world.writes == ["put shared topic-000000000001", "put thing acme-bucket"]
    assert town.store.saves == []
    assert not any(result.complete for result in results)


def test_an_apply_that_writes_nothing_is_idle_and_needs_no_lease() -> None:
    town = Town()
    town.apply(customer("acme"))
    fleet = town.fleet

    assert fleet.is_idle(fleet.plan(Desired((customer("acme"),))))
    assert not fleet.is_idle(fleet.plan(Desired((customer("acme", limit=800),))))
    assert not fleet.is_idle(fleet.plan(Desired(())), prune=True)


def test_a_plan_that_another_run_overtook_is_noticed() -> None:
    town = Town()
    town.apply(customer("acme"))
    fleet = town.fleet
    plan = fleet.plan(Desired((customer("acme", limit=800),)))
    assert not fleet.has_moved(plan)

    town.apply(customer("acme", limit=900))

    assert fleet.has_moved(plan)


def written(customer_: Customer) -> Customer:
    """The customer as read from a file of its own."""
    return replace(customer_, origin=Origin({"": Place(f"customers/{customer_.customer_id}.yaml", 1, 1)}))


def test_an_orphan_whose_prune_failed_is_shown_and_pruned_again() -> None:
    town = Town()
    town.apply(written(customer("acme", deletion_policy="Delete")), written(customer("beta")))
    town.world.failing["delete acme-bucket"] = PermanentFailure("denied")

    def covers(file: str) -> bool:
        return file.startswith("customers/")

    town.apply(written(customer("beta")), prune=True, covers=covers)
    town.world.failing.clear()
    assert [o.status.owner_id for o in town.plan(written(customer("beta")), covers=covers).orphans] == ["acme"]
    town.apply(written(customer("beta")), prune=True, covers=covers)

    assert ("thing", "acme-bucket") not in town.world.things
    assert "acme" not in town.store.statuses


def test_a_customer_that_was_suspended_when_its_manifest_went_is_not_pruned() -> None:
    town = Town()
    town.apply(customer("acme", deletion_policy="Delete"), customer("beta"))
    town.apply(customer("acme", deletion_policy="Delete", suspend=True), customer("beta"))

    town.apply(customer("beta"), prune=True)

    assert ("thing", "acme-bucket") in town.world.things
    assert "acme" in town.store.statuses


def test_two_orphans_with_one_bucket_do_not_keep_it_for_each_other() -> None:
    town = Town()
    town.apply(customer("acme", "shared", deletion_policy="Delete"))
    acme = town.store.statuses["acme"]
    town.store.statuses["beta"] = replace(acme, owner_id="beta", name="beta")

    town.apply(customer("third"), prune=True)

    assert ("thing", "shared") not in town.world.things


def test_what_another_customer_holds_outside_of_this_run_is_not_taken_from_it() -> None:
    town = Town()
    town.apply(customer("acme", "shared"))

    plan = town.plan(customer("beta", "shared"), covers=lambda _: False)
    results = town.apply(customer("beta", "shared"), covers=lambda _: False)

    held = [unread for one in plan.plans for unread in one.unread]
    assert {unread.failure.code for unread in held} == {"HeldByAnother"}
    assert "held by acme" in str(held[0].failure)
    assert town.world.things["thing", "shared"] == Thing("500", {"cost_center": "CC-1"})
    assert any(result.failed for result in results)


def test_letting_go_of_many_is_refused_like_removing_many() -> None:
    town = Town()
    names = [f"customer{number}" for number in range(10)]
    town.apply(*(customer(name) for name in names))

    with pytest.raises(Refused, match="--max-remove"):
        town.apply(customer("customer0"), prune=True)

    assert len([one for one in town.store.statuses if one.startswith("customer")]) == 10
