"""The gates on the local DynamoDB: nothing is lost, nothing foreign is believed, and every change leaves a trace."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from controller.aws.call import Retry
from controller.aws.clients import Aws
from controller.domain.gate import Gate, Notice, Turn, turn
from controller.domain.settings import TableSettings
from controller.errors import Failure, PermanentFailure, TransientFailure
from controller.sandbox import Fault, Sandbox
from controller.store.gates import Gates
from controller.store.statuses import Statuses
from controller.store.tables import make
from tests.domain.gate_cases import NOW, WAS_HELD, WAS_OPEN

TABLE = "daylily-billing"
WHO = "ann on laptop, process 7"


@pytest.fixture
def aws(local_environment: Sandbox) -> Aws:
    door = Aws(retry=Retry(attempts=3, base=0), sleep=lambda _: None)
    list(make(door, TableSettings()))
    return door


@pytest.fixture
def gates(aws: Aws) -> Gates:
    return Gates(aws, TABLE)


def stored(gates: Gates, customer_id: str = "acme") -> Gate:
    gate = gates.get(customer_id)
    assert isinstance(gate, Gate)
    return gate


def entry(before: Gate | None, after: Gate, minutes: float = 0) -> Turn:
    found = turn(before, after, WHO, NOW + timedelta(minutes=minutes))
    assert found is not None
    return found


def put(sandbox: Sandbox, **changes: object) -> None:
    item = {
        "record": {"S": "gate"},
        "owner": {"S": "acme"},
        "version": {"N": "1"},
        "format": {"N": "1"},
        "gate": {"S": "{}"},
    }
    sandbox.client("dynamodb").put_item(TableName=TABLE, Item={**item, **changes})


def test_a_gate_comes_back_as_it_was_written_one_version_on(gates: Gates) -> None:
    gate = replace(WAS_HELD, notice=Notice(Decimal(100), "ACTUAL", NOW), override="Hold", override_reason="unpaid")

    gates.save(gate, None, entry(None, gate))

    assert gates.load() == {"acme": gate}
    assert stored(gates).version == 1


def test_a_gate_that_was_never_decided_is_none(gates: Gates) -> None:
    assert gates.get("acme") is None
    assert gates.load() == {}


def test_many_gates_are_written_in_few_calls_each_with_its_entry(gates: Gates, aws: Aws) -> None:
    many = [replace(WAS_HELD, customer_id=f"c{number:03}") for number in range(100)]

    assert gates.save_all([(gate, None, entry(None, gate)) for gate in many]) == {}

    assert aws.calls["dynamodb:TransactWriteItems"] == 2
    assert gates.load() == {gate.customer_id: gate for gate in many}
    assert all(len(gates.history(gate.customer_id, 9)) == 1 for gate in many[:3])


def test_a_gate_that_another_run_wrote_does_not_stop_those_beside_it(gates: Gates) -> None:
    many = [replace(WAS_HELD, customer_id=f"c{number}") for number in range(5)]
    gates.save(many[2], None, None)

    failures = gates.save_all([(gate, None, entry(None, gate)) for gate in many])

    assert set(failures) == {"c2"}
    assert isinstance(failures["c2"], TransientFailure)
    assert gates.load() == {gate.customer_id: gate for gate in many}
    assert gates.history("c2", 9) == ()


def test_hundreds_of_gates_are_read_in_pages(gates: Gates) -> None:
    for number in range(150):
        gates.save(replace(WAS_HELD, customer_id=f"c{number:03}", message="x" * 9_000), None, None)

    assert len(gates.load()) == 150


def test_a_second_writer_of_the_same_version_is_refused_and_leaves_no_entry(gates: Gates) -> None:
    gates.save(WAS_OPEN, None, None)
    seen = stored(gates)
    gates.save(WAS_HELD, seen, entry(seen, WAS_HELD))

    other = replace(WAS_HELD, reason="AlertReceived")
    with pytest.raises(TransientFailure, match="another run wrote this gate"):
        gates.save(other, seen, entry(seen, other))
    with pytest.raises(TransientFailure):
        gates.save(other, None, entry(None, other))

    assert stored(gates).reason == "BudgetExceeded"
    assert [one.reason for one in gates.history("acme", 10) if isinstance(one, Turn)] == ["BudgetExceeded"]


def test_a_write_whose_answer_was_lost_is_one_write_with_one_entry(gates: Gates, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("dynamodb", "TransactWriteItems", "cut_after"))

    gates.save(WAS_HELD, None, entry(None, WAS_HELD))

    assert stored(gates).version == 1
    assert len(gates.history("acme", 10)) == 1


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError"])
def test_a_transaction_that_met_another_is_made_again(gates: Gates, sandbox: Sandbox, code: str) -> None:
    sandbox.faults.add(Fault("dynamodb", "TransactWriteItems", "cancelled", reasons=(code,), times=2))

    gates.save(WAS_HELD, None, entry(None, WAS_HELD))

    assert stored(gates).version == 1


def test_a_gate_that_dynamodb_refuses_is_told_with_the_reason(gates: Gates, sandbox: Sandbox) -> None:
    """It is not taken for one that another run wrote."""
    fault = Fault("dynamodb", "TransactWriteItems", "cancelled", reasons=("ValidationError",), times=None)
    sandbox.faults.add(fault)

    failures = gates.save_all([(WAS_HELD, None, None), (replace(WAS_HELD, customer_id="beta"), None, None)])

    assert failures.keys() == {"acme", "beta"}
    assert "ValidationError: Item size to update has exceeded" in str(failures["acme"])
    assert isinstance(failures["acme"], PermanentFailure)


def test_the_trail_is_read_newest_first_and_says_who(gates: Gates) -> None:
    before: Gate | None = None
    for minutes, after in enumerate([WAS_OPEN, WAS_HELD, WAS_OPEN, WAS_HELD]):
        gates.save(after, before, entry(before, after, minutes))
        before = stored(gates)
    gates.save(replace(WAS_HELD, customer_id="acme2"), None, entry(None, replace(WAS_HELD, customer_id="acme2")))

    history = [one for one in gates.history("acme", 3) if isinstance(one, Turn)]

    assert [(one.before, one.after) for one in history] == [("open", "held"), ("held", "open"), ("open", "held")]
    assert {one.who for one in history} == {WHO}
    assert len(gates.history("acme", 100)) == 4
    assert gates.history("nobody", 3) == ()


@pytest.mark.parametrize("changes", [{}, {"gate": {"S": "{not json"}}, {"gate": {"N": "7"}}, {"version": {"S": "one"}}])
def test_an_item_that_is_not_ours_stands_as_a_failure_beside_the_others(
    gates: Gates, sandbox: Sandbox, changes: dict[str, object]
) -> None:
    put(sandbox, **changes)
    gates.save(replace(WAS_HELD, customer_id="good"), None, None)

    loaded = gates.load()

    assert isinstance(loaded["good"], Gate)
    assert "the gate of acme in the table daylily-billing is not one that this tool wrote" in str(loaded["acme"])
    assert isinstance(gates.get("acme"), Failure)


def test_a_gate_under_another_customer_is_shown_to_neither(gates: Gates, sandbox: Sandbox) -> None:
    gates.save(replace(WAS_HELD, customer_id="acme2"), None, None)
    item = sandbox.client("dynamodb").get_item(TableName=TABLE, Key={"record": {"S": "gate"}, "owner": {"S": "acme2"}})
    put(sandbox, gate=item["Item"]["gate"])

    found = gates.get("acme")

    assert "it is about another customer" in str(found)
    assert "acme2" not in str(found)
    assert isinstance(gates.get("acme2"), Gate)


def test_an_entry_in_the_trail_of_another_customer_is_shown_to_neither(gates: Gates, sandbox: Sandbox) -> None:
    other = replace(WAS_HELD, customer_id="acme2")
    gates.save(other, None, entry(None, other))
    (item,) = sandbox.client("dynamodb").query(
        TableName=TABLE,
        KeyConditionExpression="#record = :record",
        ExpressionAttributeNames={"#record": "record"},
        ExpressionAttributeValues={":record": {"S": "audit/acme2"}},
    )["Items"]
    put(sandbox, **item | {"record": {"S": "audit/acme"}})

    (found,) = gates.history("acme", 10)

    assert "it is about another customer" in str(found)
    assert isinstance(found, Failure)


def test_a_gate_with_a_number_too_large_to_reckon_with_is_not_ours(gates: Gates, sandbox: Sandbox) -> None:
    gates.save(WAS_HELD, None, None)
    item = sandbox.client("dynamodb").get_item(TableName=TABLE, Key={"record": {"S": "gate"}, "owner": {"S": "acme"}})
    document = json.loads(item["Item"]["gate"]["S"])
    put(sandbox, gate={"S": json.dumps(document | {"spent": "1E+400"})})

    assert "too large to reckon with" in str(gates.get("acme"))


def test_an_odd_entry_of_the_trail_hides_no_other(gates: Gates, sandbox: Sandbox) -> None:
    gates.save(WAS_HELD, None, entry(None, WAS_HELD))
    put(sandbox, record={"S": "audit/acme"}, owner={"S": "2026-12-01"})

    odd, good = gates.history("acme", 10)

    assert isinstance(odd, Failure)
    assert isinstance(good, Turn)


def test_a_gate_of_a_newer_version_stands_as_a_failure_beside_the_others(gates: Gates, sandbox: Sandbox) -> None:
    put(sandbox, format={"N": "2"})
    gates.save(replace(WAS_HELD, customer_id="good"), None, None)

    loaded = gates.load()

    assert isinstance(loaded["good"], Gate)
    assert "the gate of acme was written by a newer version of this tool. Update before" in str(loaded["acme"])
    assert "newer version" in str(gates.get("acme"))


def test_an_entry_of_a_newer_version_is_told_and_hides_no_other(gates: Gates, sandbox: Sandbox) -> None:
    gates.save(WAS_HELD, None, entry(None, WAS_HELD))
    put(sandbox, record={"S": "audit/acme"}, owner={"S": "2026-12-01"}, format={"N": "2"})

    newer, good = gates.history("acme", 10)

    assert "the entry 2026-12-01 of the audit trail was written by a newer version" in str(newer)
    assert isinstance(good, Turn)


def test_gates_are_no_statuses(aws: Aws, gates: Gates) -> None:
    gates.save(WAS_HELD, None, entry(None, WAS_HELD))

    assert Statuses(aws, TABLE).load() == {}


def test_a_missing_table_names_the_command_that_makes_it(local_environment: Sandbox) -> None:
    with pytest.raises(PermanentFailure, match="reconcile init --aws"):
        Gates(Aws(retry=Retry(attempts=1)), TABLE).load()
