"""The door to the billing table by its partition key: all items of one `record`, in the order of their owners."""

from collections.abc import Iterator, Mapping
from typing import Any

from controller.aws.clients import Aws
from controller.aws.many_items import Item, found_items

MOST = 400 * 1024
"""Bytes of an item, the most that DynamoDB takes (AWS, ServiceQuotas: 400 KB, names and values)."""


def records(
    aws: Aws,
    table: str,
    record: str,
    *,
    names: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
    **parameters: Any,
) -> Iterator[Item]:
    """The items, read consistently, in pages. `names` and `values` are those of further expressions in `parameters`."""
    return found_items(
        aws,
        "query",
        table,
        ConsistentRead=True,
        KeyConditionExpression="#record = :record",
        ExpressionAttributeNames={"#record": "record", **(names or {})},
        ExpressionAttributeValues={":record": {"S": record}, **(values or {})},
        **parameters,
    )


def weight(item: Item) -> int:
    """The bytes of an item of texts, numbers and bytes, as DynamoDB counts them: those of names and values.

    A number takes less than its digits: it is not underrated.
    """
    values = [value for typed in item.values() for value in typed.values()]
    return sum(len(part if isinstance(part, bytes) else part.encode()) for part in [*item, *values])
