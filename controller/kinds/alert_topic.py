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
from controller.domain.resource import Absent, Observation, Present, Target
from controller.errors import PermanentFailure
from controller.kinds.context import Context
from controller.kinds.look import look_at_each

SID = "daylily-allow-budgets-to-publish"


@dataclass(frozen=True, slots=True)
class AlertTopic:
    """Our statement in the topic's policy, in canonical form: no lists of one."""

    statement: Mapping[str, Any]


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
        return look_at_each(self._aws, targets, lambda target: self._look(target.name))

    def put(self, name: str, desired: AlertTopic, observed: AlertTopic | None) -> None:
        """CreateTopic by name only: with other attributes it fails on a topic that exists."""
        policy = self._policy(name)
        if policy is None:
            self._aws.call("sns", "create_topic", region=_region(name), about=name, Name=name.rpartition(":")[2])
            policy = self._policy(name) or {}
        ours, others = _split(policy)
        if [_canonical(one) for one in ours] != [desired.statement]:
            self._set_policy(name, policy, [*others, dict(desired.statement)])

    def delete(self, name: str, observed: AlertTopic) -> None:
        policy = self._policy(name) or {}
        ours, others = _split(policy)
        if ours:
            self._set_policy(name, policy, others)

    def source(self, owner: Account, name: str, path: Path) -> str:
        return "alerts.topic_name"

    def _look(self, arn: str) -> Observation[AlertTopic]:
        ours, others = _split(self._policy(arn) or {})
        kept = tuple(sorted(f"statement {one.get('Sid', '(no Sid)')}" for one in others))
        return Present(AlertTopic(_canonical(ours[0])), kept) if ours else Absent(kept)

    def _policy(self, arn: str) -> dict[str, Any] | None:
        """The topic's policy, or None where there is no such topic."""
        try:
            answer = self._aws.call("sns", "get_topic_attributes", region=_region(arn), about=arn, TopicArn=arn)
        except PermanentFailure as failure:
            if failure.code in ("NotFound", "NotFoundException"):
                return None
            raise
        policy: dict[str, Any] = json.loads(answer["Attributes"].get("Policy") or "{}")
        return policy

    def _set_policy(self, arn: str, policy: Mapping[str, Any], statements: list[dict[str, Any]]) -> None:
        """The policy with these statements. Its Version stays: another one would read others' statements anew."""
        self._aws.call(
            "sns",
            "set_topic_attributes",
            region=_region(arn),
            about=arn,
            TopicArn=arn,
            AttributeName="Policy",
            AttributeValue=json.dumps({"Version": "2012-10-17"} | dict(policy) | {"Statement": statements}),
        )


def _split(policy: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Our statement and those of others. A policy of one statement may have it without a list."""
    found = policy.get("Statement", [])
    statements = [found] if isinstance(found, dict) else found
    return [one for one in statements if one.get("Sid") == SID], [one for one in statements if one.get("Sid") != SID]


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


def _canonical(value: Any) -> Any:
    """AWS gives a policy back re-serialised: single values may come as lists of one."""
    if isinstance(value, list):
        return _canonical(value[0]) if len(value) == 1 else sorted(map(str, value))
    if isinstance(value, dict):
        return {key: _canonical(inner) for key, inner in value.items()}
    return value


def _region(arn: str) -> str:
    return arn.split(":")[3]
