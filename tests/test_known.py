"""What is known of the cluster: what a person did is due, what we did is not."""

from typing import Any

import pytest

from controller.domain.custom_resource import from_body, packed
from controller.known import Known
from tests.resources import body, resource

NAME = resource("acme").name


def test_what_is_new_is_due() -> None:
    assert Known().take("ADDED", body()).is_due


def test_the_same_again_is_not_due() -> None:
    known = Known()
    known.take(None, body(status={"message": "In sync"}))
    assert not known.take("MODIFIED", body(status={"message": "In sync"})).is_due


@pytest.mark.parametrize(
    "change", [{"generation": 2}, {"requested_at": "now"}, {"paused": True}, {"deleting": True}, {"released": True}]
)
def test_what_a_person_asks_for_is_due(change: dict[str, Any]) -> None:
    known = Known()
    known.take(None, body())
    assert known.take("MODIFIED", body(**change)).is_due


def test_what_the_answer_to_a_write_has_overtaken_changes_nothing() -> None:
    known, status = Known(), {"message": "In sync"}
    known.take(None, versioned(1))
    known.writing(NAME, packed(status))
    known.wrote(NAME, packed(status), versioned(3, status))
    assert not known.take("MODIFIED", versioned(2)).is_due
    assert known.take("MODIFIED", versioned(4)).is_due


def versioned(version: int, status: Any = None) -> dict[str, Any]:
    found = body(status=status)
    return {**found, "metadata": {**found["metadata"], "resourceVersion": str(version)}}


def test_a_finalizer_that_comes_is_not_due() -> None:
    known = Known()
    known.take(None, body(finalizer=False))
    assert not known.take("MODIFIED", body(finalizer=True)).is_due


def test_a_status_that_somebody_edited_is_due() -> None:
    known = Known()
    known.take(None, body(status={"message": "In sync"}))
    assert known.take("MODIFIED", body(status={"message": "all mine"})).is_due


def test_our_own_write_is_not_due_whether_its_event_or_its_answer_comes_first() -> None:
    status, text = {"message": "In sync"}, packed({"message": "In sync"})
    for event_first in (True, False):
        known = Known()
        known.take(None, body())
        known.writing(NAME, text)
        if event_first:
            assert not known.take("MODIFIED", body(status=status)).is_due
            assert known.wrote(NAME, text, body(status=status))
        else:
            assert known.wrote(NAME, text, body(status=status))
            assert not known.take("MODIFIED", body(status=status)).is_due


def test_what_stands_there_is_no_news() -> None:
    known = Known()
    known.take(None, body(status={"b": 1, "a": 2}))
    there = known.get(NAME)
    assert there is not None
    assert not known.is_news(there, packed({"a": 2, "b": 1}))
    assert known.is_news(there, packed({"a": 3, "b": 1}))


def test_what_the_cluster_drops_is_not_written_again_and_again() -> None:
    known, wanted = Known(), packed({"message": "In sync", "new": "field"})
    known.take(None, body())
    known.writing(NAME, wanted)
    assert not known.wrote(NAME, wanted, body(status={"message": "In sync"}))
    there = known.get(NAME)
    assert there is not None
    assert not known.is_news(there, wanted)
    assert known.is_news(there, packed({"message": "1 failed", "new": "field"}))


def test_an_answer_older_than_what_a_person_did_meanwhile_changes_nothing() -> None:
    known, text = Known(), packed({"message": "In sync"})
    known.take(None, body())
    known.writing(NAME, text)
    known.take("MODIFIED", body(generation=2))
    known.wrote(NAME, text, body(generation=1, status={"message": "In sync"}))
    there = known.get(NAME)
    assert there is not None
    assert there.generation == 2


def test_what_is_deleted_frees_what_it_claimed() -> None:
    known = Known()
    known.take(None, body())
    assert known.take("DELETED", body()).frees
    assert known.get(NAME) is None


def test_an_answer_that_a_watch_event_has_overtaken_changes_nothing() -> None:
    """A change by a person that came between our write and its answer must not be forgotten."""
    known, status = Known(), {"message": "In sync"}
    known.take(None, versioned(1))
    known.take("MODIFIED", {**versioned(3), "spec": {"customerId": "newer"}})
    known.put(versioned(2))
    assert known.get(NAME) == from_body({**versioned(3), "spec": {"customerId": "newer"}})
    known.writing(NAME, packed(status))
    known.wrote(NAME, packed(status), versioned(2, status))
    assert known.get(NAME) == from_body({**versioned(3), "spec": {"customerId": "newer"}})
