"""What an apply did, as JSON for other programs."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from controller import __version__
from controller.domain.outcome import Outcome
from controller.domain.resource import Key
from controller.errors import Failure, TransientFailure
from controller.fleet import FleetPlan, Result
from controller.render.json_text import json_text
from controller.render.plan_document import UnreadableDocument, unreadable
from controller.render.plan_text import staying
from controller.render.result_text import Score, in_order, score

FORMAT_VERSION = "1.0"

ExitReason = Literal["nothing_to_do", "done", "partly_failed", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class FailureDocument:
    """Why something did not work. `transient`: time may heal it; else a person must act, by `advice`."""

    code: str
    operation: str
    message: str
    advice: str
    transient: bool


@dataclass(frozen=True, slots=True)
class OutcomeDocument:
    """The result of one change."""

    kind: str
    name: str
    action: Literal["create", "update", "adopt", "delete"]
    result: Literal["done", "failed", "not_begun"]
    seconds: float
    failure: FailureDocument | None


@dataclass(frozen=True, slots=True)
class OwnerResultDocument:
    """All results of one owner. `stays`: what a prune that let go of the customer left in AWS."""

    id: str
    name: str
    complete: bool
    changes: tuple[OutcomeDocument, ...]
    unreadable: tuple[UnreadableDocument, ...]
    unsaved: FailureDocument | None
    released: bool
    stays: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResultDocument:
    """An apply. `plan_digest` identifies the plan that was carried out."""

    format_version: str
    tool_version: str
    controller_id: str
    plan_digest: str
    exit_reason: ExitReason
    summary: Score
    results: tuple[OwnerResultDocument, ...]


def to_document(plan: FleetPlan, results: Sequence[Result], *, interrupted: bool = False) -> ResultDocument:
    """The document; accounts first, then customers by id. `interrupted`: the run was stopped by a person."""
    ordered = in_order(results)
    total = score(ordered)
    orphans = {one.plan.owner.id: [str(key) for key in staying(one)] for one in plan.orphans}
    return ResultDocument(
        format_version=FORMAT_VERSION,
        tool_version=__version__,
        controller_id=plan.controller_id,
        plan_digest=plan.digest,
        exit_reason=exit_reason(ordered, interrupted=interrupted),
        summary=total,
        results=tuple(_owner(one, orphans.get(one.plan.owner.id, [])) for one in ordered),
    )


def to_json(plan: FleetPlan, results: Sequence[Result], *, interrupted: bool = False) -> str:
    """The document as text, ending in a newline."""
    return json_text(asdict(to_document(plan, results, interrupted=interrupted)))


def exit_reason(results: Sequence[Result], *, interrupted: bool = False) -> ExitReason:
    """Why the run ended as it did. `failed`: no owner was served; `partly_failed`: some were not, the others were."""
    total = score(results)
    if interrupted:
        return "interrupted"
    incomplete = sum(not result.complete for result in results)
    if incomplete:
        return "failed" if incomplete == len(results) else "partly_failed"
    return "done" if total.done or total.released else "nothing_to_do"


def _owner(result: Result, stays: list[str]) -> OwnerResultDocument:
    return OwnerResultDocument(
        id=result.plan.owner.id,
        name=result.plan.owner.name,
        complete=result.complete,
        changes=tuple(_outcome(one) for one in result.outcomes),
        unreadable=unreadable(result.plan.problems),
        unsaved=_failure(result.unsaved),
        released=result.released and not result.unsaved,
        stays=tuple(stays) if result.released else (),
    )


def _outcome(outcome: Outcome) -> OutcomeDocument:
    key: Key = outcome.change.key
    return OutcomeDocument(
        kind=key.kind,
        name=key.name,
        action=outcome.change.action,
        result="done" if outcome.ok else "failed" if outcome.tried else "not_begun",
        seconds=round(outcome.seconds, 3),
        failure=_failure(outcome.failure),
    )


def _failure(failure: Failure | None) -> FailureDocument | None:
    if failure is None:
        return None
    return FailureDocument(
        failure.code,
        failure.operation,
        failure.message,
        failure.advice,
        isinstance(failure, TransientFailure),
    )
