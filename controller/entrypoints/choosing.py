"""Which customer is meant: by id or by name."""

from collections.abc import Mapping
from difflib import get_close_matches

from controller.errors import ReconcileError


def choose(asked: str, names: Mapping[str, str], *, missing: str, hint: str) -> str:
    """The id of the customer that `asked` is the id or the name of; `names` are all, by id.

    Raises ReconcileError: `missing` says what there is none of, and after it stands what was meant, or else `hint`.
    """
    if asked in names:
        return asked
    found = sorted(id_ for id_, name in names.items() if name == asked)
    if len(found) > 1:
        raise ReconcileError(f'"{asked}" is the name of {len(found)}: say which by id, {", ".join(found)}')
    if found:
        return found[0]
    known = sorted({*names, *names.values()})
    near = [name for name in known if name.startswith(asked)] or get_close_matches(asked, known, n=1)
    raise ReconcileError(f"{missing} " + (f'Did you mean "{near[0]}"?' if near else hint))
