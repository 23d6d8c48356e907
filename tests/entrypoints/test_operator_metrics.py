"""What the operator tells Prometheus."""

from controller.entrypoints.metrics import Meter
from controller.errors import TransientFailure
from controller.passes import Passed, Verdict
from tests.entrypoints.well import Well
from tests.fakes import Thing, Town, customer


def told(meter: Meter, name: str) -> dict[str, float]:
    """The samples of that name, by their labels."""
    samples = [one for family in meter.registry.collect() for one in family.samples if one.name == name]
    return {",".join(one.labels.values()): one.value for one in samples}


def test_the_first_failed_pass_is_an_increase() -> None:
    meter = Meter()
    assert told(meter, "reconcile_passes_total") == {"ok": 0, "failed": 0}

    meter.failed(TransientFailure("throttled"), 1)

    assert told(meter, "reconcile_passes_total") == {"ok": 0, "failed": 1}


def test_customers_are_told_of_as_their_statuses_say() -> None:
    meter = Meter()
    meter.watch(Well())
    assert told(meter, "customer_budget_used_ratio") == {"acme": 0.5}
    assert told(meter, "customer_cost") == {"acme,USD": 250}
    assert told(meter, "reconcile_failing_customers") == {"": 1}


def test_without_metrics_by_customer_only_their_number_is_told() -> None:
    meter = Meter(by_customer=False)
    meter.watch(Well())
    assert told(meter, "customer_cost") == {}
    assert told(meter, "reconcile_failing_customers") == {"": 1}


def test_drift_counts_once_it_is_put_back_however_often_that_failed() -> None:
    town, meter = Town(), Meter()
    town.apply(customer())
    town.world.things["thing", "acme-bucket"] = Thing("9999")
    town.world.failing["put acme-bucket"] = TransientFailure("no answer")

    def count() -> None:
        results = town.apply(customer())
        meter.passed(Passed({one.plan.owner.id: Verdict(one.plan, one.outcomes) for one in results}), 1)

    count()
    count()
    assert told(meter, "reconcile_drift_total") == {}
    town.world.failing.clear()
    count()
    assert told(meter, "reconcile_drift_total") == {"thing": 1}
