"""What an account cost: whole, by customer, in few pages, and never a cent lost or doubled."""

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.aws.clients import Aws
from controller.domain.month import Month
from controller.domain.settings import UsageSettings
from controller.domain.usage import CostReading, CostRow
from controller.errors import PermanentFailure, TransientFailure
from controller.sandbox import Fault, LineItem, Sandbox
from controller.sandbox.seed_costs import line_items
from controller.usage.cost_explorer import CostReader
from controller.usage.cost_questions import spans
from tests.kinds.setting import ACCOUNT, OWN_ACCOUNT, door

CUSTOMER, PROJECT = "daylily:customer_id", "aws-parallelcluster-project"
NOVEMBER, OCTOBER, JANUARY = Month(2026, 11), Month(2026, 10), Month(2024, 1)
S3, TRANSFER, EC2 = "Amazon Simple Storage Service", "AWS Data Transfer", "Amazon Elastic Compute Cloud - Compute"


def reader(sandbox: Sandbox, aws: Aws | None = None, **changed: Any) -> CostReader:
    return CostReader(aws or door(), OWN_ACCOUNT, UsageSettings(**changed), sandbox.now)


def item(amount: str, service: str = EC2, usage_type: str = "BoxUsage", **more: Any) -> LineItem:
    tags = {key: value for key, value in more.pop("tags", {CUSTOMER: "acme"}).items() if value}
    day, record_type = more.pop("day", date(2026, 11, 3)), more.pop("record_type", "Usage")
    return LineItem(day, ACCOUNT, service, usage_type, record_type, Decimal(amount), tags=tags, **more)


def bill(sandbox: Sandbox, *items: LineItem, keys: Collection[str] = (CUSTOMER, PROJECT)) -> None:
    sandbox.cost.add_line_items(items)
    sandbox.cost.sees_tag_keys(ACCOUNT, keys, active=True)


def by_service(rows: Iterable[CostRow], tag_value: str = "acme") -> dict[str, str]:
    return {row.service: str(row.amount) for row in rows if row.tag_value == tag_value}


def total(reading: CostReading) -> Decimal:
    return sum((row.amount for row in reading.rows), Decimal(0))


def test_the_design_documents_month_by_service(local_environment: Sandbox) -> None:
    bill(local_environment, *line_items(local_environment.now().date()))
    reading = reader(local_environment).read([JANUARY], [])
    assert [(row.service, row.part, str(row.amount), str(row.quantity), row.unit) for row in reading.rows] == [
        ("Data Transfer", "data_transfer", "4.07", "45.200", "GB"),
        ("Data Transfer In", "data_transfer", "0", "125.000", "GB"),
        ("EC2 Compute", "compute", "312.63", "1250.500", "vCPU-Hours"),
        ("FSx Lustre", "other", "45.00", "500.000", "GB-Mo"),
        ("S3 Requests", "other", "0.63", "125000.000", "Requests"),
        ("S3 Storage", "storage", "5.64", "245.466", "GB-Mo"),
    ]
    assert total(reading) == Decimal("367.97")
    assert {(row.month, row.tag_key, row.tag_value) for row in reading.rows} == {("2024-01", CUSTOMER, "cust_abc123")}
    assert (reading.account, reading.months, reading.currency) == ("default", ("2024-01",), "USD")
    assert (reading.estimated, reading.as_of) == (frozenset(), local_environment.now())


def test_the_pages_do_not_grow_with_the_customers_and_are_counted(local_environment: Sandbox) -> None:
    many = [item("1", tags={CUSTOMER: f"c{number:03}"}) for number in range(300)]
    bill(local_environment, *many, item("1", S3, tags={CUSTOMER: "c000"}))
    aws = door()
    reading = reader(local_environment, aws).read([OCTOBER, NOVEMBER], [])
    assert (reading.pages, aws.paid_calls) == (3, 3)
    assert len({row.tag_value for row in reading.rows}) == 300


