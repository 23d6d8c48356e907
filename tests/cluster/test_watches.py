"""Watches of the fake API server tell what those of the real one would."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from tests.cluster.answers import ApiError
from tests.cluster.client import Client
from tests.cluster.crds import ANIMALS, ANYONES, OURS, animal
from tests.cluster.protocol import Object
from tests.cluster.server import FakeCluster
from tests.cluster.test_reads import TABLE


def told(events: Iterator[Object], count: int) -> list[tuple[str, str]]:
    return [(event["type"], event["object"]["metadata"]["name"]) for event in islice(events, count)]


def version(client: Client) -> str:
    return str(client.get(OURS)["metadata"]["resourceVersion"])


def test_a_watch_tells_what_was_missed_and_what_comes(farm: FakeCluster, client: Client) -> None:
    since = version(client)
    farm.create(animal("bella"))
    farm.patch("animals", "bella", {"spec": {"legs": 3}})
    with client.watch(OURS, resourceVersion=since) as events:
        assert told(events, 2) == [("ADDED", "bella"), ("MODIFIED", "bella")]
        farm.create(animal("clara"))
        farm.delete("animals", "bella")
        assert told(events, 1) == [("ADDED", "clara")]
        deleted = next(events)
    assert deleted["type"] == "DELETED"
    assert deleted["object"]["spec"]["legs"] == 3, "as it was last"
    assert int(deleted["object"]["metadata"]["resourceVersion"]) == int(version(client)), "at the deletion's version"


@pytest.mark.parametrize("since", [{}, {"resourceVersion": "0"}], ids=["no version", "version 0"])
def test_a_watch_from_nowhere_begins_with_what_there_is(
    farm: FakeCluster, client: Client, since: dict[str, str]
) -> None:
    farm.create(animal("bella"))
    with client.watch(OURS, **since) as events:
        farm.create(animal("clara"))
        assert told(events, 2) == [("ADDED", "bella"), ("ADDED", "clara")]


def test_a_watch_is_of_one_namespace_of_all_or_of_one_name(farm: FakeCluster, client: Client) -> None:
    with client.watch(OURS) as ours, client.watch(ANYONES) as anyones, client.watch(f"{OURS}/clara") as one:
        for name, namespace in (("adele", "kube-public"), ("bella", "default"), ("clara", "default")):
            farm.create(animal(name, namespace=namespace))
        assert told(ours, 1) == [("ADDED", "bella")]
        assert told(anyones, 2) == [("ADDED", "adele"), ("ADDED", "bella")]
        assert told(one, 1) == [("ADDED", "clara")]


@pytest.mark.parametrize("replayed", [True, False])
def test_an_object_enters_and_leaves_the_selection_of_a_watch(
    farm: FakeCluster, client: Client, replayed: bool
) -> None:
    def herd(barn: str | None) -> None:
        farm.patch("animals", "bella", {"metadata": {"labels": {"barn": barn}}})

    def events_of(events: Iterator[Object]) -> list[tuple[str, str]]:
        return [(event["type"], event["object"]["metadata"]["labels"]["barn"]) for event in islice(events, 4)]

    def go() -> None:
        for barn in ("west", "east", "north", "west", "east"):
            herd(barn)
        farm.create(animal("clara"))

    farm.create(animal("bella"))
    since = version(client)
    expected = [("ADDED", "east"), ("MODIFIED", "north"), ("DELETED", "north"), ("ADDED", "east")]
    if replayed:
        go()
    with client.watch(OURS, resourceVersion=since, labelSelector="barn in (east,north)") as events:
        if not replayed:
            go()
        assert events_of(events) == expected


def test_a_write_that_changes_nothing_is_not_told(farm: FakeCluster, client: Client) -> None:
    farm.create(animal("bella", legs=4))
    with client.watch(OURS, resourceVersion=version(client)) as events:
        farm.patch("animals", "bella", {"spec": {"legs": 4}})
        farm.create(animal("clara"))
        assert told(events, 1) == [("ADDED", "clara")]


def test_the_last_finalizers_removal_is_told_as_the_deletion(farm: FakeCluster, client: Client) -> None:
    object = animal("bella")
    object["metadata"]["finalizers"] = ["a/b"]
    farm.create(object)
    with client.watch(OURS, resourceVersion=version(client)) as events:
        farm.delete("animals", "bella")
        farm.patch("animals", "bella", {"metadata": {"finalizers": []}})
        marked, gone = islice(events, 2)
    assert (marked["type"], gone["type"]) == ("MODIFIED", "DELETED")
    assert "deletionTimestamp" in marked["object"]["metadata"]


def test_a_watch_ends_when_its_time_is_over_with_a_bookmark(farm: FakeCluster, client: Client) -> None:
    with client.watch(OURS, timeoutSeconds=1, allowWatchBookmarks="true", resourceVersion=version(client)) as events:
        farm.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "elsewhere"}})
        (bookmark,) = events
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"] == {
        "kind": "Animal",
        "apiVersion": "farm.example.com/v1",
        "metadata": {"resourceVersion": version(client)},
    }


def test_bookmarks_come_regularly_to_those_who_allow_them() -> None:
    with FakeCluster(crds=[ANIMALS], bookmark_interval=0.01) as farm:
        client = Client(farm.url)
        with client.watch(OURS, allowWatchBookmarks="true") as events, client.watch(OURS) as others:
            assert [event["type"] for event in islice(events, 2)] == ["BOOKMARK", "BOOKMARK"]
            farm.create(animal("bella"))
            assert told(others, 1) == [("ADDED", "bella")]


def test_the_end_of_the_initial_events_is_marked(farm: FakeCluster, client: Client) -> None:
    farm.create(animal("bella"))
    asked = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    with client.watch(OURS, **asked) as events:
        added, bookmark = islice(events, 2)
    assert (added["type"], bookmark["type"]) == ("ADDED", "BOOKMARK")
    assert bookmark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def gone(client: Client, since: Any) -> bool:
    with client.watch(OURS, resourceVersion=since) as events:
        event = next(events)
    return event["type"] == "ERROR" and (event["object"]["code"], event["object"]["reason"]) == (410, "Expired")


def test_a_watch_cannot_go_back_beyond_the_history() -> None:
    with FakeCluster(crds=[ANIMALS], history=2) as farm:
        client = Client(farm.url)
        versions = [farm.create(animal(name))["metadata"]["resourceVersion"] for name in "abcd"]
        assert gone(client, versions[0])
        with client.watch(OURS, resourceVersion=versions[1]) as events:
            assert told(events, 2) == [("ADDED", "c"), ("ADDED", "d")]


def test_a_forgotten_history_cannot_be_resumed_and_open_watches_go_on(farm: FakeCluster, client: Client) -> None:
    last = farm.create(animal("bella"))["metadata"]["resourceVersion"]
    with client.watch(OURS, resourceVersion=last) as events:
        farm.forget_history()
        farm.create(animal("clara"))
        assert told(events, 1) == [("ADDED", "clara")]
        assert gone(client, last)


def test_a_version_to_come_cannot_be_watched_from(client: Client) -> None:
    with (
        pytest.raises(ApiError, match="504 Timeout: Too large resource version"),
        client.watch(OURS, resourceVersion=999),
    ):
        pass


def test_a_watch_may_be_of_tables(farm: FakeCluster) -> None:
    client = Client(farm.url)
    farm.create(animal("bella", legs=4))
    with client.watch(OURS, accept=TABLE) as events:
        first = next(events)
        farm.patch("animals", "bella", {"spec": {"legs": 3}})
        second = next(events)
    assert first["object"]["rows"][0]["cells"][:3] == ["bella", None, 4]
    assert first["object"]["columnDefinitions"]
    assert (second["type"], second["object"]["rows"][0]["cells"][2]) == ("MODIFIED", 3)
    assert second["object"]["columnDefinitions"] == []


def test_cut_watches_end_and_may_come_back(farm: FakeCluster, client: Client) -> None:
    since = version(client)
    with client.watch(OURS, resourceVersion=since) as events:
        farm.cut_watches()
        assert list(events) == []
    farm.create(animal("bella"))
    with client.watch(OURS, resourceVersion=since) as events:
        assert told(events, 1) == [("ADDED", "bella")]


def test_stalled_watches_stay_open_and_tell_nothing(farm: FakeCluster) -> None:
    impatient = Client(farm.url, timeout=0.2)
    with impatient.watch(OURS) as events:
        farm.stall_watches()
        farm.create(animal("bella"))
        with pytest.raises(TimeoutError):
            next(events)
        assert farm.open_watches == 1


def test_the_watch_of_a_client_that_left_is_given_up(farm: FakeCluster, client: Client) -> None:
    with client.watch(OURS):
        assert farm.open_watches == 1
    assert farm.eventually(lambda: farm.open_watches == 0)
