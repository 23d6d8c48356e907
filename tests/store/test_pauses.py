"""The gate's three attributes in the customer records: theirs alone, and only where there is a record."""

from typing import Any

import pytest

from controller.domain.gate import Pause
from controller.errors import Failure, PermanentFailure
from controller.sandbox import Fault, Sandbox
from controller.store.pauses import Pauses
from tests.kinds.setting import TABLE, door, make_table, writes

HELD = Pause(True, "512.00 of 500.00 USD is spent", "2026-11-22T06:00:00Z")
OPEN = Pause(False)


@pytest.fixture
def pauses(local_environment: Sandbox) -> Pauses:
    make_table(local_environment)
    return Pauses(door(), TABLE)


def item(sandbox: Sandbox, name: str = "acme") -> Any:
    return sandbox.client("dynamodb").get_item(TableName=TABLE, Key={"customer_id": {"S": name}}).get("Item")


def make(sandbox: Sandbox, name: str = "acme", **attributes: Any) -> None:
    sandbox.client("dynamodb").put_item(TableName=TABLE, Item={"customer_id": {"S": name}, **attributes})


def test_a_held_gate_is_three_attributes_beside_those_of_others(pauses: Pauses, sandbox: Sandbox) -> None:
    make(sandbox, seats={"N": "5"})

    assert pauses.write("acme", HELD)

    assert item(sandbox) == {
        "customer_id": {"S": "acme"},
        "seats": {"N": "5"},
        "worksets_paused": {"BOOL": True},
        "paused_reason": {"S": "512.00 of 500.00 USD is spent"},
        "paused_since": {"S": "2026-11-22T06:00:00Z"},
    }
    assert pauses.read(["acme"]) == {"acme": HELD}


def test_an_open_gate_is_false_alone(pauses: Pauses, sandbox: Sandbox) -> None:
    make(sandbox)
    pauses.write("acme", HELD)

    assert pauses.write("acme", OPEN)

    assert item(sandbox) == {"customer_id": {"S": "acme"}, "worksets_paused": {"BOOL": False}}
    assert pauses.read(["acme"]) == {"acme": OPEN}


def test_no_record_is_made_and_a_closed_one_stays_closed(pauses: Pauses, sandbox: Sandbox) -> None:
    make(sandbox, "closed", closed_at={"S": "2026-11-01T00:00:00Z"})

    assert pauses.write("nobody", HELD) is False
    assert pauses.write("closed", HELD) is False

    assert item(sandbox, "nobody") is None
    assert "worksets_paused" not in item(sandbox, "closed")
    assert pauses.read(["nobody", "closed"]) == {"nobody": None, "closed": None}


def test_a_record_that_says_nothing_says_open(pauses: Pauses, sandbox: Sandbox) -> None:
    make(sandbox)

    assert pauses.read(["acme"]) == {"acme": OPEN}


@pytest.mark.parametrize(
    "attributes",
    [
        {"worksets_paused": {"BOOL": True}},
        {"worksets_paused": {"S": "yes"}},
        {"worksets_paused": {"N": "0"}},
        {"worksets_paused": {"NULL": True}},
        {"paused_reason": {"S": "by hand"}},
        {"paused_since": {"N": "1"}},
    ],
)
def test_what_was_written_by_hand_is_neither_held_nor_open(
    pauses: Pauses, sandbox: Sandbox, attributes: dict[str, Any]
) -> None:
    make(sandbox, **attributes)

    assert pauses.read(["acme"])["acme"] not in (HELD, OPEN)


@pytest.mark.parametrize(("count", "reads"), [(0, 0), (1, 1), (100, 1), (101, 2)])
def test_records_are_read_a_hundred_at_a_time(pauses: Pauses, sandbox: Sandbox, count: int, reads: int) -> None:
    sandbox.clear_requests()

    assert len(pauses.read([f"c{number}" for number in range(count)])) == count

    assert [request.operation for request in sandbox.requests] == ["BatchGetItem"] * reads


def test_a_batch_that_fails_leaves_the_others(sandbox: Sandbox, pauses: Pauses) -> None:
    sandbox.faults.add(Fault("dynamodb", "BatchGetItem", "throttle"))

    seen = Pauses(door(attempts=1, concurrency=1), TABLE).read([f"c{number:03}" for number in range(150)])

    assert sum(isinstance(one, Failure) for one in seen.values()) in (50, 100)


def test_a_missing_table_is_a_failure(sandbox: Sandbox, local_environment: Sandbox) -> None:
    with pytest.raises(PermanentFailure, match="reconcile init --aws"):
        Pauses(door(), TABLE).write("acme", HELD)
    assert writes(sandbox) == ["UpdateItem"]
