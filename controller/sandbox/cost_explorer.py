"""Cost Explorer: the bill's line items, the cost allocation tags, and the API over them."""

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from controller.sandbox.cost_expressions import (
    METRICS,
    LineItem,
    decimal_text,
    group_keys,
    matches,
    shown_metrics,
    validation,
)
from controller.sandbox.moto_backend import DEFAULT_ACCOUNT
from controller.sandbox.paging import page
from controller.sandbox.routes import Call
from controller.sandbox.wire import AwsError

Handler = Callable[[Call, bool], dict[str, Any]]

SEEN_AFTER = timedelta(hours=24)
"""From a key's first use on a resource until billing knows it [doc activating-tags]."""
BACKFILL_TAKES = timedelta(hours=4)
MAX_ACTIVE_KEYS = 500
HISTORY_FOR_FORECAST = timedelta(days=35)


@dataclass(frozen=True, slots=True)
class TagKey:
    """A cost allocation tag: known to billing from `visible` on."""

    visible: datetime
    active: bool = False
    changed: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Backfill:
    start: str
    requested: datetime


class CostExplorer:
    """One bill per payer: a payer sees its own and its members' line items and tag keys, a member sees its own costs.

    Every account is standalone until `set_member`. Activating a key takes effect at once, also for past costs.
    """

    page_size: int
    """Groups per page of GetCostAndUsage, 1000 unless a test sets it; AWS documents no number."""
    history: int | None
    """Months that GetCostAndUsage goes back, the running one included; None, unless a test sets it: without end."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._lock = threading.RLock()
        self.handlers: Mapping[str, Handler] = {
            "GetCostAndUsage": self._get_cost_and_usage,
            "GetCostForecast": self._get_cost_forecast,
            "GetTags": self._get_tags,
            "GetDimensionValues": self._get_dimension_values,
            "ListCostAllocationTags": self._list_tags,
            "UpdateCostAllocationTagsStatus": self._update_tags,
            "StartCostAllocationTagBackfill": self._start_backfill,
            "ListCostAllocationTagBackfillHistory": self._list_backfills,
        }
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self.page_size = 1000
            self.history = None
            self._items: list[LineItem] = []
            self._payers: dict[str, str] = {}
            self._keys: dict[str, dict[str, TagKey]] = {}
            self._backfills: dict[str, list[_Backfill]] = {}

    # Seeding and assertions

    def add_line_items(self, items: Iterable[LineItem]) -> None:
        with self._lock:
            self._items.extend(items)

    def set_member(self, account: str, payer: str = DEFAULT_ACCOUNT) -> None:
        """Make `account` a member of an organisation that `payer` pays for."""
        with self._lock:
            self._payers[account] = payer

    def sees_tag_keys(self, account: str, keys: Collection[str], active: bool = False) -> None:
        """Let billing know the keys at once, without the 24 h, and optionally activate them."""
        with self._lock:
            known = self._keys.setdefault(self._payer(account), {})
            known.update({key: TagKey(self._now(), active, self._now()) for key in keys})

    def tag_keys_used(self, account: str, keys: Collection[str]) -> None:
        """Keys were put on a resource: billing will know those it has not met in 24 h."""
        with self._lock:
            known = self._keys.setdefault(self._payer(account), {})
            for key in keys:
                known.setdefault(key, TagKey(self._now() + SEEN_AFTER))

    def active_keys(self, account: str) -> frozenset[str]:
        with self._lock:
            return frozenset(key for key, tag in self._visible(self._payer(account)).items() if tag.active)

    def spend(self, account: str, filters: Mapping[str, list[str]], start: datetime, end: datetime) -> Decimal:
        """What a budget with these CostFilters counts from `start` to `end`, whole days.

        TagKeyValue needs `user:`: without it AWS takes the filter and counts nothing [tf#39850].
        """
        items = self._matching_budget(account, filters)
        return sum((i.amount for i in items if start.date() <= i.date <= end.date()), Decimal(0))

    def first_cost(self, account: str, filters: Mapping[str, list[str]]) -> datetime | None:
        days = [item.date for item in self._matching_budget(account, filters)]
        return datetime.combine(min(days), datetime.min.time(), UTC) if days else None

    def _matching_budget(self, account: str, filters: Mapping[str, list[str]]) -> list[LineItem]:
        active = self.active_keys(account)
        return [item for item in self._visible_items(account) if _in_budget(item, filters, active)]

    # Costs

    def _get_cost_and_usage(self, call: Call, stale: bool) -> dict[str, Any]:
        """ResultsByTime by month or day; with GroupBy each Total is {} and the groups are paged."""
        ask = call.payload
        start, end = _period(ask)
        if start > self._now().date():
            raise validation("Start date must not be after today")
        if self.history and start < _first_of(self._now().date(), self.history):
            raise validation("You haven't enabled historical data beyond 14 months.")
        if ask.get("Granularity") not in ("DAILY", "MONTHLY"):
            raise validation("Granularity must be DAILY or MONTHLY")
        metrics, group_by = ask.get("Metrics") or [], ask.get("GroupBy") or []
        if not metrics or set(metrics) - set(METRICS):
            raise validation(f"Metrics must be some of {', '.join(METRICS)}")
        _check_group_by(group_by)
        items = self._filtered(call, start, end)
        periods = _periods(start, end, monthly=ask["Granularity"] == "MONTHLY")
        if not group_by:
            results = [self._result(p, shown_metrics(_within(items, p), metrics), []) for p in periods]
            return {"ResultsByTime": results}
        active = self.active_keys(call.account)
        rows = [row for p in periods for row in _grouped(p, _within(items, p), group_by, metrics, active)]
        rows, token = page(rows, self.page_size, _token_of(ask), "InvalidNextTokenException")
        only_page = not token and not ask.get("NextPageToken")
        answer = {
            "GroupDefinitions": group_by,
            "ResultsByTime": [
                self._result(p, {}, [group for period, group in rows if period == p])
                for p in periods
                if only_page or any(period == p for period, _ in rows)
            ],
        }
        return {**answer, "NextPageToken": _token_for(ask, token)} if token else answer

    def _result(self, period: tuple[date, date], total: dict[str, Any], groups: list[dict[str, Any]]) -> dict[str, Any]:
        """`Estimated` for everything that ends after this month began: the bill is still open."""
        estimated = period[1] > self._now().date().replace(day=1)
        return {"TimePeriod": _shown(period), "Total": total, "Groups": groups, "Estimated": estimated}

    def _get_cost_forecast(self, call: Call, stale: bool) -> dict[str, Any]:
        """The last 30 days' daily average, straight on. Metric names are UPPER_SNAKE here."""
        ask, (start, end) = call.payload, _period(call.payload)
        today = self._now().date()
        if start < today:
            raise validation("Start date must be today or later")
        level = Decimal(ask.get("PredictionIntervalLevel", 80))
        if not 51 <= level <= 99:
            raise validation("PredictionIntervalLevel must be between 51 and 99")
        if ask.get("Metric") not in _FORECAST_METRICS or ask.get("Granularity") not in ("DAILY", "MONTHLY"):
            raise validation("Metric and Granularity are required")
        items = self._filtered(call, date.min, today)
        if not items or min(item.date for item in items) > today - HISTORY_FOR_FORECAST:
            raise AwsError("DataUnavailableException", "Insufficient amount of historical data to generate forecast")
        daily = sum((i.amount for i in items if i.date >= today - timedelta(days=30)), Decimal(0)) / 30
        spread = level / 400
        results = [
            _forecast(p, daily * (p[1] - p[0]).days, spread)
            for p in _periods(start, end, monthly=ask["Granularity"] == "MONTHLY")
        ]
        total = decimal_text((daily * (end - start).days).quantize(_CENT_OF_CENT))
        return {"Total": {"Amount": total, "Unit": "USD"}, "ForecastResultsByTime": results}

    def _get_tags(self, call: Call, stale: bool) -> dict[str, Any]:
        """The values of one key, or (without TagKey) the active keys."""
        items, key = self._filtered(call, *_period(call.payload)), call.payload.get("TagKey")
        active = self.active_keys(call.account)
        found = {item.tag(key, active) for item in items} if key else {k for i in items for k in i.tags if k in active}
        return _values(call, "Tags", sorted(v for v in found if call.payload.get("SearchString", "") in v))

    def _get_dimension_values(self, call: Call, stale: bool) -> dict[str, Any]:
        items, name = self._filtered(call, *_period(call.payload)), call.payload.get("Dimension", "")
        found = sorted({item.dimension(name) for item in items})
        wanted = [value for value in found if call.payload.get("SearchString", "") in value]
        return _values(call, "DimensionValues", [{"Value": value, "Attributes": {}} for value in wanted])

    def _filtered(self, call: Call, start: date, end: date) -> list[LineItem]:
        expression, active = call.payload.get("Filter"), self.active_keys(call.account)
        items = [item for item in self._visible_items(call.account) if start <= item.date < end]
        if expression is None:
            return items
        matches(expression, _ANY_ITEM, active)  # refuses a bad expression also where there are no costs
        return [item for item in items if matches(expression, item, active)]

    # Cost allocation tags

    def _list_tags(self, call: Call, stale: bool) -> dict[str, Any]:
        ask, visible = call.payload, self._tags_of_payer(call)
        found = [
            _shown_tag(key, tag)
            for key, tag in sorted(visible.items())
            if key in ask.get("TagKeys", visible)
            and ask.get("Status", _status(tag)) == _status(tag)
            and ask.get("Type", _type(key)) == _type(key)
        ]
        size = ask.get("MaxResults", 100)
        if not 1 <= size <= 1000:
            raise validation("MaxResults must be between 1 and 1000")
        tags, token = page(found, size, ask.get("NextToken"), "InvalidNextTokenException")
        answer: dict[str, Any] = {"CostAllocationTags": tags}
        return {**answer, "NextToken": token} if token else answer

    def _update_tags(self, call: Call, stale: bool) -> dict[str, Any]:
        """Idempotent; what cannot be done is told per key, with HTTP 200."""
        entries = call.payload.get("CostAllocationTagsStatus", [])
        if not 1 <= len(entries) <= 20:
            raise validation("CostAllocationTagsStatus has 1 to 20 entries")
        errors = []
        with self._lock:
            visible = self._tags_of_payer(call)
            for entry in entries:
                key, active = entry["TagKey"], entry["Status"] == "Active"
                if key not in visible:
                    errors.append(_key_error(key, "TagKeysNotFoundException", f"Tag keys not found: {key}"))
                elif active and sum(tag.active for tag in visible.values()) >= MAX_ACTIVE_KEYS:
                    errors.append(_key_error(key, "LimitExceededException", "Too many active cost allocation tags"))
                elif visible[key].active != active:
                    visible[key] = replace(visible[key], active=active, changed=self._now())
                    self._keys[call.account][key] = visible[key]
        return {"Errors": errors}

    def _start_backfill(self, call: Call, stale: bool) -> dict[str, Any]:
        """From the first of a month, at most 12 months back, once in 24 h [botocore model]."""
        self._refuse_member(call)
        text, now = str(call.payload.get("BackfillFrom")), self._now()
        try:
            start = datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)
        except ValueError:
            raise validation("BackfillFrom must be a time") from None
        earliest = now.replace(year=now.year - 1, day=1, hour=0, minute=0, second=0, microsecond=0)
        if start.day != 1 or start.time() != datetime.min.time() or not earliest <= start <= now:
            raise validation("BackfillFrom must be the first of a month, at most 12 months back")
        with self._lock:
            history = self._backfills.setdefault(call.account, [])
            if history and now - history[0].requested < timedelta(hours=24):
                raise AwsError("BackfillLimitExceededException", "A backfill was requested within the last 24 hours")
            history.insert(0, _Backfill(text, now))
            return {"BackfillRequest": self._shown_backfill(history[0])}

    def _list_backfills(self, call: Call, stale: bool) -> dict[str, Any]:
        self._refuse_member(call)
        with self._lock:
            return {"BackfillRequests": [self._shown_backfill(b) for b in self._backfills.get(call.account, [])]}

    def _shown_backfill(self, backfill: _Backfill) -> dict[str, Any]:
        shown = {"BackfillFrom": backfill.start, "RequestedAt": _time(backfill.requested)}
        done = backfill.requested + BACKFILL_TAKES
        if self._now() < done:
            return {**shown, "BackfillStatus": "PROCESSING", "LastUpdatedAt": _time(backfill.requested)}
        return {**shown, "BackfillStatus": "SUCCEEDED", "CompletedAt": _time(done), "LastUpdatedAt": _time(done)}

    def _tags_of_payer(self, call: Call) -> dict[str, TagKey]:
        self._refuse_member(call)
        with self._lock:
            return self._visible(call.account)

    def _refuse_member(self, call: Call) -> None:
        if call.account in self._payers:
            message = "Linked account doesn't have access to cost allocation tags."
            raise AwsError("AccessDeniedException", message)

    def _visible(self, payer: str) -> dict[str, TagKey]:
        now = self._now()
        return {key: tag for key, tag in self._keys.get(payer, {}).items() if tag.visible <= now}

    def _visible_items(self, account: str) -> list[LineItem]:
        with self._lock:
            return [i for i in self._items if account in (i.account, self._payer(i.account))]

    def _payer(self, account: str) -> str:
        return self._payers.get(account, account)


