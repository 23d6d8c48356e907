"""Collecting usage: what is asked, what is stored, and that neither a failure nor a clock takes anything away."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.aws.clients import Aws
from controller.collect import Collected, Collector
from controller.domain.bill_check import check_bill
from controller.domain.collecting import MonthCase
from controller.domain.coverage import coverage_of
from controller.domain.customer import Account, Customer
from controller.domain.money import cents
from controller.domain.month import Month
from controller.domain.settings import SharedCost, TableSettings, UsageSettings
from controller.domain.status import Status
from controller.domain.usage import AccountMonth, CostReading, CostRow, CustomerMonth, Forecast, Spend, Workset
from controller.errors import InvalidInput, PermanentFailure, TransientFailure
from controller.fleet import Unheld
from controller.sandbox import Sandbox
from controller.sources import Library, Sources
from controller.store.statuses import Statuses
from controller.store.tables import make
from controller.store.usage_months import UsageMonths
from tests.fakes import customer
from tests.generated_bills import CLUSTER, IDS, readings, row, usage_settings
from tests.metered import JANUARY, FakeCosts, FakeForecasts, FakeLedger, FakeSpends, FakeStorage, Meter, Metered

NO_ANSWER = TransientFailure("no answer from AWS")


def ran(id_: str = "w1", cost: str = "12.5", **more: Any) -> Workset:
    given: dict[str, Any] = {"month": "2024-01", "ended_at": JANUARY, "certainty": "actual", "outcome": "completed"}
    return Workset(id_, cost=Decimal(cost), **{"state": "complete"} | given | more)


@pytest.fixture
def town() -> Metered:
    """Acme with tagged storage, compute in the ledger, a budget and a bucket; and cost that is nobody's."""
    town = Metered()
    town.meter.bill("2024-01", "acme", "S3 Storage", "5.6425")
    town.meter.bill("2024-01", "", "EC2 Compute", "100")
    town.meter.bill("2024-01", "stranger", "S3 Storage", "3")
    town.meter.ledger["acme"] = [ran()]
    town.meter.spends["acme"] = Spend(Decimal(500), Decimal("5.64"), Decimal("17.50"), JANUARY)
    town.meter.sizes["acme-bucket"] = 7
    return town


def told(collected: Collected) -> list[str]:
    return [str(problem) for problem in collected.problems]


def later(town: Metered, **span: float) -> None:
    town.clock.advance(**span)


# What is stored


def test_everything_of_a_customer_is_stored_with_its_source_and_age(town: Metered) -> None:
    town.collect(customer("acme"))

    month = town.months.month("acme")
    assert town.months.amounts("acme") == {"S3 Storage by cost_explorer": "5.64", "EC2 Compute by ledger": "12.50"}
    assert month.compute_source == "ledger"
    assert (month.costs_as_of, month.worksets_as_of, month.costs_estimated) == (JANUARY, JANUARY, True)
    assert [one.total for one in month.storage or ()] == [7]
    assert month.spend == town.meter.spends["acme"]
    assert month.forecast == Forecast(cents(Decimal("18.14") * 31 * 24 / (10 * 24 + 6)), "run_rate", JANUARY)
    assert (month.cost_center, month.payer, month.problems) == ("CC-1", "default", ())


def test_what_is_nobodys_is_kept(town: Metered) -> None:
    result = town.collect(customer("acme"))

    account = town.months.account()
    assert {one.service: str(one.amount) for one in account.lines} == {"EC2 Compute": "87.50", "S3 Storage": "3.00"}
    assert account.mistagged == {"stranger": 3}
    assert (account.asked_at, account.pages, account.settled) == (JANUARY, 2, False)
    (row,) = [one for one in result.results if str(one.month) == "2024-01"]
    assert (row.total, row.unallocated, row.stored, row.asked) == (Decimal("108.64"), Decimal("90.50"), 1, True)


