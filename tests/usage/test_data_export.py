"""A data export says the same as Cost Explorer does, to the last digit; and of one that is not whole, nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.domain.customer import Account
from controller.domain.month import Month
from controller.domain.settings import DataExportSettings, UsageSettings
from controller.domain.usage import CostReading
from controller.errors import PermanentFailure, TransientFailure
from controller.sandbox import LineItem, Sandbox
from controller.sandbox.seed_costs import line_items
from controller.usage import duck
from controller.usage.data_export import DataExportReader
from controller.usage.export_sql import CUR2, FOCUS, tag_spellings
from tests.kinds.setting import ACCOUNT, OTHER_ACCOUNT, OWN_ACCOUNT, door
from tests.usage.exports import CUR_TYPES, FOCUS_TYPES, Row, Written, cur_row, focus_row
from tests.usage.test_cost_explorer import (
    CUSTOMER,
    EC2,
    JANUARY,
    NOVEMBER,
    OCTOBER,
    PROJECT,
    S3,
    TRANSFER,
    bill,
    by_service,
    item,
    reader,
)

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
THIRD = "Lab/Team"
MONTH = "2026-11"


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def export(
    written: Written, form: Literal["cur2", "focus"] = "cur2", account: Account = OWN_ACCOUNT, **changed: Any
) -> DataExportReader:
    told = DataExportSettings(location=str(written.folder), format=form)
    return DataExportReader(door(), account, UsageSettings(**changed), told, lambda: NOW)


def read(written: Written, *keys: str, months: Sequence[Month] = (NOVEMBER,), **how: Any) -> CostReading:
    return export(written, **how).read(months, keys)


def november(written: Written, *rows: Row, **how: Any) -> CostReading:
    written.month(MONTH, rows, **how)
    return read(written)


def same(one: CostReading, other: CostReading) -> bool:
    """But for when and at what price they were read."""
    return replace(one, as_of=NOW, pages=0, notes=()) == replace(other, as_of=NOW, pages=0, notes=())


# The same as Cost Explorer

KINDS = st.sampled_from(
    [
        (EC2, "BoxUsage", "Usage"), (EC2, "USW2-SpotUsage:c6i.8xlarge", "Usage"), ("EC2 - Other", "Nat", "Usage"),
        (S3, "TimedStorage-ByteHrs", "Usage"), (S3, "Requests-Tier2", "Usage"), (S3, "USW2-Out-Bytes", "Usage"),
        (S3, "StorageAnalytics", "Usage"), (TRANSFER, "DataTransfer-In-Bytes", "Usage"), (TRANSFER, "New", "Usage"),
        ("Amazon FSx", "Lustre", "Usage"), ("Amazon Braket", "x", "Usage"), ("Tax", "", "Tax"),
        (EC2, "BoxUsage", "Credit"),
        (S3, "Requests-Tier1", "Refund"),
    ]
)  # fmt: skip
ITEMS = st.builds(
    lambda amount, quantity, unit, kind, customer, project, third, day: item(
        str(amount),
        *kind[:2],
        record_type=kind[2],
        quantity=quantity,
        unit=unit,
        tags={CUSTOMER: customer, PROJECT: project, THIRD: third},
        day=date(2026, *day),
    ),
    st.decimals("-99999", "99999", places=10),
    st.decimals("0", "9999", places=6),
    st.sampled_from(["GB", "GB", "Hrs", "N/A"]),
    KINDS,
    st.sampled_from(["", "a", "b$'x"]),
    st.sampled_from(["", "p"]),
    st.sampled_from(["", "t"]),
    st.sampled_from([(10, 1), (10, 31), (11, 1), (11, 20)]),
)
EVERY_MONTH = [item("1", day=date(2026, 10, 2)), item("1", day=date(2026, 11, 2))]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    items=st.lists(ITEMS, max_size=25),
    keys=st.permutations([PROJECT, THIRD]).flatmap(lambda keys: st.integers(0, 2).map(lambda n: keys[:n])),
    excluded=st.sampled_from([("Credit", "Refund"), (), ("Tax",)]),
)
def test_both_readers_say_the_same_of_the_same_bill(
    local_environment: Sandbox, items: list[LineItem], keys: list[str], excluded: tuple[str, ...]
) -> None:
    local_environment.cost.reset()
    whole = [*EVERY_MONTH, *items]
    bill(local_environment, *whole, keys=(CUSTOMER, PROJECT, THIRD))
    by_api = reader(local_environment, excluded_record_types=excluded).read([OCTOBER, NOVEMBER], keys)
    closed = {str(month) for month in (OCTOBER, NOVEMBER)} - by_api.estimated
    for form in ("cur2", "focus"):
        with TemporaryDirectory() as folder:
            written = Written(Path(folder), partition="billing_period" if form == "focus" else "BILLING_PERIOD")
            written.items(whole, closed=closed, focus=form == "focus")
            by_file = read(written, *keys, months=[OCTOBER, NOVEMBER], form=form, excluded_record_types=excluded)
        assert same(by_file, by_api)


def test_the_seeds_bill_is_the_same_by_both(local_environment: Sandbox, written: Written) -> None:
    lines = list(line_items(local_environment.now().date()))
    bill(local_environment, *lines)
    months = [JANUARY, OCTOBER, NOVEMBER]
    by_api = reader(local_environment).read(months, [PROJECT])
    written.items(lines, closed={"2024-01", "2026-10"} - by_api.estimated)
    by_file = read(written, PROJECT, months=months)
    assert same(by_file, by_api)
    assert (by_file.pages, by_file.notes, by_file.as_of) == (0, (), NOW)


def test_amounts_are_added_up_as_decimals(written: Written) -> None:
    reading = november(written, *(cur_row(item("0.1"), number) for number in range(1000)))
    assert str(reading.rows[0].amount) == "100"


# Which column counts


def test_each_metric_is_another_column_and_net_is_the_cost_where_there_is_no_discount(written: Written) -> None:
    written.month(
        MONTH,
        [
            cur_row(item("10"), 1, line_item_blended_cost=8, line_item_net_unblended_cost=7),
            cur_row(item("1"), 2, line_item_blended_cost=None, line_item_net_unblended_cost=None),
        ],
    )
    found = {
        metric: str(read(written, metric=metric).rows[0].amount)
        for metric in ("UnblendedCost", "BlendedCost", "NetUnblendedCost")
    }
    assert found == {"UnblendedCost": "11", "BlendedCost": "8", "NetUnblendedCost": "8"}


def test_amortized_cost_spreads_what_was_paid_up_front(written: Written) -> None:
    """A plan's usage at its own price, what it did not use, and nothing for its purchase and its negation."""
    numbers = (
        "savings_plan_savings_plan_effective_cost", "reservation_effective_cost",
        "reservation_unused_amortized_upfront_fee_for_billing_period", "reservation_unused_recurring_fee",
        "savings_plan_total_commitment_to_date", "savings_plan_used_commitment",
    )  # fmt: skip
    types = {**CUR_TYPES, **dict.fromkeys(numbers, "DOUBLE"), "reservation_reservation_a_r_n": "VARCHAR"}
    told: dict[str, Row] = {
        "SavingsPlanCoveredUsage": {numbers[0]: 1},
        "SavingsPlanNegation": {},
        "SavingsPlanUpfrontFee": {},
        "SavingsPlanRecurringFee": {numbers[4]: 20, numbers[5]: 18},
        "DiscountedUsage": {numbers[1]: 4},
        "RIFee": {numbers[2]: 8, numbers[3]: 16},
        "Fee": {"reservation_reservation_a_r_n": "arn:aws:ec2:::reserved"},
        "Usage": {"line_item_unblended_cost": 32},
    }
    rows = [
        cur_row(item("1000"), number, **{"line_item_line_item_type": kind, "reservation_reservation_a_r_n": "", **more})
        for number, (kind, more) in enumerate(told.items())
    ]
    written.month(MONTH, rows, types=types)
    assert sum(row.amount for row in read(written, metric="AmortizedCost").rows) == 1 + 2 + 4 + 8 + 16 + 32


