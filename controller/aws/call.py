"""The one door to botocore's errors: what they mean, and which calls are made again.

Errors are told apart by their code, never by HTTP status: Budgets answers throttling with 400.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

import botocore.exceptions
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    HTTPClientError,
    NoAuthTokenError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
    UnknownCredentialError,
)
from botocore.parsers import ResponseParserError

from controller.errors import AccountFailure, Failure, PermanentFailure, TransientFailure

THROTTLED = frozenset(
    {
        "Throttling", "ThrottlingException", "Throttled", "ThrottledException", "EC2ThrottledException",
        "RequestThrottled", "RequestThrottledException", "TooManyRequestsException", "RequestLimitExceeded",
        "LimitExceededException", "SlowDown",
        "ProvisionedThroughputExceededException", "BandwidthLimitExceeded", "PriorRequestNotComplete",
    }
)  # fmt: skip
"""`LimitExceededException` is Cost Explorer's word for throttling, `Throttled` is that of SNS."""

PASSING = frozenset(
    {
        "InternalError", "InternalErrorException", "InternalFailure", "InternalServerError", "ServiceUnavailable",
        "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException", "500", "502", "503", "504",
        "OperationAborted", "ConditionalRequestConflict", "ConcurrentModificationException",
        "TransactionInProgressException", "StaleTag",
    }
)  # fmt: skip
"""OperationAborted: two writes met on one S3 bucket; no botocore retry mode retries it."""

CANCELLED = "TransactionCanceledException"
"""DynamoDB did nothing of a transaction; why, it says of each write in it."""
PACED = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})
"""What it says of a write of a transaction that came too fast (AWS, TransactionCanceledException)."""
CONFLICT = "TransactionConflict"
"""What it says of a write to an item that another call is just writing to."""

CREDENTIALS = frozenset(
    {
        "ExpiredToken", "ExpiredTokenException", "RequestExpired", "RequestTimeTooSkewed", "InvalidClientTokenId",
        "InvalidAccessKeyId",
        "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidSignatureException", "AuthFailure",
        "InvalidToken", "TokenRefreshRequired", "IncompleteSignature", "MissingAuthenticationToken",
        "OptInRequired",
    }
)  # fmt: skip

NO_LOGIN = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
    NoAuthTokenError,
    UnknownCredentialError,
    ProfileNotFound,
    SSOError,
    getattr(botocore.exceptions, "LoginError", SSOError),  # `aws login`, since botocore 1.41
)
"""What botocore raises before any request when it finds no credentials that it could use."""