def test_a_shared_cost_is_split_by_the_settings(town: Metered) -> None:
    town.settings = UsageSettings(shared=(SharedCost(service="FSx Lustre"),))
    town.meter.bill("2024-01", "", "FSx Lustre", "9")

    town.collect(customer("acme"), customer("beta"))

    assert town.months.amounts("beta") == {"FSx Lustre by split": "4.50"}


def test_who_came_later_has_no_share_in_a_month_that_is_over(town: Metered) -> None:
    town.settings = UsageSettings(shared=(SharedCost(service="FSx Lustre"),))
    town.meter.bill("2024-01", "", "FSx Lustre", "9")
    town.collect(customer("acme"))
    later(town, days=25)

    town.collect(customer("acme"), customer("newcomer"))

    assert town.months.amounts("acme")["FSx Lustre by split"] == "9.00"
    assert ("2024-01", "newcomer") not in town.months.customers


def test_a_customer_that_left_keeps_its_cost_and_its_month_is_read_on(town: Metered) -> None:
    town.collect(customer("acme"))
    town.meter.bill("2024-01", "acme", "S3 Storage", "10")
    later(town, hours=9)

    town.collect(customer("beta"))

    assert town.months.amounts("acme")["S3 Storage by cost_explorer"] == "15.64"
    assert town.months.account().unallocated == Decimal("90.50")


# How often AWS is asked


def test_cost_explorer_is_asked_once_for_all_months_together(town: Metered) -> None:
    result = town.collect(customer("acme"))

    asked = [one for one in town.meter.asked if one.startswith("cost")]
    assert asked == ["cost default 2023-07 2023-08 2023-09 2023-10 2023-11 2023-12 2024-01"]
    assert (result.pages, result.dollars) == (2, Decimal("0.02"))
    assert town.meter.asked.count("ledger") == 1


def test_cost_explorer_is_not_asked_again_within_its_time(town: Metered) -> None:
    town.collect(customer("acme"))
    later(town, hours=7, minutes=59)
    assert town.collect(customer("acme")).pages == 0

    later(town, minutes=1)
    assert town.collect(customer("acme")).pages == 2


def test_fresh_asks_all_the_same(town: Metered) -> None:
    town.collect(customer("acme"))

    assert town.collect(customer("acme"), force_costs=True).pages == 2


def test_a_stored_time_in_the_future_does_not_keep_cost_explorer_from_being_asked(town: Metered) -> None:
    later(town, days=20)
    town.collect(customer("acme"))
    later(town, days=-19)

    assert town.collect(customer("acme")).pages == 2


def test_what_the_ledger_adds_meanwhile_counts_without_asking_cost_explorer(town: Metered) -> None:
    town.collect(customer("acme"))
    town.meter.ledger["acme"].append(ran("w2", "7.505"))
    later(town, hours=1)

    assert town.collect(customer("acme")).pages == 0

    assert town.months.amounts("acme")["EC2 Compute by ledger"] == "20.01"
    assert town.months.account().unallocated == Decimal("82.99")
    assert town.months.account().asked_at == JANUARY


def test_a_cluster_is_tied_to_the_one_who_ran_on_it_and_untied_without_asking_cost_explorer(town: Metered) -> None:
    town.settings = UsageSettings(cluster_tag=CLUSTER)
    town.meter.rows["default"].append(row("prod", "FSx Lustre", "45", key=CLUSTER))
    town.meter.ledger["acme"] = [ran(cluster="prod")]
    people = customer("acme"), customer("beta")
    town.collect(*people)
    assert town.months.amounts("acme")["FSx Lustre by cost_explorer"] == "45.00"
    (check, *_) = check_bill(Month(2024, 1), [town.months.month("acme")], [town.months.account()], {}, closed=False)
    assert check.verdict == "explained"

    town.meter.ledger["beta"] = [ran("w2", cluster="prod")]
    later(town, hours=1)
    assert town.collect(*people).pages == 0
    assert "FSx Lustre by cost_explorer" not in town.months.amounts("acme")
    assert town.months.account().unallocated == Decimal("148.00") - Decimal("25.00")


