"""Statement, chargeback, usage and export agree to the cent, whatever the bill was."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.chargeback import Sum, chargeback
from controller.domain.focus import Version, rows, validate
from controller.domain.money import ZERO, cents
from controller.domain.month import Month
from controller.domain.settings import StatementSettings, TaxRule, UsageSettings
from controller.domain.statement import Statement, draft, issue
from controller.domain.usage import AccountMonth, CostReading, CustomerMonth, Terms
from controller.domain.usage_report import usage_report
from tests.fakes import customer
from tests.generated_bills import IDS, readings, usage_settings
from tests.metered import Metered
from tests.test_collect import ran

JANUARY = Month(2024, 1)
TAXED = StatementSettings(taxes=(TaxRule(name="VAT", percent=Decimal(19)),))
RUNS = st.lists(st.sampled_from(["0.005", "12.345", "100", "7.1"]), max_size=4)
DISCOUNTS = st.lists(
    st.none() | st.decimals(min_value=0, max_value=100, places=2), min_size=len(IDS), max_size=len(IDS)
)


def collected(
    bill: CostReading, settings: UsageSettings, runs: list[str], discounts: list[Decimal | None]
) -> tuple[list[CustomerMonth], list[AccountMonth]]:
    """The months that are stored after a collect of this bill, for customers on these discounts."""
    town = Metered(settings=settings)
    town.meter.rows["default"] = list(bill.rows)
    town.meter.ledger[IDS[0]] = [ran(f"w{number}", cost) for number, cost in enumerate(runs)]
    town.collect(*(customer(id_) for id_ in IDS), months=[str(JANUARY)])
    found = town.months.load(JANUARY).customers
    stored = [one for one in found.values() if isinstance(one, CustomerMonth)]
    terms = dict(zip(IDS, discounts, strict=True))
    stored = [replace(one, terms=Terms(discount_percent=terms.get(one.customer_id))) for one in stored]
    return stored, [town.months.account(month=str(JANUARY))]


def agree(bill: CostReading, settings: UsageSettings, runs: list[str], discounts: list[Decimal | None]) -> None:
    customers, accounts = collected(bill, settings, runs, discounts)
    whole = cents(sum((row.amount for row in bill.rows if row.month == str(JANUARY)), ZERO))
    statements = [
        (one, issue(draft(one, TAXED), f"INV-{at}", datetime(2024, 2, 12, tzinfo=UTC).date()))
        for at, one in enumerate(customers)
    ]
    charged = chargeback(JANUARY, customers, accounts)

    (total,) = charged.totals
    assert total.sum.listed == whole
    assert total.difference in (None, ZERO)
    for one, statement in statements:
        own = Sum.of(charge for charge in charged.charges if charge.customer_id == one.customer_id)
        assert (own.listed, own.discount, own.charged) == (statement.listed, statement.discount, statement.subtotal)
        assert usage_report(one).total.value in (None, statement.listed)
    for version in ("1.2", "1.3"):
        exported(version, statements, accounts, whole)


def exported(
    version: Version,
    statements: list[tuple[CustomerMonth, Statement]],
    accounts: list[AccountMonth],
    whole: Decimal,
) -> None:
    found = rows(version, "Daylily", JANUARY, statements, accounts)
    assert list(validate(version, found)) == []
    for _, statement in statements:
        billed = [row["BilledCost"] for row in found if row["InvoiceId"] == statement.number]
        assert sum(billed, ZERO) == statement.total
    assert sum((row["ListCost"] for row in found if row["ChargeCategory"] != "Tax"), ZERO) == whole


@settings(max_examples=50)
@given(readings(), usage_settings(), RUNS, DISCOUNTS)
def test_all_documents_agree_to_the_cent(
    bill: CostReading, settings: UsageSettings, runs: list[str], discounts: list[Decimal | None]
) -> None:
    agree(bill, settings, runs, discounts)


@pytest.mark.exhaustive
@settings(max_examples=1000)
@given(readings(), usage_settings(), RUNS, DISCOUNTS)
def test_all_documents_agree_to_the_cent_in_a_thousand_worlds(
    bill: CostReading, settings: UsageSettings, runs: list[str], discounts: list[Decimal | None]
) -> None:
    agree(bill, settings, runs, discounts)
