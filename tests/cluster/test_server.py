"""The fake API server as a server: what it says of itself, what it was asked, and its faults."""

import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.answers import ApiError
from tests.cluster.client import MERGE_PATCH, Client
from tests.cluster.crds import ANIMALS, GROUP, OURS, VERSION, animal
from tests.cluster.server import FakeCluster

CRD = ANIMALS["metadata"]["name"]


def listed(client: Client, path: str) -> dict[str, Any]:
    return {entry["name"]: entry for entry in client.get(path)["resources"]}


def test_what_is_built_in_is_discovered(client: Client) -> None:
    assert client.get("/version")["major"] == "1"
    assert client.get("/api")["versions"] == ["v1"]
    assert {"namespaces", "namespaces/status", "events", "configmaps", "secrets"} <= set(listed(client, "/api/v1"))
    groups = {group["name"] for group in client.get("/apis")["groups"]}
    assert {"apiextensions.k8s.io", "coordination.k8s.io", GROUP} <= groups
    assert "leases" in listed(client, "/apis/coordination.k8s.io/v1")


def test_a_crd_makes_its_resource_exist(client: Client) -> None:
    group = client.get(f"/apis/{GROUP}")
    assert group["preferredVersion"] == {"groupVersion": f"{GROUP}/{VERSION}", "version": VERSION}
    resources = listed(client, f"/apis/{GROUP}/{VERSION}")
    assert set(resources) == {"animals", "animals/status"}
    animals = resources["animals"]
    assert (animals["kind"], animals["singularName"], animals["namespaced"]) == ("Animal", "animal", True)
    assert (animals["shortNames"], animals["categories"]) == (["an"], ["farm"])
    assert {"create", "get", "list", "watch", "patch", "delete"} <= set(animals["verbs"])


@pytest.mark.parametrize("path", ["/readyz", "/livez", "/healthz"])
def test_it_says_that_it_is_well(client: Client, path: str) -> None:
    assert client.get(path) == "ok"


@pytest.mark.parametrize("path", ["/apis/nobody", "/apis/nobody/v1", "/api/v2", "/metrics"])
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    with pytest.raises(ApiError, match="404 NotFound"):
        client.get(path)


def test_open_api_describes_the_custom_resources(client: Client) -> None:
    root = f"apis/{GROUP}/{VERSION}"
    document = client.get(client.get("/openapi/v3")["paths"][root]["serverRelativeURL"])
    schema = document["components"]["schemas"]["com.example.farm.v1.Animal"]
    assert schema["properties"]["spec"]["properties"]["species"] == {"type": "string", "maxLength": 20}
    patch = document["paths"][f"/{root}/namespaces/{{namespace}}/animals/{{name}}"]["patch"]
    assert "fieldValidation" in {parameter["name"] for parameter in patch["parameters"]}


def test_every_request_is_logged_and_counted(farm: FakeCluster, client: Client) -> None:
    client.ask("POST", OURS, animal("bella"))
    client.ask("PATCH", f"{OURS}/bella", {"spec": {"legs": 3}}, form=MERGE_PATCH)
    client.ask("PATCH", f"{OURS}/bella/status", {"status": {}}, form=MERGE_PATCH)
    with pytest.raises(ApiError):
        client.get(f"{OURS}/clara")
    asked = [(asked.verb, asked.path, asked.subresource) for asked in farm.requests]
    assert asked == [
        ("create", OURS, ""),
        ("patch", f"{OURS}/bella", ""),
        ("patch", f"{OURS}/bella/status", "status"),
        ("get", f"{OURS}/clara", ""),
    ]
    assert farm.requests.count("patch", resource="animals") == 2
    assert farm.requests.count("patch", "create", subresource="", user_agent="tests", user="admin") == 2
    assert farm.answers == {201: 1, 200: 2, 404: 1}


def test_armed_refusals_meet_the_next_requests_that_fit(farm: FakeCluster, client: Client) -> None:
    farm.create(animal("bella"))
    farm.fail_next(2, verb="patch", path_contains="/bella", status=429, retry_after=3)
    client.get(f"{OURS}/bella")
    for _ in range(2):
        with pytest.raises(ApiError, match="429 TooManyRequests") as refused:
            client.ask("PATCH", f"{OURS}/bella", {"spec": {"legs": 3}}, form=MERGE_PATCH)
        assert refused.value.retry_after == 3
    assert "legs" not in farm.get("animals", "bella")["spec"], "what was refused was not done"
    client.ask("PATCH", f"{OURS}/bella", {"spec": {"legs": 3}}, form=MERGE_PATCH)


@pytest.mark.parametrize(
    ("status", "reason"), [(500, "InternalError"), (403, "Forbidden"), (503, "ServiceUnavailable")]
)
def test_a_refusal_has_the_usual_reason_of_its_status(
    farm: FakeCluster, client: Client, status: int, reason: str
) -> None:
    farm.fail_next(status=status)
    with pytest.raises(ApiError) as refused:
        client.get(OURS)
    assert (refused.value.code, refused.value.reason) == (status, reason)