def test_a_closed_bill_with_clusters_that_aws_says_again_stays_as_it_was(town: Metered) -> None:
    """Whose a cluster is says the ledger: that is no change of AWS's bill."""
    town.meter.closed = {"2023-12"}
    town.settings = UsageSettings(cluster_tag=CLUSTER)
    town.meter.rows["default"].append(row("prod", "FSx Lustre", "45", key=CLUSTER, month="2023-12"))
    town.meter.ledger["acme"] = [ran(month="2023-12", cluster="prod")]
    town.collect(customer("acme"), months=["2023-12"])
    before = town.months.month("acme", "2023-12").lines
    assert [line.service for line in before] == ["EC2 Compute", "FSx Lustre"]

    town.settings = UsageSettings(cluster_tag=CLUSTER, compute="tags")
    later(town, hours=9)
    town.collect(customer("acme"), months=["2023-12"], force_costs=True)
    assert town.months.month("acme", "2023-12").lines == before


def test_the_tag_of_clusters_is_asked_for_last(town: Metered) -> None:
    """So that it tells only what no customer's tag does."""
    asked: list[list[str]] = []

    class Telling(FakeCosts):
        def read(self, months: Sequence[Month], tag_keys: Collection[str]) -> CostReading:
            asked.append(list(tag_keys))
            return super().read(months, tag_keys)

    meter = town.meter
    account = town.accounts[0]
    sources = Sources(
        account, Telling(meter, account.name), FakeForecasts(meter), FakeSpends(meter), FakeStorage(meter)
    )
    library = Library({account.name: sources}, FakeLedger(meter), cluster_tag=CLUSTER)
    for pairs in ([("zone", "a")], [("zone", "a"), (CLUSTER, "prod")]):
        people = (customer("acme", attribution=tuple(pairs)),)
        case = MonthCase(Month(2024, 1), True, people, {}, {}, (account.name,))
        library.read([case], people, {account.name: (Month(2024, 1),)}, JANUARY)
    assert asked == [["zone", CLUSTER], ["zone", CLUSTER]]


def test_a_closed_month_is_asked_again_until_aws_closes_its_bill_and_then_never(town: Metered) -> None:
    town.meter.closed = {f"2023-{number:02}" for number in range(7, 13)}
    town.collect(customer("acme"))
    town.clock.now = datetime(2024, 2, 3, tzinfo=UTC)
    town.collect(customer("acme"))
    assert "cost default 2024-01 2024-02" in town.meter.asked
    later(town, hours=9)
    town.meter.closed.add("2024-01")
    town.collect(customer("acme"))
    assert town.months.account().settled
    later(town, hours=9)

    town.meter.bill("2024-01", "acme", "S3 Storage", "99")
    town.collect(customer("acme"))
    town.collect(customer("acme"), months=["2024-01"])

    assert town.meter.asked == ["ledger"]
    assert town.months.amounts("acme")["S3 Storage by cost_explorer"] == "5.64"


def test_a_lost_item_of_a_closed_bill_is_made_again_and_the_rest_stays_as_it_was(town: Metered) -> None:
    town.meter.closed = {"2023-12"}
    town.meter.bill("2023-12", "acme", "S3 Storage", "5.6425")
    town.meter.bill("2023-12", "beta", "S3 Storage", "2")
    everyone = (customer("acme"), customer("beta"))
    town.collect(*everyone, months=["2023-12"])
    account, beta = town.months.account(month="2023-12"), town.months.month("beta", "2023-12")
    assert account.settled
    acme = town.months.customers.pop(("2023-12", "acme"))
    later(town, hours=1)

    assert town.collect(*everyone, months=["2023-12"], force_costs=True).pages == 2

    found = town.months.month("acme", "2023-12")
    assert isinstance(acme, CustomerMonth)
    assert (found.lines, found.tagged) == (acme.lines, acme.tagged)
    assert town.months.month("beta", "2023-12") == beta
    assert town.months.account(month="2023-12") == account


