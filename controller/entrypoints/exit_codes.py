"""The exit codes, all of them; docs/commands.md has the same table."""

OK = 0
ERROR = 1
CHANGES = 2
"""Only with --detailed-exitcode: there is something to apply."""
INVALID = 3
"""Manifests or settings are wrong; nothing was done."""
REFUSED = 4
"""A guard said no; nothing was done."""
PARTIAL = 5
"""Some customers failed, the others are done."""
HELD = 10
"""Only `gate`: the customer may submit no new worksets."""
USAGE = 64
INTERRUPTED = 130
