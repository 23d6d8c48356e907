"""An API server that does not do as it should: the work goes on as soon as it can."""

import copy

import kopf
import pytest

from controller.cluster import api
from controller.domain.custom_resource import FINALIZER
from controller.entrypoints import cluster_operator
from tests.cluster.conftest import customers_crd
from tests.cluster.server import FakeCluster
from tests.operator.conftest import ROLE, StartInThread
from tests.operator.world import BUDGET, World, manifest

CRDS, CRD = "customresourcedefinitions", "customers.billing.daylily.io"


def test_what_was_changed_while_the_api_server_was_away_is_caught_up_with(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    world.add("acme")
    world.add("gone", deletionPolicy="Delete")
    world.add("other")
    operator = start()
    world.wait_ready("acme", "gone", "other")

    fake.down()
    world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
    world.cluster.delete("customers", "gone")
    world.add("beta")
    world.eventually(lambda: "could not be read or renewed" in operator.log)
    fake.up()

    world.wait_ready("acme", "beta")
    world.wait_gone("gone")
    assert world.limit("acme") == "1000.0"
    assert world.limit("gone") == ""


def test_what_was_done_while_the_api_server_was_away_is_told_later(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    world.add("acme")
    start()
    world.wait_ready("acme")
    world.sandbox.latency = 0.1

    world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
    world.eventually(lambda: bool(world.calls("UpdateBudget")))
    fake.down()
    world.sandbox.latency = 0
    world.eventually(lambda: world.limit("acme") == "1000.0" and not world.leases_held())
    fake.up()

    world.wait_ready("acme")
    assert world.status("acme")["usage"]["limit"] == "1000.00"


def test_a_watch_that_is_cut_is_taken_up_again(world: World, start: StartInThread, fake: FakeCluster) -> None:
    world.add("acme")
    start()
    world.wait_ready("acme")
    fake.cut_watches()
    world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
    world.wait_ready("acme")
    assert world.limit("acme") == "1000.0"


def test_a_watch_that_is_too_old_begins_anew(world: World, start: StartInThread, fake: FakeCluster) -> None:
    world.add("acme")
    start()
    world.wait_ready("acme")

    fake.down()
    world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
    world.add("beta")
    fake.forget_history()
    fake.up()

    world.wait_ready("acme", "beta")
    assert world.limit("acme") == "1000.0"


def test_what_vanished_unseen_is_forgotten(world: World, start: StartInThread, fake: FakeCluster) -> None:
    """Somebody removed the finalizer by hand, while the watch was away for longer than the history reaches back."""
    world.add("acme")
    world.add("beta")
    operator = start(resync=0.5)
    world.wait_ready("acme", "beta")

    fake.down()
    world.cluster.patch("customers", "acme", {"metadata": {"finalizers": None}})
    world.cluster.delete("customers", "acme")
    fake.forget_history()
    fake.up()

    world.eventually(lambda: operator.metric("reconcile_resources") == 1)
    assert operator.metric("reconcile_failing_customers") == 0


def test_who_was_kept_out_by_what_vanished_unseen_takes_over(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    world.add("acme")
    world.later()
    start(resync=0.5)
    world.wait_ready("acme")
    world.cluster.create({**manifest("newer"), "spec": manifest("acme")["spec"]})
    world.wait_for("newer", "False", "Duplicate")

    fake.down()
    world.cluster.patch("customers", "acme", {"metadata": {"finalizers": None}})
    world.cluster.delete("customers", "acme")
    fake.forget_history()
    fake.up()

    world.wait_ready("newer")


def test_nothing_is_done_for_anybody_before_all_are_known(
    world: World, start: StartInThread, fake: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two that claim the same, the newer one stands on the first of many pages, and the older one on the last."""
    monkeypatch.setattr(api, "PAGE", 1)
    kopf_settings = cluster_operator._kopf_settings

    def one_by_one() -> kopf.OperatorSettings:
        settings = kopf_settings()
        settings.watching.chunk_size = 1
        return settings

    monkeypatch.setattr(cluster_operator, "_kopf_settings", one_by_one)
    world.has_bucket("older")
    world.cluster.create({**manifest("z-older"), "spec": manifest("older")["spec"]})
    world.later()
    for name in ("a-newer", "b-newer", "c-newer"):
        spec = {**manifest("older")["spec"], "displayName": "Newer"}
        world.cluster.create({**manifest(name), "spec": spec})
    fake.latency = 0.2
    start()
    world.wait_ready("z-older")
    fake.latency = 0

    world.wait_for("a-newer", "False", "Duplicate")
    assert world.record("older")["customer_name"] == {"S": "Older"}
    world.wait_for_event("a-newer", "Duplicate")
    assert world.events("a-newer") == ["Duplicate"]
    assert len(world.calls("CreateBudget")) == 1
    assert not world.calls("UpdateBudget")


@pytest.mark.parametrize(("status", "times"), [(409, 2), (429, 2), (500, 9), (503, 9)])
def test_patches_that_are_refused_for_a_while_are_made_again(
    world: World, start: StartInThread, fake: FakeCluster, status: int, times: int
) -> None:
    """Nine is more than the tries of one write."""
    world.add("acme")
    fake.fail_next(times, verb="patch", path_contains="customers", status=status)
    start()
    world.wait_ready("acme")
    assert world.limit("acme") == "500.0"
    assert len(world.calls("CreateBudget")) == 1


@pytest.mark.parametrize("others", [[], ["example.com/theirs"]], ids=["alone", "with another"])
def test_a_write_whose_answer_was_lost_is_made_once(
    world: World, start: StartInThread, fake: FakeCluster, others: list[str]
) -> None:
    world.has_bucket("acme")
    acme = manifest("acme")
    acme["metadata"]["finalizers"] = others
    world.cluster.create(acme)
    fake.lose_next(1, verb="patch", path_contains="customers/acme")
    start()
    world.wait_ready("acme")
    assert world.get("acme")["metadata"]["finalizers"] == [*others, FINALIZER]


def test_a_finalizer_that_somebody_else_adds_meanwhile_is_kept(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    fake.latency = 0.3
    world.add("acme")
    start()
    world.eventually(lambda: bool(world.calls("Query")))
    world.eventually(lambda: fake.requests.count("patch", resource="customers") > 0)
    world.cluster.patch("customers", "acme", {"metadata": {"finalizers": ["example.com/theirs"]}})
    fake.latency = 0
    world.wait_ready("acme")
    assert set(world.get("acme")["metadata"]["finalizers"]) == {"example.com/theirs", FINALIZER}


def test_it_waits_for_the_definition_of_a_customer(world: World, start: StartInThread, fake: FakeCluster) -> None:
    fake.delete(CRDS, CRD)
    operator = start()
    world.eventually(lambda: fake.requests.count("list", resource="customers", user="operator") > 2)
    assert operator.alive

    fake.create(customers_crd())
    world.add("acme")
    world.wait_ready("acme")


def test_without_the_definition_it_ends_and_the_next_start_waits_for_it(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    """With a definition go all customers of the cluster; what they had in AWS stays."""
    world.add("acme")
    operator = start()
    world.wait_ready("acme")
    world.cluster.patch("customers", "acme", {"metadata": {"finalizers": None}})
    fake.delete(CRDS, CRD)
    fake.cut_watches()
    assert operator.wait() == 1

    start()
    fake.create(customers_crd())
    world.cluster.create(manifest("acme", budget={**BUDGET, "monthlyLimit": 1000}))
    world.wait_ready("acme")
    assert world.limit("acme") == "1000.0"


def test_with_an_older_definition_what_it_knows_is_written_once(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    crd = copy.deepcopy(customers_crd())
    told = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    for field in ("gate", "resources", "usage", "nextCheck"):
        del told[field]
    fake.delete(CRDS, CRD)
    fake.create(crd)
    for name in ("acme", "beta"):
        world.add(name)
    operator = start(resync=0.2)
    world.wait_ready("acme", "beta")
    operator.wait_for_passes(2)
    fake.requests.clear()
    operator.wait_for_passes(5)

    assert fake.requests.count("patch", resource="customers", user="operator") == 0
    assert "gate" not in world.get("acme")["status"]
    assert "Apply schemas/customer.crd.yaml" in operator.log


def test_all_rights_of_the_role_are_used_and_no_other_is_needed(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    world.add("acme", deletionPolicy="Delete")
    operator = start(collect=3600.0)
    world.wait_ready("acme")
    world.change("acme", budget={**BUDGET, "monthlyLimit": 1000})
    world.wait_ready("acme")
    world.cluster.delete("customers", "acme")
    world.wait_gone("acme")
    operator.stop()

    asked = [one for one in fake.requests if one.user == "operator" and one.plural]
    used = {(one.verb, one.plural, one.subresource) for one in asked}
    allowed = {(verb, *_split(resource)) for rule in ROLE for resource in rule["resources"] for verb in rule["verbs"]}
    assert used == allowed
    assert {one.namespace for one in asked} == {fake.namespace}
    assert fake.answers[403] == 0


def test_where_events_may_not_be_posted_all_else_is_done(world: World, start: StartInThread, fake: FakeCluster) -> None:
    fake.fail_next(100, verb="create", path_contains="events", status=403)
    world.add("acme")
    operator = start()
    world.wait_ready("acme")
    assert world.limit("acme") == "500.0"
    world.eventually(lambda: "was not posted" in operator.log)


def test_where_statuses_may_not_be_written_it_is_not_tried_without_end(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    world.add("acme")
    fake.fail_next(1000, verb="patch", path_contains="status", status=403)
    operator = start()
    operator.wait_for_passes(2)
    assert fake.requests.count("patch", subresource="status") <= operator.passes + 1
    assert world.limit("acme") == "500.0"
    fake.heal()
    world.wait_ready("acme")


def _split(resource: str) -> tuple[str, str]:
    plural, _, subresource = resource.partition("/")
    return plural, subresource