NOT_IN_THIS_REGION = frozenset(
    {"InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "OptInRequired"}
)
"""The credential errors that a region answers that is not enabled for the account, to credentials that are good."""

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationErrorException"})


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a passing error is tried again, and how long to wait: exponential with full jitter, in seconds.

    `throttled_attempts`: how often a call is tried that only came too fast, where that is more often; it waits
    `throttled_cap` at most, since its pace makes it wait, too.
    """

    attempts: int = 8
    throttled_attempts: int = 0
    base: float = 0.25
    cap: float = 20.0
    throttled_cap: float = 2.0

    def delay(self, attempt: int, *, throttled: bool = False) -> float:
        most = self.throttled_cap if throttled else self.cap
        return random.uniform(0, min(most, self.base * 2**attempt))  # noqa: S311 - spreading, not secrecy


PATIENT = Retry(throttled_attempts=24)
"""What a run does: a call that was throttled took no effect, and none of a fleet's is to be lost to the others."""


def attempt(
    call: Callable[[], dict[str, Any]], *, operation: str, resource: str, retry: Retry, sleep: Callable[[float], None]
) -> dict[str, Any]:
    """The answer of `call`, after as many attempts as it takes. Raises Failure, and nothing else for AWS's errors."""
    for number in count():
        try:
            return call()
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            failure = translate(error, operation, resource)
            throttled = isinstance(error, ClientError) and is_throttled(error)
            most = max(retry.attempts, retry.throttled_attempts) if throttled else retry.attempts
            if not isinstance(failure, TransientFailure) or number + 1 >= most:
                raise failure from error
            sleep(retry.delay(number, throttled=is_paced(error)))
    raise AssertionError("counting has no end")


def translate(error: ClientError | BotoCoreError | ResponseParserError, operation: str, resource: str) -> Failure:
    """The failure that an error of botocore means."""
    if isinstance(error, ClientError):
        return _from_answer(error, operation, resource)
    about: dict[str, Any] = {"code": type(error).__name__, "operation": operation, "resource": resource}
    if isinstance(error, NO_LOGIN):
        return AccountFailure(
            f"no usable AWS credentials: {error}", **about, advice="Log in, or set a profile or a role."
        )
    if isinstance(error, ConnectionError | HTTPClientError | ResponseParserError):
        return TransientFailure(f"no answer from AWS: {error}", **about)
    return PermanentFailure(str(error), **about)


def is_throttled(error: ClientError) -> bool:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code")
    return code in THROTTLED or status == 429 or (code == CANCELLED and _only_paced(error))


def is_paced(error: ClientError | BotoCoreError | ResponseParserError) -> bool:
    """Whether the call itself came too fast, and not the AssumeRole that botocore makes on the way."""
    return isinstance(error, ClientError) and is_throttled(error) and error.operation_name != "AssumeRole"


def _only_paced(error: ClientError) -> bool:
    codes = {_reason_code(one) for one in error.response.get("CancellationReasons", ())} - {""}
    return bool(codes & PACED) and codes <= {*PACED, CONFLICT}


def _from_answer(error: ClientError, operation: str, resource: str) -> Failure:
    answer = error.response.get("Error", {})
    code, message = str(answer.get("Code", "Unknown")), str(answer.get("Message", "") or "no message")
    about: dict[str, Any] = {"code": code, "operation": operation, "resource": resource}
    about["item"] = error.response.get("Item")  # what a failed condition of DynamoDB met, where that was asked for
    if is_throttled(error):
        return TransientFailure(f"throttled by AWS ({code})", **about)
    if code == CANCELLED:
        return _cancelled(error, message, about)
    if code in PASSING:
        return TransientFailure(f"{code}: {message}", **about)
    if error.operation_name == "AssumeRole":
        return AccountFailure(f"the role cannot be assumed, {code}: {message}", **about, advice="See its trust policy.")
    if code in CREDENTIALS:
        return AccountFailure(f"{code}: {message}", **about, advice="Renew the credentials of this account.")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= 500 and status != 501 and code not in DENIED:  # 501: there is no such operation, and will be none
        return TransientFailure(f"{code}: {message}", **about)
    if code in DENIED:
        return PermanentFailure(
            f"{code}: {message}", **about, advice="See schemas/iam-policy.json for the permissions that are needed."
        )
    if code == "ResourceNotFoundException" and operation.startswith("dynamodb:"):
        return PermanentFailure("the table does not exist.", **about, advice="Make it with: reconcile init --aws")
    return PermanentFailure(f"{code}: {message}", **about)


def _cancelled(error: ClientError, message: str, about: Mapping[str, Any]) -> Failure:
    """Time heals it where it heals every reason. AWS's own message lists a code for every write: it is not told."""
    reasons = [_reason(one, about) for one in error.response.get("CancellationReasons", ())]
    why = [one for one in reasons if one]
    told = "; ".join(sorted({one.message for one in why})) or message
    text = f"a transaction was cancelled by {len(why):,} of its {len(reasons):,} writes: {told}" if why else told
    passing = bool(why) and all(isinstance(one, TransientFailure) for one in why)
    return (TransientFailure if passing else PermanentFailure)(text, **about, reasons=reasons)


def _reason(told: Mapping[str, Any], about: Mapping[str, Any]) -> Failure | None:
    code = _reason_code(told)
    if not code:
        return None
    kind = TransientFailure if code in PACED or code == CONFLICT else PermanentFailure
    return kind(f"{code}: {told.get('Message') or 'no message'}", **{**about, "code": code, "item": told.get("Item")})


def _reason_code(told: Mapping[str, Any]) -> str:
    """Empty for a write that was not why: AWS says "None" of it."""
    code = str(told.get("Code") or "None")
    return "" if code == "None" else code