def test_focus_has_billed_and_effective_cost(written: Written) -> None:
    written.month(MONTH, [focus_row(item("10"), EffectiveCost=6)], types=FOCUS_TYPES)
    found = [
        str(read(written, form="focus", metric=metric).rows[0].amount) for metric in ("UnblendedCost", "AmortizedCost")
    ]
    assert found == ["10", "6"]


def test_services_have_the_names_of_cost_explorer(written: Written) -> None:
    tax = cur_row(item("1", "Tax", ""), 1, line_item_line_item_type="Tax", line_item_product_code="AmazonS3")
    nat = cur_row(item("2", "EC2 - Other", "USW2-NatGateway-Hours"), 2)
    run = cur_row(item("4", EC2, "USW2-BoxUsage:m5.large"), 3)
    new = cur_row(item("8", "Amazon Braket"), 4)
    bare = cur_row(item("16"), 5, line_item_product_code="AmazonNew", product={})
    reading = november(written, tax, nat, run, new, bare)
    assert by_service(reading.rows) == {
        "Tax": "1", "EC2 Other": "2", "EC2 Compute": "4", "Amazon Braket": "8", "AmazonNew": "16"
    }  # fmt: skip


def test_record_types_have_the_names_of_cost_explorer_and_the_settings_may_say_either(written: Written) -> None:
    discount = cur_row(item("-3"), 1, line_item_line_item_type="EdpDiscount")
    support = cur_row(item("5"), 2, line_item_product_code="AWSSupportBusiness")
    written.month(MONTH, [discount, support, cur_row(item("10"), 3)])
    for name in ("EdpDiscount", "Enterprise Discount Program Discount"):
        reading = read(written, excluded_record_types=(name, "Support"))
        assert [(row.record_type, str(row.amount)) for row in reading.excluded] == [
            ("Enterprise Discount Program Discount", "-3"),
            ("Support", "5"),
        ]


