"""The calls of `Cluster` mean the same on the fake cluster and, through a kubeconfig, on any other."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.cluster.answers import ApiError
from tests.cluster.crds import ANIMALS, GROUP, animal
from tests.cluster.discovery import release
from tests.cluster.protocol import ANYWHERE, Cluster
from tests.cluster.real import RealCluster
from tests.cluster.server import FakeCluster
from tests.cluster.versions import RULES, SELECTABLE_FIELDS, needs

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["fake", "by kubeconfig"])
def either(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Either kind; what the kubeconfig leads to is the real cluster, where there is one, or else a fake one."""
    if request.param == "fake":
        with FakeCluster(crds=[ANIMALS]) as fake:
            yield fake
        return
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    if real := os.environ.get("CLUSTER_KUBECONFIG"):
        with RealCluster(Path(real), crds=[ANIMALS]) as cluster:
            yield cluster
        return
    with FakeCluster() as fake, RealCluster(fake.admin_kubeconfig, crds=[ANIMALS]) as cluster:
        yield cluster


def test_an_object_is_created_changed_and_deleted(either: Cluster) -> None:
    created = either.create(animal("bella", legs=4))
    assert created["metadata"]["namespace"] == either.namespace
    assert either.get("animals", "bella") == created

    either.patch("animals", "bella", {"spec": {"legs": 3}})
    either.patch("animals", "bella", [{"op": "add", "path": "/metadata/labels", "value": {"barn": "east"}}])
    put = either.put_status("animals", "bella", {"says": "moo"})
    either.patch("animals.farm.example.com", "bella", {"status": {"to": "all"}}, subresource="status")
    assert put["spec"]["legs"] == 3
    assert either.get("animals", "bella")["status"] == {"says": "moo", "to": "all"}

    replaced = either.replace({**either.get("animals", "bella"), "spec": {"species": "ox"}})
    assert replaced["metadata"]["generation"] == 3
    either.delete("animals", "bella")
    assert either.wait("animals", "bella", lambda found: found is None) is None


def test_objects_are_listed_by_namespace_and_selector(either: Cluster) -> None:
    for name, species in (("clara", "cow"), ("bella", "cow"), ("gruff", "goat")):
        object = animal(name, species)
        object["metadata"]["labels"] = {"first": name[0]}
        either.create(object)
    assert [item["metadata"]["name"] for item in either.list("animals")] == ["bella", "clara", "gruff"]
    assert [item["metadata"]["name"] for item in either.list("animals", labels="first=g")] == ["gruff"]
    assert len(either.list("animals", namespace=ANYWHERE)) == 3
    assert {item["kind"] for item in either.list("animals")} == {"Animal"}
    assert either.list("animals", namespace="kube-system") == []


def test_objects_are_listed_by_a_field_of_their_own(either: Cluster) -> None:
    needs(either, SELECTABLE_FIELDS, "fields to select by in a CRD")
    for name, species in (("bella", "cow"), ("clara", "cow"), ("gruff", "goat")):
        either.create(animal(name, species))
    assert [item["metadata"]["name"] for item in either.list("animals", fields="spec.species=cow")] == [
        "bella",
        "clara",
    ]


def test_refusals_are_errors_with_a_code_and_a_reason(either: Cluster) -> None:
    either.create(animal("bella"))
    with pytest.raises(ApiError) as twice:
        either.create(animal("bella"))
    with pytest.raises(ApiError) as absent:
        either.get("animals", "clara")
    with pytest.raises(ApiError) as wrong:
        either.patch("animals", "bella", {"spec": {"legs": -1}})
    with pytest.raises(ApiError) as unknown:
        either.list("plants")
    refused = [(error.value.code, error.value.reason) for error in (twice, absent, wrong, unknown)]
    assert refused == [(409, "AlreadyExists"), (404, "NotFound"), (422, "Invalid"), (404, "NotFound")]


