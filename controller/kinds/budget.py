"""The customer's monthly budget with its alerts and their subscribers.

A budget is created whole, in one call. After that only what differs is touched: UpdateBudget zeroes the spend that
AWS has calculated, and an alert that is made anew may be sent again, so neither happens without need.

Alerts and subscribers that others added to the budget are kept: ours are those that the manifest wants now or that we
applied before.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from controller.domain.customer import Customer
from controller.domain.kind import Kind, Note, Path
from controller.domain.resource import Absent, Observation, Present, Target, Unreadable
from controller.errors import Failure, PermanentFailure
from controller.kinds.budget_alerts import alert_key, pair_moved, subscriber_steps, to_notification, to_subscriber
from controller.kinds.budget_state import BudgetState, parse_budget, wanted_state
from controller.kinds.budget_story import POWERS, tell
from controller.kinds.context import Context
from controller.kinds.look import look_at_each

PAGE = 1000
"""Budgets in one page, the most that AWS answers."""

FEW = 3
"""Up to so many budgets are asked for one by one; the whole account is paged through otherwise."""

_Found = Mapping[str, Mapping[str, Any] | Failure | None]
"""Budgets by name as AWS describes them, with their notifications; None: there is none of that name."""


class Budgets(Kind[Customer, BudgetState]):
    name = "budget"
    permissions = frozenset({"budgets:ViewBudget", "budgets:ModifyBudget"})
    state = BudgetState
    powers = POWERS

    def __init__(self, context: Context) -> None:
        self._aws, self._account, self._clock = context.aws, context.account, context.clock
        self._trust = context.trust(context.settings.verify.subscribers_hours)

    def desired(self, owner: Customer) -> Mapping[str, BudgetState]:
        state = wanted_state(owner, self._account.topic_arn)
        return {_name(owner): state} if state else {}

    def observe(self, targets: Collection[Target[BudgetState]]) -> Mapping[str, Observation[BudgetState]]:
        """Page by page: what AWS says about a budget is much more than what is kept of it."""
        left = {target.name: target for target in targets}
        observed: dict[str, Observation[BudgetState]] = {}
        for found in self._few(left) if len(left) <= FEW else self._all():
            there = [left.pop(name) for name in found if name in left]
            observed |= look_at_each(self._aws, there, partial(self._look_in, found))
        return observed | dict.fromkeys(left, Absent())

    def put(self, name: str, desired: BudgetState, observed: BudgetState | None) -> None:
        """Where AWS is not as observed, by a lost answer or another hand, it looks once more and goes on from there."""
        try:
            self._write(name, desired, observed)
        except PermanentFailure as failure:
            if failure.code not in ("DuplicateRecordException", "NotFoundException"):
                raise
            seen = self._seen(name, self._read_one(name), desired.alerts, observed.alerts if observed else {})
            self._write(name, desired, seen.state if isinstance(seen, Present) else None)

    def delete(self, name: str, observed: BudgetState) -> None:
        try:
            self._call("delete_budget", name)
        except PermanentFailure as failure:
            if failure.code != "NotFoundException":
                raise

    def source(self, owner: Customer, name: str, path: Path) -> str:
        if path[0] != "alerts" or owner.budget is None:
            return "spec.budget.monthlyLimit" if path[0] == "limit" else "spec.budget"
        written = {alert_key(a.type, a.at_percent): a.source for a in owner.budget.alerts}
        return written.get(path[1], "spec.budget.alerts")

    def notes(self, name: str, observed: BudgetState | None, desired: BudgetState | None) -> Sequence[Note]:
        return tell(observed, desired)

    def report(self, state: BudgetState) -> Mapping[str, str]:
        figures = {"limit": state.limit, "actual": state.actual, "forecast": state.forecast}
        known = {name: f"{value:.2f}" for name, value in figures.items() if value is not None}
        return known | {"currency": state.unit}

    # Reading

    def _read_one(self, name: str) -> Mapping[str, Any] | None:
        """The budget with its notifications under `Notifications`, or None."""
        try:
            raw = self._call("describe_budget", name, ShowFilterExpression=True)["Budget"]
        except PermanentFailure as failure:
            if failure.code == "NotFoundException":
                return None
            raise
        return {**raw, "Notifications": self._notifications_of(name)}

    def _notifications_of(self, name: str) -> list[Mapping[str, Any]]:
        """AWS answers NotFoundException or an empty list where a budget has no alert."""
        try:
            pages = self._pages("describe_notifications_for_budget", MaxResults=100, BudgetName=name)
            return [one for page in pages for one in page.get("Notifications", ())]
        except PermanentFailure as failure:
            if failure.code == "NotFoundException":
                return []
            raise

    def _few(self, names: Collection[str]) -> Iterator[_Found]:
        """These budgets, one by one."""
        yield dict(zip(names, self._aws.each(self._read_one, names), strict=True))

    def _all(self) -> Iterator[_Found]:
        """All budgets of the account, in pages of 1,000, each budget with its notifications.

        Equal notifications are one value: there are thousands of each.
        """
        known: dict[tuple[str, ...], Mapping[str, Any]] = {}

        def shared(notification: Mapping[str, Any]) -> Mapping[str, Any]:
            bare = _bare(notification)
            return known.setdefault(tuple(map(str, bare.values())), bare)

        alerts = {
            one["BudgetName"]: [shared(notification) for notification in one.get("Notifications", ())]
            for page in self._pages("describe_budget_notifications_for_account", MaxResults=PAGE)
            for one in page.get("BudgetNotificationsForAccount", ())
        }
        for page in self._pages("describe_budgets", MaxResults=PAGE, ShowFilterExpression=True):
            yield {
                raw["BudgetName"]: {**raw, "Notifications": alerts.get(raw["BudgetName"], [])}
                for raw in page.get("Budgets", ())
            }

    def _look_in(self, found: _Found, target: Target[BudgetState]) -> Observation[BudgetState]:
        return self._look(target, found[target.name])

    def _look(self, target: Target[BudgetState], raw: Mapping[str, Any] | Failure | None) -> Observation[BudgetState]:
        """A budget that goes takes along what others added to it, so then nothing of it is kept."""
        if isinstance(raw, Failure):
            return Unreadable(raw)
        wanted = target.desired.alerts if target.desired else {}
        seen = self._seen(target.name, raw, wanted, _known(target), self._verified_at(target))
        return seen if target.desired or isinstance(seen, Absent) else replace(seen, kept=())

    def _seen(
        self,
        name: str,
        raw: Mapping[str, Any] | None,
        wanted: Mapping[str, Sequence[str]],
        known: Mapping[str, tuple[str, ...]],
        verified_at: datetime | None = None,
    ) -> Absent | Present[BudgetState]:
        """Ours is what is wanted or known to be ours from before; `known` is not read again where it was verified.

        A subscriber that we know from one alert is ours on every alert: an alert that moved took it along.
        """
        if raw is None:
            return Absent()
        alerts: dict[str, tuple[str, ...]] = {}
        others: list[str] = []
        addresses = {one for subscribers in known.values() for one in subscribers}
        for notification in raw["Notifications"]:
            key = alert_key(**_identity(notification))
            if key not in wanted and key not in known:
                others.append(f"alert {key}")
            elif verified_at and key in known:
                alerts[key] = known[key]
            else:
                there = self._subscribers(name, notification)
                ours = addresses | set(wanted.get(key, ()))
                alerts[key] = tuple(one for one in there if one in ours)
                others += [f"{one} on alert {key}" for one in there if one not in ours]
        kept = tuple(sorted(others))
        return Present(parse_budget(raw, alerts, self._clock(), kept), kept, verified_at or self._read_at())

    def _read_at(self) -> datetime | None:
        """When subscribers were read, if that is to be remembered: where they are read every time it is not."""
        return self._clock() if self._trust else None

    def _verified_at(self, target: Target[BudgetState]) -> datetime | None:
        """Since when the subscribers are known, or None when they are to be read now.

        What is wanted must be what was applied: before any write, everything is read. The moment at which a budget is
        due is spread by its name, so that a fleet that was applied at once is not verified at once.
        """
        applied = target.applied
        if applied is None or applied.state is None or applied.state != target.desired or applied.tried:
            return None
        share = zlib.crc32(target.name.encode()) % 1000 / 1000
        due = applied.verified_at + self._trust * (0.5 + share / 2)
        return applied.verified_at if self._clock() < due else None

    def _subscribers(self, name: str, notification: Mapping[str, Any]) -> tuple[str, ...]:
        try:
            pages = self._pages(
                "describe_subscribers_for_notification",
                MaxResults=100,
                BudgetName=name,
                Notification=_bare(notification),
            )
            found = [one for page in pages for one in page.get("Subscribers", ())]
        except PermanentFailure as failure:
            if failure.code != "NotFoundException":
                raise
            found = []
        return tuple(sorted(f"{one['SubscriptionType'].lower()}:{one['Address']}" for one in found))

    # Writing

    def _write(self, name: str, desired: BudgetState, observed: BudgetState | None) -> None:
        if observed is None:
            self._create(name, desired)
        else:
            self._converge(name, desired, observed)

    def _create(self, name: str, desired: BudgetState) -> None:
        """One atomic call."""
        alerts = [
            {"Notification": to_notification(key), "Subscribers": [to_subscriber(one) for one in subscribers]}
            for key, subscribers in sorted(desired.alerts.items())
        ]
        self._aws.call(
            "budgets",
            "create_budget",
            about=name,
            AccountId=self._account.account_id,
            Budget=desired.to_aws(name),
            NotificationsWithSubscribers=alerts,
        )

    def _converge(self, name: str, desired: BudgetState, observed: BudgetState) -> None:
        """Alerts move, then go, then come: never more than AWS allows, also where others have some of them."""
        if not desired.same_budget(observed):
            self._aws.call(
                "budgets",
                "update_budget",
                about=name,
                AccountId=self._account.account_id,
                NewBudget=desired.to_aws(name, period=observed.period),
            )
        there = dict(observed.alerts)
        for old, new in pair_moved(there, desired.alerts):
            self._call(
                "update_notification", name, OldNotification=to_notification(old), NewNotification=to_notification(new)
            )
            there[new] = there.pop(old)
        for key in sorted(there.keys() - desired.alerts.keys()):
            self._converge_subscribers(name, key, there[key], ())
        for key in sorted(desired.alerts):
            if key in there:
                self._converge_subscribers(name, key, there[key], desired.alerts[key])
            else:
                subscribers = [to_subscriber(one) for one in desired.alerts[key]]
                self._call("create_notification", name, Notification=to_notification(key), Subscribers=subscribers)

    def _converge_subscribers(self, name: str, key: str, there: Sequence[str], wanted: Sequence[str]) -> None:
        """AWS removes an alert with its last subscriber, so an alert of ours that others listen to stays theirs."""
        notification = to_notification(key)
        for old, new in subscriber_steps(there, wanted):
            if old and new:
                subscribers = {"OldSubscriber": to_subscriber(old), "NewSubscriber": to_subscriber(new)}
                self._call("update_subscriber", name, Notification=notification, **subscribers)
            elif new:
                self._call("create_subscriber", name, Notification=notification, Subscriber=to_subscriber(new))
            elif old:
                self._call("delete_subscriber", name, Notification=notification, Subscriber=to_subscriber(old))

    # Calling

    def _call(self, operation: str, name: str, **parameters: Any) -> dict[str, Any]:
        return self._aws.call(
            "budgets", operation, about=name, AccountId=self._account.account_id, BudgetName=name, **parameters
        )

    def _pages(self, operation: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        about = str(parameters.get("BudgetName", self._account.account_id))
        more: dict[str, str] | None = {}
        while more is not None:
            page = self._aws.call(
                "budgets", operation, about=about, AccountId=self._account.account_id, **parameters, **more
            )
            more = {"NextToken": page["NextToken"]} if page.get("NextToken") else None
            yield page


def _known(target: Target[BudgetState]) -> dict[str, tuple[str, ...]]:
    """Alerts and subscribers that are ours from before: applied, or on their way when a put failed."""
    known: dict[str, tuple[str, ...]] = {}
    for state in (target.applied.state, target.applied.tried) if target.applied else ():
        for key, subscribers in state.alerts.items() if state else ():
            known[key] = tuple(sorted({*known.get(key, ()), *subscribers}))
    return known


def _name(owner: Customer) -> str:
    return f"daylily-{owner.customer_id}-monthly"


def _identity(notification: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type_": notification["NotificationType"],
        "threshold": notification["Threshold"],
        "operator": notification["ComparisonOperator"],
        "threshold_type": notification.get("ThresholdType", "PERCENTAGE"),
    }


def _bare(notification: Mapping[str, Any]) -> dict[str, Any]:
    """The identity of a notification, without the state that AWS adds to it."""
    identity = ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType")
    return {key: notification[key] for key in identity if key in notification}
