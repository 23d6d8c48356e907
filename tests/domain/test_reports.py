"""Usage, history, forecast and costs: made of one stored month, they agree with each other to the cent."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given, settings

from controller.domain.costs_report import NO_COST_CENTER, UNALLOCATED, By, CostsRow, costs_report
from controller.domain.coverage import coverage_of
from controller.domain.figure import PARTS, Figure, cost_of
from controller.domain.forecast_report import forecast_report
from controller.domain.gate import Gate
from controller.domain.history_report import history_report
from controller.domain.month import Month
from controller.domain.usage import AccountMonth, BucketStorage, CustomerMonth, Forecast, Spend
from controller.domain.usage_report import usage_report
from tests.generated_usage import AS_OF, LEDGER_AS_OF, MONTH, account, acme, beta, customer_months, unread, whole_months

JANUARY = Month.parse(MONTH)
GROUPINGS: tuple[By, ...] = get_args(By)


def value(figure: Figure) -> str | None:
    return None if figure.value is None else str(figure.value)


# Agreement


@settings(deadline=None)
@given(customer_months())
def test_one_months_cost_is_the_same_in_every_report(stored: CustomerMonth) -> None:
    usage = usage_report(stored)
    parts = [figure.value for figure in usage.parts.values() if figure.value is not None]
    history = history_report(stored.customer_id, stored.name, [JANUARY], {JANUARY: stored}, {})
    (row,) = [one for one in costs_report("customer", JANUARY, [stored], []).rows if one.allocated]

    assert usage.total.value == stored.total
    assert history.months[0].total == usage.total == forecast_report(stored).spent
    assert row.cost.value == usage.total.value
    if usage.total.value is not None:
        assert sum(parts) == sum(line.amount for line in usage.lines) == usage.total.value
    else:
        assert parts == []


@settings(deadline=None)
@given(whole_months())
def test_costs_have_the_same_total_however_they_are_grouped(
    month: tuple[list[CustomerMonth], list[AccountMonth]],
) -> None:
    customers, accounts = month
    reports = [costs_report(by, JANUARY, customers, accounts) for by in GROUPINGS]

    assert len({report.total.value for report in reports if report.total.value}) <= 1
    assert len({report.coverage for report in reports}) == 1
    for report in reports:
        known = [row.cost.value for row in report.rows if row.cost.value is not None]
        assert sum(known) == (report.total.value or 0)
        allocated = [row.cost.value for row in report.rows if row.allocated and row.cost.value is not None]
        assert sum(allocated) == report.coverage.allocated
        if report.coverage.total is not None:
            assert report.total.value == report.coverage.total or (not report.rows and not report.coverage.total)


@settings(deadline=None)
@given(whole_months())
def test_direct_and_shared_cost_add_up_to_each_row(month: tuple[list[CustomerMonth], list[AccountMonth]]) -> None:
    for by in GROUPINGS:
        for row in costs_report(by, JANUARY, *month).rows:
            assert (row.cost.value is None) == (row.shared is None) == (row.direct is None)
            if row.direct is not None and row.shared is not None:
                assert row.direct + row.shared == row.cost.value


@settings(deadline=None)
@given(customer_months())
def test_worksets_that_are_counted_add_up_to_the_ledgers_compute_to_the_cent(stored: CustomerMonth) -> None:
    report = usage_report(stored)
    counted = [one.cost for one in report.worksets if one.counted]
    charged = [line.amount for line in stored.lines if line.source == "ledger"]
    assert None not in counted
    assert sum(cost for cost in counted if cost is not None) == sum(charged)
    assert [one.counted for one in report.worksets] == [one.charged for one in stored.worksets]


@settings(deadline=None)
@given(customer_months())
def test_a_figure_is_unknown_exactly_where_it_has_no_number(stored: CustomerMonth) -> None:
    report = usage_report(stored)
    figures = [report.total, report.core, report.limit, report.budget_actual, *report.parts.values()]
    figures += [report.storage.size, report.storage.objects, report.vcpu_hours, report.transferred]
    for figure in (*figures, *report.counts.values()):
        assert (figure.value is None) == (figure.certainty == "unknown")
        assert (figure.value is None) == (not figure.sources)


def test_a_budget_in_another_currency_is_compared_with_no_cost() -> None:
    spend = Spend(Decimal(500), Decimal("9.72"), Decimal(1200), AS_OF)
    month = acme(currency="CNY", spend=spend, forecast=None)

    usage, forecast = usage_report(month), forecast_report(month)

    assert (usage.limit.value, usage.budget_actual.value, usage.used) == (None, None, None)
    assert (forecast.limit.value, forecast.will_exceed) == (None, None)
    assert forecast.amount.sources == ("run_rate",)


# Usage


def test_the_seed_documents_month_is_told_with_its_numbers() -> None:
    report = usage_report(acme())

    assert value(report.total) == "367.97"
    assert value(report.core) == "322.34", "what the seed document's response counts"
    assert str(report.core_used) == "64.5"
    assert str(report.used) == "73.6"
    assert {part: value(report.parts[part]) for part in PARTS} == {
        "compute": "312.63", "storage": "5.64", "data_transfer": "4.07", "other": "45.63",
    }  # fmt: skip
    assert report.storage.size.value == 263568523264
    assert {name: value(figure) for name, figure in report.counts.items()} == {
        "submitted": "3", "completed": "1", "failed": "1", "pending": "1", "other": "0",
    }  # fmt: skip
    assert [value(one) for one in (report.vcpu_hours, report.ingress, report.egress)] == ["1250.5", "125", "45.2"]


def test_worksets_are_in_the_sum_only_where_the_ledger_makes_compute() -> None:
    ledger, tags = usage_report(acme()), usage_report(beta())
    told = [(one.workset.workset_id, str(one.cost), one.counted) for one in ledger.worksets]
    assert told == [("ws-001", "294.13", True), ("ws-002", "18.50", True), ("ws-003", "None", False)]
    assert [(str(one.cost), one.counted) for one in tags.worksets] == [("77.00", False)]


def test_a_workset_that_is_not_charged_is_in_no_sum() -> None:
    ran, failed, runs = acme().worksets
    line = replace(acme().lines[0], exact=Decimal("294.125"), amount=Decimal("294.12"))
    spared = acme(lines=(line, *acme().lines[1:]), worksets=(ran, replace(failed, charged=False), runs))
    told = [(str(one.cost), one.counted) for one in usage_report(spared).worksets]
    assert told == [("294.12", True), ("18.50", False), ("None", False)]


def test_worksets_of_a_line_that_stayed_as_it_was_billed_only_inform() -> None:
    ran, *others = acme().worksets
    later = acme(worksets=(replace(ran, cost=Decimal("300")), *others))
    assert [one.counted for one in usage_report(later).worksets] == [False, False, False]


def test_what_only_aws_knows_is_unknown_while_it_has_not_answered() -> None:
    only_ledger = acme(costs_as_of=None, lines=acme().lines[:1])
    report = usage_report(only_ledger)

    assert value(report.total) == value(report.parts["compute"]) == "312.63"
    assert report.total.certainty == "estimated"
    assert report.total.as_of == LEDGER_AS_OF
    assert report.parts["storage"].value is None
    assert report.core.value is None
    assert usage_report(unread()).total.value is None


def test_a_month_without_cost_is_zero_once_aws_has_answered() -> None:
    report = usage_report(acme(lines=(), costs_estimated=False))
    assert {figure.value for figure in report.parts.values()} == {Decimal(0)}
    assert report.total.certainty == "actual"


def test_storage_is_an_estimate_where_a_bucket_is_not_measured_and_unknown_where_none_is() -> None:
    measured, young = acme().storage, BucketStorage("young")
    assert measured is not None
    partial = usage_report(acme(storage=(*measured, young))).storage
    assert partial.size.value == 263568523264
    assert (partial.size.certainty, partial.unmeasured) == ("estimated", 1)
    assert usage_report(acme(storage=(young,))).storage.size.value is None
    assert usage_report(acme(storage=None)).storage.size.value is None
    assert usage_report(acme(storage=())).storage.size.value == 0, "a customer without buckets stores nothing"


@pytest.mark.parametrize(("month", "told"), [(MONTH, True), ("", True), ("2023-12", False)])
def test_the_gate_of_another_month_is_not_told(month: str, told: bool) -> None:
    gate = Gate("cust_abc123", "held", "OverLimit", "over", AS_OF, month=month)
    assert (usage_report(acme(), gate=gate).gate is not None) is told


# History


def test_a_month_that_was_not_collected_is_unknown_and_so_is_the_change_to_it() -> None:
    months = list(JANUARY.back(3))
    stored = {months[0]: beta(month="2023-11"), months[2]: acme()}
    report = history_report("cust_abc123", "acme-genomics", months, stored, {})
    assert [value(one.total) for one in report.months] == ["526.44", None, "367.97"]
    assert [one.change for one in report.months] == [None, None, None]


def test_the_change_is_to_the_month_before() -> None:
    months = list(JANUARY.back(2))
    report = history_report("a", "a", months, {months[0]: beta(month="2023-12"), months[1]: acme()}, {})
    assert str(report.months[1].change) == "-30.1"
    assert str(report.months[1].used) == "73.6"


def test_there_is_no_change_to_a_month_that_was_free() -> None:
    months = list(JANUARY.back(2))
    report = history_report("a", "a", months, {months[0]: acme(month="2023-12", lines=()), months[1]: acme()}, {})
    assert report.months[1].change is None


def test_a_month_that_cannot_be_read_is_told_and_unknown() -> None:
    report = history_report("a", "a", [JANUARY], {}, {JANUARY: "not one of ours"})
    assert report.problems == ("2024-01: not one of ours",)
    assert report.months[0].total.value is None


# Forecast


def test_a_forecast_says_whether_and_when_the_budget_is_crossed() -> None:
    over = Forecast(Decimal(600), "cost_explorer", AS_OF, Decimal(550), Decimal(650))
    report = forecast_report(acme(forecast=over))
    assert (report.will_exceed, report.has_exceeded) == (True, False)
    assert report.crosses_on == date(2024, 1, 29), "132.03 of 232.03 USD, 3.3 of 5.75 days after 26 January 06:00"
    assert (str(report.low), str(report.high)) == ("550.00", "650.00")


@pytest.mark.parametrize(
    ("amount", "limit", "will", "day"),
    [
        ("452.10", "500", False, None),
        ("500", "500", False, None),
        ("500.01", "500", True, date(2024, 1, 31)),
        ("500", None, None, None),
        ("500", "300", True, None),
    ],
)
def test_over_means_more_than_the_limit(amount: str, limit: str | None, will: bool | None, day: date | None) -> None:
    spend = Spend(None if limit is None else Decimal(limit), None, None, AS_OF)
    report = forecast_report(acme(forecast=Forecast(Decimal(amount), "budgets", AS_OF), spend=spend))
    assert (report.will_exceed, report.crosses_on) == (will, day)


def test_without_a_forecast_of_aws_it_is_the_run_rate_and_says_so() -> None:
    report = forecast_report(acme(forecast=None, spend=None))
    assert report.amount == Figure(Decimal("451.77"), ("run_rate",), AS_OF, "estimated")


def test_a_forecast_below_what_was_spent_is_set_aside() -> None:
    """AWS forecasts tagged cost; the ledger's compute is none of it."""
    report = forecast_report(acme(forecast=None))
    assert report.amount.sources == ("run_rate",)
    assert report.set_aside == Forecast(Decimal("12.10"), "budgets", AS_OF)