def test_a_closed_bill_that_aws_changed_is_stored_anew_where_it_is_asked_for(town: Metered) -> None:
    town.meter.closed = {"2023-12"}
    town.meter.bill("2023-12", "acme", "S3 Storage", "5")
    town.collect(customer("acme"), months=["2023-12"])
    town.meter.bill("2023-12", "acme", "S3 Storage", "-2")
    town.meter.closed.clear()
    later(town, hours=9)

    town.collect(customer("acme"), months=["2023-12"])
    assert town.months.amounts("acme", "2023-12")["S3 Storage by cost_explorer"] == "5.00"

    town.collect(customer("acme"), months=["2023-12"], force_costs=True)
    assert town.months.amounts("acme", "2023-12")["S3 Storage by cost_explorer"] == "3.00"
    account = town.months.account(month="2023-12")
    assert (sum(account.totals.values()), account.estimated, account.settled) == (Decimal(3), True, False)

    town.meter.closed.add("2023-12")
    later(town, hours=9)
    town.collect(customer("acme"))
    assert town.months.account(month="2023-12").settled


def test_a_settled_month_is_not_even_read(town: Metered) -> None:
    town.meter.closed = {f"2023-{number:02}" for number in range(7, 13)}
    town.collect(customer("acme"))
    result = town.collect(customer("acme"))

    assert {str(one.month) for one in result.results} == {"2024-01"}


def test_a_closed_bill_without_the_ledger_is_not_settled_yet(town: Metered) -> None:
    town.collect(customer("acme"))
    town.clock.now = datetime(2024, 2, 3, tzinfo=UTC)
    town.meter.closed.add("2024-01")
    town.meter.failing["ledger"] = NO_ANSWER
    town.meter.ledger["acme"].append(ran("w2", "7.5"))
    town.collect(customer("acme"))
    assert not town.months.account().settled

    town.meter.failing.clear()
    result = town.collect(customer("acme"), months=["2024-01"])

    assert result.pages == 0
    assert town.months.amounts("acme")["EC2 Compute by ledger"] == "20.00"
    assert town.months.account().settled
    assert town.months.account().unallocated == Decimal("83.00")


def test_one_month_is_read_alone_and_a_month_in_the_future_is_refused(town: Metered) -> None:
    town.collect(customer("acme"), months=["2023-03"])
    assert "cost default 2023-03" in town.meter.asked
    assert "budgets" not in town.meter.asked
    assert "sizes" not in town.meter.asked

    with pytest.raises(InvalidInput, match="2024-02 has not begun: the running month is 2024-01"):
        town.collect(customer("acme"), months=["2024-02"])


def test_forecasts_of_cost_explorer_are_asked_along_with_the_cost_where_it_sees_all(town: Metered) -> None:
    town.settings = UsageSettings(forecast="cost_explorer")
    town.meter.ledger.clear()
    town.meter.to_come["acme"] = Decimal(20)
    town.collect(customer("acme"))
    assert town.months.month("acme").forecast == Forecast(Decimal("25.64"), "cost_explorer", JANUARY)

    later(town, hours=1)
    assert town.collect(customer("acme")).pages == 0
    assert town.months.month("acme").forecast == Forecast(Decimal("25.64"), "cost_explorer", JANUARY)
    later(town, hours=9)
    assert town.collect(customer("acme")).pages == 3


# Months, and their edges


def test_the_last_second_of_a_month_and_the_first_of_the_next(town: Metered) -> None:
    town.clock.now = datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC)
    town.collect(customer("acme"))
    assert not town.months.account().settled
    later(town, seconds=1)

    result = town.collect(customer("acme"))

    assert [str(one.month) for one in result.results][-2:] == ["2024-01", "2024-02"]
    assert town.months.month("acme", "2024-02").total == 0
    assert town.months.month("acme", "2024-02").forecast is None


def test_what_a_budget_counted_before_the_month_began_is_not_of_it(town: Metered) -> None:
    town.clock.now = datetime(2024, 2, 1, 1, tzinfo=UTC)
    town.collect(customer("acme"))

    assert town.months.month("acme", "2024-02").spend == Spend(Decimal(500), None, None, None)


