"""Customer records: our attributes in an item that the portal shares."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.customer import Billing, Bucket
from controller.domain.resource import Absent, Present, Target, Unreadable
from controller.errors import PermanentFailure
from controller.kinds.customer_record import CustomerRecord, CustomerRecords
from controller.sandbox import Fault, Sandbox
from tests.kinds.setting import ACME, TABLE, Life, context, door, look, make_table, writes

ID = "cust_abc123"


@pytest.fixture
def sandbox(local_environment: Sandbox) -> Sandbox:
    make_table(local_environment)
    local_environment.clear_requests()
    return local_environment


@pytest.fixture
def life(sandbox: Sandbox) -> Life:
    return Life(CustomerRecords(context(sandbox)))


def item(sandbox: Sandbox, name: str = ID) -> Any:
    return sandbox.client("dynamodb").get_item(TableName=TABLE, Key={"customer_id": {"S": name}}).get("Item")


def by_hand(sandbox: Sandbox, **attributes: Any) -> None:
    """Somebody writes attributes of the item; None removes one."""
    whole = {**(item(sandbox) or {"customer_id": {"S": ID}}), **attributes}
    sandbox.client("dynamodb").put_item(TableName=TABLE, Item={k: v for k, v in whole.items() if v is not None})
    sandbox.clear_requests()


def test_a_record_is_the_seeds_schema_and_the_buckets(life: Life, sandbox: Sandbox) -> None:
    life.put(ACME)
    assert item(sandbox) == {
        "customer_id": {"S": ID},
        "customer_name": {"S": "Acme Genomics"},
        "billing_account_id": {"S": "123456789012"},
        "cost_center": {"S": "CC-GENOMICS-001"},
        "billing_email": {"S": "billing@acme.com"},
        "payment_terms": {"S": "net-30"},
        "discount_percent": {"N": "10"},
        "bucket_names": {"L": [{"S": "daylily-customer-acme-genomics"}]},
        "created_at": {"S": "2026-11-22T06:00:00Z"},
    }
    assert writes(sandbox) == ["UpdateItem"]


def test_the_raw_name_is_kept(life: Life, sandbox: Sandbox) -> None:
    """The tag has a name that AWS takes, the record has the real one."""
    life.put(replace(ACME, display_name="O'Brien & Söhne <Ltd>"))
    assert item(sandbox)["customer_name"] == {"S": "O'Brien & Söhne <Ltd>"}


def test_created_at_is_set_once(life: Life, sandbox: Sandbox) -> None:
    life.put(ACME)
    sandbox.advance(timedelta(days=30))
    life.put(replace(ACME, display_name="Acme"))
    life.delete()
    life.put(ACME)
    assert item(sandbox)["created_at"] == {"S": "2026-11-22T06:00:00Z"}


def test_attributes_of_others_survive(life: Life, sandbox: Sandbox) -> None:
    theirs = {
        "api_tokens": {"L": [{"M": {"hash": {"B": b"\x00\xff"}}}, {"NULL": True}]},
        "seats": {"N": "12345678901234567890.5"},
        "flags": {"SS": ["a", "b"]},
        "note": {"S": ""},
    }
    by_hand(sandbox, **theirs)
    assert life.look(ACME) == {ID: Absent(("api_tokens", "flags", "note", "seats"))}
    life.put(ACME)
    life.put(replace(ACME, billing=Billing()))
    life.delete()
    assert {key: item(sandbox)[key] for key in theirs} == theirs


def test_an_item_that_others_made_is_completed(life: Life, sandbox: Sandbox) -> None:
    by_hand(sandbox, customer_name={"S": "Acme"})
    assert life.states(ACME) == {ID: CustomerRecord(customer_name="Acme")}
    life.put(ACME)
    assert life.states(ACME) == dict(life.kind.desired(ACME))


def test_what_the_manifest_drops_is_removed(life: Life, sandbox: Sandbox) -> None:
    life.put(ACME)
    life.put(replace(ACME, billing=Billing(), buckets=()))
    assert set(item(sandbox)) == {"customer_id", "customer_name", "created_at"}


def test_a_closed_record_stays_for_the_books(life: Life, sandbox: Sandbox) -> None:
    life.put(ACME)
    before = item(sandbox)
    life.delete()
    assert item(sandbox) == {**before, "closed_at": {"S": "2026-11-22T06:00:00Z"}}
    assert life.look(ACME) == {ID: Absent()}


def test_what_the_gate_wrote_is_left_alone_until_the_record_is_closed(life: Life, sandbox: Sandbox) -> None:
    pause = {"worksets_paused": {"BOOL": True}, "paused_reason": {"S": "over"}, "paused_since": {"S": "2026-11-22"}}
    by_hand(sandbox, **pause)
    assert life.look(ACME) == {ID: Absent()}, "neither ours nor anybody's that is kept"
    life.put(ACME)
    life.put(replace(ACME, billing=Billing()))
    assert pause.items() <= item(sandbox).items()
    assert life.states(replace(ACME, billing=Billing())) == dict(life.kind.desired(replace(ACME, billing=Billing())))
    life.delete()
    assert not pause.keys() & item(sandbox).keys(), "a closed record takes no worksets in, held or not"


def test_a_record_is_closed_once(life: Life, sandbox: Sandbox) -> None:
    life.put(ACME)
    state = life.states(ACME)[ID]
    life.kind.delete(ID, state)
    sandbox.advance(timedelta(days=1))
    life.kind.delete(ID, state)
    assert item(sandbox)["closed_at"] == {"S": "2026-11-22T06:00:00Z"}


def test_a_closed_record_that_opens_again_is_as_the_manifest_says_now(life: Life, sandbox: Sandbox) -> None:
    """Also in what it dropped while the record was closed."""
    life.put(ACME)
    life.delete()
    now = replace(ACME, billing=Billing(email="new@acme.com"))
    life.put(now)
    assert life.states(now) == dict(life.kind.desired(now))
    assert not {"closed_at", "cost_center", "payment_terms"} & set(item(sandbox))


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"cost_center": {"S": "CC-OTHER"}}, "another value"),
        ({"cost_center": None}, "removed"),
        ({"cost_center": {"N": "5"}}, "another type"),
        ({"cost_center": {"NULL": True}}, "emptied"),
        ({"discount_percent": {"S": "10"}}, "a number as text"),
        ({"bucket_names": {"L": []}}, "no buckets"),
        ({"bucket_names": {"S": "x"}}, "one bucket as text"),
    ],
)
def test_what_was_changed_by_hand_is_put_right(
    life: Life, sandbox: Sandbox, attributes: dict[str, Any], why: str
) -> None:
    life.put(ACME)
    before = item(sandbox)
    by_hand(sandbox, **attributes)
    assert life.states(ACME) != dict(life.kind.desired(ACME)), why
    life.put(ACME)
    assert item(sandbox) == before


@pytest.mark.parametrize("spelling", ["10", "10.0", "1e1", "10.00"])
def test_one_number_has_many_spellings(life: Life, sandbox: Sandbox, spelling: str) -> None:
    life.put(ACME)
    by_hand(sandbox, discount_percent={"N": spelling})
    assert life.states(ACME) == dict(life.kind.desired(ACME))


def test_no_discount_is_not_a_discount_of_0(life: Life, sandbox: Sandbox) -> None:
    life.put(replace(ACME, billing=Billing(discount_percent=Decimal(0))))
    assert item(sandbox)["discount_percent"] == {"N": "0"}
    life.put(replace(ACME, billing=Billing()))
    assert "discount_percent" not in item(sandbox)


def test_the_order_of_buckets_means_nothing(life: Life) -> None:
    one, two = Bucket("a-bucket", "us-west-2"), Bucket("b-bucket", "us-west-2")
    assert life.kind.desired(replace(ACME, buckets=(one, two))) == life.kind.desired(replace(ACME, buckets=(two, one)))


def records(kind: CustomerRecords, count: int) -> list[Target[CustomerRecord]]:
    return [
        Target(name, state)
        for number in range(count)
        for name, state in kind.desired(replace(ACME, customer_id=f"c{number:03}")).items()
    ]


@pytest.mark.parametrize(("count", "reads"), [(1, 1), (100, 1), (101, 2), (250, 3)])
def test_records_are_read_a_hundred_at_a_time(sandbox: Sandbox, count: int, reads: int) -> None:
    kind = CustomerRecords(context(sandbox))
    assert len(look(kind, *records(kind, count))) == count
    assert [request.operation for request in sandbox.requests] == ["BatchGetItem"] * reads


def test_a_batch_that_fails_leaves_the_others(sandbox: Sandbox) -> None:
    aws = door(attempts=1, concurrency=1)
    kind = CustomerRecords(context(sandbox, aws=aws))
    sandbox.faults.add(Fault("dynamodb", "BatchGetItem", "throttle"))
    seen = look(kind, *records(kind, 150))
    assert sum(isinstance(one, Unreadable) for one in seen.values()) in (100, 50)
    assert sum(isinstance(one, Absent) for one in seen.values()) in (100, 50)


def test_what_dynamodb_leaves_unprocessed_is_asked_for_again(sandbox: Sandbox) -> None:
    """An answer holds 16 MB; what does not fit is named and left out. It is not absent."""
    kind = CustomerRecords(context(sandbox))
    client = sandbox.client("dynamodb")
    wanted = records(kind, 45)
    for target in wanted:
        large = {"customer_id": {"S": target.name}, "customer_name": {"S": "x"}, "blob": {"S": "x" * 390_000}}
        client.put_item(TableName=TABLE, Item=large)
    sandbox.clear_requests()
    seen = look(kind, *wanted)
    assert all(isinstance(one, Present) for one in seen.values())
    assert [request.operation for request in sandbox.requests] == ["BatchGetItem"] * 2


def test_a_missing_table_is_told_with_the_command_that_makes_it(life: Life, sandbox: Sandbox) -> None:
    sandbox.client("dynamodb").delete_table(TableName=TABLE)
    seen = life.look(ACME)[ID]
    assert isinstance(seen, Unreadable)
    assert str(seen.failure).endswith("the table does not exist. Make it with: reconcile init --aws")
    with pytest.raises(PermanentFailure, match="reconcile init --aws"):
        life.put(ACME, observed={})
