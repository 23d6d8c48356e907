"""The status store on the local DynamoDB: nothing is lost, nothing foreign is believed, nobody overwrites another."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from controller.aws.call import Retry
from controller.aws.clients import Aws
from controller.domain.settings import TableSettings
from controller.domain.state import pack
from controller.domain.status import Condition, Entry, Figures, Status, Wait
from controller.errors import PermanentFailure, TransientFailure
from controller.sandbox import Fault, Sandbox
from controller.store.statuses import Statuses
from controller.store.tables import cloudformation, make
from tests.fakes import Thing

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
TABLE = "daylily-billing"

STATUS = Status(
    owner_id="cust_abc123",
    name="acme-genomics",
    account="default",
    controller_id="default",
    deletion_policy="Delete",
    source="customers/acme.yaml",
    generation="205f5d52a885",
    commit="c0ffee",
    summary="in sync",
    conditions=(Condition("Ready", "True", "Reconciled", "4 resources match", NOW),),
    inventory=(Entry("budget", "daylily-cust_abc123-monthly", '{"limit": "500.00"}', NOW, NOW, None),),
    waiting=(Wait("cost_allocation_tags", "daylily:cost_center", "not seen yet", NOW),),
    figures=(Figures("budget", "daylily-cust_abc123-monthly", {"actual": "12.34"}, NOW),),
    updated_at=NOW,
)


@pytest.fixture
def aws(local_environment: Sandbox) -> Aws:
    return Aws(retry=Retry(attempts=1))


@pytest.fixture
def statuses(aws: Aws) -> Statuses:
    list(make(aws, TableSettings()))
    return Statuses(aws, TABLE)


def only(statuses: Statuses) -> Status:
    (status,) = statuses.load().values()
    assert isinstance(status, Status)
    return status


def test_a_state_is_stored_packed_whether_it_was_at_hand_or_not(statuses: Statuses) -> None:
    state = Thing("500", {"cost_center": "CC-1"})
    entries = tuple(Entry("thing", str(kept), kept, NOW, NOW, kept, kept) for kept in (state, pack(state)))
    statuses.save(replace(STATUS, inventory=entries), 1)

    assert {(one.state, one.replaced, one.tried) for one in only(statuses).inventory} == {(pack(state),) * 3}


def test_a_status_comes_back_as_it_was_written_one_version_on(statuses: Statuses) -> None:
    statuses.save(STATUS, 1)

    assert statuses.load() == {"cust_abc123": replace(STATUS, version=1)}


def test_hundreds_of_statuses_are_read_in_pages(statuses: Statuses) -> None:
    big = replace(STATUS, last_error="x" * 8_000)
    for number in range(200):
        statuses.save(replace(big, owner_id=f"cust_{number:03}"), 1)

    assert len(statuses.load()) == 200


def test_a_very_large_status_fits_into_an_item(statuses: Statuses) -> None:
    entries = tuple(replace(STATUS.inventory[0], name=f"bucket-{number}") for number in range(3_000))

    statuses.save(replace(STATUS, inventory=entries), 1)

    assert len(only(statuses).inventory) == 3_000


def test_a_status_too_large_for_an_item_is_told_with_what_to_do_and_not_sent(statuses: Statuses, aws: Aws) -> None:
    statuses.save(STATUS, 1)
    aws.calls.clear()

    with pytest.raises(PermanentFailure) as caught:
        statuses.save(replace(STATUS, version=1, last_error=noise(700_000)), 1)

    assert "the status of cust_abc123 takes" in str(caught.value)
    assert "what was applied stays applied" in str(caught.value)
    assert "Split the customer in two" in str(caught.value)
    assert aws.calls == {}
    assert only(statuses).summary == "in sync"


def noise(size: int) -> str:
    """Text that cannot be compressed to less than three quarters of it."""
    letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "".join(random.Random(1).choices(letters, k=size))


def test_a_second_writer_of_the_same_version_is_refused(statuses: Statuses) -> None:
    statuses.save(STATUS, 1)

    with pytest.raises(TransientFailure, match="another run wrote this status"):
        statuses.save(replace(STATUS, summary="mine"), 1)

    assert only(statuses).summary == "in sync"


def test_forgetting_may_be_repeated_but_not_over_a_newer_version(statuses: Statuses) -> None:
    statuses.save(STATUS, 1)

    with pytest.raises(TransientFailure):
        statuses.delete(STATUS)
    statuses.delete(replace(STATUS, version=1))
    statuses.delete(replace(STATUS, version=1))

    assert statuses.load() == {}


def put(sandbox: Sandbox, **changes: object) -> None:
    item = {
        "record": {"S": "status"},
        "owner": {"S": "cust_abc123"},
        "version": {"N": "1"},
        "format": {"N": "1"},
        "status": {"S": json.dumps({"some": "thing"})},
    }
    sandbox.client("dynamodb").put_item(TableName=TABLE, Item={**item, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"status": {"S": "{not json"}},
        {"status": {"B": b"not gzip"}},
        {"status": {"N": "7"}},
    ],
)
def test_an_item_that_is_not_ours_stands_as_a_failure_beside_the_others(
    statuses: Statuses, sandbox: Sandbox, changes: dict[str, object]
) -> None:
    put(sandbox, **changes)
    statuses.save(replace(STATUS, owner_id="cust_good"), 1)

    loaded = statuses.load()

    assert isinstance(loaded["cust_good"], Status)
    assert "the status of cust_abc123 in the table daylily-billing is not one that this tool wrote" in str(
        loaded["cust_abc123"]
    )


def test_a_status_of_a_newer_version_stops_everything(statuses: Statuses, sandbox: Sandbox) -> None:
    put(sandbox, format={"N": "2"})

    with pytest.raises(PermanentFailure, match="the status of cust_abc123 was written by a newer version"):
        statuses.load()


def test_a_write_whose_answer_was_lost_is_known_to_be_its_own(
    local_environment: Sandbox, statuses: Statuses, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault("dynamodb", "PutItem", "cut_after"))
    patient = Statuses(Aws(retry=Retry(attempts=3, base=0)), TABLE)

    patient.save(STATUS, 1)

    assert only(statuses).version == 1


def test_other_records_of_the_table_are_not_statuses(statuses: Statuses, sandbox: Sandbox) -> None:
    put(sandbox, record={"S": "usage#2026-11"})

    assert statuses.load() == {}


def test_a_missing_table_names_the_command_that_makes_it(aws: Aws) -> None:
    with pytest.raises(PermanentFailure, match="reconcile init --aws"):
        Statuses(aws, TABLE).load()


def test_throttling_that_does_not_end_is_a_transient_failure(statuses: Statuses, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("dynamodb", "Query", "throttle", times=None))

    with pytest.raises(TransientFailure, match="throttled by AWS"):
        statuses.load()


def test_recovery_is_switched_on_as_soon_as_a_new_table_allows_it(aws: Aws, sandbox: Sandbox) -> None:
    unavailable = "ContinuousBackupsUnavailableException"
    sandbox.faults.add(Fault("dynamodb", "UpdateContinuousBackups", "error", code=unavailable, status=400, times=3))
    waited: list[float] = []

    told = list(make(aws, TableSettings(), waited.append))

    assert sum("recovery switched on" in line for line in told) == 2
    assert len(waited) >= 3


def test_a_table_with_another_key_is_refused_and_left_alone(aws: Aws, sandbox: Sandbox) -> None:
    sandbox.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )

    with pytest.raises(PermanentFailure, match="exists with the key id"):
        list(make(aws, TableSettings()))


def test_the_template_keeps_the_tables_when_its_stack_goes() -> None:
    text = cloudformation(TableSettings(customers="their-customers"))

    assert text.count("DeletionPolicy: Retain") == 2
    assert "TheirCustomersTable:" in text