_ANY_ITEM = LineItem(date.min, "", "", "", "", Decimal(0))
_CENT_OF_CENT = Decimal("0.0001")
_FORECAST_METRICS = (
    "UNBLENDED_COST", "BLENDED_COST", "AMORTIZED_COST", "NET_UNBLENDED_COST", "NET_AMORTIZED_COST",
)  # fmt: skip


def _in_budget(item: LineItem, filters: Mapping[str, list[str]], active: Collection[str]) -> bool:
    """Values of one filter are alternatives; all filters must hold."""
    dimensions = {"Service": "SERVICE", "UsageType": "USAGE_TYPE", "LinkedAccount": "LINKED_ACCOUNT"}
    pairs = {f"user:{key}${value}" for key, value in item.tags.items() if key in active}
    return all(
        bool(pairs & set(values))
        if name == "TagKeyValue"
        else name in dimensions and item.dimension(dimensions[name]) in values
        for name, values in filters.items()
    )


def _check_group_by(group_by: list[dict[str, str]]) -> None:
    if len(group_by) > 2:
        raise validation("GroupBy has at most 2 groups")
    for group in group_by:
        if group.get("Type") not in ("TAG", "DIMENSION") or not group.get("Key"):
            raise validation("GroupBy needs a Type (TAG or DIMENSION) and a Key")
        if group["Type"] == "DIMENSION":
            _ANY_ITEM.dimension(group["Key"])