@pytest.mark.parametrize(
    ("key", "first"),
    [
        ("daylily:customer_id", "user_daylily_customer_id"),
        ("aws-parallelcluster-project", "user_aws_parallelcluster_project"),
        ("karpenter.sh/nodepool", "user_karpenter_sh_nodepool"),
        ("CostCenter", "user_cost_center"),
        ("parallelcluster:cluster-name", "user_parallelcluster_cluster_name"),
        ("aws:createdBy", "aws_created_by"),
    ],
)
def test_tag_keys_are_spelled_as_cur_does(key: str, first: str) -> None:
    assert tag_spellings(key, CUR2)[0] == first
    assert tag_spellings(key, FOCUS)[0] == key


def test_tags_that_stand_there_as_they_are_count_too(written: Written) -> None:
    reading = november(written, cur_row(item("1"), resource_tags={CUSTOMER: "acme"}))
    assert by_service(reading.rows) == {"EC2 Compute": "1"}


def test_untagged_cost_is_kept(written: Written) -> None:
    reading = november(written, cur_row(item("1", tags={})), cur_row(item("2"), 1, resource_tags=None))
    assert [(row.tag_key, row.tag_value, str(row.amount)) for row in reading.rows] == [(CUSTOMER, "", "3")]


# What counts of a delivery


def test_a_month_is_final_once_every_line_has_an_invoice(written: Written) -> None:
    written.month("2026-10", [cur_row(item("1", day=date(2026, 10, 1)), 1, invoice="I1")])
    written.month(MONTH, [cur_row(item("1"), 1, invoice="I2"), cur_row(item("0"), 2)])
    assert read(written, months=[OCTOBER, NOVEMBER]).estimated == {MONTH}


def test_only_the_files_that_the_manifest_lists_count(written: Written) -> None:
    old, new = written.month(MONTH, [cur_row(item("1"), 1)], [cur_row(item("2"), 1)], manifest=False)
    written.manifest(MONTH, [new])
    reading = read(written)
    assert (by_service(reading.rows), reading.notes) == ({"EC2 Compute": "2"}, ())
    assert old.exists()


