"""The commands `plan` and `apply`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from controller.bootstrap import House, build, count_calls
from controller.entrypoints import exit_codes, inputs, terminal
from controller.errors import Refused
from controller.fleet import FleetPlan, Hold, Result, Unheld
from controller.render import plan_document, plan_markdown, plan_text, result_document, result_text


@dataclass(frozen=True, slots=True)
class _Run:
    """What `plan` and `apply` have in common: the inputs, the house, and the plan made with them."""

    given: inputs.Inputs
    house: House
    plan: FleetPlan


def plan(*, form: str, detailed_exitcode: bool, verbose: bool, prune: bool, **options: Any) -> int:
    """Shows the plan. Exit 2 only where asked for, 5 where something could not be read."""
    run = _make_plan(verbose=verbose, **options)
    _show_plan(run.plan, form, verbose=verbose, prune=prune)
    for refusal in run.plan.refusals(prune=prune):
        terminal.say(f"An apply would be refused: {refusal}")
    _show_calls(run.house, verbose=verbose)
    return _plan_exit_code(run, detailed=detailed_exitcode, prune=prune)


def apply(*, form: str, yes: bool, verbose: bool, prune: bool, quiet: bool, lock_timeout: float, **options: Any) -> int:
    """Plans, checks, asks, applies and tells. Writes statuses even where nothing changes in AWS, if they say new."""
    run = _make_plan(verbose=verbose, quiet=quiet, **options)
    changes = run.plan.has_changes(prune=prune)
    if form == "text" and (changes or run.plan.orphans):
        _show_plan(run.plan, form, verbose=verbose, prune=prune)
    run.plan.guard(prune=prune)
    if changes and not _confirmed(yes=yes):
        terminal.say("Nothing was applied.")
        return exit_codes.ERROR
    with terminal.stoppable() as stopped, terminal.progress(quiet=quiet) as tell:
        with _held(run, prune=prune, timeout=lock_timeout) as hold:
            run = _made_anew(run, yes=yes, prune=prune) if hold else run
            results = run.house.fleet.apply(run.plan, hold or Unheld(), prune=prune, stop=stopped, progress=tell)
        interrupted = stopped()
    if form == "json":
        terminal.write(result_document.to_json(run.plan, results, interrupted=interrupted))
    else:
        terminal.show(result_text.render(run.plan, results, verbose=verbose))
    _show_calls(run.house, verbose=verbose)
    return exit_codes.INTERRUPTED if interrupted else _apply_exit_code(results, run.given)


@contextmanager
def _held(run: _Run, *, prune: bool, timeout: float) -> Iterator[Hold | None]:
    """The leases of all accounts; None where nothing at all is written, and so none is needed."""
    if run.house.fleet.is_idle(run.plan, prune=prune):
        yield None
        return
    with run.house.leases.hold(run.house.lease_names, timeout) as hold:
        yield hold


def _made_anew(run: _Run, *, yes: bool, prune: bool) -> _Run:
    """The run as it is, or planned again where another one wrote before the leases were ours."""
    if not run.house.fleet.has_moved(run.plan):
        return run
    plan = run.house.fleet.plan(run.given.desired)
    if plan.digest != run.plan.digest and not yes:
        raise Refused("nothing was done: another apply ran in the meantime and the plan is not the one that you saw")
    plan.guard(prune=prune)
    return replace(run, plan=plan)


def _make_plan(
    *,
    paths: Sequence[Path],
    settings: Path | None,
    controller_id: str | None,
    keep_going: bool,
    full: bool,
    max_change: int | None,
    max_remove: int | None,
    verbose: bool,
    quiet: bool,
) -> _Run:
    overrides = {
        "controller_id": controller_id,
        "safety.max_change_percent": max_change,
        "safety.max_remove_percent": max_remove,
    }
    given = inputs.read(paths, settings, overrides, keep_going=keep_going)
    loaded = given.settings
    house = build(loaded.settings, loaded.origin, commit=inputs.git_commit(paths), full=full)
    with terminal.progress(quiet=quiet) as tell:
        return _Run(given, house, house.fleet.plan(given.desired, tell))


def _show_plan(fleet_plan: FleetPlan, form: str, *, verbose: bool, prune: bool) -> None:
    if form == "json":
        terminal.write(plan_document.to_json(fleet_plan, prune=prune))
    elif form == "markdown":
        terminal.write(plan_markdown.render(fleet_plan, prune=prune))
    else:
        terminal.show(plan_text.render(fleet_plan, verbose=verbose, prune=prune))


def _show_calls(house: House, *, verbose: bool) -> None:
    paid = sum(door.paid_calls for door in house.doors)
    if verbose:
        for name, count in count_calls(house.doors):
            terminal.say(f"{count:>7}  {name}")
    if paid:
        terminal.say(f"Paid calls to Cost Explorer: {paid}, ${paid / 100:.2f}")


def _confirmed(*, yes: bool) -> bool:
    if yes:
        return True
    if not terminal.asks():
        raise click.UsageError("there is nobody to ask here: pass --yes to apply without being asked.")
    return click.confirm("Apply?", err=True)


def _plan_exit_code(run: _Run, *, detailed: bool, prune: bool) -> int:
    plans = [*run.plan.plans, *(orphan.plan for orphan in run.plan.orphans)]
    failed = _failure_code([bool(plan.failures) for plan in plans], run.given)
    if failed is not None:
        return failed
    return exit_codes.CHANGES if detailed and run.plan.has_changes(prune=prune) else exit_codes.OK


def _apply_exit_code(results: Sequence[Result], given: inputs.Inputs) -> int:
    failed = _failure_code([result.failed for result in results], given)
    return exit_codes.OK if failed is None else failed


def _failure_code(failed: Sequence[bool], given: inputs.Inputs) -> int | None:
    """1 where everything failed, 5 where some did, or where some manifests were left out; None where nothing did."""
    if failed and all(failed):
        return exit_codes.ERROR
    return exit_codes.PARTIAL if any(failed) or not given.manifests.complete else None
