"""What AWS Budgets has counted: for everyone in few calls, and None where it has not counted."""

from collections.abc import Collection
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from controller.domain.usage import Spend
from controller.errors import Failure, TransientFailure
from controller.sandbox import Fault, LineItem, Sandbox
from controller.usage.budget_spend import SpendReader
from tests.conftest import NOW
from tests.fakes import Clock
from tests.kinds.setting import ACCOUNT, OWN_ACCOUNT, door


def budgets(sandbox: Sandbox, *customer_ids: str, limit: str = "500") -> None:
    for customer_id in customer_ids:
        sandbox.client("budgets", "us-east-1").create_budget(
            AccountId=ACCOUNT,
            Budget={
                "BudgetName": f"daylily-{customer_id}-monthly",
                "BudgetType": "COST",
                "TimeUnit": "MONTHLY",
                "BudgetLimit": {"Amount": limit, "Unit": "USD"},
                "CostFilters": {"TagKeyValue": [f"user:daylily:customer_id${customer_id}"]},
            },
        )


def spent(sandbox: Sandbox, customer_id: str, actual: str, forecast: str | None = None) -> None:
    sandbox.budgets.set_spend(ACCOUNT, f"daylily-{customer_id}-monthly", actual, forecast)


def read(sandbox: Sandbox, customer_ids: Collection[str]) -> dict[str, Spend | Failure]:
    sandbox.clear_requests()
    return dict(SpendReader(door(), OWN_ACCOUNT, sandbox.now).read(customer_ids))


def test_spend_forecast_limit_and_as_of(local_environment: Sandbox) -> None:
    budgets(local_environment, "acme")
    spent(local_environment, "acme", "322.34", "460.5")
    assert read(local_environment, ["acme"]) == {
        "acme": Spend(Decimal("500.00"), Decimal("322.34"), Decimal("460.5"), NOW)
    }


def test_a_spend_is_as_old_as_the_answer_and_not_as_the_budget(
    local_environment: Sandbox, standing_clock: Clock
) -> None:
    budgets(local_environment, "acme")
    standing_clock.now += timedelta(days=40)
    spent(local_environment, "acme", "12")
    found = read(local_environment, ["acme"])["acme"]
    assert isinstance(found, Spend)
    assert found.as_of == NOW + timedelta(days=40)


@pytest.mark.parametrize("others", [0, 5], ids=["one by one", "paged"])
def test_a_budget_that_was_just_written_has_no_spend_rather_than_none_at_all(
    local_environment: Sandbox, standing_clock: Clock, others: int
) -> None:
    """AWS zeroes the spend with every write, until it counts again; later zero is zero."""
    ids = ["acme", *(f"c{n}" for n in range(others))]
    budgets(local_environment, *ids)
    assert read(local_environment, ids)["acme"] == Spend(Decimal("500.00"), None, None, NOW)
    standing_clock.now += timedelta(hours=13)
    found = read(local_environment, ids)["acme"]
    assert isinstance(found, Spend)
    assert found.actual == 0


def test_it_counts_what_the_bill_says_of_the_month(local_environment: Sandbox) -> None:
    budgets(local_environment, "acme")
    tags = {"daylily:customer_id": "acme"}
    days = (NOW.date().replace(day=1), NOW.date(), NOW.date() - timedelta(days=60))
    local_environment.cost.add_line_items(
        LineItem(day, ACCOUNT, "Amazon FSx", "Lustre", "Usage", Decimal("1.10"), tags=tags) for day in days
    )
    local_environment.cost.sees_tag_keys(ACCOUNT, tags, active=True)
    local_environment.budgets.refresh()
    found = read(local_environment, ["acme"])["acme"]
    assert isinstance(found, Spend)
    assert found.actual == Decimal("2.20")
    assert found.forecast is not None


def test_up_to_three_are_asked_for_one_by_one_and_more_by_the_page(local_environment: Sandbox) -> None:
    budgets(local_environment, "a", "b", "c", "d", "foreign")
    assert read(local_environment, ["a", "b", "none"]).keys() == {"a", "b"}
    assert {one.operation for one in local_environment.requests} == {"DescribeBudget"}
    assert read(local_environment, ["a", "b", "c", "d", "none"]).keys() == {"a", "b", "c", "d"}
    assert [one.operation for one in local_environment.requests] == ["DescribeBudgets"]


def test_trap_5_pagination_every_page_of_budgets_is_read(
    local_environment: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.usage.budget_spend.PAGE", 3)
    ids = [f"c{n}" for n in range(7)]
    budgets(local_environment, *ids)
    assert read(local_environment, ids).keys() == set(ids)
    assert [one.operation for one in local_environment.requests] == ["DescribeBudgets"] * 3


@pytest.mark.parametrize("asked", [2, 9], ids=["one by one", "paged"])
def test_a_failing_read_is_the_failure_of_everyone_asked_for(local_environment: Sandbox, asked: int) -> None:
    ids = [f"c{n}" for n in range(asked)]
    budgets(local_environment, *ids)
    local_environment.faults.add(Fault("budgets", "", "throttle", times=None))
    found = read(local_environment, ids)
    assert found.keys() == set(ids)
    assert all(isinstance(one, TransientFailure) for one in found.values())


def test_a_budget_without_a_limit_of_its_own_has_none(local_environment: Sandbox) -> None:
    budgets(local_environment, "acme")
    reader = SpendReader(door(), OWN_ACCOUNT, local_environment.now)
    raw: dict[str, Any] = {"BudgetName": "x", "CalculatedSpend": {"ActualSpend": {"Amount": "1", "Unit": "CNY"}}}
    assert reader._spend(raw) == Spend(None, Decimal(1), None, NOW, "CNY")