def test_trap_5_pagination_every_page_is_read_and_paid(local_environment: Sandbox) -> None:
    bill(local_environment, *line_items(local_environment.now().date()))
    whole = reader(local_environment).read([OCTOBER, NOVEMBER], [PROJECT])
    local_environment.cost.page_size = 2
    aws = door()
    paged = reader(local_environment, aws).read([OCTOBER, NOVEMBER], [PROJECT])
    assert paged.rows == whole.rows
    assert paged.pages == aws.paid_calls > whole.pages


def test_months_without_a_gap_are_one_request_and_others_one_each() -> None:
    months = [NOVEMBER, OCTOBER, JANUARY, NOVEMBER, Month(2025, 12), Month(2026, 1)]
    assert list(spans(months)) == [
        (JANUARY, Month(2024, 2)),
        (Month(2025, 12), Month(2026, 2)),
        (OCTOBER, Month(2026, 12)),
    ]


def test_an_old_month_beside_the_current_one_does_not_ask_for_what_is_between(local_environment: Sandbox) -> None:
    bill(local_environment, *line_items(local_environment.now().date()))
    reading = reader(local_environment, excluded_record_types=()).read([NOVEMBER, JANUARY], [])
    assert {row.month for row in reading.rows} == {"2024-01", "2026-11"}
    assert (reading.months, reading.pages) == (("2024-01", "2026-11"), 4)
    assert reading.estimated == {"2026-11"}


@pytest.mark.parametrize(
    ("history", "told", "refused"),
    [
        (14, ["2025-10", "2026-11"], ["2023-12", "2024-01", "2025-09"]),
        (35, ["2024-01", "2025-09", "2025-10", "2026-11"], ["2023-12"]),
        (None, ["2023-12", "2024-01", "2025-09", "2025-10", "2026-11"], []),
    ],
)
def test_a_month_from_before_awss_history_is_refused_by_itself_and_the_others_are_read(
    local_environment: Sandbox, history: int | None, told: list[str], refused: list[str]
) -> None:
    """AWS keeps 14 months, and 38 where multi-year data is switched on; it refuses the whole request otherwise."""
    months = [Month(2023, 12), JANUARY, Month(2025, 9), Month(2025, 10), NOVEMBER]
    bill(local_environment, *(item("1", day=month.first_day) for month in months))
    local_environment.cost.history = history
    aws = door()

    reading = reader(local_environment, aws).read(months, [])

    assert list(reading.months) == [row.month for row in reading.rows] == told
    assert list(reading.refused) == refused
    assert all("switched on" in str(failure) for failure in reading.refused.values())
    assert reading.pages == aws.paid_calls


def test_another_refusal_of_a_month_is_raised(local_environment: Sandbox) -> None:
    local_environment.faults.add(Fault("ce", "GetCostAndUsage", "error", code="AccessDeniedException", status=400))

    with pytest.raises(PermanentFailure, match="AccessDenied"):
        reader(local_environment).read([JANUARY], [])


def test_trap_4_months_are_half_open_the_first_of_the_next_is_not_in_it(local_environment: Sandbox) -> None:
    bill(
        local_environment,
        item("1", day=date(2026, 10, 1)),
        item("2", day=date(2026, 10, 31)),
        item("4", day=date(2026, 11, 1)),
    )
    reading = reader(local_environment).read([OCTOBER], [])
    assert by_service(reading.rows) == {"EC2 Compute": "3"}
    both = reader(local_environment).read([OCTOBER, NOVEMBER], [])
    assert {row.month: str(row.amount) for row in both.rows} == {"2026-10": "3", "2026-11": "4"}


def test_services_that_nobody_renamed_keep_awss_name(local_environment: Sandbox) -> None:
    bill(local_environment, item("1", "Amazon Braket"), item("2", "EC2 - Other"), item("3", "AWS Lambda"))
    rows = reader(local_environment).read([NOVEMBER], []).rows
    assert [(row.service, row.part) for row in rows] == [
        ("AWS Lambda", "compute"),
        ("Amazon Braket", "other"),
        ("EC2 Other", "compute"),
    ]


