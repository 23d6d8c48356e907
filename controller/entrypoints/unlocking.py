"""The command `unlock`."""

from pathlib import Path

import click

from controller.bootstrap import build
from controller.entrypoints import exit_codes, inputs, terminal
from controller.store.lease import collect_lease


def unlock(*, settings: Path | None, controller_id: str | None, yes: bool) -> int:
    """Shows the holders of all leases of these settings, and takes them away where a person says so."""
    loaded = inputs.read_settings(settings, {"controller_id": controller_id})
    house = build(loaded.settings, loaded.origin)
    names = [*sorted(house.lease_names.values()), collect_lease(loaded.settings.controller_id)]
    holders = [house.leases.holder(name) for name in names]
    held = [holder for holder in holders if holder]
    for holder in held:
        terminal.show(str(holder))
    if not held:
        terminal.show("No lease is held.")
        return exit_codes.OK
    if not yes and not terminal.asks():
        raise click.UsageError("there is nobody to ask here: pass --yes to take the leases away.")
    if not yes and not click.confirm("Is its holder dead, and shall it be taken away?", err=True):
        return exit_codes.ERROR
    for holder in held:
        freed = house.leases.free(holder)
        terminal.show(f"{holder.name}: {'free' if freed else 'held by somebody else by now, left alone'}")
    return exit_codes.OK
