"""Lists, selectors and tables of the fake API server, which are what the real one's would be."""

from datetime import timedelta
from typing import Any

import pytest

from tests.cluster import jsonpath
from tests.cluster.answers import ApiError
from tests.cluster.client import Client
from tests.cluster.crds import ANYONES, OURS, animal
from tests.cluster.protocol import ANYWHERE, Object
from tests.cluster.server import FakeCluster
from tests.cluster.tables import age

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def names(document: Any) -> list[str]:
    return [item["metadata"]["name"] for item in document["items"]]


def test_a_list_is_of_one_namespace_or_of_all_in_order(farm: FakeCluster, client: Client) -> None:
    for name, namespace in (("clara", "default"), ("bella", "default"), ("adele", "kube-public")):
        farm.create(animal(name, namespace=namespace))
    ours = client.get(OURS)
    assert (ours["kind"], names(ours)) == ("AnimalList", ["bella", "clara"])
    assert names(client.get(ANYONES)) == ["bella", "clara", "adele"]
    assert [item["metadata"]["name"] for item in farm.list("animals", namespace=ANYWHERE)] == [
        "bella",
        "clara",
        "adele",
    ]


def test_the_pages_of_a_list_show_one_moment(farm: FakeCluster, client: Client) -> None:
    for name in "abcde":
        farm.create(animal(name))
    first = client.get(OURS, limit=2)
    farm.create(animal("bb"))
    farm.patch("animals", "d", {"spec": {"legs": 3}})
    farm.delete("animals", "c")
    second = client.get(OURS, limit=2, **{"continue": first["metadata"]["continue"]})
    third = client.get(OURS, limit=2, **{"continue": second["metadata"]["continue"]})
    assert [names(page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
    assert "legs" not in second["items"][1]["spec"]
    assert first["metadata"]["remainingItemCount"] == 3
    assert "continue" not in third["metadata"]
    assert {page["metadata"]["resourceVersion"] for page in (first, second, third)} == {
        first["metadata"]["resourceVersion"]
    }


def test_a_list_cannot_be_continued_once_its_moment_is_forgotten(farm: FakeCluster, client: Client) -> None:
    for name in "ab":
        farm.create(animal(name))
    more = client.get(OURS, limit=1)["metadata"]["continue"]
    farm.forget_history()
    with pytest.raises(ApiError, match="410 Expired: The provided continue parameter is too old"):
        client.get(OURS, limit=1, **{"continue": more})


@pytest.mark.parametrize(
    ("labels", "selected"),
    [
        ("barn=east", ["a"]),
        ("barn==east", ["a"]),
        ("barn!=east", ["b", "c"]),
        ("barn in (east, west)", ["a", "b"]),
        ("barn notin (east)", ["b", "c"]),
        ("barn", ["a", "b"]),
        ("!barn", ["c"]),
        ("barn,size>1", ["b"]),
        ("size<2", ["a"]),
        ("barn in (east,west),size=1", ["a"]),
    ],
)
def test_a_list_selects_by_labels(farm: FakeCluster, client: Client, labels: str, selected: list[str]) -> None:
    for name, given in (("a", {"barn": "east", "size": "1"}), ("b", {"barn": "west", "size": "2"}), ("c", {})):
        object = animal(name)
        object["metadata"]["labels"] = given
        farm.create(object)
    assert names(client.get(OURS, labelSelector=labels)) == selected


@pytest.mark.parametrize(
    ("fields", "selected"),
    [
        ("metadata.name=bella", ["bella"]),
        ("metadata.name!=bella,metadata.namespace=default", ["gruff"]),
        ("spec.species=goat", ["gruff"]),
        ("metadata.namespace=kube-public", []),
    ],
)
def test_a_list_selects_by_fields(farm: FakeCluster, client: Client, fields: str, selected: list[str]) -> None:
    farm.create(animal("bella", "cow"))
    farm.create(animal("gruff", "goat"))
    assert names(client.get(OURS, fieldSelector=fields)) == selected


@pytest.mark.parametrize(
    "selector", [{"fieldSelector": "spec.legs=4"}, {"fieldSelector": "nonsense"}, {"labelSelector": "a b"}]
)
def test_a_selector_that_is_not_understood_is_refused(client: Client, selector: dict[str, str]) -> None:
    with pytest.raises(ApiError, match=r"^400 BadRequest"):
        client.get(OURS, **selector)


def test_a_version_to_come_is_too_large(client: Client) -> None:
    with pytest.raises(ApiError, match="504 Timeout: Too large resource version"):
        client.get(OURS, resourceVersion=999)


def test_a_table_has_the_printer_columns(farm: FakeCluster, client: Client, clock: Any) -> None:
    farm.create(animal("bella", legs=4))
    farm.put_status("animals", "bella", {"conditions": [condition("Fed", "False"), condition("Ready", "True")]})
    farm.create(animal("clara"))
    clock.advance(days=41)
    table = client.ask("GET", OURS, accept=TABLE).document
    columns = [(column["name"], column["priority"]) for column in table["columnDefinitions"]]
    assert columns == [("Name", 0), ("Ready", 0), ("Legs", 0), ("Age", 0), ("Species", 1)]
    assert [row["cells"] for row in table["rows"]] == [
        ["bella", "True", 4, "41d", "cow"],
        ["clara", None, None, "41d", "cow"],
    ]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    one = client.ask("GET", f"{OURS}/bella", accept=TABLE, includeObject="Object").document
    assert one["rows"][0]["object"]["spec"] == {"species": "cow", "legs": 4}


def condition(type: str, status: str) -> Object:
    return {"type": type, "status": status}


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (timedelta(seconds=119), "119s"),
        (timedelta(minutes=2), "2m"),
        (timedelta(minutes=9, seconds=5), "9m5s"),
        (timedelta(minutes=179), "179m"),
        (timedelta(hours=7, minutes=30), "7h30m"),
        (timedelta(hours=47), "47h"),
        (timedelta(days=7, hours=3), "7d3h"),
        (timedelta(days=700), "700d"),
        (timedelta(days=800), "2y70d"),
        (timedelta(days=-1), "0s"),
    ],
)
def test_an_age_is_told_as_kubectl_tells_it(span: timedelta, shown: str) -> None:
    assert age(span) == shown


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".a.b", [1]),
        ("{.a.b}", [1]),
        (".a['x.y']", [2]),
        (r".a.x\.y", [2]),
        (".list[0].is", ["first"]),
        (".list[-1].is", ["last"]),
        (".list[*].is", ["first", "last"]),
        ('.list[?(@.is=="last")].of', [[3]]),
        (".absent.b", []),
        (".list[9]", []),
    ],
)
def test_the_paths_of_columns_are_followed(path: str, found: list[Any]) -> None:
    document = {"a": {"b": 1, "x.y": 2}, "list": [{"is": "first"}, {"is": "last", "of": [3]}]}
    assert jsonpath.find(document, path) == found