def test_what_usage_types_do_not_explain_stays_with_storage(local_environment: Sandbox) -> None:
    """Early deletions, monitoring and the like; transfer that AWS bills under S3 is transfer all the same."""
    bill(
        local_environment,
        item("10", S3, "TimedStorage-SIA-ByteHrs", quantity=Decimal(800), unit="GB-Mo"),
        item("5", S3, "USW2-TimedStorage-ByteHrs", quantity=Decimal(200), unit="GB-Mo"),
        item("0.70", S3, "USW2-EarlyDelete-SIA", unit="GB-Mo"),
        item("0.30", S3, "Requests-Tier1", quantity=Decimal(60000), unit="Requests"),
        item("2", S3, "USW2-DataTransfer-Out-Bytes", quantity=Decimal(20), unit="GB"),
        item("1", TRANSFER, "USW2-USE1-AWS-Out-Bytes", quantity=Decimal(50), unit="GB"),
        item("0", TRANSFER, "USW2-AWS-In-Bytes", quantity=Decimal(7), unit="GB"),
    )
    rows = {row.service: row for row in reader(local_environment).read([NOVEMBER], []).rows}
    assert by_service(rows.values()) == {
        "S3 Storage": "15.70",
        "S3 Requests": "0.30",
        "Data Transfer": "3",
        "Data Transfer In": "0",
    }
    assert {name: (str(row.quantity), row.unit) for name, row in rows.items()} == {
        "S3 Storage": ("1000", "GB-Mo"),
        "S3 Requests": ("60000", "Requests"),
        "Data Transfer": ("70", "GB"),
        "Data Transfer In": ("7", "GB"),
    }


def test_what_usage_types_do_not_explain_of_data_transfer_stays_there(local_environment: Sandbox) -> None:
    bill(local_environment, item("4", TRANSFER, "Something-New"), item("6", S3, "TimedStorage-ByteHrs"))
    rows = reader(local_environment).read([NOVEMBER], []).rows
    assert by_service(rows) == {"Data Transfer": "4", "S3 Storage": "6"}


def test_quantities_of_different_units_are_none(local_environment: Sandbox) -> None:
    bill(local_environment, item("1", unit="Hrs"), item("2", unit="vCPU-Hours"), item("3", "EC2 - Other", unit="Hrs"))
    found = {row.service: (row.quantity, row.unit) for row in reader(local_environment).read([NOVEMBER], []).rows}
    assert found == {"EC2 Compute": (None, ""), "EC2 Other": (Decimal(1), "Hrs")}


def test_a_further_tag_key_takes_from_what_is_untagged_and_counts_nothing_twice(local_environment: Sandbox) -> None:
    bill(
        local_environment,
        item("1", tags={CUSTOMER: "acme", PROJECT: "genomes"}),
        item("2", tags={PROJECT: "genomes"}),
        item("4", tags={"third": "x"}),
        item("8", tags={PROJECT: "genomes", "third": "x"}),
        item("16", S3, "TimedStorage-ByteHrs", tags={PROJECT: "genomes"}),
        item("32", tags={}),
        keys=(CUSTOMER, PROJECT, "third"),
    )
    reading = reader(local_environment).read([NOVEMBER], [PROJECT, "third"])
    assert {(row.tag_key, row.tag_value, row.service): str(row.amount) for row in reading.rows} == {
        (CUSTOMER, "", "EC2 Compute"): "32",
        (CUSTOMER, "acme", "EC2 Compute"): "1",
        (PROJECT, "genomes", "EC2 Compute"): "10",
        (PROJECT, "genomes", "S3 Storage"): "16",
        ("third", "x", "EC2 Compute"): "4",
    }
    assert reading.pages == 2 * 3 + 1


