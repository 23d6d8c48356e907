"""The counts of a plan."""

from datetime import timedelta

from controller.domain.plan import Plan
from controller.domain.resource import Applied
from controller.reconcile import Case
from controller.render.tally import tally
from tests.render.conftest import ACCOUNT, NOW, acme, beta, budget, deleted, everything, fleet_plan, in_sync, retained


def test_a_fact_that_this_run_read_is_not_taken_on_trust() -> None:
    read, before = NOW - timedelta(seconds=3), NOW - timedelta(days=1)
    plan = in_sync("eta", "cust_eta", read)
    known = {synced.key: Applied(None, before, before) for synced in plan.in_sync}
    assert tally(fleet_plan([plan], cases=[Case(plan.owner, {}, known, None)])).trusted == 0


def test_a_fact_whose_time_stands_in_the_inventory_is_taken_on_trust() -> None:
    before = NOW - timedelta(days=1)
    plan = in_sync("eta", "cust_eta", before)
    known = {budget("cust_eta"): Applied(None, before, before)}
    totals = tally(fleet_plan([plan], cases=[Case(plan.owner, {}, known, None)]))
    assert (totals.trusted, totals.trusted_since) == (3, before)


def test_the_summary_says_where_the_changes_are() -> None:
    account = Plan(ACCOUNT, acme().changes)
    assert " in 1 account; 0 unchanged" in tally(fleet_plan([account])).summary
    assert " in 1 account and 2 of 2 customers; " in tally(fleet_plan([account, acme(), beta()])).summary
    orphans = [retained(), deleted()]
    everywhere = tally(fleet_plan([account, acme()], orphans), prune=True).summary
    assert " in 1 account, 1 of 1 customer and 2 orphans; " in everywhere


def test_every_change_counts_once_by_its_action() -> None:
    totals = tally(everything())
    assert totals.actions == {"create": 4, "update": 3, "delete": 1, "adopt": 2}
    assert totals.headline == "4 to add, 3 to change, 1 to remove, 2 to adopt"


def test_adoptions_are_named_only_where_there_are_any() -> None:
    assert tally(fleet_plan([acme()])).headline == "0 to add, 3 to change, 1 to remove"
