"""CloudWatch's ListMetrics and GetMetricData over what was put into moto, in time that grows with the question alone.

moto looks at all that was ever put for every metric that it tells: hours for the buckets of thousands of customers.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.sandbox.moto_backend import Moto
from controller.sandbox.paging import page
from controller.sandbox.routes import Call
from controller.sandbox.wire import AwsError

LISTED = 500
"""Metrics in a page of ListMetrics [model]."""
QUERIES = 500
"""Metrics that one GetMetricData takes [model]."""
LISTED_FOR = timedelta(days=14)
"""ListMetrics tells what has reported data within so long [model]."""
RECENT = timedelta(hours=3)

Identity = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name and dimensions, whose order means nothing."""
Handler = Callable[[Call, bool], dict[str, Any]]


class Metrics:
    """Both operations for plain metrics by botocore's JSON. Expressions, percentiles and the rest are moto's."""

    def __init__(self, moto: Moto, now: Callable[[], datetime]) -> None:
        self._moto, self._now = moto, now
        self._lock = threading.Lock()
        self._shelves: dict[tuple[str, str], _Shelf] = {}
        self._handlers: Mapping[str, Handler] = {"ListMetrics": self._list, "GetMetricData": self._get}

    def handler(self, call: Call) -> Handler | None:
        served = call.service == "cloudwatch" and call.protocol == "json"
        plain = all(_is_plain(query) for query in call.payload.get("MetricDataQueries", ()))
        paged = "MaxDatapoints" in call.payload
        return self._handlers.get(call.operation) if served and plain and not paged else None

    def _list(self, call: Call, stale: bool) -> dict[str, Any]:
        ask = call.payload
        active = RECENT if ask.get("RecentlyActive") == "PT3H" else LISTED_FOR
        since = (self._now() - active).timestamp()
        found = [one.shown() for one in self._series(call).values() if one.newest >= since and _passes(one, ask)]
        metrics, token = page(found, LISTED, ask.get("NextToken"), "InvalidParameterValue")
        return {"Metrics": metrics, **({"NextToken": token} if token else {})}

    def _get(self, call: Call, stale: bool) -> dict[str, Any]:
        """Newest first unless it is asked for otherwise; a metric without data has a result without values."""
        queries = call.payload.get("MetricDataQueries", ())
        if len(queries) > QUERIES:
            raise _invalid(f"The collection MetricDataQueries must not have a size greater than {QUERIES}.")
        if len({query["Id"] for query in queries}) < len(queries):
            raise _invalid("The values for parameter id in MetricDataQueries are not unique.")
        start, end = call.payload["StartTime"] // 60 * 60, call.payload["EndTime"]
        if start >= end:
            raise _invalid("The parameter EndTime must be greater than StartTime.")
        ascending = call.payload.get("ScanBy") == "TimestampAscending"
        series = self._series(call)
        told = [query for query in queries if query.get("ReturnData", True)]
        return {"MetricDataResults": [_result(query, series, start, end, ascending=ascending) for query in told]}

    def _series(self, call: Call) -> "dict[Identity, _Series]":
        put = self._moto.metric_data(call.account, call.region)
        with self._lock:
            shelf = self._shelves.get((call.account, call.region))
            if shelf is None or shelf.put is not put:  # moto forgets by beginning another list
                shelf = self._shelves[call.account, call.region] = _Shelf(put)
            shelf.catch_up()
            return dict(shelf.series)


@dataclass
class _Series:
    """One metric: its data as moto keeps them, by the second that each is of."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    data: list[tuple[float, Any]] = field(default_factory=list)
    newest: float = 0.0

    def shown(self) -> dict[str, Any]:
        dimensions = [{"Name": name, "Value": value} for name, value in self.dimensions]
        return {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions}


@dataclass
class _Shelf:
    """What was put in one region, by metric. Data are only ever added, so each is looked at once."""

    put: Sequence[Any]
    series: dict[Identity, _Series] = field(default_factory=dict)
    seen: int = 0

    def catch_up(self) -> None:
        while self.seen < len(self.put):
            datum = self.put[self.seen]
            self.seen += 1
            pairs = tuple((one.name, one.value) for one in datum.dimensions)
            identity = (datum.namespace, datum.name, frozenset(pairs))
            series = self.series.setdefault(identity, _Series(datum.namespace, datum.name, pairs))
            at = _seconds(datum.timestamp)
            series.data.append((at, datum))
            series.newest = max(series.newest, at)


def _is_plain(query: Mapping[str, Any]) -> bool:
    return "Expression" not in query and query.get("MetricStat", {}).get("Stat") in _STATISTICS


def _passes(series: _Series, ask: Mapping[str, Any]) -> bool:
    """All that is asked for; a dimension without a value takes any."""
    held = dict(series.dimensions)
    return (
        ask.get("Namespace") in (None, series.namespace)
        and ask.get("MetricName") in (None, series.name)
        and all(
            one["Name"] in held and one.get("Value") in (None, held[one["Name"]]) for one in ask.get("Dimensions", ())
        )
    )


def _result(
    query: Mapping[str, Any], series: Mapping[Identity, _Series], start: float, end: float, *, ascending: bool
) -> dict[str, Any]:
    """A value for every period that has data; periods begin at whole multiples of their length."""
    stat = query["MetricStat"]
    metric, period, unit = stat["Metric"], int(stat["Period"]), stat.get("Unit")
    dimensions = frozenset((one["Name"], one["Value"]) for one in metric.get("Dimensions", ()))
    found = series.get((metric["Namespace"], metric["MetricName"], dimensions))
    periods: dict[int, list[Any]] = defaultdict(list)
    for at, datum in found.data if found else ():
        begins = int(at // period) * period
        if start <= begins < end and unit in (None, datum.unit):
            periods[begins].append(datum)
    times = sorted(periods, reverse=not ascending)
    return {
        "Id": query["Id"],
        "Label": query.get("Label") or f"{metric['MetricName']} {stat['Stat']}",
        "Timestamps": times,
        "Values": [_STATISTICS[stat["Stat"]]([_spread(one) for one in periods[time]]) for time in times],
        "StatusCode": "Complete",
    }


Spread = tuple[float, float, float, float]
"""How many values, their sum, the least and the greatest."""


def _spread(datum: Any) -> Spread:
    """Of what was put as one value, or as a set of statistics."""
    if hasattr(datum, "value"):
        return 1.0, datum.value, datum.value, datum.value
    return datum.sample_count, datum.sum, datum.min, datum.max


def _count(spreads: Iterable[Spread]) -> float:
    return sum(count for count, *_ in spreads)


def _total(spreads: Iterable[Spread]) -> float:
    return sum(total for _, total, *_ in spreads)


_STATISTICS: Mapping[str, Callable[[list[Spread]], float]] = {
    "SampleCount": _count,
    "Sum": _total,
    "Average": lambda spreads: _total(spreads) / _count(spreads),
    "Minimum": lambda spreads: min(least for _, _, least, _ in spreads),
    "Maximum": lambda spreads: max(greatest for *_, greatest in spreads),
}


def _seconds(moment: datetime) -> float:
    """moto's times are UTC, and do not say so."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
