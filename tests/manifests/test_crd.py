"""The custom resource definition: sound by itself, and true to what `reconcile validate` takes."""

import datetime
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import cel
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from pydantic import BaseModel, ValidationError

from controller.domain import resource_status as limits
from controller.domain.customer import Customer, Origin
from controller.domain.manifest import CustomerManifest, CustomerSpec
from controller.domain.resolve import resolve
from controller.domain.resource_status import (
    GateStatus,
    ManagedResource,
    PlanStatus,
    ResourceCondition,
    ResourceStatus,
    ServiceCost,
    UsageStatus,
)
from controller.domain.scalars import Text
from controller.domain.settings import Settings
from controller.manifests.crd import customer_crd
from controller.manifests.crd_rules import KEYED, RULES, SETS, amount_rule
from controller.manifests.structural import structural
from tests.cluster.admission import Invalid
from tests.cluster.structural import Schema
from tests.generated_customers import manifests
from tests.spoiled_manifests import FULL, VALUES, documents, variants

ROOT = Path(__file__).parents[2]
CRD: dict[str, Any] = yaml.safe_load(customer_crd())
(VERSION,) = CRD["spec"]["versions"]
ROOT_NODE: dict[str, Any] = VERSION["schema"]["openAPIV3Schema"]
SCHEMA = Schema(VERSION)
NOW = datetime.datetime(2026, 11, 22, 6, tzinfo=datetime.UTC)

Node = Mapping[str, Any]


