"""The gates of many customers: decide all, write what changed, keep the customer records saying the same.

Who collects usage and who listens to alerts both call `Gatekeeper.judge`; what woke it does not matter.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal, Protocol

from controller.domain.customer import Customer
from controller.domain.gate import Facts, Gate, Notice, Pause, Policy, Rung, Turn, decide, pause_of, turn
from controller.domain.money import ZERO
from controller.domain.month import Month
from controller.domain.status import Status
from controller.domain.usage import DOLLARS, CustomerMonth, Workset
from controller.errors import Failure, unexpected

FEW = 10
"""Up to so many gates are read one by one, more are read all at once."""

RUNNING = frozenset({"in_progress"})
"""States of a workset that runs, also where the ledger does not say since when."""

RecordStep = Literal["as it was", "written", "missing", "suspended"]
"""What became of the customer record. `missing`: there is none that could be written."""


class GateStore(Protocol):
    """Where gates are kept, with their audit trail."""

    def load(self) -> Mapping[str, Gate | Failure]:
        """All gates by customer id, a Failure standing for one that cannot be read."""
        ...

    def get(self, customer_id: str) -> Gate | Failure | None:
        """One gate; None where it was never decided."""
        ...

    def save_all(self, steps: Sequence[tuple[Gate, Gate | None, Turn | None]]) -> Mapping[str, Failure]:
        """Writes gates over the previous ones, each with its entry of the trail; the failures by customer id."""
        ...


class Records(Protocol):
    """The customer records, as far as the gate is concerned."""

    def read(self, customer_ids: Collection[str]) -> Mapping[str, Pause | Failure | None]:
        """What each says; None where there is no record to write into."""
        ...

    def write(self, customer_id: str, pause: Pause) -> bool:
        """False where there is none by now."""
        ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided for a customer and done about it. `gate` None: it could not be decided or not be stored.

    `before` is the gate until now; `saved`: it was written; `failure`: what did not work, of gate or record.
    """

    customer_id: str
    gate: Gate | None
    before: Gate | None = None
    saved: bool = False
    record: RecordStep = "as it was"
    failure: Failure | None = None


class Gatekeeper:
    """Gates and customer records, under one policy. `who` is what the audit trail says of this run."""

    def __init__(
        self,
        gates: GateStore,
        records: Records,
        policy: Policy,
        clock: Callable[[], datetime],
        who: str,
        concurrency: int = 16,
    ) -> None:
        self._gates, self._records, self._policy = gates, records, policy
        self._clock, self._who, self._concurrency = clock, who, concurrency

    def judge(
        self,
        customers: Sequence[Customer],
        months: Mapping[str, CustomerMonth],
        notices: Mapping[str, Notice] | None = None,
    ) -> tuple[Verdict, ...]:
        """Decides for these customers, by their running month and the alerts that came, in parallel; in order.

        A customer without a month has no numbers. A gate that stays as it is, with a record that says so, costs no
        write; a record that somebody changed is put right. What fails for one customer stops no other. Raises Failure
        where many gates, which are read together, cannot be. The gates of other controllers are left out by the caller:
        see `own`.
        """
        now = self._clock()
        before = self._before(customers)
        said = self._records.read([one.customer_id for one in customers if not one.suspend])

        decided = {
            one.customer_id: self._decide(
                one,
                facts_from(one, months.get(one.customer_id), now, (notices or {}).get(one.customer_id)),
                before.get(one.customer_id),
            )
            for one in customers
        }
        changed = [verdict for verdict in decided.values() if verdict.saved and verdict.gate]
        unsaved = self._gates.save_all(
            [(one.gate, one.before, turn(one.before, one.gate, self._who, now)) for one in changed if one.gate]
        )
        decided |= {id_: Verdict(id_, None, failure=failure) for id_, failure in unsaved.items()}

        def recorded(customer: Customer) -> Verdict:
            return self._recorded(customer, decided[customer.customer_id], said.get(customer.customer_id))

        with ThreadPoolExecutor(self._concurrency, thread_name_prefix="gate") as pool:
            return tuple(pool.map(recorded, customers))

    def _before(self, customers: Sequence[Customer]) -> Mapping[str, Gate | Failure | None]:
        if len(customers) > FEW:
            return self._gates.load()
        return {one.customer_id: self._one_before(one.customer_id) for one in customers}

    def _one_before(self, customer_id: str) -> Gate | Failure | None:
        try:
            return self._gates.get(customer_id)
        except Failure as failure:
            return failure

    def _decide(self, customer: Customer, facts: Facts, before: Gate | Failure | None) -> Verdict:
        """The gate, not stored yet: `saved` says that it is to be."""
        if isinstance(before, Failure):
            return Verdict(customer.customer_id, None, failure=before)
        try:
            gate = decide(customer.customer_id, facts, before, self._policy)
        except Exception as error:  # noqa: BLE001 - a bug with one customer must not stop the others
            return Verdict(customer.customer_id, None, failure=unexpected(error, customer.customer_id))
        return Verdict(customer.customer_id, gate, before, saved=gate != before)

    def _recorded(self, customer: Customer, verdict: Verdict, said: Pause | Failure | None) -> Verdict:
        """The record follows the gate: a run that ends in between leaves one that the next run puts right."""
        if verdict.gate is None:
            return verdict
        try:
            return replace(verdict, record="suspended" if customer.suspend else self._record(verdict.gate, said))
        except Failure as failure:
            return replace(verdict, failure=failure)
        except Exception as error:  # noqa: BLE001 - as above
            return replace(verdict, failure=unexpected(error, customer.customer_id))

    def _record(self, gate: Gate, said: Pause | Failure | None) -> RecordStep:
        if isinstance(said, Failure):
            raise said
        wanted = pause_of(gate)
        if said is None:
            return "missing"
        if said == wanted:
            return "as it was"
        return "written" if self._records.write(gate.customer_id, wanted) else "missing"