def test_in_the_first_day_there_is_no_run_rate() -> None:
    early = datetime(2024, 1, 1, 23, 59, tzinfo=UTC)
    report = forecast_report(acme(forecast=None, spend=None, costs_as_of=early, worksets_as_of=early))
    assert report.amount.value is None
    assert report.will_exceed is None


def test_what_is_over_already_is_over_also_without_a_forecast() -> None:
    early = datetime(2024, 1, 1, 12, 0, tzinfo=UTC)
    spend = Spend(Decimal(100), None, None, early)
    report = forecast_report(acme(forecast=None, costs_as_of=early, worksets_as_of=early, spend=spend))
    assert (report.has_exceeded, report.will_exceed, report.crosses_on) == (True, True, None)


@settings(deadline=None)
@given(customer_months())
def test_a_crossing_lies_in_the_month_and_after_what_is_known(stored: CustomerMonth) -> None:
    report = forecast_report(stored)
    if report.crosses_on is not None:
        assert report.will_exceed
        assert AS_OF.date() <= report.crosses_on <= JANUARY.last_day
    if report.amount.value is not None and report.spent.value is not None:
        assert report.amount.value >= report.spent.value or report.amount.sources == ("run_rate",)


# Costs


def rows(by: By, *customers: CustomerMonth, accounts: tuple[AccountMonth, ...] = (account(),)) -> list[tuple[str, ...]]:
    def told(row: CostsRow) -> tuple[str, ...]:
        return (row.name, "charged" if row.allocated else "nobody's", str(row.cost.value), str(row.shared))

    return [told(row) for row in costs_report(by, JANUARY, customers, accounts).rows]


