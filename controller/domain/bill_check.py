"""Four accounts of one month against each other: ledger, Cost Explorer, budgets and statements. Pure.

Each difference is explained by what is known to cause it, or flagged for a person. Amounts are in AWS's currency.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from controller.domain.coverage import coverage_of
from controller.domain.money import CENT, ZERO, cents
from controller.domain.month import Month
from controller.domain.statement import Statement
from controller.domain.usage import AccountMonth, CustomerMonth

Verdict = Literal["agrees", "explained", "flagged", "unknown"]

BUDGET_TOLERANCE = Decimal("0.02")
"""Share of the amount that AWS Budgets, which is counted a few times a day, may be away from Cost Explorer."""


@dataclass(frozen=True, slots=True)
class Check:
    """Two accounts of the same. `left` and `right` None: not known. `why` says what explains it, or what to do."""

    owner: str
    what: str
    left: Decimal | None
    right: Decimal | None
    verdict: Verdict
    why: str = ""

    @property
    def difference(self) -> Decimal | None:
        return None if self.left is None or self.right is None else self.left - self.right


def check_bill(
    month: Month,
    customers: Collection[CustomerMonth],
    accounts: Collection[AccountMonth],
    statements: Mapping[str, Sequence[Statement]],
    *,
    closed: bool,
) -> tuple[Check, ...]:
    """All checks of a month, customers first. `statements` are those that count, with corrections, by customer id.

    `closed`: the month is over for so long that statements should have been issued.
    """
    found: list[Check] = []
    for one in sorted(customers, key=lambda one: one.customer_id):
        found += _of_customer(one, statements.get(one.customer_id, ()), closed=closed)
    for account in sorted(accounts, key=lambda one: one.account):
        found.append(_of_account(account, [one for one in customers if one.paid_by == account.account]))
    return tuple(found)


def _of_customer(month: CustomerMonth, statements: Sequence[Statement], *, closed: bool) -> Iterator[Check]:
    yield _charged_and_tagged(month)
    if month.worksets_as_of is not None:
        yield _ledger_and_tagged(month)
    if month.spend is not None:
        yield _budget_and_tagged(month)
    yield _statement_and_now(month, statements, closed=closed)


def _charged_and_tagged(month: CustomerMonth) -> Check:
    """What is charged is AWS's tagged cost, but for compute by the ledger and for shared cost."""
    what = "charged / tagged in AWS"
    if month.total is None or month.costs_as_of is None:
        return Check(month.customer_id, what, month.total, None, "unknown", "AWS's cost is not known")
    tagged = _tagged(month)
    split = sum((line.exact for line in month.lines if line.source == "split"), ZERO)
    ledger = sum((line.exact for line in month.lines if line.source == "ledger"), ZERO)
    by_tags = month.compute_source == "cost_explorer"
    replaced = ZERO if by_tags else sum((row.amount for row in month.tagged if row.part == "compute"), ZERO)
    rest = month.total - (tagged - replaced + ledger + split)
    reasons = []
    if ledger or replaced:
        reasons.append(f"{cents(ledger):f} compute by the ledger in place of {cents(replaced):f} by tags")
    reasons += [f"{cents(split):f} shared by rule"] if split else []
    if abs(rest) > CENT:
        why = f"{cents(rest):f} of it nothing explains: collect the month again"
        return Check(month.customer_id, what, month.total, cents(tagged), "flagged", why)
    verdict: Verdict = "explained" if reasons else "agrees"
    return Check(month.customer_id, what, month.total, cents(tagged), verdict, "; ".join(reasons))


