"""What people type: kubectl works on the fake cluster as on a real one."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.crds import ANIMALS, GROUP, animal
from tests.cluster.protocol import Object
from tests.cluster.server import FakeCluster
from tests.fakes import Clock

pytestmark = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")

Kubectl = Callable[..., str]


@pytest.fixture
def farm(clock: Clock) -> Iterator[FakeCluster]:
    """A farm on which the operator may only look at animals."""
    rule = {"apiGroups": [GROUP], "resources": ["animals"], "verbs": ["get", "list", "watch"]}
    with FakeCluster(crds=[ANIMALS], rules=[rule], clock=clock) as farm:
        yield farm


@pytest.fixture
def kubectl(farm: FakeCluster, tmp_path: Path) -> Kubectl:
    """Runs kubectl on the farm, with an object on its standard input, and returns what it prints."""

    def run(*arguments: str, given: Object | None = None, code: int = 0) -> str:
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "KUBECONFIG": str(farm.admin_kubeconfig)}
        done = subprocess.run(
            ["kubectl", *arguments],
            input=None if given is None else yaml.safe_dump(given),
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    return run


def test_apply_creates_configures_and_leaves_unchanged(farm: FakeCluster, kubectl: Kubectl) -> None:
    told = [kubectl("apply", "-f", "-", given=animal("bella", legs=legs)).split()[1] for legs in (4, 4, 3)]
    assert told == ["created", "unchanged", "configured"]
    kubectl("apply", "-f", "-", given=animal("bella"))
    assert farm.get("animals", "bella")["spec"] == {"species": "cow"}, "what was dropped is removed"


def test_apply_on_the_server_does_the_same(farm: FakeCluster, kubectl: Kubectl) -> None:
    for spec in ({"legs": 3, "names": {"a": "b"}}, {"names": {"a": "b"}}):
        told = kubectl("apply", "--server-side", "-f", "-", given=animal("bella", **spec))
        assert "serverside-applied" in told
    assert farm.get("animals", "bella")["spec"] == {"species": "cow", "names": {"a": "b"}}


def test_apply_of_a_wrong_manifest_says_what_is_wrong(kubectl: Kubectl) -> None:
    assert 'unknown field "spec.wings"' in kubectl("apply", "-f", "-", given=animal("bella", wings=2), code=1)
    assert "spec.legs" in kubectl("apply", "-f", "-", given=animal("bella", legs=-1), code=1)


def test_apply_creates_crds_and_namespaces(farm: FakeCluster, kubectl: Kubectl) -> None:
    kubectl("delete", "crd", "animals.farm.example.com")
    kubectl("apply", "-f", "-", given=ANIMALS)
    kubectl("wait", "--for=condition=Established", "crd/animals.farm.example.com", "--timeout=5s")
    kubectl("create", "namespace", "barn")
    kubectl("create", "configmap", "hours", "--from-literal=open=9", "-n", "barn")
    assert farm.get("configmaps", "hours", namespace="barn")["data"] == {"open": "9"}


def test_get_prints_the_printer_columns(farm: FakeCluster, clock: Clock, kubectl: Kubectl) -> None:
    clock.now = clock.now.replace(year=2026, month=1)
    farm.create(animal("bella", legs=4))
    farm.put_status("animals", "bella", {"conditions": [{"type": "Ready", "status": "True"}]})
    clock.advance(days=300)
    for name in ("animals", "an", "farm"):
        assert rows(kubectl("get", name)) == [["NAME", "READY", "LEGS", "AGE"], ["bella", "True", "4", "300d"]]
    assert rows(kubectl("get", "an", "-o", "wide"))[1] == ["bella", "True", "4", "300d", "cow"]
    assert rows(kubectl("get", "an", "-A"))[1][:2] == ["default", "bella"]
    assert json.loads(kubectl("get", "an", "bella", "-o", "json"))["spec"] == {"species": "cow", "legs": 4}


def rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()]


def test_describe_shows_the_object_and_its_events(farm: FakeCluster, kubectl: Kubectl) -> None:
    bella = farm.create(animal("bella"))
    farm.create(event_of(bella))
    told = kubectl("describe", "an", "bella")
    assert "Species:  cow" in told
    assert "gone to another farm" in told


def event_of(object: Object) -> Object:
    metadata = object["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": "e-", "namespace": metadata["namespace"]},
        "involvedObject": {
            "apiVersion": object["apiVersion"],
            "kind": object["kind"],
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        },
        "type": "Normal",
        "reason": "Left",
        "message": "gone to another farm",
        "source": {"component": "farm"},
        "firstTimestamp": "2026-11-22T06:00:00Z",
        "lastTimestamp": "2026-11-22T06:00:00Z",
    }


def test_patch_annotate_label_and_wait(farm: FakeCluster, kubectl: Kubectl) -> None:
    farm.create(animal("bella"))
    kubectl("patch", "an", "bella", "--type=merge", "-p", '{"spec":{"legs":3}}')
    kubectl("patch", "an", "bella", "--type=json", "-p", '[{"op":"replace","path":"/spec/species","value":"ox"}]')
    ready = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
    kubectl("patch", "an", "bella", "--subresource=status", "--type=merge", "-p", ready)
    kubectl("annotate", "an", "bella", "farm.example.com/seen=now")
    kubectl("label", "an", "bella", "barn=east")
    kubectl("wait", "--for=condition=Ready", "an/bella", "--timeout=5s")
    bella = farm.get("animals", "bella")
    assert bella["spec"] == {"species": "ox", "legs": 3}
    assert bella["metadata"]["annotations"] == {"farm.example.com/seen": "now"}
    assert rows(kubectl("get", "an", "-l", "barn=east"))[1][0] == "bella"


def test_delete_waits_for_the_finalizers(farm: FakeCluster, kubectl: Kubectl) -> None:
    held = animal("bella")
    held["metadata"]["finalizers"] = ["a/b"]
    farm.create(held)
    kubectl("delete", "an", "bella", "--wait=false")
    assert "timed out" in kubectl("wait", "--for=delete", "an/bella", "--timeout=100ms", code=1)
    farm.patch("animals", "bella", {"metadata": {"finalizers": None}})
    kubectl("wait", "--for=delete", "an/bella", "--timeout=5s")
    farm.create(animal("clara"))
    assert 'animal.farm.example.com "clara" deleted' in kubectl("delete", "an", "clara")


def test_get_watches_by_tables(farm: FakeCluster, kubectl: Kubectl, tmp_path: Path) -> None:
    farm.create(animal("bella", legs=4))
    command = ["kubectl", "get", "an", "-w"]
    environment = {**os.environ, "HOME": str(tmp_path), "KUBECONFIG": str(farm.admin_kubeconfig)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout
        header, first = watching.stdout.readline(), watching.stdout.readline()
        farm.eventually(lambda: farm.open_watches)
        farm.patch("animals", "bella", {"spec": {"legs": 3}})
        second = watching.stdout.readline()
        watching.terminate()
    assert header.split() == ["NAME", "READY", "LEGS", "AGE"]
    assert [line.split()[:2] for line in (first, second)] == [["bella", "4"], ["bella", "3"]]


def test_diff_shows_what_apply_would_change(farm: FakeCluster, kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=animal("bella", legs=4))
    before = farm.get("animals", "bella")
    kubectl("diff", "-f", "-", given=animal("bella", legs=4))
    kubectl("diff", "-f", "-", given=animal("bella", legs=3), code=1)
    assert farm.get("animals", "bella") == before


def test_explain_knows_the_schema(kubectl: Kubectl) -> None:
    assert "species" in kubectl("explain", "animal.spec")


def test_one_may_ask_what_one_and_others_may(kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "delete", "animals").strip() == "yes"
    assert kubectl("auth", "can-i", "list", "animals", "--as=operator").strip() == "yes"
    kubectl("auth", "can-i", "delete", "animals", "--as=operator", code=1)
    assert "cannot list" in kubectl("get", "crd", "--as=operator", code=1)
