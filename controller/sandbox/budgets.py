"""AWS Budgets: the state of every account's budgets and alerts, and the API over it."""

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from controller.sandbox.budget_rules import (
    MAX_NOTIFICATIONS,
    AlertId,
    SubscriberId,
    alert_id,
    check_budget,
    check_subscriber_count,
    invalid,
    normalized,
    period_end,
    period_start,
    shown_alert,
    shown_amount,
    subscriber_id,
)
from controller.sandbox.paging import page
from controller.sandbox.routes import Call
from controller.sandbox.wire import AwsError

Handler = Callable[[Call, bool], dict[str, Any]]
TopicPolicy = Callable[[str], Mapping[str, Any] | None]


class SpendSource(Protocol):
    def spend(self, account: str, filters: Mapping[str, list[str]], start: datetime, end: datetime) -> Decimal: ...
    def first_cost(self, account: str, filters: Mapping[str, list[str]]) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Spend:
    actual: Decimal = Decimal(0)
    forecast: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget: the fields as AWS shows them, its alerts with their subscribers, its tags."""

    fields: Mapping[str, Any]
    updated: datetime
    alerts: Mapping[AlertId, tuple[SubscriberId, ...]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    spend: Spend = field(default_factory=Spend)

    @property
    def name(self) -> str:
        return str(self.fields["BudgetName"])

    def state(self, alert: AlertId) -> str:
        """ALARM when the spend crosses the threshold: GREATER_THAN 100 means above, not at."""
        spent = self.spend.actual if alert.type == "ACTUAL" else self.spend.forecast
        limit = Decimal(self.fields.get("BudgetLimit", {}).get("Amount", "0"))
        threshold = Decimal(str(alert.threshold))
        if alert.threshold_type == "PERCENTAGE":
            threshold = threshold * limit / 100
        if spent is None:
            return "OK"
        crossed = {"GREATER_THAN": spent > threshold, "LESS_THAN": spent < threshold}
        return "ALARM" if crossed.get(alert.operator, spent == threshold) else "OK"


class Budgets:
    """The budgets of all accounts. A write replaces one frozen Budget; the version before it stays for stale reads.

    CalculatedSpend is zero after a create or an update until `refresh()`, which stands for the data refresh that AWS
    makes every 8 to 12 hours. It takes what `set_spend` said, and else what the cost line items add up to.
    """

    def __init__(self, now: Callable[[], datetime], costs: SpendSource, topic_policy: TopicPolicy) -> None:
        self._now = now
        self._costs = costs
        self._topic_policy = topic_policy
        self._lock = threading.RLock()
        self.handlers: Mapping[str, Handler] = {
            "CreateBudget": self._create_budget,
            "UpdateBudget": self._update_budget,
            "DescribeBudget": self._describe_budget,
            "DescribeBudgets": self._describe_budgets,
            "DeleteBudget": self._delete_budget,
            "CreateNotification": self._create_notification,
            "UpdateNotification": self._update_notification,
            "DeleteNotification": self._delete_notification,
            "DescribeNotificationsForBudget": self._describe_notifications,
            "DescribeBudgetNotificationsForAccount": self._describe_account_notifications,
            "CreateSubscriber": self._create_subscriber,
            "UpdateSubscriber": self._update_subscriber,
            "DeleteSubscriber": self._delete_subscriber,
            "DescribeSubscribersForNotification": self._describe_subscribers,
            "TagResource": self._tag,
            "UntagResource": self._untag,
            "ListTagsForResource": self._list_tags,
        }
        self.reset()

    def reset(self) -> None:
        with self._lock:
            self._versions: dict[tuple[str, str], tuple[Budget | None, Budget | None]] = {}
            self._known_spend: dict[tuple[str, str], Spend] = {}
            self._created: dict[tuple[str, str], Counter[AlertId]] = {}

    # Seeding and assertions

    def set_spend(
        self, account: str, name: str, actual: Decimal | str | int, forecast: Decimal | str | int | None = None
    ) -> None:
        """Say what a budget has cost, now (if it exists) and at every refresh to come."""
        spend = Spend(Decimal(actual), None if forecast is None else Decimal(forecast))
        with self._lock:
            self._known_spend[account, name] = spend
            budget = self._current(account, name)
            if budget:
                self._keep_spend(account, replace(budget, spend=spend))

    def refresh(self) -> None:
        """Recompute every budget's CalculatedSpend, as AWS does up to three times a day."""
        with self._lock:
            for (account, name), (budget, _) in list(self._versions.items()):
                if budget:
                    known = self._known_spend.get((account, name))
                    self._keep_spend(account, replace(budget, spend=known or self._computed(account, budget)))

    def find(self, account: str, name: str) -> Budget | None:
        with self._lock:
            return self._current(account, name)

    def alerts_created(self, account: str, name: str) -> Counter[AlertId]:
        """How often each alert of a budget was ever created; 2 is an alert that may have fired twice."""
        with self._lock:
            return Counter(self._created.get((account, name), Counter()))

    # Budgets

    def _create_budget(self, call: Call, stale: bool) -> dict[str, Any]:
        """Budget, alerts, subscribers and tags in one: all or nothing."""
        account, sent = self._account(call), call.payload.get("Budget") or {}
        check_budget(sent)
        alerts: dict[AlertId, tuple[SubscriberId, ...]] = {}
        for entry in call.payload.get("NotificationsWithSubscribers", []):
            alert = alert_id(entry.get("Notification", {}))
            if alert in alerts:
                raise _duplicate("the notification already exists")
            alerts[alert] = self._checked_subscribers(account, entry.get("Subscribers", []))
        _check_alert_count(len(alerts))
        tags = {tag["Key"]: tag["Value"] for tag in call.payload.get("ResourceTags", [])}
        with self._lock:
            if self._current(account, sent["BudgetName"]):
                raise _duplicate(f"the budget already exists: {sent['BudgetName']}")
            now = self._now()
            self._keep(account, Budget(normalized(sent, now), now, alerts, tags))
            self._count(account, sent["BudgetName"], *alerts)
        return {}

    def _update_budget(self, call: Call, stale: bool) -> dict[str, Any]:
        """Replaces every field but the name; the calculated spend drops to zero [botocore model]."""
        account, sent = self._account(call), call.payload.get("NewBudget") or {}
        check_budget(sent)
        with self._lock:
            budget, now = self._budget(account, sent["BudgetName"]), self._now()
            self._keep(account, replace(budget, fields=normalized(sent, now), updated=now, spend=Spend()))
        return {}

    def _delete_budget(self, call: Call, stale: bool) -> dict[str, Any]:
        account, name = self._account(call), _text(call, "BudgetName")
        with self._lock:
            self._versions[account, name] = (None, self._budget(account, name))
        return {}

    def _describe_budget(self, call: Call, stale: bool) -> dict[str, Any]:
        budget = self._budget(self._account(call), _text(call, "BudgetName"), stale)
        return {"Budget": _shown(budget, call)}

    def _describe_budgets(self, call: Call, stale: bool) -> dict[str, Any]:
        budgets, token = _paged(call, self._all(self._account(call), stale), default=100, most=1000)
        return _with_token({"Budgets": [_shown(budget, call) for budget in budgets]}, token)

    # Alerts

    def _create_notification(self, call: Call, stale: bool) -> dict[str, Any]:
        account, alert = self._account(call), alert_id(call.payload.get("Notification", {}))
        subscribers = self._checked_subscribers(account, call.payload.get("Subscribers", []))
        with self._lock:
            budget = self._budget(account, _text(call, "BudgetName"))
            if alert in budget.alerts:
                raise _duplicate("the notification already exists")
            _check_alert_count(len(budget.alerts) + 1)
            self._keep(account, replace(budget, alerts={**budget.alerts, alert: subscribers}))
            self._count(account, budget.name, alert)
        return {}

    def _update_notification(self, call: Call, stale: bool) -> dict[str, Any]:
        """Another threshold, the same subscribers."""
        account = self._account(call)
        old = alert_id(call.payload.get("OldNotification", {}))
        new = alert_id(call.payload.get("NewNotification", {}))
        with self._lock:
            budget = self._budget(account, _text(call, "BudgetName"))
            _subscribers(budget, old)
            if new != old and new in budget.alerts:
                raise _duplicate("the notification already exists")
            alerts = {new if alert == old else alert: subs for alert, subs in budget.alerts.items()}
            self._keep(account, replace(budget, alerts=alerts))
        return {}

    def _delete_notification(self, call: Call, stale: bool) -> dict[str, Any]:
        account, alert = self._account(call), alert_id(call.payload.get("Notification", {}))
        with self._lock:
            budget = self._budget(account, _text(call, "BudgetName"))
            _subscribers(budget, alert)
            self._keep(account, replace(budget, alerts=_without(budget.alerts, alert)))
        return {}

    def _describe_notifications(self, call: Call, stale: bool) -> dict[str, Any]:
        budget = self._budget(self._account(call), _text(call, "BudgetName"), stale)
        alerts, token = _paged(call, list(budget.alerts), default=100, most=100)
        return _with_token({"Notifications": [shown_alert(a, budget.state(a)) for a in alerts]}, token)

    def _describe_account_notifications(self, call: Call, stale: bool) -> dict[str, Any]:
        """Budgets without notifications are absent [custodian#11116]."""
        alerted = [budget for budget in self._all(self._account(call), stale) if budget.alerts]
        budgets, token = _paged(call, alerted, default=50, most=1000)
        found = [
            {
                "BudgetName": budget.name,
                "Notifications": [shown_alert(a, budget.state(a)) for a in budget.alerts],
            }
            for budget in budgets
        ]
        return _with_token({"BudgetNotificationsForAccount": found}, token)

    # Subscribers

    def _create_subscriber(self, call: Call, stale: bool) -> dict[str, Any]:
        new = self._checked_subscriber(self._account(call), call.payload.get("Subscriber", {}))
        return self._change_subscribers(call, None, new)

    def _update_subscriber(self, call: Call, stale: bool) -> dict[str, Any]:
        old = subscriber_id(call.payload.get("OldSubscriber", {}))
        new = self._checked_subscriber(self._account(call), call.payload.get("NewSubscriber", {}))
        return self._change_subscribers(call, old, new)

    def _delete_subscriber(self, call: Call, stale: bool) -> dict[str, Any]:
        return self._change_subscribers(call, subscriber_id(call.payload.get("Subscriber", {})), None)

    def _change_subscribers(self, call: Call, old: SubscriberId | None, new: SubscriberId | None) -> dict[str, Any]:
        """Add, exchange or remove one. "Deleting the last subscriber also deletes the notification" [model]."""
        account, alert = self._account(call), alert_id(call.payload.get("Notification", {}))
        with self._lock:
            budget = self._budget(account, _text(call, "BudgetName"))
            now = _subscribers(budget, alert)
            if old and old not in now:
                raise _not_found("the subscriber does not exist")
            if new and new != old and new in now:
                raise _duplicate("the subscriber already exists")
            if old and new:
                changed = tuple(new if subscriber == old else subscriber for subscriber in now)
            else:
                changed = (*(s for s in now if s != old), *([new] if new else []))
            check_subscriber_count(changed)
            alerts = {**budget.alerts, alert: changed} if changed else _without(budget.alerts, alert)
            self._keep(account, replace(budget, alerts=alerts))
        return {}

    def _describe_subscribers(self, call: Call, stale: bool) -> dict[str, Any]:
        budget = self._budget(self._account(call), _text(call, "BudgetName"), stale)
        found = _subscribers(budget, alert_id(call.payload.get("Notification", {})))
        subscribers, token = _paged(call, found, default=100, most=100)
        shown = [{"SubscriptionType": s.type, "Address": s.address} for s in subscribers]
        return _with_token({"Subscribers": shown}, token)

    # Tags

    def _tag(self, call: Call, stale: bool) -> dict[str, Any]:
        with self._lock:
            account, budget = self._by_arn(call)
            tags = {tag["Key"]: tag["Value"] for tag in call.payload.get("ResourceTags", [])}
            self._keep(account, replace(budget, tags={**budget.tags, **tags}))
        return {}

    def _untag(self, call: Call, stale: bool) -> dict[str, Any]:
        with self._lock:
            account, budget = self._by_arn(call)
            keys = call.payload.get("ResourceTagKeys", [])
            tags = {key: value for key, value in budget.tags.items() if key not in keys}
            self._keep(account, replace(budget, tags=tags))
        return {}

    def _list_tags(self, call: Call, stale: bool) -> dict[str, Any]:
        _, budget = self._by_arn(call, stale)
        return {"ResourceTags": [{"Key": key, "Value": value} for key, value in budget.tags.items()]}

    # The state

    def _current(self, account: str, name: str) -> Budget | None:
        return self._versions.get((account, name), (None, None))[0]

    def _budget(self, account: str, name: str, stale: bool = False) -> Budget:
        with self._lock:
            budget = self._versions.get((account, name), (None, None))[1 if stale else 0]
        if budget is None:
            raise _not_found(f"Unable to get budget: {name} - the budget doesn't exist.")
        return budget

    def _all(self, account: str, stale: bool) -> list[Budget]:
        with self._lock:
            versions = [pair[1 if stale else 0] for (owner, _), pair in self._versions.items() if owner == account]
        return sorted((budget for budget in versions if budget), key=lambda budget: budget.name)

    def _keep(self, account: str, budget: Budget) -> None:
        self._versions[account, budget.name] = (budget, self._current(account, budget.name))

    def _keep_spend(self, account: str, budget: Budget) -> None:
        """AWS's own doing, not a write: what a stale read shows stays what it was."""
        self._versions[account, budget.name] = (budget, self._versions[account, budget.name][1])

    def _count(self, account: str, name: str, *alerts: AlertId) -> None:
        self._created.setdefault((account, name), Counter()).update(alerts)

    def _computed(self, account: str, budget: Budget) -> Spend:
        """Spend of the current period from the line items; a straight-line forecast after five weeks of history."""
        if budget.fields["BudgetType"] != "COST" or "FilterExpression" in budget.fields:
            return Spend()
        filters, unit, now = budget.fields.get("CostFilters", {}), budget.fields["TimeUnit"], self._now()
        start = period_start(unit, now)
        actual = self._costs.spend(account, filters, start, now)
        first = self._costs.first_cost(account, filters)
        if first is None or (now - first).days < 35 or now == start:
            return Spend(actual)
        share = Decimal((period_end(unit, start) - start) / (now - start))
        return Spend(actual, (actual * share).quantize(Decimal("0.001")))

    # The checks

    def _account(self, call: Call) -> str:
        """The budgets API has no cross-account use: AccountId is the caller's."""
        account = _text(call, "AccountId")
        if account != call.account:
            raise AwsError("AccessDeniedException", f"Account {call.account} is not authorized to act on {account}")
        return account

    def _by_arn(self, call: Call, stale: bool = False) -> tuple[str, Budget]:
        arn = re.fullmatch(r"arn:aws:budgets::(\d{12}):budget/(.+)", _text(call, "ResourceARN"))
        if not arn:
            raise invalid("ResourceARN is not the ARN of a budget")
        if arn[1] != call.account:
            raise AwsError("AccessDeniedException", f"Account {call.account} may not act on {arn[0]}")
        return arn[1], self._budget(arn[1], arn[2], stale)

    def _checked_subscribers(self, account: str, sent: list[dict[str, Any]]) -> tuple[SubscriberId, ...]:
        if not sent:
            raise invalid("a notification needs at least one subscriber")
        subscribers = tuple(self._checked_subscriber(account, subscriber) for subscriber in sent)
        if len(set(subscribers)) < len(subscribers):
            raise _duplicate("the subscriber already exists")
        check_subscriber_count(subscribers)
        return subscribers

    def _checked_subscriber(self, account: str, sent: Mapping[str, Any]) -> SubscriberId:
        subscriber = subscriber_id(sent)
        if subscriber.type == "SNS":
            policy = self._topic_policy(subscriber.address)
            if f":{account}:" not in subscriber.address or not _lets_budgets_publish(policy, account):
                raise invalid("Invalid SNS topic")
        return subscriber


