"""The gate: whether a customer may submit a new workset. A pure function of what is known; it never stops running work.

AWS's numbers lag by up to a day, so what the ledger knows of running work is added on top, and how old the numbers are
is part of every answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

GateState = Literal["open", "warned", "held", "unknown"]
Override = Literal["Auto", "Open", "Hold"]


@dataclass(frozen=True, slots=True)
class Rung:
    """An alert of the budget, as far as the gate is concerned: over `at_percent` of the limit it holds, or only warns.

    `type`: whether it looks at what was spent so far, or at what the month is expected to cost.
    """

    at_percent: Decimal
    type: Literal["ACTUAL", "FORECASTED"]
    holds: bool


@dataclass(frozen=True, slots=True)
class Wish:
    """What the manifest says about the gate. After `until` an override counts as Auto again."""

    gate: Override = "Auto"
    reason: str = ""
    until: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """A budget alert that arrived by the queue: AWS says that spend is over `at_percent`, before its numbers do."""

    at_percent: Decimal
    type: Literal["ACTUAL", "FORECASTED"]
    sent_at: AwareDatetime


@dataclass(frozen=True, slots=True)
class Facts:
    """What the gate is decided by. Amounts are USD of the running month; None: not known.

    `spent` is what AWS has counted, as of `spent_as_of`; `accrued` is the ledger's cost of worksets that run, and of
    those that ended since then. `limit` None: the customer has no budget.
    """

    now: datetime
    limit: Decimal | None
    spent: Decimal | None
    spent_as_of: datetime | None
    forecast: Decimal | None = None
    accrued: Decimal = Decimal(0)
    rungs: Sequence[Rung] = ()
    wish: Wish = Wish()
    notice: Notice | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """The settings of the gate. `when_stale`: what to do when the numbers are older than `max_age_hours`."""

    hysteresis_percent: Decimal = Decimal(2)
    max_age_hours: int = 36
    when_stale: Literal["open", "hold"] = "open"


@dataclass(frozen=True, slots=True)
class Gate:
    """A decision. `reason` is one CamelCase word for machines, `message` a sentence for people.

    `since` moves only when `state` does. `until`: when it is decided anew at the latest: the end of the month, or of
    an override. `spent`, `limit`, `percent` and `as_of` are what it was decided by; `spent` has the accrual in it.
    `held_at` is the share of the limit at which it was held, for the hysteresis.
    """

    customer_id: str
    state: GateState
    reason: str
    message: str
    since: AwareDatetime
    until: AwareDatetime | None = None
    month: str = ""
    spent: Decimal | None = None
    limit: Decimal | None = None
    percent: Decimal | None = None
    held_at: Decimal | None = None
    as_of: AwareDatetime | None = None
    override: Override = "Auto"

    @property
    def may_submit(self) -> bool | None:
        """None where the gate is not known."""
        return None if self.state == "unknown" else self.state != "held"