def test_the_customers_key_among_the_further_ones_is_not_asked_for_again(local_environment: Sandbox) -> None:
    bill(local_environment, item("1"))
    reading = reader(local_environment).read([NOVEMBER], [CUSTOMER, CUSTOMER])
    assert (by_service(reading.rows), reading.pages) == ({"EC2 Compute": "1"}, 3)


def test_a_key_that_billing_does_not_count_by_changes_nothing(local_environment: Sandbox) -> None:
    bill(local_environment, item("2", tags={PROJECT: "genomes"}), keys=(CUSTOMER,))
    reading = reader(local_environment).read([NOVEMBER], [PROJECT])
    assert [(row.tag_key, row.tag_value, str(row.amount)) for row in reading.rows] == [(CUSTOMER, "", "2")]


def test_a_value_may_have_a_dollar_in_it(local_environment: Sandbox) -> None:
    bill(local_environment, item("1", tags={CUSTOMER: "a$b$"}))
    assert [row.tag_value for row in reader(local_environment).read([NOVEMBER], []).rows] == ["a$b$"]


def test_credits_and_refunds_are_apart_and_other_negative_lines_count(local_environment: Sandbox) -> None:
    bill(
        local_environment,
        item("10"),
        item("-1.25", record_type="EdpDiscount"),
        item("-3", record_type="Credit"),
        item("-2", record_type="Refund", tags={}),
    )
    reading = reader(local_environment).read([NOVEMBER], [PROJECT])
    assert by_service(reading.rows) == {"EC2 Compute": "8.75"}
    assert [(row.tag_value, row.record_type, str(row.amount)) for row in reading.excluded] == [
        ("", "Refund", "-2"),
        ("acme", "Credit", "-3"),
    ]


def test_where_nothing_is_excluded_credits_count_and_no_question_is_paid_for_them(local_environment: Sandbox) -> None:
    bill(local_environment, item("10"), item("-3", record_type="Credit"))
    reading = reader(local_environment, excluded_record_types=()).read([NOVEMBER], [])
    assert (by_service(reading.rows), reading.excluded, reading.pages) == ({"EC2 Compute": "7"}, (), 2)


def test_no_months_are_no_question(local_environment: Sandbox) -> None:
    reading = reader(local_environment).read([], [PROJECT])
    assert (reading.rows, reading.pages, reading.months) == ((), 0, ())


def test_a_refused_question_is_a_failure(local_environment: Sandbox) -> None:
    local_environment.faults.add(Fault("ce", "GetCostAndUsage", "throttle", times=None))
    with pytest.raises(TransientFailure):
        reader(local_environment).read([NOVEMBER], [])


class Answers:
    """A door behind which Cost Explorer answers one page with these metrics, whatever it is asked."""

    def __init__(self, *metrics: Mapping[str, Any]) -> None:
        self.metrics = metrics

    def call(self, service: str, operation: str, **_: Any) -> dict[str, Any]:
        groups = [
            {"Keys": [f"{CUSTOMER}$c{n}", EC2], "Metrics": {"UsageQuantity": {"Amount": "1", "Unit": "N/A"}, **metrics}}
            for n, metrics in enumerate(self.metrics)
        ]
        return {"ResultsByTime": [{"TimePeriod": {"Start": "2026-11-01"}, "Groups": groups, "Estimated": True}]}


def told(amount: Any, unit: str = "USD") -> dict[str, Any]:
    return {"UnblendedCost": {"Amount": amount, "Unit": unit}}


def answered(sandbox: Sandbox, *metrics: Mapping[str, Any]) -> CostReading:
    return reader(sandbox, cast(Aws, Answers(*metrics)), excluded_record_types=()).read([NOVEMBER], [])


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "12,50", "", None])
def test_an_amount_that_is_no_number_names_its_group(sandbox: Sandbox, amount: Any) -> None:
    with pytest.raises(PermanentFailure, match=r"daylily:customer_id\$c1 / Amazon Elastic Compute.* in 2026-11"):
        answered(sandbox, told("1"), told(amount))


