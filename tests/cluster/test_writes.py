"""What the fake API server makes of a write, which is what the real one would."""

import re
from typing import Any

import pytest

from tests.cluster.answers import ApiError
from tests.cluster.client import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, Client
from tests.cluster.crds import OURS, animal
from tests.cluster.protocol import Object
from tests.cluster.server import FakeCluster
from tests.fakes import Clock


def test_a_creation_fills_in_what_the_server_decides(client: Client) -> None:
    answer = client.ask("POST", OURS, animal("bella"))
    metadata = answer.document["metadata"]
    assert answer.code == 201
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert metadata["namespace"] == "default"
    assert metadata["generation"] == 1
    assert metadata["creationTimestamp"] == "2026-11-22T06:00:00Z"
    assert client.get(f"{OURS}/bella") == answer.document


def test_versions_rise_with_every_write_of_whatever_object(farm: FakeCluster) -> None:
    versions = [int(farm.create(animal(name))["metadata"]["resourceVersion"]) for name in ("bella", "clara")]
    versions.append(int(farm.patch("animals", "bella", {"spec": {"legs": 3}})["metadata"]["resourceVersion"]))
    assert versions == sorted(set(versions))


def test_a_name_is_generated_where_only_its_beginning_is_given(client: Client) -> None:
    object = animal("")
    object["metadata"] = {"generateName": "cow-"}
    assert re.fullmatch("cow-[a-z0-9]{5}", client.ask("POST", OURS, object).document["metadata"]["name"])


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "reason"),
    [
        ("POST", OURS, animal("bella"), 409, "AlreadyExists"),
        ("GET", f"{OURS}/clara", None, 404, "NotFound"),
        ("DELETE", f"{OURS}/clara", None, 404, "NotFound"),
        ("PUT", f"{OURS}/clara", animal("clara"), 404, "NotFound"),
        ("PATCH", f"{OURS}/clara", {}, 404, "NotFound"),
        ("PUT", f"{OURS}/bella", animal("clara"), 400, "BadRequest"),
        ("POST", OURS, animal("clara", namespace="other"), 400, "BadRequest"),
        ("POST", OURS.replace("default", "other"), animal("clara"), 404, "NotFound"),
        ("POST", OURS, animal("Clara"), 422, "Invalid"),
        ("POST", OURS, animal(""), 422, "Invalid"),
        ("POST", OURS, {"metadata": {"name": "clara"}}, 400, "BadRequest"),
        ("POST", OURS, [], 400, "BadRequest"),
        ("POST", OURS, {**animal("clara"), "metadata": None}, 400, "BadRequest"),
        ("POST", OURS, "x" * 3 * 1024**2, 413, "RequestEntityTooLarge"),
        ("PATCH", f"{OURS}/bella", {"metadata": None}, 400, "BadRequest"),
        ("PATCH", f"{OURS}/bella", {"metadata": {"labels": ["a"]}}, 400, "BadRequest"),
        ("PATCH", f"{OURS}/bella", {"metadata": {"annotations": {"a": 1}}}, 400, "BadRequest"),
        ("GET", OURS.replace("animals", "plants"), None, 404, "NotFound"),
        ("GET", f"{OURS}/bella/scale", None, 404, "NotFound"),
        ("PUT", OURS, animal("bella"), 405, "MethodNotAllowed"),
    ],
)
def test_what_cannot_be_done_is_refused_in_the_servers_words(
    farm: FakeCluster, client: Client, method: str, path: str, body: Any, code: int, reason: str
) -> None:
    farm.create(animal("bella"))
    form = MERGE_PATCH if method == "PATCH" else "application/json"
    with pytest.raises(ApiError) as refused:
        client.ask(method, path, body, form=form)
    assert (refused.value.code, refused.value.reason) == (code, reason)


def test_a_replacement_says_which_version_it_replaces(farm: FakeCluster, client: Client) -> None:
    old = farm.create(animal("bella"))
    new = farm.patch("animals", "bella", {"spec": {"legs": 3}})
    with pytest.raises(ApiError, match=r"409 Conflict: .* the object has been modified"):
        client.ask("PUT", f"{OURS}/bella", old)
    with pytest.raises(ApiError, match=r"422 Invalid: .*resourceVersion.*must be specified"):
        client.ask("PUT", f"{OURS}/bella", animal("bella"))
    replaced = client.ask("PUT", f"{OURS}/bella", {**new, "spec": {"species": "goat"}}).document
    assert replaced["spec"] == {"species": "goat"}


def test_a_patch_may_say_which_version_it_is_of(farm: FakeCluster) -> None:
    old = farm.create(animal("bella"))["metadata"]["resourceVersion"]
    farm.patch("animals", "bella", {"metadata": {"resourceVersion": old}, "spec": {"legs": 3}})
    with pytest.raises(ApiError, match="409 Conflict"):
        farm.patch("animals", "bella", {"metadata": {"resourceVersion": old}, "spec": {"legs": 2}})


