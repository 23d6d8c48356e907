"""What planned changes of lifecycle rules save or cost a month, told as notes of the plan.

The plan is made without them: they are added to what is shown of it. What buckets hold is what was collected in the
running month, read once for all customers whose rules change, and not at all where none do.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from controller.domain.kind import Note
from controller.domain.money import ZERO, cents
from controller.domain.month import Month
from controller.domain.plan import Change, Plan
from controller.domain.prices import Prices
from controller.domain.savings import RETENTION, Difference, Fates, classes_of, difference, fates
from controller.domain.savings_report import measured
from controller.domain.usage import BucketStorage, CustomerMonth
from controller.errors import Failure, InvalidInput, unexpected
from controller.fleet import FleetPlan

NONE = fates((), ())
UNTOLD = "what it saves or costs is not known"


class Collected(Protocol):
    """Where what was collected is stored."""

    def get(self, customer_ids: Collection[str], month: Month) -> Mapping[str, CustomerMonth | Failure]: ...


@dataclass(frozen=True, slots=True)
class BucketFates:
    """What the rules of one state of a bucket do to its objects."""

    region: str
    fates: Fates


@dataclass(frozen=True, slots=True)
class Estimates:
    """`read` says what the states of a kind do to objects, by kind; others have no lifecycle rules."""

    collected: Collected
    read: Mapping[str, Callable[[Any], BucketFates]]
    prices: Callable[[str], Prices]
    clock: Callable[[], datetime]

    def noted(self, plan: FleetPlan) -> FleetPlan:
        """The plan with these notes. Where nothing is known of what a bucket holds, nothing is said of it."""
        ids = {one.owner.id for one in plan.plans if any(self._concerns(change) for change in one.changes)}
        if not ids:
            return plan
        try:
            months = self.collected.get(sorted(ids), Month.of(self.clock()))
        except Failure:  # a plan is complete without an estimate
            return plan
        return replace(plan, plans=tuple(self._noted(one, months.get(one.owner.id)) for one in plan.plans))

    def _noted(self, plan: Plan, month: CustomerMonth | Failure | None) -> Plan:
        if not isinstance(month, CustomerMonth):
            return plan
        storage = {one.bucket: one for one in month.storage or ()}
        return replace(plan, changes=tuple(self._with_note(change, storage) for change in plan.changes))

    def _with_note(self, change: Change, storage: Mapping[str, BucketStorage]) -> Change:
        if not self._concerns(change) or change.key.name not in storage:
            return change
        try:
            notes = tuple(self._notes(change, storage[change.key.name]))
        except Exception as error:  # noqa: BLE001 - a plan is complete without an estimate, whatever is wrong with that
            notes = (Note(f"{UNTOLD}: {unexpected(error, str(change.key))}"),)
        return replace(change, notes=(*change.notes, *notes))

    def _notes(self, change: Change, storage: BucketStorage) -> Iterator[Note]:
        before, after = self._sides(change)
        region = (after or before or BucketFates("", NONE)).region
        stock = measured(storage, region, Decimal(RETENTION))
        try:
            prices = self.prices(region)
        except InvalidInput:  # there are none for this region
            return
        old, new = (side.fates if side else NONE for side in (before, after))
        unpriced = sorted(name for name in classes_of(old) | classes_of(new) if not prices.knows(name))
        if unpriced:
            yield Note(f"{UNTOLD}: no price of {', '.join(unpriced)} in {region} is known")
        elif stock:
            yield from _notes(difference(stock, old, new, prices))

    def _concerns(self, change: Change) -> bool:
        return change.key.kind in self.read and change.writes

    def _sides(self, change: Change) -> tuple[BucketFates | None, BucketFates | None]:
        read = self.read[change.key.kind]
        before, after = (None if state is None else read(state) for state in (change.observed, change.desired))
        return before, after


def _notes(found: Difference) -> Iterator[Note]:
    """One sentence; none where it makes no difference."""
    low, high = cents(found.low), cents(found.high)
    if low == high == ZERO:
        return
    if high >= -low:
        words = f"saves about {high:,} USD a month once all of it has moved ({_range(low, high)})"
    else:
        words = f"costs about {-low:,} USD a month more in the long run ({_range(ZERO - high, -low)})"
    yield Note(f"{words}{_moving(found.moving)}")


def _range(low: Decimal, high: Decimal) -> str:
    told = "" if low == high else f"range {low:,} to {high:,}, "
    return f"{told}by assumed ages: `reconcile savings` tells more"


def _moving(cost: Decimal | None) -> str:
    if cost is None:
        return "; what moving costs is unknown, objects were not counted"
    return f"; moving costs up to {cents(cost):,} USD once" if cents(cost) else ""
