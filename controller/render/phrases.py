"""The words that every output shares, so that one thing has one name everywhere."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from controller.domain.customer import Account, Owner
from controller.domain.kind import Path
from controller.domain.plan import Action, PlannedField
from controller.errors import Failure, TransientFailure
from controller.render.safe_text import clipped, visible

SYMBOLS: dict[Action, str] = {"create": "+", "update": "~", "delete": "-", "adopt": ">"}
VERBS: dict[Action, str] = {"create": "add", "update": "change", "delete": "remove", "adopt": "adopt"}
STYLES: dict[Action, str] = {"create": "green", "update": "yellow", "delete": "red", "adopt": "cyan"}

PLAIN_WORD = re.compile("[a-z_]+")
LISTED = 4
"""How many of a long list are named."""
LONG = 160
"""How much of a long value is shown."""


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 customer`, `1,200 customers`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(items: Sequence[str], *, verbose: bool = False) -> str:
    """`a, b`; a long list is cut: `a, b, c, d and 5 more`."""
    shown = items if verbose or len(items) <= LISTED + 1 else items[:LISTED]
    more = f" and {len(items) - len(shown):,} more" if len(shown) < len(items) else ""
    return ", ".join(visible(item) for item in shown) + more


def moment(at: datetime) -> str:
    """`2026-11-22 06:00 UTC`."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def iso(at: datetime) -> str:
    """`2026-11-22T06:00:00Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def title(owner: Owner) -> str:
    """`acme-genomics (cust_abc123)`, `account default (123456789012)`."""
    if isinstance(owner, Account):
        return visible(f"account {owner.name} ({owner.account_id})")
    return customer_title(owner.name, owner.customer_id)


def customer_title(name: str, customer_id: str) -> str:
    return visible(f"{name} ({customer_id})")


def field_name(path: Path) -> str:
    """`limit`, `tags[daylily:cost_center]`, `rules[TransitionToIA].prefix`: any key but a plain word in brackets."""
    name = "".join(f".{part}" if PLAIN_WORD.fullmatch(part) else f"[{part}]" for part in path)
    return visible(name.removeprefix("."))


def shown(value: str, *, verbose: bool = False) -> str:
    """A value as a person can tell it from nothing: empty and padded ones in quotes, long ones cut."""
    text = value if value and value == value.strip() else f'"{value}"'
    return visible(text) if verbose else clipped(text, LONG)


def by_hand(field: PlannedField) -> str:
    """What somebody did in AWS to a drifted field."""
    did = "removed" if field.before is None else "added" if field.after is None else "changed"
    return f"{did} in AWS by hand"


def reason(failure: Failure) -> str:
    """What did not work, in which operation, with the service's own code: in one line."""
    code = f"{failure.code}: " if failure.code and failure.code not in failure.message else ""
    where = failure.operation + (f" on {failure.resource}" if failure.resource else "")
    return visible(f"{code}{failure.message}" + (f" (in {where})" if where else ""))


def what_to_do(failure: Failure) -> str:
    """Who has to act, and how; time alone where that may heal it."""
    if failure.advice:
        return visible(failure.advice)
    return "It may pass: the next run tries again." if isinstance(failure, TransientFailure) else ""
