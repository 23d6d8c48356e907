"""Reading Kubernetes' protobuf, as far as kubectl insists on sending it: `create namespace`, `auth can-i` and such.

Answers are JSON always, which kubectl takes as well.
"""

import base64
from collections.abc import Callable, Iterator
from typing import Any

from tests.cluster.answers import ApiError
from tests.cluster.protocol import Object

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"

Shape = dict[int, tuple[str, Any]]
"""By a field's number: its name, and its own shape or how to read its bytes."""


def decoded(body: bytes) -> Object:
    """The object in a request. 415 for a kind that is not known here."""
    if not body.startswith(_MAGIC):
        raise ApiError(400, "the body of the request is not protobuf")
    envelope = _message(body[len(_MAGIC) :], {1: ("type", _TYPE), 2: ("raw", bytes)})
    kind = envelope["type"]["kind"]
    if kind not in _KINDS:
        raise ApiError(415, f"protobuf is not understood for a {kind}; send JSON")
    return {**envelope["type"], **_message(envelope.get("raw", b""), _KINDS[kind])}


def _message(data: bytes, shape: Shape) -> Object:
    found: Object = {}
    for number, value in _fields(data):
        if number not in shape:
            continue
        name, inner = shape[number]
        read = _message(value, inner) if isinstance(inner, dict) else inner(value)
        found[name] = {**found[name], **read} if inner in (_text_pair, _bytes_pair) and name in found else read
    return found


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields that are bytes; numbers are skipped."""
    position = 0
    while position < len(data):
        key, position = _number(data, position)
        length, position = _number(data, position)
        if key & 7 == 2:
            yield key >> 3, data[position : position + length]
            position += length


def _number(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position


def _text_pair(data: bytes) -> Object:
    pair = dict(_fields(data))
    return {pair[1].decode(): pair.get(2, b"").decode()}


def _bytes_pair(data: bytes) -> Object:
    pair = dict(_fields(data))
    return {pair[1].decode(): base64.b64encode(pair.get(2, b"")).decode()}


_text: Callable[[bytes], str] = bytes.decode
_TYPE: Shape = {1: ("apiVersion", _text), 2: ("kind", _text)}
_METADATA: Shape = {
    1: ("name", _text),
    2: ("generateName", _text),
    3: ("namespace", _text),
    11: ("labels", _text_pair),
    12: ("annotations", _text_pair),
}
_NAMED: Shape = {1: ("metadata", _METADATA)}
_ACTION: Shape = {
    number: (name, _text)
    for number, name in enumerate(("namespace", "verb", "group", "version", "resource", "subresource", "name"), 1)
}
_REVIEW: Shape = {2: ("spec", {1: ("resourceAttributes", _ACTION), 3: ("user", _text)})}
_KINDS: dict[str, Shape] = {
    "Namespace": _NAMED,
    "ServiceAccount": _NAMED,
    "ConfigMap": {**_NAMED, 2: ("data", _text_pair)},
    "Secret": {**_NAMED, 2: ("data", _bytes_pair), 3: ("type", _text)},
    "SelfSubjectAccessReview": {2: ("spec", {1: ("resourceAttributes", _ACTION)})},
    "SubjectAccessReview": _REVIEW,
}
