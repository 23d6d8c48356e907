"""A seventh kind, in one file: a CloudWatch alarm on the size of a customer's bucket, in a cloud kept in a dict.

Everything that a new kind needs is here. Nothing else in the package knows of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from controller.domain.customer import Customer
from controller.domain.kind import Kind, Path
from controller.domain.resource import Absent, Observation, Present, Target, Unreadable
from controller.errors import Failure


@dataclass
class Cloud:
    """What the toy's AWS holds, who broke it, and the calls that were made."""

    alarms: dict[str, dict[str, str]] = field(default_factory=dict)
    failing: dict[str, Failure] = field(default_factory=dict)
    """By operation or by alarm."""
    log: list[str] = field(default_factory=list)

    def call(self, operation: str, name: str) -> dict[str, dict[str, str]]:
        self.log.append(f"cloudwatch:{operation}")
        if failure := self.failing.get(operation) or self.failing.get(name):
            raise failure
        return self.alarms


@dataclass(frozen=True, slots=True)
class Alarm:
    """Rings when the bucket holds more than this."""

    gib: int


class SizeAlarms(Kind[Customer, Alarm]):
    name = "size_alarm"
    permissions = frozenset({"cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"})
    state = Alarm

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def desired(self, owner: Customer) -> Mapping[str, Alarm]:
        return {f"daylily-{one.name}-size": Alarm(owner.quota_gib) for one in owner.buckets if owner.quota_gib}

    def observe(self, targets: Collection[Target[Alarm]]) -> Mapping[str, Observation[Alarm]]:
        return {target.name: self._look(target.name) for target in targets}

    def put(self, name: str, desired: Alarm, observed: Alarm | None) -> None:
        if desired != observed:
            alarms = self._cloud.call("PutMetricAlarm", name)
            alarms[name] = {**alarms.get(name, {}), "threshold": str(desired.gib)}

    def delete(self, name: str, observed: Alarm) -> None:
        self._cloud.call("DeleteAlarms", name).pop(name, None)

    def source(self, owner: Customer, name: str, path: Path) -> str:
        return "spec.storage.quotaGiB"

    def _look(self, name: str) -> Observation[Alarm]:
        try:
            alarm = self._cloud.call("DescribeAlarms", name).get(name)
        except Failure as failure:
            return Unreadable(failure)
        return Present(Alarm(int(alarm["threshold"]))) if alarm else Absent()