def test_waiting_ends_with_what_was_seen_last(either: Cluster) -> None:
    either.create(animal("bella"))
    assert either.eventually(lambda: either.list("animals"))
    with pytest.raises(TimeoutError, match="animals bella is not as awaited"):
        either.wait("animals", "bella", lambda found: found is None, timeout=0.05)
    with pytest.raises(TimeoutError, match="not as awaited"):
        either.eventually(lambda: either.list("animals", labels="first=x"), timeout=0.05)


def test_customers_get_the_defaults_of_their_schema(cluster: Cluster) -> None:
    acme = yaml.safe_load((ROOT / "customers" / "acme.yaml").read_text())
    del acme["spec"]["deletionPolicy"]
    assert cluster.create(acme)["spec"]["deletionPolicy"] == "Retain"


def test_customers_are_admitted_by_the_rules_of_their_schema(cluster: Cluster) -> None:
    needs(cluster, RULES, "rules in a CRD")
    acme = yaml.safe_load((ROOT / "customers" / "acme.yaml").read_text())
    cluster.create(acme)
    with pytest.raises(ApiError, match=r"422 Invalid: .*another id is another customer"):
        cluster.patch("customers", acme["metadata"]["name"], {"spec": {"customerId": "cust_other1"}})


def test_a_cluster_by_kubeconfig_cleans_up_after_itself_and_touches_no_crd_of_others() -> None:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    with FakeCluster() as fake:
        with RealCluster(fake.admin_kubeconfig, crds=[ANIMALS]) as cluster:
            held = animal("bella")
            held["metadata"]["finalizers"] = ["a/b"]
            cluster.create(held)
            assert cluster.namespace in names(fake, "namespaces")
        assert cluster.namespace not in names(fake, "namespaces")
        assert names(fake, "crd") == []

        fake.create(ANIMALS)
        fake.create(animal("clara"))
        with pytest.raises(ApiError, match="already exists"), RealCluster(fake.admin_kubeconfig, crds=[ANIMALS]):
            pass
        assert names(fake, "animals") == ["clara"]
        assert "reconcile-test" not in str(names(fake, "namespaces"))


def test_a_cluster_by_kubeconfig_cleans_up_where_its_crd_is_never_served() -> None:
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    with FakeCluster() as fake:
        for unanswered in ("/customresourcedefinitions/", "/apis/farm.example.com"):
            fake.fail_next(verb="get", path_contains=unanswered, status=503)
        with pytest.raises(ApiError, match="503"), RealCluster(fake.admin_kubeconfig, crds=[ANIMALS]):
            pass
        assert names(fake, "crd") == []
        assert "reconcile-test" not in str(names(fake, "namespaces"))


def test_in_a_real_cluster_the_operator_may_do_what_its_rules_allow() -> None:
    real = os.environ.get("CLUSTER_KUBECONFIG")
    if not real:
        pytest.skip("the fake cluster makes no service accounts")
    rules = [{"apiGroups": [GROUP], "resources": ["animals"], "verbs": ["list"]}]
    with RealCluster(Path(real), crds=[ANIMALS], rules=rules) as cluster:
        assert (may(cluster, "list", "default"), may(cluster, "list"), may(cluster, "patch")) == (False, True, False)


def may(cluster: RealCluster, verb: str, namespace: str = "") -> bool:
    """Whether the operator may do this with animals; by default in its own namespace."""
    where = ["--namespace", namespace] if namespace else []
    command = ["kubectl", "--kubeconfig", str(cluster.kubeconfig), "auth", "can-i", verb, f"animals.{GROUP}", *where]
    return subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0


def test_a_test_is_skipped_where_kubernetes_is_older_than_what_it_is_about() -> None:
    with FakeCluster() as fake:
        needs(fake, fake.version, "what it has")
        with pytest.raises(pytest.skip.Exception, match=r"Kubernetes 1\.32 has no flying pigs, 2\.0 has"):
            needs(fake, (2, 0), "flying pigs")


@pytest.mark.parametrize("minor", ["32", "32+"])
def test_a_version_is_read_as_those_who_offer_clusters_write_it(minor: str) -> None:
    assert release({"major": "1", "minor": minor}) == (1, 32)


def names(cluster: Cluster, resource: str) -> list[str]:
    return [item["metadata"]["name"] for item in cluster.list(resource)]