def test_of_a_month_that_was_not_recorded_while_it_ran_the_limit_is_the_manifests(town: Metered) -> None:
    town.clock.now = datetime(2024, 2, 1, 1, tzinfo=UTC)
    town.collect(customer("acme"))

    limit = customer("acme").budget
    assert limit
    assert town.months.month("acme").spend == Spend(limit.monthly_limit, None, None, None)


def test_storage_and_budget_of_a_month_that_is_over_stay_as_they_were(town: Metered) -> None:
    town.collect(customer("acme"))
    before = town.months.month("acme")
    town.clock.now = datetime(2024, 2, 3, tzinfo=UTC)
    town.meter.sizes["acme-bucket"] = 99
    town.meter.spends["acme"] = Spend(Decimal(800), Decimal(1), None, town.clock.now)

    town.collect(customer("acme", limit=800))

    after = town.months.month("acme")
    assert (after.storage, after.spend, after.forecast) == (before.storage, before.spend, before.forecast)
    assert town.months.month("acme", "2024-02").storage != before.storage


def test_a_deleted_workset_stays_in_the_bill(town: Metered) -> None:
    town.collect(customer("acme"))
    town.meter.ledger["acme"].clear()
    later(town, hours=1)

    town.collect(customer("acme"))

    assert town.months.amounts("acme")["EC2 Compute by ledger"] == "12.50"
    assert [one.kept for one in town.months.month("acme").worksets] == [True]


@pytest.mark.parametrize("days", [23, 120])
def test_a_workset_that_a_touch_moves_into_another_month_is_charged_once(town: Metered, days: int) -> None:
    """Also months later, when January is settled and not read any more."""
    began = JANUARY - timedelta(hours=3)
    town.meter.ledger["acme"] = [ran(started_at=began)]
    town.meter.closed = {"2024-01", *(f"2023-{number:02}" for number in range(1, 13))}
    town.collect(customer("acme"))
    later(town, days=days)
    moved = f"{town.clock.now:%Y-%m}"
    town.meter.ledger["acme"] = [ran(started_at=began, month=moved, ended_at=town.clock.now)]

    town.collect(customer("acme"))
    town.collect(customer("acme"))

    assert town.months.amounts("acme")["EC2 Compute by ledger"] == "12.50"
    assert town.months.month("acme", moved).worksets == ()


# What fails


@pytest.mark.parametrize(
    ("failing", "problem", "lost"),
    [
        ("cost default", "cost of account default: no answer from AWS", "costs_as_of"),
        ("ledger", "worksets of acme: no answer from AWS", "worksets_as_of"),
        ("budgets", "budget of acme: no answer from AWS", "spend"),
        ("sizes", "size of acme-bucket: no answer from AWS", ""),
    ],
)
def test_a_source_that_fails_is_told_and_the_others_are_stored(
    town: Metered, failing: str, problem: str, lost: str
) -> None:
    town.meter.failing[failing] = NO_ANSWER

    result = town.collect(customer("acme"))

    assert told(result) == [problem]
    month = town.months.month("acme")
    assert len(month.problems) == 1
    known = {name for name in ("costs_as_of", "worksets_as_of", "spend") if getattr(month, name) is not None}
    assert known == {"costs_as_of", "worksets_as_of", "spend"} - {lost}


@pytest.mark.parametrize("failing", ["cost default", "ledger", "budgets", "sizes"])
def test_a_source_that_fails_later_takes_nothing_away(town: Metered, failing: str) -> None:
    town.collect(customer("acme"))
    before = town.months.month("acme")
    later(town, hours=9)
    town.meter.failing[failing] = NO_ANSWER

    town.collect(customer("acme"))

    after = town.months.month("acme")
    assert (after.lines, after.tagged, after.worksets) == (before.lines, before.tagged, before.worksets)
    assert after.spend == before.spend
    assert [one.total for one in after.storage or ()] == [7]
    assert coverage_of([after], [town.months.account()]).total == Decimal("108.64")


