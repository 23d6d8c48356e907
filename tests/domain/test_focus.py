"""Rows as the FOCUS specification wants them: our own keep every rule, and each rule finds its bad row."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.focus import PRICING, Row, Version, columns, rows, validate
from controller.domain.month import Month
from controller.domain.settings import StatementSettings, TaxRule
from controller.domain.statement import correction, draft, issue
from controller.domain.usage import Terms
from tests.generated_usage import account, acme, line

JANUARY = Month(2024, 1)
TAXED = StatementSettings(taxes=(TaxRule(name="VAT", percent=Decimal(19)),))
BOTH = pytest.mark.parametrize("version", ["1.2", "1.3"])


def exported(version: Version = "1.2") -> list[Row]:
    month = replace(acme(), terms=Terms(discount_percent=Decimal(10)))
    return rows(version, "Daylily", JANUARY, [(month, draft(month, TAXED))], [account()])


@BOTH
def test_our_own_rows_keep_every_rule(version: Version) -> None:
    assert list(validate(version, exported(version))) == []


def test_the_discount_is_in_its_row_and_no_row_of_its_own() -> None:
    compute = next(row for row in exported() if row["ServiceName"] == "EC2 Compute")
    assert (compute["ListCost"], compute["BilledCost"]) == (Decimal("312.63"), Decimal("281.37"))
    assert all(row["BilledCost"] >= 0 for row in exported())


def test_a_tax_is_a_row_without_a_quantity() -> None:
    (tax,) = (row for row in exported() if row["ChargeCategory"] == "Tax")
    assert (tax["ChargeDescription"], tax["PricingQuantity"]) == ("VAT 19 %", None)


def test_what_nobody_is_charged_has_no_sub_account_and_no_invoice() -> None:
    nobodys = [row for row in exported() if row["SubAccountId"] is None]
    assert sum(row["BilledCost"] for row in nobodys) == Decimal("47.98")
    assert {row["InvoiceId"] for row in nobodys} == {None}


def test_what_has_no_quantity_is_an_adjustment_without_a_price() -> None:
    """The specification wants both of each usage, and an invented one would be worse than none."""
    rows_ = [row for row in exported() if row["SubAccountId"] is None]
    assert {row["ChargeCategory"] for row in rows_} == {"Adjustment"}
    assert {row[name] for row in rows_ for name in (*PRICING, "ConsumedQuantity", "ConsumedUnit")} == {None}


def test_a_credit_on_a_service_has_no_unit_price_below_zero() -> None:
    month = acme(lines=(line("S3 Storage", "storage", "-5", quantity="100", unit="GB-Mo"),))
    (row,) = rows("1.2", "Daylily", JANUARY, [(month, draft(month, StatementSettings()))], [account(lines=())])
    assert (row["ChargeCategory"], row["ListCost"], row["ListUnitPrice"]) == ("Adjustment", Decimal(-5), None)


def test_a_unit_that_the_specification_does_not_list_stays_as_aws_writes_it() -> None:
    month = acme(lines=(line("AWS Lambda", "compute", "5", quantity="100", unit="Lambda-GB-Second"),))
    (row,) = rows("1.2", "Daylily", JANUARY, [(month, draft(month, StatementSettings()))], [account(lines=())])
    assert (row["ChargeCategory"], row["PricingUnit"]) == ("Usage", "Lambda-GB-Second")


@pytest.mark.parametrize(("amount", "quantity"), [("361.23", "900000000"), ("0.01", "1E+17"), ("5000", "1E-9")])
def test_unit_prices_have_digits_enough_for_any_quantity(amount: str, quantity: str) -> None:
    month = acme(lines=(line("S3 Requests", "other", amount, quantity=quantity, unit="Requests"),))
    (row,) = found = rows("1.2", "Daylily", JANUARY, [(month, draft(month, StatementSettings()))], [account(lines=())])
    assert list(validate("1.2", found)) == []
    assert abs(row["ListUnitPrice"] * row["PricingQuantity"] - Decimal(amount)) <= Decimal("0.001")


def test_the_category_goes_by_service() -> None:
    told = {row["ServiceName"]: (row["ServiceCategory"], row["ServiceSubcategory"]) for row in exported()}
    assert told["FSx Lustre"] == ("Storage", "File Storage")
    assert told["S3 Requests"] == ("Storage", "Object Storage")


def test_the_billing_account_is_an_id_and_the_name_stands_beside() -> None:
    told = {(row["BillingAccountId"], row["BillingAccountName"]) for row in exported()}
    assert told == {("123456789012", "default")}


def test_the_account_of_the_manifest_is_billed_where_there_is_one() -> None:
    month = acme(terms=Terms(account_id="210987654321"))
    found = rows("1.2", "Daylily", JANUARY, [(month, draft(month, TAXED))], [account(lines=())])
    assert {(row["BillingAccountId"], row["BillingAccountName"]) for row in found} == {("210987654321", None)}


def test_an_account_whose_id_is_not_known_is_a_breach_and_no_name() -> None:
    found = rows("1.2", "Daylily", JANUARY, [], [account(account_id="")])
    assert {(one.column, one.rule) for one in validate("1.2", found)} == {("BillingAccountId", "null")}


def test_a_correction_is_billed_in_the_month_that_it_is_issued_in() -> None:
    """ "Correction" is one to a billing period that was invoiced before; the charge period says which."""
    first = issue(draft(acme(), TAXED), "INV-1", date(2024, 2, 12))
    corrected_by = correction(first, (), acme(lines=acme().lines[1:]), TAXED)
    assert corrected_by
    note = issue(corrected_by, "INV-2", date(2024, 3, 5))
    found = rows("1.2", "Daylily", JANUARY, [(acme(), first), (acme(), note)], [account()])
    corrected = [row for row in found if row["ChargeClass"] == "Correction"]
    assert {row["InvoiceId"] for row in corrected} == {"INV-2"}
    assert {(row["BillingPeriodStart"].month, row["BillingPeriodEnd"].month) for row in corrected} == {(3, 4)}
    assert {row["ChargePeriodStart"].month for row in corrected} == {1}
    assert list(validate("1.2", found)) == []


def test_1_3_names_who_hosts_and_who_provides() -> None:
    new = {column.name for column in columns("1.3")} - {column.name for column in columns("1.2")}
    assert new == {"HostProviderName", "ServiceProviderName"}


def test_a_gigabyte_of_s3_is_a_gibibyte() -> None:
    assert {row["PricingUnit"] for row in exported() if row["ServiceName"] == "S3 Storage" and row["SubAccountId"]} == {
        "GiB-Months"
    }


def test_columns_of_our_own_come_last() -> None:
    names = [column.name for column in columns("1.3")]
    assert names == sorted(name for name in names if not name.startswith("x_")) + sorted(
        name for name in names if name.startswith("x_")
    )


BAD: list[tuple[str, Any, str]] = [
    ("BilledCost", None, "null"),
    ("BilledCost", "12.5", "type"),
    ("BilledCost", Decimal("NaN"), "type"),
    ("BillingCurrency", "usd", "iso-4217"),
    ("BillingCurrency", "", "empty-text"),
    ("BillingPeriodStart", datetime(2024, 1, 1), "utc"),  # noqa: DTZ001 - without a zone is what is wrong with it
    ("BillingPeriodStart", datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=1))), "utc"),
    ("BillingPeriodEnd", datetime(2023, 12, 31, tzinfo=UTC), "period"),
    ("ChargePeriodEnd", datetime(2024, 1, 1, tzinfo=UTC), "period"),
    ("ChargeCategory", "Discount", "closed-list"),
    ("ChargeClass", "Refund", "closed-list"),
    ("ServiceCategory", "Sequencing", "closed-list"),
    ("Tags", {"a": ["b"]}, "tag-values"),
    ("Tags", "a=b", "type"),
    ("PricingUnit", None, "quantity-and-unit"),
    ("ListUnitPrice", Decimal("9.99"), "unit-price"),
    ("ServiceName", None, "null"),
    ("CostCenter", "CC-1", "custom-column"),
    ("PricingQuantity", None, "priced"),
    ("PricingUnit", None, "priced"),
    ("PricingCategory", None, "priced"),
    ("ListUnitPrice", None, "priced"),
    ("ContractedUnitPrice", None, "priced"),
    ("PricingCategory", "Cheap", "closed-list"),
    ("ListUnitPrice", Decimal(-1), "negative-price"),
    ("ConsumedQuantity", None, "consumed"),
    ("ConsumedUnit", None, "consumed"),
    ("ChargeCategory", "Credit", "consumed"),
]


@pytest.mark.parametrize(("column", "value", "rule"), BAD, ids=[f"{column}-{rule}" for column, _, rule in BAD])
def test_each_rule_finds_its_bad_row(column: str, value: Any, rule: str) -> None:
    found = exported()
    found[0] = {**found[0], column: value}
    breaches = list(validate("1.2", found))
    assert rule in {one.rule for one in breaches}
    assert {one.row for one in breaches} == {1}


@pytest.mark.parametrize("name", [*PRICING, "ConsumedQuantity", "ConsumedUnit"])
def test_a_correction_may_leave_out_quantity_and_price(name: str) -> None:
    both = {"PricingQuantity": "PricingUnit", "PricingUnit": "PricingQuantity"}
    without = {name: None, both.get(name, name): None}
    row = next(row for row in exported() if row["ChargeCategory"] == "Usage")
    assert list(validate("1.2", [{**row, "ChargeClass": "Correction", **without}])) == []
    assert list(validate("1.2", [{**row, **without}]))


def test_a_purchase_has_a_price_and_nothing_that_was_used() -> None:
    row = next(row for row in exported() if row["ChargeCategory"] == "Usage")
    bought = {**row, "ChargeCategory": "Purchase", "ConsumedQuantity": None, "ConsumedUnit": None}
    assert list(validate("1.2", [bought])) == []
    assert {one.rule for one in validate("1.2", [{**bought, "ListUnitPrice": None}])} == {"priced"}


def test_a_tax_with_a_quantity_is_found() -> None:
    at = next(at for at, row in enumerate(exported()) if row["ChargeCategory"] == "Tax")
    found = exported()
    found[at] = {**found[at], "PricingQuantity": Decimal(1), "PricingUnit": "Hours"}
    assert {one.rule for one in validate("1.2", found)} == {"tax"}


def test_a_mandatory_column_that_is_missing_is_found() -> None:
    found = [{name: value for name, value in row.items() if name != "ProviderName"} for row in exported()]
    assert {(one.column, one.rule) for one in validate("1.2", found)} == {("ProviderName", "column-missing")}
