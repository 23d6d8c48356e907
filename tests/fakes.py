"""Fakes with state: an AWS of dictionaries, kinds that live in it, and a store. No boto3, no network."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from pydantic import TypeAdapter

from controller.domain.customer import Account, Billing, Bucket, Budget, Customer
from controller.domain.gate import Gate, Pause, Turn
from controller.domain.kind import AnyKind, Kind, Path
from controller.domain.resource import Absent, Observation, Present, Target, Unreadable
from controller.domain.status import Status
from controller.errors import Failure, TransientFailure
from controller.fleet import Desired, Fleet, Options, Site, Unheld

START = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)


@dataclass
class Clock:
    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass(frozen=True, slots=True)
class Thing:
    """A state with some fields to compare, and one that AWS reports."""

    size: str
    parts: Mapping[str, str] = field(default_factory=dict)
    spend: str | None = field(default=None, compare=False)


@dataclass
class World:
    """What the fake AWS holds, by kind and name; what fails; and the calls that were made."""

    things: dict[tuple[str, str], Thing] = field(default_factory=dict)
    failing: dict[str, Failure] = field(default_factory=dict)
    """By `observe NAME`, `put NAME` or `delete NAME`."""
    stale: dict[tuple[str, str], Thing | None] = field(default_factory=dict)
    """Reads that still answer with an older state."""
    writes: list[str] = field(default_factory=list)
    reads: int = 0

    def check(self, what: str) -> None:
        if failure := self.failing.get(what):
            raise failure


class CustomerThing(Kind[Customer, Thing]):
    """Wants one thing for each bucket of a customer, as large as its quota; nothing without a budget."""

    name: ClassVar[str] = "thing"
    permissions = frozenset({"fake:Everything"})
    state = Thing

    def __init__(self, world: World) -> None:
        self.world = world

    def desired(self, owner: Customer) -> Mapping[str, Thing]:
        if owner.budget is None:
            return {}
        parts = {"cost_center": owner.billing.cost_center} if owner.billing.cost_center else {}
        return {bucket.name: Thing(str(owner.budget.monthly_limit), parts) for bucket in owner.buckets}

    def observe(self, targets: Collection[Target[Thing]]) -> Mapping[str, Observation[Thing]]:
        self.world.check("observe all")
        self.world.reads += 1
        return {target.name: self._look(target.name) for target in targets}

    def put(self, name: str, desired: Thing, observed: Thing | None) -> None:
        self.world.check(f"put {name}")
        self.world.writes.append(f"put {self.name} {name}")
        self.world.things[self.name, name] = desired

    def delete(self, name: str, observed: Thing) -> None:
        self.world.check(f"delete {name}")
        self.world.writes.append(f"delete {self.name} {name}")
        self.world.things.pop((self.name, name), None)

    def source(self, owner: Customer, name: str, path: Path) -> str:
        return "spec.budget.monthlyLimit" if path == ("size",) else "spec.billing.costCenter"

    def report(self, state: Thing) -> Mapping[str, str]:
        return {"spend": state.spend} if state.spend else {}

    def _look(self, name: str) -> Observation[Thing]:
        try:
            self.world.check(f"observe {name}")
        except Failure as failure:
            return Unreadable(failure)
        key = (self.name, name)
        thing = self.world.stale[key] if key in self.world.stale else self.world.things.get(key)
        return Present(thing, ("someone else's",)) if thing else Absent()


class SecondThing(CustomerThing):
    """The same under another name, so that there are two kinds; its reads lag."""

    name = "second"
    lags = True


class AccountThing(Kind[Account, Thing]):
    """Wants one thing for the account, and reports a condition."""

    name = "shared"
    permissions = frozenset({"fake:Everything"})
    state = Thing
    condition = "SharedReady"

    def __init__(self, world: World) -> None:
        self.world = world

    def desired(self, owner: Account) -> Mapping[str, Thing]:
        return {f"topic-{owner.account_id}": Thing("1")}

    def observe(self, targets: Collection[Target[Thing]]) -> Mapping[str, Observation[Thing]]:
        self.world.check("observe shared")
        found = {target.name: self.world.things.get((self.name, target.name)) for target in targets}
        return {name: Present(thing) if thing else Absent() for name, thing in found.items()}

    def put(self, name: str, desired: Thing, observed: Thing | None) -> None:
        self.world.check(f"put {name}")
        self.world.writes.append(f"put {self.name} {name}")
        self.world.things[self.name, name] = desired

    def delete(self, name: str, observed: Thing) -> None:
        self.world.things.pop((self.name, name), None)


_STATUS = TypeAdapter(Status)


@dataclass
class MemoryStore:
    """Statuses in a dictionary, stored as text, with the optimistic locking of the real store."""

    statuses: dict[str, Status] = field(default_factory=dict)
    saves: list[str] = field(default_factory=list)
    failure: Failure | None = None
    broken: dict[str, Failure] = field(default_factory=dict)
    fence: int = 0

    def load(self) -> Mapping[str, Status | Failure]:
        return {**self.statuses, **self.broken}

    def save(self, status: Status, fence: int) -> None:
        if self.failure:
            raise self.failure
        if fence < self.fence:
            raise TransientFailure("another run wrote this status in the meantime")
        self.fence = fence
        stored = self.statuses.get(status.owner_id)
        if (stored.version if stored else 0) != status.version:
            raise TransientFailure("another run wrote this status in the meantime")
        self.saves.append(status.owner_id)
        self.statuses[status.owner_id] = _STATUS.validate_json(_STATUS.dump_json(status.written()))

    def delete(self, status: Status) -> None:
        self.statuses.pop(status.owner_id, None)


@dataclass
class MemoryGates:
    """Gates and their trail in a dictionary and a list, with the optimistic locking of the real store."""

    gates: dict[str, Gate | Failure] = field(default_factory=dict)
    trail: list[Turn] = field(default_factory=list)
    saves: list[str] = field(default_factory=list)
    failing: dict[str, Failure] = field(default_factory=dict)
    """What writing fails with, by customer id."""
    unread: dict[str, Failure] = field(default_factory=dict)
    """What reading one fails with, by customer id."""

    def load(self) -> Mapping[str, Gate | Failure]:
        return dict(self.gates)

    def get(self, customer_id: str) -> Gate | Failure | None:
        if failure := self.unread.get(customer_id):
            raise failure
        return self.gates.get(customer_id)

    def save_all(self, steps: Sequence[tuple[Gate, Gate | None, Turn | None]]) -> Mapping[str, Failure]:
        failures: dict[str, Failure] = {}
        for step in steps:
            try:
                self._save(*step)
            except Failure as failure:
                failures[step[0].customer_id] = failure
        return failures

    def _save(self, gate: Gate, previous: Gate | None, entry: Turn | None) -> None:
        if failure := self.failing.get(gate.customer_id):
            raise failure
        stored = self.gates.get(gate.customer_id)
        version = previous.version if previous else 0
        if (stored.version if isinstance(stored, Gate) else 0) != version:
            raise TransientFailure("another run wrote this gate in the meantime")
        self.gates[gate.customer_id] = replace(gate, version=version + 1)
        self.trail += [entry] if entry else []
        self.saves.append(gate.customer_id)


@dataclass
class MemoryRecords:
    """What customer records say of the gate, by customer id; who is not in it has no record."""

    said: dict[str, Pause] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    failing: dict[str, Failure] = field(default_factory=dict)
    """By `read ID` and `write ID`."""

    def read(self, customer_ids: Collection[str]) -> Mapping[str, Pause | Failure | None]:
        return {one: self.failing.get(f"read {one}") or self.said.get(one) for one in customer_ids}

    def write(self, customer_id: str, pause: Pause) -> bool:
        if failure := self.failing.get(f"write {customer_id}"):
            raise failure
        if customer_id not in self.said:
            return False
        self.said[customer_id] = pause
        self.writes.append(customer_id)
        return True


@dataclass
class Town:
    """A fleet on fakes, with everything that a test looks at."""

    world: World = field(default_factory=World)
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: Clock = field(default_factory=Clock)
    options: Options = field(default_factory=Options)
    accounts: tuple[str, ...] = ("default",)
    extra_kinds: tuple[AnyKind, ...] = ()

    @property
    def fleet(self) -> Fleet:
        sites = {
            name: Site(
                Account(name, f"{index:012}", "us-west-2", controller_id=self.options.controller_id),
                (AccountThing(self.world),),
                (CustomerThing(self.world), SecondThing(self.world), *self.extra_kinds),
            )
            for index, name in enumerate(self.accounts, start=1)
        }
        return Fleet(sites, self.store, self.clock, self.options)

    def plan(self, *customers: Customer, **scope: Any) -> Any:
        return self.fleet.plan(Desired(customers, **scope))

    def apply(self, *customers: Customer, prune: bool = False, **scope: Any) -> Any:
        fleet = self.fleet
        return fleet.apply(fleet.plan(Desired(customers, **scope)), Unheld(), prune=prune)


def customer(customer_id: str = "acme", *buckets: str, limit: int | None = 500, **changes: Any) -> Customer:
    """A small customer: buckets named after it, a budget, a cost centre."""
    from decimal import Decimal

    plain = Customer(
        name=customer_id,
        customer_id=customer_id,
        display_name=customer_id.title(),
        email=f"admin@{customer_id}.com",
        billing=Billing(cost_center="CC-1"),
        buckets=tuple(Bucket(name, "us-west-2") for name in buckets or (f"{customer_id}-bucket",)),
        budget=None if limit is None else Budget(Decimal(limit)),
        generation=f"{customer_id}-{limit}",
    )
    return replace(plain, **changes)
