"""What an operator tells the probes and Prometheus while all is well."""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase

from controller.domain.custom_resource import Resource
from controller.entrypoints.metrics import Meter
from tests.resources import resource


class Well:
    """An operator that has hardly begun, and is well."""

    def is_alive(self) -> bool:
        return True

    def is_ready(self) -> bool:
        return True

    def leads(self) -> bool:
        return True

    def resources(self) -> int:
        return 0

    def queue(self) -> tuple[int, float]:
        return 0, 0.0

    def customers(self) -> Iterable[Resource]:
        usage = {"spent": "250.00", "limit": "500.00", "currency": "USD"}
        return [
            resource("acme", "acme", status={"usage": usage, "conditions": [_ready("True", "Reconciled")]}),
            resource("beta", "beta", status={"conditions": [_ready("False", "AccessDenied")]}),
            resource("paused", "paused", status={"conditions": [_ready("False", "Suspended")]}),
            resource("looked-at", "looked-at", status={"conditions": [_ready("False", "ChangesPending")]}),
            resource("new", "new"),
        ]

    def aws_calls(self) -> Mapping[tuple[str, str], int]:
        return {("s3:GetBucketTagging", "OK"): 1}

    def cluster_calls(self) -> Mapping[tuple[str, int], int]:
        return {("GET", 200): 1}

    def settings_are_good(self) -> bool:
        return True


def _ready(status: str, reason: str) -> dict[str, str]:
    return {"type": "Ready", "status": status, "reason": reason}


def metrics() -> Iterator[tuple[Metric, set[str]]]:
    """Every metric that Prometheus gets, with its labels, also where it has no values before something happens."""
    meter = Meter()
    meter.watch(Well())
    labels = {one._name: set(one._labelnames) for one in vars(meter).values() if isinstance(one, MetricWrapperBase)}
    for metric in meter.registry.collect():
        yield metric, labels.get(metric.name, set()).union(*(one.labels for one in metric.samples))
