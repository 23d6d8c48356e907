"""What the controllers of a real cluster do: namespaces and CRDs take what is in them along when they are deleted.

Done at once here, within the write that causes it, where a real cluster takes a moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.cluster.admission import Invalid
from tests.cluster.answers import ApiError, full_name, invalid, not_found
from tests.cluster.metadata import is_deleting
from tests.cluster.protocol import Object
from tests.cluster.resources import CRDS, NAMESPACES, Resource, Resources
from tests.cluster.storage import place

if TYPE_CHECKING:
    from tests.cluster.objects import Objects

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


class Lifecycles:
    """Is told of every write, and answers what the write of a namespace or a CRD is to bring about."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def check_namespace(self, resource: Resource, namespace: str) -> None:
        """Nothing is created in a namespace that is absent or on its way out."""
        if not resource.namespaced:
            return
        found = self._objects.store.shelf(NAMESPACES.shelf).get("", namespace)
        if found is None:
            raise not_found("", "namespaces", namespace)
        if is_deleting(found.object):
            raise ApiError(
                403,
                f"{full_name(resource.group, resource.plural)} is forbidden: unable to create new content in namespace "
                f"{namespace} because it is being terminated",
                details={"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]},
            )

    def prepared(self, resource: Resource, object: Object, old: Object | None = None) -> Object:
        """The object with what the server itself adds to a namespace or a CRD."""
        if resource is NAMESPACES and old is None:
            labels = {**object["metadata"].get("labels", {}), "kubernetes.io/metadata.name": object["metadata"]["name"]}
            return {
                **object,
                "metadata": {**object["metadata"], "labels": labels},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            }
        if resource is CRDS:
            _check_crd(object, self._objects.resources)
            return {**object, "status": self._crd_status(object, old)}
        return object

    def marked(self, resource: Resource, object: Object) -> Object:
        """The object that is being deleted, with the signs of it."""
        if resource is NAMESPACES:
            return {**object, "status": {**object["status"], "phase": "Terminating"}}
        if resource is CRDS and self._instances(object):
            finalizers = {*object["metadata"].get("finalizers", ()), CLEANUP}
            return {**object, "metadata": {**object["metadata"], "finalizers": sorted(finalizers)}}
        return object

    def is_held(self, resource: Resource, object: Object) -> bool:
        """Whether an object that is being deleted has to stay for now."""
        if resource is NAMESPACES and self._contents(object["metadata"]["name"]):
            return True
        return bool(object["metadata"].get("finalizers"))

    def pursue(self, resource: Resource, object: Object) -> None:
        """Delete what is in an object that is being deleted."""
        if resource is NAMESPACES:
            namespace = object["metadata"]["name"]
            for inside in self._contents(namespace):
                self._objects.delete_all(inside, namespace)
        if resource is CRDS:
            for served in self._instances(object):
                self._objects.delete_all(served, "")

    def written(self, resource: Resource, object: Object) -> None:
        if resource is CRDS:
            self._objects.resources.serve(object)

    def removed(self, resource: Resource, last: Object) -> None:
        """An object is gone: so may be what waited for it."""
        if resource is CRDS:
            self._objects.resources.forget(last)
            self._objects.store.take_away((last["spec"]["group"], last["spec"]["names"]["plural"]))
        namespace, _ = place(last)
        self._finish_namespace(namespace)
        if resource.custom:
            self._finish_crd(resource)

    def _finish_namespace(self, namespace: str) -> None:
        found = self._objects.store.shelf(NAMESPACES.shelf).get("", namespace)
        if found and is_deleting(found.object) and not self._contents(namespace):
            self._objects.delete(NAMESPACES, "", namespace)

    def _finish_crd(self, resource: Resource) -> None:
        name = full_name(resource.group, resource.plural)
        found = self._objects.store.shelf(CRDS.shelf).get("", name)
        if found and CLEANUP in found.object["metadata"].get("finalizers", ()) and not self._instances(found.object):
            others = [held for held in found.object["metadata"]["finalizers"] if held != CLEANUP]
            self._objects.merge(CRDS, "", name, {"metadata": {"finalizers": others}})

    def _contents(self, namespace: str) -> list[Resource]:
        """The resources that have objects in a namespace, one version of each."""
        served = {known.shelf: known for known in self._objects.resources if known.namespaced}
        return [known for shelf, known in served.items() if self._objects.store.shelf(shelf).namespaces.get(namespace)]

    def _instances(self, crd: Object) -> list[Resource]:
        """The resource that a CRD defines, where it has objects."""
        shelf = (crd["spec"]["group"], crd["spec"]["names"]["plural"])
        served = [known for known in self._objects.resources if known.shelf == shelf]
        return [] if self._objects.store.shelf(shelf).is_empty() else served[:1]

    def _crd_status(self, object: Object, old: Object | None) -> Object:
        names = dict(object["spec"]["names"])
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
        since = old["status"]["conditions"][0]["lastTransitionTime"] if old else self._objects.now()
        conditions = [
            {"type": "NamesAccepted", "reason": "NoConflicts", "message": "no conflicts found"},
            {
                "type": "Established",
                "reason": "InitialNamesAccepted",
                "message": "the initial names have been accepted",
            },
        ]
        storage = next(version["name"] for version in object["spec"]["versions"] if version["storage"])
        stored = old["status"]["storedVersions"] if old else []
        return {
            "conditions": [{**told, "status": "True", "lastTransitionTime": since} for told in conditions],
            "acceptedNames": names,
            "storedVersions": stored if storage in stored else [*stored, storage],
        }


def _check_crd(crd: Object, resources: Resources) -> None:
    name, spec = crd["metadata"]["name"], crd.get("spec", {})
    missing = [field for field in ("group", "names", "scope", "versions") if not spec.get(field)]
    errors = [(f"spec.{field}", "Required value") for field in missing]
    if not errors and name != f"{spec['names']['plural']}.{spec['group']}":
        errors.append(("metadata.name", f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'))
    if not errors and sum(version["storage"] for version in spec["versions"]) != 1:
        errors.append(("spec.versions", "Invalid value: must have exactly one version marked as storage version"))
    try:
        if not errors:
            resources.defined_by(crd)
    except Invalid as error:
        errors += error.errors
    if errors:
        raise invalid(CRDS.group, CRDS.kind, name, errors)
