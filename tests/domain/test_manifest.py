"""The manifest as a model, and what it means: defaults, order, generation."""

import copy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from controller.domain.customer import Customer, Origin, Place
from controller.domain.manifest import IGNORED_METADATA, CustomerManifest
from controller.domain.resolve import lending, resolve
from controller.domain.settings import Settings

ACME: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "customers" / "acme.yaml").read_text())
MINIMAL: dict[str, Any] = {
    "apiVersion": "billing.daylily.io/v1alpha1",
    "kind": "Customer",
    "metadata": {"name": "beta"},
    "spec": {"customerId": "cust_beta", "displayName": "Beta", "email": "b@beta.example"},
}


def manifest(**spec: Any) -> CustomerManifest:
    return CustomerManifest.model_validate({**MINIMAL, "spec": {**MINIMAL["spec"], **spec}})


def customer(settings: Settings | None = None, **spec: Any) -> Customer:
    return resolve(manifest(**spec), settings or Settings(), Origin())


def off() -> Settings:
    return Settings.model_validate({"billing": {"enabled": False}})


def test_the_example_of_the_readme_means_what_it_says() -> None:
    acme = resolve(CustomerManifest.model_validate(ACME), Settings(), Origin())
    assert acme.budget
    assert acme.lifecycle
    assert [(int(a.at_percent), a.emails, a.sns, a.pause_worksets) for a in acme.budget.alerts] == [
        (50, ("billing@acme.com",), False, False),
        (80, ("billing@acme.com",), True, False),
        (100, ("billing@acme.com",), True, True),
    ]
    assert acme.lifecycle.transitions[0].to_glacier_days == 90
    assert acme.billing.discount_percent == Decimal(10)


def test_what_is_left_out_comes_from_the_settings() -> None:
    beta = customer()
    assert beta.budget
    assert beta.lifecycle
    assert beta.budget.monthly_limit == 500
    assert [(int(a.at_percent), a.sns, a.pause_worksets) for a in beta.budget.alerts] == [
        (50, False, False),
        (80, True, False),
        (100, True, True),
    ]
    assert (beta.lifecycle.transitions[0].prefix, beta.lifecycle.expirations[0].prefix) == ("results/", "logs/")
    assert beta.lifecycle.abort_incomplete_uploads_days == 7


@pytest.mark.parametrize(
    ("why", "budget", "on", "off_"),
    [
        ("nothing is said", None, (500, 3), None),
        ("asked for by name", {"enabled": True}, (500, 3), (500, 3)),
        ("a limit of its own", {"monthlyLimit": 7}, (7, 3), (7, 3)),
        ("no alerts wanted", {"alerts": []}, (500, 0), (500, 0)),
        ("not wanted", {"enabled": False, "monthlyLimit": 7}, None, None),
    ],
)
def test_budget_by_what_is_written(
    why: str, budget: Any, on: tuple[int, int] | None, off_: tuple[int, int] | None
) -> None:
    spec = {} if budget is None else {"budget": budget}
    for settings, expected in ((Settings(), on), (off(), off_)):
        found = customer(settings, **spec).budget
        assert (found and (int(found.monthly_limit), len(found.alerts))) == expected, why


@pytest.mark.parametrize(
    ("why", "lifecycle", "on", "off_"),
    [
        ("nothing is said", None, (1, 1, 7), None),
        ("asked for by name", {"enabled": True}, (1, 1, 7), (1, 1, 7)),
        ("written out: exactly these, nobody's logs go", {"abortIncompleteUploadsDays": 3}, (0, 0, 3), (0, 0, 3)),
        ("written out as none", {"transitions": []}, (0, 0, None), (0, 0, None)),
        ("not wanted", {"enabled": False}, None, None),
    ],
)
def test_lifecycle_by_what_is_written(why: str, lifecycle: Any, on: Any, off_: Any) -> None:
    spec = {} if lifecycle is None else {"storage": {"lifecycle": lifecycle}}
    for settings, expected in ((Settings(), on), (off(), off_)):
        rules = customer(settings, **spec).lifecycle
        counted = rules and (len(rules.transitions), len(rules.expirations), rules.abort_incomplete_uploads_days)
        assert counted == expected, why


def test_alerts_write_to_their_own_addresses_then_billing_then_the_customer() -> None:
    def emails(alert: dict[str, Any], **billing: str) -> tuple[str, ...]:
        budget = customer(budget={"alerts": [{"atPercent": 50, **alert}]}, billing=billing).budget
        assert budget
        return budget.alerts[0].emails

    assert emails({"emails": ["z@x.y", "a@x.y"]}, email="c@x.y") == ("a@x.y", "z@x.y")
    assert emails({}, email="c@x.y") == ("c@x.y",)
    assert emails({}) == ("b@beta.example",)
    assert emails({"notify": ["sns"]}) == ()


