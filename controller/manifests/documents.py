"""YAML text to plain data and the position of every key and value in it.

Read from the parser's events and not from composed nodes: one walk gives the data and the positions, and nothing is
expanded before it was counted. Whatever the text is, this never raises: what is wrong becomes a diagnostic.

Refused on purpose: duplicate keys, tags other than !!str, merge keys (they hide what a customer gets), aliases that
expand to more than `MAX_ALIASED` values. Anchors and aliases are fine.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from controller.domain.customer import Origin
from controller.domain.diagnostic import Diagnostic, Severity
from controller.manifests.places import PackedPlaces
from controller.manifests.plain_scalars import read_plain, words_for
from controller.manifests.source import Source

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 24
MAX_ALIASED = 10_000
MAX_PROBLEMS = 100
"""Of one document: nobody reads more, and hostile files must not cost more."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MERGE = "<<"
_STRING_TAG = "tag:yaml.org,2002:str"
_WORDS = {
    "mapping values are not allowed": 'a ":" stands where no value may begin; quote the text or mend the indentation',
    "could not find expected ':'": 'a key without ":"; quote the text or mend the indentation',
    "did not find expected key": "the indentation fits nothing above it, or a bracket or quote is not closed",
    "did not find expected '-' indicator": "the indentation fits nothing above it",
    "did not find expected ',' or": "a comma or a closing bracket is missing",
    "found unexpected end of stream": "a quote or a bracket is not closed",
    "found unexpected document indicator": "a quote is not closed",
    "cannot start any token": "this character cannot start a value; quote the text",
}


Written = ScalarEvent | CollectionStartEvent
"""What the parser says about a value as written."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its data (None, bool, int, float, str, NotText, list, dict with text keys) and its positions.

    Paths are dotted: `spec.budget.alerts[1].atPercent`; the document itself is "". `problems` are what is wrong with
    it as YAML, whatever its fields mean.
    """

    data: object
    source: Source
    keys: Mapping[str, Written] = field(default_factory=dict)
    values: Mapping[str, Written] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()
    nulls: tuple[str, ...] = ()
    """The paths that have no value, or what YAML reads as none."""

    def diagnostic(
        self,
        path: str,
        rule: str,
        message: str,
        *,
        on_key: bool = False,
        suggestion: str = "",
        severity: Severity = "error",
    ) -> Diagnostic:
        """A finding about the value (or the key) at `path`, or about the nearest thing written around it."""
        event = (self.keys.get(path) if on_key else None) or self._nearest(path)
        start, end = _span(event) if event else (None, None)
        return self.source.diagnostic(rule, message, start, end, suggestion=suggestion, severity=severity)

    def text(self, path: str) -> str | None:
        """The text of the scalar at `path` as written; None where there is none."""
        event = self.values.get(path)
        return event.value if isinstance(event, ScalarEvent) else None

    def is_plain(self, path: str) -> bool:
        """Is the value at `path` written without quotes?"""
        event = self.values.get(path)
        return isinstance(event, ScalarEvent) and event.implicit[0]

    def origin(self) -> Origin:
        """The places of all values: of the key for what holds others, of the value for the rest."""
        return Origin(PackedPlaces.pack(self.source.file, {path: _position(self, path) for path in self.values}))

    def _nearest(self, path: str) -> Written | None:
        while path and path not in self.values:
            path = parent(path)
        inside = self.values.get(path)
        return inside if isinstance(inside, ScalarEvent) else self.keys.get(path, inside)


