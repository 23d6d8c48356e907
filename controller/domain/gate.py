"""The gate: whether a customer may submit a new workset. A pure function of what is known; it never stops running work.

AWS's numbers lag by up to a day, so what the ledger knows of running work is added on top, and how old the numbers are
is part of every answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime

from controller.domain import gate_words as words
from controller.domain.money import ZERO, percent_of
from controller.domain.month import Month

FORMAT = 1

CLOCKS_DIFFER = timedelta(minutes=5)
"""How far ahead of ours the clock that dates an alert may be."""

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

    `spent` is what AWS has counted, as of `spent_as_of`; `accrued` is what has come on top: the ledger's cost of
    worksets that run, and of those that ended since then; where AWS has counted nothing, all that is known to have been
    spent. `limit` None: the customer has no budget.
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
    an override. `spent`, `limit`, `percent` and `as_of` are what it was decided by; `spent` has the accrual in it,
    `counted` is the part of it that AWS has counted. `held_at` is the share of the limit at which the numbers held it,
    for the hysteresis; an override leaves it alone. `notice`: an alert that no numbers have answered yet.
    `version` counts the writes of this item, for the store's optimistic locking.
    """

    customer_id: str
    state: GateState
    reason: str
    message: str
    since: AwareDatetime
    until: AwareDatetime | None = None
    month: str = ""
    spent: Decimal | None = None
    counted: Decimal | None = None
    limit: Decimal | None = None
    percent: Decimal | None = None
    held_at: Decimal | None = None
    as_of: AwareDatetime | None = None
    notice: Notice | None = None
    override: Override = "Auto"
    override_reason: str = ""
    version: int = field(default=0, compare=False)

    @property
    def may_submit(self) -> bool | None:
        """None where the gate is not known."""
        return None if self.state == "unknown" else self.state != "held"


@dataclass(frozen=True, slots=True)
class Turn:
    """One entry of the audit trail: a gate that became another one. `who` ran it; `before` is the state until then."""

    customer_id: str
    at: AwareDatetime
    who: str
    before: GateState
    after: GateState
    reason: str
    message: str
    override: Override = "Auto"
    override_reason: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """What a customer record says of the gate, for whoever takes worksets in. An open gate is `paused` False, alone."""

    paused: bool
    reason: str | None = None
    since: str | None = None


def decide(customer_id: str, facts: Facts, previous: Gate | None, policy: Policy) -> Gate:
    """The gate by these facts, and by what was decided before. docs/gate.md has the table of its cases.

    To decide again by the same facts gives an equal gate. An override is laid over what the numbers say, so that these
    are what counts again once it ends.
    """
    known = _known(facts, previous, policy)
    notice = _unanswered(facts, known, previous)
    ruling = _overridden(_by_numbers(facts, known, notice, previous, policy), facts)
    active = is_active(facts.wish, facts.now)
    return Gate(
        customer_id=customer_id,
        state=ruling.state,
        reason=ruling.reason,
        message=ruling.message,
        since=min(previous.since, facts.now) if previous and previous.state == ruling.state else facts.now,
        until=facts.wish.until if active else Month.of(facts.now).end,
        month=str(Month.of(facts.now)),
        spent=known.spent,
        counted=known.counted,
        limit=facts.limit,
        percent=percent_of(known.spent, facts.limit) if known.spent is not None and facts.limit else None,
        held_at=ruling.held_at,
        as_of=known.as_of,
        notice=notice,
        override=facts.wish.gate if active else "Auto",
        override_reason=facts.wish.reason if active else "",
        version=previous.version if previous else 0,
    )


def is_active(wish: Wish, now: datetime) -> bool:
    """Whether the manifest overrides the gate at this moment; at `until` itself it does not any more."""
    return wish.gate != "Auto" and (wish.until is None or now < wish.until)


def turn(previous: Gate | None, gate: Gate, who: str, now: datetime) -> Turn | None:
    """The entry of the audit trail for this step; None where only figures changed."""
    if previous and _gist(previous) == _gist(gate):
        return None
    before = previous.state if previous else "unknown"
    what = (gate.reason, gate.message, gate.override, gate.override_reason)
    return Turn(gate.customer_id, now, who, before, gate.state, *what)


