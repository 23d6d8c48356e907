"""The operator works with exactly the rights that deploy/ gives it: all that it uses, and none that it does not."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from controller.domain.custom_resource import GROUP, KIND, PLURAL, VERSION
from controller.entrypoints.cli import run
from controller.sandbox import Sandbox
from tests.cluster.access import OPERATOR, Rule, rules_of
from tests.cluster.server import FakeCluster
from tests.deploy.conftest import ENTRIES
from tests.deploy.kustomize import Object, containers, render
from tests.entrypoints.conftest import manifest

NAMESPACE = "daylily"

Right = tuple[str, str, str, str, str]
"""Where ("*" for everywhere), API group, resource, verb, and the name where it is only for one."""


@pytest.fixture
def aws(tmp_path: Path, local_environment: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    monkeypatch.chdir(tmp_path)
    where = {"LocationConstraint": "us-west-2"}
    local_environment.client("s3").create_bucket(Bucket="acme-bucket", CreateBucketConfiguration=where)
    local_environment.cost.sees_tag_keys("123456789012", ["daylily:customer_id", "daylily:cost_center"])
    assert run(["init", "--aws"]) == 0
    return local_environment


@pytest.mark.parametrize("name", ["base", "cluster-wide"])
def test_the_rights_are_those_that_the_operator_uses(name: str, aws: Sandbox, tmp_path: Path) -> None:
    manifests = render(ENTRIES[name])
    rules = rules_of(manifests)
    with FakeCluster(crds=[DEFINITION], rules=rules) as cluster:
        cluster.namespace = NAMESPACE
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        cluster.write_kubeconfig(cluster.kubeconfig, OPERATOR)
        with operator(manifests, cluster, tmp_path) as port:
            lead_a_life(cluster)
            assert [asked(port, path) for path in probes(manifests)] == [200, 200, 200]
        requests = [one for one in cluster.requests if one.user == OPERATOR and one.plural]
        assert set(cluster.answers) <= {200, 201, 404}, "404: the Lease, before it was made"
    used = {
        (
            "*" if name == "cluster-wide" and one.group != "coordination.k8s.io" else one.namespace,
            one.group,
            f"{one.plural}/{one.subresource}" if one.subresource else one.plural,
            one.verb,
            one.name if one.plural == "leases" else "",
        )
        for one in requests
    }
    assert used == {right for rule in rules for right in rights(rule)}


def lead_a_life(cluster: FakeCluster) -> None:
    """From its creation to its end."""
    cluster.create(manifest("acme", "acme-bucket", deletionPolicy="Delete"))
    cluster.wait("customers", "acme", is_ready, timeout=30)
    cluster.patch("customers", "acme", {"spec": {"budget": {"monthlyLimit": 700}}})
    cluster.eventually(lambda: [one for one in cluster.list("events") if "700.00" in one["message"]], timeout=30)
    cluster.delete("customers", "acme")
    cluster.wait("customers", "acme", lambda found: found is None, timeout=30)
    assert {one["reason"] for one in cluster.list("events")} == {"Applied", "Removed"}


def is_ready(found: Object | None) -> bool:
    conditions = found.get("status", {}).get("conditions", ()) if found else ()
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)


@contextmanager
def operator(manifests: list[Object], cluster: FakeCluster, folder: Path) -> Iterator[int]:
    """The operator as the Deployment runs it, but for where its settings are and which port is free. Gives the port."""
    (container,) = (one for document in manifests for one in containers(document))
    (settings,) = (one["data"] for one in manifests if one["kind"] == "ConfigMap")
    for file, text in settings.items():
        (folder / file).write_text(text)
    arguments = [one.replace("/etc/daylily", str(folder)) for one in container["args"]]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [sys.executable, "-c", NAMELESS, *arguments, f"--listen=127.0.0.1:{port}"]
    process = subprocess.Popen(command, env={**os.environ, "KUBECONFIG": str(cluster.kubeconfig)})
    try:
        yield port
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()


def probes(manifests: list[Object]) -> list[str]:
    (container,) = (one for document in manifests for one in containers(document))
    return [container["livenessProbe"]["httpGet"]["path"], container["readinessProbe"]["httpGet"]["path"], "/metrics"]


def asked(port: int, path: str) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        status: int = answer.status
        return status


def rights(rule: Rule) -> Iterator[Right]:
    for group in rule["apiGroups"]:
        for resource in rule["resources"]:
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames", [""]) if verb != "create" else [""]:
                    yield rule["namespace"] or "*", group, resource, verb, name


NAMELESS = """
import getpass, sys
def getuser(): raise KeyError("getpwuid(): uid not found: 65532")
getpass.getuser = getuser
from controller.entrypoints.cli import run
sys.exit(run(sys.argv[1:]))
"""
"""`reconcile`, as under the mere number that the image's user is."""

DEFINITION: Object = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"{PLURAL}.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"plural": PLURAL, "singular": KIND.lower(), "kind": KIND},
        "versions": [
            {
                "name": VERSION,
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
"""Of customers, whatever they say: what the schema refuses is another matter."""