def parse_file(path: Path) -> Iterator[Document | Diagnostic]:
    """The documents in the file at `path`, and what is wrong with the file. See `parse`."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        yield Source(str(path)).diagnostic("unreadable-file", f"cannot be read: {reason}")
    else:
        yield from parse(str(path), content)


def parse(file: str, content: bytes) -> Iterator[Document | Diagnostic]:
    """The documents in `content` up to the first thing that is not YAML, which ends it as a diagnostic.

    One at a time: positions are many small objects, and a fleet of them would slow everything down. `file` only names
    the file in diagnostics.
    """
    if len(content) > MAX_BYTES:
        yield Source(file).diagnostic("file-too-large", "is larger than 1 MiB; split it")
        return
    try:
        source = Source(file, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        yield _not_utf8(file, content, error.start)
        return
    if found := _UNPRINTABLE.search(source.text):
        words = f"the control character U+{ord(found[0]):04X} has no place in a document"
        yield source.at_offset("control-character", words, found.start())
        return
    yield from _parse(source)


def join(path: str, step: str | int) -> str:
    """The path of what is at `step` in `path`."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step}" if path else step


def parent(path: str) -> str:
    """The path around `path`."""
    return path[: max(path.rfind("."), path.rfind("["), 0)]


def _parse(source: Source) -> Iterator[Document | Diagnostic]:
    is_empty = True
    events = yaml.parse(source.text, Loader=_LOADER)
    try:
        for event in events:
            if isinstance(event, DocumentStartEvent):
                document = _Reader(source, events).read()
                if not _is_blank(document):
                    is_empty = False
                    yield document
    except _Refused as refused:
        yield refused.diagnostic
    except yaml.YAMLError as error:
        yield _syntax_error(source, error)
    else:
        if is_empty:
            yield source.diagnostic("empty-file", "holds no document")


