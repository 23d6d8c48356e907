"""Rules and dashboard ask for metrics that the operator tells, by labels that these have."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deploy.conftest import DEPLOY, ROOT
from tests.entrypoints.well import metrics

COMPONENTS = DEPLOY / "components"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((COMPONENTS / "prometheus" / "rules.yaml").read_text())["spec"]["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((COMPONENTS / "grafana" / "billing-operator.json").read_text())
OF_THE_TARGET = {"namespace", "pod", "job", "instance", "le"}
"""Labels that Prometheus adds, and that of a histogram's buckets."""


def expressions() -> Iterator[Any]:
    for rule in RULES:
        yield pytest.param(rule["expr"], id=rule["alert"])
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield pytest.param(target["expr"], id=f"{panel['title']}-{target['refId']}")


@pytest.mark.parametrize("expression", [*expressions()])
def test_an_expression_asks_for_what_is_told(expression: str) -> None:
    labels = known()
    names = set(re.findall(r"\b(?:reconcile|customer|aws|cluster)_[a-z_]+", expression))
    assert names
    assert names <= labels.keys()
    for name, matchers in re.findall(r"(\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)=", matchers)) <= labels[name] | OF_THE_TARGET
    grouped = {word for words in re.findall(r"by \(([^)]*)\)", expression) for word in words.split(", ")}
    assert grouped <= set().union(*(labels[name] for name in names)) | OF_THE_TARGET


def known() -> dict[str, set[str]]:
    """The labels of everything that Prometheus gets, by its name there."""
    endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
    return {one.name + ending: labels for one, labels in metrics() for ending in endings.get(one.type, [""])}


def test_every_metric_is_on_the_dashboard() -> None:
    shown = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    assert {one.name for one, _ in metrics() if one.name not in shown} == set()


def test_every_alert_leads_to_what_to_do() -> None:
    for rule in RULES:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        headings = re.findall(r"^#+ (.*)$", (ROOT / page).read_text(), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in headings}, rule["alert"]
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_the_interval_of_the_rule_is_that_of_the_operator() -> None:
    from controller.entrypoints.cluster_operator import INTERVALS
    from controller.operating import Times

    (rule,) = (one for one in RULES if one["alert"] == "BillingOperatorDoesNothing")
    assert rule["expr"].endswith(f"> {int(INTERVALS * Times().resync)}")


def test_panels_have_a_place_of_their_own() -> None:
    places = [
        (x, y)
        for at in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
