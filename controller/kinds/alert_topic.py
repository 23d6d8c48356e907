"""The account's SNS topic for budget alerts, with the policy statement that lets AWS Budgets publish to it.

One topic serves all customers of an account: the message names the budget. Only our statement in the topic's policy is
ours; the topic itself, its subscriptions and other statements are never removed.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from controller.domain.customer import Account
from controller.domain.kind import Kind, Path
from controller.domain.resource import Absent, Observation, Present, Target, Unreadable
from controller.errors import Failure, PermanentFailure
from controller.kinds.context import Context

SID = "daylily-allow-budgets-to-publish"


@dataclass(frozen=True, slots=True)
class AlertTopic:
    """Our statement in the topic's policy, as canonical JSON."""

    statement: str


class AlertTopics(Kind[Account, AlertTopic]):
    """Named by the topic's ARN."""

    name = "alert_topic"
    permissions = frozenset({"sns:CreateTopic", "sns:GetTopicAttributes", "sns:SetTopicAttributes"})
    state = AlertTopic

    def __init__(self, context: Context) -> None:
        self._aws = context.aws

    def desired(self, owner: Account) -> Mapping[str, AlertTopic]:
        return {owner.topic_arn: AlertTopic(_canonical(_statement(owner)))}

    def observe(self, targets: Collection[Target[AlertTopic]]) -> Mapping[str, Observation[AlertTopic]]:
        looks = self._aws.each(lambda target: self._look(target.name), targets)
        return {
            target.name: Unreadable(look) if isinstance(look, Failure) else look
            for target, look in zip(targets, looks, strict=True)
        }

    def put(self, name: str, desired: AlertTopic, observed: AlertTopic | None) -> None:
        """CreateTopic by name only: with other attributes it fails on a topic that exists."""
        statements = self._statements(name)
        if statements is None:
            self._aws.call("sns", "create_topic", region=_region(name), about=name, Name=name.rpartition(":")[2])
            statements = self._statements(name) or []
        others = [one for one in statements if one.get("Sid") != SID]
        self._set_policy(name, [*others, json.loads(desired.statement)])

    def delete(self, name: str, observed: AlertTopic) -> None:
        statements = self._statements(name) or []
        others = [one for one in statements if one.get("Sid") != SID]
        if others != statements:
            self._set_policy(name, others)

    def source(self, owner: Account, name: str, path: Path) -> str:
        return "alerts.topic_name"

    def _look(self, arn: str) -> Observation[AlertTopic]:
        statements = self._statements(arn) or []
        others = tuple(sorted(f"statement {one.get('Sid', '(no Sid)')}" for one in statements if one.get("Sid") != SID))
        ours = [one for one in statements if one.get("Sid") == SID]
        return Present(AlertTopic(_canonical(ours[0])), others) if ours else Absent(others)

    def _statements(self, arn: str) -> list[dict[str, Any]] | None:
        """The statements of the topic's policy, or None where there is no such topic."""
        try:
            answer = self._aws.call("sns", "get_topic_attributes", region=_region(arn), about=arn, TopicArn=arn)
        except PermanentFailure as failure:
            if failure.code in ("NotFound", "NotFoundException"):
                return None
            raise
        statements: list[dict[str, Any]] = json.loads(answer["Attributes"].get("Policy") or "{}").get("Statement", [])
        return statements

    def _set_policy(self, arn: str, statements: list[dict[str, Any]]) -> None:
        policy = {"Version": "2012-10-17", "Id": "__default_policy_ID", "Statement": statements}
        self._aws.call(
            "sns",
            "set_topic_attributes",
            region=_region(arn),
            about=arn,
            TopicArn=arn,
            AttributeName="Policy",
            AttributeValue=json.dumps(policy),
        )


def _statement(owner: Account) -> dict[str, Any]:
    """What AWS Budgets needs to publish, for budgets of this account only (AWS Budgets guide, budgets-sns-policy)."""
    return {
        "Sid": SID,
        "Effect": "Allow",
        "Principal": {"Service": "budgets.amazonaws.com"},
        "Action": "SNS:Publish",
        "Resource": owner.topic_arn,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": owner.account_id},
            "ArnLike": {"aws:SourceArn": f"arn:aws:budgets::{owner.account_id}:*"},
        },
    }


def _canonical(statement: Mapping[str, Any]) -> str:
    """AWS gives a policy back re-serialised; single values may come as lists of one."""
    return json.dumps(_unlisted(statement), sort_keys=True)


def _unlisted(value: Any) -> Any:
    if isinstance(value, list):
        return _unlisted(value[0]) if len(value) == 1 else sorted(map(str, value))
    if isinstance(value, dict):
        return {key: _unlisted(inner) for key, inner in value.items()}
    return value


def _region(arn: str) -> str:
    return arn.split(":")[3]
