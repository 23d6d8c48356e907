"""The verbs of the API server upon its objects, without HTTP: create, get, list, replace, patch, apply, delete."""

import base64
import json
import random
import uuid
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.cluster.admission import Invalid, admitted
from tests.cluster.answers import ApiError, already_exists, conflict, expired, invalid, not_found
from tests.cluster.lifecycles import Lifecycles
from tests.cluster.metadata import check_types, created, deleting, is_deleting, next_generation, updated, with_status
from tests.cluster.patches import apply_patch, json_patch, merge_patch
from tests.cluster.protocol import Object
from tests.cluster.resources import Resource, Resources
from tests.cluster.selectors import Selector
from tests.cluster.storage import Store, Stored, place

STATUS = "status"
_GENERATED = "bcdfghjklmnpqrstvwxz2456789"


def _accept(unknown: list[str]) -> None:
    """Let fields be pruned without a word."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to write: to which subresource; whether past the schema; whether at all.

    `pruned` is called, before anything is written, with the paths of the fields that the schema does not know.
    """

    subresource: str = ""
    admit: bool = True
    dry_run: bool = False
    pruned: Callable[[list[str]], None] = _accept


USUAL = Options()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: as of which version, and how to ask for the next one ("" after the last)."""

    items: list[Stored]
    version: int
    more: str = ""
    remaining: int | None = None


class Objects:
    """Every method raises ApiError for what the server refuses. Not thread-safe: for one thread, or one event loop."""

    def __init__(self, store: Store, resources: Resources, clock: Callable[[], datetime]) -> None:
        self.store = store
        self.resources = resources
        self._clock = clock
        self._lifecycles = Lifecycles(self)
        self._applied: dict[tuple[str, str], Object] = {}
        """What each field manager applied last, by the object's uid and the manager's name."""

    def now(self) -> str:
        return self._clock().strftime("%Y-%m-%dT%H:%M:%SZ")

    def get(self, resource: Resource, namespace: str, name: str) -> Stored:
        found = self.store.shelf(resource.shelf).get(namespace, name)
        if found is None:
            raise not_found(resource.group, resource.plural, name)
        return found

    def page(
        self, resource: Resource, namespace: str, selected: Selector | None = None, *, limit: int = 0, more: str = ""
    ) -> Page:
        """All pages of one list show one moment. 410 where that moment is forgotten."""
        shelf = self.store.shelf(resource.shelf)
        if more:
            version, start = _opened(more)
            items = shelf.snapshot(version)
            items = items[bisect_right(items, start, key=lambda stored: place(stored.object)) :]
        else:
            version = self.store.version
            items = shelf.all(namespace)
        if more and namespace:
            items = [stored for stored in items if stored.object["metadata"].get("namespace") == namespace]
        if selected:
            items = [stored for stored in items if selected(stored.object)]
        if not limit or len(items) <= limit:
            return Page(items, version)
        if not more:
            shelf.keep_snapshot(version)
        page = items[:limit]
        remaining = None if selected else len(items) - limit
        return Page(page, version, _continuation(version, place(page[-1].object)), remaining)

    def create(self, resource: Resource, namespace: str, wanted: Object, options: Options = USUAL) -> Stored:
        wanted = self._addressed(resource, namespace, wanted)
        self._lifecycles.check_namespace(resource, namespace)
        name = wanted["metadata"]["name"]
        if self.store.shelf(resource.shelf).get(namespace, name):
            raise already_exists(resource.group, resource.plural, name)
        object = created(resource, wanted, uid=str(uuid.uuid4()), now=self.now())
        object = self._lifecycles.prepared(resource, object)
        object = _admitted(resource, object, None, options)
        return self._put(resource, object, options)

    def replace(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        wanted: Object,
        options: Options = USUAL,
    ) -> Stored:
        old = self.store.shelf(resource.shelf).get(namespace, name)
        if old is None and resource.put_creates:
            return self.create(resource, namespace, wanted, options)
        if old is None:
            raise not_found(resource.group, resource.plural, name)
        wanted = self._addressed(resource, namespace, wanted)
        if wanted["metadata"]["name"] != name:
            raise ApiError(
                400,
                f"the name of the object ({wanted['metadata']['name']}) does not match the name on the URL ({name})",
            )
        uid = wanted["metadata"].get("uid", old.object["metadata"]["uid"])
        _check_preconditions(resource, old.object, {"uid": uid})
        return self._update(resource, old, wanted, options)

    def merge(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Any,
        options: Options = USUAL,
    ) -> Stored:
        if not isinstance(patch, dict):
            raise ApiError(400, "a merge patch must be an object")
        old = self.get(resource, namespace, name)
        return self._update(resource, old, merge_patch(old.object, patch), options)

    def json_patch(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: Any,
        options: Options = USUAL,
    ) -> Stored:
        old = self.get(resource, namespace, name)
        return self._update(resource, old, json_patch(old.copy(), operations), options)

    def apply(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        wanted: Object,
        manager: str,
        options: Options = USUAL,
    ) -> Stored:
        """Server-side apply, roughly: see `apply_patch`."""
        if not manager:
            raise ApiError(422, "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value")
        wanted = self._addressed(resource, namespace, wanted)
        old = self.store.shelf(resource.shelf).get(namespace, name)
        if old is None:
            stored = self.create(resource, namespace, wanted, options)
        else:
            before = self._applied.get((old.object["metadata"]["uid"], manager), {})
            patched = apply_patch(old.object, wanted, before)
            stored = self._update(resource, old, patched, options)
        if not options.dry_run and not options.subresource:
            self._applied[stored.object["metadata"]["uid"], manager] = wanted
        return stored

    def delete(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        *,
        preconditions: Object | None = None,
        options: Options = USUAL,
    ) -> Stored | None:
        """What is left of the object: None once it is gone."""
        old = self.get(resource, namespace, name)
        _check_preconditions(resource, old.object, preconditions or {})
        marked = self._lifecycles.marked(resource, deleting(old.object, now=self.now()))
        if self._lifecycles.is_held(resource, marked):
            kept = self._put(resource, marked, options) if marked != old.object else old
            if not options.dry_run:
                self._lifecycles.pursue(resource, marked)
            return self.store.shelf(resource.shelf).get(namespace, name) or kept
        if not options.dry_run:
            self._remove(resource, namespace, name)
        return None

    def delete_all(
        self, resource: Resource, namespace: str, selected: Selector | None = None, options: Options = USUAL
    ) -> list[Stored]:
        """deletecollection: what was there."""
        found = self.page(resource, namespace, selected).items
        for stored in found:
            self.delete(resource, *place(stored.object), options=options)
        return found

    def _update(self, resource: Resource, old: Stored, wanted: Object, options: Options) -> Stored:
        _check_type(resource, wanted)
        rules = with_status if options.subresource == STATUS else updated
        object = _admitted(resource, rules(resource, old.object, wanted), old.object, options)
        object = next_generation(resource, object, old.object)
        object = self._lifecycles.prepared(resource, object, old.object)
        if is_deleting(object) and not self._lifecycles.is_held(resource, object):
            if not options.dry_run:
                self._remove(resource, *place(old.object))
            return Stored(object)
        if object == old.object:
            return old
        return self._put(resource, object, options)

    def _put(self, resource: Resource, object: Object, options: Options) -> Stored:
        if options.dry_run:
            return Stored(object)
        stored = self.store.put(resource.shelf, object)
        self._lifecycles.written(resource, stored.object)
        return stored

    def _remove(self, resource: Resource, namespace: str, name: str) -> None:
        last = self.get(resource, namespace, name).object
        self.store.remove(resource.shelf, namespace, name)
        self._lifecycles.removed(resource, last)

    def _addressed(self, resource: Resource, namespace: str, wanted: Any) -> Object:
        """The object with the type, namespace and name that the URL gives it. 400 where it says otherwise."""
        if isinstance(wanted, dict) and not resource.custom:
            wanted = {"apiVersion": resource.api_version, "kind": resource.kind, **wanted}
        _check_type(resource, wanted)
        check_types(wanted)
        metadata = dict(wanted["metadata"])
        if (metadata.get("namespace") or namespace) != namespace:
            raise ApiError(
                400,
                "the namespace of the provided object does not match the namespace sent on the request",
            )
        if resource.namespaced:
            metadata["namespace"] = namespace
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(random.choices(_GENERATED, k=5))
        if not metadata.get("name"):
            error = ("metadata.name", "Required value: name or generateName is required")
            raise invalid(resource.group, resource.kind, "", [error])
        return {**wanted, "metadata": metadata}


def _admitted(resource: Resource, object: Object, old: Object | None, options: Options) -> Object:
    if resource.schema is None or not options.admit:
        return object
    try:
        kept = admitted(resource.schema, object, old)
        if unknown := list(_unknown(object, kept)):
            options.pruned(unknown)
        return kept
    except Invalid as error:
        raise invalid(resource.group, resource.kind, object["metadata"]["name"], error.errors) from error


def _unknown(wanted: Any, kept: Any, path: str = "") -> Iterator[str]:
    """The paths of what was pruned."""
    if isinstance(wanted, dict) and isinstance(kept, dict):
        for key, value in wanted.items():
            if key not in kept:
                yield f"{path}{key}"
            elif value is not kept[key]:
                yield from _unknown(value, kept[key], f"{path}{key}.")
    if isinstance(wanted, list) and isinstance(kept, list):
        for index, pair in enumerate(zip(wanted, kept, strict=False)):
            yield from _unknown(*pair, f"{path.rstrip('.')}[{index}].")


def _check_type(resource: Resource, object: Any) -> None:
    if not isinstance(object, dict):
        raise ApiError(400, "the body of the request is not an object")
    if (object.get("apiVersion"), object.get("kind")) != (resource.api_version, resource.kind):
        raise ApiError(
            400,
            f"the object provided is {object.get('apiVersion')!r}, {object.get('kind')!r}, and "
            f"{resource.api_version!r}, {resource.kind!r} is expected",
        )


def _check_preconditions(resource: Resource, object: Object, preconditions: Object) -> None:
    for field, title in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted, found = preconditions.get(field), object["metadata"].get(field)
        if wanted and wanted != found:
            why = f"Precondition failed: {title} in precondition: {wanted}, {title} in object meta: {found}"
            raise conflict(resource.group, resource.plural, object["metadata"]["name"], why)


def _continuation(version: int, last: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, *last]).encode()).decode()


def _opened(more: str) -> tuple[int, tuple[str, str]]:
    try:
        version, namespace, name = json.loads(base64.urlsafe_b64decode(more))
    except ValueError:
        raise ApiError(400, "continue key is not valid") from None
    if not isinstance(version, int):
        raise expired("continue key is not valid")
    return version, (namespace, name)
