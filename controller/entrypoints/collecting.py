"""The command `collect`."""

from pathlib import Path

from controller import bootstrap
from controller.bootstrap import CollectHouse, count_calls
from controller.collect import LEASE, Collected
from controller.domain.month import Month
from controller.entrypoints import exit_codes, inputs, terminal
from controller.entrypoints.telling import tell
from controller.render import collected_text
from controller.render.safe_text import visible


def collect(
    *,
    paths: tuple[Path, ...],
    settings: Path | None,
    controller_id: str | None,
    month: Month | None,
    fresh: bool,
    lock_timeout: float,
    verbose: bool,
    quiet: bool,
    form: str,
) -> int:
    """Reads usage and cost and stores them, under a lease of its own. Exit 5 where something could not be read."""
    given = inputs.read(paths, settings, {"controller_id": controller_id}, keep_going=False)
    house = bootstrap.collect_house(given.settings.settings, given.settings.origin)
    months = None if month is None else [month]
    with (
        house.leases.hold({LEASE: house.lease}, lock_timeout, what="collect") as hold,
        terminal.progress(quiet=quiet) as tell,
    ):
        collected = house.collector.collect(given.manifests.customers, hold, months, force_costs=fresh, progress=tell)
    _tell(collected, house, form, verbose=verbose)
    return exit_codes.PARTIAL if collected.problems else exit_codes.OK


def _tell(collected: Collected, house: CollectHouse, form: str, *, verbose: bool) -> None:
    """What was paid is what the doors counted: also pages of a reading that failed in the end."""
    pages = sum(door.paid_calls for door in house.doors)
    tell(
        form,
        page=lambda: collected_text.page(collected),
        table=lambda: collected_text.to_table(collected),
        document=lambda: collected_text.document(collected, pages),
    )
    for problem in collected.problems:
        terminal.complain(problem)
    for note in collected.notes:
        terminal.say(f"Note: {visible(note)}")
    if verbose:
        for name, count in count_calls(house.doors):
            terminal.say(f"{count:>7}  {name}")
    terminal.say(collected_text.paid(pages))
