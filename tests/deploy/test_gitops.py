"""Argo CD and Flux are told how a customer is by the conditions that the operator writes."""

from typing import Any

import cel
import pytest
import yaml
from lupa.lua51 import LuaRuntime

from tests.deploy.conftest import DEPLOY

GITOPS = DEPLOY / "gitops"


def customer(*holding: str, generation: int = 2, ready: str = "False") -> dict[str, Any]:
    """Version 2 of a customer, and a status of version `generation` in which these conditions hold."""
    conditions = [{"type": name, "status": "True", "message": f"{name}, says the operator"} for name in holding]
    conditions.append({"type": "Ready", "status": ready, "message": ""})
    return {
        "metadata": {"name": "acme", "generation": 2},
        "status": {"observedGeneration": generation, "message": "in one line", "conditions": conditions},
    }


CASES = {
    "not seen yet": ({"metadata": {"name": "acme", "generation": 1}}, "Progressing", None),
    "an older version was ready": (customer(generation=1, ready="True"), "Progressing", "InProgress"),
    "ready": (customer(ready="True"), "Healthy", "Current"),
    "ready, and over its budget": (customer("WorksetsHeld", ready="True"), "Healthy", "Current"),
    "AWS is slow": (customer("Reconciling"), "Progressing", "InProgress"),
    "a person must act": (customer("Stalled"), "Degraded", "Failed"),
    "paused with changes to make": (customer("Paused"), "Suspended", "Current"),
    "suspended with nothing to do": (customer("Suspended", ready="True"), "Suspended", "Current"),
    "paused, and wrong": (customer("Paused", "Stalled"), "Degraded", "Failed"),
}
"""What stands there, what Argo CD makes of it, and what Flux does; None: Flux waits, since it cannot evaluate it."""


@pytest.mark.parametrize("name", CASES)
def test_argo_cd(name: str) -> None:
    found, health, _ = CASES[name]
    (script,) = yaml.safe_load((GITOPS / "argocd-cm.yaml").read_text())["data"].values()
    lua = LuaRuntime()
    check = lua.eval(f"function(obj) {script} end")

    answer = check(lua.table_from(found, recursive=True))

    assert answer["status"] == health
    assert answer["message"]


@pytest.mark.parametrize("name", CASES)
def test_flux(name: str) -> None:
    found, _, expected = CASES[name]
    assert flux(found) == expected


def flux(found: dict[str, Any]) -> str | None:
    """As Flux evaluates it: the generations first, then the expressions in this order."""
    (exprs,) = yaml.safe_load((GITOPS / "flux-kustomization.yaml").read_text())["spec"]["healthCheckExprs"]
    status = found.get("status", {})
    if status.get("observedGeneration", found["metadata"]["generation"]) != found["metadata"]["generation"]:
        return "InProgress"
    for expression, result in (("inProgress", "InProgress"), ("failed", "Failed"), ("current", "Current")):
        try:
            if expression in exprs and cel.evaluate(exprs[expression], found):
                return result
        except RuntimeError:
            return None
    return "InProgress"