def _ledger_and_tagged(month: CustomerMonth) -> Check:
    """What the ledger says of compute beside what AWS tags of it: only one of the two is charged."""
    counted = [one.cost for one in month.worksets if one.has_ended and one.cost is not None]
    ledger = cents(sum(counted, ZERO))
    tagged = cents(sum((row.amount for row in month.tagged if row.part == "compute"), ZERO))
    what = "ledger / compute tagged in AWS"
    if ledger == tagged:
        return Check(month.customer_id, what, ledger, tagged, "agrees")
    charged = {"ledger": "the ledger is", "cost_explorer": "AWS's cost is"}.get(
        month.compute_source or "", "neither is"
    )
    missing = sum(one.has_ended and one.cost is None for one in month.worksets)
    why = f"{charged} charged, never both" + (f"; {missing} worksets have no cost in the ledger" if missing else "")
    return Check(month.customer_id, what, ledger, tagged, "flagged" if missing else "explained", why)


def _budget_and_tagged(month: CustomerMonth) -> Check:
    what = "budget / tagged in AWS"
    actual = month.spend.actual if month.spend else None
    if actual is None or month.costs_as_of is None:
        return Check(month.customer_id, what, actual, None, "unknown", "AWS has not counted, or was not asked")
    tagged = cents(_tagged(month))
    if abs(actual - tagged) <= CENT:
        return Check(month.customer_id, what, actual, tagged, "agrees")
    excluded = cents(sum((row.amount for row in month.excluded), ZERO))
    if excluded and _is_near(actual, tagged + excluded):
        why = f"{excluded:f} of credits, refunds and the like are kept out of the cost"
        return Check(month.customer_id, what, actual, tagged, "explained", why)
    if _is_near(actual, tagged):
        return Check(month.customer_id, what, actual, tagged, "explained", "counted at another time")
    if month.costs_estimated:
        return Check(month.customer_id, what, actual, tagged, "explained", "AWS still counts this month")
    why = "does the budget's filter have all of the customer's tags? reconcile plan shows it"
    return Check(month.customer_id, what, actual, tagged, "flagged", why)


def _is_near(actual: Decimal, told: Decimal) -> bool:
    """As near as two counts of the same at different times are."""
    return abs(actual - told) <= max(abs(told), abs(actual)) * BUDGET_TOLERANCE


def _statement_and_now(month: CustomerMonth, statements: Sequence[Statement], *, closed: bool) -> Check:
    what = "statements / charged"
    if not statements:
        if month.total in (None, ZERO) or not closed:
            return Check(month.customer_id, what, None, month.total, "unknown", "nothing was issued yet")
        why = f"nothing was issued: reconcile statement {month.customer_id} --month {month.month} --issue"
        return Check(month.customer_id, what, None, month.total, "flagged", why)
    last = max(statements, key=lambda one: (one.issued_on or date.min, one.number or ""))
    if last.made_from.currency != month.currency:
        why = f"{last.number} was made from figures in {last.made_from.currency}"
        return Check(month.customer_id, what, None, month.total, "unknown", why)
    is_converted = any(one.currency != month.currency for one in statements)
    said = last.made_from.total if is_converted else sum((one.listed for one in statements), ZERO)
    if month.total is not None and said == month.total:
        why = f"in {last.currency}: compared is what it was made from" if is_converted else ""
        return Check(month.customer_id, what, said, month.total, "agrees", why)
    why = f"AWS changed it after it was issued: reconcile statement {month.customer_id} --month {month.month} --correct"
    return Check(month.customer_id, what, said, month.total, "flagged", why)


def _of_account(account: AccountMonth, customers: Collection[CustomerMonth]) -> Check:
    """The parts of an account's bill add up to it."""
    what = "customers and nobody / the account's bill"
    parts = coverage_of(customers, [account])
    whole = sum(account.totals.values(), ZERO) if account.asked_at else None
    name = f"account {account.account}"
    if parts.total is None or whole is None:
        return Check(
            name, what, parts.total, None if whole is None else cents(whole), "unknown", "not all of it is known"
        )
    verdict: Verdict = "agrees" if parts.total == cents(whole) else "flagged"
    why = "" if verdict == "agrees" else "collect the month again"
    return Check(name, what, parts.total, cents(whole), verdict, why)


def _tagged(month: CustomerMonth) -> Decimal:
    return sum((row.amount for row in month.tagged), ZERO)
