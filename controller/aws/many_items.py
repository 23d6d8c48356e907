"""Many items of a DynamoDB table at a time."""

from collections.abc import Collection
from typing import Any

from controller.aws.clients import Aws

BATCH = 100
"""Keys in one BatchGetItem, the most that DynamoDB takes."""


def read_items(
    aws: Aws, table: str, key: str, names: Collection[str], attributes: Collection[str] = ()
) -> dict[str, Any]:
    """The items with these keys, at most `BATCH`, as DynamoDB has them; whole, or these attributes of them.

    What DynamoDB leaves unprocessed is asked for again.
    """
    items: dict[str, dict[str, Any]] = {}
    request = {table: {"Keys": [{key: {"S": name}} for name in names], "ConsistentRead": True, **_only(attributes)}}
    while request:
        answer = aws.call("dynamodb", "batch_get_item", about=table, RequestItems=request)
        for item in answer["Responses"].get(table, []):
            items[item[key]["S"]] = item
        request = answer.get("UnprocessedKeys", {})
    return items


def _only(attributes: Collection[str]) -> dict[str, Any]:
    if not attributes:
        return {}
    names = {f"#{name}": name for name in attributes}
    return {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
