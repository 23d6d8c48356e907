"""What an account cost, by customer and service: a few pages of Cost Explorer for all customers together.

Every page costs $0.01 (AWS, ce-api-best-practices), so nothing here is asked customer by customer but a forecast, and
that only where the settings say so.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from controller.aws.clients import Aws
from controller.domain.customer import Account
from controller.domain.month import Month
from controller.domain.services import S3, TRANSFER
from controller.domain.settings import UsageSettings
from controller.domain.usage import CostReading, CostRow, Forecast
from controller.errors import Failure, PermanentFailure
from controller.usage.cost_questions import Expression, Group, Questions, all_of, none_of, one_of, without_tag
from controller.usage.cost_rows import CUSTOMER_KEY, Bill, bill_rows, bill_with

LEVEL = 80
"""Percent of certainty of a forecast's interval."""

HISTORY = 14
"""Months that Cost Explorer tells to everybody: the running one and 13 before it (AWS, ce-advanced-cost-analysis)."""

METRICS = {
    "UnblendedCost": "UNBLENDED_COST",
    "BlendedCost": "BLENDED_COST",
    "AmortizedCost": "AMORTIZED_COST",
    "NetUnblendedCost": "NET_UNBLENDED_COST",
    "NetAmortizedCost": "NET_AMORTIZED_COST",
}
"""GetCostForecast spells the names of metrics in another way than GetCostAndUsage."""


class CostReader:
    """Reads the cost of some months of one account.

    Two questions, each of as many pages as its answer has: cost by tag and service, and, because storage, requests
    and transfer of S3 are told apart by usage type only, cost by tag and usage type. Two more for each further tag
    key, about the cost that carries none of the keys before it, so that nothing is counted twice. One for the record
    types that are kept apart, where the settings name any.
    """

    permissions: ClassVar[frozenset[str]] = frozenset({"ce:GetCostAndUsage"})

    def __init__(self, aws: Aws, account: Account, settings: UsageSettings, clock: Callable[[], datetime]) -> None:
        self._aws, self._account, self._settings, self._clock = aws, account, settings, clock

    def read(self, months: Sequence[Month], tag_keys: Collection[str]) -> CostReading:
        """The rows add up to what the first question says. Raises Failure; then pages may have been paid already.

        Months from before AWS's history are asked for one by one: of each that AWS refuses the reading says why.
        """
        questions = Questions(self._aws, self._account.account_id, self._settings.metric)
        keys = tuple(dict.fromkeys((CUSTOMER_KEY, *tag_keys)))
        since, *_ = Month.of(self._clock()).back(HISTORY)
        recent = sorted({month for month in months if month >= since})
        found = [self._rows(questions, recent, keys)] if recent else []
        told, refused = list(recent), {}
        for month in sorted({month for month in months if month < since}):
            try:
                found.append(self._rows(questions, [month], keys))
                told.append(month)
            except PermanentFailure as failure:
                if failure.code != "ValidationException":
                    raise
                refused[str(month)] = _beyond_history(failure)
        return CostReading(
            account=self._account.name,
            months=tuple(map(str, sorted(told))),
            rows=tuple(sorted((row for rows, _ in found for row in rows), key=lambda row: row.month)),
            excluded=tuple(sorted((row for _, apart in found for row in apart), key=lambda row: row.month)),
            estimated=frozenset(questions.estimated),
            as_of=self._clock(),
            pages=questions.pages,
            currency=questions.currency or "USD",
            refused=refused,
            account_id=self._account.account_id,
        )

    def _rows(
        self, questions: Questions, months: Sequence[Month], keys: Sequence[str]
    ) -> tuple[tuple[CostRow, ...], tuple[CostRow, ...]]:
        """What counts of these months, and what is kept apart."""
        costs = self._bill(questions, months, keys, "SERVICE")
        usage = self._bill(questions, months, keys, "USAGE_TYPE", one_of("SERVICE", (S3, TRANSFER)))
        return bill_rows(costs, usage), self._excluded(questions, months)

    def _bill(
        self,
        questions: Questions,
        months: Sequence[Month],
        keys: Sequence[str],
        dimension: str,
        only: Expression | None = None,
    ) -> Bill:
        counted = none_of("RECORD_TYPE", self._settings.excluded_record_types)
        bill: Bill = {}
        for number, key in enumerate(keys):
            untold = map(without_tag, keys[:number])
            bill = bill_with(bill, key, questions.ask(months, key, dimension, counted, only, *untold))
        return bill

    def _excluded(self, questions: Questions, months: Sequence[Month]) -> tuple[CostRow, ...]:
        apart = self._settings.excluded_record_types
        if not apart:
            return ()
        groups = questions.ask(months, CUSTOMER_KEY, "RECORD_TYPE", one_of("RECORD_TYPE", apart))
        rows = [_excluded_row(group) for group in groups if group.amount.cost]
        return tuple(sorted(rows, key=lambda row: (row.month, row.tag_value, row.record_type)))