def test_a_month_that_aws_refuses_is_told_and_the_others_are_stored(town: Metered) -> None:
    town.meter.refused["2022-01"] = PermanentFailure("beyond 14 months")
    town.meter.ledger["acme"].append(ran("w0", month="2022-01"))

    result = town.collect(customer("acme"), months=["2022-01", "2024-01"])

    assert told(result) == ["cost of account default in 2022-01: beyond 14 months"]
    assert [(str(one.month), one.asked, one.total) for one in result.results] == [
        ("2022-01", False, None),
        ("2024-01", True, Decimal("108.64")),
    ]
    old = town.months.month("acme", "2022-01")
    assert (old.costs_as_of, old.problems) == (None, ("cost: beyond 14 months",))
    assert town.months.month("acme").problems == ()


def test_aws_that_was_never_read_leaves_the_ledgers_lines_and_an_unknown_cost(town: Metered) -> None:
    town.meter.failing["cost default"] = NO_ANSWER

    result = town.collect(customer("acme"))

    assert town.months.amounts("acme") == {"EC2 Compute by ledger": "12.50"}
    assert town.months.month("acme").costs_as_of is None
    assert town.months.accounts == {}
    assert all(one.total is None and not one.asked for one in result.results)


def test_a_bug_in_one_reader_does_not_stop_the_others(town: Metered, caplog: pytest.LogCaptureFixture) -> None:
    town.meter.broken["sizes"] = KeyError("Values")

    result = town.collect(customer("acme"))

    assert "This is a bug in reconcile" in told(result)[0]
    assert town.months.amounts("acme")["S3 Storage by cost_explorer"] == "5.64"


def test_an_item_that_cannot_be_used_is_told_and_left_as_it_is(town: Metered) -> None:
    foreign = PermanentFailure("what is stored of acme is not ours")
    town.months.customers["2024-01", "acme"] = foreign

    result = town.collect(customer("acme"), customer("beta"))

    assert told(result) == ["left out: what is stored of acme is not ours"]
    assert town.months.customers["2024-01", "acme"] is foreign
    assert town.months.month("beta").total == 0
    assert town.months.account().unallocated == Decimal("108.64")


def test_an_account_whose_item_cannot_be_used_is_not_paid_for_again_and_again(town: Metered) -> None:
    town.months.accounts["2024-01", "default"] = PermanentFailure("not ours")

    result = town.collect(customer("acme"), months=["2024-01"])

    assert result.pages == 0
    assert told(result) == ["left out: not ours"]
    assert town.months.amounts("acme") == {"EC2 Compute by ledger": "12.50"}


def test_a_customer_too_large_to_store_is_told_and_the_others_are_stored(town: Metered) -> None:
    town.months.refused["acme"] = PermanentFailure("acme in 2024-01 takes too much")

    result = town.collect(customer("acme"), customer("beta"), months=["2024-01"])

    assert told(result) == ["not stored of acme: acme in 2024-01 takes too much"]
    (row,) = result.results
    assert (row.stored, row.failed) == (1, 1)
    assert town.months.account().asked_at == JANUARY


def test_an_account_that_is_not_stored_is_told_as_one(town: Metered) -> None:
    town.months.refused |= dict.fromkeys(["acme", "beta", "account/default/default"], PermanentFailure("denied"))

    result = town.collect(customer("acme"), customer("beta"), months=["2024-01"])

    assert told(result) == ["not stored of 2 customers: denied", "account default not stored: denied"]


def test_what_befell_many_customers_is_told_once(town: Metered) -> None:
    town.statuses.statuses |= {id_: Status(id_, id_, "default", "green") for id_ in ("beta", "gamma")}
    town.judge.failures |= dict.fromkeys(["acme", "delta"], NO_ANSWER)

    result = town.collect(*(customer(id_) for id_ in ("acme", "beta", "delta", "gamma")))

    assert [one.rpartition(": managed")[0] for one in told(result)[:1]] == ["left out: usage of 2 customers"]
    assert told(result)[1:] == ["gate of 2 customers: no answer from AWS"]


def test_cost_is_asked_for_again_where_it_could_not_be_stored_for_now(town: Metered) -> None:
    town.months.refused["acme"] = NO_ANSWER
    town.collect(customer("acme"), months=["2024-01"])
    town.months.refused.clear()

    assert town.collect(customer("acme"), months=["2024-01"]).pages == 2


