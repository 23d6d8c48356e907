"""What AWS Budgets has counted and expects for customers' budgets: free, and a thousand budgets in one page."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

from controller.aws.clients import Aws
from controller.domain.customer import Account
from controller.domain.usage import Spend
from controller.errors import Failure, PermanentFailure
from controller.kinds.budget_state import parse_budget

PAGE = 1000
"""Budgets in one page, the most that AWS answers."""

FEW = 3
"""Up to so many budgets are asked for one by one; the whole account is paged through otherwise."""

_Budget = Mapping[str, Any]


class SpendReader:
    """Reads the spend of the budgets `daylily-{customer id}-monthly` of one account."""

    permissions: ClassVar[frozenset[str]] = frozenset({"budgets:ViewBudget"})

    def __init__(self, aws: Aws, account: Account, clock: Callable[[], datetime]) -> None:
        self._aws, self._account, self._clock = aws, account, clock

    def read(self, customer_ids: Collection[str]) -> Mapping[str, Spend | Failure]:
        """Spend by customer id; a customer without a budget is not in it. Pages that cannot be read fail everyone."""
        ids = {f"daylily-{id_}-monthly": id_ for id_ in customer_ids}
        if len(ids) <= FEW:
            answers = zip(ids, self._aws.each(self._one, ids), strict=True)
            return {ids[name]: found for name, found in answers if found is not None}
        try:
            wanted = [raw for raw in self._all() if raw["BudgetName"] in ids]
        except Failure as failure:
            return dict.fromkeys(customer_ids, failure)
        spends = self._aws.each(self._spend, wanted)
        return {ids[raw["BudgetName"]]: spend for raw, spend in zip(wanted, spends, strict=True)}

    def _one(self, name: str) -> Spend | None:
        try:
            answer = self._aws.call(
                "budgets", "describe_budget", about=name, AccountId=self._account.account_id, BudgetName=name
            )
        except PermanentFailure as failure:
            if failure.code == "NotFoundException":
                return None
            raise
        return self._spend(answer["Budget"])

    def _all(self) -> Iterator[_Budget]:
        account_id = self._account.account_id
        more: dict[str, str] | None = {}
        while more is not None:
            page = self._aws.call(
                "budgets", "describe_budgets", about=account_id, AccountId=account_id, MaxResults=PAGE, **more
            )
            more = {"NextToken": page["NextToken"]} if page.get("NextToken") else None
            yield from page.get("Budgets", ())

    def _spend(self, raw: _Budget) -> Spend:
        """A spend of zero right after the budget was written says nothing, so then it is None.

        It is dated by when AWS was asked: `LastUpdatedTime` is when the budget was last updated (botocore's model).
        """
        now = self._clock()
        state = parse_budget(raw, {}, now)
        return Spend(
            limit=state.limit if "BudgetLimit" in raw else None,
            actual=state.actual,
            forecast=state.forecast,
            as_of=now,
            currency=_currency(raw),
        )


def _currency(raw: _Budget) -> str:
    """Of the spend, which AWS counts by itself, rather than of the limit."""
    spent = raw.get("CalculatedSpend", {}).get("ActualSpend", {})
    return str(spent.get("Unit") or raw.get("BudgetLimit", {}).get("Unit") or "USD")