def pause_of(gate: Gate) -> Pause:
    """What the customer record is to say."""
    if gate.state != "held":
        return Pause(False)
    return Pause(True, gate.message, f"{gate.since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of this month's spend. `is_new`: these facts brought a number that was not known before."""

    spent: Decimal | None
    counted: Decimal | None
    as_of: datetime | None
    is_new: bool


@dataclass(frozen=True, slots=True)
class _Ruling:
    state: GateState
    reason: str
    message: str
    held_at: Decimal | None = None


def _known(facts: Facts, previous: Gate | None, policy: Policy) -> _Known:
    """A number of this month; without one, what was known of this month before, which spend can only have grown from.

    A spend of 0 where AWS had counted some is no number: UpdateBudget zeroes it until AWS has counted again. Neither is
    one that is older than the one before, one of another month, and the 0 that a month reads before AWS has counted any
    of it, where the gate was held.
    """
    month = Month.of(facts.now)
    before = previous if previous and previous.month == str(month) else None
    spent, as_of = facts.spent, facts.spent_as_of
    if spent is None or as_of is None or as_of not in month:
        return _kept(before, facts.accrued)
    zeroed = spent == 0 and bool((before and before.counted) or _is_uncounted(facts, previous, policy))
    late = bool(before and before.as_of and as_of < before.as_of)
    if zeroed or late:
        return _kept(before, spent + facts.accrued)
    is_new = before is None or before.as_of is None or as_of > before.as_of
    return _Known(spent + facts.accrued, spent, as_of, is_new)


def _is_uncounted(facts: Facts, previous: Gate | None, policy: Policy) -> bool:
    """Whether a month that reads 0 may have just begun, and the numbers had held the gate."""
    age = facts.now - Month.of(facts.now).start
    return bool(previous and previous.held_at is not None) and age <= timedelta(hours=policy.max_age_hours)


def _kept(before: Gate | None, at_least: Decimal) -> _Known:
    if before is None or before.spent is None:
        return _Known(at_least or None, None, None, is_new=False)
    return _Known(max(before.spent, at_least), before.counted, before.as_of, is_new=False)


def _unanswered(facts: Facts, known: _Known, previous: Gate | None) -> Notice | None:
    """The last message that an alert of ours which holds was passed, as long as no newer numbers have answered it."""
    notices = [notice for notice in (facts.notice, previous.notice if previous else None) if notice]
    counting = [notice for notice in notices if _counts(notice, facts, known.as_of)]
    return max(counting, key=lambda notice: notice.sent_at, default=None)


def _counts(notice: Notice, facts: Facts, as_of: datetime | None) -> bool:
    timely = notice.sent_at in Month.of(facts.now) and notice.sent_at <= facts.now + CLOCKS_DIFFER
    answered = as_of is not None and as_of > notice.sent_at
    return timely and not answered and any(rung.holds and _is_same(notice, rung, facts.limit) for rung in facts.rungs)


def _is_same(notice: Notice, rung: Rung, limit: Decimal | None) -> bool:
    """Within a cent of the limit: AWS tells the threshold of an alert in whole cents."""
    distance = abs(notice.at_percent - rung.at_percent) * (limit or ZERO)
    return notice.type == rung.type and distance <= 1


def _by_numbers(facts: Facts, known: _Known, notice: Notice | None, previous: Gate | None, policy: Policy) -> _Ruling:
    """What holds comes first, then what keeps a held gate held, then what is not known, then what only warns."""
    if facts.limit is None:
        return _Ruling("open", "NoBudget", words.NO_BUDGET)
    holding = tuple(rung for rung in facts.rungs if rung.holds)
    for rung, what in _passed(holding, facts, known, facts.limit):
        reason = "BudgetExceeded" if rung.type == "ACTUAL" else "ForecastExceeded"
        return _Ruling("held", reason, words.over(what, rung.at_percent), rung.at_percent)
    held_at = previous.held_at if previous and holding else None
    if notice:
        message = words.alerted(notice.at_percent, notice.type, notice.sent_at, known.as_of)
        return _Ruling("held", "AlertReceived", message, held_at)
    is_old = facts.now - (known.as_of or Month.of(facts.now).start) > timedelta(hours=policy.max_age_hours)
    if held_at is not None and not (is_old and known.as_of is None):
        for rung, what in _passed(_lowered(holding, policy.hysteresis_percent), facts, known, facts.limit):
            return _Ruling("held", "Hysteresis", words.still(what, rung.at_percent), held_at)
        if is_old or not known.is_new:
            return _Ruling("held", "AwaitingSpend", words.awaiting(held_at, known.as_of), held_at)
    if is_old:
        message = words.stale(known.as_of, policy.max_age_hours, policy.when_stale)
        holds = policy.when_stale == "hold"
        return _Ruling("held" if holds else "open", "StaleNumbers", message, held_at if holds else None)
    for rung, what in _passed(facts.rungs, facts, known, facts.limit):
        reason = "OverAlert" if rung.type == "ACTUAL" else "ForecastOverAlert"
        return _Ruling("warned", reason, words.over(what, rung.at_percent))
    if known.as_of is None:
        return _Ruling("open", "AwaitingSpend", words.NOTHING_YET)
    return _Ruling("open", "WithinBudget", words.spent(known.spent, known.counted, facts.limit, known.as_of))


def _passed(rungs: Sequence[Rung], facts: Facts, known: _Known, limit: Decimal) -> Iterator[tuple[Rung, str]]:
    """Those that are passed, with what passed them in words: by actual spend first, the highest first.

    The rule is that of the alerts, GREATER_THAN: exactly 100 % is not over 100 %.
    """
    for rung in sorted(rungs, key=lambda rung: (rung.type, -rung.at_percent)):
        actual = rung.type == "ACTUAL"
        amount = known.spent if actual else facts.forecast
        if amount is not None and amount * 100 > rung.at_percent * limit:
            spent = words.spent(known.spent, known.counted, limit, known.as_of)
            yield rung, spent if actual else words.expected(facts.forecast, limit, known.as_of)


def _lowered(rungs: Sequence[Rung], by: Decimal) -> tuple[Rung, ...]:
    return tuple(replace(rung, at_percent=max(rung.at_percent - by, ZERO)) for rung in rungs)


def _overridden(ruling: _Ruling, facts: Facts) -> _Ruling:
    wish = facts.wish
    if not is_active(wish, facts.now):
        return ruling
    message = words.overridden(wish.gate, wish.until, wish.reason, ruling.state, ruling.message)
    return replace(ruling, state="open" if wish.gate == "Open" else "held", reason="Override", message=message)


def _gist(gate: Gate) -> tuple[str, ...]:
    return gate.state, gate.reason, gate.override, gate.override_reason
