"""What is applied with `kubectl apply -k`: little power, no keys, and nothing that the code does not have."""

import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from controller.entrypoints.cli import cli
from controller.manifests.settings_file import load_settings
from controller.render.diagnostics import render_text
from tests.deploy.conftest import DEPLOY, ENTRIES, ROOT
from tests.deploy.kustomize import Object, containers, render

KEYS = re.compile(r"AKIA|ASIA[A-Z0-9]{16}|secret_?access|session_?token|aws_access|BEGIN .*PRIVATE", re.IGNORECASE)
OPERATOR = cli.commands["operator"]
PAGE = ROOT / "docs" / "kubernetes.md"


@pytest.mark.parametrize("folder", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl to compare with")
def test_kubectl_makes_the_same_of_it(folder: Path) -> None:
    assert identified(rendered_by_kubectl(folder)) == identified(render(folder))


@pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl to compare with")
def test_kubectl_makes_the_same_of_an_overlay_in_another_namespace(tmp_path: Path) -> None:
    overlay = elsewhere(tmp_path)
    assert identified(rendered_by_kubectl(overlay)) == identified(render(overlay))


def test_another_namespace_reaches_everything(tmp_path: Path) -> None:
    found = render(elsewhere(tmp_path))

    assert '"namespace": "daylily"' not in json.dumps(found)
    assert {one["metadata"]["name"] for one in found if one["kind"] == "Namespace"} == {"team-a"}


def test_the_overlay_of_the_documentation_is_a_dry_run(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(# my-overlay/.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    text = block.replace("../daylily/deploy", os.path.relpath(DEPLOY, tmp_path))
    (tmp_path / "kustomization.yaml").write_text(text)

    (container,) = (one for document in render(tmp_path) for one in containers(document))

    assert OPERATOR.make_context("operator", container["args"][1:]).params["dry_run"] is True


def test_only_the_cluster_wide_one_reaches_beyond_its_namespace() -> None:
    beyond = {name: kinds(render(folder)) & {"ClusterRole", "ClusterRoleBinding"} for name, folder in ENTRIES.items()}

    assert {name for name, found in beyond.items() if found} == {"cluster-wide"}


def test_a_customer_needs_no_role_where_there_is_a_cluster_role() -> None:
    roles = [one["metadata"]["name"] for one in render(ENTRIES["cluster-wide"]) if one["kind"] == "Role"]
    assert roles == ["daylily-reconcile-leader"]


def test_there_are_no_keys(manifests: list[Object]) -> None:
    assert "Secret" not in kinds(manifests)
    assert not KEYS.search(json.dumps(manifests))
    for container in (one for document in manifests for one in containers(document)):
        assert not {"env", "envFrom"} & container.keys(), "credentials are the pod's identity, settings are a file"


def test_pod_security_is_restricted(deployment: Object) -> None:
    """The rules of the Pod Security Standard that concern a pod without host paths and the like."""
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert {next(iter(volume.keys() - {"name"})) for volume in pod["volumes"]} == {"configMap", "emptyDir"}
    for container in containers(deployment):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_the_namespace_enforces_it(manifests: list[Object]) -> None:
    (namespace,) = (one for one in manifests if one["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_command_line_is_one_that_the_tool_takes(deployment: Object) -> None:
    (container,) = containers(deployment)
    command, *options = container["args"]

    context = OPERATOR.make_context(command, list(options))

    assert command == "operator"
    assert context.params["dry_run"] is False


def test_probes_and_metrics_are_asked_for_where_they_are_answered(deployment: Object) -> None:
    (container,) = containers(deployment)
    (listen,) = (one.default for one in OPERATOR.params if isinstance(one, click.Option) and one.name == "listen")
    assert f":{container['ports'][0]['containerPort']}" == listen
    assert {container[probe]["httpGet"]["port"] for probe in ("livenessProbe", "readinessProbe")} == {"metrics"}
    assert container["ports"][0]["name"] == "metrics"
    for policy in (one for one in render(ENTRIES["eks"]) if one["kind"] == "NetworkPolicy"):
        assert [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]] == [8080]


def test_a_pass_has_the_time_that_it_takes_to_end(deployment: Object) -> None:
    from controller.entrypoints.cluster_operator import LAST_PASS, LAST_WATCH

    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > LAST_PASS + LAST_WATCH + 5


def test_settings_are_valid_and_change_under_the_operator(manifests: list[Object], deployment: Object) -> None:
    """A folder is mounted, of a ConfigMap whose name stays: else a change would need another pod."""
    (container,) = containers(deployment)
    (option,) = (one for one in container["args"] if one.startswith("--settings="))
    folder, _, file = option.removeprefix("--settings=").rpartition("/")
    (mount,) = (one for one in container["volumeMounts"] if one["mountPath"] == folder)
    (volume,) = (one for one in deployment["spec"]["template"]["spec"]["volumes"] if one["name"] == mount["name"])
    (settings,) = (
        one["data"]
        for one in manifests
        if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", volume["configMap"]["name"])
    )
    assert "subPath" not in mount
    assert set(settings) == {file}


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("billing_config.yaml")), ids=lambda path: path.parent.name)
def test_settings_that_are_shipped_are_good(path: Path) -> None:
    loaded = load_settings(path, {}, {})
    assert render_text(loaded.diagnostics) == ""
    assert loaded.settings.controller_id == "default", "the name of the Lease in the Role depends on it"


def test_the_image_is_of_this_version(deployment: Object) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    (container,) = containers(deployment)
    assert container["image"].endswith(f"daylily-reconcile:{version}")
    assert f'image.version="{version}"' in (DEPLOY / "Dockerfile").read_text()
    assert f"-t daylily-reconcile:{version} " in (DEPLOY / "Dockerfile").read_text()


def test_there_is_always_one_more_than_the_one_that_may_be_missing() -> None:
    found = render(ENTRIES["high-availability"])
    (deployment,) = (one for one in found if one["kind"] == "Deployment")
    (budget,) = (one for one in found if one["kind"] == "PodDisruptionBudget")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["replicas"] - budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"]["matchLabels"] == labels
    for spread in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == labels
        assert spread["whenUnsatisfiable"] == "ScheduleAnyway"


def test_whoever_selects_the_pods_finds_them() -> None:
    found = render(ENTRIES["eks"])
    (deployment,) = (one for one in found if one["kind"] == "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    for document in found:
        match document["kind"]:
            case "NetworkPolicy":
                assert document["spec"]["podSelector"]["matchLabels"] == labels
            case "PodMonitor":
                assert document["spec"]["selector"]["matchLabels"] == labels


def elsewhere(tmp_path: Path) -> Path:
    """An overlay of one's own, in another namespace, with all components."""
    up = os.path.relpath(DEPLOY, tmp_path)
    names = sorted(path.name for path in (DEPLOY / "components").iterdir())
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "team-a",
        "resources": [f"{up}/base"],
        "components": [f"{up}/components/{name}" for name in names],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    return tmp_path


def rendered_by_kubectl(folder: Path) -> list[Object]:
    command = ["kubectl", "kustomize", str(folder)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return [*yaml.load_all(answer.stdout, yaml.CSafeLoader)]


def identified(documents: list[Object]) -> dict[Any, Object]:
    return {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in documents}


def kinds(documents: list[Object]) -> set[str]:
    return {one["kind"] for one in documents}
