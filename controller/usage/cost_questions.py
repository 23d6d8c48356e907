"""Questions to Cost Explorer, page by page, and its answers as numbers. Every page costs $0.01."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from controller.aws.clients import Aws
from controller.domain.month import Month
from controller.errors import PermanentFailure

OPERATION = "ce:GetCostAndUsage"

NO_UNIT = ("", "N/A")
"""How AWS says that it added up quantities of different units, to a number without meaning."""

Expression = dict[str, Any]
"""A filter as Cost Explorer takes it; it has exactly one root operator."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A cost, and the quantity behind it where it has one unit."""

    cost: Decimal
    quantity: Decimal | None = None
    unit: str = ""

    def __add__(self, other: "Amount") -> "Amount":
        return self._with(other, self.cost + other.cost, 1)

    def __sub__(self, other: "Amount") -> "Amount":
        return self._with(other, self.cost - other.cost, -1)

    def _with(self, other: "Amount", cost: Decimal, sign: int) -> "Amount":
        if self.quantity is None or other.quantity is None or self.unit != other.unit:
            return Amount(cost)
        return Amount(cost, self.quantity + sign * other.quantity, self.unit)

    def __bool__(self) -> bool:
        return bool(self.cost or self.quantity)


@dataclass(frozen=True, slots=True)
class Group:
    """One group of an answer: a month, the value of the tag that it is grouped by, and that of the dimension."""

    month: str
    tag_value: str
    dimension: str
    amount: Amount


@dataclass
class Questions:
    """The questions of one reading of one account: what they cost in pages, and what all answers say together.

    Raises PermanentFailure for an amount that is no number, and for answers in more than one currency.
    """

    aws: Aws
    account_id: str
    metric: str
    pages: int = 0
    estimated: set[str] = field(default_factory=set)
    currency: str = ""

    def ask(
        self, months: Collection[Month], tag_key: str, dimension: str, *filters: Expression | None
    ) -> Iterator[Group]:
        """Cost by month, tag and dimension, of what passes all filters. One request for each span of months."""
        for first, end in spans(months):
            yield from self._in_span(first, end, tag_key, dimension, filters)

    def _in_span(
        self, first: Month, end: Month, tag_key: str, dimension: str, filters: Sequence[Expression | None]
    ) -> Iterator[Group]:
        """End is exclusive. There is no paginator in botocore, and every page wants the same parameters again."""
        parameters: dict[str, Any] = {
            "TimePeriod": {"Start": first.first_day.isoformat(), "End": end.first_day.isoformat()},
            "Granularity": "MONTHLY",
            "Metrics": [self.metric, "UsageQuantity"],
            "GroupBy": [{"Type": "TAG", "Key": tag_key}, {"Type": "DIMENSION", "Key": dimension}],
        }
        if together := all_of(*filters):
            parameters["Filter"] = together
        more: dict[str, str] | None = {}
        while more is not None:
            page = self.aws.call("ce", "get_cost_and_usage", about=self.account_id, **parameters, **more)
            self.pages += 1
            more = {"NextPageToken": page["NextPageToken"]} if page.get("NextPageToken") else None
            for result in page.get("ResultsByTime", ()):
                yield from self._read(result)

    def _read(self, result: Mapping[str, Any]) -> Iterator[Group]:
        month = str(result["TimePeriod"]["Start"])[:7]
        if result.get("Estimated"):
            self.estimated.add(month)
        for group in result.get("Groups", ()):
            tag, dimension = group["Keys"]
            yield Group(month, _value(tag), dimension, self._amount(month, group))

    def _amount(self, month: str, group: Mapping[str, Any]) -> Amount:
        where = f"{' / '.join(group['Keys'])} in {month}"
        cost, currency = self._metric(group, self.metric, where)
        quantity, unit = self._metric(group, "UsageQuantity", where)
        if self.currency not in ("", currency):
            raise self._wrong(f"it answers in {self.currency} and in {currency}: {where}")
        self.currency = currency
        return Amount(cost) if unit in NO_UNIT else Amount(cost, quantity, unit)

    def _metric(self, group: Mapping[str, Any], name: str, where: str) -> tuple[Decimal, str]:
        told = group["Metrics"].get(name, {})
        number = _decimal(told.get("Amount"))
        if number is None:
            raise self._wrong(f"{name} of {where} is {told.get('Amount')!r}, which is no number")
        return number, str(told.get("Unit", ""))

    def _wrong(self, message: str) -> PermanentFailure:
        return PermanentFailure(message, code="UnreadableCost", operation=OPERATION, resource=self.account_id)


def spans(months: Collection[Month]) -> Iterator[tuple[Month, Month]]:
    """The months as few spans without gaps: the first month of each, and the one after its last."""
    ordered = sorted(set(months))
    firsts = [month for month in ordered if month.previous not in ordered]
    lasts = [month for month in ordered if month.next not in ordered]
    return zip(firsts, (last.next for last in lasts), strict=True)


def all_of(*parts: Expression | None) -> Expression | None:
    """One expression that holds where all parts hold; None: no filter."""
    wanted = [part for part in parts if part is not None]
    return {"And": wanted} if len(wanted) > 1 else next(iter(wanted), None)


def one_of(dimension: str, values: Collection[str]) -> Expression:
    return {"Dimensions": {"Key": dimension, "Values": list(values)}}


def none_of(dimension: str, values: Collection[str]) -> Expression | None:
    return {"Not": one_of(dimension, values)} if values else None


def without_tag(key: str) -> Expression:
    return {"Tags": {"Key": key, "MatchOptions": ["ABSENT"]}}


def _value(group: str) -> str:
    """A group by tag is called `key$value`, and `key$` where it is untagged; a key has no `$`, a value may."""
    return group.partition("$")[2]


def _decimal(text: Any) -> Decimal | None:
    try:
        number = Decimal(text)
    except (InvalidOperation, TypeError, ValueError):
        return None
    return number if number.is_finite() else None
