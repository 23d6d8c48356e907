"""Resources as nobody should write them: told, and no harm to anybody else."""

import copy
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.cluster import Object
from tests.cluster.server import FakeCluster
from tests.operator.conftest import SkewedClock, StartInThread
from tests.operator.world import BUDGET, World, bucket, condition, manifest, message

LONG = "x" * 700_000

GARBAGE: dict[str, Any] = {
    "text": "a spec",
    "number": 5,
    "truth": True,
    "list": [1, "two", {"three": 3}],
    "empty": {},
    "only-numbers": {"customerId": 5, "displayName": 1.5, "email": 2, "storage": 3, "budget": 4},
    "id-list": {"customerId": ["list"], "displayName": {}, "email": []},
    "buckets-text": {"storage": {"buckets": "my-bucket"}},
    "buckets-numbers": {"storage": {"buckets": [1, None, ["x"], {"name": 5}, {"name": None}]}},
    "budget-words": {"budget": {"monthlyLimit": "a lot", "alerts": "all"}},
    "budget-negative": {"budget": {"monthlyLimit": -1, "alerts": [{"atPercent": -5, "notify": ["pigeon"]}]}},
    "budget-huge": {"budget": {"monthlyLimit": 10**400}},
    "long": {"displayName": LONG, "email": LONG},
    "long-id": {"customerId": LONG * 2},
    "emojis": {"customerId": "🧬🧬", "displayName": "🧬" * 500, "email": "🧬@🧬.example"},
    "control": {"customerId": "a\x00b\x1b[31m", "displayName": "line\nbreak\r\x07", "email": "a\tb@example.com"},
    "right-to-left": {"customerId": "\u202eabc", "email": "a\u200b@example.com"},
    "deep": {"storage": json.loads("[" * 200 + "]" * 200)},
    "policy": {"deletionPolicy": "Perhaps", "suspend": "maybe"},
    "account": {"account": "unknown"},
}


