"""Documents against a model: what pydantic finds, in the words of the person who wrote the document."""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from controller.domain.diagnostic import RULES, Diagnostic
from controller.manifests.documents import MAX_PROBLEMS, Document, join, parent
from controller.manifests.plain_scalars import NotText, words_for

_EXPECTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping of fields",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
}
_LIMITS = {
    "greater_than_equal": ("out-of-range", "must be at least {ge}"),
    "less_than_equal": ("out-of-range", "must be at most {le}"),
    "string_too_long": ("too-long", "is longer than {max_length} characters"),
    "string_too_short": ("empty-text", "must have at least {min_length} characters"),
    "string_empty": ("empty-text", "must not be empty"),
    "too_long": ("too-many", "has more than {max_length} entries"),
    "too_short": ("too-few", "must not be empty"),
}

Loc = tuple[int | str, ...]


def explain(
    document: Document, model: type[BaseModel], invalid: ValidationError, said: Collection[str] = ()
) -> Iterator[Diagnostic]:
    """Every error of `invalid`, which came of validating the data of `document` with `model`, with its place.

    Nothing is added about the paths in `said`.
    """
    for error in invalid.errors(include_url=False)[:MAX_PROBLEMS]:
        context = error.get("ctx", {})
        if error["type"] == "rules":
            for violation in context["violations"]:
                path = path_of((*error["loc"], *violation.loc))
                yield document.diagnostic(path, violation.rule, f"{path} {violation.message}")
        elif path_of(error["loc"]) not in said and not _is_echo(error["type"], error["input"]):
            yield _explain(document, model, error["type"], error["loc"], error["input"], error["msg"], context)


def path_of(loc: Loc) -> str:
    """The dotted path of a pydantic location."""
    path = ""
    for step in loc:
        if step != "[key]":
            path = join(path, step)
    return path


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A suggestion out of the `known` words; empty where none is near."""
    spelled = {_fold(name): name for name in known}
    near = difflib.get_close_matches(_fold(word)[:100], spelled, n=1, cutoff=0.6)
    return f'did you mean "{spelled[near[0]]}"?' if near else ""


def model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    """The model of the part of a document at `loc`."""
    here: type[BaseModel] | None = model
    for step in loc:
        if here and isinstance(step, str):
            here = next((_model_in(f.annotation) for n, f in here.model_fields.items() if (f.alias or n) == step), None)
    return here


def shorten(value: object) -> str:
    """A value as it may stand in a sentence."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _is_echo(kind: str, value: Any) -> bool:
    """pydantic counts only the good entries: a list of one bad entry is no empty list."""
    return kind == "too_short" and len(value) > 0


def _explain(
    document: Document,
    model: type[BaseModel],
    kind: str,
    loc: Loc,
    value: Any,
    message: str,
    context: Mapping[str, Any],
) -> Diagnostic:
    path = path_of(loc)
    on_key = loc[-1:] == ("[key]",)
    if kind == "extra_forbidden":
        owner, name = model_at(model, loc[:-1]), str(loc[-1])
        suggestion = did_you_mean(name, _fields(owner)) if owner else ""
        if not suggestion and (home := _home(model, name)):
            suggestion = f"{shorten(name)} belongs in {home}"
        message = f"{shorten(path)} is not a field"
        return document.diagnostic(path, "unknown-field", message, on_key=True, suggestion=suggestion)
    if kind == "missing":
        return document.diagnostic(parent(path), "missing-field", f"{path} is missing", on_key=True)
    if kind == "literal_error":
        message, suggestion = f"{path} must be {context['expected']}", _word(str(value), context["expected"])
        return document.diagnostic(path, "unknown-value", message, suggestion=suggestion)
    if kind == "string_too_short" and not value:
        kind = "string_empty"
    if kind in _LIMITS:
        rule, words = _LIMITS[kind]
        return document.diagnostic(path, rule, f"{path} {words.format(**context)}", on_key=on_key)
    if kind in _EXPECTED:
        return _wrong_type(document, path, kind, value)
    suggestion = _quoted(document, path) if kind == "decimal" and isinstance(value, float) else ""
    rule = kind if kind in RULES else "wrong-type"
    return document.diagnostic(path, rule, f"{path} {message}", on_key=on_key, suggestion=suggestion)


def _wrong_type(document: Document, path: str, kind: str, value: object) -> Diagnostic:
    if not path:
        return document.diagnostic(path, "not-a-mapping", f"must be a mapping of fields, not {_called(value)}")
    if value is None and document.text(path) == "":
        return document.diagnostic(path, "empty-value", f"{path} has no value", on_key=True)
    if kind == "string_type" and document.is_plain(path):
        message = f"{path} is read by YAML as {words_for(value)}"
        return document.diagnostic(path, "ambiguous-scalar", message, suggestion=_quoted(document, path))
    message = f"{path} must be {_EXPECTED[kind]}, not {_called(value)}"
    return document.diagnostic(path, "wrong-type", message, suggestion=_retype(kind, value))


def _quoted(document: Document, path: str) -> str:
    text = document.text(path)
    return f'quote it: "{shorten(text)}"' if text is not None and document.is_plain(path) else ""


def _retype(kind: str, value: object) -> str:
    if not isinstance(value, str):
        return ""
    if kind == "tuple_type":
        return f"write [{shorten(value)}]"
    bare = (kind.startswith("int") and re.fullmatch("[0-9]+", value)) or (kind == "bool_type" and value in _BOOLEANS)
    return f"without the quotes: {shorten(value)}" if bare else ""


def _called(value: object) -> str:
    match value:
        case str():
            return f'the text "{shorten(value)}"'
        case list():
            return "a list"
        case dict():
            return "a mapping"
        case None | bool() | int() | float() | NotText():
            return words_for(value)
    return "something else"


def _word(value: str, expected: str) -> str:
    return did_you_mean(value, re.findall("'([^']*)'", expected))


def _fields(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _home(model: type[BaseModel], name: str, around: str = "") -> str:
    """The first part of a document that has a field of this name."""
    for python_name, field in model.model_fields.items():
        inside = _model_in(field.annotation)
        path = join(around, field.alias or python_name)
        if inside and name in _fields(inside):
            return path
        if inside and (found := _home(inside, name, path)):
            return found
    return ""


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model inside of `X | None`, `tuple[X, ...]` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _fold(word: str) -> str:
    return word.lower().replace("_", "").replace("-", "")


_BOOLEANS = ("true", "false")
