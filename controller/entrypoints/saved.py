"""Plans in files: saving one, and planning again by one, so that exactly what was reviewed is carried out."""

import uuid
from datetime import timedelta
from pathlib import Path

from controller.bootstrap import House
from controller.domain.saved_plan import FORMAT, STALE, Basis, PlanOptions, SavedPlan, owner_digests, stale
from controller.entrypoints import terminal
from controller.entrypoints.files import save
from controller.entrypoints.inputs import Inputs
from controller.errors import InvalidInput, Refused
from controller.fleet import FleetPlan, Progress
from controller.render import plan_file
from controller.render.phrases import moment


def write(path: Path, plan: FleetPlan, basis: Basis, options: PlanOptions, hours: int, *, redact: bool) -> None:
    """Saves the plan; a file of that name is replaced in one step, and never half written."""
    saved = SavedPlan(
        format=FORMAT,
        id=uuid.uuid4().hex,
        created=plan.made_at,
        expires=plan.made_at + timedelta(hours=hours),
        basis=basis,
        options=options,
        owners=owner_digests(plan.touched(prune=options.prune)),
    )
    save(path, plan_file.write(plan, saved, redact=redact).encode("ascii"), "the plan")
    terminal.say(f"Saved {path}, good until {moment(saved.expires)}. To apply it: reconcile --apply {path}")


def read(path: Path) -> SavedPlan:
    """What the file says. Raises Refused for one that is not as it was written, InvalidInput where there is none."""
    try:
        with path.open("rb") as file:
            return plan_file.read(file.read(plan_file.MAX_BYTES + 1))
    except OSError as error:
        raise InvalidInput(f"the plan file cannot be read: {path}: {error.strerror}") from error


def basis(given: Inputs, house: House) -> Basis:
    """What a plan is made from and for in this run."""
    settings = given.settings.settings
    return Basis(settings.controller_id, house.account_ids, settings.digest(), given.manifests.digest)


def plan_again(
    saved: SavedPlan, given: Inputs, house: House, tell: Progress = lambda *_: None
) -> tuple[FleetPlan, frozenset[str]]:
    """The plan of the owners that the saved one touches; those that are not as they were are left alone, and named.

    Raises Refused where that are all that there was to do.
    """
    found = house.fleet.plan(given.desired, tell, only=saved.touched)
    moved = stale(saved, found.all_plans())
    plan = found.sparing(moved, STALE)
    if moved and not plan.has_changes(prune=saved.options.prune):
        raise Refused(f"nothing was done, for {', '.join(sorted(moved))}: {STALE}")
    return plan, moved
