"""What Cost Explorer expects the rest of a month to cost, for one customer at a time and only where it can tell."""

from datetime import date, timedelta
from decimal import Decimal

from controller.domain.month import Month
from controller.domain.settings import UsageSettings
from controller.domain.usage import Forecast
from controller.errors import Failure, TransientFailure
from controller.sandbox import Fault, LineItem, Sandbox
from controller.usage.cost_explorer import ForecastReader
from tests.conftest import NOW
from tests.fakes import Clock
from tests.kinds.setting import ACCOUNT, OWN_ACCOUNT, door

CUSTOMER = "daylily:customer_id"
NOVEMBER = Month(2026, 11)


def a_dollar_a_day(sandbox: Sandbox, customer: str, first: date, **more: str) -> None:
    days = [first + timedelta(days=n) for n in range((sandbox.now().date() - first).days + 1)]
    record_type = more.get("record_type", "Usage")
    tags = {CUSTOMER: customer}
    sandbox.cost.add_line_items(
        LineItem(day, ACCOUNT, "Amazon FSx", "Lustre", record_type, Decimal(1), tags=tags) for day in days
    )
    sandbox.cost.sees_tag_keys(ACCOUNT, [CUSTOMER], active=True)


def read(sandbox: Sandbox, *customer_ids: str, month: Month = NOVEMBER) -> dict[str, Forecast | Failure]:
    return dict(ForecastReader(door(), OWN_ACCOUNT, UsageSettings(), sandbox.now).read(customer_ids, month))


def test_it_covers_today_up_to_the_end_of_the_month_and_has_an_interval(local_environment: Sandbox) -> None:
    a_dollar_a_day(local_environment, "acme", date(2026, 9, 1))
    assert read(local_environment, "acme") == {
        "acme": Forecast(Decimal("9.0000"), "cost_explorer", NOW, Decimal("7.2000"), Decimal("10.8000"))
    }


def test_on_the_last_day_of_the_month_it_covers_that_day(local_environment: Sandbox, standing_clock: Clock) -> None:
    standing_clock.now = NOW.replace(day=30, hour=23)
    a_dollar_a_day(local_environment, "acme", date(2026, 9, 1))
    found = read(local_environment, "acme")["acme"]
    assert isinstance(found, Forecast)
    assert found.amount == 1


def test_a_customer_with_too_little_history_is_not_in_it(local_environment: Sandbox) -> None:
    a_dollar_a_day(local_environment, "old", date(2026, 9, 1))
    a_dollar_a_day(local_environment, "young", date(2026, 11, 20))
    assert read(local_environment, "old", "young", "nobody").keys() == {"old"}


def test_what_is_kept_apart_is_not_forecast(local_environment: Sandbox) -> None:
    a_dollar_a_day(local_environment, "acme", date(2026, 9, 1))
    a_dollar_a_day(local_environment, "acme", date(2026, 9, 1), record_type="Credit")
    found = read(local_environment, "acme")["acme"]
    assert isinstance(found, Forecast)
    assert found.amount == 9


def test_a_month_that_is_over_has_none_and_costs_no_question(local_environment: Sandbox) -> None:
    assert read(local_environment, "acme", month=NOVEMBER.previous) == {}
    assert local_environment.requests == ()


def test_a_failure_is_that_customers_alone(local_environment: Sandbox) -> None:
    a_dollar_a_day(local_environment, "acme", date(2026, 9, 1))
    local_environment.faults.add(Fault("ce", "GetCostForecast", "error", code="InternalFailure", status=500, times=3))
    aws = door(concurrency=1)
    found = ForecastReader(aws, OWN_ACCOUNT, UsageSettings(), local_environment.now).read(["acme", "acme2"], NOVEMBER)
    assert isinstance(found["acme"], TransientFailure)
    assert "acme2" not in found