class ForecastReader:
    """Reads what Cost Explorer expects customers to cost: $0.01 for each, so only where the settings ask for it."""

    permissions: ClassVar[frozenset[str]] = frozenset({"ce:GetCostForecast"})

    def __init__(self, aws: Aws, account: Account, settings: UsageSettings, clock: Callable[[], datetime]) -> None:
        self._aws, self._account, self._settings, self._clock = aws, account, settings, clock

    def read(self, customer_ids: Collection[str], month: Month) -> Mapping[str, Forecast | Failure]:
        """The cost from today to the end of the month, today included, of what is tagged with daylily:customer_id.

        It is not the whole month: whoever calls adds what was spent before today. A customer with too little history
        to forecast from is not in the answer, and nobody is once the month is over.
        """
        if self._clock() >= month.end:
            return {}
        ids = list(customer_ids)
        answers = self._aws.each(partial(self._read_one, month), ids)
        return {id_: answer for id_, answer in zip(ids, answers, strict=True) if answer is not None}

    def _read_one(self, month: Month, customer_id: str) -> Forecast | None:
        now = self._clock()
        start = max(now.astimezone(UTC).date(), month.first_day)
        of_customer = {"Tags": {"Key": CUSTOMER_KEY, "Values": [customer_id]}}
        try:
            answer = self._aws.call(
                "ce",
                "get_cost_forecast",
                about=customer_id,
                TimePeriod={"Start": start.isoformat(), "End": month.next.first_day.isoformat()},
                Granularity="MONTHLY",
                Metric=METRICS[self._settings.metric],
                PredictionIntervalLevel=LEVEL,
                Filter=all_of(of_customer, none_of("RECORD_TYPE", self._settings.excluded_record_types)),
            )
        except Failure as failure:
            if failure.code == "DataUnavailableException":
                return None
            raise
        return _forecast(answer, now)


def _beyond_history(failure: PermanentFailure) -> PermanentFailure:
    """AWS says "You haven't enabled historical data beyond 14 months." (public reports), and names no month."""
    return PermanentFailure(
        failure.message,
        code=failure.code,
        operation=failure.operation,
        resource=failure.resource,
        advice=f"Cost Explorer keeps {HISTORY} months, and up to 38 where multi-year data is switched on: in the Cost"
        " Management preferences of the account that pays, two days ahead.",
    )


def _excluded_row(group: Group) -> CostRow:
    return CostRow(
        group.month, CUSTOMER_KEY, group.tag_value, "", "other", group.amount.cost, record_type=group.dimension
    )


def _forecast(answer: Mapping[str, Any], now: datetime) -> Forecast:
    """The bounds are those of the days that it is about: they move along with what was spent before."""
    periods = answer.get("ForecastResultsByTime", ())
    return Forecast(
        Decimal(answer["Total"]["Amount"]),
        "cost_explorer",
        now,
        _bound(periods, "PredictionIntervalLowerBound"),
        _bound(periods, "PredictionIntervalUpperBound"),
    )


def _bound(periods: Iterable[Mapping[str, Any]], name: str) -> Decimal | None:
    bounds = [Decimal(period[name]) for period in periods if name in period]
    return sum(bounds, Decimal(0)) if bounds else None
