"""Each difference between two accounts of a month is explained, or flagged for a person."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.bill_check import Check, check_bill
from controller.domain.money import ZERO
from controller.domain.month import Month
from controller.domain.settings import ExchangeRate, StatementSettings
from controller.domain.statement import Statement, correction, draft, issue
from controller.domain.usage import AccountMonth, CostRow, CustomerMonth, Line, Spend, Terms, Workset

JANUARY, AS_OF = Month(2024, 1), datetime(2024, 2, 4, tzinfo=UTC)


def row(service: str, part: Any, amount: str) -> CostRow:
    return CostRow("2024-01", "daylily:customer_id", "acme", service, part, Decimal(amount))


def line(service: str, part: Any, amount: str, source: Any = "cost_explorer") -> Line:
    exact = Decimal(amount)
    return Line(service, part, exact, exact, source, "actual")


def month(**more: Any) -> CustomerMonth:
    plain = CustomerMonth(
        "acme",
        "2024-01",
        lines=(line("EC2 Compute", "compute", "80.00"), line("S3 Storage", "storage", "20.00")),
        tagged=(row("EC2 Compute", "compute", "80.00"), row("S3 Storage", "storage", "20.00")),
        compute_source="cost_explorer",
        costs_as_of=AS_OF,
        costs_estimated=False,
    )
    return replace(plain, **more)


def issued(of: CustomerMonth) -> Statement:
    return issue(draft(of, StatementSettings()), "INV-1", date(2024, 2, 12))


def check(what: str, of: CustomerMonth, statements: tuple[Statement, ...] = (), *, closed: bool = True) -> Check:
    found = check_bill(JANUARY, [of], [], {"acme": statements}, closed=closed)
    return next(one for one in found if one.what.startswith(what))


@pytest.mark.parametrize(
    ("of", "verdict", "words"),
    [
        (month(), "agrees", ""),
        (
            month(
                lines=(line("EC2 Compute", "compute", "95.00", "ledger"), line("S3 Storage", "storage", "20.00")),
                compute_source="ledger",
            ),
            "explained",
            "95.00 compute by the ledger in place of 80.00 by tags",
        ),
        (
            month(lines=(line("S3 Storage", "storage", "20.00"),), compute_source="ledger"),
            "explained",
            "0.00 compute by the ledger in place of 80.00 by tags",
        ),
        (
            month(lines=(*month().lines, line("FSx Lustre", "other", "7.00", "split"))),
            "explained",
            "7.00 shared by rule",
        ),
        (month(lines=(line("EC2 Compute", "compute", "80.00"),)), "flagged", "-20.00 of it nothing explains"),
        (month(costs_as_of=None), "unknown", "not known"),
    ],
)
def test_what_is_charged_and_what_aws_tags(of: CustomerMonth, verdict: str, words: str) -> None:
    found = check("charged", of)
    assert found.verdict == verdict
    assert words in found.why


@pytest.mark.parametrize(
    ("actual", "more", "verdict"),
    [
        ("100.00", {}, "agrees"),
        ("101.50", {}, "explained"),
        ("140.00", {}, "flagged"),
        ("140.00", {"costs_estimated": True}, "explained"),
        ("60.00", {"excluded": (row("EC2 Compute", "compute", "-40"),)}, "explained"),
        ("61.00", {"excluded": (row("EC2 Compute", "compute", "-40"),)}, "explained"),
        ("200.00", {"excluded": (row("EC2 Compute", "compute", "-40"),)}, "flagged"),
        ("200.00", {"excluded": (row("EC2 Compute", "compute", "-0.01"),)}, "flagged"),
        (None, {}, "unknown"),
    ],
)
def test_what_the_budget_counts(actual: str | None, more: dict[str, Any], verdict: str) -> None:
    spend = Spend(Decimal(500), Decimal(actual) if actual else None, None, AS_OF)
    assert check("budget", month(spend=spend, **more)).verdict == verdict


def test_the_ledger_and_the_tags_are_never_both_charged() -> None:
    ran = Workset("w", "complete", "completed", "2024-01", cost=Decimal("77.00"))
    found = check("ledger", month(worksets=(ran,), worksets_as_of=AS_OF))
    assert (found.left, found.right, found.verdict) == (Decimal("77.00"), Decimal("80.00"), "explained")
    assert "AWS's cost is charged" in found.why


def test_worksets_without_a_cost_are_flagged() -> None:
    ran = Workset("w", "complete", "completed", "2024-01")
    assert check("ledger", month(worksets=(ran,), worksets_as_of=AS_OF)).verdict == "flagged"


def test_a_statement_that_says_what_is_charged_agrees() -> None:
    assert check("statements", month(), (issued(month()),)).verdict == "agrees"


def test_what_aws_changed_after_the_issue_is_flagged_with_what_to_do() -> None:
    found = check("statements", replace(month(), lines=month().lines[:1]), (issued(month()),))
    assert (found.verdict, found.difference) == ("flagged", Decimal("20.00"))
    assert "--correct" in found.why


RATE = ExchangeRate(currency="EUR", of="USD", rate=Decimal("0.9213"), date=date(2024, 1, 31))


def test_a_statement_in_another_currency_is_compared_by_what_it_was_made_from() -> None:
    euros = month(terms=Terms(currency="EUR"))
    settings = StatementSettings(rates=(RATE,))
    first = issue(draft(euros, settings), "INV-1", date(2024, 2, 12))
    found = check("statements", euros, (first,))
    assert (found.verdict, found.left, found.difference) == ("agrees", Decimal("100.00"), ZERO)

    less = replace(euros, lines=month().lines[:1])
    assert check("statements", less, (first,)).verdict == "flagged"
    note = correction(first, (), less, settings)
    assert note
    assert check("statements", less, (first, issue(note, "INV-2", date(2024, 2, 13)))).verdict == "agrees"

    assert check("statements", replace(euros, currency="CNY"), (first,)).verdict == "unknown"


@pytest.mark.parametrize(("closed", "verdict"), [(True, "flagged"), (False, "unknown")])
def test_a_month_without_a_statement_is_flagged_once_it_should_have_one(closed: bool, verdict: str) -> None:
    assert check("statements", month(), closed=closed).verdict == verdict


def test_an_account_whose_parts_do_not_add_up_is_flagged() -> None:
    whole = AccountMonth("default", "2024-01", totals={"EC2": Decimal("100.00")}, asked_at=AS_OF)
    assert check_bill(JANUARY, [month()], [whole], {}, closed=False)[-1].verdict == "agrees"
    more = replace(whole, totals={"EC2": Decimal("123.00")})
    found = check_bill(JANUARY, [month()], [more], {}, closed=False)[-1]
    assert (found.verdict, found.difference) == ("flagged", Decimal("-23.00"))
