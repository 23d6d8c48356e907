"""Items of the worksets ledger, as small as they may be."""

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from controller.sandbox import Sandbox

TABLE = "daylily-worksets"


def item(state: str = "complete", *history: tuple[str, str], **more: Any) -> dict[str, Any]:
    """A workset of `acme` in this state, with a history of states and times."""
    entries = [{"state": step, "timestamp": at, "reason": "test"} for step, at in history]
    return {"workset_id": "w1", "customer_id": "acme", "state": state, "state_history": entries, **more}


def put(sandbox: Sandbox, *items: Mapping[str, Any]) -> None:
    serializer = TypeSerializer()
    for one in items:
        typed = {name: serializer.serialize(value) for name, value in one.items()}
        sandbox.client("dynamodb").put_item(TableName=TABLE, Item=typed)


def make_table(sandbox: Sandbox, *indexes: str, key: str = "workset_id", projection: str = "ALL") -> None:
    """The ledger, with an index on each of these attributes."""
    dynamodb = sandbox.client("dynamodb")
    secondary = [
        {
            "IndexName": f"by-{attribute}",
            "KeySchema": [{"AttributeName": attribute, "KeyType": "HASH"}],
            "Projection": {"ProjectionType": projection},
        }
        for attribute in indexes
    ]
    dynamodb.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in (key, *indexes)],
        KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
        **({"GlobalSecondaryIndexes": secondary} if secondary else {}),
    )