def _lets_budgets_publish(policy: Mapping[str, Any] | None, account: str) -> bool:
    """Whether a topic exists and its policy allows budgets.amazonaws.com to publish [doc budgets-sns-policy]."""
    return any(_allows(statement, account) for statement in (policy or {}).get("Statement", []))


def _allows(statement: Mapping[str, Any], account: str) -> bool:
    principal = statement.get("Principal", {})
    services = _listed(principal.get("Service", []) if isinstance(principal, Mapping) else [])
    public = principal == "*" or (isinstance(principal, Mapping) and "*" in _listed(principal.get("AWS", [])))
    actions = {action.lower() for action in _listed(statement.get("Action", []))}
    facts = {"aws:sourceaccount": account, "aws:sourcearn": f"arn:aws:budgets::{account}:*"}
    conditions = [
        (key.lower(), _listed(values))
        for test in statement.get("Condition", {}).values()
        for key, values in test.items()
    ]
    return (
        statement.get("Effect") == "Allow"
        and ("budgets.amazonaws.com" in services or public)
        and bool(actions & {"sns:publish", "sns:*", "*"})
        and all(facts.get(key, "").startswith(tuple(v.rstrip("*") for v in values)) for key, values in conditions)
    )


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _shown(budget: Budget, call: Call) -> dict[str, Any]:
    unit = budget.fields.get("BudgetLimit", {}).get("Unit", "USD")
    spend: dict[str, Any] = {"ActualSpend": {"Amount": shown_amount(budget.spend.actual), "Unit": unit}}
    if budget.spend.forecast is not None:
        spend["ForecastedSpend"] = {"Amount": shown_amount(budget.spend.forecast), "Unit": unit}
    shown = {
        **budget.fields,
        "CalculatedSpend": spend,
        "LastUpdatedTime": budget.updated.timestamp(),
        "HealthStatus": {"Status": "HEALTHY", "LastUpdatedTime": budget.updated.timestamp()},
    }
    if not call.payload.get("ShowFilterExpression"):
        shown.pop("FilterExpression", None)
    return shown