class _Refused(Exception):
    """Stops the reading of a file."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass(frozen=True, slots=True)
class _Anchored:
    """The value of an anchor: its data, and where its paths stand in the order of reading."""

    path: str
    data: object
    first: int
    last: int


class _Reader:
    """Reads one document from the events of a parser. Recursion is safe: depth is counted."""

    def __init__(self, source: Source, events: Iterator[Event]) -> None:
        self._source = source
        self._events = events
        self._keys: dict[str, Written] = {}
        self._values: dict[str, Written] = {}
        self._order: list[str] = []
        self._anchors: dict[str, _Anchored] = {}
        self._aliased = 0
        self._problems: list[Diagnostic] = []
        self._nulls: list[str] = []

    def read(self) -> Document:
        data = self._node(next(self._events), "", 0)
        while not isinstance(next(self._events), DocumentEndEvent):
            pass
        return Document(data, self._source, self._keys, self._values, tuple(self._problems), tuple(self._nulls))

    def _node(self, event: Event, path: str, depth: int) -> object:
        if isinstance(event, AliasEvent):
            return self._alias(event, path)
        if not isinstance(event, Written):
            raise _Refused(self._source.diagnostic("invalid-yaml", "cannot be read as YAML"))
        self._values[path] = event
        first = len(self._order)
        self._order.append(path)
        data = self._scalar(event) if isinstance(event, ScalarEvent) else self._collection(event, path, depth)
        if data is None:
            self._nulls.append(path)
        if event.anchor:
            self._anchors[event.anchor] = _Anchored(path, data, first, len(self._order))
        return data

    def _scalar(self, event: ScalarEvent) -> object:
        if event.implicit[0]:
            return read_plain(event.value)
        if event.tag not in (None, _STRING_TAG):
            self._refuse_tag(event)
        return event.value

    def _collection(self, event: CollectionStartEvent, path: str, depth: int) -> object:
        if depth >= MAX_DEPTH:
            raise _Refused(self._found(event, "too-deep", f"nests deeper than {MAX_DEPTH} levels"))
        if event.tag is not None:
            self._refuse_tag(event)
        if isinstance(event, MappingStartEvent):
            return self._mapping(path, depth + 1)
        return self._sequence(path, depth + 1)

    def _sequence(self, path: str, depth: int) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), SequenceEndEvent):
            items.append(self._node(event, join(path, len(items)), depth))
        return items

    def _mapping(self, path: str, depth: int) -> dict[str, object]:
        fields: dict[str, object] = {}
        while not isinstance(event := next(self._events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                words = "a key must be text, not a list, a mapping or an alias"
                raise _Refused(self._found(event, "invalid-yaml", words))
            key = self._key(event)
            inside = intern(join(path, key))
            if key in fields:
                line = _span(self._keys[inside])[0][0] + 1
                self._problem(event, "duplicate-key", f"{key} was already set at line {line}")
            else:
                self._keys[inside] = event
            value = self._node(next(self._events), inside, depth)
            if key != _MERGE:
                fields[key] = value
        return fields

    def _key(self, event: ScalarEvent) -> str:
        if event.implicit[0]:
            if event.value == _MERGE:
                self._problem(event, "merge-key", "merge keys (<<) are refused", "write the fields out")
            elif not isinstance(value := read_plain(event.value), str):
                words = f"the key {event.value!r} is read by YAML as {words_for(value)}"
                self._problem(event, "ambiguous-scalar", words, f'quote it: "{event.value}"')
        elif event.tag not in (None, _STRING_TAG):
            self._refuse_tag(event)
        return event.value

    def _alias(self, event: AliasEvent, path: str) -> object:
        anchored = self._anchors.get(event.anchor or "")
        if anchored is None:
            words = f"*{event.anchor} has no &{event.anchor} before it, or stands inside of it"
            raise _Refused(self._found(event, "alias", words))
        self._aliased += anchored.last - anchored.first
        if self._aliased > MAX_ALIASED:
            words = f"aliases blow this document up to more than {MAX_ALIASED:,} values"
            raise _Refused(self._found(event, "alias-bomb", words))
        cut = len(anchored.path)
        for old in self._order[anchored.first : anchored.last]:
            new = path + old[cut:] if cut or not old else join(path, old)
            self._order.append(new)
            self._values[new] = self._values[old]
            if old in self._keys and old != anchored.path:
                self._keys[new] = self._keys[old]
        return anchored.data

    def _refuse_tag(self, event: Written) -> None:
        self._problem(event, "custom-tag", f"the tag {event.tag} is refused", "use quotes to make a value text")

    def _problem(self, event: Event, rule: str, message: str, suggestion: str = "") -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(self._found(event, rule, message, suggestion))

    def _found(self, event: Event, rule: str, message: str, suggestion: str = "") -> Diagnostic:
        return self._source.diagnostic(rule, message, *_span(event), suggestion=suggestion)


def _not_utf8(file: str, content: bytes, start: int) -> Diagnostic:
    readable = Source(file, content[:start].decode("utf-8-sig", "replace") + "\N{REPLACEMENT CHARACTER}")
    words = f"is not UTF-8: byte 0x{content[start]:02x} cannot stand here"
    return readable.at_offset("not-utf8", words, len(readable.text) - 1)


def _is_blank(document: Document) -> bool:
    """A document of nothing, as between two `---`; kubectl skips these too. Written `null` is not blank."""
    return document.data is None and document.text("") == ""


def _span(event: Event) -> tuple[tuple[int, int], tuple[int, int]]:
    start, end = event.start_mark, event.end_mark
    return ((start.line, start.column) if start else (0, 0)), ((end.line, end.column) if end else (0, 0))


def _position(document: Document, path: str) -> tuple[int, int]:
    value = document.values[path]
    event = value if isinstance(value, ScalarEvent) else document.keys.get(path, value)
    line, column = _span(event)[0]
    return line + 1, column + 1


def _syntax_error(source: Source, error: yaml.YAMLError) -> Diagnostic:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or "it cannot be read")
    if mark is None:
        return source.diagnostic("invalid-yaml", f"is not YAML: {problem}")
    line = source.lines[mark.line] if mark.line < len(source.lines) else ""
    indentation = line[: len(line) - len(line.lstrip())]
    if "\t" in indentation or line[mark.column : mark.column + 1] == "\t":
        start = (mark.line, line.index("\t"))
        words = "YAML takes no tab here"
        return source.diagnostic("tab", words, start, (mark.line, start[1] + 1), suggestion="use spaces")
    words = next((words for part, words in _WORDS.items() if part in problem), problem)
    return source.diagnostic("invalid-yaml", words, (mark.line, mark.column), (mark.line, mark.column + 1))
