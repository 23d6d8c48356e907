"""Alerts from a queue: what AWS writes is understood, what others write is refused with a reason, nothing raises."""

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.domain.gate import Notice
from controller.errors import PermanentFailure
from controller.sandbox import Fault, Sandbox
from controller.usage.alert_queue import AlertQueue, Message, Refusal, notice_of
from tests.kinds.setting import ACCOUNT, TOPIC, door

SENT = datetime(2026, 11, 22, 5, 30, 37, 147000, tzinfo=UTC)
QUEUED = SENT + timedelta(seconds=2)

MAIL = """AWS Budget Notification November 22, 2026
AWS Account {account}

Dear AWS Customer,

You requested that we alert you when the {type} Cost associated with your {name} budget is greater than {threshold} \
for the current month. The {type} Cost associated with this budget is $512.30. You can find additional details below \
and by accessing the AWS Budgets dashboard [1].

Budget Name: {name}
Budget Type: Cost
Budgeted Amount: {budgeted}
Alert Type: {type}
Alert Threshold: > {threshold}
{type} Amount: $512.30

[1] https://console.aws.amazon.com/billing/home#/budgets
"""


def mail(**changes: str) -> str:
    plain = {
        "account": ACCOUNT,
        "name": "daylily-cust_abc123-monthly",
        "type": "ACTUAL",
        "budgeted": "$500.00",
        "threshold": "$500.00",
    }
    return MAIL.format(**{**plain, **changes})


def envelope(text: str, **changes: Any) -> str:
    """What SNS puts around it."""
    plain = {
        "Type": "Notification",
        "MessageId": "0da238f6-da6c-5214-96e1-635d27a9b79b",
        "TopicArn": TOPIC,
        "Subject": "AWS Budgets: daylily-cust_abc123-monthly has exceeded your alert threshold",
        "Message": text,
        "Timestamp": "2026-11-22T05:30:37.147Z",
    }
    return json.dumps({**plain, **changes})


def read(body: str) -> tuple[str, Notice] | Refusal:
    return notice_of(Message(body, "receipt", QUEUED), {TOPIC}, {ACCOUNT})


def notice(percent: int | str, type_: Any = "ACTUAL", sent_at: datetime = SENT) -> tuple[str, Notice]:
    return "cust_abc123", Notice(Decimal(percent), type_, sent_at)


@pytest.mark.parametrize(
    ("body", "found", "why"),
    [
        (envelope(mail()), notice(100), "as AWS sends it"),
        (envelope(mail(threshold="$400.00")), notice(80), "a share of the budgeted amount"),
        (envelope(mail(budgeted="$1,000.00", threshold="$1,200.50")), notice("120.05"), "thousands have commas"),
        (envelope(mail(threshold="80%")), notice(80), "a percentage as it is"),
        (envelope(mail(threshold="80.0 %")), notice(80), "with a space"),
        (envelope(mail(type="FORECASTED")), notice(100, "FORECASTED"), "by forecast"),
        (envelope(mail().replace("\n", "\r\n")), notice(100), "lines as in mail"),
        (envelope(mail(budgeted="$333.33", threshold="$266.66")), notice("79.998800"), "cents: the gate forgives one"),
        (mail(), notice(100, sent_at=QUEUED), "raw delivery: no envelope"),
        (
            envelope(
                json.dumps(
                    {
                        "BudgetName": "daylily-cust_abc123-monthly",
                        "AccountId": ACCOUNT,
                        "NotificationType": "ACTUAL",
                        "Threshold": 100.0,
                        "BudgetLimit": {"Amount": "500.00", "Unit": "USD"},
                    }
                )
            ),
            notice(100),
            "JSON, should AWS ever send it",
        ),
        (
            json.dumps(
                {
                    "budgetName": "daylily-cust_abc123-monthly",
                    "accountId": ACCOUNT,
                    "notificationType": "actual",
                    "threshold": 400,
                    "thresholdType": "ABSOLUTE_VALUE",
                    "budgetLimit": {"amount": 500},
                }
            ),
            notice(80, sent_at=QUEUED),
            "JSON in another spelling",
        ),
    ],
)
def test_an_alert_is_understood(body: str, found: tuple[str, Notice], why: str) -> None:
    assert read(body) == found, why


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "no alert of AWS Budgets"),
        ("hello", "no alert of AWS Budgets"),
        ("[1, 2]", "no alert of AWS Budgets"),
        ("{" * 5000, "no alert of AWS Budgets"),
        (envelope("hello"), "no alert of AWS Budgets"),
        (envelope(mail(), TopicArn="arn:aws:sns:us-west-2:123456789012:other"), "which is none of ours"),
        (envelope(mail(), TopicArn=None), "which is none of ours"),
        (envelope(mail(), Timestamp="yesterday"), "does not say when"),
        (envelope(mail(), Timestamp="2026-11-22T05:30:37"), "does not say when"),
        (envelope(mail(account="222222222222")), "'222222222222', which is none of ours"),
        (envelope(mail(account="me")), "which is none of ours"),
        (envelope(mail(name="everything")), "the budget 'everything', which is none of ours"),
        (envelope(mail(threshold="a lot")), "does not say over which share"),
        (envelope(mail(threshold="80")), "does not say over which share"),
        (envelope(mail(budgeted="$0.00")), "does not say over which share"),
        (envelope(mail(type="IMAGINED")), "does not say over which share"),
    ],
)
def test_what_is_none_of_ours_is_refused_with_a_reason(body: str, why: str) -> None:
    found = read(body)

    assert isinstance(found, Refusal)
    assert why in found.why