def test_a_lost_lease_ends_the_writing(town: Metered) -> None:
    class Lost(Unheld):
        lost = True

    with pytest.raises(TransientFailure, match="the lease was lost"):
        town.collect(customer("acme"), hold=Lost())
    assert town.months.saves == []


def test_a_customer_of_another_controller_is_left_out(town: Metered) -> None:
    town.statuses.statuses["acme"] = Status("acme", "acme", "default", "green")

    result = town.collect(customer("acme"), customer("beta"))

    assert told(result) == [
        "left out: usage of acme: managed by the controller_id 'green', not by this one. Remove the manifest on one"
        " side, or take the customer over: reconcile apply --take-over"
    ]
    assert ("2024-01", "acme") not in town.months.customers


# What is written


def test_nothing_is_written_where_nothing_but_ages_moved(town: Metered) -> None:
    town.collect(customer("acme"))
    later(town, hours=7)
    town.meter.spends["acme"] = replace(town.meter.spends["acme"], as_of=town.clock.now)

    result = town.collect(customer("acme"))

    assert town.months.saves == []
    assert [(one.stored, one.unchanged) for one in result.results if str(one.month) == "2024-01"] == [(0, 1)]


def test_an_account_that_was_asked_is_written_so_that_it_is_not_asked_again(town: Metered) -> None:
    town.collect(customer("acme"))
    later(town, hours=9)
    town.collect(customer("acme"))

    assert "2024-01 account/default/default" in town.months.saves
    assert town.months.account().asked_at == town.clock.now


def test_ages_are_written_once_they_are_half_a_day_old(town: Metered) -> None:
    town.collect(customer("acme"))
    later(town, hours=12)
    town.collect(customer("acme"))

    assert town.months.month("acme").worksets_as_of == town.clock.now


def test_no_customers_are_no_error(town: Metered) -> None:
    result = town.collect()

    assert town.months.account().unallocated == Decimal("108.64")
    assert result.problems == ()


# Accounts

PAYER = Account("default", "000000000001", "us-west-2")
MEMBER = Account("research", "000000000002", "us-west-2", payer=False)


def test_only_accounts_that_pay_are_asked_and_they_pay_for_the_others(town: Metered) -> None:
    town.accounts = (PAYER, MEMBER)
    town.meter.bill("2024-01", "beta", "S3 Storage", "4")

    town.collect(customer("acme"), customer("beta", account="research"))

    assert [one for one in town.meter.asked if one.startswith("cost research")] == []
    assert town.months.month("beta").payer == "default"
    assert town.months.amounts("beta") == {"S3 Storage by cost_explorer": "4.00"}


def test_where_no_account_pays_each_is_asked(town: Metered) -> None:
    town.accounts = (replace(PAYER, payer=False), MEMBER)

    town.collect(customer("acme"), customer("beta", account="research"), months=["2024-01"])

    assert sorted(one for one in town.meter.asked if one.startswith("cost")) == [
        "cost default 2024-01",
        "cost research 2024-01",
    ]


def test_one_account_that_fails_leaves_the_other_alone(town: Metered) -> None:
    town.accounts = (PAYER, replace(MEMBER, payer=True))
    town.meter.failing["cost default"] = NO_ANSWER
    town.meter.bill("2024-01", "beta", "S3 Storage", "4", account="research")

    result = town.collect(customer("acme"), customer("beta", account="research"), months=["2024-01"])

    assert told(result) == ["cost of account default: no answer from AWS"]
    assert town.months.month("beta").problems == ()
    assert town.months.account("research").unallocated == 0


def test_an_account_in_another_currency_is_labelled_and_never_added(town: Metered) -> None:
    town.meter.currency = "CNY"

    town.collect(customer("acme"))

    month = town.months.month("acme")
    assert month.currency == "CNY"
    assert town.months.amounts("acme") == {"S3 Storage by cost_explorer": "5.64"}
    assert "AWS bills in CNY and the ledger counts in USD" in month.remarks[0]
    assert "the budget counts in USD and AWS bills in CNY, so the two are not compared" in month.remarks[1]
    assert month.problems == ()