def test_of_refreshes_beside_each_other_the_latest_counts(written: Written) -> None:
    old, new = written.month(MONTH, [cur_row(item("1"), 1)], [cur_row(item("2"), 1)], manifest=False)
    written.manifest(MONTH, [new], under="2026-11-21T00:00:00.000Z-b")
    written.manifest(MONTH, [old], under="2026-11-20T00:00:00.000Z-a")
    assert by_service(read(written).rows) == {"EC2 Compute": "2"}


def test_a_file_that_is_listed_and_missing_refuses_the_delivery(written: Written) -> None:
    first, _ = written.month(MONTH, [cur_row(item("1"), 1)], [cur_row(item("2"), 2)])
    first.unlink()
    with pytest.raises(TransientFailure, match=r"costs-00001.*listed and not there.*refresh the export"):
        read(written)


@pytest.mark.parametrize("left", [0, 3, 100, -20])
def test_a_half_written_file_refuses_the_delivery(written: Written, left: int) -> None:
    _, last = written.month(MONTH, [cur_row(item("1"), 1)], [cur_row(item("2"), 2)])
    last.write_bytes(last.read_bytes()[:left])
    with pytest.raises(TransientFailure, match="not whole"):
        read(written)


def test_without_a_manifest_all_files_count_and_that_is_told(written: Written) -> None:
    reading = november(written, cur_row(item("1"), 1), manifest=False)
    assert by_service(reading.rows) == {"EC2 Compute": "1"}
    assert reading.notes == ("2026-11: no manifest lists its files, so all 1 were read",)


