"""Many items of a DynamoDB table at a time: those with certain keys, and all that a Query or a Scan finds."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from controller.aws.clients import Aws
from controller.errors import TransientFailure

BATCH = 100
"""Keys in one BatchGetItem, the most that DynamoDB takes."""
TRIES = 8
"""How often what DynamoDB leaves undone of a BatchGetItem is asked for again."""

Item = dict[str, Any]


def read_items(aws: Aws, table: str, keys: Sequence[Item], attributes: Collection[str] = ()) -> list[Item]:
    """The items with these keys, at most `BATCH`, as DynamoDB has them; whole, or these attributes of them.

    What DynamoDB leaves unprocessed is asked for again. Raises TransientFailure where it never does it all.
    """
    items: list[Item] = []
    request = {table: {"Keys": list(keys), "ConsistentRead": True, **_only(attributes)}}
    for attempt in range(TRIES):
        answer = aws.call("dynamodb", "batch_get_item", about=table, RequestItems=request)
        items += answer["Responses"].get(table, [])
        request = answer.get("UnprocessedKeys") or {}
        if not request:
            return items
        aws.pause(attempt)
    raise TransientFailure(f"DynamoDB did not read all items in {TRIES} tries", resource=table)


def found_items(aws: Aws, operation: str, table: str, **parameters: Any) -> Iterator[Item]:
    """What a `query` or a `scan` finds, page after page.

    DynamoDB ends a page at 1 MB of what it read, before a filter or a projection, so a page may also be empty.
    """
    more: dict[str, Any] | None = {}
    while more is not None:
        page = aws.call("dynamodb", operation, about=table, TableName=table, **parameters, **more)
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]} if page.get("LastEvaluatedKey") else None
        yield from page.get("Items", ())


def _only(attributes: Collection[str]) -> dict[str, Any]:
    if not attributes:
        return {}
    names = {f"#{name}": name for name in attributes}
    return {"ProjectionExpression": ", ".join(names), "ExpressionAttributeNames": names}
