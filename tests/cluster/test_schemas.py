"""The schema of a custom resource: what is written is pruned and validated by it."""

import pytest

from tests.cluster.admission import Invalid
from tests.cluster.answers import ApiError
from tests.cluster.client import MERGE_PATCH, Client
from tests.cluster.crds import ANIMALS, OURS, animal
from tests.cluster.protocol import Object
from tests.cluster.server import FakeCluster

VERSION_NAME = "/spec/versions/0/name"


def test_unknown_fields_are_pruned_with_a_warning(client: Client) -> None:
    answer = client.ask("POST", OURS, animal("bella", wings=2))
    assert answer.document["spec"] == {"species": "cow"}
    assert answer.headers["Warning"] == '299 - "unknown field \\"spec.wings\\""'


def test_unknown_fields_are_refused_where_that_is_asked_for(farm: FakeCluster, client: Client) -> None:
    with pytest.raises(ApiError, match=r'400 BadRequest: strict decoding error: unknown field "spec.wings"'):
        client.ask("POST", OURS, animal("bella", wings=2), fieldValidation="Strict")
    assert farm.list("animals") == []


def test_unknown_fields_are_kept_where_the_schema_says_so(farm: FakeCluster) -> None:
    farm.create(animal("bella"))
    assert farm.put_status("animals", "bella", {"any": {"thing": [1]}})["status"] == {"any": {"thing": [1]}}


def test_an_invalid_object_is_refused_with_every_cause(farm: FakeCluster, client: Client) -> None:
    farm.create(animal("bella"))
    patch = {"spec": {"species": "x" * 21, "legs": -1}}
    with pytest.raises(ApiError, match=r'422 Invalid: Animal.farm.example.com "bella" is invalid') as refused:
        client.ask("PATCH", f"{OURS}/bella", patch, form=MERGE_PATCH)
    assert [cause["field"] for cause in refused.value.details["causes"]] == ["spec.legs", "spec.species"]


def test_a_test_may_put_in_what_the_schema_refuses(farm: FakeCluster) -> None:
    garbage = animal("bella", species="x" * 21, legs="four", wings=2)
    assert farm.create(garbage, admit=False)["spec"] == garbage["spec"]


def test_what_was_wrong_before_may_stay_so(farm: FakeCluster) -> None:
    farm.create(animal("bella", species="x" * 21, legs="four"), admit=False)
    farm.patch("animals", "bella", {"metadata": {"finalizers": ["a/b"]}})
    farm.put_status("animals", "bella", {"says": "moo"})
    farm.patch("animals", "bella", {"spec": {"names": {"short": "b"}}})
    with pytest.raises(ApiError, match=r"422 Invalid: .*spec\.legs") as refused:
        farm.patch("animals", "bella", {"spec": {"legs": "five"}})
    assert len(refused.value.details["causes"]) == 1


def test_another_schema_can_be_plugged_in() -> None:
    class NoHorses:
        def __init__(self, version: Object) -> None:
            if version["name"] == "v0":
                raise Invalid([("spec.versions", "no such version")])

        def admit(self, object: Object, old: Object | None = None) -> Object:
            if old and old["spec"]["species"] != object["spec"]["species"]:
                raise Invalid([("spec.species", f"a {old['spec']['species']} it stays")])
            return {**object, "spec": {"legs": 4, **object["spec"]}}

    with FakeCluster(crds=[ANIMALS], schemas=NoHorses) as farm:
        assert farm.create(animal("bella"))["spec"]["legs"] == 4
        with pytest.raises(ApiError, match=r"spec.species: a cow it stays"):
            farm.patch("animals", "bella", {"spec": {"species": "horse"}})
        with pytest.raises(ApiError, match=r"422 Invalid: .*no such version"):
            farm.patch("crd", ANIMALS["metadata"]["name"], [{"op": "replace", "path": VERSION_NAME, "value": "v0"}])