def test_without_a_manifest_two_refreshes_are_not_added_up(written: Written) -> None:
    [one] = written.month(MONTH, [cur_row(item("1"), 1)], manifest=False)
    for name in ("a", "b"):
        target = one.parent / name / one.name
        target.parent.mkdir()
        target.write_bytes(one.read_bytes())
    one.unlink()
    with pytest.raises(PermanentFailure, match="several refreshes"):
        read(written)


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        ("{", "lists no `dataFiles`"),
        ("[]", "lists no `dataFiles`"),
        ('{"dataFiles": []}', "lists no `dataFiles`"),
        ('{"dataFiles": ["s3://b/p/costs/data/BILLING_PERIOD=2026-11/costs-1.csv.gz"]}', "no Parquet file"),
        ('{"dataFiles": ["s3://b/costs/data/BILLING_PERIOD=2026-11/../../x.parquet"]}', "no Parquet file"),
        ('{"dataFiles": ["s3://b/costs/data/BILLING_PERIOD=2026-10/costs-1.parquet"]}', "is that of 2026-11"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(written: Written, manifest: str, says: str) -> None:
    written.month(MONTH, [cur_row(item("1"))])
    written.manifest(MONTH, []).write_text(manifest)
    with pytest.raises(PermanentFailure, match=says):
        read(written)


def test_a_month_without_a_delivery_is_unknown_and_not_zero(written: Written) -> None:
    written.month(MONTH, [cur_row(item("1"))])
    reading = read(written, months=[OCTOBER, NOVEMBER])
    assert reading.months == (MONTH,)
    assert reading.notes == ("2026-10: AWS has delivered nothing of it yet, so its cost is unknown",)


def test_where_there_is_no_export_at_all_that_is_a_failure(written: Written) -> None:
    with pytest.raises(PermanentFailure, match="no data export at"):
        read(written)


def test_a_month_that_is_not_whole_takes_the_others_not_along(written: Written) -> None:
    written.month("2026-10", [cur_row(item("1", day=date(2026, 10, 1)))])
    written.month(MONTH, [cur_row(item("1"))])[0].unlink()
    reading = read(written, months=[OCTOBER, NOVEMBER])
    assert reading.months == ("2026-10",)
    assert [(month, why.code) for month, why in reading.refused.items()] == [(MONTH, "IncompleteDelivery")]


# Bad input


def test_an_empty_export_is_told_and_never_final(written: Written) -> None:
    reading = november(written)
    assert not reading.rows
    assert (reading.estimated, reading.currency) == (frozenset({MONTH}), "USD")
    assert reading.notes == ("2026-11: the export has no lines for it",)


def test_missing_and_renamed_columns_are_named_with_what_was_expected(written: Written) -> None:
    types = {{"pricing_unit": "pricing_units"}.get(name, name): kind for name, kind in CUR_TYPES.items()}
    del types["bill_invoice_id"]
    written.month(MONTH, [cur_row(item("1"))], types=types)
    with pytest.raises(PermanentFailure, match=r"missing: bill_invoice_id.*pricing_unit \(there is pricing_units\)"):
        read(written)


def test_a_column_that_only_one_file_lacks_is_missing(written: Written) -> None:
    """Read together it would be NULL there, and cost nothing."""
    written.month(MONTH, [cur_row(item("1"), 1)], [cur_row(item("2"), 2)])
    less = {name: kind for name, kind in CUR_TYPES.items() if name != "line_item_unblended_cost"}
    written.month(MONTH, [], [cur_row(item("2"), 2)], types=less, manifest=False)[0].unlink()
    written.manifest(
        MONTH,
        written.month(MONTH, [cur_row(item("1"), 1)], manifest=False) + list(written.data(MONTH).glob("*-00002*")),
    )
    with pytest.raises(PermanentFailure, match=r"costs-00002.*line_item_unblended_cost"):
        read(written)


def test_further_columns_do_no_harm(written: Written) -> None:
    types = {**CUR_TYPES, "split_line_item_split_cost": "DOUBLE", "new": "VARCHAR"}
    assert by_service(november(written, cur_row(item("1")), types=types).rows) == {"EC2 Compute": "1"}


def test_tags_that_are_no_map_are_refused(written: Written) -> None:
    with pytest.raises(PermanentFailure, match="resource_tags is VARCHAR, and not a map"):
        november(written, cur_row(item("1"), resource_tags="x"), types={**CUR_TYPES, "resource_tags": "VARCHAR"})


def test_numbers_as_text_count_exactly(written: Written) -> None:
    types = {**CUR_TYPES, "line_item_unblended_cost": "VARCHAR", "line_item_usage_amount": "VARCHAR"}
    rows = [cur_row(item("0"), n, line_item_unblended_cost=told) for n, told in enumerate(["0.1234567891", " 1 ", ""])]
    assert str(november(written, *rows, types=types).rows[0].amount) == "1.1234567891"


@pytest.mark.parametrize("told", ["12,50", "NaN", "free"])
def test_text_that_is_no_number_is_refused(written: Written, told: str) -> None:
    types = {**CUR_TYPES, "line_item_unblended_cost": "VARCHAR"}
    with pytest.raises(PermanentFailure, match=told):
        november(written, cur_row(item("1"), line_item_unblended_cost=told), types=types)


def test_currencies_are_told_each_with_its_sum_and_never_added_up(written: Written) -> None:
    rows = [cur_row(item("12"), 1), cur_row(item("5"), 2, line_item_currency_code="CNY")]
    with pytest.raises(PermanentFailure, match=r"not added up: 5\.00 CNY and 12\.00 USD"):
        november(written, *rows)
    assert november(written, rows[1]).currency == "CNY"


@pytest.mark.parametrize("other", ["1", "2.5"])
def test_in_files_that_a_manifest_lists_every_line_counts(written: Written, other: str) -> None:
    """AWS splits lines over files: the parts have the same id, and may well be equal."""
    written.month(MONTH, [cur_row(item("1"), 1)], [cur_row(item(other), 1)])
    reading = read(written)
    assert by_service(reading.rows) == {"EC2 Compute": str(1 + Decimal(other)).removesuffix(".0")}
    assert reading.notes == ()


def test_without_a_manifest_the_same_line_in_two_files_counts_once_and_is_told(written: Written) -> None:
    both, one = cur_row(item("1"), 1), cur_row(item("2"), 2)
    written.month(MONTH, [both, one], [both, cur_row(item("4"), 3)], manifest=False)
    reading = read(written)
    assert by_service(reading.rows) == {"EC2 Compute": "7"}
    assert reading.notes[1:] == ("2026-11: 1 lines stand in several files and were counted once",)


def test_of_many_doubled_lines_only_their_number_leaves_the_database(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There may be as many as lines, and memory is not to grow with the bill."""
    rows = [cur_row(item("1"), number) for number in range(500)]
    written.month(MONTH, rows, rows, manifest=False)
    answers: list[int] = []

    class Counting(duck.Duck):
        def ask(self, sql: str, about: str) -> list[tuple[Any, ...]]:
            assert len(sql) < 10_000
            found = super().ask(sql, about)
            answers.append(len(found))
            return found

    monkeypatch.setattr(duck, "Duck", Counting)
    assert by_service(read(written).rows) == {"EC2 Compute": "500"}
    assert max(answers) < 100


@pytest.mark.parametrize("changed", [{"line_item_unblended_cost": 2}, {"line_item_usage_amount": 9}])
def test_without_a_manifest_a_line_that_says_something_else_in_another_file_is_refused(
    written: Written, changed: Row
) -> None:
    """It may be split, or the files may be of two deliveries: nothing here can tell."""
    written.month(MONTH, [cur_row(item("1"), 1)], [cur_row(item("1"), 1, **changed)], manifest=False)
    with pytest.raises(PermanentFailure, match="line000001 stands in several files and says something else"):
        read(written)


def test_late_usage_counts_in_the_month_that_bills_it(written: Written) -> None:
    late = cur_row(item("1", day=date(2026, 10, 31)), 1, bill_billing_period_start_date="2026-11-01 00:00:00")
    assert by_service(november(written, late).rows) == {"EC2 Compute": "1"}


def test_lines_of_another_billing_period_are_left_out_and_told(written: Written) -> None:
    """They stand in the partition of their own month as well."""
    reading = november(written, cur_row(item("1"), 1), cur_row(item("2", day=date(2026, 10, 31)), 2))
    assert by_service(reading.rows) == {"EC2 Compute": "1"}
    assert reading.notes == ("2026-11: 1 lines of other billing periods lie in its files and were left out",)


def test_a_month_may_be_negative(written: Written) -> None:
    refund = cur_row(item("-9"), 2, line_item_line_item_type="Refund")
    written.month(MONTH, [cur_row(item("1"), 1), refund])
    assert by_service(read(written, excluded_record_types=()).rows) == {"EC2 Compute": "-8"}


def test_the_export_of_another_payer_is_refused(written: Written) -> None:
    with pytest.raises(PermanentFailure, match=f"payer {OTHER_ACCOUNT}, and not of {ACCOUNT}"):
        november(written, cur_row(item("1"), bill_payer_account_id=OTHER_ACCOUNT))


def test_of_a_member_account_only_its_own_lines_count(written: Written) -> None:
    own = cur_row(item("1"), 1, bill_payer_account_id=OTHER_ACCOUNT)
    foreign = cur_row(item("2"), 2, bill_payer_account_id=OTHER_ACCOUNT, line_item_usage_account_id=OTHER_ACCOUNT)
    written.month(MONTH, [own, foreign])
    reading = read(written, account=replace(OWN_ACCOUNT, payer=False))
    assert by_service(reading.rows) == {"EC2 Compute": "1"}


def test_the_location_may_name_the_account(tmp_path: Path) -> None:
    Written(tmp_path / ACCOUNT).month(MONTH, [cur_row(item("1"))])
    assert by_service(read(Written(tmp_path / "{account_id}")).rows) == {"EC2 Compute": "1"}


def test_without_duckdb_the_extra_is_named(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "duckdb", None)
    with pytest.raises(PermanentFailure, match=r"daylily-reconcile\[data\]"), duck.opened(128, 1):
        pass
