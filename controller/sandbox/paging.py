"""Pages of a list: opaque tokens that stand for an offset."""

import base64
from collections.abc import Sequence
from typing import TypeVar

from controller.sandbox.wire import AwsError

T = TypeVar("T")


def page(items: Sequence[T], size: int, token: str | None, bad_token: str) -> tuple[list[T], str | None]:
    """`size` items from where `token` points, and the token of the next page. `bad_token`: the error's code."""
    start = _offset(token, bad_token) if token else 0
    more = start + size < len(items)
    return list(items[start : start + size]), _token(start + size) if more else None


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(f"sandbox:{offset}".encode()).decode()


def _offset(token: str, bad_token: str) -> int:
    try:
        marker, _, offset = base64.urlsafe_b64decode(token).decode().partition(":")
        if marker == "sandbox":
            return int(offset)
    except ValueError:
        pass
    raise AwsError(bad_token, "The token is not one of ours")
