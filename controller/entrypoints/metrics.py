"""What the operator tells Prometheus and the probes, over HTTP.

/healthz   200 while passes end as they should; 503 where none has for three intervals: restart me
/readyz    200 once customers can be seen; also on a replica that only waits to take over
/metrics   all figures below
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from controller.errors import ReconcileError
from controller.passes import Passed

BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Seconds that a pass takes, from one customer to a fleet."""


class Standing(Protocol):
    """How a customer stands, as far as its status says it."""

    @property
    def customer_id(self) -> str: ...
    @property
    def is_failing(self) -> bool: ...
    @property
    def spent(self) -> float | None: ...
    @property
    def limit(self) -> float | None: ...
    @property
    def currency(self) -> str: ...


class Vitals(Protocol):
    """What is read when somebody asks."""

    def is_alive(self) -> bool: ...
    def is_ready(self) -> bool: ...
    def leads(self) -> bool: ...
    def resources(self) -> int: ...
    def queue(self) -> tuple[int, float]:
        """How many are due, and for how many seconds the first of them has been."""
        ...

    def customers(self) -> Iterable[Standing]: ...
    def aws_calls(self) -> Mapping[tuple[str, str], int]: ...
    def cluster_calls(self) -> Mapping[tuple[str, int], int]: ...
    def settings_are_good(self) -> bool: ...


class Meter:
    """Counts what happens. `by_customer` False: nothing is told by customer, for fleets of thousands."""

    def __init__(self, *, by_customer: bool = True) -> None:
        self.registry = CollectorRegistry()
        self._by_customer = by_customer
        self._passes = Counter("reconcile_passes", "Passes, by result", ["result"], registry=self.registry)
        self._seconds = Histogram(
            "reconcile_pass_seconds", "How long passes took", buckets=BUCKETS, registry=self.registry
        )
        self._success = Gauge(
            "reconcile_last_success_timestamp_seconds", "When the last pass ended", registry=self.registry
        )
        self._changes = Counter(
            "reconcile_changes", "Changes to AWS", ["kind", "action", "result"], registry=self.registry
        )
        self._drift = Counter(
            "reconcile_drift",
            "Keys that somebody changed in AWS, and that were put back",
            ["kind"],
            registry=self.registry,
        )
        self._writes = Counter("reconcile_cluster_writes", "Writes to the cluster", ["what"], registry=self.registry)
        for result in ("ok", "failed"):
            self._passes.labels(result)  # there from the start, so that the first one is an increase

    def passed(self, passed: Passed, seconds: float) -> None:
        self._passes.labels("ok").inc()
        self._seconds.observe(seconds)
        self._success.set_to_current_time()
        for verdict in passed.verdicts.values():
            for outcome in verdict.outcomes:
                result = "failed" if outcome.failure else "done" if outcome.tried else "not tried"
                self._changes.labels(outcome.change.key.kind, outcome.change.action, result).inc()
                if outcome.change.drift and outcome.ok:
                    self._drift.labels(outcome.change.key.kind).inc()

    def failed(self, failure: ReconcileError, seconds: float) -> None:
        self._passes.labels("failed").inc()
        self._seconds.observe(seconds)

    def wrote(self, what: str) -> None:
        self._writes.labels(what).inc()

    def watch(self, vitals: Vitals) -> None:
        """Also tells what these say, whenever somebody asks."""
        self.registry.register(_Asked(vitals, by_customer=self._by_customer))


class _Asked:
    """Figures that others count."""

    def __init__(self, vitals: Vitals, *, by_customer: bool) -> None:
        self._vitals, self._by_customer = vitals, by_customer

    def collect(self) -> Iterator[Metric]:
        yield from self._of_customers(list(self._vitals.customers()))
        vitals = self._vitals
        depth, age = vitals.queue()
        yield GaugeMetricFamily("reconcile_leader", "Whether this replica works", value=vitals.leads())
        yield GaugeMetricFamily("reconcile_resources", "Customer resources", value=vitals.resources())
        yield GaugeMetricFamily("reconcile_queue_depth", "Customers that are due", value=depth)
        yield GaugeMetricFamily("reconcile_queue_age_seconds", "How long the first of them waits", value=age)
        good = vitals.settings_are_good()
        yield GaugeMetricFamily("reconcile_settings_good", "0: they are broken, the last good ones serve", value=good)
        calls = CounterMetricFamily("aws_requests", "Calls to AWS", labels=["service", "operation", "code"])
        for (name, answer), count in vitals.aws_calls().items():
            calls.add_metric([*name.split(":", 1), answer], count)
        yield calls
        asked = CounterMetricFamily("cluster_requests", "Calls to the API server", labels=["verb", "code"])
        for (verb, code), count in vitals.cluster_calls().items():
            asked.add_metric([verb, str(code)], count)
        yield asked

    def _of_customers(self, customers: Sequence[Standing]) -> Iterator[Metric]:
        """What their statuses say."""
        failing = sum(one.is_failing for one in customers)
        words = "Customers that are not as wanted, but for those that are paused, suspended or only looked at"
        yield GaugeMetricFamily("reconcile_failing_customers", words, value=failing)
        cost = GaugeMetricFamily("customer_cost", "Spent this month", labels=["customer", "currency"])
        used = GaugeMetricFamily("customer_budget_used_ratio", "Share of the budget spent", labels=["customer"])
        for one in customers if self._by_customer else ():
            if one.spent is not None:
                cost.add_metric([one.customer_id, one.currency], one.spent)
            if one.spent is not None and one.limit:
                used.add_metric([one.customer_id], one.spent / one.limit)
        yield cost
        yield used


async def serve(address: str | None, port: int, meter: Meter, vitals: Vitals) -> web.AppRunner:
    """Answers until the runner is cleaned up, at None on all addresses, of both kinds: clusters may have either."""

    async def healthz(_: web.Request) -> web.Response:
        return _answer(vitals.is_alive(), "no pass ended within three intervals")

    async def readyz(_: web.Request) -> web.Response:
        return _answer(vitals.is_ready(), "the customers were not listed yet")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(meter.registry), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    return runner


def _answer(good: bool, words: str) -> web.Response:
    return web.Response(status=200 if good else 503, text="ok\n" if good else f"{words}\n")
