"""What the gate says to people, in one sentence for each case. Times are absolute, so that a sentence stays true."""

from datetime import UTC, datetime
from decimal import Decimal

from controller.domain.money import ZERO

NO_BUDGET = "there is no budget, so nothing holds the gate"
NOTHING_YET = "the month has begun, and AWS has counted nothing of it yet"


def spent(amount: Decimal | None, counted: Decimal | None, limit: Decimal, as_of: datetime | None) -> str:
    """`512.30 of 500.00 USD is spent, as of 2026-11-22 06:00 UTC`, and how much of it only the ledger knows."""
    accrued = (amount or ZERO) - (counted or ZERO)
    ledger = f", {accrued:,.2f} of it by the ledger" if accrued else ""
    return f"{amount or ZERO:,.2f} of {limit:,.2f} USD is spent{dated(as_of)}{ledger}"


def expected(forecast: Decimal | None, limit: Decimal, as_of: datetime | None) -> str:
    return f"{forecast or ZERO:,.2f} of {limit:,.2f} USD is expected for the month{dated(as_of)}"


def over(what: str, at_percent: Decimal) -> str:
    return f"{what}, over {percent(at_percent)}"


def still(what: str, at_percent: Decimal) -> str:
    return f"{what}; it was held before, and opens at {percent(at_percent)}"


def awaiting(held_at: Decimal, as_of: datetime | None) -> str:
    last = f"; the last is of {moment(as_of)}" if as_of else ""
    return f"it was held over {percent(held_at)}, and opens only by a new number of AWS for this month{last}"


def alerted(at_percent: Decimal, type_: str, sent_at: datetime, as_of: datetime | None) -> str:
    what = "spend" if type_ == "ACTUAL" else "the forecast"
    last = f", the last of {moment(as_of)}," if as_of else ""
    return f"AWS sent an alert at {moment(sent_at)} that {what} is over {percent(at_percent)}; its numbers{last} lag"


def stale(as_of: datetime | None, hours: int, when: str) -> str:
    last = f"the last is of {moment(as_of)}" if as_of else "there is none of this month"
    return f"AWS has told no number for more than {hours} hours: {last}; the settings say {when}"


def overridden(gate: str, until: datetime | None, reason: str, state: str, message: str) -> str:
    end = f" until {moment(until)}" if until else ""
    why = f": {reason}" if reason else ""
    return f"the manifest says {gate}{end}{why} (by the numbers it is {state}: {message})"


def percent(share: Decimal) -> str:
    return f"{share.normalize():f} %"


def dated(as_of: datetime | None) -> str:
    return f", as of {moment(as_of)}" if as_of else ""


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