def test_costs_by_cost_center_have_own_rows_for_none_and_for_nobodys() -> None:
    assert rows("cost-center", acme(), beta()) == [
        ("CC-GENOMICS-001", "charged", "367.97", "45.00"),
        (NO_COST_CENTER, "charged", "526.44", "0"),
        (UNALLOCATED, "nobody's", "47.98", "0"),
    ]


def test_costs_by_service_tell_a_services_unallocated_cost_apart() -> None:
    assert rows("service", acme(), beta()) == [
        ("EC2 Compute", "charged", "811.38", "0"),
        ("S3 Storage", "charged", "33.33", "0"),
        ("Data Transfer In", "charged", "0.00", "0"),
        ("Data Transfer Out", "charged", "4.07", "0"),
        ("FSx Lustre", "charged", "45.00", "45.00"),
        ("S3 Requests", "charged", "0.63", "0"),
        ("S3 Storage", "nobody's", "14.50", "0"),
        ("EC2 - Other", "nobody's", "33.48", "0"),
    ]


def test_a_customer_that_is_not_known_makes_the_coverage_unknown_and_the_total_an_estimate() -> None:
    report = costs_report("customer", JANUARY, [beta(), unread()], [account()])
    assert [str(row.cost.value) for row in report.rows] == ["526.44", "None", "47.98"]
    assert report.coverage.percent is None
    assert report.total.certainty == "estimated"
    assert value(report.total) == "574.42"


