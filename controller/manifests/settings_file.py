"""The settings out of flags, the environment, the file and the defaults: the first that says something wins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from controller.domain.customer import Origin, Place
from controller.domain.diagnostic import Diagnostic
from controller.domain.settings import Settings
from controller.manifests.documents import Document, parent, parse, parse_file
from controller.manifests.model_errors import explain, model_at
from controller.manifests.source import Source

ENVIRONMENT_PREFIX = "RECONCILE_"


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """The settings, where each of them was set, and what is wrong. With errors the settings are the defaults."""

    settings: Settings = field(default_factory=Settings)
    origin: Origin = field(default_factory=Origin)
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def is_valid(self) -> bool:
        return not any(found.is_error for found in self.diagnostics)


def load_settings(path: Path | None, environment: Mapping[str, str], overrides: Mapping[str, object]) -> LoadedSettings:
    """The settings of the file at `path` (None: no file) under `environment` and `overrides`.

    Variables are RECONCILE_CONCURRENCY, RECONCILE_TABLES__BILLING and so on; empty ones, and those of which the first
    part is no setting, are not ours. Overrides are flags: values by dotted path, None for a flag not given. Never
    raises for what a person wrote.
    """
    document, problems = _read(path)
    outside = (*_from_environment(environment), *_from_flags(overrides))
    overlaid = _overlay(document, outside)
    try:
        settings = Settings.model_validate(overlaid.data)
    except ValidationError as invalid:
        return LoadedSettings(diagnostics=tuple(sorted({*problems, *explain(overlaid, Settings, invalid)})))
    if problems:
        return LoadedSettings(diagnostics=tuple(sorted(problems)))
    written = document.origin().places
    return LoadedSettings(settings, Origin({**written, **overlaid.outside}))


@dataclass(frozen=True, slots=True)
class _Outside:
    """A setting that does not come from the file."""

    path: str
    value: object
    place: Place


@dataclass(frozen=True, slots=True)
class _Overlaid(Document):
    """A settings document with values from outside over it, which know where they came from."""

    outside: Mapping[str, Place] = field(default_factory=dict)

    def diagnostic(self, path: str, rule: str, message: str, **how: Any) -> Diagnostic:
        around = path
        while around:
            if place := self.outside.get(around):
                return Source(place.file).diagnostic(rule, message, suggestion=how.get("suggestion", ""))
            around = parent(around)
        return Document.diagnostic(self, path, rule, message, **how)


def _read(path: Path | None) -> tuple[Document, tuple[Diagnostic, ...]]:
    """The one document of the file; of a file that says nothing, or that cannot be read, an empty one."""
    nothing = Document({}, Source(str(path or "")))
    if path is None:
        return nothing, ()
    parsed = tuple(parse_file(path))
    problems = tuple(found for found in parsed if isinstance(found, Diagnostic) and found.rule != "empty-file")
    documents = [found for found in parsed if isinstance(found, Document)]
    if not documents:
        return nothing, problems
    document, *others = documents
    surplus = (other.diagnostic("", "multiple-documents", "the settings are one document") for other in others)
    return document, (*problems, *document.problems, *surplus)


def _overlay(document: Document, outside: Sequence[_Outside]) -> _Overlaid:
    data = document.data
    for setting in outside:
        data = _with(data, setting.path.split("."), setting.value)
    said = {setting.path for setting in outside}
    return _Overlaid(
        data=data,
        source=document.source,
        keys={path: key for path, key in document.keys.items() if path not in said},
        values={path: value for path, value in document.values.items() if path not in said},
        outside={setting.path: setting.place for setting in outside},
    )


def _from_environment(environment: Mapping[str, str]) -> Iterator[_Outside]:
    for name, text in sorted(environment.items()):
        path = name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("__", ".")
        if name.startswith(ENVIRONMENT_PREFIX) and text and path.split(".")[0] in Settings.model_fields:
            value = text if _holds_text(path) else _read_value(name, text)
            yield _Outside(path, value, Place(name, 0, 0))


def _from_flags(overrides: Mapping[str, object]) -> Iterator[_Outside]:
    for path, value in sorted(overrides.items()):
        if value is not None:
            yield _Outside(path, value, Place("command line", 0, 0))


def _read_value(name: str, text: str) -> object:
    """What the YAML in a variable says: a number, true, [50, 80]; the text itself where it is not YAML."""
    read = next(parse(name, text.encode("utf-8", "surrogateescape")))
    return read.data if isinstance(read, Document) else text


def _holds_text(path: str) -> bool:
    """Is the setting at `path` written as text, or as an amount that text may hold?"""
    *around, last = path.split(".")
    owner = model_at(Settings, tuple(around))
    annotation = owner.model_fields[last].annotation if owner and last in owner.model_fields else None
    kinds = (getattr(member, "__origin__", member) for member in (annotation, *get_args(annotation)))
    return get_origin(annotation) is not tuple and any(kind in (str, Decimal) for kind in kinds)


def _with(data: Any, steps: Sequence[str], value: object) -> Any:
    """`data` with `value` at `steps`; what is no mapping stays as it is, for the model to refuse."""
    if not steps:
        return value
    if not isinstance(data, dict):
        return data
    return {**data, steps[0]: _with(data.get(steps[0], {}), steps[1:], value)}
