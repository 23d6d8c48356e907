"""What moto serves of what reading usage and alerts needs: queues that hear topics, and tables."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

from controller.sandbox import Sandbox
from tests.sandbox.world import make_bucket, refused


def test_what_is_published_to_a_topic_arrives_in_a_queue_that_subscribed(sandbox: Sandbox) -> None:
    sns, sqs = sandbox.client("sns"), sandbox.client("sqs")
    topic = sns.create_topic(Name="alerts")["TopicArn"]
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    assert queue.startswith(sandbox.url)
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    sns.publish(TopicArn=topic, Subject="AWS Budgets", Message="over 80 %")
    [message] = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    body = json.loads(message["Body"])
    assert (body["Message"], body["Subject"], body["TopicArn"]) == ("over 80 %", "AWS Budgets", topic)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


def test_requests_to_a_queue_are_recorded_with_the_queue(sandbox: Sandbox) -> None:
    sqs = sandbox.client("sqs")
    queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    sqs.send_message(QueueUrl=queue, MessageBody="hello")
    assert [(one.service, one.operation, one.resource) for one in sandbox.requests] == [
        ("sqs", "CreateQueue", "inbox"),
        ("sqs", "SendMessage", queue),
    ]


def test_a_bucket_that_nobody_measured_has_no_metrics(sandbox: Sandbox) -> None:
    """moto alone would tell sizes of its own, as of today, which is before S3 could know them."""
    make_bucket(sandbox, "a-bucket")
    sandbox.client("s3").put_object(Bucket="a-bucket", Key="k", Body=b"x" * 100)
    assert sandbox.client("cloudwatch").list_metrics(Namespace="AWS/S3")["Metrics"] == []


def test_a_cancelled_transaction_takes_nothing_from_those_beside_it(sandbox: Sandbox) -> None:
    """moto alone goes back to the table as it was, whatever others have written since."""
    dynamodb = sandbox.client("dynamodb")
    dynamodb.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
    )
    dynamodb.put_item(TableName="t", Item={"id": {"S": "taken"}})

    def transact(number: int) -> None:
        ids = [f"{number}-{n}" for n in range(50)] + (["taken"] if number % 2 else [])
        puts = [{"TableName": "t", "Item": {"id": {"S": id_}}} for id_ in ids]
        whole = [{"Put": put | {"ConditionExpression": "attribute_not_exists(id)"}} for put in puts]
        with refused("TransactionCanceledException") if number % 2 else nullcontext():
            dynamodb.transact_write_items(TransactItems=whole)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(transact, range(16)))

    assert dynamodb.scan(TableName="t", Select="COUNT")["Count"] == 8 * 50 + 1