def nodes(node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """Every schema in the schema, by its path: spec.storage.buckets[].name."""
    yield path, node
    for name, field in node.get("properties", {}).items():
        yield from nodes(field, f"{path}.{name}".lstrip("."))
    if "items" in node:
        yield from nodes(node["items"], f"{path}[]")


NODES = dict(nodes(ROOT_NODE, ""))
FIELDS = {path: node for path, node in NODES.items() if path.startswith(("spec", "status"))}


# The definition by itself


def test_its_names_are_those_of_the_manifest() -> None:
    names = CRD["spec"]["names"]
    assert CRD["metadata"]["name"] == "customers.billing.daylily.io"
    assert f"{CRD['spec']['group']}/{VERSION['name']}" == FULL["apiVersion"]
    assert (names["kind"], names["shortNames"], names["categories"]) == (FULL["kind"], ["cust"], ["billing"])


KEYWORDS = {
    "description", "type", "format", "enum", "default", "minimum", "exclusiveMinimum", "maximum", "pattern",
    "minLength", "maxLength", "minItems", "maxItems", "required", "properties", "items", "anyOf",
    "x-kubernetes-int-or-string", "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-validations",
}  # fmt: skip
"""Not among them, because a structural schema has no such thing: $ref, additionalProperties, oneOf, title, const."""


@pytest.mark.parametrize("path", FIELDS)
def test_every_part_is_structural_described_and_limited(path: str) -> None:
    node = NODES[path]
    assert node.keys() <= KEYWORDS
    assert node.get("description") or path.endswith("[]")
    if node.get("x-kubernetes-int-or-string"):
        assert node["anyOf"] == [{"type": "integer"}, {"type": "string"}], "the one form that Kubernetes takes"
        assert "type" not in node
        assert node["maxLength"]
        return
    assert "anyOf" not in node
    match node["type"]:
        case "string":
            assert "enum" in node or node["maxLength"]
        case "array":
            assert node["maxItems"]
            assert "items" in node
        case "object":
            assert node["properties"]
        case other:
            assert other in ("integer", "boolean")


@pytest.mark.parametrize("path", [path for path, node in NODES.items() if "pattern" in node])
def test_a_pattern_means_the_same_to_kubernetes(path: str) -> None:
    pattern = NODES[path]["pattern"]
    assert re.fullmatch(r"\^[^^$]*(\[\^[^^$]*)*\$", pattern), "Kubernetes looks for a pattern anywhere in the text"
    assert not re.search(r"\(\?[^:]|\\[1-9bBsSdDwWAZz]", pattern), "RE2 lacks it, or takes ASCII where Python does not"


@pytest.mark.parametrize("path", [path for path, node in NODES.items() if "default" in node])
def test_a_default_is_valid_and_complete(path: str) -> None:
    """The API server runs rules on a default as it is written, before the defaults of its parts."""
    default = NODES[path]["default"]
    assert default is not None
    assert Schema({"schema": {"openAPIV3Schema": NODES[path]}}).admit(default) == default


@pytest.mark.parametrize("path", [path for path, node in NODES.items() if "x-kubernetes-validations" in node])
def test_a_rule_compiles_and_blames_a_field_that_exists(path: str) -> None:
    for rule in NODES[path]["x-kubernetes-validations"]:
        cel.compile(rule["rule"])
        assert re.match("[a-z][^\n]*[^.]$", rule["message"])
        assert f"{path}{rule.get('fieldPath', '')}" in NODES


def test_no_rule_is_about_a_field_that_is_gone() -> None:
    assert {*RULES, *KEYED, *SETS} <= FIELDS.keys()
    assert all(key in NODES[f"{path}[]"]["required"] for path, key in KEYED.items())
    assert all("properties" not in NODES[f"{path}[]"] for path in SETS)


def validated(part: Any, path: str) -> Iterator[str]:
    """Paths of what a validator looks at, so that the schema does not say it all."""
    if isinstance(part, Text) and part.refuse:
        yield path
    elif isinstance(part, type) and issubclass(part, BaseModel):
        if part.__pydantic_decorators__.model_validators:
            yield path
        for field in part.model_fields.values():
            for inner in (field.annotation, *field.metadata):
                yield from validated(inner, f"{path}.{field.alias}")
    else:
        here = f"{path}[]" if get_origin(part) is tuple else path
        for inner in get_args(part):
            yield from validated(inner, here)


def test_what_the_models_check_by_code_has_a_rule() -> None:
    paths = set(validated(CustomerSpec, "spec"))
    assert {"spec.environment", "spec.storage", "spec.storage.buckets[].name", "spec.budget.alerts[]"} <= paths
    for path in paths:
        assert any(rule.startswith(path) for rule in {*RULES, *KEYED, *SETS}), path


def test_columns_and_selectable_fields_point_at_something() -> None:
    columns = VERSION["additionalPrinterColumns"]
    paths = [one["jsonPath"] for one in (*columns, *VERSION["selectableFields"])]
    known = {f".{path}" for path in FIELDS} | {".metadata.creationTimestamp"}
    assert {re.sub(r"\[\?\(@.type==\"[A-Za-z]+\"\)\]", "[]", path) for path in paths} <= known
    assert [one["name"].upper() for one in columns if not one.get("priority")] == [
        "READY", "SPENT", "LIMIT", "USED", "GATE", "AGE",
    ]  # fmt: skip
    assert [one["name"].upper() for one in columns if one.get("priority") == 1] == [
        "FORECAST", "COST CENTER", "STORAGE", "AS OF", "STATUS",
    ]  # fmt: skip


def test_a_field_that_no_structural_schema_can_say_is_an_error_at_once() -> None:
    class Free(BaseModel):
        anything: dict[str, str] | list[int]

    with pytest.raises((ValueError, KeyError)):
        structural(Free, "spec")


# The same documents as validate


@pytest.mark.parametrize("path", sorted((ROOT / "customers").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_examples_are_taken(path: Path) -> None:
    for document in yaml.safe_load_all(path.read_text()):
        assert_alike(document)


IN_THE_CLUSTER = {
    "label": "labels are checked by the API server itself",
    "name": "the name is checked by the API server itself",
    "wrong-api-version": "the API server has no such resource",
    "wrong-kind": "the API server has no such resource",
    "misplaced-field": "an unknown field: kubectl refuses it, else it is dropped",
    "unknown-field": "an unknown field: kubectl refuses it, else it is dropped",
}
"""Bad documents whose schema has nothing against them, and why that is no hole."""


def bad_documents() -> Iterator[Any]:
    """What can be sent: what YAML reads, is of some kind, and JSON can write. Of dates kubectl sends the text."""
    for path in sorted((ROOT / "tests" / "manifests" / "bad").glob("*.yaml")):
        try:
            found = [one for one in yaml.safe_load_all(path.read_text()) if isinstance(one, dict) and "kind" in one]
            sent = json.loads(json.dumps(found, default=str))
        except (yaml.YAMLError, ValueError):
            continue
        yield from (pytest.param(path.stem, one, id=f"{path.stem}-{index}") for index, one in enumerate(sent))


@pytest.mark.parametrize(("case", "document"), list(bad_documents()))
def test_the_bad_documents_are_refused_in_a_cluster_too(case: str, document: Any) -> None:
    if case not in IN_THE_CLUSTER:
        assert_alike(document)
        return
    with pytest.raises(ValidationError):
        CustomerManifest.model_validate(document)
    SCHEMA.admit(document)


@pytest.mark.parametrize("path", VALUES)
def test_one_value_at_a_time_is_taken_or_refused_by_both(path: str) -> None:
    for document in variants(path):
        assert_alike(document)


@given(documents())
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
def test_the_cluster_takes_exactly_what_validate_takes(document: dict[str, Any]) -> None:
    assert_alike(document)


@pytest.mark.exhaustive
@given(documents())
@settings(max_examples=5_000, suppress_health_check=[HealthCheck.too_slow])
def test_the_same_over_thousands_of_documents(document: dict[str, Any]) -> None:
    assert_alike(document)


@given(manifests("cust_a", ("bucket-a", "bucket-b")))
@settings(max_examples=100)
def test_every_valid_manifest_is_taken(document: dict[str, Any]) -> None:
    assert meaning(SCHEMA.admit(document)) == meaning(document)


def assert_alike(document: Any) -> None:
    """Both take it, and it means the same with the defaults written out; or both refuse it."""
    written = {key: value for key, value in document.items() if key != "status"}  # as the API server does
    try:
        meant = meaning(written)
    except ValidationError as refused:
        with pytest.raises(Invalid):
            pytest.fail(f"the cluster takes {SCHEMA.admit(written)}, validate says: {refused}")
        return
    admitted = SCHEMA.admit(written)
    assert meaning(admitted) == meant
    assert SCHEMA.admit(admitted) == admitted, "a second apply would change something"


def meaning(document: Any) -> tuple[Customer, str]:
    manifest = CustomerManifest.model_validate(document)
    return resolve(manifest, Settings(), Origin()), manifest.spec.digest()


def test_a_full_manifest_is_taken_as_it_is() -> None:
    assert SCHEMA.admit(FULL)["spec"]["billing"] == FULL["spec"]["billing"]
    assert_alike(FULL)


def test_defaults_are_written_out() -> None:
    """So that `kubectl diff` is quiet after an apply."""
    least = {"customerId": "cust_a", "displayName": "A", "email": "a@b", "budget": {"alerts": [{"atPercent": 5}]}}
    spec = SCHEMA.admit({**FULL, "spec": least})["spec"]
    assert spec == {
        **least,
        "environment": "production",
        "account": "default",
        "suspend": False,
        "deletionPolicy": "Retain",
        "billing": {"currency": "USD"},
        "storage": {"buckets": []},
        "costAttribution": {"tags": []},
        "worksets": {"gate": "Auto"},
        "budget": {
            "enabled": True,
            "alerts": [{"atPercent": 5, "type": "ACTUAL", "notify": ["email"], "pauseWorksets": False}],
        },
    }


def test_unknown_fields_and_null_are_dropped() -> None:
    written = {**FULL["spec"], "colour": "blue", "account": None, "billing": {"email": None, "curency": "EUR"}}
    spec = SCHEMA.admit({**FULL, "spec": written})["spec"]
    assert (spec["account"], spec["billing"]) == ("default", {"currency": "USD"})
    assert "colour" not in spec


def test_the_customer_id_never_changes() -> None:
    other = {**FULL, "spec": {**FULL["spec"], "customerId": "cust_other"}}
    assert SCHEMA.admit(FULL, old=FULL)
    with pytest.raises(Invalid) as refused:
        SCHEMA.admit(other, old=FULL)
    assert refused.value.errors == [("spec.customerId", "never changes: another id is another customer")]


def test_an_error_says_where_and_what() -> None:
    alerts = [{"atPercent": 50, "emails": ["a@b"], "notify": ["sns"]}, {"atPercent": "50.0"}]
    with pytest.raises(Invalid) as refused:
        SCHEMA.admit({**FULL, "spec": {**FULL["spec"], "budget": {"alerts": alerts}}})
    assert refused.value.errors == [
        ("spec.budget.alerts", "has two alerts of one type and percentage"),
        ("spec.budget.alerts[0].emails", "are given, but notify does not list email"),
    ]


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ("0.0001", True),
        ("100.0000", True),
        ("100.0001", False),  # one step over
        ("999999999999.9999", False),  # more digits than a double holds
        (100, True),
        (101, False),
    ],
)
def test_the_range_of_an_amount_is_exact(written: object, fits: bool) -> None:
    rule = amount_rule(0, 100, above=False)
    assert cel.evaluate(rule.holds, {"self": written}) is fits


# Status


def full_status() -> ResourceStatus:
    """Every list and every text at its limit."""
    name, message, short = "n" * limits.NAME, "m" * limits.MESSAGE, "s" * limits.SHORT
    word = "W" * limits.SHORT
    return ResourceStatus(
        observed_generation=7,
        last_handled_reconcile_at=name,
        next_check=name,
        message=message,
        usage=UsageStatus(
            period=short,
            spent=short,
            limit=short,
            used=short,
            forecast=short,
            currency=short,
            storage=short,
            as_of=NOW,
            estimated=True,
            worksets=3,
            vcpu_hours=short,
            by_service=(ServiceCost(service=name, cost=short),) * limits.SERVICES,
        ),
        gate=GateStatus(state="Held", reason=name, since=NOW, until=NOW, message=message),
        resources=(ManagedResource(kind=short, name=name, state="Waiting", message=message),) * limits.RESOURCES,
        plan=PlanStatus(creates=1, updates=0, deletes=0, adopts=0, text="p" * limits.PLAN_TEXT),
        conditions=tuple(
            ResourceCondition(
                type=f"{word[:-2]}{index:02}",
                status="True",
                reason=word,
                message=message,
                last_transition_time=NOW,
                observed_generation=7,
            )
            for index in range(limits.CONDITIONS)
        ),
    )


@pytest.mark.parametrize("status", [ResourceStatus(), full_status()], ids=["empty", "full"])
def test_a_status_is_taken_as_it_is_dumped(status: ResourceStatus) -> None:
    dumped = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    admitted = SCHEMA.admit({**FULL, "status": dumped})["status"]
    assert admitted == dumped, "nothing is dropped, nothing is added"
    assert ResourceStatus.model_validate(admitted) == status


def test_a_status_without_figures_has_none() -> None:
    dumped = UsageStatus(period="2026-11").model_dump(mode="json", by_alias=True, exclude_none=True)
    assert dumped == {"period": "2026-11"}


def test_two_conditions_of_one_type_are_refused() -> None:
    condition = ResourceCondition(type="Ready", status="True", reason="Ok", message="", last_transition_time=NOW)
    status = ResourceStatus(conditions=(condition, condition))
    with pytest.raises(Invalid):
        SCHEMA.admit({**FULL, "status": status.model_dump(mode="json", by_alias=True, exclude_none=True)})
