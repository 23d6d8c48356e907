"""What the operator tells Prometheus."""

from dataclasses import replace
from datetime import UTC, datetime

from controller.domain.status import Figures, Status
from controller.entrypoints.metrics import Meter
from controller.errors import TransientFailure
from controller.passes import Passed, Verdict

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
SPENT = Figures("budget", "acme", {"actual": "250.00", "limit": "500.00", "currency": "USD"}, NOW)
ACME = Status("acme", "acme", "default", "default", figures=(SPENT,))


def told(meter: Meter, name: str) -> dict[str, float]:
    """The samples of that name, by their labels."""
    samples = [one for family in meter.registry.collect() for one in family.samples if one.name == name]
    return {",".join(one.labels.values()): one.value for one in samples}


def test_the_first_failed_pass_is_an_increase() -> None:
    meter = Meter()
    assert told(meter, "reconcile_passes_total") == {"ok": 0, "failed": 0}

    meter.failed(TransientFailure("throttled"), 1)

    assert told(meter, "reconcile_passes_total") == {"ok": 0, "failed": 1}


def test_nothing_is_told_any_more_of_a_customer_that_is_gone() -> None:
    meter, beta = Meter(), replace(ACME, owner_id="beta")
    meter.passed(Passed({"acme": Verdict(status=ACME), "beta": Verdict(status=beta)}), 1)
    assert told(meter, "customer_budget_used_ratio") == {"acme": 0.5, "beta": 0.5}

    meter.passed(Passed({"acme": Verdict(status=ACME, gone=True)}), 1)

    assert told(meter, "customer_budget_used_ratio") == {"beta": 0.5}
    assert told(meter, "customer_cost") == {"beta,USD": 250}
