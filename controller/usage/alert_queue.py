"""Alerts of AWS Budgets from an SQS queue that is subscribed to the alert topic.

AWS Budgets writes mail to its topics, not JSON: `Budget Name: ...`, `Alert Threshold: > $400.00` and so on, one in a
line, as public reports from 2019 to 2026 show it. JSON with the same facts is taken, too. SQS may deliver a message
twice, late, and in any order: a Notice is made for that.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from controller.aws.clients import Aws
from controller.domain.gate import Notice
from controller.errors import PermanentFailure

BATCH = 10
"""Messages in one receive or delete, the most that SQS takes."""
LONG_POLL = 20
"""Seconds that SQS waits for a message, the most that it does."""
LONGEST_AMOUNT = 100
"""Characters that an amount has at most."""

SAME = {
    "accountid": "account",
    "awsaccount": "account",
    "notificationtype": "alerttype",
    "budgetlimit": "budgetedamount",
}
"""Names that mean the same as those in the mail, in small letters and without spaces."""

_NAME = re.compile(r"[A-Za-z ]+")
_ACCOUNT = re.compile(r"AWS Account:?\s+(\d{12})")
_BUDGET = re.compile(r"daylily-([A-Za-z0-9][A-Za-z0-9._-]*)-monthly", re.ASCII)
_AMOUNT = re.compile(r"[<>=\s]*(\$?)\s*(\d{1,15}(?:\.\d{1,10})?)\s*(%?)(?:\s*USD)?\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Message:
    """One message as SQS has it. `receipt` is what it is deleted by; `sent_at`: when the queue got it."""

    body: str
    receipt: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message is not believed, in words."""

    why: str


class AlertQueue:
    """One SQS queue, by its URL. Its region is the one in the URL."""

    permissions: ClassVar[frozenset[str]] = frozenset({"sqs:ReceiveMessage", "sqs:DeleteMessage"})

    def __init__(self, aws: Aws, url: str) -> None:
        self._aws, self._url = aws, url
        host = (urlsplit(url).hostname or "").split(".")
        self._region = host[1] if host[0] == "sqs" and len(host) > 2 else None

    def receive(self, at_most: int = BATCH, wait: int = LONG_POLL) -> tuple[Message, ...]:
        """The next messages, waiting so many seconds for the first; they come again unless they are deleted."""
        answer = self._call(
            "receive_message",
            MaxNumberOfMessages=min(at_most, BATCH),
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        return tuple(map(_message, answer.get("Messages", ())))

    def delete(self, message: Message) -> None:
        """For good. Idempotent: a receipt that is none any more is of a message that comes again, or is gone."""
        try:
            self._call("delete_message", ReceiptHandle=message.receipt)
        except PermanentFailure as failure:
            if failure.code != "ReceiptHandleIsInvalid":
                raise

    def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        return self._aws.call("sqs", operation, region=self._region, about=self._url, QueueUrl=self._url, **parameters)


def notice_of(
    message: Message, topic_arns: Collection[str], account_ids: Collection[str]
) -> tuple[str, Notice] | Refusal:
    """The customer id and the alert that a message tells of. Pure; never raises.

    Believed only from one of these topics, about one of these accounts. Where the queue is subscribed with raw delivery
    there is no envelope, so nothing says the topic, and the time is that of the queue.
    """
    envelope = _json(message.body)
    text, sent_at = message.body, message.sent_at
    if envelope.get("Type") == "Notification" or "TopicArn" in envelope:
        if envelope.get("TopicArn") not in topic_arns:
            return Refusal(f"it is of the topic {str(envelope.get('TopicArn'))[:100]!r}, which is none of ours")
        text, told = str(envelope.get("Message", "")), _moment(envelope.get("Timestamp"))
        if told is None:
            return Refusal("it does not say when it was sent")
        sent_at = told
    return _notice(_facts(text), sent_at, account_ids)


def _notice(facts: Mapping[str, str], sent_at: datetime, account_ids: Collection[str]) -> tuple[str, Notice] | Refusal:
    if "budgetname" not in facts:
        return Refusal("it is no alert of AWS Budgets")
    if facts.get("account") not in account_ids:
        return Refusal(
            f"it is about the account {facts.get('account', 'that it does not name')[:100]!r}, which is none of ours"
        )
    budget = _BUDGET.fullmatch(facts["budgetname"])
    if not budget:
        return Refusal(f"it is about the budget {facts['budgetname'][:100]!r}, which is none of ours")
    type_, share = _type(facts.get("alerttype", "")), _share(facts)
    if type_ is None or share is None:
        return Refusal(f"of the budget {budget[0]!r} it does not say over which share of it the spend is")
    return budget[1], Notice(share, type_, sent_at)


def _facts(text: str) -> dict[str, str]:
    """What the mail, or JSON, says by name; names in small letters and without spaces."""
    lines = [line.strip() for line in text.split("\n")]
    pairs = list(_leaves(_json(text))) or list(_named(lines))
    facts = {_plain(name): value for name, value in pairs}
    if account := next(filter(None, map(_ACCOUNT.fullmatch, lines)), None):
        facts.setdefault("account", account[1])
    return facts


def _named(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The lines `name: value`. Each is looked at once, since a forged one may be long."""
    for line in lines:
        name, _, value = (part.strip() for part in line.partition(":"))
        if value and _NAME.fullmatch(name):
            yield name, value


def _leaves(document: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    """Texts and numbers of a JSON document; `{"BudgetLimit": {"Amount": 5}}` is BudgetLimit 5."""
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _leaves(value, name)
        elif isinstance(value, str | int | float | Decimal) and not isinstance(value, bool):
            yield (above if above and _plain(name) == "amount" else name), str(value)


def _plain(name: str) -> str:
    plain = re.sub(r"[^a-z]", "", name.lower())
    return SAME.get(plain, plain)


def _type(text: str) -> Literal["ACTUAL", "FORECASTED"] | None:
    match text.upper():
        case "ACTUAL":
            return "ACTUAL"
        case "FORECASTED":
            return "FORECASTED"
    return None


def _share(facts: Mapping[str, str]) -> Decimal | None:
    """Percent of the budget: as told, or the threshold's share of the budgeted amount. JSON tells a bare percentage."""
    threshold = _amount(facts.get("alertthreshold") or facts.get("threshold") or "")
    if not threshold:
        return None
    dollars, amount = threshold[1] or facts.get("thresholdtype") == "ABSOLUTE_VALUE", Decimal(threshold[2])
    if not dollars:
        return amount if threshold[3] or "threshold" in facts else None
    budgeted = _amount(facts.get("budgetedamount", ""))
    if not budgeted or not Decimal(budgeted[2]):
        return None
    return round(amount * 100 / Decimal(budgeted[2]), 6)


def _amount(text: str) -> re.Match[str] | None:
    """An amount or a percentage; a long text is none, and is not searched for one."""
    return _AMOUNT.fullmatch(text.replace(",", "")) if len(text) <= LONGEST_AMOUNT else None


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _moment(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at if at.tzinfo else None


def _message(raw: Mapping[str, Any]) -> Message:
    sent = int(raw.get("Attributes", {}).get("SentTimestamp", 0))
    return Message(raw["Body"], raw["ReceiptHandle"], datetime.fromtimestamp(sent / 1000, UTC))