def test_a_missing_metric_names_its_group(sandbox: Sandbox) -> None:
    with pytest.raises(PermanentFailure, match="UnblendedCost of"):
        answered(sandbox, {})


def test_another_currency_is_kept_and_two_of_them_are_refused(sandbox: Sandbox) -> None:
    assert answered(sandbox, told("1", "CNY"), told("2", "CNY")).currency == "CNY"
    with pytest.raises(PermanentFailure, match="in USD and in CNY"):
        answered(sandbox, told("1"), told("2", "CNY"))


def test_trap_14_amounts_are_decimals_with_all_their_digits(sandbox: Sandbox) -> None:
    [first, *_] = answered(sandbox, told("0.1234567890123456789"), told("-0.0000000001")).rows
    assert first.amount == Decimal("0.1234567890123456789")


KINDS = st.sampled_from(
    [
        (EC2, "BoxUsage"), (S3, "TimedStorage-ByteHrs"), (S3, "Requests-Tier2"), (S3, "USW2-DataTransfer-Out-Bytes"),
        (S3, "StorageAnalytics"), (TRANSFER, "DataTransfer-In-Bytes"), (TRANSFER, "DataTransfer-Out-Bytes"),
        (TRANSFER, "New"), ("Amazon FSx", "Lustre"), ("Tax", ""),
    ]
)  # fmt: skip
ITEMS = st.builds(
    lambda amount, kind, customer, project, third, record, day: item(
        str(amount),
        *kind,
        tags={CUSTOMER: customer, PROJECT: project, "third": third},
        record_type=record,
        day=date(2026, *day),
    ),
    st.decimals("-99", "99", places=4),
    KINDS,
    st.sampled_from(["", "a", "b"]),
    st.sampled_from(["", "p"]),
    st.sampled_from(["", "t"]),
    st.sampled_from(["Usage", "Usage", "Tax", "Credit"]),
    st.sampled_from([(10, 1), (10, 31), (11, 1), (11, 20)]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    items=st.lists(ITEMS, max_size=25),
    keys=st.permutations([PROJECT, "third"]).flatmap(lambda keys: st.integers(0, 2).map(lambda n: keys[:n])),
    page_size=st.integers(1, 9),
)
def test_rows_add_up_to_the_accounts_line_items(
    local_environment: Sandbox, items: list[LineItem], keys: list[str], page_size: int
) -> None:
    """To the last digit, by month; what is tagged is as tagged; and with keys or without, it is the same total."""
    local_environment.cost.reset()
    bill(local_environment, *items, keys=(CUSTOMER, PROJECT, "third"))
    local_environment.cost.page_size = page_size
    reading = reader(local_environment).read([OCTOBER, NOVEMBER], keys)
    charged = [one for one in items if one.record_type != "Credit"]
    for month in (OCTOBER, NOVEMBER):
        rows = [row for row in reading.rows if row.month == str(month)]
        there = [one for one in charged if Month.of(one.date) == month]
        assert sum(row.amount for row in rows) == sum(one.amount for one in there)
        for value in ("a", "b"):
            tagged = sum(row.amount for row in rows if (row.tag_key, row.tag_value) == (CUSTOMER, value))
            assert tagged == sum(one.amount for one in there if one.tags.get(CUSTOMER) == value)
    for number, key in enumerate(keys):
        before = (CUSTOMER, *keys[:number])
        wanted = [one for one in charged if key in one.tags and not any(other in one.tags for other in before)]
        assert sum(row.amount for row in reading.rows if row.tag_key == key) == sum(one.amount for one in wanted)
    assert sum(row.amount for row in reading.excluded) == sum(one.amount for one in items) - sum(
        one.amount for one in charged
    )
