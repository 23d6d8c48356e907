"""The simple JSONPaths of printer columns: `.a.b`, `.a['b.c']`, `.a[0]`, `.a[*]` and `.a[?(@.type=="Ready")].b`."""

import re
from functools import lru_cache
from typing import Any

_STEP = re.compile(
    r"\.(?P<name>(?:\\.|[^.\[\]\\])+)"
    r"|\[\s*(?P<quote>['\"])(?P<quoted>.*?)(?P=quote)\s*\]"
    r"|\[\s*(?P<index>-?\d+|\*)\s*\]"
    r"|\[\?\(\s*@(?P<path>\.[^=\s]+)\s*==\s*['\"](?P<value>[^'\"]*)['\"]\s*\)\]"
)


def find(document: Any, path: str) -> list[Any]:
    """Everything at the path. ValueError for a path of another form."""
    found = [document]
    for step in _steps(path):
        found = [inner for outer in found for inner in _inside(outer, step)]
    return found


@lru_cache(maxsize=256)
def _steps(path: str) -> tuple[re.Match[str], ...]:
    path = path.removeprefix("{").removesuffix("}").removeprefix("$")
    steps, end = [], 0
    while end < len(path):
        match = _STEP.match(path, end)
        if not match:
            raise ValueError(f"not a path that is understood: {path!r}")
        steps.append(match)
        end = match.end()
    return tuple(steps)


def _inside(outer: Any, step: re.Match[str]) -> list[Any]:
    if step["index"] is not None:
        items = outer if isinstance(outer, list) else []
        if step["index"] == "*":
            return list(items)
        index = int(step["index"])
        return [items[index]] if -len(items) <= index < len(items) else []
    if step["path"] is not None:
        items = outer if isinstance(outer, list) else []
        return [item for item in items if find(item, step["path"]) == [step["value"]]]
    name = step["quoted"] if step["quoted"] is not None else re.sub(r"\\(.)", r"\1", step["name"])
    return [outer[name]] if isinstance(outer, dict) and name in outer else []
