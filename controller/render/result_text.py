"""What an apply did, as kubectl says it: one line for each change, then what failed and why, then one summary line."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from controller.domain.customer import Customer
from controller.domain.outcome import Outcome
from controller.domain.plan import Action
from controller.errors import Failure
from controller.fleet import FleetPlan, Orphan, Result
from controller.render.page import Line, Page, Remade, line, spaced
from controller.render.phrases import STYLES, count, listed, reason, title, what_to_do
from controller.render.plan_text import staying
from controller.render.safe_text import width
from controller.render.shared_failures import shared_failures, sign
from controller.render.tally import tally

DONE: dict[Action, str] = {"create": "created", "update": "configured", "delete": "removed", "adopt": "adopted"}
NAME_COLUMNS = 64
"""Up to which length names make the words behind them line up."""


def render(plan: FleetPlan, results: Sequence[Result], *, verbose: bool = False) -> Page:
    """The outcomes of `plan` in order of owners. `verbose` cuts no list."""
    return Page(Remade(lambda: _lines(plan, results, verbose=verbose)))


def _lines(plan: FleetPlan, results: Sequence[Result], *, verbose: bool) -> Iterator[Line]:
    ordered = in_order(results)
    columns = min(_widest(ordered), NAME_COLUMNS)
    orphans = {orphan.plan.owner.id: orphan for orphan in plan.orphans}
    done = (row(outcome, columns) for result in ordered for outcome in result.outcomes)
    let_go = (_released(orphans[one.plan.owner.id], one, verbose=verbose) for one in ordered if one.released)
    failed = _failures(ordered, verbose=verbose)
    summary = line((summary_line(plan, ordered), "bold"))
    return spaced((chain(done, let_go), failed, (summary,)))


def row(outcome: Outcome, columns: int = 0) -> Line:
    """`budget/daylily-cust_abc123-monthly  configured   0.4 s`: for printing a change as it ends, too."""
    text, style = word(outcome)
    name = line(f"{outcome.change.key.kind}/{outcome.change.key.name}")
    told = name.at(columns + 2, (f"{text:<10}", style))
    if not outcome.tried:
        return told
    why = f"   {outcome.failure.code}" if outcome.failure and outcome.failure.code else ""
    return Line((*told.spans, *line(f"  {outcome.seconds:6.1f} s", (why, style)).spans))


def word(outcome: Outcome) -> tuple[str, str]:
    """What became of a change, and its style."""
    if not outcome.tried:
        return "not begun", "yellow"
    if outcome.failure:
        return "FAILED", "bold red"
    return DONE[outcome.change.action], STYLES[outcome.change.action]


def in_order(results: Iterable[Result]) -> list[Result]:
    """Accounts first, then customers by id."""
    return sorted(results, key=lambda result: (isinstance(result.plan.owner, Customer), result.plan.owner.id))


@dataclass(frozen=True, slots=True)
class Score:
    """How many changes were done, failed or never begun, and how many owners did not get all they asked for."""

    done: int
    failed: int
    not_begun: int
    owners: int
    failed_owners: int
    unread: int
    unsaved: int
    released: int

    @property
    def changes(self) -> int:
        return self.done + self.failed + self.not_begun


def score(results: Sequence[Result]) -> Score:
    """Counts the results once. A change that was not begun did not fail."""
    outcomes = [outcome for result in results for outcome in result.outcomes]
    not_begun = sum(not outcome.tried for outcome in outcomes)
    done = sum(outcome.ok for outcome in outcomes)
    return Score(
        done=done,
        failed=len(outcomes) - done - not_begun,
        not_begun=not_begun,
        owners=len(results),
        failed_owners=sum(result.failed for result in results),
        unread=sum(bool(result.plan.problems) for result in results),
        unsaved=sum(result.unsaved is not None for result in results),
        released=sum(result.released and not result.unsaved for result in results),
    )


def summary_line(plan: FleetPlan, results: Sequence[Result]) -> str:
    """The one line that an apply ends in."""
    total = score(results)
    if not (total.changes or total.failed_owners or total.released):
        matching = tally(plan).summary.removeprefix("No changes. ")
        return f"Nothing to do: {matching}"
    clauses = [
        (total.failed, f"{total.failed:,} failed"),
        (total.not_begun, f"{total.not_begun:,} not begun"),
        (total.released, f"Let go of {count(total.released, 'customer')}"),
        (total.unread, f"{count(total.unread, 'owner')} could not be read completely"),
        (total.unsaved, f"{count(total.unsaved, 'status', 'statuses')} could not be saved"),
    ]
    told = ". ".join(text for number, text in clauses if number)
    applied = f"Applied {total.done:,} of {count(total.changes, 'change')}." if total.changes else "Nothing applied."
    again = " Run it again: what is done is not done twice." if total.failed_owners or total.not_begun else ""
    return f"{applied}{f' {told}.' if told else ''}{again}"


def _widest(results: Iterable[Result]) -> int:
    keys = (outcome.change.key for result in results for outcome in result.outcomes)
    return max((width(str(line(f"{key.kind}/{key.name}"))) for key in keys), default=0)


def _released(orphan: Orphan, result: Result, *, verbose: bool) -> Line:
    """A customer that was let go of, and what of it stays in AWS."""
    names = [f"{key.kind}/{key.name}" for key in staying(orphan)]
    stays = f"; stays in AWS as it is: {listed(names, verbose=verbose)}" if names else "; nothing of it is in AWS"
    word = ("NOT let go of", "bold red") if result.unsaved else ("let go of", "cyan")
    return line(f"{title(result.plan.owner)}  ", word, stays)


def _failures(results: Sequence[Result], *, verbose: bool) -> Iterator[Line]:
    """What did not work, each with what a person can do; what many owners share is told once, and first."""
    met = [(result.plan.owner, list(_met(result))) for result in results]
    shared = shared_failures((owner, kind, failure) for owner, found in met for kind, _, failure in found)
    for one in shared.values():
        owners = listed([title(owner) for owner in one.owners], verbose=verbose)
        yield line((f"account {one.account}", "bold"), f"  {count(len(one.owners), 'owner')}: {owners}")
        yield from _failure(listed(one.kinds), one.failure)
    for owner, found in met:
        own = [(what, failure) for _, what, failure in found if sign(owner, failure) not in shared]
        if own:
            yield line((title(owner), "bold"))
        for what, failure in own:
            yield from _failure(what, failure)


def _met(result: Result) -> Iterator[tuple[str, str, Failure]]:
    """What failed of one owner: the kind, the thing in words, and why."""
    for outcome in result.outcomes:
        key = outcome.change.key
        if outcome.tried and outcome.failure:
            yield key.kind, f"{key.kind}/{key.name}", outcome.failure
    for unknown in result.plan.problems:
        key = unknown.key
        what = "was left alone" if result.plan.refused else "could not be read"
        yield key.kind, f"{key.kind}/{key.name} {what}", unknown.failure
    if result.unsaved:
        yield "status", "the status could not be saved", result.unsaved


def _failure(what: str, failure: Failure) -> Iterator[Line]:
    yield line("  ", ("FAILED", "bold red"), f"  {what}")
    yield line(f"          {reason(failure)}")
    if what_to_do(failure):
        yield line(f"          {what_to_do(failure)}")
