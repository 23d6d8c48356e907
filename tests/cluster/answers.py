"""Refusals in the API server's own words: an exception that becomes a Status object, and is read back from one."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.cluster.protocol import Object

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class ApiError(Exception):
    """A request that the server refused. `details` is the Status object's field of that name."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str | None = None,
        details: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = REASONS.get(code, "") if reason is None else reason
        self.details = dict(details or {})
        self.retry_after = retry_after
        if retry_after is not None:
            self.details["retryAfterSeconds"] = retry_after

    def __str__(self) -> str:
        return f"{self.code} {self.reason}: {self.message}"

    def status(self) -> Object:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "details": self.details,
            "code": self.code,
        }


def error_of(code: int, status: Mapping[str, Any]) -> ApiError:
    """The error that a server's Status object tells of."""
    details = status.get("details") or {}
    return ApiError(
        code,
        str(status.get("message", "")),
        reason=str(status.get("reason", "")),
        details=details,
        retry_after=details.get("retryAfterSeconds"),
    )


def success(group: str, plural: str, name: str, uid: str) -> Object:
    """The answer to a deletion that is done."""
    details = {"name": name, "group": group, "kind": plural, "uid": uid}
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {key: value for key, value in details.items() if value},
    }


def full_name(group: str, plural: str) -> str:
    """How the server's messages name a resource: customers.billing.daylily.io, but namespaces."""
    return f"{plural}.{group}" if group else plural


def no_such_resource() -> ApiError:
    return ApiError(404, "the server could not find the requested resource")


def not_found(group: str, plural: str, name: str) -> ApiError:
    message = f'{full_name(group, plural)} "{name}" not found'
    return ApiError(404, message, details=_details(group, plural, name))


def already_exists(group: str, plural: str, name: str) -> ApiError:
    message = f'{full_name(group, plural)} "{name}" already exists'
    return ApiError(409, message, reason="AlreadyExists", details=_details(group, plural, name))


def conflict(group: str, plural: str, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {full_name(group, plural)} "{name}": {why}'
    return ApiError(409, message, details=_details(group, plural, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def invalid(group: str, kind: str, name: str, errors: Sequence[tuple[str, str]]) -> ApiError:
    """422 with one cause for each (path of the field, message)."""
    told = [f"{path}: {message}" if path else message for path, message in errors]
    text = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    causes = [{"reason": "FieldValueInvalid", "message": message, "field": path} for path, message in errors]
    return ApiError(
        422,
        f'{full_name(group, kind)} "{name}" is invalid: {text}',
        details={**_details(group, kind, name), "causes": causes},
    )


def expired(message: str) -> ApiError:
    return ApiError(410, message)


def _details(group: str, kind: str, name: str) -> Object:
    return {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value}
