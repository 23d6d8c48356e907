"""What the operator's token may do is what its rules say, and no more."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.access import OPERATOR, Rule, rules_of
from tests.cluster.answers import ApiError
from tests.cluster.client import MERGE_PATCH, Client
from tests.cluster.crds import ANIMALS, ANYONES, GROUP, OURS, animal
from tests.cluster.protocol import Object
from tests.cluster.server import FakeCluster

RULES: list[Rule] = [
    {"apiGroups": [GROUP], "resources": ["animals"], "verbs": ["get", "list", "patch"], "namespace": "default"},
    {"apiGroups": [GROUP], "resources": ["animals"], "verbs": ["delete"], "resourceNames": ["bella"]},
    {"apiGroups": [GROUP], "resources": ["animals/status"], "verbs": ["patch"]},
    {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]},
]


@pytest.fixture
def guarded() -> Iterator[FakeCluster]:
    with FakeCluster(crds=[ANIMALS], rules=RULES) as guarded:
        guarded.create(animal("bella"))
        yield guarded


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", OURS, True),
        ("GET", f"{OURS}/bella", True),
        ("GET", f"{OURS}?watch=true", False),
        ("GET", ANYONES, False),
        ("PATCH", f"{OURS}/bella", True),
        ("PATCH", f"{OURS}/bella/status", True),
        ("GET", f"{OURS}/bella/status", False),
        ("DELETE", f"{OURS}/bella", True),
        ("DELETE", f"{OURS}/clara", False),
        ("DELETE", OURS, False),
        ("POST", OURS, False),
        ("GET", "/api/v1/namespaces", False),
        ("GET", "/apis", True),
        ("GET", "/version", True),
    ],
)
def test_a_request_needs_a_rule_that_covers_it(guarded: FakeCluster, method: str, path: str, allowed: bool) -> None:
    client = Client(guarded.url, OPERATOR)
    body: Any = {} if method == "PATCH" else animal("clara") if method == "POST" else None
    form = MERGE_PATCH if method == "PATCH" else "application/json"
    if allowed:
        assert client.ask(method, path, body, form=form).code == 200
        return
    with pytest.raises(ApiError, match="403 Forbidden"):
        client.ask(method, path, body, form=form)


def test_a_refusal_says_who_may_not_do_what_and_where(guarded: FakeCluster) -> None:
    with pytest.raises(ApiError) as refused:
        Client(guarded.url, OPERATOR).get(ANYONES)
    assert refused.value.message == (
        'animals.farm.example.com is forbidden: User "operator" cannot list resource "animals" in API group '
        '"farm.example.com" at the cluster scope'
    )


def test_an_unknown_token_is_nobodys(guarded: FakeCluster) -> None:
    with pytest.raises(ApiError, match="401 Unauthorized"):
        Client(guarded.url, "stranger").get("/version")


def test_without_a_token_it_is_the_administrator(guarded: FakeCluster) -> None:
    assert Client(guarded.url).get(ANYONES)["items"]


@pytest.mark.parametrize(("verb", "allowed"), [("list", True), ("watch", False)])
def test_one_may_ask_what_one_may(guarded: FakeCluster, verb: str, allowed: bool) -> None:
    attributes = {"verb": verb, "group": GROUP, "resource": "animals", "namespace": "default"}
    for token, kind, spec in (
        (OPERATOR, "selfsubjectaccessreviews", {}),
        ("", "subjectaccessreviews", {"user": OPERATOR}),
    ):
        review = {"spec": {"resourceAttributes": attributes, **spec}}
        answer = Client(guarded.url, token).ask("POST", f"/apis/authorization.k8s.io/v1/{kind}", review)
        assert answer.document["status"] == {"allowed": allowed}


def test_rules_are_read_from_the_manifests_that_are_deployed() -> None:
    rule = {"apiGroups": [""], "resources": ["events"], "verbs": ["create"]}
    documents: list[Object] = [
        {"kind": "Role", "metadata": {"name": "a", "namespace": "barn"}, "rules": [rule]},
        {"kind": "ClusterRole", "metadata": {"name": "a"}, "rules": [{**rule, "verbs": ["list"]}]},
        {"kind": "ClusterRole", "metadata": {"name": "unbound"}, "rules": [{**rule, "verbs": ["*"]}]},
        {"kind": "RoleBinding", "metadata": {"namespace": "barn"}, "roleRef": {"kind": "Role", "name": "a"}},
        {"kind": "RoleBinding", "metadata": {"namespace": "shed"}, "roleRef": {"kind": "ClusterRole", "name": "a"}},
        {"kind": "ClusterRoleBinding", "metadata": {}, "roleRef": {"kind": "ClusterRole", "name": "a"}},
    ]
    assert [(rule["verbs"], rule["namespace"]) for rule in rules_of(documents)] == [
        (["create"], "barn"),
        (["list"], "shed"),
        (["list"], None),
    ]
