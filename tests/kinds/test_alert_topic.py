"""The alert topic: one statement of ours in a policy that is otherwise not ours."""

import json
from dataclasses import replace
from typing import Any

import pytest

from controller.domain.resource import Absent, Present
from controller.kinds.alert_topic import SID, AlertTopics
from controller.sandbox import Sandbox
from tests.kinds.setting import OWN_ACCOUNT, TOPIC, Life, alert, context, with_budget, writes

THEIRS = {
    "Sid": "pager",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::222222222222:root"},
    "Action": "SNS:Subscribe",
    "Resource": TOPIC,
}


@pytest.fixture
def life(local_environment: Sandbox) -> Life:
    return Life(AlertTopics(context(local_environment)))


def policy(sandbox: Sandbox) -> Any:
    return json.loads(sandbox.client("sns").get_topic_attributes(TopicArn=TOPIC)["Attributes"]["Policy"])


def set_policy(sandbox: Sandbox, policy: dict[str, Any]) -> None:
    sandbox.client("sns").set_topic_attributes(
        TopicArn=TOPIC, AttributeName="Policy", AttributeValue=json.dumps(policy)
    )
    sandbox.clear_requests()


def sids(sandbox: Sandbox) -> list[str]:
    return [statement["Sid"] for statement in policy(sandbox)["Statement"]]


def test_a_topic_is_made_and_opened_for_budgets_of_this_account_only(life: Life, sandbox: Sandbox) -> None:
    life.put(OWN_ACCOUNT)
    ours = next(statement for statement in policy(sandbox)["Statement"] if statement["Sid"] == SID)
    assert ours == {
        "Sid": SID,
        "Effect": "Allow",
        "Principal": {"Service": "budgets.amazonaws.com"},
        "Action": "SNS:Publish",
        "Resource": TOPIC,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "123456789012"},
            "ArnLike": {"aws:SourceArn": "arn:aws:budgets::123456789012:*"},
        },
    }


def test_a_budget_takes_the_topic(life: Life, sandbox: Sandbox) -> None:
    """What AWS says "Invalid SNS topic" to otherwise."""
    from controller.kinds.budget import Budgets

    life.put(OWN_ACCOUNT)
    Life(Budgets(context(sandbox))).put(with_budget(5, alert(80, sns="")))


def test_a_new_topic_keeps_the_statement_that_sns_gave_it(life: Life, sandbox: Sandbox) -> None:
    life.put(OWN_ACCOUNT)
    assert sids(sandbox) == ["__default_statement_ID", SID]


def test_a_topic_that_exists_gets_our_statement_beside_the_others(life: Life, sandbox: Sandbox) -> None:
    sandbox.client("sns").create_topic(Name=OWN_ACCOUNT.topic_name)
    set_policy(sandbox, {"Version": "2008-10-17", "Id": "platform", "Statement": [THEIRS]})
    assert life.look(OWN_ACCOUNT) == {TOPIC: Absent(("statement pager",))}
    life.put(OWN_ACCOUNT)
    assert writes(sandbox) == ["SetTopicAttributes"]
    assert policy(sandbox)["Statement"][0] == THEIRS
    assert sids(sandbox) == ["pager", SID]


def test_the_version_of_a_policy_stays(life: Life, sandbox: Sandbox) -> None:
    """Another version would read `${...}` in the statements of others anew."""
    sandbox.client("sns").create_topic(Name=OWN_ACCOUNT.topic_name)
    set_policy(sandbox, {"Version": "2008-10-17", "Id": "platform", "Statement": [THEIRS]})
    life.put(OWN_ACCOUNT)
    life.delete()
    assert policy(sandbox) == {"Version": "2008-10-17", "Id": "platform", "Statement": [THEIRS]}


def test_a_policy_with_one_statement_that_is_no_list_is_read(life: Life, sandbox: Sandbox) -> None:
    """The grammar of policies allows it."""
    sandbox.client("sns").create_topic(Name=OWN_ACCOUNT.topic_name)
    set_policy(sandbox, {"Version": "2012-10-17", "Statement": THEIRS})
    life.put(OWN_ACCOUNT)
    assert sids(sandbox) == ["pager", SID]


def test_values_that_aws_lists_are_no_difference(life: Life, sandbox: Sandbox) -> None:
    life.put(OWN_ACCOUNT)
    whole = policy(sandbox)
    ours = whole["Statement"][-1]
    ours |= {"Action": ["SNS:Publish"], "Resource": [TOPIC], "Principal": {"Service": ["budgets.amazonaws.com"]}}
    ours["Condition"]["StringEquals"]["aws:SourceAccount"] = ["123456789012"]
    set_policy(sandbox, whole)
    seen = life.look(OWN_ACCOUNT)[TOPIC]
    assert isinstance(seen, Present)
    assert seen.state == life.kind.desired(OWN_ACCOUNT)[TOPIC]
    life.kind.put(TOPIC, seen.state, seen.state)
    assert writes(sandbox) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"Condition": {}}, "budgets of any account could publish"),
        ({"Effect": "Deny"}, "the alerts would be lost"),
        ({"Action": ["SNS:Publish", "SNS:Subscribe"]}, "more than is needed"),
        ({"Principal": "*"}, "anybody could publish"),
    ],
)
def test_our_statement_changed_by_hand_is_put_right(
    life: Life, sandbox: Sandbox, change: dict[str, Any], why: str
) -> None:
    life.put(OWN_ACCOUNT)
    before = policy(sandbox)
    whole = policy(sandbox)
    whole["Statement"][-1] |= change
    set_policy(sandbox, whole)
    assert life.states(OWN_ACCOUNT) != dict(life.kind.desired(OWN_ACCOUNT)), why
    life.put(OWN_ACCOUNT)
    assert policy(sandbox) == before


def test_a_removal_keeps_the_topic_and_who_listens(life: Life, sandbox: Sandbox) -> None:
    life.put(OWN_ACCOUNT)
    client = sandbox.client("sns")
    client.subscribe(TopicArn=TOPIC, Protocol="email", Endpoint="ops@acme.com")
    life.delete()
    assert sids(sandbox) == ["__default_statement_ID"]
    assert len(client.list_subscriptions_by_topic(TopicArn=TOPIC)["Subscriptions"]) == 1


def test_a_removal_of_a_topic_that_is_gone_does_nothing(life: Life, sandbox: Sandbox) -> None:
    life.put(OWN_ACCOUNT)
    sandbox.client("sns").delete_topic(TopicArn=TOPIC)
    sandbox.clear_requests()
    life.kind.delete(TOPIC, life.kind.desired(OWN_ACCOUNT)[TOPIC])
    assert writes(sandbox) == []


def test_a_topic_is_made_in_its_own_region(life: Life, sandbox: Sandbox) -> None:
    far = replace(OWN_ACCOUNT, region="eu-central-1")
    life.put(far)
    arns = [topic["TopicArn"] for topic in sandbox.client("sns", "eu-central-1").list_topics()["Topics"]]
    assert arns == [far.topic_arn]