texts = st.one_of(st.text(), st.sampled_from(["", "$", "1e9999", "9" * 400, "NaN", "-5", "$1,2,3.4.5", "%", "\0"]))


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_message_raises(data: st.DataObject) -> None:
    spoilt = {name: data.draw(texts) for name in ("account", "name", "type", "budgeted", "threshold")}
    facts = {
        name: data.draw(st.one_of(st.none(), texts, st.integers(), st.floats())) for name in ("Threshold", "BudgetName")
    }

    for body in (
        data.draw(texts),
        mail(**spoilt),
        envelope(mail(**spoilt)),
        envelope(json.dumps(facts)),
        json.dumps(facts),
    ):
        assert isinstance(read(body), Refusal | tuple)


# The queue


@pytest.mark.parametrize(
    "body",
    [
        " " * 200_000,
        "\n" * 200_000,
        "A" + " " * 200_000 + "1",
        "Budget Name: x" + " " * 200_000 + "1",
        envelope(mail(threshold=">" + " " * 200_000 + "x")),
    ],
    ids=["blanks", "empty lines", "a name of blanks", "a value of blanks", "an amount of blanks"],
)
def test_a_long_forged_message_is_refused_at_once(body: str) -> None:
    started = time.process_time()

    assert isinstance(read(body), Refusal)
    assert time.process_time() - started < 2


@pytest.fixture
def queue(local_environment: Sandbox) -> tuple[AlertQueue, str]:
    url = local_environment.client("sqs").create_queue(QueueName="alerts")["QueueUrl"]
    return AlertQueue(door(), url), url


def test_an_alert_goes_from_the_topic_through_the_queue(queue: tuple[AlertQueue, str], sandbox: Sandbox) -> None:
    alerts, url = queue
    sns, sqs = sandbox.client("sns"), sandbox.client("sqs")
    topic = sns.create_topic(Name="daylily-budget-alerts")["TopicArn"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Message=mail(), Subject="AWS Budgets")

    (message,) = alerts.receive(wait=0)

    found = notice_of(message, {topic}, {ACCOUNT})
    assert not isinstance(found, Refusal)
    assert (found[0], found[1].at_percent) == ("cust_abc123", Decimal(100))
    assert abs(message.sent_at - datetime.now(UTC)) < timedelta(days=1)


def test_what_is_deleted_does_not_come_again(queue: tuple[AlertQueue, str], sandbox: Sandbox) -> None:
    alerts, url = queue
    for number in range(12):
        sandbox.client("sqs").send_message(QueueUrl=url, MessageBody=f"message {number}")

    first = alerts.receive(wait=0)
    for message in first:
        alerts.delete(message)
        alerts.delete(message)
    sandbox.faults.add(Fault("sqs", "DeleteMessage", "error", code="ReceiptHandleIsInvalid", status=404))
    alerts.delete(first[0])
    rest = alerts.receive(wait=0)

    assert len(first) == 10
    assert {message.body for message in (*first, *rest)} == {f"message {number}" for number in range(12)}


def test_no_more_are_received_than_are_asked_for(queue: tuple[AlertQueue, str], sandbox: Sandbox) -> None:
    alerts, url = queue
    for number in range(3):
        sandbox.client("sqs").send_message(QueueUrl=url, MessageBody=f"message {number}")

    assert len(alerts.receive(at_most=2, wait=0)) == 2
    assert len(alerts.receive(wait=0)) == 1
    assert alerts.receive(wait=0) == ()


def test_a_queue_that_is_not_there_says_so(local_environment: Sandbox) -> None:
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012/nowhere"

    with pytest.raises(PermanentFailure, match=r"sqs:ReceiveMessage on https://sqs\.eu-central-1.*NonExistentQueue"):
        AlertQueue(door(), url).receive(wait=0)
