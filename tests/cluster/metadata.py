"""The rules of writing one object: what a writer decides, what the server decides, and what may not change.

Pure functions of the object as it is and as it is wanted. They share with what they are given and never change it.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tests.cluster.answers import MODIFIED, ApiError, conflict, invalid
from tests.cluster.protocol import Object
from tests.cluster.resources import Resource

Errors = list[tuple[str, str]]

_FIELDS = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
)
"""In the order in which the server writes them. managedFields are not kept."""

_TYPES: dict[str, type] = {
    "labels": dict,
    "annotations": dict,
    "ownerReferences": list,
    "finalizers": list,
    "generation": int,
    "deletionGracePeriodSeconds": int,
}
"""All others are text."""

_SYSTEM = ("uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")
_ANNOTATIONS_LIMIT = 262_144
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_KEY_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")


def created(resource: Resource, wanted: Object, *, uid: str, now: str) -> Object:
    """The object as a creation stores it. A status sent along is dropped where it has an endpoint of its own."""
    if wanted["metadata"].get("resourceVersion"):
        raise ApiError(500, "resourceVersion should not be set on objects to be created", reason="")
    metadata = {key: value for key, value in wanted["metadata"].items() if key not in _SYSTEM}
    metadata |= {"uid": uid, "creationTimestamp": now}
    if resource.generations:
        metadata["generation"] = 1
    _check(resource, metadata, _metadata_errors(metadata))
    object = {**wanted, "metadata": _tidy(metadata)}
    if resource.status and resource.custom:
        object.pop("status", None)
    return object


def updated(resource: Resource, old: Object, wanted: Object) -> Object:
    """The object as a write to its main endpoint stores it, but for its generation."""
    check_types(wanted)
    before = old["metadata"]
    metadata = dict(wanted["metadata"])
    _check_version(resource, old, metadata)
    _keep_what_the_server_decides(before, metadata)
    _check(resource, metadata, [*_metadata_errors(metadata), *_changed_errors(before, metadata)])
    object = {**wanted, "metadata": metadata}
    if resource.status:
        object.pop("status", None)
        object |= {"status": old["status"]} if "status" in old else {}
    object["metadata"] = _tidy(metadata)
    return object


def next_generation(resource: Resource, object: Object, old: Object) -> Object:
    """The object, defaulted by now, with its generation, which rises when more than metadata and status changed."""
    if not resource.generations or _content(resource, object) == _content(resource, old):
        return object
    return {**object, "metadata": {**object["metadata"], "generation": old["metadata"]["generation"] + 1}}


def with_status(resource: Resource, old: Object, wanted: Object) -> Object:
    """The object as a write to its status endpoint stores it: nothing but the status is taken from what is wanted."""
    check_types(wanted)
    _check_version(resource, old, wanted["metadata"])
    object = {key: value for key, value in old.items() if key != "status"}
    return object | ({"status": wanted["status"]} if "status" in wanted else {})


def deleting(old: Object, *, now: str) -> Object:
    """The object while its finalizers hold it. Once marked it stays as it is."""
    before = old["metadata"]
    if "deletionTimestamp" in before:
        return old
    metadata = {**before, "deletionTimestamp": now, "deletionGracePeriodSeconds": 0}
    if "generation" in before:
        metadata["generation"] += 1
    return {**old, "metadata": _tidy(metadata)}


def check_types(object: Object) -> None:
    """400 where metadata is missing or a field of it is of the wrong type, as decoding would have it."""
    metadata = object.get("metadata")
    if not isinstance(metadata, dict):
        raise ApiError(400, "unable to decode: metadata must be an object")
    for field in _FIELDS:
        kind = _TYPES.get(field, str)
        value = metadata.get(field)
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        if value is not None and not isinstance(value, kind):
            raise ApiError(400, f"unable to decode: metadata.{field} must be of type {kind.__name__}")
        if field != "ownerReferences" and not all(isinstance(item, str) for item in inner):
            raise ApiError(400, f"unable to decode: metadata.{field} must hold strings")


def is_deleting(object: Object) -> bool:
    return "deletionTimestamp" in object["metadata"]


def _check_version(resource: Resource, old: Object, metadata: Object) -> None:
    version = metadata.get("resourceVersion")
    name = old["metadata"]["name"]
    if not version and not resource.blind_updates:
        _check(
            resource, metadata, [("metadata.resourceVersion", "Invalid value: 0x0: must be specified for an update")]
        )
    if version and version != old["metadata"]["resourceVersion"]:
        raise conflict(resource.group, resource.plural, name, MODIFIED)


def _keep_what_the_server_decides(before: Mapping[str, Any], metadata: Object) -> None:
    metadata["resourceVersion"] = before["resourceVersion"]
    metadata["creationTimestamp"] = before["creationTimestamp"]
    metadata.setdefault("uid", before["uid"])
    metadata.pop("generation", None)
    if "generation" in before:
        metadata["generation"] = before["generation"]
    if "deletionTimestamp" in before:
        metadata["deletionTimestamp"] = before["deletionTimestamp"]
        metadata["deletionGracePeriodSeconds"] = before["deletionGracePeriodSeconds"]


def _changed_errors(before: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in ("name", "namespace", "uid", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if metadata.get(field) != before.get(field):
            yield f"metadata.{field}", f"Invalid value: {metadata.get(field)!r}: field is immutable"
    new = set(metadata.get("finalizers") or ()) - set(before.get("finalizers") or ())
    if "deletionTimestamp" in before and new:
        yield (
            "metadata.finalizers",
            f"Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {new}",
        )


def _metadata_errors(metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    name = metadata["name"]
    if len(name) > 253 or not _NAME.fullmatch(name):
        yield "metadata.name", f"Invalid value: {name!r}: a lowercase RFC 1123 subdomain is needed"
    for key, value in (metadata.get("labels") or {}).items():
        if not _is_qualified(key):
            yield "metadata.labels", f"Invalid value: {key!r}: name part must consist of alphanumeric characters"
        if len(value) > 63 or not _LABEL_VALUE.fullmatch(value):
            yield "metadata.labels", f"Invalid value: {value!r}: a valid label is needed"
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        if not _is_qualified(key):
            yield "metadata.annotations", f"Invalid value: {key!r}: name part must consist of alphanumeric characters"
    if sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items()) > _ANNOTATIONS_LIMIT:
        yield "metadata.annotations", f"Too long: may not be more than {_ANNOTATIONS_LIMIT} bytes"


def _is_qualified(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    named = len(name) <= 63 and _KEY_NAME.fullmatch(name) is not None
    return named and (not slash or (len(prefix) <= 253 and _NAME.fullmatch(prefix) is not None))


def _content(resource: Resource, object: Object) -> Object:
    """What the generation counts the changes of."""
    apart = ("metadata", "status") if resource.status else ("metadata",)
    return {key: value for key, value in object.items() if key not in apart}


def _tidy(metadata: Object) -> Object:
    """In the server's order, without empty fields and without those that metadata does not have."""
    return {key: metadata[key] for key in _FIELDS if metadata.get(key) not in (None, "", [], {})}


def _check(resource: Resource, metadata: Mapping[str, Any], errors: Errors | Iterator[tuple[str, str]]) -> None:
    found = list(errors)
    if found:
        raise invalid(resource.group, resource.kind, metadata.get("name", ""), found)