def test_garbage_is_told_in_the_status_and_harms_nobody_else(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    world.add("acme")
    for name, spec in GARBAGE.items():
        fake.create(with_spec(name, spec), admit=False)
    operator = start(resync=0.3)
    world.add("beta")

    world.wait_ready("acme", "beta")
    for name in GARBAGE:
        told = world.wait_for(name, "False", "InvalidSpec")
        world.status(name)
        assert condition(told, "Stalled")[0] == "True"
        assert message(told).strip()
        assert message(told).isprintable()
        assert not world.has_finalizer(name)
    assert world.stored() == {"acme", "beta"}
    assert "raceback" not in operator.log

    operator.wait_for_passes(1)
    fake.requests.clear()
    operator.wait_for_passes(3)
    assert fake.requests.count("patch", "create", resource="customers", user="operator") == 0
    assert fake.requests.count("create", resource="events", user="operator") == 0


def test_what_has_no_spec_cannot_be_told_so_and_harms_nobody_else(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    """An API server takes no status for it: its required field is missing."""
    without = manifest("without")
    del without["spec"]
    fake.create(without, admit=False)
    fake.create({**manifest("null"), "spec": None}, admit=False)
    world.add("acme")
    operator = start()
    world.wait_ready("acme")
    world.eventually(lambda: all(f"{name} was not written" in operator.log for name in ("without", "null")))
    assert world.stored() == {"acme"}
    assert "raceback" not in operator.log
    world.cluster.delete("customers", "without")
    assert not world.exists("without")


def test_garbage_can_be_mended_and_deleted(world: World, start: StartInThread, fake: FakeCluster) -> None:
    world.has_bucket("mended")
    for name in ("mended", "deleted"):
        fake.create(with_spec(name, "a spec"), admit=False)
    start()
    world.wait_for("mended", "False", "InvalidSpec")
    world.wait_for("deleted", "False", "InvalidSpec")

    fake.replace({**world.get("mended"), "spec": manifest("mended")["spec"]})
    world.cluster.delete("customers", "deleted")

    world.wait_ready("mended")
    assert not world.exists("deleted")


def test_a_good_resource_that_turns_to_garbage_keeps_what_it_has(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    world.add("acme")
    start()
    world.wait_ready("acme")
    world.sandbox.clear_requests()

    fake.replace({**world.get("acme"), "spec": "garbage"}, admit=False)
    world.wait_for("acme", "False", "InvalidSpec")
    assert world.writes == []
    assert [one["state"] for one in world.status("acme")["resources"]] == ["InSync"] * 4

    world.cluster.delete("customers", "acme")
    world.wait_gone("acme")


@pytest.mark.parametrize(
    "edited",
    [
        {"observedGeneration": 0, "message": "by hand"},
        {"conditions": []},
        {"message": "garbage", "gate": {"state": "Open"}, "usage": {"spent": "0.00"}},
        {},
    ],
)
def test_a_status_that_was_edited_by_hand_is_put_right(
    world: World, start: StartInThread, edited: dict[str, Any]
) -> None:
    world.add("acme")
    start()
    world.wait_ready("acme")
    before = world.status("acme")

    world.cluster.put_status("customers", "acme", edited)
    world.wait_ready("acme")

    assert without_times(world.status("acme")) == without_times(before)


@pytest.mark.parametrize("status", ["text", 5, ["list"], {"conditions": "all good"}, {"conditions": [1, {"type": 5}]}])
def test_a_status_of_garbage_is_put_right(world: World, start: StartInThread, fake: FakeCluster, status: Any) -> None:
    world.has_bucket("acme")
    fake.create(manifest("acme"))
    fake.patch(
        "customers", "acme", [{"op": "add", "path": "/status", "value": status}], subresource="status", admit=False
    )
    start()
    world.wait_ready("acme")
    world.status("acme")


@pytest.mark.parametrize("what", ["customerId", "bucket"])
@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_of_two_that_claim_the_same_the_older_has_it_and_the_newer_takes_over_when_it_goes(
    world: World, start: StartInThread, cluster_clock: SkewedClock, what: str, policy: str
) -> None:
    world.has_bucket("older")
    world.has_bucket("newer")
    world.add("other")
    world.add("another")
    world.cluster.create(manifest("older", deletionPolicy=policy))
    cluster_clock.ahead += timedelta(seconds=5)
    world.cluster.create(rival(what, "older"))
    start()
    world.wait_ready("older", "other", "another")
    told = world.wait_for("newer", "False", "Duplicate")

    assert message(told).startswith(f"{what} older")
    assert f"{world.cluster.namespace}/older" in message(told)
    assert not world.has_finalizer("newer")
    assert world.record("older")["customer_name"] == {"S": "Older"}
    assert world.tags("older")["daylily:customer_id"] == "older"
    assert "daylily:customer_id" not in world.tags("newer")

    world.cluster.delete("customers", "older")
    world.wait_gone("older")
    world.wait_ready("newer")
    id_ = "older" if what == "customerId" else "newer"
    assert world.record(id_)["customer_name"] == {"S": "Newer"}
    assert world.limit(id_) == "500.0"


def test_the_newer_takes_over_what_the_older_drops(
    world: World, start: StartInThread, cluster_clock: SkewedClock
) -> None:
    world.add("older")
    world.has_bucket("another")
    cluster_clock.ahead += timedelta(seconds=5)
    world.cluster.create(rival("bucket", "older"))
    start()
    world.wait_ready("older")
    world.wait_for("newer", "False", "Duplicate")

    world.change("older", storage={"buckets": [{"name": bucket("another"), "region": "us-west-2"}]})
    world.wait_ready("older", "newer")
    assert world.tags("older")["daylily:customer_id"] == "newer"
    assert world.tags("another")["daylily:customer_id"] == "older"


def test_the_newer_goes_without_harm_to_the_older(
    world: World, start: StartInThread, cluster_clock: SkewedClock
) -> None:
    world.add("older", deletionPolicy="Delete")
    cluster_clock.ahead += timedelta(seconds=5)
    newer = rival("customerId", "older")
    newer["spec"]["deletionPolicy"] = "Delete"
    newer["metadata"]["finalizers"] = ["billing.daylily.io/finalizer"]
    world.cluster.create(newer)
    start()
    world.wait_ready("older")
    world.wait_for("newer", "False", "Duplicate")
    world.sandbox.clear_requests()

    world.cluster.delete("customers", "newer")
    world.wait_gone("newer")
    assert world.writes == []
    assert world.limit("older") == "500.0"


def test_an_older_one_that_comes_to_claim_what_a_newer_one_has_does_not_get_it(
    world: World, start: StartInThread, cluster_clock: SkewedClock
) -> None:
    """Both are told; which of the two is wrong nobody can know."""
    world.add("older")
    cluster_clock.ahead += timedelta(seconds=5)
    world.add("newer")
    start()
    world.wait_ready("older", "newer")

    world.change("older", storage={"buckets": [{"name": bucket("newer"), "region": "us-west-2"}]})
    world.wait_for("older", "False")
    world.ask("newer")
    assert world.tags("newer")["daylily:customer_id"] == "newer"
    assert world.condition("newer") == ("False", "Duplicate")


def test_a_customer_id_that_was_renamed_by_force_is_told_and_can_be_named_back(
    world: World, start: StartInThread, fake: FakeCluster
) -> None:
    world.add("acme")
    start()
    world.wait_ready("acme")

    fake.patch("customers", "acme", {"spec": {"customerId": "renamed"}}, admit=False)
    world.wait_for("acme", "False")
    assert world.limit("acme") == "500.0"
    assert world.tags("acme")["daylily:customer_id"] == "acme"

    fake.patch("customers", "acme", {"spec": {"customerId": "acme"}}, admit=False)
    world.wait_ready("acme")


def test_clocks_that_differ_do_no_harm(
    world: World, start: StartInThread, fake: FakeCluster, cluster_clock: SkewedClock
) -> None:
    cluster_clock.ahead = timedelta(days=400)
    world.add("acme")
    start()
    world.wait_ready("acme")
    cluster_clock.ahead = timedelta(days=-400)
    world.add("beta", deletionPolicy="Delete")
    world.add("gamma")
    world.wait_ready("beta", "gamma")
    world.cluster.delete("customers", "beta")
    world.wait_gone("beta")
    assert world.limit("beta") == ""


def test_many_changes_at_once_are_few_passes_and_the_last_one_wins(world: World, start: StartInThread) -> None:
    world.add("acme")
    operator = start()
    world.wait_ready("acme")
    before = operator.passes

    for limit in range(1, 201):
        world.change("acme", budget={**BUDGET, "monthlyLimit": limit})
    world.wait_ready("acme")

    assert world.limit("acme") == "200.0"
    assert operator.passes - before <= 20
    assert len(world.calls("UpdateBudget")) <= 20


def rival(what: str, other: str) -> Object:
    """A resource `newer` that claims the customer id, or the bucket, of another one."""
    newer = manifest("newer")
    if what == "customerId":
        newer["spec"]["customerId"] = other
    else:
        newer["spec"]["storage"]["buckets"][0]["name"] = bucket(other)
    return newer


def with_spec(name: str, spec: Any) -> Object:
    found = {**manifest(name), "spec": spec}
    if isinstance(spec, dict) and spec:  # a good one but for this
        found["spec"] = {**manifest(name)["spec"], **spec}
    return found


def without_times(status: dict[str, Any]) -> dict[str, Any]:
    found = copy.deepcopy(status)
    found.get("usage", {}).pop("asOf", None)
    for one in found.get("conditions", ()):
        one.pop("lastTransitionTime")
    return found
