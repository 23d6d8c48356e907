"""A pass of the operator on in-memory fakes: what is due is reconciled, and a guard stops only whom it is against."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from controller.domain.customer import Customer, DeletionPolicy, Origin, Place
from controller.domain.settings import SafetySettings
from controller.errors import PermanentFailure, Refused, TransientFailure
from controller.fleet import Hold, Options, Unheld
from controller.passes import Due, Leaving, Passed, Passes, Recent
from controller.render.resource_events import farewell
from tests.fakes import Town, customer


@dataclass
class Leases:
    """Leases that are free, unless another apply holds them."""

    taken: list[str] = field(default_factory=list)
    other: str = ""

    @contextmanager
    def hold(self, names: Mapping[str, str], timeout: float, what: str = "apply") -> Iterator[Hold]:
        if self.other:
            raise Refused(f"nothing was done: another apply is under way: {self.other}")
        self.taken += names.values()
        yield Unheld()


def source(customer_id: str) -> str:
    return f"customers.billing.daylily.io/default/{customer_id}"


def owned(customer_id: str = "acme", *buckets: str, **changes: Any) -> Customer:
    return customer(customer_id, *buckets, origin=Origin({"": Place(source(customer_id), 0, 0)}), **changes)


def run(
    town: Town,
    *customers: Customer,
    leases: Leases | None = None,
    only_watch: bool = False,
    leaving: str = "",
    policy: DeletionPolicy = "Retain",
    suspended: bool = False,
) -> Passed:
    passes = Passes(town.fleet, leases or Leases(), {"default": "1/default"}, only_watch=only_watch)
    gone = {leaving: Leaving(leaving, source(leaving), policy, suspended)} if leaving else {}
    return passes.run(Due(customers, gone))


def test_what_is_due_is_applied_and_told() -> None:
    town = Town()
    verdict = run(town, owned()).verdicts["acme"]
    assert ("thing", "acme-bucket") in town.world.things
    assert verdict.status is not None
    assert verdict.status.condition("Ready").status == "True"  # type: ignore[union-attr]
    assert not verdict.failures


def test_who_is_not_due_is_neither_looked_at_nor_pruned() -> None:
    town = Town()
    run(town, owned("acme"), owned("beta"))
    town.world.writes.clear()
    passed = run(town, owned("acme", limit=700))
    assert "beta" not in passed.verdicts
    assert ("thing", "beta-bucket") in town.world.things
    assert town.world.writes == ["put thing acme-bucket", "put second acme-bucket"]


def test_a_pass_with_nothing_to_do_takes_no_lease() -> None:
    town, leases = Town(), Leases()
    run(town, owned())
    town.store.saves.clear()
    run(town, owned(), leases=leases)
    assert (leases.taken, town.store.saves) == ([], [])


def test_to_watch_changes_nothing_and_tells_what_would_be() -> None:
    town, leases = Town(), Leases()
    verdict = run(town, owned(), leases=leases, only_watch=True).verdicts["acme"]
    assert (town.world.writes, town.store.saves, leases.taken) == ([], [], [])
    assert verdict.plan is not None
    assert [change.action for change in verdict.plan.changes] == ["create", "create"]
    assert verdict.status is not None
    assert verdict.status.summary == "2 changes pending"


def test_while_another_apply_runs_changes_wait_and_the_rest_is_told() -> None:
    town = Town()
    run(town, owned("acme"), owned("beta"))
    passed = run(town, owned("acme"), owned("beta", limit=900), leases=Leases(other="CI run 7"))
    assert not passed.verdicts["acme"].failures
    (failure,) = passed.verdicts["beta"].failures
    assert isinstance(failure, TransientFailure)
    assert "CI run 7" in str(failure)


def test_a_customer_that_leaves_by_retain_is_let_go_and_stays_in_aws() -> None:
    town = Town()
    run(town, owned())
    verdict = run(town, leaving="acme").verdicts["acme"]
    assert verdict.gone
    assert ("thing", "acme-bucket") in town.world.things
    assert "acme" not in town.store.statuses


def test_a_customer_that_leaves_by_delete_is_removed_from_aws() -> None:
    town = Town()
    run(town, owned(), owned("beta"))
    verdict = run(town, leaving="acme", policy="Delete").verdicts["acme"]
    assert verdict.gone
    assert ("thing", "acme-bucket") not in town.world.things
    assert ("thing", "beta-bucket") in town.world.things


def test_what_cannot_be_removed_keeps_the_customer() -> None:
    town = Town()
    run(town, owned(deletion_policy="Delete"))
    town.world.failing["delete acme-bucket"] = TransientFailure("no answer")
    verdict = run(town, leaving="acme", policy="Delete").verdicts["acme"]
    assert not verdict.gone
    assert verdict.failures


def test_a_suspended_customer_that_leaves_is_kept_by_delete_and_let_go_by_retain() -> None:
    policies: tuple[tuple[DeletionPolicy, bool], ...] = (("Delete", False), ("Retain", True))
    for policy, gone in policies:
        town = Town()
        run(town, owned(deletion_policy=policy))
        verdict = run(town, leaving="acme", policy=policy, suspended=True).verdicts["acme"]
        assert verdict.gone is gone
        assert ("acme" in town.store.statuses) is not gone
        assert ("thing", "acme-bucket") in town.world.things


def test_what_was_applied_suspended_leaves_once_it_is_suspended_no_more() -> None:
    town = Town()
    run(town, owned())
    run(town, owned(suspend=True))
    assert run(town, leaving="acme", policy="Delete").verdicts["acme"].gone
    assert ("thing", "acme-bucket") not in town.world.things


def test_who_was_never_applied_leaves_at_once() -> None:
    assert run(Town(), leaving="acme").verdicts["acme"].gone


def test_what_another_source_declares_is_not_removed_by_a_resource_of_that_id() -> None:
    town = Town()
    town.apply(customer("acme", deletion_policy="Delete"))
    assert run(town, leaving="acme").verdicts["acme"].gone
    assert ("thing", "acme-bucket") in town.world.things


def test_too_many_changes_at_once_are_refused_and_new_customers_go_on() -> None:
    town = Town(options=Options(limits=SafetySettings(max_change_percent=10)))  # type: ignore[arg-type]
    fleet = [owned(f"customer{number}") for number in range(10)]
    run(town, *fleet)
    town.world.writes.clear()
    passed = run(town, *(replace(one, budget=owned(limit=900).budget) for one in fleet), owned("new"))
    assert {id_ for id_, one in passed.verdicts.items() if one.failures} == {one.customer_id for one in fleet}
    assert {failure.code for failure in passed.verdicts["customer0"].failures} == {"NotAllowed"}
    assert town.world.writes == ["put thing new-bucket", "put second new-bucket"]


def test_the_guards_share_is_of_everything_and_not_of_what_is_due() -> None:
    town = Town(options=Options(limits=SafetySettings(max_change_percent=10, min_keys=0)))  # type: ignore[arg-type]
    run(town, *(owned(f"customer{number}") for number in range(20)))
    assert not run(town, owned("customer0", limit=900)).verdicts["customer0"].failures


def test_a_foreign_customer_is_told_and_left_alone() -> None:
    town = Town()
    run(town, owned())
    town.options = Options(controller_id="another")
    (failure,) = run(town, owned(limit=900)).verdicts["acme"].failures
    assert (type(failure), failure.code) == (PermanentFailure, "ForeignController")


def test_who_a_stopped_pass_did_not_come_to_is_not_told_of() -> None:
    town = Town()
    run(town, owned())
    passes = Passes(town.fleet, Leases(), {"default": "1/default"})
    passed = passes.run(
        Due((owned(limit=900), owned("new")), {"gone": Leaving("gone", source("gone"), "Delete")}), stop=lambda: True
    )
    assert set(passed.verdicts) == {"gone"}
    assert ("thing", "new-bucket") not in town.world.things


def test_what_another_source_declares_is_kept_by_delete_and_let_go_by_retain() -> None:
    """A file that was applied last: to delete the resource must not remove what the file wants."""
    town = Town()
    town.apply(customer("acme", deletion_policy="Delete", origin=Origin({"": Place("acme.yaml", 0, 0)})))
    kept = run(town, leaving="acme", policy="Delete").verdicts["acme"]
    assert (kept.gone, [failure.code for failure in kept.failures]) == (False, ["DeclaredElsewhere"])
    assert "acme.yaml" in str(kept.failure)
    gone = run(town, leaving="acme", policy="Retain").verdicts["acme"]
    assert (gone.gone, gone.failures) == (True, ())
    assert farewell(gone).message == "let go of: acme.yaml declares it, and it stays"
    assert "acme" in town.store.statuses
    assert ("thing", "acme-bucket") in town.world.things


def test_what_another_controller_has_from_elsewhere_keeps_no_resource_that_never_had_it() -> None:
    town = Town()
    town.apply(customer("acme", origin=Origin({"": Place("acme.yaml", 0, 0)})))
    town.options = Options(controller_id="another")
    verdict = run(town, leaving="acme", policy="Delete").verdicts["acme"]
    assert verdict.gone
    assert "acme.yaml declares it" in farewell(verdict).message
    assert "acme" in town.store.statuses


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_who_leaves_an_account_that_the_settings_do_not_name_is_kept(policy: DeletionPolicy) -> None:
    town = Town(accounts=("default", "second"))
    run(town, owned(account="second"))
    town.accounts = ("default",)
    verdict = run(town, leaving="acme", policy=policy).verdicts["acme"]
    assert (verdict.gone, [failure.code for failure in verdict.failures]) == (False, ["UnknownAccount"])
    assert "'second' is not in the settings" in str(verdict.failure)


def test_who_leaves_and_whose_status_cannot_be_read_is_kept() -> None:
    town = Town()
    run(town, owned())
    town.store.broken["acme"] = PermanentFailure("no status at all", code="ForeignStatus")
    verdict = run(town, leaving="acme", policy="Delete").verdicts["acme"]
    assert (verdict.gone, [failure.code for failure in verdict.failures]) == (False, ["ForeignStatus"])


def test_what_leaves_takes_nothing_along_that_has_its_source_and_another_id() -> None:
    """Another cluster has a resource of the same name, or it was renamed by force."""
    town = Town()
    run(town, owned("acme"), replace(owned("beta"), origin=owned("acme").origin))
    assert run(town, leaving="acme", policy="Delete").verdicts["acme"].gone
    assert ("thing", "beta-bucket") in town.world.things
    assert "beta" in town.store.statuses


def test_a_dry_run_tells_why_one_that_leaves_would_stay() -> None:
    town = Town()
    town.apply(customer("acme", origin=Origin({"": Place("acme.yaml", 0, 0)})))
    verdict = run(town, leaving="acme", policy="Delete", only_watch=True).verdicts["acme"]
    assert [failure.code for failure in verdict.failures] == ["DeclaredElsewhere"]


class Fleetlike:
    """Ten customers that are changed in parts, under a guard of 30 %."""

    def __init__(self) -> None:
        limits = SafetySettings(max_change_percent=30, max_remove_percent=30)  # type: ignore[arg-type]
        self.town = Town(options=Options(limits=limits))
        self.recent = Recent(self.town.clock)
        self.customers = [owned(f"customer{number}") for number in range(10)]
        self.run(*self.customers)

    def run(self, *customers: Customer, leaving: Collection[str] = ()) -> Passed:
        passes = Passes(self.town.fleet, Leases(), {"default": "1/default"}, recent=self.recent)
        return passes.run(Due(customers, {id_: Leaving(id_, source(id_), "Delete") for id_ in leaving}))

    def change(self, *numbers: int, limit: int = 900) -> set[str]:
        """Who is refused."""
        passed = self.run(*(owned(f"customer{number}", limit=limit) for number in numbers))
        return {id_ for id_, one in passed.verdicts.items() if one.failures}


def test_a_change_that_comes_in_parts_counts_as_one_to_the_guard() -> None:
    fleet = Fleetlike()
    assert fleet.change(0, 1) == set()
    assert fleet.change(2, 3) == {"customer2", "customer3"}
    assert fleet.change(2) == set()
    (failure,) = fleet.run(owned("customer3", limit=900)).verdicts["customer3"].failures
    assert "with what was changed in the last 5 minutes" in str(failure)


def test_the_same_key_counts_once_and_what_is_new_not_at_all() -> None:
    fleet = Fleetlike()
    for limit in (600, 700, 800):
        assert fleet.change(0, 1, 2, limit=limit) == set()
    assert not fleet.run(*(owned(f"new{number}") for number in range(9))).verdicts["new3"].failures
    assert fleet.change(3) == set()


def test_after_a_while_what_was_changed_counts_no_more() -> None:
    fleet = Fleetlike()
    assert fleet.change(0, 1, 2) == set()
    fleet.town.clock.advance(minutes=6)
    assert fleet.change(3, 4, 5) == set()


def test_removals_that_come_in_parts_count_as_one() -> None:
    fleet = Fleetlike()
    for id_ in ("customer0", "customer1", "customer2"):
        assert fleet.run(leaving=[id_]).verdicts[id_].gone
    verdict = fleet.run(owned("new"), leaving=["customer3"]).verdicts
    assert {failure.code for failure in verdict["customer3"].failures} == {"NotAllowed"}
    assert not verdict["new"].failures


def test_a_customer_is_let_go_of_by_retain_although_it_cannot_be_read() -> None:
    town = Town()
    run(town, owned("acme", "one", "two"))
    town.world.failing["observe one"] = PermanentFailure("denied")
    verdict = run(town, leaving="acme").verdicts["acme"]
    assert verdict.gone
    assert farewell(verdict).message == "let go of: 4 resources stay in AWS as they are"
    assert "acme" not in town.store.statuses
