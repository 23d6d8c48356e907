"""A statement adds up in every direction, to the coin, whatever it is made of."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.money import ZERO, coin
from controller.domain.settings import ExchangeRate, StatementSettings, TaxRule
from controller.domain.statement import (
    UNKNOWN,
    Statement,
    correction,
    draft,
    due_days,
    issue,
    number_of,
    why_not_comparable,
    why_not_yet,
)
from controller.domain.usage import CustomerMonth, Terms
from tests.generated_usage import acme, customer_months

PLAIN = StatementSettings()
VAT = StatementSettings(taxes=(TaxRule(name="VAT", percent=Decimal(19)),))


def on_terms(month: CustomerMonth, **terms: Any) -> CustomerMonth:
    return replace(month, terms=Terms(**terms))


def adds_up(statement: Statement) -> None:
    unit = coin(statement.currency)
    for line in statement.lines:
        assert line.listed - line.discount == line.charged
        assert all(amount % unit == 0 for amount in (line.listed, line.discount, line.charged))
    assert statement.listed - statement.discount == statement.subtotal
    assert statement.subtotal + sum((tax.amount for tax in statement.taxes), ZERO) == statement.total


def test_the_five_rows_of_the_seed_are_charged_to_the_cent() -> None:
    statement = draft(acme(), PLAIN)
    adds_up(statement)
    assert [(line.service, line.listed) for line in statement.lines] == [
        ("EC2 Compute", Decimal("312.63")),
        ("S3 Storage", Decimal("5.64")),
        ("Data Transfer Out", Decimal("4.07")),
        ("FSx Lustre", Decimal("45.00")),
        ("S3 Requests", Decimal("0.63")),
    ]
    assert statement.total == Decimal("367.97")


def test_a_discount_comes_off_each_line_and_off_the_sum_alike() -> None:
    statement = draft(on_terms(acme(), discount_percent=Decimal(10)), PLAIN)
    adds_up(statement)
    assert (statement.listed, statement.discount, statement.total) == (
        Decimal("367.97"),
        Decimal("36.80"),
        Decimal("331.17"),
    )


def test_a_tax_is_a_row_of_its_own_on_what_is_charged() -> None:
    statement = draft(on_terms(acme(), discount_percent=Decimal(10)), VAT)
    (tax,) = statement.taxes
    assert (tax.name, tax.base, tax.amount) == ("VAT", Decimal("331.17"), Decimal("62.92"))
    assert statement.total == Decimal("394.09")


def test_a_tax_for_some_is_charged_to_no_other() -> None:
    rule = TaxRule(name="VAT", percent=Decimal(19), customers=("cust_other",))
    assert draft(acme(), StatementSettings(taxes=(rule,))).taxes == ()


def test_a_currency_without_cents_is_charged_in_whole_coins() -> None:
    rate = ExchangeRate(currency="JPY", of="USD", rate=Decimal("150.25"), date=date(2024, 1, 31))
    statement = draft(on_terms(acme(), currency="JPY"), StatementSettings(rates=(rate,)))
    adds_up(statement)
    assert (statement.currency, statement.total) == ("JPY", Decimal(55287))
    assert statement.made_from.rate_date == date(2024, 1, 31)


def test_without_a_rate_it_is_charged_as_aws_counts_and_says_so() -> None:
    statement = draft(on_terms(acme(), currency="EUR"), PLAIN)
    assert (statement.currency, statement.total) == ("USD", Decimal("367.97"))
    assert any("EUR" in note for note in statement.notes)


@pytest.mark.parametrize(
    ("terms", "days"),
    [
        ("net-30", 30),
        ("Net 45", 45),
        ("14 days", 14),
        ("due on receipt", 0),
        (None, 21),
        ("when it rains", 21),
        ("net-9999", 21),
    ],
)
def test_payment_terms_say_when_it_is_due(terms: str | None, days: int) -> None:
    assert due_days(terms, 21) == days


def test_what_is_issued_has_its_number_its_dates_and_a_hash_of_all_of_it() -> None:
    statement = issue(
        draft(on_terms(acme(), payment_terms="net-30"), PLAIN), number_of("INV-", 2024, 7), date(2024, 2, 3)
    )
    assert (statement.number, statement.due_on) == ("INV-2024-000007", date(2024, 3, 4))
    assert statement.hash == replace(statement).hash
    assert replace(statement, payment_terms="net-90").hash != statement.hash


FEBRUARY_5, FEBRUARY_12 = datetime(2024, 2, 5, tzinfo=UTC), datetime(2024, 2, 12, tzinfo=UTC)


def closed(**more: Any) -> CustomerMonth:
    after = datetime(2024, 2, 4, tzinfo=UTC)
    return replace(acme(), **{"costs_as_of": after, "costs_estimated": False, "problems": (), **more})


@pytest.mark.parametrize(
    ("month", "now", "words"),
    [
        (closed(), FEBRUARY_5, ""),
        (closed(), datetime(2024, 1, 31, 23, tzinfo=UTC), "is not over"),
        (closed(costs_estimated=True), FEBRUARY_5, "from 2024-02-11 on"),
        (closed(costs_estimated=True), FEBRUARY_12, ""),
        (closed(costs_as_of=datetime(2024, 1, 20, tzinfo=UTC)), FEBRUARY_12, "collect it again"),
        (closed(costs_as_of=None, worksets_as_of=None), FEBRUARY_12, "is not known"),
        (closed(problems=("cost: AccessDenied",)), FEBRUARY_12, "AccessDenied"),
    ],
)
def test_only_a_month_that_is_closed_is_issued(month: CustomerMonth, now: datetime, words: str) -> None:
    found = why_not_yet(month, PLAIN, now)
    assert words in found
    assert bool(found) == bool(words)


def unmeasured() -> CustomerMonth:
    """Compute is by the ledger, and that has no cost of one workset of two, which makes the line unknown here."""
    compute = replace(acme().lines[0], amount=ZERO, exact=ZERO, certainty="unknown")
    worksets = tuple(replace(one, cost=None, certainty="unknown") for one in acme().worksets)
    return closed(lines=(compute, *acme().lines[1:]), worksets=worksets)


def test_what_is_not_known_is_not_issued_unless_that_is_allowed() -> None:
    why = why_not_yet(unmeasured(), PLAIN, FEBRUARY_12)
    assert "EC2 Compute (worksets ws-001) is not known; --allow unknown" in why
    assert why_not_yet(unmeasured(), PLAIN, FEBRUARY_12, [UNKNOWN]) == ""


def test_what_is_not_known_stands_on_the_statement_as_unknown_and_in_a_note() -> None:
    statement = draft(unmeasured(), PLAIN)
    compute = next(line for line in statement.lines if line.part == "compute")
    assert (compute.certainty, compute.is_unknown) == ("unknown", True)
    assert "Not in it, since it is not known: the cost of EC2 Compute (worksets ws-001)." in statement.notes
    adds_up(statement)


def test_a_workset_without_a_cost_among_others_is_named_on_the_statement() -> None:
    worksets = (replace(acme().worksets[0], cost=None), *acme().worksets[1:])
    assert (
        "Not in it, since it is not known: the cost of the worksets ws-001."
        in draft(closed(worksets=worksets), PLAIN).notes
    )


def test_what_is_not_known_now_is_no_change_of_aws() -> None:
    issued = issue(draft(closed(), PLAIN), "INV-1", date(2024, 2, 3))
    assert "EC2 Compute" in why_not_comparable(issued, (), unmeasured())


def test_a_correction_makes_up_the_difference_by_service() -> None:
    before = draft(acme(), VAT)
    cheaper = replace(acme(), lines=acme().lines[1:])
    change = correction(replace(before, number="INV-2024-000001"), (), cheaper, VAT)
    assert change
    adds_up(change)
    assert before.total + change.total == draft(cheaper, VAT).total
    assert {line.service for line in change.lines} == {acme().lines[0].service}
    assert change.corrects == "INV-2024-000001"


def test_there_is_nothing_to_correct_where_nothing_changed() -> None:
    assert correction(draft(acme(), VAT), (), acme(), VAT) is None


def rated(rate: str) -> StatementSettings:
    return StatementSettings(
        rates=(ExchangeRate(currency="EUR", of="USD", rate=Decimal(rate), date=date(2024, 1, 31)),)
    )


@pytest.mark.parametrize(
    ("then", "now", "why"),
    [
        (rated("0.92"), rated("0.95"), "a month keeps the rate that it was charged at"),
        (PLAIN, rated("0.92"), "what was charged in dollars stays charged in dollars"),
        (rated("0.92"), PLAIN, "a rate that is gone"),
        (PLAIN, VAT, "a tax from today on is none of an old month"),
        (VAT, PLAIN, "nor is one that ended"),
    ],
)
def test_settings_that_change_correct_nothing(then: StatementSettings, now: StatementSettings, why: str) -> None:
    month = on_terms(acme(), currency="EUR")
    assert correction(draft(month, then), (), month, now) is None, why
    cheaper = replace(month, lines=month.lines[1:])
    assert correction(draft(month, then), (), cheaper, now) == correction(draft(month, then), (), cheaper, then), why


def test_what_is_counted_in_another_currency_now_is_not_compared() -> None:
    issued = issue(draft(acme(), PLAIN), "INV-1", date(2024, 2, 3))
    assert why_not_comparable(issued, (), acme()) == ""
    assert "in CNY now" in why_not_comparable(issued, (), replace(acme(), currency="CNY"))
    foreign = replace(issued, number="INV-2", kind="correction", corrects="INV-1", currency="EUR")
    assert "INV-2 corrects it in EUR" in why_not_comparable(issued, (foreign,), acme())


PERCENTS = st.decimals(min_value=0, max_value=100, places=4)
SETTINGS = st.builds(
    lambda percents, rate: StatementSettings(
        taxes=tuple(TaxRule(name=f"tax {at}", percent=one) for at, one in enumerate(percents)),
        rates=(ExchangeRate(currency="JPY", of="USD", rate=rate, date=date(2024, 1, 31)),),
    ),
    st.lists(PERCENTS, max_size=2),
    st.decimals(min_value="0.001", max_value=500, places=4),
)
TERMS = st.builds(Terms, discount_percent=st.none() | PERCENTS, currency=st.sampled_from(["USD", "JPY"]))


@given(customer_months(), TERMS, SETTINGS)
def test_every_statement_adds_up_and_says_what_the_usage_says(
    month: CustomerMonth, terms: Terms, settings: StatementSettings
) -> None:
    statement = draft(replace(month, terms=terms), settings)
    adds_up(statement)
    if statement.currency == month.currency:
        assert statement.listed == (month.total or ZERO)


@given(customer_months(), customer_months(), TERMS, SETTINGS)
def test_a_statement_and_its_corrections_are_the_statement_of_today(
    then: CustomerMonth, now: CustomerMonth, terms: Terms, settings: StatementSettings
) -> None:
    issued = issue(draft(replace(then, terms=terms), settings), "INV-1", date(2024, 2, 3))
    month = replace(now, terms=terms, currency=then.currency)
    first = correction(issued, (), month, settings)
    if first is None:
        assert issued.total == draft(month, settings).total
        return
    adds_up(first)
    assert issued.total + first.total == draft(month, settings).total
    assert correction(issued, (first,), month, settings) is None


@given(customer_months(), TERMS, TERMS, SETTINGS, SETTINGS)
def test_whatever_the_settings_say_later_the_same_figures_are_never_corrected(
    month: CustomerMonth, then: Terms, now: Terms, before: StatementSettings, after: StatementSettings
) -> None:
    issued = draft(replace(month, terms=then), before)
    assert correction(issued, (), replace(month, terms=now), after) is None


@given(customer_months(), customer_months(), TERMS, TERMS, SETTINGS, SETTINGS)
def test_other_figures_are_corrected_as_the_settings_of_then_say(
    old: CustomerMonth,
    new: CustomerMonth,
    then: Terms,
    now: Terms,
    before: StatementSettings,
    after: StatementSettings,
) -> None:
    issued = draft(replace(old, terms=then), before)
    month = replace(new, currency=old.currency)
    changed = correction(issued, (), replace(month, terms=now), after)
    assert changed == correction(issued, (), replace(month, terms=then), before)
