"""The status store: one item for each owner in the billing table.

The table's key is what a thing is (`record`) and whose it is (`owner`): all statuses are one Query, one status is one
GetItem. The status itself is one JSON attribute; beside it stand the few that a person looks for in the console.
"""

import gzip
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from controller.aws.clients import Aws
from controller.domain.status import FORMAT, Status
from controller.errors import Failure, PermanentFailure, TransientFailure
from controller.store.records import MOST, records, weight

PERMISSIONS = frozenset({"dynamodb:Query", "dynamodb:PutItem", "dynamodb:DeleteItem"})

RECORD = "status"
COMPRESS_FROM = 2_000
"""Bytes of JSON from which it is compressed: DynamoDB is paid by the KB, and answers a Query 1 MB at a time."""

_STATUS = TypeAdapter(Status)


class Statuses:
    """Statuses in DynamoDB. Reads are consistent; a write fails when another run wrote the same item in between."""

    def __init__(self, aws: Aws, table: str) -> None:
        self._aws, self._table = aws, table

    def load(self) -> Mapping[str, Status | Failure]:
        """All statuses by owner id, a Failure standing for an item that is not one of ours.

        Raises PermanentFailure for a missing table, and for an item that a newer version of this tool wrote.
        """
        read = ("owner", "version", "format", "status")
        items = records(
            self._aws,
            self._table,
            RECORD,
            names={f"#{name}": name for name in read},
            ProjectionExpression=", ".join(f"#{name}" for name in read),
        )
        return {item["owner"]["S"]: self._status(item) for item in items}

    def save(self, status: Status, fence: int) -> None:
        """Writes version `status.version + 1` over version `status.version`; 0 means that there is none yet.

        Refused where a holder of a later lease, with a higher fence, has written.

        A write whose answer was lost is made again and meets itself: known by its write id, it has succeeded. Raises
        PermanentFailure, without asking, where it is larger than an item may be.
        """
        write_id = uuid.uuid4().hex
        item = _item(status) | {"write_id": {"S": write_id}, "fence": {"N": str(fence)}}
        if (size := weight(item)) > MOST:
            raise self._too_large(status, size)
        first = status.version == 0
        condition = "attribute_not_exists(#owner)" if first else "#version = :seen AND NOT (fence > :fence)"
        values = {":seen": {"N": str(status.version)}, ":fence": {"N": str(fence)}}
        try:
            self._call(
                "put_item",
                about=f"{self._table}/{status.owner_id}",
                Item=item,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#owner": "owner"} if first else {"#version": "version"},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **({} if first else {"ExpressionAttributeValues": values}),
            )
        except PermanentFailure as failure:
            if (failure.item or {}).get("write_id") != {"S": write_id}:
                raise _conflict(failure) from failure

    def delete(self, status: Status) -> None:
        try:
            self._call(
                "delete_item",
                about=f"{self._table}/{status.owner_id}",
                Key={"record": {"S": RECORD}, "owner": {"S": status.owner_id}},
                ConditionExpression="attribute_not_exists(#owner) OR #version = :seen",
                ExpressionAttributeNames={"#owner": "owner", "#version": "version"},
                ExpressionAttributeValues={":seen": {"N": str(status.version)}},
            )
        except PermanentFailure as failure:
            raise _conflict(failure) from failure

    def _call(self, operation: str, about: str = "", **parameters: Any) -> dict[str, Any]:
        return self._aws.call("dynamodb", operation, about=about or self._table, TableName=self._table, **parameters)

    def _too_large(self, status: Status, size: int) -> PermanentFailure:
        return PermanentFailure(
            f"the status of {status.owner_id} takes {size:,} bytes compressed; an item of DynamoDB holds 400 KB:"
            " what was applied stays applied, and the status stays as it was before",
            code="StatusTooLarge",
            resource=self._table,
            advice="Split the customer in two: its resources are the most of it. What was applied is adopted by the"
            " next apply whose status fits.",
        )

    def _status(self, item: Mapping[str, Any]) -> Status | Failure:
        owner = item["owner"]["S"]
        if Decimal(item.get("format", {}).get("N", "0")) > FORMAT:
            raise PermanentFailure(
                f"the status of {owner} was written by a newer version of this tool",
                resource=self._table,
                advice="Update before you run it on this table again.",
            )
        try:
            return replace(_STATUS.validate_json(_document(item)), version=int(item["version"]["N"]))
        except (KeyError, ValueError, OSError, EOFError, zlib.error) as error:
            what = str(error).splitlines()[0]
            return PermanentFailure(
                f"the status of {owner} in the table {self._table} is not one that this tool wrote: {what}",
                code="ForeignStatus",
                resource=self._table,
                advice="Restore the item from point-in-time recovery, or delete it: what it managed is adopted again.",
            )


def _item(status: Status) -> dict[str, Any]:
    document = _STATUS.dump_json(status.written())
    ready = status.condition("Ready")
    body = {"B": gzip.compress(document, mtime=0)} if len(document) >= COMPRESS_FROM else {"S": document.decode()}
    return {
        "record": {"S": RECORD},
        "owner": {"S": status.owner_id},
        "version": {"N": str(status.version + 1)},
        "format": {"N": str(FORMAT)},
        "controller_id": {"S": status.controller_id},
        "ready": {"S": ready.status if ready else "Unknown"},
        "summary": {"S": status.summary},
        "status": body,
    }


def _document(item: Mapping[str, Any]) -> bytes:
    body = item["status"]
    return gzip.decompress(body["B"]) if "B" in body else body["S"].encode()


def _conflict(failure: PermanentFailure) -> PermanentFailure | TransientFailure:
    if failure.code != "ConditionalCheckFailedException":
        return failure
    return TransientFailure(
        "another run wrote this status in the meantime",
        code=failure.code,
        operation=failure.operation,
        resource=failure.resource,
        advice="The next run starts from what it wrote.",
    )
