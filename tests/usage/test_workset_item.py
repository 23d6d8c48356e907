"""One item of the ledger: what became of it and when, what it cost, and whether that is known."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.usage import Workset
from controller.usage.workset_item import customer_of, workset_of
from tests.usage.items import item

JANUARY, FEBRUARY = "2024-01-31T23:59:59Z", "2024-02-01T00:00:00Z"


def test_the_whole_of_an_item() -> None:
    found = workset_of(
        item(
            "complete",
            ("ready", "2024-01-15T09:00:00Z"),
            ("complete", "2024-01-15T10:45:00Z"),
            execution_started_at="2024-01-15T10:00:00Z",
            execution_ended_at="2024-01-15T10:45:00Z",
            total_compute_cost_usd=Decimal("18.50"),
            per_sample_costs={"s1": "10.25", "s2": "8.25"},
            results_storage_bytes=Decimal(1024),
            performance_metrics={"benchmark_data": [{"snakemake_threads": "96", "s": "2775"}]},
            metadata={"workset_name": "exomes", "sample_count": 2},
        )
    )
    assert found == Workset(
        workset_id="w1",
        state="complete",
        outcome="completed",
        month="2024-01",
        name="exomes",
        started_at=datetime(2024, 1, 15, 10, 0, tzinfo=UTC),
        ended_at=datetime(2024, 1, 15, 10, 45, tzinfo=UTC),
        minutes=Decimal(45),
        samples=2,
        vcpu_hours=Decimal(74),
        cost=Decimal("18.50"),
        certainty="actual",
        per_sample={"s1": Decimal("10.25"), "s2": Decimal("8.25")},
        results_bytes=1024,
    )


@pytest.mark.parametrize(
    ("told", "cluster"),
    [
        ({"cluster_name": "one", "execution_cluster_name": "two"}, "one"),
        ({"execution_cluster_name": "two", "execution_context": {"cluster_name": "three"}}, "two"),
        ({"cluster_name": None, "execution_context": {"cluster_name": "three"}}, "three"),
        ({"preferred_cluster": "wish"}, ""),
        ({"cluster_name": 5, "execution_context": "three"}, ""),
    ],
)
def test_the_cluster_is_the_one_that_it_ran_on(told: dict[str, Any], cluster: str) -> None:
    assert workset_of(item(**told)).cluster == cluster


# Outcome and month


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("complete", "completed"),
        ("error", "failed"),
        ("failed", "failed"),
        ("ready", "pending"),
        ("in_progress", "pending"),
        ("retrying", "pending"),
        ("canceled", "other"),
        ("ignored", "other"),
        ("of another system", "other"),
        ("", "other"),
    ],
)
def test_outcomes(state: str, outcome: str) -> None:
    assert workset_of(item(state)).outcome == outcome


def test_trap_2_completion_is_the_last_complete_not_updated_at() -> None:
    touched = item(
        "complete",
        ("complete", "2024-01-05T00:00:00Z"),
        ("ready", "2024-01-07T00:00:00Z"),
        ("complete", "2024-02-09T00:00:00Z"),
        updated_at="2024-05-05T00:00:00Z",
        completed_at="2024-06-06T00:00:00Z",
        execution_ended_at="2024-03-03T00:00:00Z",
    )
    assert workset_of(touched).month == "2024-02"


@pytest.mark.parametrize(
    ("told", "month"),
    [
        ({"execution_ended_at": JANUARY, "finished_at": FEBRUARY}, "2024-01"),
        ({"finished_at": FEBRUARY}, "2024-02"),
        ({"updated_at": FEBRUARY, "completed_at": FEBRUARY}, None),
    ],
)
def test_trap_2_without_a_history_the_end_of_the_run_counts(told: dict[str, str], month: str | None) -> None:
    assert workset_of(item("complete", **told)).month == month


@pytest.mark.parametrize("state", ["archived", "deleted"])
@pytest.mark.parametrize("original", [{"original_state": "complete"}, {}])
def test_trap_3_archiving_or_deleting_takes_nothing_out_of_its_month(state: str, original: dict[str, str]) -> None:
    put_away = item(state, ("complete", JANUARY), (state, "2024-03-01T00:00:00Z"), **original)
    found = workset_of(put_away)
    assert (found.state, found.outcome, found.month) == (state, "completed", "2024-01")


@pytest.mark.parametrize(
    ("state", "outcome"), [("error", "failed"), ("failed", "failed"), ("canceled", "other"), ("ignored", "other")]
)
def test_trap_3_what_failed_or_was_canceled_counts_when_it_ended(state: str, outcome: str) -> None:
    found = workset_of(item(state, ("in_progress", JANUARY), (state, FEBRUARY), total_compute_cost_usd=Decimal(3)))
    assert (found.outcome, found.month, found.cost) == (outcome, "2024-02", Decimal(3))


def test_what_completed_and_is_ready_again_counts_as_completed_until_it_ends_anew() -> None:
    restored = item("ready", ("complete", JANUARY), ("archived", FEBRUARY), ("ready", "2024-03-01T00:00:00Z"))
    assert (workset_of(restored).outcome, workset_of(restored).month) == ("completed", "2024-01")


def test_what_failed_once_and_runs_again_has_not_ended() -> None:
    again = item("in_progress", ("error", JANUARY), ("in_progress", FEBRUARY), execution_ended_at=JANUARY)
    assert (workset_of(again).outcome, workset_of(again).month, workset_of(again).ended_at) == ("pending", None, None)


@pytest.mark.parametrize(
    ("timestamp", "month"),
    [
        (JANUARY, "2024-01"),
        (FEBRUARY, "2024-02"),
        ("2024-01-31T23:59:59.999999Z", "2024-01"),
        ("2024-01-31T23:30:00-01:00", "2024-02"),
        ("2024-02-01T00:30:00+01:00", "2024-01"),
        ("2024-01-31T23:59:59", "2024-01"),
        ("2024-01-31T23:59:59+00:00Z", "2024-01"),
    ],
)
def test_trap_4_months_are_half_open_and_in_utc(timestamp: str, month: str) -> None:
    assert workset_of(item("complete", ("complete", timestamp))).month == month


@pytest.mark.parametrize(
    "timestamp", ["yesterday", "", None, 1706745599, "2024-13-01T00:00:00Z", "0001-01-01T00:00+09:00"]
)
def test_trap_4_a_date_that_cannot_be_read_is_in_no_month_and_nothing_is_dropped(timestamp: Any) -> None:
    entry = {"state": "complete", "timestamp": timestamp}
    broken = item("complete", execution_ended_at=FEBRUARY, total_compute_cost_usd=Decimal(3)) | {
        "state_history": [entry]
    }
    found = workset_of(broken)
    assert (found.outcome, found.month, found.cost) == ("completed", None, Decimal(3))


# Cost


POST = "post_export_metrics"


@pytest.mark.parametrize(
    ("left_out", "cost", "certainty"),
    [
        (0, "1", "actual"),
        (1, "2", "actual"),
        (2, "3", "actual"),
        (3, "4", "actual"),
        (4, "5", "estimated"),
        (5, None, "unknown"),
    ],
)
def test_the_first_cost_that_is_told_counts(left_out: int, cost: str | None, certainty: str) -> None:
    places: list[tuple[tuple[str, ...], Any]] = [
        (("total_compute_cost_usd",), Decimal(1)),
        (("performance_metrics", "cost_summary", "total_cost"), "2"),
        (("performance_metrics", POST, "cost_summary", "total_cost"), Decimal(3)),
        (("metadata", "cost_usd"), "4"),
        (("metadata", "estimated_cost_usd"), "5"),
    ]
    whole = item()
    for path, value in places[left_out:]:
        inner = whole
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    found = workset_of(whole)
    assert (found.cost, found.certainty) == (Decimal(cost) if cost else None, certainty)


@pytest.mark.parametrize(
    "summary", [{}, {"total_cost": 0}, {"total_cost": "0.00"}, {"total_cost": None}, {"total_cost": "n/a"}, "none", []]
)
def test_trap_16_a_summary_without_a_total_makes_no_estimate_actual(summary: Any) -> None:
    estimated = item(
        performance_metrics={"cost_summary": summary, POST: {"cost_summary": summary}},
        metadata={"estimated_cost_usd": Decimal("12.50")},
    )
    assert (workset_of(estimated).cost, workset_of(estimated).certainty) == (Decimal("12.50"), "estimated")
    unknown = item(performance_metrics={"cost_summary": summary})
    assert (workset_of(unknown).cost, workset_of(unknown).certainty) == (None, "unknown")


@pytest.mark.parametrize("nest", [lambda report: report, lambda report: {POST: report}], ids=["flat", "nested"])
def test_trap_12_reports_are_read_at_either_depth(nest: Any) -> None:
    report = {
        "cost_summary": {"total_cost": "39.33", "per_sample_costs": {"s1": "30.11"}, "sample_count": 7},
        "benchmark_data": [{"snakemake_threads": "8", "s": "3600"}],
        "duration_info": {"duration_seconds": Decimal(5400)},
    }
    found = workset_of(item(performance_metrics=nest(report)))
    assert (found.cost, found.certainty) == (Decimal("39.33"), "actual")
    assert (found.vcpu_hours, found.minutes, found.samples) == (Decimal(8), Decimal(90), 7)
    assert found.per_sample == {"s1": Decimal("30.11")}


def test_trap_12_an_empty_report_at_one_depth_does_not_hide_the_other() -> None:
    full = {"benchmark_data": [{"snakemake_threads": 8, "s": 3600}], "cost_summary": {"total_cost": "2"}}
    found = workset_of(item(performance_metrics={"benchmark_data": [], "cost_summary": {}, POST: full}))
    assert (found.vcpu_hours, found.cost) == (Decimal(8), Decimal(2))


def test_trap_11_vcpu_hours_are_threads_times_hours_not_the_cpu_time_used() -> None:
    rows = [
        {"snakemake_threads": "192", "s": "1440", "cpu_time": "24"},
        {"snakemake_threads": "8", "s": "450.5", "cpu_time": "3600"},
        {"snakemake_threads": "NA", "s": "450"},
        {"s": "450"},
        "a broken row",
    ]
    found = workset_of(item(performance_metrics={"benchmark_data": rows}))
    assert found.vcpu_hours == (Decimal(192) * 1440 + Decimal(8) * Decimal("450.5")) / 3600


def test_vcpu_hours_that_nothing_could_be_are_unknown() -> None:
    row = {"snakemake_threads": "1e17", "s": "1e17"}
    assert workset_of(item(performance_metrics={"benchmark_data": [row]})).vcpu_hours is None


def test_trap_11_without_benchmarks_vcpu_hours_are_unknown() -> None:
    assert workset_of(item(performance_metrics={"benchmark_data": [{"cpu_time": "24"}]})).vcpu_hours is None
    assert workset_of(item()).vcpu_hours is None


def test_trap_14_numbers_are_decimals_to_the_last_digit() -> None:
    for told in ("0.1234567890123456789", Decimal("0.1234567890123456789")):
        assert workset_of(item(total_compute_cost_usd=told)).cost == Decimal("0.1234567890123456789")
    assert workset_of(item(total_compute_cost_usd=0.1)).cost == Decimal("0.1")


@pytest.mark.parametrize("told", ["NaN", "-3", "Infinity", "1e999999", True, None, [], {"N": "1"}])
def test_what_is_no_amount_is_none(told: Any) -> None:
    assert workset_of(item(total_compute_cost_usd=told)).cost is None


# Size and duration


@pytest.mark.parametrize(
    ("metrics", "size"),
    [
        ({"results_storage_bytes": 0, "performance_metrics": {POST: {"analysis_directory_size_bytes": 5}}}, 0),
        ({"performance_metrics": {POST: {"analysis_directory_size_bytes": "5"}}}, 5),
        ({"performance_metrics": {"pre_export_metrics": {"analysis_directory_size_bytes": Decimal(6)}}}, 6),
        ({"performance_metrics": {}}, None),
    ],
)
def test_the_first_size_that_is_told_counts(metrics: dict[str, Any], size: int | None) -> None:
    assert workset_of(item(**metrics)).results_bytes == size


def test_a_run_that_ends_before_it_began_takes_as_long_as_it_says() -> None:
    found = workset_of(
        item(
            execution_started_at=FEBRUARY,
            execution_ended_at=JANUARY,
            performance_metrics={"duration_info": {"duration_seconds": "90"}},
        )
    )
    assert found.minutes == Decimal("1.5")


def test_samples_are_counted_where_no_count_is_told() -> None:
    assert workset_of(item(metadata={"samples": [{}, {}, {}]})).samples == 3
    assert workset_of(item(metadata={"samples": []})).samples is None


# Whose it is, and what is no workset


@pytest.mark.parametrize(
    ("whose", "customer"),
    [
        ({"customer_id": "acme", "metadata": {"submitted_by": "beta"}}, "acme"),
        ({"customer_id": None, "metadata": {"submitted_by": "beta"}}, "beta"),
        ({"metadata": {"submitted_by": None}}, ""),
        ({"metadata": "lost"}, ""),
    ],
)
def test_customers(whose: dict[str, Any], customer: str) -> None:
    assert customer_of(whose) == customer


def test_an_item_of_which_nothing_is_known_is_there_as_other() -> None:
    assert workset_of({"workset_id": "w1"}) == Workset("w1", "", "other")


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals()
    | st.text(max_size=8)
    | st.sampled_from([JANUARY, "complete"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["state", "timestamp", "total_cost", "s", "snakemake_threads", POST]), inner)
    ),
    max_leaves=8,
)
NAMES = (
    "workset_id", "state", "original_state", "state_history", "execution_started_at", "execution_ended_at", "metadata",
    "performance_metrics", "total_compute_cost_usd", "per_sample_costs", "results_storage_bytes", "customer_id",
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING))
def test_no_item_raises_and_none_has_a_cost_that_nothing_says(broken: dict[str, Any]) -> None:
    found = workset_of(broken)
    assert (found.cost is None) == (found.certainty == "unknown")
    customer_of(broken)
