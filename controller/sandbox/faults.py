"""Faults on purpose: throttles, errors, delays, cut connections and stale reads, and AWS-like rate limits."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from controller.sandbox.routes import Call
from controller.sandbox.wire import AwsError

FaultKind = Literal["throttle", "error", "latency", "cut_before", "cut_after", "stale", "cancelled"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong, for which calls, and how often.

    service and operation are those of a boto3 client's API ("budgets", "CreateBudget"); an empty operation is any.
    `skip` matching calls pass first, then `times` calls (None = all) meet the fault. `resource` must be a part of the
    call's bucket, budget, table or ARN.

    throttle    refused in the service's own words; `code` and `status` override them
    error       refused with `code` and `status`
    latency     answered, `delay` seconds late
    cut_before  connection closed, nothing done
    cut_after   done, and the connection closed without an answer
    stale       a read answers with what was true before the last write; writes are not touched
    cancelled   a transaction of DynamoDB is cancelled: `reasons` are the codes of its writes, in their order, and what
                they leave out is `None`
    """

    service: str
    operation: str
    kind: FaultKind
    code: str = ""
    status: int = 0
    times: int | None = 1
    skip: int = 0
    delay: float = 0.0
    resource: str = ""
    reasons: tuple[str, ...] = ()

    def fits(self, call: Call) -> bool:
        return (
            self.service == call.service
            and self.operation in ("", call.operation)
            and self.resource in call.resource
            and not (self.kind == "stale" and call.writes)
        )

    def error(self, call: Call) -> AwsError:
        if self.kind == "throttle":
            usual = throttled(call.service)
            return AwsError(self.code or usual.code, usual.message, self.status or usual.status)
        if self.kind == "cancelled":
            return cancelled(self.reasons, len(call.payload.get("TransactItems", ())))
        return AwsError(self.code or "InternalError", "a fault of the sandbox", self.status or 500)


class Faults:
    """The faults waiting for their calls. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[_Armed] = []

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._armed += [_Armed(fault) for fault in faults]

    def clear(self) -> None:
        with self._lock:
            self._armed.clear()

    def meet(self, call: Call) -> tuple[float, Fault | None]:
        """The delay for this call and the fault that decides its fate, if any. Uses up what it returns."""
        delay = 0.0
        with self._lock:
            for armed in self._armed:
                if armed.fault.fits(call) and armed.strikes():
                    delay += armed.fault.delay
                    if armed.fault.kind != "latency":
                        return delay, armed.fault
        return delay, None


class RateLimits:
    """A token bucket per service and account: `rate` requests a second, at most one second's worth at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, str], tuple[float, float]] = {}

    def check(self, call: Call, rate: float | None) -> None:
        """Raise the service's throttling error when the call exceeds `rate`; None is no limit."""
        if rate is None:
            return
        key, now, size = (call.service, call.account), time.monotonic(), max(rate, 1.0)
        with self._lock:
            tokens, then = self._tokens.get(key, (size, now))
            tokens = min(size, tokens + (now - then) * rate)
            self._tokens[key] = (tokens - 1 if tokens >= 1 else tokens, now)
        if tokens < 1:
            raise throttled(call.service)

    def clear(self) -> None:
        with self._lock:
            self._tokens.clear()


def throttled(service: str) -> AwsError:
    """How each service says "slow down"; Budgets answers 400, as it does to everything (botocore model)."""
    code, status = _THROTTLES.get(service, ("ThrottlingException", 400))
    return AwsError(code, "Rate exceeded", status)


def cancelled(codes: Sequence[str], writes: int) -> AwsError:
    """How DynamoDB cancels a transaction: it says of every write whether it was why (botocore model)."""
    whole = [*codes, *["None"] * (writes - len(codes))]
    reasons = [{"Code": code, **({} if code == "None" else {"Message": _REASONS.get(code, code)})} for code in whole]
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(whole)}]"
    return AwsError("TransactionCanceledException", message, 400, more={"CancellationReasons": reasons})


_REASONS = {
    "ConditionalCheckFailed": "The conditional request failed",
    "TransactionConflict": "Transaction is ongoing for the item",
    "ThrottlingError": "Throughput exceeds the current capacity of your table or index.",
    "ProvisionedThroughputExceeded": "The level of configured provisioned throughput for the table was exceeded.",
    "ValidationError": "Item size to update has exceeded the maximum allowed size",
}

_THROTTLES = {
    "budgets": ("ThrottlingException", 400),
    "ce": ("LimitExceededException", 400),
    "cloudwatch": ("Throttling", 400),
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "resourcegroupstaggingapi": ("ThrottledException", 400),
    "s3": ("SlowDown", 503),
    "s3control": ("SlowDown", 503),
    "sns": ("Throttled", 429),
    "sts": ("Throttling", 400),
}


class _Armed:
    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._skip = fault.skip
        self._left = fault.times

    def strikes(self) -> bool:
        if self._skip:
            self._skip -= 1
            return False
        if self._left is None:
            return True
        self._left -= 1
        return self._left >= 0
