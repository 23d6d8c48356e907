"""The customer's monthly budget with its alerts and their subscribers.

A budget is created whole, in one call. After that only what differs is touched: UpdateBudget zeroes the spend that
AWS has calculated, and an alert that is made anew may be sent again, so neither happens without need.

Alerts and subscribers that others added to the budget are kept: ours are those that the manifest wants now or that we
applied before.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from controller.domain.customer import Customer
from controller.domain.kind import Kind, Note, Path
from controller.domain.resource import Absent, Observation, Present, Target, Unreadable
from controller.errors import Failure, PermanentFailure, TransientFailure
from controller.kinds.budget_alerts import alert_key, pair_moved, subscriber_steps, to_notification, to_subscriber
from controller.kinds.budget_state import BudgetState, parse_budget, wanted_state
from controller.kinds.budget_story import tell
from controller.kinds.context import Context

PAGE = 1000
"""Budgets in one page, the most that AWS answers."""

FEW = 3
"""Up to so many budgets are asked for one by one; the whole account is paged through otherwise."""

MAX_ALERTS = 10


class Budgets(Kind[Customer, BudgetState]):
    name = "budget"
    permissions = frozenset({"budgets:ViewBudget", "budgets:ModifyBudget"})
    state = BudgetState

    def __init__(self, context: Context) -> None:
        self._aws, self._account, self._clock = context.aws, context.account, context.clock
        self._trust = context.trust(context.settings.verify.subscribers_hours)

    def desired(self, owner: Customer) -> Mapping[str, BudgetState]:
        state = wanted_state(owner, self._account.topic_arn)
        return {_name(owner): state} if state else {}

    def observe(self, targets: Collection[Target[BudgetState]]) -> Mapping[str, Observation[BudgetState]]:
        names = {target.name for target in targets}
        if len(names) <= FEW:
            found = dict(zip(names, self._aws.each(self._read_one, names), strict=True))
        else:
            found = {name: raw for name, raw in self._read_all().items() if name in names}
        looks = self._aws.each(lambda target: self._look(target, found.get(target.name)), targets)
        return {
            target.name: Unreadable(look) if isinstance(look, Failure) else look
            for target, look in zip(targets, looks, strict=True)
        }

    def put(self, name: str, desired: BudgetState, observed: BudgetState | None) -> None:
        if observed is None:
            self._create(name, desired)
        else:
            self._converge(name, desired, observed)

    def delete(self, name: str, observed: BudgetState) -> None:
        self._tolerating("NotFoundException", "delete_budget", name)

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

    def _read_all(self) -> dict[str, Mapping[str, Any]]:
        """All budgets of the account, each with its notifications, in pages of 1,000."""
        alerts = {
            one["BudgetName"]: one.get("Notifications", [])
            for page in self._pages("describe_budget_notifications_for_account", MaxResults=PAGE)
            for one in page.get("BudgetNotificationsForAccount", ())
        }
        return {
            raw["BudgetName"]: {**raw, "Notifications": alerts.get(raw["BudgetName"], [])}
            for page in self._pages("describe_budgets", MaxResults=PAGE, ShowFilterExpression=True)
            for raw in page.get("Budgets", ())
        }

    def _look(self, target: Target[BudgetState], raw: Mapping[str, Any] | Failure | None) -> Observation[BudgetState]:
        if isinstance(raw, Failure):
            return Unreadable(raw)
        if raw is None:
            return Absent()
        wanted = target.desired.alerts if target.desired else {}
        applied = target.applied.state.alerts if target.applied and target.applied.state else {}
        verified_at = self._verified_at(target)
        alerts: dict[str, tuple[str, ...]] = {}
        kept: list[str] = []
        for notification in raw["Notifications"]:
            key = alert_key(**_identity(notification))
            if key not in wanted and key not in applied:
                kept.append(f"alert {key}")
            elif verified_at and key in applied:
                alerts[key] = applied[key]
            else:
                there = self._subscribers(target.name, notification)
                ours = {*wanted.get(key, ()), *applied.get(key, ())}
                alerts[key] = tuple(one for one in there if one in ours)
                kept += [f"{one} on alert {key}" for one in there if one not in ours]
        return Present(parse_budget(raw, alerts, self._clock()), tuple(sorted(kept)), verified_at or self._clock())

    def _verified_at(self, target: Target[BudgetState]) -> datetime | None:
        """Since when the subscribers are known, or None when they are to be read now.

        What is wanted must be what was applied: before any write, everything is read. The moment at which a budget is
        due is spread by its name, so that a fleet that was applied at once is not verified at once.
        """
        applied = target.applied
        if applied is None or applied.state is None or applied.state != target.desired:
            return None
        share = sum(target.name.encode()) % 100 / 100
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

    def _create(self, name: str, desired: BudgetState) -> None:
        """One atomic call. If the budget turns out to be there already, e.g. by a lost answer, it is converged."""
        alerts = [
            {"Notification": to_notification(key), "Subscribers": [to_subscriber(one) for one in subscribers]}
            for key, subscribers in sorted(desired.alerts.items())
        ]
        try:
            self._aws.call(
                "budgets",
                "create_budget",
                about=name,
                AccountId=self._account.account_id,
                Budget=desired.to_aws(name),
                NotificationsWithSubscribers=alerts,
            )
        except PermanentFailure as failure:
            if failure.code != "DuplicateRecordException":
                raise
            seen = self._look(Target(name, desired), self._read_one(name))
            if not isinstance(seen, Present):
                raise TransientFailure(
                    "the budget was there and is gone again", operation=failure.operation, resource=name
                ) from failure
            self._converge(name, desired, seen.state)

    def _converge(self, name: str, desired: BudgetState, observed: BudgetState) -> None:
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
        surplus = sorted(there.keys() - desired.alerts.keys())
        if len(there) + len(desired.alerts.keys() - there.keys()) > MAX_ALERTS:
            self._remove_alerts(name, surplus)
            surplus = []
        for key in sorted(desired.alerts):
            if key in there:
                self._converge_subscribers(name, key, there[key], desired.alerts[key])
            else:
                self._create_alert(name, key, desired.alerts[key])
        self._remove_alerts(name, surplus)

    def _create_alert(self, name: str, key: str, subscribers: Sequence[str]) -> None:
        self._tolerating(
            "DuplicateRecordException",
            "create_notification",
            name,
            Notification=to_notification(key),
            Subscribers=[to_subscriber(one) for one in subscribers],
        )

    def _remove_alerts(self, name: str, keys: Collection[str]) -> None:
        for key in keys:
            self._tolerating("NotFoundException", "delete_notification", name, Notification=to_notification(key))

    def _converge_subscribers(self, name: str, key: str, there: Sequence[str], wanted: Sequence[str]) -> None:
        notification = to_notification(key)
        for old, new in subscriber_steps(there, wanted):
            if old and new:
                subscribers = {"OldSubscriber": to_subscriber(old), "NewSubscriber": to_subscriber(new)}
                self._tolerating(
                    "DuplicateRecordException", "update_subscriber", name, Notification=notification, **subscribers
                )
            elif new:
                self._tolerating(
                    "DuplicateRecordException", "create_subscriber", name,
                    Notification=notification, Subscriber=to_subscriber(new),
                )  # fmt: skip
            elif old:
                self._tolerating(
                    "NotFoundException", "delete_subscriber", name,
                    Notification=notification, Subscriber=to_subscriber(old),
                )  # fmt: skip

    # Calling

    def _call(self, operation: str, name: str, **parameters: Any) -> dict[str, Any]:
        return self._aws.call(
            "budgets", operation, about=name, AccountId=self._account.account_id, BudgetName=name, **parameters
        )

    def _tolerating(self, code: str, operation: str, name: str, **parameters: Any) -> None:
        """A call whose refusal with this code means that it is so already."""
        try:
            self._call(operation, name, **parameters)
        except PermanentFailure as failure:
            if failure.code != code:
                raise

    def _pages(self, operation: str, **parameters: Any) -> list[dict[str, Any]]:
        pages: list[dict[str, Any]] = []
        more: dict[str, str] = {}
        while more or not pages:
            about = str(parameters.get("BudgetName", self._account.account_id))
            page = self._aws.call(
                "budgets", operation, about=about, AccountId=self._account.account_id, **parameters, **more
            )
            pages.append(page)
            more = {"NextToken": page["NextToken"]} if page.get("NextToken") else {}
        return pages


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
