"""The door to the billing table by its partition key: all items of one `record`, in the order of their owners."""

from collections.abc import Iterator, Mapping
from typing import Any

from controller.aws.clients import Aws
from controller.aws.many_items import Item, found_items


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
