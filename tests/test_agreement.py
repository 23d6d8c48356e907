"""From the bill to every report: usage, history, forecast and costs agree with each other and with AWS, to the cent."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from controller.domain.costs_report import By, costs_report
from controller.domain.forecast_report import forecast_report
from controller.domain.history_report import history_report
from controller.domain.money import cents
from controller.domain.month import Month
from controller.domain.settings import UsageSettings
from controller.domain.usage import CostReading, CustomerMonth
from controller.domain.usage_report import usage_report
from tests.fakes import customer
from tests.generated_bills import IDS, readings, usage_settings
from tests.metered import Metered
from tests.test_collect import ran

JANUARY = Month(2024, 1)
GROUPINGS: tuple[By, ...] = ("service", "cost-center", "customer", "account")


@given(readings(), usage_settings(), st.lists(st.sampled_from(["0.005", "12.345", "100", "7.1"]), max_size=4))
def test_every_report_tells_the_same_cents_as_the_bill(
    bill: CostReading, settings: UsageSettings, runs: list[str]
) -> None:
    town = Metered(settings=settings)
    town.meter.rows["default"] = list(bill.rows)
    town.meter.ledger[IDS[0]] = [ran(f"w{number}", cost) for number, cost in enumerate(runs)]
    town.collect(*(customer(id_) for id_ in IDS), months=[str(JANUARY)])
    stored = [one for one in town.months.load(JANUARY).customers.values() if isinstance(one, CustomerMonth)]
    whole = cents(sum((row.amount for row in bill.rows if row.month == str(JANUARY)), Decimal(0)))

    reports = {by: costs_report(by, JANUARY, stored, [town.months.account(month=str(JANUARY))]) for by in GROUPINGS}

    for report in reports.values():
        assert report.total.value == whole
        assert sum(row.cost.value for row in report.rows if row.cost.value is not None) == whole
    charged = {row.customer_id: row.cost.value for row in reports["customer"].rows if row.allocated}
    for one in stored:
        usage = usage_report(one)
        past = history_report(one.customer_id, one.name, [JANUARY], {JANUARY: one}, {})
        assert usage.total == past.months[0].total == forecast_report(one).spent
        assert usage.total.value == charged[one.customer_id] == sum(line.amount for line in usage.lines)