# To the cent


@given(st.lists(readings(), min_size=1, max_size=3), usage_settings(), st.lists(st.booleans(), min_size=4, max_size=4))
def test_whatever_happens_what_is_stored_is_the_bill_to_the_cent(
    bills: list[Any], settings: UsageSettings, there: list[bool]
) -> None:
    """The bill changes, customers come and go, the ledger goes on: after every run all that is stored adds up."""
    town = Metered(settings=settings)
    everyone = [customer(id_) for id_ in IDS]
    for number, bill in enumerate(bills):
        town.meter.rows["default"] = list(bill.rows)
        town.meter.ledger["cust_a"] = [ran(f"w{index}", "1.005") for index in range(number + 1)]
        people = [one for one, is_there in zip(everyone, there, strict=True) if is_there or number % 2]
        town.collect(*people, months=["2023-12", "2024-01"])
        for month in ("2023-12", "2024-01"):
            assert_adds_up(town, month, bill.rows)
        later(town, hours=9)


def assert_adds_up(town: Metered, month: str, rows: tuple[CostRow, ...]) -> None:
    whole = cents(sum((row.amount for row in rows if row.month == month), Decimal(0)))
    customers = [one for (at, _), one in town.months.customers.items() if at == month]
    account = town.months.account(month=month)
    known = [one for one in customers if isinstance(one, CustomerMonth)]
    assert sum((one.total or Decimal(0) for one in known), account.unallocated) == whole
    assert coverage_of(known, [account]).total == whole


# How many calls


@pytest.fixture
def real(local_environment: Sandbox) -> UsageMonths:
    aws = Aws()
    list(make(aws, TableSettings()))
    return UsageMonths(aws, "daylily-billing")


def big(town: Meter, number: int) -> Customer:
    id_ = f"cust_{number:04}"
    town.bill("2023-12", id_, "S3 Storage", "7")
    for service in ("S3 Storage", "S3 Requests", "Data Transfer", "FSx Lustre"):
        town.bill("2024-01", id_, service, f"{number}.0{number % 10}5")
    town.ledger[id_] = [ran(f"{id_}-{index}", "1.5", per_sample={"s": Decimal("1.5")}) for index in range(5)]
    return customer(id_)


def test_a_thousand_customers_take_few_calls_and_no_more_dollars_than_one(
    real: UsageMonths, standing_clock: Any, sandbox: Sandbox
) -> None:
    standing_clock.now = JANUARY
    meter = Meter(standing_clock)
    everyone = [big(meter, number) for number in range(1000)]
    account = Account("default", "123456789012", "us-west-2")
    sources = Sources(account, FakeCosts(meter, "default"), FakeForecasts(meter), FakeSpends(meter), FakeStorage(meter))
    library = Library({"default": sources}, FakeLedger(meter))
    collector = Collector(library, real, Statuses(Aws(), "daylily-billing"), UsageSettings(), standing_clock)

    first = collector.collect(everyone, Unheld())
    assert (first.pages, first.problems) == (2, ())
    assert sum(one.stored for one in first.results) == 2000
    assert len(sandbox.requests) <= 50

    for move in (lambda: None, lambda: standing_clock.advance(hours=9), lambda: meter.ledger.clear()):
        sandbox.clear_requests()
        move()
        assert collector.collect(everyone, Unheld()).problems == ()
        assert len(sandbox.requests) <= 50
    stored = real.load(next(iter(first.results[-1:])).month)
    account_month = stored.accounts["default"]
    assert isinstance(account_month, AccountMonth)
    known = [one for one in stored.customers.values() if isinstance(one, CustomerMonth)]
    assert len(known) == 1000
    exact = sum((row.amount for row in meter.rows["default"] if row.month == "2024-01"), Decimal(0))
    assert sum((one.total or Decimal(0) for one in known), account_month.unallocated) == cents(exact)
