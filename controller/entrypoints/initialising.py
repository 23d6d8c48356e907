"""The command `init`."""

from pathlib import Path

import click

from controller.bootstrap import home_door
from controller.entrypoints import exit_codes, inputs, terminal
from controller.store import tables


def init(*, settings: Path | None, make: bool, print_: bool) -> int:
    """Makes the tables, or prints the template that does."""
    loaded = inputs.read_settings(settings, {}).settings
    if print_:
        terminal.write(tables.cloudformation(loaded.tables))
    elif make:
        for line in tables.make(home_door(loaded), loaded.tables):
            terminal.show(line)
    else:
        raise click.UsageError("say --aws to make the tables, or --print for a CloudFormation template.")
    return exit_codes.OK
