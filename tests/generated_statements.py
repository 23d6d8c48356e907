"""Statements as they are shown: a draft, one that is paid, a credit note, and one whose every text means harm."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from controller.domain.settings import ExchangeRate, SenderSettings, StatementSettings, TaxRule
from controller.domain.statement import Filed, Statement, correction, draft, issue
from controller.domain.usage import CustomerMonth, Terms
from tests.generated_usage import acme

PLAIN = StatementSettings()
LEGAL = StatementSettings(
    sender=SenderSettings(
        name="Daylily Informatics",
        address=("Musterweg 12", "10115 Berlin", "Germany"),
        email="billing@daylily.example",
        tax_id="DE123456789",
    ),
    taxes=(TaxRule(name="VAT", percent=Decimal("19.00")),),
    rates=(ExchangeRate(currency="EUR", of="USD", rate=Decimal("0.9213"), date=date(2024, 1, 31)),),
    note="Thank you.",
)
TERMS = Terms("billing@acme.com", "123456789012", "net-30", Decimal(10), "EUR")
EVIL = "<script>alert(1)</script>\x1b[31m\u202e\n=cmd() &amp; \u0416"
ISSUED_AT = datetime(2024, 2, 12, 6, tzinfo=UTC)


def month() -> CustomerMonth:
    return replace(acme(), terms=TERMS)


def filed(statement: Statement, number: str = "INV-2024-000001") -> Filed:
    whole = issue(statement, number, date(2024, 2, 12))
    return Filed(whole, "issued", whole.hash, "ann", ISSUED_AT)


def paid() -> Filed:
    """With a discount, a tax and an exchange rate, by a sender whose legal fields are all there."""
    return replace(
        filed(draft(month(), LEGAL)), state="paid", changed_at=datetime(2024, 3, 1, tzinfo=UTC), changed_by="the bank"
    )


def credit_note() -> Filed:
    """What is given back after AWS took the compute off the month."""
    less = replace(month(), lines=month().lines[1:])
    change = correction(paid().statement, (), less, LEGAL)
    assert change
    return filed(change, "INV-2024-000002")


def evil() -> Statement:
    """Every text that anybody may write is harmful."""
    lines = tuple(replace(line, service=f"{EVIL} {at}", unit=EVIL) for at, line in enumerate(acme().lines))
    terms = Terms(EVIL, EVIL, EVIL, Decimal(0), "USD")
    whole = replace(acme(), lines=lines, display_name=EVIL, cost_center=EVIL, terms=terms, payer=EVIL)
    return replace(draft(whole, PLAIN), notes=(EVIL,))