def test_the_generation_counts_changes_of_the_spec_only(farm: FakeCluster) -> None:
    farm.create(animal("bella"))
    generations = [
        farm.patch("animals", "bella", patch, subresource=subresource)["metadata"]["generation"]
        for patch, subresource in (
            ({"metadata": {"labels": {"a": "b"}}}, ""),
            ({"status": {"says": "moo"}}, "status"),
            ({"spec": {"legs": 3}}, ""),
            ({"metadata": {"generation": 9}}, ""),
        )
    ]
    assert generations == [1, 1, 2, 2]


def test_status_and_the_rest_are_written_apart(farm: FakeCluster) -> None:
    assert "status" not in farm.create({**animal("bella"), "status": {"says": "no"}})
    farm.patch("animals", "bella", {"status": {"says": "moo"}}, subresource="status")
    assert farm.patch("animals", "bella", {"status": {"says": "no"}, "spec": {"legs": 3}})["status"] == {"says": "moo"}

    everything = {
        "metadata": {"labels": {"a": "b"}, "finalizers": ["a/b"]},
        "spec": {"legs": 1},
        "status": {"is": "in"},
    }
    after = farm.patch("animals", "bella", everything, subresource="status")
    assert after["status"] == {"says": "moo", "is": "in"}
    assert after["spec"] == {"species": "cow", "legs": 3}
    assert {"labels", "finalizers"}.isdisjoint(after["metadata"])


def test_the_status_endpoint_checks_versions_too(farm: FakeCluster, client: Client) -> None:
    old = farm.create(animal("bella"))
    farm.patch("animals", "bella", {"spec": {"legs": 3}})
    with pytest.raises(ApiError, match="409 Conflict"):
        client.ask("PUT", f"{OURS}/bella/status", {**old, "status": {"says": "moo"}})


def test_a_merge_patch_deletes_by_null_and_replaces_lists(farm: FakeCluster) -> None:
    farm.create(animal("bella", names={"short": "b", "long": "bellissima"}))
    farm.put_status("animals", "bella", {"seen": [1, 2]})
    assert farm.patch("animals", "bella", {"spec": {"names": {"long": None}}})["spec"]["names"] == {"short": "b"}
    assert farm.patch("animals", "bella", {"status": {"seen": [3]}}, subresource="status")["status"] == {"seen": [3]}


def test_a_json_patch_is_done_in_full_or_not_at_all(farm: FakeCluster, client: Client) -> None:
    version = farm.create(animal("bella"))["metadata"]["resourceVersion"]
    add = {"op": "add", "path": "/metadata/finalizers", "value": ["a/b"]}
    test = {"op": "test", "path": "/metadata/resourceVersion", "value": version}
    patched = client.ask("PATCH", f"{OURS}/bella", [test, add], form=JSON_PATCH).document
    assert patched["metadata"]["finalizers"] == ["a/b"]
    for operation in (test, {"op": "remove", "path": "/spec/wings"}):
        with pytest.raises(ApiError, match="422 Invalid: the server rejected our request due to an error in our"):
            client.ask("PATCH", f"{OURS}/bella", [{"op": "remove", "path": "/spec"}, operation], form=JSON_PATCH)
    assert farm.get("animals", "bella") == patched


@pytest.mark.parametrize(
    ("form", "code"),
    [("application/strategic-merge-patch+json", 415), ("text/plain", 415), (JSON_PATCH, 400), (MERGE_PATCH, 400)],
)
def test_a_patch_in_a_wrong_form_is_refused(farm: FakeCluster, client: Client, form: str, code: int) -> None:
    farm.create(animal("bella"))
    body: Any = [] if form == MERGE_PATCH else {}
    with pytest.raises(ApiError, match=f"^{code} "):
        client.ask("PATCH", f"{OURS}/bella", body, form=form)


def test_an_apply_creates_merges_and_removes_what_its_manager_dropped(farm: FakeCluster, client: Client) -> None:
    def apply(manager: str, **spec: Any) -> Any:
        wanted = {**animal("bella"), "spec": spec}
        return client.ask("PATCH", f"{OURS}/bella", wanted, form=APPLY_PATCH, fieldManager=manager)

    assert apply("me", species="cow", names={"a": "1", "b": "2"}).code == 201
    farm.patch("animals", "bella", {"spec": {"legs": 3}})
    answer = apply("me", species="cow", names={"a": "1"})
    assert answer.code == 200
    assert answer.document["spec"] == {"species": "cow", "legs": 3, "names": {"a": "1"}}
    assert apply("other", legs=4).document["spec"]["names"] == {"a": "1"}
    with pytest.raises(ApiError, match="fieldManager"):
        apply("")


def test_a_write_that_changes_nothing_is_no_write(farm: FakeCluster) -> None:
    before = farm.create(animal("bella", legs=4))
    assert farm.patch("animals", "bella", {"spec": {"legs": 4}, "metadata": {"labels": {}}}) == before
    assert farm.replace(before) == before
    assert farm.patch("animals", "bella", {"spec": {"legs": 4}}, subresource="status") == before


