"""The commands `plan` and `apply`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from controller import bootstrap
from controller.bootstrap import House, count_calls
from controller.domain.saved_plan import STALE, PlanOptions, SavedPlan, check_age, check_basis
from controller.entrypoints import exit_codes, inputs, saved, terminal
from controller.errors import Refused
from controller.fleet import FleetPlan, Hold, Progress, Result, Unheld
from controller.render import emails, plan_document, plan_markdown, plan_text, result_document, result_text


@dataclass(frozen=True, slots=True)
class _Run:
    """What `plan` and `apply` have in common: the inputs, the house, and the plan made with them.

    `saved`: the plan from a file that is carried out, and `stale` those of its owners that are not as they were.
    """

    given: inputs.Inputs
    house: House
    plan: FleetPlan
    options: PlanOptions
    saved: SavedPlan | None = None
    stale: frozenset[str] = frozenset()


def plan(
    *,
    form: str,
    detailed_exitcode: bool,
    out: Path | None,
    redact: bool,
    verbose: bool,
    quiet: bool,
    settings: Path | None,
    controller_id: str | None,
    **options: Any,
) -> int:
    """Shows the plan, and saves it where that is asked for and the guards have nothing against it.

    Exit 2 only where asked for, 5 where something could not be read.
    """
    run = _make_run(_options(**options), settings, controller_id, quiet=quiet)
    prune = run.options.prune
    _show_plan(run, form, verbose=verbose, redact=redact)
    _show_calls(run.house, verbose=verbose)
    if out:
        run.plan.guard(prune=prune)
        hours = run.given.settings.settings.plan_ttl_hours
        saved.write(out, run.plan, saved.basis(run.given, run.house), run.options, hours, redact=redact)
    for refusal in run.plan.refusals(prune=prune):
        terminal.say(f"An apply would be refused: {refusal}")
    return _plan_exit_code(run, detailed=detailed_exitcode, prune=prune)


def apply(
    *,
    plan_file: Path | None,
    form: str,
    yes: bool,
    verbose: bool,
    quiet: bool,
    lock_timeout: float,
    settings: Path | None,
    controller_id: str | None,
    **options: Any,
) -> int:
    """Plans, checks, asks, applies and tells. Writes statuses even where nothing changes in AWS, if they say new."""
    how = _options(**options)
    if plan_file is None:
        run = _make_run(how, settings, controller_id, quiet=quiet)
    else:
        run = _make_run_of(plan_file, how, settings, controller_id, quiet=quiet)
        if not run.saved or not run.saved.owners:
            terminal.say("Nothing to do: the saved plan has no changes.")
            return exit_codes.OK
    prune = run.options.prune
    changes = run.plan.has_changes(prune=prune)
    if form == "text" and (changes or run.plan.orphans):
        _show_plan(run, form, verbose=verbose)
    run.plan.guard(prune=prune)
    if changes and not _confirmed(yes=yes):
        terminal.say("Nothing was applied.")
        return exit_codes.ERROR
    with terminal.stoppable() as stopped, terminal.progress(quiet=quiet) as tell:
        with _held(run, prune=prune, timeout=lock_timeout) as hold:
            run = _made_anew(run, yes=yes, prune=prune) if hold else run
            _note_begun(run)
            results = run.house.fleet.apply(run.plan, hold or Unheld(), prune=prune, stop=stopped, progress=tell)
        interrupted = stopped()
    if form == "json":
        terminal.write(result_document.to_json(run.plan, results, interrupted=interrupted))
    else:
        terminal.show(result_text.render(run.plan, results, verbose=verbose))
    _show_stale(run)
    _show_calls(run.house, verbose=verbose)
    return exit_codes.INTERRUPTED if interrupted else _apply_exit_code(results, run)


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
    again = _planned(run)
    if again.plan.digest != run.plan.digest and not yes:
        raise Refused("nothing was done: another apply ran in the meantime and the plan is not the one that you saw")
    again.plan.guard(prune=prune)
    return again


def _planned(run: _Run, tell: Progress = lambda *_: None) -> _Run:
    """The run with a plan made now."""
    if run.saved is None:
        return replace(run, plan=run.house.fleet.plan(run.given.desired, tell))
    plan, stale = saved.plan_again(run.saved, run.given, run.house, tell)
    return replace(run, plan=plan, stale=stale)


def _note_begun(run: _Run) -> None:
    """A saved plan is applied once, also where that ends in the middle: so this is noted before the first change."""
    if run.saved:
        run.house.applied_plans.begin(run.saved.id, run.plan.controller_id, run.house.clock())


def _options(*, paths: Sequence[Path], **options: Any) -> PlanOptions:
    return PlanOptions(paths=tuple(str(path) for path in paths), **options)


def _make_run(options: PlanOptions, settings: Path | None, controller_id: str | None, *, quiet: bool) -> _Run:
    given, house = _prepared(options, settings, controller_id)
    with terminal.progress(quiet=quiet) as tell:
        return _Run(given, house, house.fleet.plan(given.desired, tell), options)


def _make_run_of(
    file: Path, options: PlanOptions, settings: Path | None, controller_id: str | None, *, quiet: bool
) -> _Run:
    """The run of a saved plan, by the options that it was made with; all that may speak against it is checked."""
    if options != PlanOptions():
        raise click.UsageError("a saved plan is applied with the options that it was made with: leave them out here.")
    it = saved.read(file)
    check_age(it, bootstrap.utc_now())
    given, house = _prepared(it.options, settings, controller_id)
    check_basis(it, saved.basis(given, house))
    house.applied_plans.check(it.id)
    empty = FleetPlan((), (), 0, it.basis.controller_id, it.created, {})
    run = _Run(given, house, empty, it.options, it)
    if not it.owners:
        return run
    with terminal.progress(quiet=quiet) as tell:
        return _planned(run, tell)


def _prepared(options: PlanOptions, settings: Path | None, controller_id: str | None) -> tuple[inputs.Inputs, House]:
    overrides = {
        "controller_id": controller_id,
        "safety.max_change_percent": options.max_change,
        "safety.max_remove_percent": options.max_remove,
    }
    paths = [Path(path) for path in options.paths]
    given = inputs.read(paths, settings, overrides, keep_going=options.keep_going, allow=options.allow)
    loaded = given.settings
    house = bootstrap.build(
        loaded.settings,
        loaded.origin,
        commit=inputs.git_commit(paths),
        full=options.full,
        allow=options.allow,
        take_over=options.take_over,
    )
    for _, door in house.accounts.values():
        door.prepare(bootstrap.SOON)
    return given, house


def _show_plan(run: _Run, form: str, *, verbose: bool, redact: bool = False) -> None:
    fleet_plan, prune = run.house.estimates.noted(run.plan), run.options.prune
    if form == "text":
        page = plan_text.render(fleet_plan, verbose=verbose, prune=prune)
        terminal.show(emails.hidden_on(page) if redact else page)
        return
    render = plan_document.to_json if form == "json" else plan_markdown.render
    text = render(fleet_plan, prune=prune)
    terminal.write(emails.hidden(text) if redact else text)


def _show_stale(run: _Run) -> None:
    if run.stale:
        terminal.say(f"Stale, left alone: {', '.join(sorted(run.stale))}. {STALE}")


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
    plans = run.plan.all_plans()
    failed = _failure_code([bool(plan.failures) for plan in plans], run.given)
    if failed is not None:
        return failed
    return exit_codes.CHANGES if detailed and run.plan.has_changes(prune=prune) else exit_codes.OK


def _apply_exit_code(results: Sequence[Result], run: _Run) -> int:
    failed = _failure_code([result.failed for result in results], run.given)
    if failed is None:
        return exit_codes.PARTIAL if run.stale else exit_codes.OK
    return failed


def _failure_code(failed: Sequence[bool], given: inputs.Inputs) -> int | None:
    """1 where everything failed, 5 where some did, or where some manifests were left out; None where nothing did."""
    if failed and all(failed):
        return exit_codes.ERROR
    return exit_codes.PARTIAL if any(failed) or not given.manifests.complete else None
