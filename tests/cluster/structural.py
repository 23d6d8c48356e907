"""What an API server does with a custom resource by the schema of its definition: prune, default, validate.

Written after k8s.io/apiextensions-apiserver 0.36: what is unknown goes, null goes where the schema does not take it,
defaults come in, and then the schema, the keyed lists and the CEL rules decide. Patterns and rules are run by a CEL
library whose regular expressions are linear like RE2: no look-around, `$` is the end of the text only.

Left out: metadata, which is the server's own business; ratcheting, which is admission's; the limits on the cost of
rules. A number with a point is no integer here; a real server takes 50.0 in places, and kubectl never sends it. A
moment within a day of the ends of the calendar, the years 1 and 9999, may pass here and not there.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import cel
import jsonschema

from tests.cluster.admission import Invalid

Node = Mapping[str, Any]
Found = tuple[str, str]
_EMBEDDED = ("apiVersion", "kind", "metadata")


class Schema:
    """The schema of one version of a definition, an entry of its `spec.versions`."""

    def __init__(self, crd_version: Node) -> None:
        self._root: Node = crd_version["schema"]["openAPIV3Schema"]
        self._validator = _Validator(self._root)

    def admit(self, object: Any, old: Any = None) -> Any:
        """`object` as it would be stored, itself left as it is. `old`: what an update replaces.

        Raises Invalid with errors like `("spec.budget.alerts[0].emails", "are given, but ...")`.
        Rules are not run on what breaks the schema: an API server says so, too, and tells the rest the next time.
        """
        admitted = copy.deepcopy(object)
        if isinstance(admitted, dict):
            embedded = {name: admitted.pop(name) for name in _EMBEDDED if name in admitted}
            _prune(admitted, self._root)
            _default(admitted, self._root)
            admitted = {**embedded, **admitted}
        errors = [*self._broken(admitted), *_repeated(admitted, self._root, "")]
        if errors := errors or list(_violations(admitted, old, self._root, "")):
            raise Invalid(sorted(errors))
        return admitted

    def _broken(self, admitted: Any) -> Iterator[Found]:
        for error in self._validator.iter_errors(admitted):
            steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
            yield "".join(steps).lstrip("."), error.message


def _pattern(validator: Any, pattern: str, value: Any, _: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(value, str) and not _matches(value, pattern):
        yield jsonschema.ValidationError(f"{value!r} should match {pattern!r}")


@lru_cache(maxsize=10_000)
def _matches(text: str, pattern: str) -> bool:
    return cel.evaluate("text.matches(pattern)", {"text": text, "pattern": pattern}) is True


_Validator = jsonschema.validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft4Validator, {"pattern": _pattern}
)
"""Draft 4 is the one that OpenAPI 3.0 is made from: `exclusiveMinimum` is true or false."""


def _prune(value: Any, node: Node) -> None:
    if isinstance(value, list):
        for inner in value:
            _prune(inner, node.get("items", {}))
    if not isinstance(value, dict) or node.get("x-kubernetes-preserve-unknown-fields"):
        return
    for name in list(value):
        field = _field(node, name)
        if field is None or (_is_no_value(value[name], field) and "default" not in field):
            del value[name]
        else:
            _prune(value[name], field)


def _default(value: Any, node: Node) -> None:
    if isinstance(value, list):
        for inner in value:
            _default(inner, node.get("items", {}))
    if not isinstance(value, dict):
        return
    for name, field in node.get("properties", {}).items():
        if "default" in field and (name not in value or _is_no_value(value[name], field)):
            value[name] = copy.deepcopy(field["default"])
    for name, inner in value.items():
        _default(inner, _field(node, name) or {})


def _field(node: Node, name: str) -> Node | None:
    """The schema of a field: its own, or that of all free keys; None where it is unknown."""
    free = node.get("additionalProperties")
    found: Node | None = node.get("properties", {}).get(name, {} if free is True else free or None)
    return found


def _is_no_value(value: Any, field: Node) -> bool:
    return value is None and not field.get("nullable")


def _repeated(value: Any, node: Node, path: str) -> Iterator[Found]:
    """Entries of sets and of keyed lists that stand there twice."""
    seen: list[Any] = []
    for _, inner, field, here in _inside(value, node, path):
        if isinstance(value, list) and node.get("x-kubernetes-list-type") in ("set", "map"):
            identity = _identity(inner, node)
            if identity in seen:
                yield here, "Duplicate value"
            seen.append(identity)
        yield from _repeated(inner, field, here)


def _identity(entry: Any, node: Node) -> Any:
    keys = node.get("x-kubernetes-list-map-keys")
    return [entry.get(key) for key in keys] if keys and isinstance(entry, dict) else entry


def _violations(value: Any, old: Any, node: Node, path: str) -> Iterator[Found]:
    """Rules that do not hold. A rule about the old value is run where there is one; none of ours is inside a list."""
    for rule in node.get("x-kubernetes-validations", ()):
        of_change = re.search(r"\boldSelf\b", rule["rule"])
        problem = None if of_change and old is None else _problem(rule["rule"], value, old)
        if problem is not None:
            yield f"{path}{rule.get('fieldPath', '')}", f"{rule['message']}{problem}"
    for key, inner, field, here in _inside(value, node, path):
        before = old.get(key) if isinstance(old, dict) else None
        yield from _violations(inner, before, field, here)


def _problem(rule: str, value: Any, old: Any) -> str | None:
    """None where the rule holds, else what came in its way, if anything did."""
    context = cel.Context(variables={"self": value, "oldSelf": old}, functions=_EXTENSIONS)
    try:
        return None if _program(rule).execute(context) is True else ""
    except (LookupError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        return f" ({error})"


@lru_cache
def _program(rule: str) -> cel.Program:
    return cel.compile(rule)


def _substring(text: str, start: int, end: int | None = None) -> str:
    return text[start:end]


_EXTENSIONS = {"substring": _substring}
"""What Kubernetes adds to CEL, as far as our rules use it."""


def _inside(value: Any, node: Node, path: str) -> Iterator[tuple[str | int, Any, Node, str]]:
    """What is directly inside of `value`: its key or index, itself, its schema, its path."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if (field := _field(node, name)) is not None:
                yield name, inner, field, f"{path}.{name}".lstrip(".")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield index, inner, node.get("items", {}), f"{path}[{index}]"
