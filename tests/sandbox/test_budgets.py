"""AWS Budgets: budgets, alerts and subscribers, and how AWS says back what it was told."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from controller.sandbox import LineItem, Sandbox
from tests.sandbox.world import ACCOUNT, NOW, OTHER, alert, budget, email, refused, with_subscribers


def create(sandbox: Sandbox, whole: dict[str, Any], *notifications: dict[str, Any], **more: Any) -> None:
    sandbox.client("budgets", "us-east-1").create_budget(
        AccountId=ACCOUNT, Budget=whole, NotificationsWithSubscribers=list(notifications), **more
    )


def ask(sandbox: Sandbox, operation: str, **parameters: Any) -> Any:
    return getattr(sandbox.client("budgets", "us-east-1"), operation)(AccountId=ACCOUNT, **parameters)


def notifications(sandbox: Sandbox, name: str = "b") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(sandbox, "describe_notifications_for_budget", BudgetName=name)["Notifications"]
    return found


def subscribers(sandbox: Sandbox, notification: dict[str, Any]) -> list[str]:
    found = ask(sandbox, "describe_subscribers_for_notification", BudgetName="b", Notification=notification)
    return [subscriber["Address"] for subscriber in found["Subscribers"]]


def topic(sandbox: Sandbox, name: str = "alerts", open_to_budgets: bool = True) -> dict[str, str]:
    sns = sandbox.client("sns")
    arn: str = sns.create_topic(Name=name)["TopicArn"]
    if open_to_budgets:
        policy = (
            '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"budgets.amazonaws.com"},'
            f'"Action":"SNS:Publish","Resource":"{arn}","Condition":{{"StringEquals":{{"aws:SourceAccount":"{ACCOUNT}"'
            f'}},"ArnLike":{{"aws:SourceArn":"arn:aws:budgets::{ACCOUNT}:*"}}}}}}]}}'
        )
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    return {"SubscriptionType": "SNS", "Address": arn}


def test_a_budget_reads_back_in_awss_own_words(sandbox: Sandbox) -> None:
    create(sandbox, budget(CostFilters={"TagKeyValue": ["user:daylily:customer_id$c"]}))
    found = ask(sandbox, "describe_budget", BudgetName="b")["Budget"]
    assert found["BudgetLimit"] == {"Amount": "500.0", "Unit": "USD"}
    assert found["CostFilters"] == {"TagKeyValue": ["user:daylily:customer_id$c"]}
    assert found["CostTypes"]["IncludeCredit"] is True
    assert found["CostTypes"]["UseBlended"] is False
    assert found["TimePeriod"]["Start"] == datetime(2026, 3, 1, tzinfo=UTC)
    assert found["TimePeriod"]["End"] == datetime(2087, 6, 15, tzinfo=UTC)
    assert found["CalculatedSpend"] == {"ActualSpend": {"Amount": "0.0", "Unit": "USD"}}
    assert found["LastUpdatedTime"] == NOW


@pytest.mark.parametrize(
    ("sent", "shown"), [("500", "500.0"), ("456.78", "456.78"), ("0.50", "0.5"), (".5", "0.5"), ("100000", "100000.0")]
)
def test_amounts_read_back_with_one_decimal_at_least(sandbox: Sandbox, sent: str, shown: str) -> None:
    create(sandbox, budget(BudgetLimit={"Amount": sent, "Unit": "USD"}))
    assert ask(sandbox, "describe_budget", BudgetName="b")["Budget"]["BudgetLimit"]["Amount"] == shown


def test_an_alert_reads_back_without_percentage_and_with_its_state(sandbox: Sandbox) -> None:
    create(
        sandbox,
        budget(),
        with_subscribers(alert(80, ThresholdType="PERCENTAGE")),
        with_subscribers(alert(400, ThresholdType="ABSOLUTE_VALUE")),
    )
    assert notifications(sandbox) == [
        alert(80.0, NotificationState="OK"),
        alert(400.0, NotificationState="OK", ThresholdType="ABSOLUTE_VALUE"),
    ]
    assert subscribers(sandbox, alert(80)) == ["a@example.com"], "found also when PERCENTAGE is not said"


@pytest.mark.parametrize(
    ("whole", "why"),
    [
        (budget("a:b"), "no colon in a name"),
        (budget("a\\b"), "no backslash"),
        (budget("x" * 101), "at most 100 characters"),
        (budget("a/action/b"), "reserved for actions"),
        (budget(BudgetLimit={"Amount": "-1", "Unit": "USD"}), "no sign"),
        (budget(BudgetLimit={"Amount": "1e3", "Unit": "USD"}), "no exponent"),
        (budget(TimeUnit="WEEKLY"), "no such unit"),
        ({key: value for key, value in budget().items() if key != "BudgetLimit"}, "a limit of some kind"),
        (
            budget(CostFilters={}, FilterExpression={"Tags": {"Key": "k", "Values": ["v"]}}, Metrics=["UnblendedCost"]),
            "the two generations of filters do not mix",
        ),
    ],
)
def test_a_bad_budget_is_refused(sandbox: Sandbox, whole: dict[str, Any], why: str) -> None:
    with refused("InvalidParameterException", 400):
        create(sandbox, whole)
    assert ask(sandbox, "describe_budgets")["Budgets"] == [], why


def test_a_create_is_all_or_nothing(sandbox: Sandbox) -> None:
    with refused("InvalidParameterException", 400, "Invalid SNS topic"):
        create(sandbox, budget(), with_subscribers(alert(80)), with_subscribers(alert(100), topic(sandbox, "t", False)))
    with refused("NotFoundException", 400):
        ask(sandbox, "describe_budget", BudgetName="b")


def test_a_second_budget_of_the_same_name_is_a_duplicate(sandbox: Sandbox) -> None:
    create(sandbox, budget())
    with refused("DuplicateRecordException", 400):
        create(sandbox, budget())
    sandbox.client("budgets", "us-east-1", OTHER).create_budget(AccountId=OTHER, Budget=budget())


def test_budgets_of_another_account_cannot_be_reached(sandbox: Sandbox) -> None:
    create(sandbox, budget())
    with refused("AccessDeniedException", 400):
        sandbox.client("budgets", "us-east-1", OTHER).describe_budgets(AccountId=ACCOUNT)


def test_sns_subscribers_need_a_topic_that_lets_budgets_publish(sandbox: Sandbox) -> None:
    nowhere = {"SubscriptionType": "SNS", "Address": f"arn:aws:sns:us-west-2:{ACCOUNT}:nowhere"}
    elsewhere = {"SubscriptionType": "SNS", "Address": f"arn:aws:sns:us-west-2:{OTHER}:alerts"}
    for bad in (nowhere, elsewhere, topic(sandbox, "closed", open_to_budgets=False)):
        with refused("InvalidParameterException", 400, "Invalid SNS topic"):
            create(sandbox, budget(), with_subscribers(alert(), bad))
    create(sandbox, budget(), with_subscribers(alert(), topic(sandbox)))
    assert subscribers(sandbox, alert()) == [f"arn:aws:sns:us-west-2:{ACCOUNT}:alerts"]


def test_limits_are_ten_alerts_ten_emails_and_one_topic(sandbox: Sandbox) -> None:
    over = "CreationLimitExceededException"
    with refused(over):
        create(sandbox, budget(), *(with_subscribers(alert(n)) for n in range(11)))
    with refused(over):
        create(sandbox, budget(), with_subscribers(alert(), *(email(f"{n}@x.org") for n in range(11))))
    with refused(over, saying="one notification can only have 1 subscribers with type of SNS"):
        create(sandbox, budget(), with_subscribers(alert(), topic(sandbox, "one"), topic(sandbox, "two")))
    create(sandbox, budget(), *(with_subscribers(alert(n)) for n in range(10)))
    with refused(over):
        ask(sandbox, "create_notification", BudgetName="b", **with_subscribers(alert(99)))


def test_an_alert_needs_a_subscriber_and_is_there_once(sandbox: Sandbox) -> None:
    create(sandbox, budget(), with_subscribers(alert(80)))
    with refused("DuplicateRecordException"):
        ask(sandbox, "create_notification", BudgetName="b", **with_subscribers(alert(80.0, ThresholdType="PERCENTAGE")))
    with refused("NotFoundException"):
        ask(sandbox, "delete_notification", BudgetName="b", Notification=alert(50))
    with refused("NotFoundException"):
        notifications(sandbox, "no-such-budget")


def test_an_update_replaces_every_field_and_zeroes_the_spend_until_the_refresh(sandbox: Sandbox) -> None:
    create(sandbox, budget(CostFilters={"TagKeyValue": ["user:k$v"]}), with_subscribers(alert(80)))
    sandbox.budgets.set_spend(ACCOUNT, "b", "450", forecast="612.5")
    assert notifications(sandbox)[0]["NotificationState"] == "ALARM"
    ask(sandbox, "update_budget", NewBudget=budget(BudgetLimit={"Amount": "1000", "Unit": "USD"}))
    found = ask(sandbox, "describe_budget", BudgetName="b")["Budget"]
    assert found["BudgetLimit"]["Amount"] == "1000.0"
    assert found["CostFilters"] == {}, "what an update does not say reverts to the default"
    assert found["CalculatedSpend"] == {"ActualSpend": {"Amount": "0.0", "Unit": "USD"}}
    assert len(notifications(sandbox)) == 1, "alerts are not part of the budget's fields"
    sandbox.budgets.refresh()
    found = ask(sandbox, "describe_budget", BudgetName="b")["Budget"]
    assert found["CalculatedSpend"]["ActualSpend"]["Amount"] == "450.0"
    assert found["CalculatedSpend"]["ForecastedSpend"]["Amount"] == "612.5"


@pytest.mark.parametrize(("spent", "state"), [("400", "OK"), ("400.01", "ALARM")])
def test_greater_than_means_above_not_at(sandbox: Sandbox, spent: str, state: str) -> None:
    create(sandbox, budget(), with_subscribers(alert(80)))
    sandbox.budgets.set_spend(ACCOUNT, "b", spent)
    assert notifications(sandbox)[0]["NotificationState"] == state


def test_a_changed_threshold_keeps_its_subscribers(sandbox: Sandbox) -> None:
    create(sandbox, budget(), with_subscribers(alert(80), email("x@x.org")), with_subscribers(alert(100)))
    ask(sandbox, "update_notification", BudgetName="b", OldNotification=alert(80), NewNotification=alert(90))
    assert subscribers(sandbox, alert(90)) == ["x@x.org"]
    with refused("DuplicateRecordException"):
        ask(sandbox, "update_notification", BudgetName="b", OldNotification=alert(90), NewNotification=alert(100))


def test_the_last_subscriber_takes_the_alert_along(sandbox: Sandbox) -> None:
    create(sandbox, budget(), with_subscribers(alert(), email("x@x.org")))
    place = {"BudgetName": "b", "Notification": alert()}
    ask(sandbox, "create_subscriber", **place, Subscriber=email("y@x.org"))
    with refused("DuplicateRecordException"):
        ask(sandbox, "create_subscriber", **place, Subscriber=email("y@x.org"))
    ask(sandbox, "update_subscriber", **place, OldSubscriber=email("x@x.org"), NewSubscriber=email("z@x.org"))
    assert subscribers(sandbox, alert()) == ["z@x.org", "y@x.org"]
    ask(sandbox, "delete_subscriber", **place, Subscriber=email("y@x.org"))
    with refused("NotFoundException"):
        ask(sandbox, "delete_subscriber", **place, Subscriber=email("y@x.org"))
    ask(sandbox, "delete_subscriber", **place, Subscriber=email("z@x.org"))
    assert notifications(sandbox) == []


def test_a_topic_is_exchanged_by_an_update_only(sandbox: Sandbox) -> None:
    old, new = topic(sandbox, "old"), topic(sandbox, "new")
    create(sandbox, budget(), with_subscribers(alert(), old))
    place = {"BudgetName": "b", "Notification": alert()}
    with refused("CreationLimitExceededException"):
        ask(sandbox, "create_subscriber", **place, Subscriber=new)
    ask(sandbox, "update_subscriber", **place, OldSubscriber=old, NewSubscriber=new)
    assert subscribers(sandbox, alert()) == [new["Address"]]


def test_every_creation_of_an_alert_is_remembered(sandbox: Sandbox) -> None:
    create(sandbox, budget(), with_subscribers(alert(80)))
    ask(sandbox, "update_budget", NewBudget=budget())
    assert set(sandbox.budgets.alerts_created(ACCOUNT, "b").values()) == {1}
    ask(sandbox, "delete_notification", BudgetName="b", Notification=alert(80))
    ask(sandbox, "create_notification", BudgetName="b", **with_subscribers(alert(80)))
    assert sandbox.budgets.alerts_created(ACCOUNT, "b") == {("ACTUAL", "GREATER_THAN", 80.0, "PERCENTAGE"): 2}


def test_budgets_come_in_pages(sandbox: Sandbox) -> None:
    for number in range(5):
        create(sandbox, budget(f"b{number}"), *([with_subscribers(alert())] if number % 2 else []))
    first = ask(sandbox, "describe_budgets", MaxResults=3)
    rest = ask(sandbox, "describe_budgets", MaxResults=3, NextToken=first["NextToken"])
    assert [b["BudgetName"] for b in first["Budgets"] + rest["Budgets"]] == ["b0", "b1", "b2", "b3", "b4"]
    assert "NextToken" not in rest
    alerted = ask(sandbox, "describe_budget_notifications_for_account", MaxResults=1)
    assert alerted["BudgetNotificationsForAccount"][0]["BudgetName"] == "b1", "budgets without alerts are absent"
    assert alerted["NextToken"]
    with refused("InvalidNextTokenException"):
        ask(sandbox, "describe_budgets", NextToken="nonsense")
    with refused("InvalidParameterException"):
        ask(sandbox, "describe_budgets", MaxResults=1001)


def test_filter_expressions_are_shown_on_request_only(sandbox: Sandbox) -> None:
    expression = {"Tags": {"Key": "k", "Values": ["v"]}}
    create(sandbox, budget(FilterExpression=expression, Metrics=["UnblendedCost"]))
    assert "FilterExpression" not in ask(sandbox, "describe_budget", BudgetName="b")["Budget"]
    found = ask(sandbox, "describe_budget", BudgetName="b", ShowFilterExpression=True)["Budget"]
    assert found["FilterExpression"] == expression


def test_a_deleted_budget_takes_its_alerts_and_tags_along(sandbox: Sandbox) -> None:
    create(sandbox, budget(), with_subscribers(alert()))
    ask(sandbox, "delete_budget", BudgetName="b")
    with refused("NotFoundException"):
        ask(sandbox, "delete_budget", BudgetName="b")
    create(sandbox, budget())
    assert notifications(sandbox) == []


def test_tags_of_budgets_merge(sandbox: Sandbox) -> None:
    client, arn = sandbox.client("budgets", "us-east-1"), f"arn:aws:budgets::{ACCOUNT}:budget/b"
    create(sandbox, budget(), ResourceTags=[{"Key": "a", "Value": "1"}])
    client.tag_resource(ResourceARN=arn, ResourceTags=[{"Key": "b", "Value": "2"}])
    client.untag_resource(ResourceARN=arn, ResourceTagKeys=["a"])
    assert client.list_tags_for_resource(ResourceARN=arn)["ResourceTags"] == [{"Key": "b", "Value": "2"}]
    with refused("NotFoundException"):
        client.list_tags_for_resource(ResourceARN=arn + "x")


def test_spend_comes_from_the_bill_when_nothing_else_is_said(sandbox: Sandbox) -> None:
    def line(day: date, customer: str, amount: str) -> LineItem:
        return LineItem(day, ACCOUNT, "Amazon EC2", "Box", "Usage", Decimal(amount), tags={"k": customer})

    sandbox.cost.add_line_items(
        [
            line(date(2026, 2, 1), "v", "100"),
            line(date(2026, 3, 2), "v", "30"),
            line(date(2026, 3, 20), "v", "9"),
            line(date(2026, 3, 3), "w", "500"),
        ]
    )
    create(sandbox, budget(CostFilters={"TagKeyValue": ["user:k$v"]}))
    create(sandbox, budget("unprefixed", CostFilters={"TagKeyValue": ["k$v"]}))

    def spent(name: str) -> str:
        sandbox.budgets.refresh()
        amount: str = ask(sandbox, "describe_budget", BudgetName=name)["Budget"]["CalculatedSpend"]["ActualSpend"][
            "Amount"
        ]
        return amount

    assert spent("b") == "0.0", "the key is not an active cost allocation tag"
    sandbox.cost.sees_tag_keys(ACCOUNT, ["k"], active=True)
    assert spent("b") == "39.0"
    assert spent("unprefixed") == "0.0", "without user: AWS takes the filter and counts nothing"
    forecast = ask(sandbox, "describe_budget", BudgetName="b")["Budget"]["CalculatedSpend"]["ForecastedSpend"]
    assert Decimal(forecast["Amount"]) == Decimal("62.0"), "19.5 of 31 days cost 39"
