"""Pages of a list: opaque tokens that stand for an offset, or for a name."""

import base64
from collections.abc import Sequence
from typing import TypeVar

from controller.sandbox.wire import AwsError

T = TypeVar("T")


def page(items: Sequence[T], size: int, token: str | None, bad_token: str) -> tuple[list[T], str | None]:
    """`size` items from where `token` points, and the token of the next page. `bad_token`: the error's code."""
    start = _offset(token, bad_token) if token else 0
    more = start + size < len(items)
    return list(items[start : start + size]), token_of(str(start + size)) if more else None


def token_of(place: str) -> str:
    return base64.urlsafe_b64encode(f"sandbox:{place}".encode()).decode()


def place_of(token: str, bad_token: str) -> str:
    """What the token was made of. Raises AwsError `bad_token` where it is not one of ours."""
    try:
        marker, _, place = base64.urlsafe_b64decode(token).decode().partition(":")
        if marker == "sandbox":
            return place
    except ValueError:
        pass
    raise AwsError(bad_token, "The token is not one of ours")


def _offset(token: str, bad_token: str) -> int:
    place = place_of(token, bad_token)
    if not place.isdecimal():
        raise AwsError(bad_token, "The token is not one of ours")
    return int(place)
