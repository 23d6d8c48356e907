"""A real cluster, or whatever a kubeconfig leads to, behind the calls of `Cluster`."""

import json
import random
import string
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.cluster.access import OPERATOR, Rule
from tests.cluster.answers import ApiError, no_such_resource
from tests.cluster.client import JSON_PATCH, MERGE_PATCH, Client
from tests.cluster.discovery import release
from tests.cluster.kubeconfig import write_kubeconfig
from tests.cluster.protocol import ANYWHERE, Object

T = TypeVar("T")

PREFIX = "reconcile-test-"
"""Of the namespaces that are made, and removed, here."""
_CRDS = "customresourcedefinitions.apiextensions.k8s.io"
_RBAC = "rbac.authorization.k8s.io"
_PAUSE = 0.1


class RealCluster:
    """A `Cluster` from `with` to its end, with a namespace of its own, and these CRDs.

    At the end both are removed, with what is in them; where no controller of namespaces runs, as beside an API server
    alone, the namespace stays Terminating. A CRD that was there before is refused, not touched: it, and the
    objects of it, would be somebody's. `kubectl proxy` does the logging in.

    With `rules` the operator is a service account that may do these things in the namespace, wherever they say that
    they hold, and nothing else; without them it is who the tests are.
    """

    def __init__(self, kubeconfig: Path, *, crds: Iterable[Object] = (), rules: Iterable[Rule] | None = None) -> None:
        self.kubeconfig = self.admin_kubeconfig = kubeconfig
        self.namespace = PREFIX + "".join(random.choices(string.ascii_lowercase + string.digits, k=6))
        self._crds = tuple(crds)
        self._rules = None if rules is None else tuple(rules)
        self._made: list[Object] = []
        self._known: dict[str, _Place] = {}

    def __enter__(self) -> Self:
        self._files = tempfile.TemporaryDirectory(prefix="cluster-")
        self._proxy = subprocess.Popen(self._kubectl("proxy", "--port=0"), stdout=subprocess.PIPE, text=True)
        assert self._proxy.stdout
        self._client = Client("http://" + self._proxy.stdout.readline().split()[-1])
        try:
            self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
            for crd in self._crds:
                self._made.append(self.create(crd))
                self.wait(_CRDS, crd["metadata"]["name"], _is_established)
            if self._rules is not None:
                self.kubeconfig = self._let_operator(self._rules)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    @property
    def version(self) -> tuple[int, int]:
        return release(self._client.get("/version"))

    def create(self, object: Object, *, namespace: str | None = None) -> Object:
        place = self._place_of(object)
        where = namespace if namespace is not None else object["metadata"].get("namespace")
        return self._ask("POST", place.path(self._where(where)), object)

    def get(self, resource: str, name: str, *, namespace: str | None = None) -> Object:
        return self._ask("GET", self._path(resource, name, namespace))

    def list(self, resource: str, *, namespace: str | None = None, labels: str = "", fields: str = "") -> list[Object]:
        path = self._place(resource).path(self._where(namespace))
        answer = self._client.get(path, labelSelector=labels, fieldSelector=fields)
        kind = answer["kind"].removesuffix("List")
        return [{"apiVersion": answer["apiVersion"], "kind": kind, **item} for item in answer["items"]]

    def replace(self, object: Object) -> Object:
        metadata = object["metadata"]
        path = self._place_of(object).path(self._where(metadata.get("namespace")), metadata["name"])
        return self._ask("PUT", path, object)

    def patch(
        self,
        resource: str,
        name: str,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        *,
        namespace: str | None = None,
        subresource: str = "",
    ) -> Object:
        form = MERGE_PATCH if isinstance(patch, Mapping) else JSON_PATCH
        return self._ask("PATCH", self._path(resource, name, namespace, subresource), patch, form=form)

    def put_status(
        self, resource: str, name: str, status: Mapping[str, Any], *, namespace: str | None = None
    ) -> Object:
        object = self.get(resource, name, namespace=namespace)
        path = self._path(resource, name, namespace, "status")
        return self._ask("PUT", path, {**object, "status": dict(status)})

    def delete(self, resource: str, name: str, *, namespace: str | None = None) -> None:
        self._ask("DELETE", self._path(resource, name, namespace))

    def wait(
        self,
        resource: str,
        name: str,
        until: Callable[[Object | None], bool],
        *,
        namespace: str | None = None,
        timeout: float = 10,
    ) -> Object | None:
        deadline = time.monotonic() + timeout
        while not until(found := self._found(resource, name, namespace)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{resource} {name} is not as awaited after {timeout} s: {found}")
            time.sleep(_PAUSE)
        return found

    def eventually(self, look: Callable[[], T], *, timeout: float = 10) -> T:
        deadline = time.monotonic() + timeout
        while not (found := look()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not as awaited after {timeout} s: {found!r}")
            time.sleep(_PAUSE)
        return found

    def _kubectl(self, *arguments: str) -> Sequence[str]:
        return ["kubectl", "--kubeconfig", str(self.admin_kubeconfig), *arguments]

    def _let_operator(self, rules: Iterable[Rule]) -> Path:
        """Make its service account, which may do this. Gives its kubeconfig."""
        named = {"metadata": {"name": OPERATOR}}
        only = [{key: rule[key] for key in rule if key != "namespace"} for rule in rules]
        binding = {
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": OPERATOR},
            "subjects": [{"kind": "ServiceAccount", "name": OPERATOR, "namespace": self.namespace}],
        }
        self.create({"apiVersion": "v1", "kind": "ServiceAccount", **named})
        self.create({"apiVersion": f"{_RBAC}/v1", "kind": "Role", **named, "rules": only})
        self.create({"apiVersion": f"{_RBAC}/v1", "kind": "RoleBinding", **named, **binding})
        self.eventually(lambda: all(map(self._operator_may, only)))  # who is allowed what is told a moment later

        wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self._ask("POST", self._path("serviceaccounts", OPERATOR, None, "token"), wanted)["status"]["token"]
        known = subprocess.check_output(self._kubectl("config", "view", "--minify", "--flatten", "--raw", "-o", "json"))
        cluster, path = json.loads(known)["clusters"][0]["cluster"], Path(self._files.name) / "operator.yaml"
        write_kubeconfig(path, cluster=cluster, token=token, namespace=self.namespace)
        return path

    def _operator_may(self, rule: Rule) -> bool:
        """Whether the server knows of this rule by now."""
        resource, _, subresource = rule["resources"][0].partition("/")
        attributes = {
            "namespace": self.namespace,
            "verb": rule["verbs"][0],
            "group": rule["apiGroups"][0],
            "resource": resource,
            "subresource": subresource,
            "name": next(iter(rule.get("resourceNames", ())), ""),
        }
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "metadata": {},
            "spec": {"user": f"system:serviceaccount:{self.namespace}:{OPERATOR}", "resourceAttributes": attributes},
        }
        return bool(self.create(review)["status"]["allowed"])

    def _end(self) -> None:
        try:
            self._clean_up()
        finally:
            self._proxy.terminate()
            self._proxy.communicate()
            self._files.cleanup()

    def _clean_up(self) -> None:
        try:
            for crd in self._made:
                self._remove(crd)
        finally:
            if self._found("namespaces", self.namespace, None):
                self.delete("namespaces", self.namespace)

    def _remove(self, crd: Object) -> None:
        """A CRD, and its objects with no regard to their finalizers: whoever would remove those may be gone."""
        name, spec = crd["metadata"]["name"], crd["spec"]
        resource = f"{spec['names']['plural']}.{spec['group']}"
        for object in self._all(resource):
            metadata = object["metadata"]
            with _absent_is_fine():
                free = {"metadata": {"finalizers": None}}
                self.patch(resource, metadata["name"], free, namespace=metadata.get("namespace"))
        self.delete(_CRDS, name)
        self.wait(_CRDS, name, lambda found: found is None, timeout=60)

    def _all(self, resource: str) -> Sequence[Object]:
        """Everywhere; none of a resource that is not served, or not yet."""
        with _absent_is_fine():
            return self.list(resource, namespace=ANYWHERE)
        return ()

    def _ask(self, method: str, path: str, body: Any = None, **how: Any) -> Object:
        answer: Object = self._client.ask(method, path, body, **how).document
        return answer

    def _found(self, resource: str, name: str, namespace: str | None) -> Object | None:
        with _absent_is_fine():
            return self.get(resource, name, namespace=namespace)
        return None

    def _where(self, namespace: str | None) -> str:
        return self.namespace if namespace is None else namespace

    def _path(self, resource: str, name: str, namespace: str | None, subresource: str = "") -> str:
        return self._place(resource).path(self._where(namespace), name, subresource)

    def _place(self, resource: str) -> "_Place":
        return self._find(resource, lambda place: resource in place.names)

    def _place_of(self, object: Object) -> "_Place":
        api_version, kind = object["apiVersion"], object["kind"]
        return self._find(f"{api_version} {kind}", lambda place: (place.api_version, place.kind) == (api_version, kind))

    def _find(self, key: str, fits: Callable[["_Place"], bool]) -> "_Place":
        """Looked up in the cluster's discovery once."""
        if key not in self._known:
            found = next(filter(fits, self._discovered()), None)
            if found is None:
                raise no_such_resource()
            self._known[key] = found
        return self._known[key]

    def _discovered(self) -> Iterable["_Place"]:
        groups = self._client.get("/apis")["groups"]
        roots = ["/api/v1", *(f"/apis/{group['preferredVersion']['groupVersion']}" for group in groups)]
        for root in roots:
            try:
                listed = self._client.get(root)
            except ApiError:  # a group served by something that is away is not one that is asked for here
                continue
            for entry in listed["resources"]:
                if "/" not in entry["name"]:
                    yield _Place(root, listed["groupVersion"], entry["name"], entry["kind"], entry["namespaced"])


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the objects of a resource are."""

    root: str
    api_version: str
    plural: str
    kind: str
    namespaced: bool

    @property
    def names(self) -> tuple[str, str]:
        return self.plural, f"{self.plural}.{self.api_version.rpartition('/')[0]}"

    def path(self, namespace: str, *steps: str) -> str:
        inside = [f"namespaces/{namespace}"] if namespace and self.namespaced else []
        return "/".join([self.root, *inside, self.plural, *filter(None, steps)])


@contextmanager
def _absent_is_fine() -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        if error.code != 404:
            raise


def _is_established(crd: Object | None) -> bool:
    conditions = (crd or {}).get("status", {}).get("conditions") or ()  # null until the server has looked at it
    return any(told["type"] == "Established" and told["status"] == "True" for told in conditions)
