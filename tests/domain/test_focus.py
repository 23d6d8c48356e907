"""Rows as the FOCUS specification wants them: our own keep every rule, and each rule finds its bad row."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.focus import Row, Version, columns, rows, validate
from controller.domain.month import Month
from controller.domain.settings import StatementSettings, TaxRule
from controller.domain.statement import draft
from controller.domain.usage import Terms
from tests.generated_usage import account, acme

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
]


@pytest.mark.parametrize(("column", "value", "rule"), BAD, ids=[f"{column}-{rule}" for column, _, rule in BAD])
def test_each_rule_finds_its_bad_row(column: str, value: Any, rule: str) -> None:
    found = exported()
    found[0] = {**found[0], column: value}
    breaches = list(validate("1.2", found))
    assert rule in {one.rule for one in breaches}
    assert {one.row for one in breaches} == {1}


def test_a_tax_with_a_quantity_is_found() -> None:
    at = next(at for at, row in enumerate(exported()) if row["ChargeCategory"] == "Tax")
    found = exported()
    found[at] = {**found[at], "PricingQuantity": Decimal(1), "PricingUnit": "Hours"}
    assert {one.rule for one in validate("1.2", found)} == {"tax"}


def test_a_mandatory_column_that_is_missing_is_found() -> None:
    found = [{name: value for name, value in row.items() if name != "ProviderName"} for row in exported()]
    assert {(one.column, one.rule) for one in validate("1.2", found)} == {("ProviderName", "column-missing")}
