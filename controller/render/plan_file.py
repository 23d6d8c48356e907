"""A saved plan as a file: the published plan document, what an apply checks, and a checksum over all of it."""

import hashlib
import json
from dataclasses import replace
from typing import Any

from controller.domain.saved_plan import AGAIN, FORMAT, SavedPlan
from controller.errors import Refused
from controller.fleet import FleetPlan
from controller.render.emails import hidden
from controller.render.json_text import json_text
from controller.render.plan_document import PlanDocument, to_document

MAX_BYTES = 50_000_000


def write(plan: FleetPlan, saved: SavedPlan, *, redact: bool = False) -> str:
    """The text of the file. `redact` hides e-mail addresses; the file can be applied all the same."""
    document = _plain(replace(to_document(plan, prune=saved.options.prune), saved=saved))
    if redact:
        document = json.loads(hidden(json_text(document)))
    return json_text({**document, "checksum": _checksum(document)})


def read(content: bytes) -> SavedPlan:
    """What an apply checks. Raises Refused for a file that is not to the byte one that `write` made."""
    if len(content) > MAX_BYTES:
        raise _unusable(f"is larger than {MAX_BYTES // 1_000_000} MB")
    document = _document(content)
    if _newer(document):
        raise _unusable("was made by a newer version of this tool. Update, or make the plan with this version")
    if not _is_whole(document, content):
        raise _unusable("was edited, or damaged on its way")
    return _saved(document)


def _document(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _unusable("is not a whole JSON document") from error
    if not isinstance(document, dict) or not isinstance(document.get("saved"), dict):
        raise _unusable("holds no saved plan; `reconcile --plan --out FILE` makes one")
    return document


def _is_whole(document: dict[str, Any], content: bytes) -> bool:
    """Whether the file is, to the byte, the one text of its document, and the checksum that of the document."""
    try:
        return json_text(document).encode() == content and document.get("checksum") == _checksum(document)
    except ValueError:  # NaN: no JSON, and nothing that we ever write
        return False


def _newer(document: dict[str, Any]) -> bool:
    made = document["saved"].get("format")
    return isinstance(made, int) and made > FORMAT


def _saved(document: dict[str, Any]) -> SavedPlan:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(SavedPlan).validate_python(document["saved"])
    except ValidationError as error:
        raise _unusable("holds no saved plan that this version can read") from error


def _checksum(document: dict[str, Any]) -> str:
    whole = {name: value for name, value in document.items() if name != "checksum"}
    return hashlib.sha256(json_text(whole).encode()).hexdigest()


def _plain(document: PlanDocument) -> dict[str, Any]:
    from pydantic import TypeAdapter

    plain: dict[str, Any] = TypeAdapter(PlanDocument).dump_python(document, mode="json")
    return plain


def _unusable(why: str) -> Refused:
    return Refused(f"nothing was done: the plan file {why}. {AGAIN}")
