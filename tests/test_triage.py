"""What is done with each resource: the older one has what two claim, and nothing is held up that is nobody's."""

import pytest

from controller.domain.custom_resource import Resource
from controller.domain.customer import Customer
from controller.triage import Triage, triage
from tests.fakes import customer
from tests.resources import resource

OLD, NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def sort(*everything: Resource) -> Triage:
    def read(one: Resource) -> Customer | str:
        return "it is wrong" if one.customer_id == "wrong" else customer(one.customer_id, *one.buckets)

    return triage(everything, everything, read)


def names(found: object) -> list[str]:
    return sorted(name.name for name in found)  # type: ignore[attr-defined]


def test_a_valid_one_is_a_customer_and_a_wrong_one_is_told() -> None:
    found = sort(resource("acme"), resource("bad", "wrong"))
    assert names(found.customers) == ["acme"]
    assert [(name.name, words) for name, words in found.wrong.items()] == [("bad", ("InvalidSpec", "it is wrong"))]


@pytest.mark.parametrize("claim", [{"customer_id": "same"}, {"buckets": ("same-bucket",)}], ids=["id", "bucket"])
def test_of_two_that_claim_the_same_the_older_one_has_it(claim: dict[str, object]) -> None:
    found = sort(resource("second", created=NEW, **claim), resource("first", created=OLD, **claim))
    assert names(found.customers) == ["first"]
    assert names(found.clashing) == ["second"]
    assert "default/first" in next(iter(found.wrong.values()))[1]


def test_the_older_one_has_it_even_where_its_spec_is_wrong() -> None:
    found = sort(resource("second", "wrong", created=NEW), resource("first", "wrong", created=OLD))
    assert {name.name: code for name, (code, _) in found.wrong.items()} == {
        "first": "InvalidSpec",
        "second": "Duplicate",
    }


def test_the_deletion_of_the_second_one_leaves_aws_alone() -> None:
    found = sort(resource("first", "same", created=OLD), resource("second", "same", created=NEW, deleting=True))
    assert (names(found.free), found.leaving) == (["second"], {})


def test_the_deletion_of_one_that_shares_a_bucket_only_is_about_what_it_has() -> None:
    """It may have been applied before the other one named that bucket."""
    found = sort(
        resource("first", buckets=("same",), created=OLD),
        resource("second", buckets=("same",), created=NEW, deleting=True),
    )
    assert (found.free, names(found.leaving)) == ([], ["second"])


@pytest.mark.parametrize(
    ("one", "part"),
    [
        (resource("acme", deleting=True), "leaving"),
        (resource("acme", deleting=True, released=True), "forced"),
        (resource("acme", deleting=True, spec={"customerId": 7}), "free"),
        (resource("acme", deleting=True, spec="garbage"), "free"),
        (resource("acme", deleting=True, finalizer=False), ""),
    ],
)
def test_a_deletion_is_sorted_by_what_is_there_to_remove(one: Resource, part: str) -> None:
    found = sort(one)
    parts = {"leaving": found.leaving, "forced": found.forced, "free": found.free}
    assert [name for name, members in parts.items() if members] == ([part] if part else [])
    assert not found.customers


@pytest.mark.parametrize(
    "spec", ["text", [1, 2], 7, None, {}, {"storage": 3}, {"storage": {"buckets": [{"name": 1}, 5]}}]
)
def test_garbage_claims_nothing_and_stops_nobody(spec: object) -> None:
    odd = resource("odd", spec=spec if spec is not None else {"customerId": None})
    found = triage([odd, resource("acme")], [odd, resource("acme")], lambda one: customer(one.customer_id or "x"))
    assert "acme" in names(found.customers)


def test_a_deletion_goes_by_the_spec_as_it_stands() -> None:
    spec = {"customerId": "acme", "deletionPolicy": "Delete", "suspend": True}
    (leaving,) = sort(resource("acme", deleting=True, spec=spec)).leaving.values()
    assert (leaving.policy, leaving.suspended) == ("Delete", True)
    (leaving,) = sort(
        resource("acme", deleting=True, spec={"customerId": "acme", "deletionPolicy": 7})
    ).leaving.values()
    assert (leaving.policy, leaving.suspended) == ("Retain", False)