def own(
    customers: Sequence[Customer], statuses: Mapping[str, Status | Failure], controller_id: str
) -> tuple[Customer, ...]:
    """The customers that this controller answers for: those whose status is its own, and those that have none yet."""

    def is_own(status: Status | Failure | None) -> bool:
        return status is None or (isinstance(status, Status) and status.controller_id == controller_id)

    return tuple(one for one in customers if is_own(statuses.get(one.customer_id)))


def facts_from(customer: Customer, month: CustomerMonth | None, now: datetime, notice: Notice | None = None) -> Facts:
    """What the gate is decided by, from the manifest and what was collected of the running month. Pure.

    The spend is what the budget says or what Cost Explorer added up to, whichever is more. While AWS counts a budget
    anew, what Cost Explorer says can hold and cannot release: it is no part of the number, but of what is accrued. What
    AWS does not tell in dollars, as the limit is, is not known.
    """
    found = month if month and month.month == str(Month.of(now)) else CustomerMonth(customer.customer_id, "")
    running = _in_dollars(found)
    total, number = _total(running, now), _number(running, now)
    accrued = _accrued(running.worksets, number.holds_until if number else Month.of(now).start)
    return Facts(
        now=now,
        limit=customer.budget.monthly_limit if customer.budget else None,
        spent=number.amount if number else None,
        spent_as_of=number.as_of if number else None,
        forecast=_forecast(running, now),
        accrued=max(accrued, total.amount) if total and not number else accrued,
        rungs=_rungs(customer),
        wish=customer.wish,
        notice=notice,
    )


def _in_dollars(month: CustomerMonth) -> CustomerMonth:
    known = month if month.currency == DOLLARS else replace(month, lines=(), costs_as_of=None, forecast=None)
    spend = known.spend
    return known if spend is None or spend.currency == DOLLARS else replace(known, spend=None)


@dataclass(frozen=True, slots=True)
class _Number:
    """An amount with its time. Worksets that ended by `holds_until` are in it."""

    amount: Decimal
    as_of: datetime
    holds_until: datetime


def _number(month: CustomerMonth, now: datetime) -> _Number | None:
    """The greater of the two; None while AWS counts the budget anew."""
    budget, total = _budget(month, now), _total(month, now)
    if month.spend and month.spend.actual is None:
        return None
    return max([number for number in (budget, total) if number], key=lambda one: one.amount, default=None)


def _budget(month: CustomerMonth, now: datetime) -> _Number | None:
    spend = month.spend
    if spend is None or spend.actual is None or spend.as_of is None or spend.as_of not in Month.of(now):
        return None
    return _Number(spend.actual, spend.as_of, spend.as_of)


def _total(month: CustomerMonth, now: datetime) -> _Number | None:
    """The month's cost, where AWS has a part in it: what the ledger alone says is accrual."""
    amount, as_of = month.total, month.costs_as_of
    if amount is None or as_of is None or as_of not in Month.of(now):
        return None
    ledger = month.worksets_as_of if month.compute_source == "ledger" else None
    return _Number(amount, as_of, ledger or as_of)


def _forecast(month: CustomerMonth, now: datetime) -> Decimal | None:
    if month.forecast and month.forecast.as_of in Month.of(now):
        return month.forecast.amount
    spend = month.spend
    return spend.forecast if spend and spend.as_of and spend.as_of in Month.of(now) else None


def _accrued(worksets: Sequence[Workset], since: datetime) -> Decimal:
    """The ledger's cost of what runs, and of what ended since. A cost that nobody knows adds nothing to it."""
    return sum(
        (one.cost or ZERO for one in worksets if _is_running(one) or (one.ended_at and one.ended_at > since)), ZERO
    )


def _is_running(workset: Workset) -> bool:
    begun = workset.started_at is not None or workset.state in RUNNING
    return workset.outcome == "pending" and workset.ended_at is None and begun


def _rungs(customer: Customer) -> tuple[Rung, ...]:
    alerts = customer.budget.alerts if customer.budget else ()
    return tuple(Rung(alert.at_percent, alert.type, alert.pause_worksets) for alert in alerts)
