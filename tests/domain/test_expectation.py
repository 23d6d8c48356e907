"""The expected cost of a month: AWS's word where it sees all of the cost, our own arithmetic where it does not."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.expectation import expected
from controller.domain.usage import CustomerMonth, Forecast, Line, Source, Spend

AS_OF = datetime(2024, 1, 11, tzinfo=UTC)


def line(amount: str, source: Source = "cost_explorer") -> Line:
    return Line("EC2 Compute", "compute", Decimal(amount), Decimal(amount), source, "actual")


def month(*lines: Line, spent: Spend | None = None, **more: Any) -> CustomerMonth:
    given: dict[str, Any] = {"costs_as_of": AS_OF, "spend": spent}
    return CustomerMonth("acme", "2024-01", lines=lines or (line("100"),), **given | more)


def spend(forecast: str | None, **more: Any) -> Spend:
    told = None if forecast is None else Decimal(forecast)
    return replace(Spend(Decimal(500), Decimal(100), told, AS_OF), **more)


RUN_RATE = Forecast(Decimal("310.00"), "run_rate", AS_OF)
TO_COME = Forecast(Decimal("150.005"), "cost_explorer", AS_OF, Decimal(140), Decimal("170.555"))
EARLIER = Forecast(Decimal(290), "cost_explorer", AS_OF, Decimal(280), Decimal(300))


@pytest.mark.parametrize(
    ("month", "forecast", "why"),
    [
        (month(spent=spend("250")), Forecast(Decimal(250), "budgets", AS_OF), "the budget tells it"),
        (month(), RUN_RATE, "nothing of AWS tells it: 100 in 10 of 31 days"),
        (month(spent=spend(None)), RUN_RATE, "the budget does not tell it yet"),
        (month(spent=spend("250", currency="CNY")), RUN_RATE, "the budget counts in another currency"),
        (month(spent=spend("90")), RUN_RATE, "the budget expects less than was spent, so it does not see all of it"),
        (
            month(line("40"), line("60", "ledger"), spent=spend("250")),
            RUN_RATE,
            "AWS does not see the ledger's compute",
        ),
        (month(line("40"), line("60", "split"), spent=spend("250")), RUN_RATE, "nor what a rule brings in"),
        (month(spent=spend("250"), forecast=EARLIER), EARLIER, "Cost Explorer was asked before"),
        (month(line("0"), costs_as_of=None), None, "nothing is known as of any time"),
        (month(costs_as_of=datetime(2024, 1, 1, 23, tzinfo=UTC)), None, "a day is not over"),
        (month(costs_as_of=datetime(2024, 2, 3, tzinfo=UTC)), None, "the month is over"),
    ],
)
def test_what_a_month_is_expected_to_cost(month: CustomerMonth, forecast: Forecast | None, why: str) -> None:
    assert expected(month) == forecast, why


def test_cost_explorer_tells_of_the_days_to_come_and_what_was_spent_is_added() -> None:
    assert expected(month(spent=spend("250")), TO_COME) == Forecast(
        Decimal("250.01"), "cost_explorer", AS_OF, Decimal("240.00"), Decimal("270.56")
    )
