"""Which AWS call is this? Reads the service, operation, account, region and resource off any HTTP request."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote

from controller.sandbox.wire import HttpRequest, Protocol

AccountOf = Callable[[str], str]
"""Access key -> account id."""


@dataclass(frozen=True, slots=True)
class Call:
    """One identified request. `service` is the boto3 client's name.

    `resource` is a bucket, budget, table, queue or ARN.
    """

    service: str
    operation: str
    account: str
    region: str
    resource: str
    protocol: Protocol
    http: HttpRequest
    query: Mapping[str, str]
    payload: Mapping[str, Any]

    @property
    def writes(self) -> bool:
        return not self.operation.startswith(_READING)

    @property
    def bucket(self) -> str:
        """The bucket that an S3 call is about; empty for every other call."""
        return self.resource.partition("/")[0] if self.protocol in ("s3", "s3control") else ""


def identify(http: HttpRequest, account_of: AccountOf) -> Call:
    """The call, from the credential scope (service, region, access key), X-Amz-Target, Action=, path and query.

    An unsigned request is taken for one to S3 by the default account, as moto does.
    """
    query = dict(parse_qsl(http.query, keep_blank_values=True))
    access_key, region, signed_for = _credential_scope(http, query)
    account = account_of(access_key)
    if target := http.headers.get("x-amz-target"):
        payload = _json(http.body)
        service = _CLIENT_NAMES.get(signed_for, signed_for)
        return Call(service, target.rpartition(".")[2], account, region, _named(payload), "json", http, query, payload)
    form = dict(parse_qsl(http.body.decode("utf-8", "replace"))) if _is_form(http) else query
    if action := form.get("Action"):
        service = _CLIENT_NAMES.get(signed_for, signed_for) if access_key else "sts"
        return Call(service, action, account, region, _named(form), "query", http, query, form)
    if signed_for != "s3":
        operation = f"{http.method} {http.path}"
        return Call(signed_for, operation, account, region, http.path, "json", http, query, {})
    if http.path.startswith("/v20180820/"):
        operation, resource = _s3control(http)
        return Call("s3control", operation, account, region, resource, "s3control", http, query, {})
    operation, resource = _s3(http, query)
    return Call("s3", operation, account, region, resource, "s3", http, query, {})


_READING = (
    "Get", "List", "Describe", "Head", "Scan", "Query", "BatchGet", "TransactGet", "Select", "Assume", "Search",
)  # fmt: skip
_CLIENT_NAMES = {"tagging": "resourcegroupstaggingapi", "monitoring": "cloudwatch"}
_RESOURCE_FIELDS = (
    "BudgetName", "ResourceARN", "ResourceArn", "TableName", "TopicArn", "RoleArn", "QueueUrl", "QueueName", "Name",
    "TagKey",
)  # fmt: skip
_SCOPE = re.compile(r"Credential=([^/,]+)/\d{8}/([^/,]+)/([^/,]+)/aws4_request")


def _credential_scope(http: HttpRequest, query: Mapping[str, str]) -> tuple[str, str, str]:
    signed = http.headers.get("authorization") or f"Credential={query.get('X-Amz-Credential', '')}"
    found = _SCOPE.search(signed)
    return (found[1], found[2], found[3].lower()) if found else ("", "us-east-1", "s3")


def _json(body: bytes) -> Mapping[str, Any]:
    try:
        payload = json.loads(body or b"{}")
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}


def _is_form(http: HttpRequest) -> bool:
    return http.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")


def _named(payload: Mapping[str, Any]) -> str:
    for inner in (payload, payload.get("Budget"), payload.get("NewBudget")):
        for field in _RESOURCE_FIELDS:
            if isinstance(inner, Mapping) and isinstance(inner.get(field), str):
                return str(inner[field])
    return ""


def _s3control(http: HttpRequest) -> tuple[str, str]:
    resource = unquote(http.path.removeprefix("/v20180820/"))
    if resource.startswith("tags/"):
        verbs = {"GET": "ListTagsForResource", "POST": "TagResource", "DELETE": "UntagResource"}
        arn = resource.removeprefix("tags/")
        return verbs.get(http.method, f"{http.method} tags"), arn.removeprefix("arn:aws:s3:::")
    return f"{http.method} {resource}", resource


def _s3(http: HttpRequest, query: Mapping[str, str]) -> tuple[str, str]:
    """Operation and `bucket/key`, by the method, the depth of the path and the sub-resource in the query."""
    resource = unquote(http.path).strip("/") if http.path.count("/") == 1 else unquote(http.path)[1:]
    bucket, _, key = resource.partition("/")
    depth = 2 if key else 1 if bucket else 0
    for shape in _s3_operations().get((http.method, depth), ()):
        if shape.fits(query, http.headers):
            return shape.name, f"{bucket}/{key}" if key else bucket
    return f"{http.method} {http.path}", resource


@dataclass(frozen=True, slots=True)
class _S3Operation:
    name: str
    literals: tuple[tuple[str, str], ...]
    parameters: tuple[str, ...]
    headers: tuple[str, ...]

    def fits(self, query: Mapping[str, str], headers: Mapping[str, str]) -> bool:
        return (
            all(name in query and value in ("", query[name]) for name, value in self.literals)
            and all(name in query for name in self.parameters)
            and all(name in headers for name in self.headers)
        )


@cache
def _s3_operations() -> Mapping[tuple[str, int], tuple[_S3Operation, ...]]:
    """S3's operations by method and depth, the most particular first, as botocore's own model describes them."""
    import botocore.session

    model = botocore.session.get_session().get_service_model("s3")
    found: dict[tuple[str, int], list[_S3Operation]] = {}
    for name in model.operation_names:
        operation = model.operation_model(name)
        if operation.deprecated:
            continue
        path, _, literal_query = operation.http["requestUri"].partition("?")
        depth = 2 if "{Key+}" in path else 1 if "{Bucket}" in path else 0
        literals = tuple(pair for pair in parse_qsl(literal_query, keep_blank_values=True) if pair[0] != "x-id")
        shape = operation.input_shape
        required = [shape.members[member].serialization for member in shape.required_members] if shape else []
        parameters = tuple(s["name"] for s in required if s.get("location") == "querystring")
        headers = tuple(s["name"].lower() for s in required if s.get("location") == "header")
        entry = _S3Operation(name, literals, parameters, headers)
        found.setdefault((operation.http["method"], depth), []).append(entry)
    return {
        place: tuple(sorted(entries, key=lambda e: (-len(e.literals) - len(e.parameters) - len(e.headers), e.name)))
        for place, entries in found.items()
    }
