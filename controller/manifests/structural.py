"""A pydantic model as a structural schema, which is what a custom resource definition takes.

Of JSON schema it knows less: no $ref, no null, no additionalProperties beside properties, no exclusive bounds with a
number, patterns in RE2. Of what pydantic writes nothing is dropped silently: an unknown keyword is an error here.
"""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from controller.manifests.crd_rules import KEYED, RULES, SETS, Rule, amount_rule
from controller.manifests.schema import WithoutNull

Node = dict[str, Any]

_KEPT = (
    "description", "type", "format", "enum", "default", "minimum", "maximum", "pattern",
    "minLength", "maxLength", "minItems", "maxItems", "required",
)  # fmt: skip
"""The keywords that mean the same in both, in the order in which they are written."""
_DROPPED = {"title", "additionalProperties", "$defs", "$ref", "properties", "items", "anyOf"}
"""Names that only repeat the fields' names, and what is written in another way."""


def structural(model: type[BaseModel], path: str) -> Node:
    """The structural schema of `model`, whose place in the document is `path`, with the rules for it."""
    schema = model.model_json_schema(by_alias=True, mode="validation", schema_generator=_InCluster)
    return _node(schema, path, schema.get("$defs", {}))


class _InCluster(WithoutNull):
    """A part that may be left out has its own defaults as its default, all of them: rules look at defaults as such."""

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        factory = schema.get("default_factory")
        if isinstance(factory, type) and issubclass(factory, BaseModel):
            return factory().model_dump(mode="json", by_alias=True, exclude_none=True)
        return super().get_default_value(schema)


def _node(written: JsonSchemaValue, path: str, parts: dict[str, JsonSchemaValue]) -> Node:
    inlined = {**parts[written["$ref"].rpartition("/")[2]], **written} if "$ref" in written else written
    if unknown := inlined.keys() - {*_KEPT, *_DROPPED}:
        raise ValueError(f"{path}: no structural schema has {', '.join(sorted(unknown))}")
    node: Node = {key: inlined[key] for key in _KEPT if key in inlined}
    if "pattern" in node:
        node["pattern"] = _re2(node["pattern"])
    if "anyOf" in inlined:
        node |= _int_or_string(*inlined["anyOf"])
    if "properties" in inlined:
        node["properties"] = {
            name: _node(field, f"{path}.{name}", parts) for name, field in inlined["properties"].items()
        }
    if "items" in inlined:
        node |= _list_type(path)
        node["items"] = _node(inlined["items"], f"{path}[]", parts)
    if rules := RULES.get(path):
        node["x-kubernetes-validations"] = [_validation(rule) for rule in rules]
    return node


def _int_or_string(number: JsonSchemaValue, text: JsonSchemaValue) -> Node:
    """An amount. Bounds hold for numbers only, the pattern for texts only: their range is a rule."""
    above = "exclusiveMinimum" in number
    low, high = number["exclusiveMinimum" if above else "minimum"], number["maximum"]
    return {
        "x-kubernetes-int-or-string": True,
        "anyOf": [{"type": "integer"}, {"type": "string"}],
        "minimum": low,
        **({"exclusiveMinimum": True} if above else {}),
        "maximum": high,
        "pattern": _re2(text["pattern"]),
        "maxLength": text["maxLength"],
        "x-kubernetes-validations": [_validation(amount_rule(low, high, above))],
    }


def _list_type(path: str) -> Node:
    if path in KEYED:
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [KEYED[path]]}
    return {"x-kubernetes-list-type": "set" if path in SETS else "atomic"}


def _validation(rule: Rule) -> Node:
    field = {"fieldPath": f".{rule.field}"} if rule.field else {}
    return {"rule": rule.holds, "message": rule.message, **field}


def _re2(pattern: str) -> str:
    r"""The same pattern for RE2, whose `\s` is ASCII only; Python's takes Unicode's spaces and four separators, too."""
    return pattern.replace(r"\s", r"\t-\r\x1c-\x20\x85\p{Z}")