def test_what_nobody_is_charged_for_is_unknown_where_an_account_was_not_asked() -> None:
    for accounts in ((), (account(asked_at=None, lines=()),), (account(account="other"),)):
        report = costs_report("customer", JANUARY, [beta()], accounts)
        assert report.coverage.percent is None
    assert rows("account", beta(), accounts=()) == [
        ("default", "charged", "526.44", "0"),
        ("default", "nobody's", "None", "None"),
    ]


def test_coverage_is_what_is_charged_of_all() -> None:
    coverage = coverage_of([acme(), beta()], [account()])
    assert (str(coverage.total), str(coverage.percent)) == ("942.39", "94.9")


def test_amounts_of_different_currencies_are_never_added_up() -> None:
    report = costs_report("customer", JANUARY, [beta(), acme(currency="CNY")], [account()])
    assert report.problems == ("amounts are in CNY and USD, so there is no total",)
    assert report.total.value is None
    assert report.coverage.total is None


def test_customers_of_one_name_keep_rows_of_their_own() -> None:
    report = costs_report("customer", JANUARY, [beta(), beta(customer_id="cust_other")], [])
    assert Counter(row.customer_id for row in report.rows if row.allocated) == {"cust_beta01": 1, "cust_other": 1}


def test_cost_of_a_ledger_part_is_actual_while_aws_still_counts() -> None:
    assert cost_of(acme(), "compute").certainty == "actual"
    assert cost_of(acme(), "other").certainty == "estimated", "a shared cost is in it that is an estimate"
    assert cost_of(acme()).certainty == "estimated"
