"""Collected months on the local DynamoDB: they come back as they were, and one that is not ours harms no other."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from controller.aws.call import Retry
from controller.aws.clients import Aws
from controller.domain.collected import StoredMonth
from controller.domain.month import Month
from controller.domain.settings import TableSettings
from controller.domain.usage import (
    AccountMonth,
    BucketStorage,
    CostRow,
    CustomerMonth,
    Forecast,
    Line,
    Spend,
    Workset,
)
from controller.errors import Failure, PermanentFailure, TransientFailure
from controller.sandbox import Fault, Sandbox
from controller.store.statuses import Statuses
from controller.store.tables import make
from controller.store.usage_months import UsageMonths

NOW = datetime(2024, 1, 22, 6, 0, tzinfo=UTC)
TABLE = "daylily-billing"
JANUARY, FEBRUARY = Month(2024, 1), Month(2024, 2)

LINE = Line(
    "S3 Storage", "storage", Decimal("5.64"), Decimal("5.6425"), "cost_explorer", "estimated", Decimal("1.50"), "GB"
)
ROW = CostRow(
    "2024-01", "daylily:customer_id", "cust_abc123", "S3 Storage", "storage", Decimal("5.6425"), Decimal("1.50")
)
WORKSET = Workset(
    "w1", "complete", "completed", "2024-01", "first", NOW, NOW, Decimal(45), 7, Decimal("1250.5"), Decimal("312.625"),
    "actual", {"s1": Decimal("312.625")}, 1024, True, True,
)  # fmt: skip
ACME = CustomerMonth(
    customer_id="cust_abc123",
    month="2024-01",
    name="acme",
    display_name="Acme Genomics",
    account="research",
    cost_center="CC-1",
    lines=(LINE,),
    tagged=(ROW,),
    excluded=(replace(ROW, record_type="Credit", amount=Decimal(-3)),),
    compute_source="ledger",
    absorbed=Decimal("1.10"),
    costs_as_of=NOW,
    storage=(BucketStorage("b", {"StandardStorage": 263568523264}, 15234, NOW), BucketStorage("new")),
    quota_gib=5000,
    worksets=(WORKSET,),
    worksets_as_of=NOW,
    spend=Spend(Decimal(500), None, Decimal("512.5"), NOW),
    forecast=Forecast(Decimal("512.50"), "budgets", NOW),
    problems=("no answer",),
)
ACCOUNT = AccountMonth(
    "default", "2024-01", (LINE,), {"S3 Storage": Decimal("5.6425")}, {"nobody": Decimal(1)},
    {"S3 Storage": Decimal(1)}, {"Credit": Decimal(-3)}, True, False, NOW, 3,
)  # fmt: skip


@pytest.fixture
def aws(local_environment: Sandbox) -> Aws:
    aws = Aws(retry=Retry(attempts=1))
    list(make(aws, TableSettings()))
    return aws


@pytest.fixture
def months(aws: Aws) -> UsageMonths:
    return UsageMonths(aws, TABLE)


def test_a_month_comes_back_as_it_was_saved(months: UsageMonths) -> None:
    assert months.save([ACME, ACCOUNT], 1) == {}

    assert months.load(JANUARY) == StoredMonth({"cust_abc123": ACME}, {"default": ACCOUNT})
    assert months.load(FEBRUARY) == StoredMonth()


def test_decimals_keep_their_zeros(months: UsageMonths) -> None:
    months.save([ACME], 1)

    (found,) = months.load(JANUARY).customers.values()
    assert isinstance(found, CustomerMonth)
    assert str(found.absorbed) == "1.10"


def test_what_is_unknown_stays_unknown(months: UsageMonths) -> None:
    bare = CustomerMonth("cust_new", "2024-01")
    months.save([bare], 1)

    assert months.load(JANUARY).customers == {"cust_new": bare}


def test_an_item_is_written_over(months: UsageMonths) -> None:
    months.save([ACME], 1)
    months.save([replace(ACME, lines=())], 1)

    assert months.load(JANUARY).customers == {"cust_abc123": replace(ACME, lines=())}


def test_customers_are_read_by_id_and_months_by_customer(months: UsageMonths) -> None:
    february = replace(ACME, month="2024-02")
    months.save([ACME, february, ACCOUNT], 1)

    assert months.get(["cust_abc123", "cust_none"], JANUARY) == {"cust_abc123": ACME}
    assert months.history("cust_abc123", JANUARY.next.back(6)) == {JANUARY: ACME, FEBRUARY: february}
    assert months.account_history(["default", "other"], [JANUARY, FEBRUARY]) == {("default", JANUARY): ACCOUNT}
    assert months.get([], JANUARY) == {}


def test_hundreds_take_a_call_for_100_writes_or_100_reads(months: UsageMonths, aws: Aws, sandbox: Sandbox) -> None:
    many = [replace(ACME, customer_id=f"cust_{number:03}") for number in range(210)]
    aws.calls.clear()

    months.save(many, 1)
    assert len(months.load(JANUARY).customers) == 210
    assert len(months.get([one.customer_id for one in many], JANUARY)) == 210

    assert aws.calls == {"dynamodb:TransactWriteItems": 3, "dynamodb:Query": 1, "dynamodb:BatchGetItem": 3}


def test_large_months_are_read_in_pages(months: UsageMonths) -> None:
    names = tuple(f"{number:07}-{hash(number * 7919)}" for number in range(2_500))
    wordy = replace(ACME, worksets=tuple(replace(WORKSET, workset_id=name, per_sample={}) for name in names))
    many = [replace(wordy, customer_id=f"cust_{number:03}", problems=names[number::50]) for number in range(60)]
    months.save(many, 1)

    assert months.load(JANUARY).customers == {one.customer_id: one for one in many}


def noise(size: int) -> str:
    return "".join(random.Random(1).choices("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", k=size))


def test_a_month_too_large_for_an_item_is_told_and_the_others_are_written(months: UsageMonths) -> None:
    months.save([ACME], 1)

    huge = replace(ACME, problems=(noise(700_000),))
    failures = months.save([huge, replace(ACME, customer_id="cust_good"), ACCOUNT], 1)

    assert list(failures) == ["cust_abc123"]
    assert "cust_abc123 in 2024-01 takes" in str(failures["cust_abc123"])
    assert "what was stored before stays" in str(failures["cust_abc123"])
    assert months.load(JANUARY).customers == {"cust_abc123": ACME, "cust_good": replace(ACME, customer_id="cust_good")}


def put(sandbox: Sandbox, owner: str = "cust_bad", **changes: Any) -> None:
    item = {
        "record": {"S": "usage/2024-01"},
        "owner": {"S": owner},
        "format": {"N": "1"},
        "usage": {"S": json.dumps({"some": "thing"})},
    }
    sandbox.client("dynamodb").put_item(TableName=TABLE, Item={**item, **changes})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"usage": {"S": "{not json"}},
        {"usage": {"B": b"not gzip"}},
        {"usage": {"N": "7"}},
        {"usage": {"S": json.dumps({"customer_id": "cust_other", "month": "2024-01"})}},
        {"usage": {"S": json.dumps({"customer_id": "cust_bad", "month": "2024-02"})}},
        {"format": {"S": "x"}},
    ],
)
def test_an_item_that_is_not_ours_stands_as_a_failure_beside_the_others(
    months: UsageMonths, sandbox: Sandbox, changes: dict[str, Any]
) -> None:
    put(sandbox, **changes)
    months.save([ACME, ACCOUNT], 1)

    found = months.load(JANUARY)

    assert found.customers["cust_abc123"] == ACME
    assert found.accounts == {"default": ACCOUNT}
    told = str(found.customers["cust_bad"])
    assert "what is stored of cust_bad in 2024-01, in the table daylily-billing, is not what this tool wrote" in told
    assert "reconcile collect --month 2024-01 --fresh" in told


@pytest.mark.parametrize(
    "garbage",
    [
        {"absorbed": "1E+400"},
        {"absorbed": "-1E+400"},
        {"quota_gib": 10**30},
        {"worksets": [{"workset_id": "ws-1", "state": "complete", "outcome": "completed", "vcpu_hours": "1E+30"}]},
        {"storage": [{"bucket": "b", "bytes_by_type": {"StandardStorage": 10**40}}]},
    ],
)
def test_a_number_too_large_to_reckon_with_is_not_ours(
    months: UsageMonths, sandbox: Sandbox, garbage: dict[str, Any]
) -> None:
    document = {"customer_id": "cust_bad", "month": "2024-01", **garbage}
    put(sandbox, usage={"S": json.dumps(document)})

    assert "too large to reckon with" in str(months.load(JANUARY).customers["cust_bad"])


def test_an_item_of_a_newer_version_is_refused_and_no_other(months: UsageMonths, sandbox: Sandbox) -> None:
    put(sandbox, format={"N": "2"})
    months.save([ACME], 1)

    found = months.get(["cust_bad", "cust_abc123"], JANUARY)

    assert found["cust_abc123"] == ACME
    assert "written by a newer version of this tool. Update before you run it" in str(found["cust_bad"])


def test_each_controller_sees_its_own(aws: Aws, months: UsageMonths) -> None:
    green = UsageMonths(aws, TABLE, "green")
    other = replace(ACME, customer_id="cust_green")
    green.save([other, ACCOUNT], 1)
    months.save([ACME], 1)

    assert months.load(JANUARY) == StoredMonth({"cust_abc123": ACME}, {})
    assert green.load(JANUARY) == StoredMonth({"cust_green": other}, {"default": ACCOUNT})
    assert months.get(["cust_green"], JANUARY) == {"cust_green": other}


# What is refused


def numbered(count: int) -> list[CustomerMonth]:
    return [replace(ACME, customer_id=f"cust_{number:03}") for number in range(count)]


def test_a_call_that_fails_fails_its_customers_and_no_others(months: UsageMonths, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("dynamodb", "TransactWriteItems", "throttle", times=1))

    failures = months.save(numbered(150), 1)

    assert len(failures) in (50, 100)
    assert all("daylily-billing/usage/2024-01: throttled by AWS" in str(failure) for failure in failures.values())
    assert months.load(JANUARY).customers.keys() == {f"cust_{number:03}" for number in range(150)} - failures.keys()


def test_what_a_later_lease_has_stored_is_not_written_over_and_the_others_are(months: UsageMonths) -> None:
    later = replace(ACME, customer_id="cust_007", name="later")
    months.save([later], 8)

    failures = months.save(numbered(100), 7)

    assert list(failures) == ["cust_007"]
    assert isinstance(failures["cust_007"], TransientFailure)
    assert "a collect that began later has stored 2024-01 meanwhile" in str(failures["cust_007"])
    stored = months.load(JANUARY).customers
    assert len(stored) == 100
    assert stored["cust_007"] == later


def test_the_same_and_a_later_lease_write_over(months: UsageMonths) -> None:
    months.save([ACME], 7)

    assert months.save([replace(ACME, name="again")], 7) == {}
    assert months.save([replace(ACME, name="later")], 8) == {}


def test_an_item_from_before_there_was_a_fence_is_written_over(months: UsageMonths, sandbox: Sandbox) -> None:
    put(sandbox, owner="cust_abc123")

    assert months.save([ACME], 1) == {}


def test_a_customer_that_was_taken_over_is_not_held_to_the_leases_of_the_other_controller(
    months: UsageMonths, aws: Aws
) -> None:
    UsageMonths(aws, TABLE, "green").save([ACME], 900)

    assert months.save([ACME], 1) == {}


def test_an_item_that_dynamodb_refuses_is_told_and_the_others_are_written(
    months: UsageMonths, sandbox: Sandbox
) -> None:
    sandbox.faults.add(
        Fault("dynamodb", "TransactWriteItems", "cancelled", reasons=("None", "ValidationError", "TransactionConflict"))
    )

    failures = months.save(numbered(100), 1)

    assert list(failures) == ["cust_001"]
    assert "DynamoDB refused 2024-01: ValidationError: Item size to update has exceeded" in str(failures["cust_001"])
    assert len(months.load(JANUARY).customers) == 99


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_or_came_too_fast_is_made_again(
    months: UsageMonths, sandbox: Sandbox, code: str
) -> None:
    sandbox.faults.add(Fault("dynamodb", "TransactWriteItems", "cancelled", reasons=(code,), times=2))
    patient = UsageMonths(Aws(retry=Retry(attempts=3, base=0), sleep=lambda _: None), TABLE)

    assert patient.save(numbered(100), 1) == {}

    assert len(months.load(JANUARY).customers) == 100


def test_a_conflict_that_does_not_end_is_told_and_passes(months: UsageMonths, sandbox: Sandbox) -> None:
    sandbox.faults.add(
        Fault("dynamodb", "TransactWriteItems", "cancelled", reasons=("TransactionConflict",), times=None)
    )

    failures = months.save([ACME, ACCOUNT], 1)

    assert failures.keys() == {"cust_abc123", "account/default/default"}
    assert all(isinstance(failure, TransientFailure) for failure in failures.values())
    told = "on daylily-billing/usage/2024-01: a transaction was cancelled by 1 of its 2 writes: TransactionConflict"
    assert told in str(failures["cust_abc123"])


def test_a_write_whose_answer_was_lost_is_made_again(months: UsageMonths, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("dynamodb", "TransactWriteItems", "cut_after"))
    patient = UsageMonths(Aws(retry=Retry(attempts=3, base=0), sleep=lambda _: None), TABLE)

    assert patient.save([ACME], 1) == {}
    assert months.load(JANUARY).customers == {"cust_abc123": ACME}


def test_heavy_items_are_shared_out_over_transactions(months: UsageMonths, aws: Aws) -> None:
    """DynamoDB takes 4 MB in one."""
    heavy = [replace(one, problems=(noise(400_000),)) for one in numbered(25)]
    aws.calls.clear()

    assert months.save(heavy, 1) == {}

    assert aws.calls == {"dynamodb:TransactWriteItems": 2}


def test_reading_that_fails_is_raised(months: UsageMonths, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("dynamodb", "BatchGetItem", "throttle", times=None))

    with pytest.raises(TransientFailure, match="throttled by AWS"):
        months.history("cust_abc123", [JANUARY])


def test_a_missing_table_names_the_command_that_makes_it(local_environment: Sandbox) -> None:
    with pytest.raises(PermanentFailure, match="reconcile init --aws"):
        UsageMonths(Aws(retry=Retry(attempts=1)), TABLE).load(JANUARY)


def test_months_are_no_statuses(months: UsageMonths, aws: Aws) -> None:
    months.save([ACME, ACCOUNT], 1)

    assert Statuses(aws, TABLE).load() == {}


def test_a_person_finds_the_cost_in_the_console(months: UsageMonths, sandbox: Sandbox) -> None:
    months.save([ACME, CustomerMonth("cust_new", "2024-01")], 1)

    items = sandbox.client("dynamodb").scan(TableName=TABLE)["Items"]
    assert {item["owner"]["S"]: item["cost"]["S"] for item in items} == {
        "cust_abc123": "5.64 USD",
        "cust_new": "unknown",
    }
    assert isinstance(months.load(JANUARY).customers["cust_new"], CustomerMonth | Failure)