def test_a_lost_answer_is_of_something_that_was_done(farm: FakeCluster, client: Client) -> None:
    farm.lose_next(verb="create")
    with pytest.raises(ConnectionError):
        client.ask("POST", OURS, animal("bella"))
    assert farm.get("animals", "bella")["spec"]["species"] == "cow"


def test_every_answer_may_be_late(farm: FakeCluster) -> None:
    impatient = Client(farm.url, timeout=0.1)
    farm.latency = 5
    with pytest.raises(TimeoutError):
        impatient.get("/version")
    farm.heal()
    assert impatient.get("/version")


def test_it_goes_down_and_comes_up_on_the_same_port(farm: FakeCluster, client: Client) -> None:
    with client.watch(OURS) as events:
        farm.down()
        assert list(events) == []
    with pytest.raises(ConnectionRefusedError):
        client.get("/version")
    farm.create(animal("bella"))
    farm.up()
    assert client.get(f"{OURS}/bella")["metadata"]["name"] == "bella"


def test_waiting_ends_when_the_object_is_as_awaited_or_the_time_is_over(farm: FakeCluster) -> None:
    farm.create(animal("bella"))
    assert farm.wait("animals", "bella", lambda found: found is not None)
    assert farm.wait("an", "clara", lambda found: found is None) is None
    with pytest.raises(TimeoutError, match=r"animals bella is not as awaited after 0\.01 s: {.*'species': 'cow'"):
        farm.wait("animals", "bella", lambda found: found is None, timeout=0.01)


def test_a_namespace_takes_along_what_is_in_it(farm: FakeCluster) -> None:
    farm.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "barn"}})
    held = animal("clara", namespace="barn")
    held["metadata"]["finalizers"] = ["a/b"]
    farm.create(animal("bella", namespace="barn"))
    farm.create(held)
    farm.delete("namespaces", "barn")
    assert [left["metadata"]["name"] for left in farm.list("animals", namespace="barn")] == ["clara"]
    assert farm.get("namespaces", "barn")["status"]["phase"] == "Terminating"
    with pytest.raises(ApiError, match=r"403 Forbidden: .*being terminated"):
        farm.create(animal("doris", namespace="barn"))
    farm.patch("animals", "clara", {"metadata": {"finalizers": None}}, namespace="barn")
    with pytest.raises(ApiError, match=r'404 NotFound: namespaces "barn" not found'):
        farm.get("namespaces", "barn")


def test_a_crd_takes_along_its_resource_and_its_objects(farm: FakeCluster, client: Client) -> None:
    held = animal("bella")
    held["metadata"]["finalizers"] = ["a/b"]
    farm.create(held)
    farm.create(animal("clara"))
    farm.delete("crd", CRD)
    assert [left["metadata"]["name"] for left in farm.list("animals")] == ["bella"]
    with client.watch(OURS) as events:
        farm.patch("animals", "bella", {"metadata": {"finalizers": None}})
        assert [event["type"] for event in events] == ["ADDED", "DELETED"], "and then the watch ends"
    with pytest.raises(ApiError, match="404 NotFound: the server could not find the requested resource"):
        client.get(OURS)
    assert farm.list("crd") == []
    farm.create(ANIMALS)
    assert client.get(OURS)["items"] == []


def test_a_crd_is_established_at_once(farm: FakeCluster) -> None:
    status = farm.get("crd", CRD)["status"]
    assert {told["type"]: told["status"] for told in status["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert status["storedVersions"] == [VERSION]


def test_the_versions_of_a_crd_show_the_same_objects(farm: FakeCluster, client: Client) -> None:
    farm.create(animal("bella"))
    crd = farm.get("crd", CRD)
    crd["spec"]["versions"].append({**deepcopy(crd["spec"]["versions"][0]), "name": "v2alpha1", "storage": False})
    farm.replace(crd)
    newer = client.get(f"{OURS.replace('/v1/', '/v2alpha1/')}/bella")
    assert newer == {**farm.get("animals", "bella"), "apiVersion": f"{GROUP}/v2alpha1"}
    assert client.get(f"/apis/{GROUP}")["preferredVersion"]["version"] == VERSION


def test_a_crd_has_its_own_rules(farm: FakeCluster) -> None:
    wrong = {**ANIMALS, "metadata": {"name": "beasts.farm.example.com"}}
    with pytest.raises(ApiError, match=r"422 Invalid: .*must be spec\.names\.plural"):
        farm.create(wrong)


def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    crd, kubeconfig = tmp_path / "crd.yaml", tmp_path / "kubeconfig"
    crd.write_text(yaml.safe_dump(ANIMALS))
    command = [sys.executable, "-m", "tests.cluster", "--kubeconfig", str(kubeconfig), "--crd", str(crd)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        items = Client(url).get(OURS)["items"]
        process.terminate()
    written = yaml.safe_load(kubeconfig.read_text())
    assert items == []
    assert written["clusters"][0]["cluster"] == {"server": url}
    assert process.returncode == 0
