"""The one door to deepdiff: field differences between two states in plain form.

Plain means what JSON can hold. Mappings are compared by key and lists as sets of scalars: positions mean nothing
in AWS, so a reordered list is no difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from controller.domain.kind import Path

Plain = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field: `before` None means that it is added, `after` None that it is removed. Values are scalars."""

    path: Path
    before: str | None
    after: str | None


def diff(before: Plain, after: Plain) -> tuple[FieldChange, ...]:
    """What makes `after` of `before`, sorted by field; empty when they are equal."""
    if before == after:
        return ()
    if not before or not after:  # the whole thing comes or goes: nothing to compare, and thousands of them
        return tuple(sorted(_whole(before, after), key=_order))
    return tuple(sorted(_deep(before, after), key=_order))


def leaves(plain: Plain) -> Iterator[tuple[Path, str]]:
    """Every scalar of a state with its path, list elements under the path of their list."""
    return _leaves(plain, ())


def _whole(before: Plain, after: Plain) -> Iterator[FieldChange]:
    for path, value in leaves(before):
        yield FieldChange(path, value, None)
    for path, value in leaves(after):
        yield FieldChange(path, None, value)


def _deep(before: Plain, after: Plain) -> Iterator[FieldChange]:
    from deepdiff import DeepDiff  # 0.2 s to import, and most runs find no difference

    tree = DeepDiff(before, after, ignore_order=True, view="tree", threshold_to_diff_deeper=0)
    for found in tree.values():
        for level in found:
            path = tuple(part for part in level.path(output_format="list") if isinstance(part, str))
            yield from _changed(path, level.t1, level.t2)


def _changed(path: Path, before: Any, after: Any) -> Iterator[FieldChange]:
    """Splits a subtree that came, went or changed its shape into scalars; NotPresent is deepdiff's nothing."""
    old = dict(_leaves(before, path)) if _is_tree(before) else None
    new = dict(_leaves(after, path)) if _is_tree(after) else None
    if old is None and new is None:
        yield FieldChange(path, _scalar(before), _scalar(after))
        return
    yield from (FieldChange(at, value, None) for at, value in _leaves(before, path))
    yield from (FieldChange(at, None, value) for at, value in _leaves(after, path))


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, _inside(path, str(key)))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, path)
    else:
        text = _scalar(value)
        if text is not None:
            yield path, text


@lru_cache(maxsize=10_000)
def _inside(path: Path, key: str) -> Path:
    """One value for one path: thousands of changes are of the same few fields."""
    return (*path, key)


def _is_tree(value: Any) -> bool:
    return isinstance(value, Mapping | list | tuple)


def _scalar(value: Any) -> str | None:
    if value is None or type(value).__name__ == "NotPresent":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _order(change: FieldChange) -> tuple[Path, bool, str, str]:
    return (change.path, change.before is None, change.before or "", change.after or "")
