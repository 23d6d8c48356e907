"""Everything that can go wrong, as one tree.

    ReconcileError             the tool cannot do what was asked; its text says what, where, why and what to do
    |-- InvalidInput           manifests or settings are wrong; nothing was done
    |-- Refused                a guard said no; nothing was done
    `-- Failure                an outside thing did not answer as it should
        |-- TransientFailure   time may heal it: throttling, a lost connection, a conflict
        `-- PermanentFailure   a person must act: a permission, a missing bucket, a wrong value
            `-- AccountFailure nothing in this account can work: its credentials are refused

aws/call.py translates botocore's errors into failures; the flow turns a failure into an outcome or an unread key. What
is no failure at all is a bug: `unexpected` makes it one, so that a bug in one kind does not stop the others.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

_log = logging.getLogger(__name__)


class ReconcileError(Exception):
    """Base of all expected errors: shown as its text, without a traceback."""


class InvalidInput(ReconcileError):
    """Manifests or settings that cannot be used."""


class Refused(ReconcileError):
    """A guard stopped the run. The text names the option that would allow it."""


class Failure(ReconcileError):
    """One thing outside did not work.

    `code` is the service's own error code; `operation` reads `service:Operation`; `resource` names what it was
    about; `advice` says what a person can do, or is empty; `item` is the DynamoDB item that a condition met. `reasons`
    are those of a transaction of DynamoDB that was cancelled: one for each write in it, None where that was not why.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        operation: str = "",
        resource: str = "",
        advice: str = "",
        item: Mapping[str, Any] | None = None,
        reasons: "Sequence[Failure | None]" = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.operation = operation
        self.resource = resource
        self.advice = advice
        self.item = item
        self.reasons = tuple(reasons)

    def __str__(self) -> str:
        what = f"{self.operation} on {self.resource}" if self.operation and self.resource else self.operation
        text = f"{what}: {self.message}" if what else self.message
        if not self.advice:
            return text
        return f"{text} {self.advice}" if text.endswith((".", "!", "?")) else f"{text}. {self.advice}"


class TransientFailure(Failure):
    """Time may heal it: the next run tries again."""


class PermanentFailure(Failure):
    """A person must act; trying again changes nothing."""


class AccountFailure(PermanentFailure):
    """The account's credentials are missing, expired or refused: every call to it would fail alike."""


def unexpected(error: Exception, resource: str) -> PermanentFailure:
    """The failure that stands for a bug: told with its traceback, and kept to the one thing it happened to."""
    _log.error("unexpected error with %s", resource, exc_info=error)
    return PermanentFailure(
        f"{type(error).__name__}: {error}",
        code=type(error).__name__,
        resource=resource,
        advice="This is a bug in reconcile: please report it with the traceback above.",
    )
