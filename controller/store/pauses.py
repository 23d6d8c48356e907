"""What the customer records say of the gate: three attributes, for whoever takes worksets in.

`worksets_paused` is true while the gate is held, with `paused_reason` and `paused_since` beside it; absent and false
both mean open. They are written into records that exist and are not closed; nothing else in a record is touched.
"""

from collections.abc import Collection, Mapping
from typing import Any

from controller.aws.attributes import decode, encode
from controller.aws.clients import Aws
from controller.aws.many_items import BATCH, read_items
from controller.domain.gate import Pause
from controller.errors import Failure, PermanentFailure

PERMISSIONS = frozenset({"dynamodb:BatchGetItem", "dynamodb:UpdateItem"})

ATTRIBUTES = ("worksets_paused", "paused_reason", "paused_since")


class Pauses:
    """The three attributes in the table of customer records."""

    def __init__(self, aws: Aws, table: str) -> None:
        self._aws, self._table = aws, table

    def read(self, customer_ids: Collection[str]) -> Mapping[str, Pause | Failure | None]:
        """What each record says. None: there is no record, or it is closed; a Failure: it could not be read.

        Attributes of a type that we never write are told as a pause that no gate asks for, so that they are put right.
        """
        names = sorted(customer_ids)
        batches = [names[start : start + BATCH] for start in range(0, len(names), BATCH)]
        found: dict[str, Pause | Failure | None] = {}
        for batch, answer in zip(batches, self._aws.each(self._read, batches), strict=True):
            for name in batch:
                found[name] = answer if isinstance(answer, Failure) else _pause(answer.get(name))
        return found

    def write(self, customer_id: str, pause: Pause) -> bool:
        """Makes the record say so; False where there is none to write into. Idempotent."""
        values: dict[str, Any] = {"worksets_paused": pause.paused}
        if pause.paused:
            values |= {"paused_reason": pause.reason or "", "paused_since": pause.since or ""}
        removed = [f"#{name}" for name in ATTRIBUTES if name not in values]
        try:
            self._aws.call(
                "dynamodb",
                "update_item",
                about=f"{self._table}/{customer_id}",
                TableName=self._table,
                Key={"customer_id": {"S": customer_id}},
                UpdateExpression="SET "
                + ", ".join(f"#{name} = :{name}" for name in values)
                + (f" REMOVE {', '.join(removed)}" if removed else ""),
                ConditionExpression="attribute_exists(customer_id) AND attribute_not_exists(closed_at)",
                ExpressionAttributeNames={f"#{name}": name for name in ATTRIBUTES},
                ExpressionAttributeValues=encode({f":{name}": value for name, value in values.items()}),
            )
        except PermanentFailure as failure:
            if failure.code != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _read(self, names: Collection[str]) -> dict[str, Any]:
        keys = [{"customer_id": {"S": name}} for name in names]
        items = read_items(self._aws, self._table, keys, ("customer_id", "closed_at", *ATTRIBUTES))
        return {item["customer_id"]["S"]: item for item in items}


def _pause(item: Mapping[str, Any] | None) -> Pause | None:
    if item is None or "closed_at" in item:
        return None
    said = decode({name: item[name] for name in ATTRIBUTES if name in item})
    paused = said.get("worksets_paused", False)
    reason, since = (None if said.get(name) is None else str(said[name]) for name in ATTRIBUTES[1:])
    odd = not isinstance(paused, bool)
    return Pause(bool(odd or paused), repr(paused) if odd else reason, since)
