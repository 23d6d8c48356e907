"""The ways to patch an object. Every function returns another object and leaves the one it was given as it was."""

from collections.abc import Mapping
from typing import Any

import jsonpatch
import jsonpointer

from tests.cluster.answers import ApiError
from tests.cluster.protocol import Object


def merge_patch(object: Any, patch: Any) -> Any:
    """RFC 7386. What the patch does not touch is shared with the object, not copied."""
    if not isinstance(patch, dict):
        return patch
    merged: Object = dict(object) if isinstance(object, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = merge_patch(merged.get(key), value)
        else:
            merged[key] = value
    return merged


def json_patch(copy: Object, operations: Any) -> Object:
    """RFC 6902, applied to a copy that it may change.

    A failed operation, be it a `test` or a missing path, is a 422 with a message that tells nothing, as the server's.
    """
    try:
        patched: Object = jsonpatch.JsonPatch(operations).apply(copy, in_place=True)
    except (jsonpatch.InvalidJsonPatch, TypeError) as error:
        raise ApiError(400, f"error decoding patch: {error}") from error
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        message = "the server rejected our request due to an error in our request"
        raise ApiError(422, message) from error
    return patched


def apply_patch(object: Object, wanted: Object, wanted_before: Object) -> Object:
    """Server-side apply, roughly: what is wanted is merged in, what the same field manager no longer wants is removed.

    Lists are replaced as a whole, and no manager is told of a conflict with another.
    """
    return merge_patch(merge_patch(object, _dropped(wanted_before, wanted)), wanted)  # type: ignore[no-any-return]


def _dropped(before: Mapping[str, Any], now: Mapping[str, Any]) -> Object:
    """A merge patch that deletes what was wanted before and is not now."""
    patch: Object = {}
    for key, value in before.items():
        if key not in now:
            patch[key] = None
        elif isinstance(value, dict) and isinstance(now[key], dict):
            patch[key] = _dropped(value, now[key])
    return patch
