"""What a custom resource's schema makes of an object: the hook, and a simple schema for where no better one is given.

Another one plugs in as `FakeCluster(schemas=...)`: anything callable with one entry of a CRD's `spec.versions` that
returns a `Schema`. `structural.Schema` knows defaults and rules, too, and takes some fifty times as long.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import jsonschema

from tests.cluster.protocol import Object


class Invalid(Exception):
    """An object that its schema refuses: (path of the field, message) of every error."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path}: {message}" for path, message in errors))
        self.errors = list(errors)


class Schema(Protocol):
    """One version of one custom resource."""

    def admit(self, object: Object, old: Object | None = None) -> Object:
        """The object as it is to be stored: pruned and defaulted. `old` is what is stored now, for transition rules.

        Changes neither of the two, and may return parts of them. Raises Invalid.
        """


SchemaOf = Callable[[Object], Schema]
"""From an entry of a CRD's `spec.versions`. Raises Invalid for one that cannot be a schema."""


def admitted(schema: Schema, object: Object, old: Object | None) -> Object:
    """What `schema` makes of an object. On an update, errors in what is as it was are let be.

    That is the server's ratcheting (on by default since 1.30): who adds a finalizer to an object, or writes its status,
    does not answer for a spec that was stored before its schema forbade it. A list counts as one value. Of an object
    that is let be nothing is pruned.
    """
    if old is not None and _content(object) == _content(old):
        return object
    try:
        return schema.admit(object, old)
    except Invalid as error:
        fresh = [(path, message) for path, message in error.errors if old is None or _differs(object, old, path)]
        if fresh:
            raise Invalid(fresh) from error
        return object


def _content(object: Object) -> Object:
    return {key: value for key, value in object.items() if key != "metadata"}


def _differs(object: Object, old: Object, path: str) -> bool:
    steps = path.partition("[")[0].split(".")
    now = _at(object, steps)
    return now is None or now != _at(old, steps)


def _at(value: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value


class SimpleSchema:
    """Prunes what openAPIV3Schema does not name and validates the rest as JSON Schema does.

    Knows no defaults and no x-kubernetes-* keyword but x-kubernetes-preserve-unknown-fields.
    """

    def __init__(self, version: Object) -> None:
        self._schema: Object = version.get("schema", {}).get("openAPIV3Schema") or _ANYTHING
        self._validator = jsonschema.Draft4Validator(_nullable(self._schema))

    def admit(self, object: Object, old: Object | None = None) -> Object:
        pruned: Object = _pruned(object, self._schema) | {key: object[key] for key in _OWN_FIELDS if key in object}
        errors = [(".".join(map(str, error.absolute_path)), error.message) for error in self._errors(pruned)]
        if errors:
            raise Invalid(errors)
        return pruned

    def _errors(self, object: Object) -> list[Any]:
        return sorted(self._validator.iter_errors(object), key=lambda error: list(map(str, error.absolute_path)))


class EventRules:
    """What the server asks of a core/v1 Event, which differs for those that carry an eventTime."""

    def admit(self, object: Object, old: Object | None = None) -> Object:
        errors = list(_event_errors(object))
        if errors:
            raise Invalid(errors)
        return object


def _event_errors(event: Object) -> Iterator[tuple[str, str]]:
    namespace, about = event["metadata"]["namespace"], event.get("involvedObject", {}).get("namespace", "")
    timed = bool(event.get("eventTime"))
    homes = ("default", "kube-system") if timed else ("default",)
    if not (namespace in homes if not about else timed or namespace == about):
        yield "involvedObject.namespace", f"Invalid value: {about!r}: does not match event.namespace"
    if timed:
        for field in ("reportingComponent", "reportingInstance", "action", "reason"):
            if not event.get(field):
                yield field, "Required value"
            elif field != "reportingComponent" and len(event[field]) > 128:
                yield field, "Invalid value: can have at most 128 characters"
        if len(event.get("message", "")) > 1024:
            yield "message", "Invalid value: can have at most 1024 characters"


_ANYTHING = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_OWN_FIELDS = ("apiVersion", "kind", "metadata")


def _pruned(value: Any, schema: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_pruned(item, schema.get("items", _ANYTHING)) for item in value]
    if not isinstance(value, dict):
        return value
    fields: Mapping[str, Any] = schema.get("properties", {})
    others = schema.get("additionalProperties")
    if others is None:
        others = _ANYTHING if schema.get("x-kubernetes-preserve-unknown-fields") else False
    if others is True:
        others = _ANYTHING
    return {
        key: _pruned(item, fields.get(key, others))
        for key, item in value.items()
        if key in fields or others is not False
    }


def _nullable(schema: Any) -> Any:
    """The schema with OpenAPI's `nullable` in JSON Schema's words, and int-or-string untyped."""
    if isinstance(schema, list):
        return [_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _nullable(item) for key, item in schema.items() if key not in ("nullable", "format")}
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        plain["type"] = [schema["type"], "null"]
    return plain