def test_a_dry_run_answers_and_writes_nothing(farm: FakeCluster, client: Client) -> None:
    assert client.ask("POST", OURS, animal("bella"), dryRun="All").code == 201
    before = farm.create(animal("bella"))
    patched = client.ask("PATCH", f"{OURS}/bella", {"spec": {"legs": 3}}, form=MERGE_PATCH, dryRun="All").document
    client.ask("DELETE", f"{OURS}/bella", dryRun="All")
    assert patched["spec"]["legs"] == 3
    assert farm.get("animals", "bella") == before


def test_finalizers_keep_a_deleted_object_until_they_are_gone(farm: FakeCluster, client: Client, clock: Clock) -> None:
    farm.create(held("bella", "a/b", "c/d"))
    clock.advance(hours=1)
    marked = client.ask("DELETE", f"{OURS}/bella").document
    assert marked["metadata"]["deletionTimestamp"] == "2026-11-22T07:00:00Z"
    assert marked["metadata"]["generation"] == 2
    clock.advance(hours=1)
    assert client.ask("DELETE", f"{OURS}/bella").document == marked, "once marked it stays as it is"

    without_one = farm.patch("animals", "bella", {"metadata": {"finalizers": ["c/d"]}})
    assert farm.get("animals", "bella") == without_one
    farm.patch("animals", "bella", {"metadata": {"finalizers": None}})
    assert farm.list("animals") == []


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"finalizers": ["a/b", "e/f"]}, id="a new finalizer while it is deleted"),
        pytest.param({"uid": "another"}, id="another uid"),
        pytest.param({"name": "clara"}, id="another name"),
    ],
)
def test_what_may_not_change_is_refused(farm: FakeCluster, metadata: Object) -> None:
    farm.create(held("bella", "a/b"))
    farm.delete("animals", "bella")
    with pytest.raises(ApiError, match="422 Invalid"):
        farm.patch("animals", "bella", {"metadata": metadata})


@pytest.mark.parametrize("field", ["deletionTimestamp", "creationTimestamp", "deletionGracePeriodSeconds"])
def test_the_servers_own_fields_cannot_be_removed(farm: FakeCluster, field: str) -> None:
    farm.create(held("bella", "a/b"))
    farm.delete("animals", "bella")
    before = farm.get("animals", "bella")
    assert farm.patch("animals", "bella", {"metadata": {field: None}}) == before


def test_a_deletion_may_say_what_it_is_of(farm: FakeCluster, client: Client) -> None:
    uid = farm.create(animal("bella"))["metadata"]["uid"]
    with pytest.raises(ApiError, match=r"409 Conflict: .*Precondition failed: UID"):
        client.ask("DELETE", f"{OURS}/bella", {"preconditions": {"uid": "another"}})
    done = client.ask("DELETE", f"{OURS}/bella", {"preconditions": {"uid": uid}}).document
    assert (done["status"], done["details"]["uid"]) == ("Success", uid)


def test_a_collection_is_deleted_by_selector(farm: FakeCluster, client: Client) -> None:
    for name, species in (("bella", "cow"), ("gruff", "goat"), ("clara", "cow")):
        farm.create(animal(name, species))
    gone = client.ask("DELETE", OURS, fieldSelector="spec.species=cow").document
    assert [item["metadata"]["name"] for item in gone["items"]] == ["bella", "clara"]
    assert [item["metadata"]["name"] for item in farm.list("animals")] == ["gruff"]


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param({"labels": {"a": "not a value"}}, id="a label's value with a space"),
        pytest.param({"labels": {"a": "x" * 64}}, id="a label's value of 64 characters"),
        pytest.param({"labels": {"a b": "c"}}, id="a label's key with a space"),
        pytest.param({"annotations": {"-": "c"}}, id="an annotation's key without a letter"),
        pytest.param({"annotations": {"a": "x" * 262_144}}, id="annotations of more than 256 KiB"),
    ],
)
def test_metadata_has_its_own_rules(farm: FakeCluster, metadata: Object) -> None:
    farm.create(animal("bella"))
    with pytest.raises(ApiError, match="422 Invalid"):
        farm.patch("animals", "bella", {"metadata": metadata})


def test_an_object_that_is_too_large_for_etcd_is_refused(farm: FakeCluster) -> None:
    farm.create(animal("bella"))
    with pytest.raises(ApiError, match="request is too large"):
        farm.put_status("animals", "bella", {"says": "m" + "o" * 1_572_864})


def test_an_event_is_about_an_object_of_its_own_namespace_and_says_who_reports(client: Client) -> None:
    path = "/api/v1/namespaces/default/events"
    event = {"metadata": {"generateName": "e-"}, "involvedObject": {"namespace": "default", "name": "bella"}}
    assert client.ask("POST", path, event).code == 201
    for wrong in ({"involvedObject": {"namespace": "kube-system"}}, {"eventTime": "2026-11-22T06:00:00.000000Z"}):
        with pytest.raises(ApiError, match="422 Invalid"):
            client.ask("POST", path, {**event, **wrong})


def held(name: str, *finalizers: str) -> Object:
    object = animal(name)
    object["metadata"]["finalizers"] = list(finalizers)
    return object