def _period(ask: Mapping[str, Any]) -> tuple[date, date]:
    """Start inclusive, End exclusive."""
    sent = ask.get("TimePeriod", {})
    try:
        start, end = date.fromisoformat(sent["Start"]), date.fromisoformat(sent["End"])
    except (KeyError, ValueError):
        raise validation("TimePeriod needs a Start and an End, YYYY-MM-DD") from None
    if start >= end:
        raise validation("Start date (and hour) should be before end date (and hour)")
    return start, end


def _periods(start: date, end: date, monthly: bool) -> list[tuple[date, date]]:
    """The months or days of [start, end); the first and the last may be partial months."""
    periods = []
    while start < end:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1) if monthly else start + timedelta(1)
        periods.append((start, min(following, end)))
        start = following
    return periods


def _first_of(today: date, months: int) -> date:
    """The first day of so many months that end with the running one."""
    number = today.year * 12 + today.month - months
    return date(number // 12, number % 12 + 1, 1)


def _within(items: Iterable[LineItem], period: tuple[date, date]) -> list[LineItem]:
    return [item for item in items if period[0] <= item.date < period[1]]


def _grouped(
    period: tuple[date, date],
    items: Iterable[LineItem],
    group_by: list[dict[str, str]],
    metrics: list[str],
    active: Collection[str],
) -> list[tuple[tuple[date, date], dict[str, Any]]]:
    groups: dict[tuple[str, ...], list[LineItem]] = {}
    for item in items:
        groups.setdefault(group_keys(group_by, item, active), []).append(item)
    return [(period, {"Keys": list(keys), "Metrics": shown_metrics(groups[keys], metrics)}) for keys in sorted(groups)]


def _forecast(period: tuple[date, date], mean: Decimal, spread: Decimal) -> dict[str, Any]:
    low, high = mean * (1 - spread), mean * (1 + spread)
    return {
        "TimePeriod": _shown(period),
        "MeanValue": decimal_text(mean.quantize(_CENT_OF_CENT)),
        "PredictionIntervalLowerBound": decimal_text(low.quantize(_CENT_OF_CENT)),
        "PredictionIntervalUpperBound": decimal_text(high.quantize(_CENT_OF_CENT)),
    }


def _token_for(ask: Mapping[str, Any], token: str) -> str:
    """The page's token and a mark of the request: AWS wants the same parameters with every page."""
    return f"{token}~{_mark(ask)}"


def _token_of(ask: Mapping[str, Any]) -> str | None:
    sent = ask.get("NextPageToken")
    if not sent:
        return None
    token, _, mark = str(sent).partition("~")
    if mark and mark != _mark(ask):
        raise AwsError("RequestChangedException", "The request changed between pages")
    return token


def _mark(ask: Mapping[str, Any]) -> str:
    text = repr(sorted((key, repr(value)) for key, value in ask.items() if key != "NextPageToken"))
    return format(hash(text) & 0xFFFFFFFFFFFF, "x")


def _values(call: Call, name: str, values: list[Any]) -> dict[str, Any]:
    size = call.payload.get("MaxResults", 1000)
    shown, token = page(values, size, call.payload.get("NextPageToken"), "InvalidNextTokenException")
    answer = {name: shown, "ReturnSize": len(shown), "TotalSize": len(values)}
    return {**answer, "NextPageToken": token} if token else answer


def _shown(period: tuple[date, date]) -> dict[str, str]:
    return {"Start": period[0].isoformat(), "End": period[1].isoformat()}


def _shown_tag(key: str, tag: TagKey) -> dict[str, str]:
    shown = {"TagKey": key, "Type": _type(key), "Status": _status(tag), "LastUsedDate": _time(tag.visible)}
    return {**shown, "LastUpdatedDate": _time(tag.changed)} if tag.changed else shown


def _type(key: str) -> str:
    return "AWSGenerated" if key.startswith("aws:") else "UserDefined"


def _status(tag: TagKey) -> str:
    return "Active" if tag.active else "Inactive"


def _key_error(key: str, code: str, message: str) -> dict[str, str]:
    return {"TagKey": key, "Code": code, "Message": message}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