def test_the_ladder_follows_the_thresholds() -> None:
    settings = Settings.model_validate({"billing": {"budgets": {"alert_thresholds": [120, 99, "79.5"]}}})
    budget = customer(settings).budget
    assert budget
    assert [(a.at_percent, a.sns, a.pause_worksets, a.source) for a in budget.alerts] == [
        (Decimal("79.5"), False, False, "billing.budgets.alert_thresholds[2]"),
        (99, True, False, "billing.budgets.alert_thresholds[1]"),
        (120, True, True, "billing.budgets.alert_thresholds[0]"),
    ]


def test_parts_are_sorted_and_know_where_they_were_written() -> None:
    buckets = [{"name": "zzz", "region": "us-east-1"}, {"name": "aaa", "region": "us-east-1"}]
    alerts = [{"atPercent": 90, "type": "FORECASTED"}, {"atPercent": 100}, {"atPercent": "90.0"}]
    beta = customer(storage={"buckets": buckets}, budget={"alerts": alerts})
    assert beta.budget
    assert [bucket.source for bucket in beta.buckets] == ["spec.storage.buckets[1]", "spec.storage.buckets[0]"]
    assert [alert.source[-3:] for alert in beta.budget.alerts] == ["[2]", "[1]", "[0]"]


def test_a_default_is_found_in_the_settings_and_the_rest_in_the_manifest() -> None:
    settings = Origin(
        {"": Place("s", 1, 1), "billing.budgets": Place("s", 5, 1), "billing.lifecycle": Place("s", 9, 1)}
    )
    origin = lending(Origin({"": Place("m", 1, 1), "spec": Place("m", 4, 1), "spec.email": Place("m", 6, 1)}), settings)
    assert origin.locate("spec.budget.alerts[1].atPercent") == Place("s", 5, 1)
    assert origin.locate("billing.budgets.alert_thresholds[0]") == Place("s", 5, 1)
    assert origin.locate("spec.storage.lifecycle.transitions[0]") == Place("s", 9, 1)
    assert origin.locate("spec.email") == Place("m", 6, 1)
    assert origin.locate("spec.displayName") == Place("m", 4, 1)
    assert origin.locate("") == Place("m", 1, 1)
    assert str(Place("RECONCILE_CONCURRENCY", 0, 0)) == "RECONCILE_CONCURRENCY"


def test_generation_changes_only_when_something_else_is_asked_for() -> None:
    written = CustomerManifest.model_validate(ACME).spec.digest()

    def changed(edit: Any) -> str:
        document = copy.deepcopy(ACME)
        edit(document["spec"])
        return CustomerManifest.model_validate(document).spec.digest()

    assert changed(lambda spec: spec["budget"]["alerts"].reverse()) == written, "order means nothing"
    assert changed(lambda spec: spec["budget"].update(monthlyLimit="500.00")) == written, "the same amount"
    assert changed(lambda spec: spec.pop("suspend")) == written, "a default written out is the default"
    assert changed(lambda spec: spec["budget"].update(monthlyLimit="500.01")) != written
    assert changed(lambda spec: spec["storage"]["lifecycle"].update(transitions=[])) != written
    assert changed(lambda spec: spec.pop("budget")) != written


def test_lifecycle_without_rules_is_not_lifecycle_by_default() -> None:
    none = manifest(storage={"lifecycle": {"transitions": []}})
    default = manifest(storage={"lifecycle": {"enabled": True}})
    assert none.spec.digest() != default.spec.digest()


def test_what_kubectl_get_prints_is_a_manifest_too() -> None:
    metadata = {"name": "beta", **dict.fromkeys(IGNORED_METADATA, "anything"), "annotations": {"a.b/c": "x\ny"}}
    read = CustomerManifest.model_validate({**MINIMAL, "metadata": metadata, "status": {"conditions": []}})
    assert read.metadata.annotations == {"a.b/c": "x\ny"}


def test_the_name_of_a_budget_is_never_too_long_or_refused() -> None:
    """AWS: 1-100 characters without `:` and `\\`; the pattern of a customer id leaves no other room."""
    longest = manifest(customerId="a" * 63).spec.customer_id
    assert len(f"daylily-{longest}-monthly") <= 100
    with pytest.raises(ValidationError):
        manifest(customerId="a:b")


def test_strings_and_numbers_are_never_made_of_one_another() -> None:
    for spec in ({"displayName": 5}, {"suspend": 1}, {"storage": {"quotaGiB": "5"}}, {"budget": {"monthlyLimit": 1.5}}):
        with pytest.raises(ValidationError):
            manifest(**spec)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("email", "a@b\x1b[31m", "an escape would paint the terminal of whoever reads the plan"),
        ("email", "a\x85@b", "a line break of Unicode"),
        ("worksets", {"gate": "Hold", "gateReason": "x", "gateUntil": "2026-12-01T00:00:00+05:75"}, "no such zone"),
        ("worksets", {"gate": "Hold", "gateReason": "x", "gateUntil": "2026-12-01T24:00:00Z"}, "which day is meant?"),
        ("worksets", {"gate": "Hold", "gateReason": "x", "gateUntil": "2026-02-29T00:00:00Z"}, "no leap year"),
    ],
)
def test_texts_that_only_look_right_are_refused(field: str, value: object, why: str) -> None:
    with pytest.raises(ValidationError):
        manifest(**{field: value})
