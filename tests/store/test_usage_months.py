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
def waited() -> list[float]:
    return []


@pytest.fixture
def months(aws: Aws, waited: list[float]) -> UsageMonths:
    return UsageMonths(aws, TABLE, sleep=waited.append)


def test_a_month_comes_back_as_it_was_saved(months: UsageMonths) -> None:
    assert months.save([ACME, ACCOUNT]) == {}

    assert months.load(JANUARY) == StoredMonth({"cust_abc123": ACME}, {"default": ACCOUNT})
    assert months.load(FEBRUARY) == StoredMonth()


def test_decimals_keep_their_zeros(months: UsageMonths) -> None:
    months.save([ACME])

    (found,) = months.load(JANUARY).customers.values()
    assert isinstance(found, CustomerMonth)
    assert str(found.absorbed) == "1.10"


def test_what_is_unknown_stays_unknown(months: UsageMonths) -> None:
    bare = CustomerMonth("cust_new", "2024-01")
    months.save([bare])

    assert months.load(JANUARY).customers == {"cust_new": bare}


def test_an_item_is_written_over(months: UsageMonths) -> None:
    months.save([ACME])
    months.save([replace(ACME, lines=())])

    assert months.load(JANUARY).customers == {"cust_abc123": replace(ACME, lines=())}


def test_customers_are_read_by_id_and_months_by_customer(months: UsageMonths) -> None:
    february = replace(ACME, month="2024-02")
    months.save([ACME, february, ACCOUNT])

    assert months.get(["cust_abc123", "cust_none"], JANUARY) == {"cust_abc123": ACME}
    assert months.history("cust_abc123", JANUARY.next.back(6)) == {JANUARY: ACME, FEBRUARY: february}
    assert months.account_history(["default", "other"], [JANUARY, FEBRUARY]) == {("default", JANUARY): ACCOUNT}
    assert months.get([], JANUARY) == {}


def test_hundreds_take_a_call_for_25_writes_or_100_reads(months: UsageMonths, aws: Aws, sandbox: Sandbox) -> None:
    many = [replace(ACME, customer_id=f"cust_{number:03}") for number in range(210)]
    aws.calls.clear()

    months.save(many)
    assert len(months.load(JANUARY).customers) == 210
    assert len(months.get([one.customer_id for one in many], JANUARY)) == 210

    assert aws.calls == {"dynamodb:BatchWriteItem": 9, "dynamodb:Query": 1, "dynamodb:BatchGetItem": 3}


def test_large_months_are_read_in_pages(months: UsageMonths) -> None:
    names = tuple(f"{number:07}-{hash(number * 7919)}" for number in range(2_500))
    wordy = replace(ACME, worksets=tuple(replace(WORKSET, workset_id=name, per_sample={}) for name in names))
    many = [replace(wordy, customer_id=f"cust_{number:03}", problems=names[number::50]) for number in range(60)]
    months.save(many)

    assert months.load(JANUARY).customers == {one.customer_id: one for one in many}


def noise(size: int) -> str:
    return "".join(random.Random(1).choices("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", k=size))


def test_a_month_too_large_for_an_item_is_told_and_the_others_are_written(months: UsageMonths) -> None:
    months.save([ACME])

    failures = months.save([replace(ACME, problems=(noise(700_000),)), replace(ACME, customer_id="cust_good"), ACCOUNT])

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
    months.save([ACME, ACCOUNT])

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
    months.save([ACME])

    found = months.get(["cust_bad", "cust_abc123"], JANUARY)

    assert found["cust_abc123"] == ACME
    assert "written by a newer version of this tool. Update before you run it" in str(found["cust_bad"])


def test_each_controller_sees_its_own(aws: Aws, months: UsageMonths) -> None:
    green = UsageMonths(aws, TABLE, "green")
    other = replace(ACME, customer_id="cust_green")
    green.save([other, ACCOUNT])
    months.save([ACME])

    assert months.load(JANUARY) == StoredMonth({"cust_abc123": ACME}, {})
    assert green.load(JANUARY) == StoredMonth({"cust_green": other}, {"default": ACCOUNT})
    assert months.get(["cust_green"], JANUARY) == {"cust_green": other}


def test_what_dynamodb_leaves_undone_is_asked_for_again(
    aws: Aws, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """moto never leaves anything undone, so the answer is bent on its way."""
    months = UsageMonths(aws, TABLE, sleep=waited.append)
    many = [replace(ACME, customer_id=f"cust_{number}") for number in range(5)]
    call = aws.call

    def sparing(service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Does the first of what is asked, and hands back the rest."""
        asked = parameters.get("RequestItems", {}).get(TABLE)
        if operation == "batch_write_item":
            call(service, operation, RequestItems={TABLE: asked[:1]})
            return {"UnprocessedItems": {TABLE: asked[1:]} if asked[1:] else {}}
        if operation == "batch_get_item":
            keys = asked["Keys"]
            answer = call(service, operation, RequestItems={TABLE: {**asked, "Keys": keys[:1]}})
            return {**answer, "UnprocessedKeys": {TABLE: {**asked, "Keys": keys[1:]}} if keys[1:] else {}}
        return call(service, operation, **parameters)

    monkeypatch.setattr(aws, "call", sparing)

    assert months.save(many) == {}
    assert len(months.get([one.customer_id for one in many], JANUARY)) == 5
    assert len(waited) == 8


def test_what_dynamodb_never_does_is_a_failure_of_those_customers(
    aws: Aws, waited: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    months = UsageMonths(aws, TABLE, sleep=waited.append)
    monkeypatch.setattr(aws, "call", lambda *_, **asked: {"UnprocessedItems": asked["RequestItems"]})

    failures = months.save([ACME, ACCOUNT])

    assert failures.keys() == {"cust_abc123", "account/default/default"}
    assert all(isinstance(failure, TransientFailure) for failure in failures.values())


def test_a_call_that_fails_fails_its_customers_and_no_others(months: UsageMonths, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("dynamodb", "BatchWriteItem", "throttle", times=1))

    failures = months.save([replace(ACME, customer_id=f"cust_{number:03}") for number in range(50)])

    assert len(failures) == 25
    assert months.load(JANUARY).customers.keys() == {f"cust_{number:03}" for number in range(50)} - failures.keys()


def test_reading_that_fails_is_raised(months: UsageMonths, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault("dynamodb", "BatchGetItem", "throttle", times=None))

    with pytest.raises(TransientFailure, match="throttled by AWS"):
        months.history("cust_abc123", [JANUARY])


def test_a_missing_table_names_the_command_that_makes_it(local_environment: Sandbox) -> None:
    with pytest.raises(PermanentFailure, match="reconcile init --aws"):
        UsageMonths(Aws(retry=Retry(attempts=1)), TABLE).load(JANUARY)


def test_months_are_no_statuses(months: UsageMonths, aws: Aws) -> None:
    months.save([ACME, ACCOUNT])

    assert Statuses(aws, TABLE).load() == {}


def test_a_person_finds_the_cost_in_the_console(months: UsageMonths, sandbox: Sandbox) -> None:
    months.save([ACME, CustomerMonth("cust_new", "2024-01")])

    items = sandbox.client("dynamodb").scan(TableName=TABLE)["Items"]
    assert {item["owner"]["S"]: item["cost"]["S"] for item in items} == {
        "cust_abc123": "5.64 USD",
        "cust_new": "unknown",
    }
    assert isinstance(months.load(JANUARY).customers["cust_new"], CustomerMonth | Failure)
