"""What a change of a budget means in money, in words for the plan. Pure."""

from collections.abc import Sequence
from decimal import Decimal

from controller.domain.kind import Note
from controller.domain.money import percent_of
from controller.kinds.budget_alerts import percent
from controller.kinds.budget_state import BudgetState

LAST_EMAIL = "last-email"
POWERS = {LAST_EMAIL: "no alert of a budget is sent to any e-mail address any more"}


def tell(observed: BudgetState | None, desired: BudgetState | None) -> Sequence[Note]:
    """Spend so far, its share of the limit before and after, and which alerts are armed or sent again."""
    if observed is None:
        return ()
    if desired is None:
        return _removal(observed)
    if desired.same_budget(observed):
        return [*_silence(observed, desired), *_alerts(observed, desired)]
    notes = [*_silence(observed, desired), *_share(observed, desired), *_alerts(observed, desired)]
    return [*notes, Note("AWS shows a spend of 0 after this change until it has counted anew, for up to 12 hours")]


def _removal(observed: BudgetState) -> list[Note]:
    spend = "" if observed.actual is None else f"; spend this month: {_money(observed.actual, observed.unit)}"
    also = [Note(f"goes with the budget, not ours: {one}") for one in observed.others]
    return [Note(f"nobody is told about this customer's spend any more{spend}"), *also]


def _silence(observed: BudgetState, desired: BudgetState) -> list[Note]:
    if not _emails(observed) or _emails(desired):
        return []
    return [Note("no alert is sent to any e-mail address any more", "danger", LAST_EMAIL)]


def _emails(budget: BudgetState) -> bool:
    return any(one.startswith("email:") for subscribers in budget.alerts.values() for one in subscribers)


def _share(observed: BudgetState, desired: BudgetState) -> list[Note]:
    if observed.actual is None:
        return [Note("spend so far: unknown, AWS has not said")]
    before, after = _part(observed.actual, observed.limit), _part(observed.actual, desired.limit)
    spend = _money(observed.actual, observed.unit)
    return [
        Note(
            f"spend so far {spend}: {before} of {_money(observed.limit, observed.unit)}"
            f" -> {after} of {_money(desired.limit, desired.unit)}"
        )
    ]


def _alerts(observed: BudgetState, desired: BudgetState) -> list[Note]:
    """AWS sends an ACTUAL alert once a month, when spend first goes over it; so it does with an alert that is new."""
    if observed.actual is None:
        return []
    notes = []
    for key in sorted(desired.alerts, key=lambda key: (key.split(" ")[0], percent(key))):
        known = key in observed.alerts
        if not key.startswith("ACTUAL ") or (known and observed.limit == desired.limit):
            continue
        old, new = observed.limit * percent(key) / 100, desired.limit * percent(key) / 100
        sent, over = known and observed.actual > old, observed.actual > new
        moved = f"{_money(old, observed.unit)} -> " * known + _money(new, desired.unit)
        if over and not sent:
            notes.append(Note(f"alert {key} fires at once: spend is over it ({moved})"))
        elif over:
            notes.append(Note(f"alert {key} was sent and would fire again: spend is still over it ({moved})"))
        elif sent:
            notes.append(Note(f"alert {key} was sent, is armed again and fires at {_money(new, desired.unit)}"))
    return notes


def _part(spend: Decimal, limit: Decimal) -> str:
    share = percent_of(spend, limit)
    return "all" if share is None else f"{share} %"


def _money(amount: Decimal, unit: str) -> str:
    return f"{amount:,.2f} {unit}"
