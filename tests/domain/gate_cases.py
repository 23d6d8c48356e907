"""The gate's table of cases: what was before, what is known, what follows, and why. docs/gate.md shows it.

The limit is 500 USD, alerts warn over 50 % and hold over 100 %, it is 22 November 2026, 06:00, where a case says no
other; `earlier` is the gate that was held over 100 % by 512 USD two days before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from controller.domain.gate import Facts, Gate, GateState, Notice, Policy, Rung, Wish

NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
NEW_MONTH = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)
MONTH_END = datetime(2026, 12, 1, tzinfo=UTC)
LADDER = (
    Rung(Decimal(50), "ACTUAL", holds=False),
    Rung(Decimal(100), "ACTUAL", holds=True),
)
FORECAST_HOLDS = (Rung(Decimal(120), "FORECASTED", holds=True),)
FORECAST_WARNS = (Rung(Decimal(100), "FORECASTED", holds=False), Rung(Decimal(100), "ACTUAL", holds=True))
DEFAULT, CLOSED = Policy(), Policy(when_stale="hold")
WAS_HELD = Gate(
    customer_id="acme",
    state="held",
    reason="BudgetExceeded",
    message="",
    since=NOW - timedelta(days=2),
    until=MONTH_END,
    month="2026-11",
    spent=Decimal(512),
    counted=Decimal(512),
    limit=Decimal(500),
    percent=Decimal("102.4"),
    held_at=Decimal(100),
    as_of=NOW - timedelta(hours=9),
)
WAS_OPEN = replace(
    WAS_HELD,
    state="open",
    reason="WithinBudget",
    spent=Decimal(200),
    counted=Decimal(200),
    percent=Decimal(40),
    held_at=None,
)
UNDER_HOLD = replace(WAS_OPEN, state="held", reason="Override", override="Hold", override_reason="unpaid")
UNDER_OPEN = replace(WAS_HELD, state="open", reason="Override", override="Open", override_reason="clinical")


@dataclass(frozen=True, slots=True)
class Case:
    """`until`: what the gate is to say of it, the end of the month where left out."""

    before: str
    known: str
    facts: Facts
    previous: Gate | None
    state: GateState
    reason: str
    why: str
    policy: Policy = DEFAULT
    until: datetime | None = MONTH_END


def facts(
    spent: int | str | None, *, age: float = 2, now: datetime = NOW, limit: int | None = 500, **more: Any
) -> Facts:
    """Facts with a spend that AWS told `age` hours ago; None: it has told none."""
    return Facts(
        now=now,
        limit=None if limit is None else Decimal(limit),
        spent=None if spent is None else Decimal(spent),
        spent_as_of=None if spent is None else now - timedelta(hours=age),
        **{"rungs": LADDER, **more},
    )


def alert(percent: int | str, sent_at: datetime, type_: Any = "ACTUAL") -> Notice:
    return Notice(Decimal(percent), type_, sent_at)


HOUR_AGO, SOON = NOW - timedelta(hours=1), NOW + timedelta(days=1)

CASES: Sequence[Case] = (
    # By the numbers
    Case(
        "none", "no budget", facts(900, limit=None), None, "open", "NoBudget", "nothing was agreed that could be over"
    ),
    Case("none", "40 % spent", facts(200), None, "open", "WithinBudget", "over no alert"),
    Case("none", "exactly 50 %", facts(250), None, "open", "WithinBudget", "an alert is sent over, not at its share"),
    Case("none", "51 % spent", facts(255), None, "warned", "OverAlert", "over an alert that does not hold"),
    Case("none", "exactly 100 %", facts(500), None, "warned", "OverAlert", "AWS's rule is GREATER_THAN: not over yet"),
    Case("none", "one cent over 100 %", facts("500.01"), None, "held", "BudgetExceeded", "over an alert that holds"),
    Case(
        "open",
        "90 % counted, 11 % accrued since",
        facts(450, accrued=Decimal(55)),
        WAS_OPEN,
        "held",
        "BudgetExceeded",
        "AWS counts a day late; the ledger knows what runs",
    ),
    Case(
        "open",
        "102 % spent, no alert that holds",
        facts(510, rungs=LADDER[:1]),
        WAS_OPEN,
        "warned",
        "OverAlert",
        "only `pauseWorksets` holds",
    ),
    Case(
        "open",
        "forecast over an alert that holds",
        facts(200, forecast=Decimal(601), rungs=FORECAST_HOLDS),
        WAS_OPEN,
        "held",
        "ForecastExceeded",
        "an alert on the forecast holds where its manifest says so",
    ),
    Case(
        "open",
        "forecast over an alert that warns",
        facts(200, forecast=Decimal(501), rungs=FORECAST_WARNS),
        WAS_OPEN,
        "warned",
        "ForecastOverAlert",
        "what is expected is not spent",
    ),
    Case("none", "limit 0, nothing spent", facts(0, limit=0), None, "open", "WithinBudget", "0 is not over 0"),
    Case(
        "none", "limit 0, a cent spent", facts("0.01", limit=0), None, "held", "BudgetExceeded", "any spend is over 0"
    ),
    # Released, or not
    Case(
        "held",
        "99 % spent",
        facts(495),
        WAS_HELD,
        "held",
        "Hysteresis",
        "it opens at 98 %: at the edge it would open and close with every count",
    ),
    Case("held", "exactly 98 %", facts(490), WAS_HELD, "warned", "OverAlert", "100 % less the hysteresis of 2 %"),
    Case(
        "held",
        "spend reads 0",
        facts(0),
        WAS_HELD,
        "held",
        "BudgetExceeded",
        "AWS zeroes the spend when a budget is updated: that is no number",
    ),
    Case(
        "held",
        "limit raised to 1,000; spend reads 0",
        facts(0, limit=1000),
        WAS_HELD,
        "held",
        "AwaitingSpend",
        "raising it is what zeroed the spend; the next count decides",
    ),
    Case(
        "held",
        "limit raised to 1,000; spend unknown",
        facts(None, limit=1000),
        WAS_HELD,
        "held",
        "AwaitingSpend",
        "unknown is not zero, and releases nothing",
    ),
    Case(
        "held",
        "limit raised to 2,000; 512 spent",
        facts(512, limit=2000),
        WAS_HELD,
        "open",
        "WithinBudget",
        "a raised limit releases, once there is a number",
    ),
    Case(
        "held",
        "limit raised to 2,000; no number since the one that held it",
        facts(512, age=9, limit=2000),
        WAS_HELD,
        "held",
        "AwaitingSpend",
        "more may have been spent since; the next count decides",
    ),
    Case(
        "held",
        "spend unknown, limit unchanged",
        facts(None),
        WAS_HELD,
        "held",
        "BudgetExceeded",
        "what was spent this month stays spent",
    ),
    Case(
        "held",
        "a number older than the last one says 40 %",
        facts(200, age=30),
        WAS_HELD,
        "held",
        "BudgetExceeded",
        "answers come out of order; the newest counts",
    ),
    Case(
        "held",
        "the alert holds no more",
        facts(None, rungs=LADDER[:1]),
        WAS_HELD,
        "warned",
        "OverAlert",
        "the manifest asks for no hold",
    ),
    Case("held", "the budget is gone", facts(None, limit=None, rungs=()), WAS_HELD, "open", "NoBudget", "as above"),
    Case(
        "warned",
        "spend reads 0",
        facts(0),
        replace(WAS_OPEN, state="warned", spent=Decimal(300), counted=Decimal(300)),
        "warned",
        "OverAlert",
        "what was known stays known",
    ),
    Case(
        "open",
        "spend unknown, the ledger alone is over",
        facts(None, accrued=Decimal(501)),
        WAS_OPEN,
        "held",
        "BudgetExceeded",
        "towards held any number will do",
    ),
    # The new month
    Case(
        "held in November",
        "1 December, 5 % spent",
        facts(25, now=NEW_MONTH),
        WAS_HELD,
        "open",
        "WithinBudget",
        "a new month, and a number of it",
        until=datetime(2027, 1, 1, tzinfo=UTC),
    ),
    Case(
        "held in November",
        "1 December, AWS has counted nothing yet",
        facts(None, now=NEW_MONTH),
        WAS_HELD,
        "held",
        "AwaitingSpend",
        "the new month releases by its own numbers only",
        until=datetime(2027, 1, 1, tzinfo=UTC),
    ),
    Case(
        "held in November",
        "1 December, spend reads 0",
        facts(0, now=NEW_MONTH),
        WAS_HELD,
        "held",
        "AwaitingSpend",
        "a month reads 0 before AWS has counted any of it",
        until=datetime(2027, 1, 1, tzinfo=UTC),
    ),
    Case(
        "held in November",
        "3 December, spend reads 0",
        facts(0, now=NEW_MONTH + timedelta(days=2)),
        WAS_HELD,
        "open",
        "WithinBudget",
        "by then it was counted, and is 0",
        until=datetime(2027, 1, 1, tzinfo=UTC),
    ),
    Case(
        "held in November",
        "1 December, the last number is of November",
        facts(30, now=NEW_MONTH, age=4),
        WAS_HELD,
        "held",
        "AwaitingSpend",
        "a number of another month says nothing of this one",
        until=datetime(2027, 1, 1, tzinfo=UTC),
    ),
    Case(
        "held in November",
        "3 December, still no number",
        facts(None, now=NEW_MONTH + timedelta(days=2)),
        WAS_HELD,
        "open",
        "StaleNumbers",
        "the wait ends after `max_age_hours`; then the setting decides",
        until=datetime(2027, 1, 1, tzinfo=UTC),
    ),
    Case(
        "held in November",
        "3 December, still no number, fail-closed",
        facts(None, now=NEW_MONTH + timedelta(days=2)),
        WAS_HELD,
        "held",
        "StaleNumbers",
        "the same, with `when_stale: hold`",
        CLOSED,
        until=datetime(2027, 1, 1, tzinfo=UTC),
    ),
    Case(
        "open in November",
        "1 December, AWS has counted nothing yet",
        facts(None, now=NEW_MONTH),
        WAS_OPEN,
        "open",
        "AwaitingSpend",
        "a month begins with no numbers; that is nobody's fault",
        CLOSED,
        until=datetime(2027, 1, 1, tzinfo=UTC),
    ),
    # Numbers that are too old
    Case("none", "40 %, 40 hours old", facts(200, age=40), None, "open", "StaleNumbers", "fail-open is the default"),
    Case(
        "none",
        "40 %, 40 hours old, fail-closed",
        facts(200, age=40),
        None,
        "held",
        "StaleNumbers",
        "`when_stale: hold`",
        CLOSED,
    ),
    Case(
        "none",
        "40 %, exactly 36 hours old",
        facts(200, age=36),
        None,
        "open",
        "WithinBudget",
        "at most that old",
        CLOSED,
    ),
    Case("none", "never a number", facts(None), None, "open", "StaleNumbers", "as if too old"),
    Case("none", "never a number, fail-closed", facts(None), None, "held", "StaleNumbers", "as if too old", CLOSED),
    Case(
        "none",
        "102 %, 40 hours old",
        facts(510, age=40),
        None,
        "held",
        "BudgetExceeded",
        "an old number of this month proves that much at least",
    ),
    Case(
        "held",
        "20 % of a raised limit, 40 hours old",
        facts(512, age=40, limit=2560),
        replace(WAS_HELD, as_of=NOW - timedelta(hours=40)),
        "held",
        "AwaitingSpend",
        "fail-open opens nothing that numbers held",
    ),
    # Overrides
    Case(
        "held",
        "102 %, `gate: Open` until tomorrow",
        facts(510, wish=Wish("Open", "clinical", SOON)),
        WAS_HELD,
        "open",
        "Override",
        "a person decided, and said why",
        until=SOON,
    ),
    Case(
        "open",
        "40 %, `gate: Hold`",
        facts(200, wish=Wish("Hold", "unpaid")),
        WAS_OPEN,
        "held",
        "Override",
        "the same; without `gateUntil` it has no end",
        until=None,
    ),
    Case(
        "opened by hand",
        "102 %, `gateUntil` is this moment",
        facts(510, wish=Wish("Open", "clinical", NOW)),
        UNDER_OPEN,
        "held",
        "BudgetExceeded",
        "until means until, not through",
    ),
    Case(
        "opened by hand",
        "the override ended, spend reads 0",
        facts(0, wish=Wish("Open", "clinical", NOW)),
        UNDER_OPEN,
        "held",
        "BudgetExceeded",
        "what the numbers held before it counts again",
    ),
    Case(
        "opened by hand",
        "the override ended, 99 % spent",
        facts(495, wish=Wish("Open", "clinical", NOW)),
        UNDER_OPEN,
        "held",
        "Hysteresis",
        "an override leaves the hysteresis alone",
    ),
    Case(
        "held by hand",
        "the override ended, 99 % spent",
        facts(495, wish=Wish("Hold", "unpaid", NOW)),
        UNDER_HOLD,
        "warned",
        "OverAlert",
        "the numbers had never held it",
    ),
    # Alerts from the queue
    Case(
        "open",
        "40 % as of 2 hours ago, an alert of 100 % an hour ago",
        facts(200, notice=alert(100, HOUR_AGO)),
        WAS_OPEN,
        "held",
        "AlertReceived",
        "AWS knew before its numbers told",
    ),
    Case(
        "held by an alert",
        "the same alert came again, its numbers are unknown",
        facts(None, notice=alert(100, HOUR_AGO)),
        replace(WAS_OPEN, state="held", reason="AlertReceived", notice=alert(100, HOUR_AGO)),
        "held",
        "AlertReceived",
        "a repeated message is one message",
    ),
    Case(
        "held by an alert",
        "newer numbers say 40 %",
        facts(200, age=0),
        replace(WAS_OPEN, state="held", reason="AlertReceived", notice=alert(100, HOUR_AGO)),
        "open",
        "WithinBudget",
        "a forged message lasts until the next number",
    ),
    Case(
        "held by an alert",
        "newer numbers say 99 %",
        facts(495, age=0),
        replace(WAS_OPEN, state="held", reason="AlertReceived", notice=alert(100, HOUR_AGO)),
        "warned",
        "OverAlert",
        "no hysteresis for what numbers never confirmed",
    ),
    Case(
        "open",
        "an alert older than the numbers",
        facts(200, notice=alert(100, NOW - timedelta(hours=3))),
        WAS_OPEN,
        "open",
        "WithinBudget",
        "late: its answer is there already",
    ),
    Case(
        "open",
        "an alert of October",
        facts(200, age=600, notice=alert(100, datetime(2026, 10, 31, 23, 59, tzinfo=UTC))),
        WAS_OPEN,
        "open",
        "WithinBudget",
        "of another month, like the number beside it",
    ),
    Case(
        "open",
        "an alert dated 6 minutes ahead",
        facts(200, notice=alert(100, NOW + timedelta(minutes=6))),
        WAS_OPEN,
        "open",
        "WithinBudget",
        "clocks differ by up to 5 minutes, not more",
    ),
    Case(
        "open",
        "an alert of 50 %, which does not hold",
        facts(200, notice=alert(50, HOUR_AGO)),
        WAS_OPEN,
        "open",
        "WithinBudget",
        "it warns by the numbers",
    ),
    Case(
        "open",
        "an alert of 70 %, which is none of ours",
        facts(200, notice=alert(70, HOUR_AGO)),
        WAS_OPEN,
        "open",
        "WithinBudget",
        "nobody asked for it",
    ),
)
