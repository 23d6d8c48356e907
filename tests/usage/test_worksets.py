"""The ledger's table: by its index or without, whole pages, and every customer's own worksets."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.usage import Workset
from controller.errors import Failure, PermanentFailure, TransientFailure
from controller.sandbox import Fault, Sandbox
from controller.sandbox.seed_worksets import seed_worksets
from controller.usage.worksets import WorksetReader
from tests.kinds.setting import door
from tests.usage.items import TABLE, item, make_table, put

JANUARY = ("complete", "2024-01-15T10:45:00Z")


def read(sandbox: Sandbox, *customer_ids: str) -> dict[str, tuple[Workset, ...] | Failure]:
    sandbox.clear_requests()
    return dict(WorksetReader(door(), TABLE, sandbox.now).read(customer_ids))


def ids(found: tuple[Workset, ...] | Failure) -> list[str]:
    assert isinstance(found, tuple)
    return [workset.workset_id for workset in found]


def operations(sandbox: Sandbox) -> Counter[str]:
    return Counter(one.operation for one in sandbox.requests)


def own(workset_id: str, customer_id: str, **more: Any) -> dict[str, Any]:
    return item("complete", JANUARY, workset_id=workset_id, customer_id=customer_id, **more)


def test_by_the_index_on_customers_there_is_one_query_for_each(local_environment: Sandbox) -> None:
    make_table(local_environment, "state", "customer_id")
    put(local_environment, own("w2", "acme"), own("w1", "acme"), own("w3", "beta"), own("w4", "foreign"))
    found = read(local_environment, "acme", "beta", "nobody")
    assert {customer: ids(worksets) for customer, worksets in found.items()} == {
        "acme": ["w1", "w2"],
        "beta": ["w3"],
        "nobody": [],
    }
    assert operations(local_environment) == {"DescribeTable": 1, "Query": 3}


@pytest.mark.parametrize(("indexes", "projection"), [((), "ALL"), (("state",), "ALL"), (("customer_id",), "KEYS_ONLY")])
def test_without_an_index_that_holds_whole_items_everything_is_scanned_once(
    local_environment: Sandbox, indexes: tuple[str, ...], projection: str
) -> None:
    make_table(local_environment, *indexes, projection=projection)
    old = own("w2", "", metadata={"submitted_by": "acme"})
    del old["customer_id"]
    put(local_environment, own("w1", "acme"), old, own("w3", "beta"), own("w4", "foreign"))
    found = read(local_environment, "acme", "beta", "nobody")
    assert {customer: ids(worksets) for customer, worksets in found.items()} == {
        "acme": ["w1", "w2"],
        "beta": ["w3"],
        "nobody": [],
    }
    assert operations(local_environment) == {"DescribeTable": 1, "Scan": 1}


def test_an_index_that_does_not_hold_everything_is_left_aside(local_environment: Sandbox) -> None:
    """Both ways find the same: an item from before there was a customer_id is in no index on it."""
    make_table(local_environment, "customer_id")
    old = own("w2", "", metadata={"submitted_by": "acme"})
    del old["customer_id"]
    put(local_environment, own("w1", "acme"), old, own("w3", "beta"))

    found = read(local_environment, "acme", "beta")

    assert {customer: ids(worksets) for customer, worksets in found.items()} == {"acme": ["w1", "w2"], "beta": ["w3"]}
    assert operations(local_environment) == {"DescribeTable": 1, "Scan": 1}


@pytest.mark.parametrize("indexes", [("customer_id",), ()], ids=["query", "scan"])
def test_trap_5_pagination_a_page_is_1_mb_of_what_is_in_the_table(
    local_environment: Sandbox, indexes: tuple[str, ...]
) -> None:
    """Also where almost all of it is left out by the projection."""
    make_table(local_environment, *indexes)
    stats = {"alignment_stats": "x" * 300_000, "cost_summary": {"total_cost": "2.50"}}
    put(local_environment, *(own(f"w{n}", "acme", performance_metrics=stats) for n in range(8)))
    found = read(local_environment, "acme")["acme"]
    assert ids(found) == [f"w{n}" for n in range(8)]
    assert isinstance(found, tuple)
    assert {workset.cost for workset in found} == {Decimal("2.50")}
    assert operations(local_environment)["Query" if indexes else "Scan"] == 3


def test_all_that_is_read_of_an_item_passes_the_projection(local_environment: Sandbox) -> None:
    seed_worksets(local_environment)
    acme = read(local_environment, "cust_abc123")["cust_abc123"]
    assert isinstance(acme, tuple)
    january = [workset for workset in acme if workset.workset_id.startswith("ws-")]
    completed = [workset for workset in january if workset.outcome == "completed"]
    assert Counter(workset.outcome for workset in january) == {"completed": 15, "failed": 2, "pending": 1}
    assert sum((workset.vcpu_hours or 0 for workset in completed), Decimal(0)) == Decimal("1250.5")
    assert sum((workset.cost or 0 for workset in completed), Decimal(0)) == Decimal("312.63")
    assert {workset.month for workset in january} == {"2024-01", None}
    assert {(workset.certainty, workset.samples) for workset in completed} == {("actual", 2)}
    assert all(sum(workset.per_sample.values()) == workset.cost for workset in completed)
    first = completed[0]
    assert (first.workset_id, first.minutes, first.cost) == ("ws-001", Decimal(45), Decimal("18.50"))
    running = [workset for workset in acme if workset.state == "in_progress"]
    assert {(workset.certainty, workset.month) for workset in running} == {("estimated", None)}


def test_a_broken_item_breaks_no_other(local_environment: Sandbox) -> None:
    make_table(local_environment, "customer_id")
    put(
        local_environment,
        own("w1", "acme"),
        {"workset_id": "w2", "customer_id": "acme", "state_history": "gone", "performance_metrics": ["?"]},
    )
    found = read(local_environment, "acme")["acme"]
    assert isinstance(found, tuple)
    assert [(workset.workset_id, workset.outcome) for workset in found] == [("w1", "completed"), ("w2", "other")]


def test_a_missing_table_is_a_failure_of_everyone_that_says_what_to_do(local_environment: Sandbox) -> None:
    found = read(local_environment, "acme", "beta")
    assert found.keys() == {"acme", "beta"}
    for failure in found.values():
        assert isinstance(failure, PermanentFailure)
        assert failure.code == "ResourceNotFoundException"
        assert "Name the worksets table in the settings" in str(failure)


def test_a_table_with_another_key_is_not_the_ledger(local_environment: Sandbox) -> None:
    make_table(local_environment, key="order_id")
    found = read(local_environment, "acme")["acme"]
    assert isinstance(found, PermanentFailure)
    assert "so it is not the ledger" in str(found)


def test_a_failing_query_is_that_customers_alone_and_a_failing_scan_everyones(local_environment: Sandbox) -> None:
    make_table(local_environment, "customer_id")
    local_environment.faults.add(Fault("dynamodb", "Query", "throttle", times=1))
    found = dict(WorksetReader(door(attempts=1, concurrency=1), TABLE, local_environment.now).read(["acme", "beta"]))
    assert isinstance(found["acme"], TransientFailure)
    assert found["beta"] == ()
    local_environment.client("dynamodb").delete_table(TableName=TABLE)
    make_table(local_environment)
    local_environment.faults.add(Fault("dynamodb", "Scan", "throttle", times=None))
    assert {type(one) for one in read(local_environment, "acme", "beta").values()} == {TransientFailure}


def test_no_customers_are_no_question(local_environment: Sandbox) -> None:
    assert read(local_environment) == {}
    assert local_environment.requests == ()