def _subscribers(budget: Budget, alert: AlertId) -> tuple[SubscriberId, ...]:
    if alert not in budget.alerts:
        raise _not_found("the notification does not exist")
    return budget.alerts[alert]


def _without(
    alerts: Mapping[AlertId, tuple[SubscriberId, ...]], gone: AlertId
) -> dict[AlertId, tuple[SubscriberId, ...]]:
    return {alert: subscribers for alert, subscribers in alerts.items() if alert != gone}


def _check_alert_count(count: int) -> None:
    if count > MAX_NOTIFICATIONS:
        raise AwsError("CreationLimitExceededException", f"a budget can only have {MAX_NOTIFICATIONS} notifications")


def _paged(call: Call, items: Any, default: int, most: int) -> tuple[list[Any], str | None]:
    size = call.payload.get("MaxResults", default)
    if not isinstance(size, int) or not 1 <= size <= most:
        raise invalid(f"MaxResults must be between 1 and {most}")
    return page(items, size, call.payload.get("NextToken"), "InvalidNextTokenException")


def _with_token(answer: dict[str, Any], token: str | None) -> dict[str, Any]:
    return {**answer, "NextToken": token} if token else answer


def _text(call: Call, name: str) -> str:
    value = call.payload.get(name)
    if not isinstance(value, str):
        raise invalid(f"{name} is required")
    return value


def _duplicate(message: str) -> AwsError:
    return AwsError("DuplicateRecordException", message)


def _not_found(message: str) -> AwsError:
    return AwsError("NotFoundException", message)
