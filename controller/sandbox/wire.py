"""What goes over the wire: an HTTP request, the answer to it, and an AWS error in the protocol of each service."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from xml.sax.saxutils import escape

Protocol = Literal["json", "query", "s3", "s3control"]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One HTTP request: `path` and `query` as sent (percent-encoded), header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class AwsError(Exception):
    """What a handler raises to refuse a call: a code and a message in AWS's words, and the HTTP status.

    `more` are the further fields that the error has in JSON.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        headers: tuple[tuple[str, str], ...] = (),
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = headers
        self.more = dict(more or {})


def json_answer(value: Mapping[str, Any]) -> Answer:
    body = json.dumps(value, separators=(",", ":")).encode()
    return Answer(200, (("Content-Type", "application/x-amz-json-1.1"),), body)


def xml_answer(xml: str, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{xml}'.encode()
    return Answer(200, (("Content-Type", "application/xml"), *headers), body)


def with_request_id(answer: Answer, request_id: str) -> Answer:
    """The answer with the id that botocore shows as ResponseMetadata.RequestId, unless it has one."""
    if any(name.lower() in ("x-amzn-requestid", "x-amz-request-id") for name, _ in answer.headers):
        return answer
    ids = (("x-amzn-RequestId", request_id), ("x-amz-request-id", request_id))
    return replace(answer, headers=(*answer.headers, *ids))


def error_answer(protocol: Protocol, error: AwsError) -> Answer:
    """The error as botocore expects to parse it, so that the caller sees `code`, never a parse failure."""
    if protocol == "json":
        body = json.dumps({"__type": error.code, "message": error.message, **error.more}).encode()
        headers = (("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", error.code))
        return Answer(error.status, (*headers, *error.headers), body)
    code, message = escape(error.code), escape(error.message)
    inner = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    xml = inner if protocol == "s3" else f"<ErrorResponse>{inner}<RequestId>sandbox</RequestId></ErrorResponse>"
    return Answer(error.status, (("Content-Type", "application/xml"), *error.headers), xml.encode())
