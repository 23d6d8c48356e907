"""Alerts that came by the queue: read the budgets of those customers once more, and judge their gates at once."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from controller.domain.customer import Customer
from controller.domain.gate import Notice
from controller.domain.month import Month
from controller.domain.usage import CustomerMonth, Spend
from controller.errors import Failure
from controller.gatekeeper import Gatekeeper, Verdict

Heard = tuple[str, Notice]
"""A customer id and the alert that came for it."""


class Spends(Protocol):
    """The budgets of one account."""

    def read(self, customer_ids: Collection[str]) -> Mapping[str, Spend | Failure]:
        """What AWS has counted, now; a customer without a budget is not in it."""
        ...


class Months(Protocol):
    """What was collected."""

    def get(self, customer_ids: Collection[str], month: Month) -> Mapping[str, CustomerMonth | Failure]:
        """What is stored of these customers and this month; one of whom nothing is stored is not in it."""
        ...


class Listener:
    """Hears alerts and judges. `spends` are the readers of budgets by account name."""

    def __init__(
        self, keeper: Gatekeeper, spends: Mapping[str, Spends], months: Months, clock: Callable[[], datetime]
    ) -> None:
        self._keeper, self._spends, self._months, self._clock = keeper, spends, months, clock

    def hear(self, customers: Sequence[Customer], heard: Sequence[Heard]) -> tuple[Verdict, ...]:
        """Judges the customers that were named; alerts for anybody else change nothing.

        Of several alerts for one customer each is heard; a failure of one stands. Order and repetition mean nothing.
        """
        named = {id_ for id_, _ in heard}
        concerned = [customer for customer in customers if customer.customer_id in named]
        if not concerned:
            return ()
        months = self._read(concerned)
        verdicts: dict[str, Verdict] = {}
        for notices in _rounds(heard):
            now_named = [customer for customer in concerned if customer.customer_id in notices]
            for verdict in self._keeper.judge(now_named, months, notices):
                before = verdicts.get(verdict.customer_id)
                verdicts[verdict.customer_id] = _together(before, verdict) if before else verdict
        return tuple(verdicts[customer.customer_id] for customer in concerned)

    def _read(self, customers: Sequence[Customer]) -> dict[str, CustomerMonth]:
        """What was collected, with the budgets as they are now; a budget that cannot be read stays as it was."""
        month = Month.of(self._clock())
        stored = self._months.get([one.customer_id for one in customers], month)
        spends = self._spends_of(customers)
        months = {}
        for customer in customers:
            found = stored.get(customer.customer_id)
            known = found if isinstance(found, CustomerMonth) else CustomerMonth(customer.customer_id, str(month))
            spend = spends.get(customer.customer_id)
            months[customer.customer_id] = replace(known, spend=spend) if isinstance(spend, Spend) else known
        return months

    def _spends_of(self, customers: Sequence[Customer]) -> Mapping[str, Spend | Failure]:
        by_account: dict[str, list[str]] = defaultdict(list)
        for customer in customers:
            by_account[customer.account].append(customer.customer_id)
        found: dict[str, Spend | Failure] = {}
        for account, ids in by_account.items():
            found |= self._spends[account].read(ids)
        return found


def _together(first: Verdict, then: Verdict) -> Verdict:
    """What two alerts for one customer have done: from what the gate was before both; a failure of one stands."""
    if first.failure or then.failure:
        return first if first.failure else then
    record = first.record if then.record == "as it was" else then.record
    return replace(then, before=first.before, saved=first.saved or then.saved, record=record)


def _rounds(heard: Sequence[Heard]) -> Iterator[dict[str, Notice]]:
    """The alerts in rounds that name a customer once each."""
    left = list(heard)
    while left:
        round_: dict[str, Notice] = {}
        rest = []
        for id_, notice in left:
            if id_ in round_:
                rest.append((id_, notice))
            else:
                round_[id_] = notice
        yield round_
        left = rest
