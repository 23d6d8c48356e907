"""The gates and their audit trail, in the billing table.

A gate is one item, `record` being `gate`: all are one Query, one is one GetItem. The trail of a customer is the items
of `audit/CUSTOMER`, sorted by time. A gate and its entry in the trail are written in one transaction: there is no
change without an entry, and no entry without a change.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from decimal import Decimal
from itertools import islice
from typing import Any

from pydantic import TypeAdapter

from controller.aws.call import CANCELLED
from controller.aws.clients import Aws
from controller.domain.gate import FORMAT, Gate, Turn
from controller.errors import Failure, PermanentFailure, TransientFailure
from controller.store.plausible import check_numbers
from controller.store.records import records

PERMISSIONS = frozenset({"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"})
"""A transaction needs the permissions of the writes in it, and none of its own."""

RECORD = "gate"
TRAIL = "audit/"
AT_ONCE = 50
"""Gates in one transaction, each with its entry: DynamoDB takes 100 writes in one."""

Step = tuple[Gate, Gate | None, Turn | None]
"""A gate, the one before it, and the entry of the trail; None: there is none."""

_GATE = TypeAdapter(Gate)
_TURN = TypeAdapter(Turn)


class Gates:
    """Gates in DynamoDB. Reads are consistent; a write fails when another run wrote the same gate in between."""

    def __init__(self, aws: Aws, table: str) -> None:
        self._aws, self._table = aws, table

    def load(self) -> Mapping[str, Gate | Failure]:
        """All gates by customer id, a Failure standing for one that is not ours, or that a newer version wrote.

        Raises PermanentFailure for a missing table.
        """
        return {item["owner"]["S"]: self._gate(item) for item in records(self._aws, self._table, RECORD)}

    def get(self, customer_id: str) -> Gate | Failure | None:
        """The gate of a customer, or None where it was never decided. A Failure, and raises, as `load` does."""
        item = self._item(customer_id)
        return self._gate(item) if item else None

    def save(self, gate: Gate, previous: Gate | None, entry: Turn | None) -> None:
        """Writes the gate over the previous one, and the entry into the trail; both or neither.

        Raises TransientFailure when another run wrote in between. A write whose answer was lost is made again and meets
        itself: known by its write id, it has succeeded.
        """
        write_id = uuid.uuid4().hex
        try:
            self._transact(write_id, [(gate, previous, entry)], about=f"{self._table}/{RECORD}/{gate.customer_id}")
        except PermanentFailure as failure:
            if not _met_another(failure):
                raise
            if (self._item(gate.customer_id) or {}).get("write_id") != {"S": write_id}:
                raise _conflict(failure) from failure

    def save_all(self, steps: Sequence[Step]) -> Mapping[str, Failure]:
        """Writes many as `save` does one, fifty in a call. The failures by customer id; what failed is as it was.

        A transaction is all or nothing, so where one of its gates was written in between, they are written one by one.
        """
        chunks = [steps[start : start + AT_ONCE] for start in range(0, len(steps), AT_ONCE)]
        failed = self._aws.each(self._save_chunk, chunks)
        failures: dict[str, Failure] = {}
        for chunk, found in zip(chunks, failed, strict=True):
            failures |= {gate.customer_id: found for gate, *_ in chunk} if isinstance(found, Failure) else found
        return failures

    def _save_chunk(self, steps: Sequence[Step]) -> dict[str, Failure]:
        if len(steps) > 1:
            try:
                self._transact(uuid.uuid4().hex, steps, about=self._table)
            except PermanentFailure as failure:
                if failure.code != CANCELLED:
                    raise
            else:
                return {}
        failures: dict[str, Failure] = {}
        for step in steps:
            try:
                self.save(*step)
            except Failure as failure:
                failures[step[0].customer_id] = failure
        return failures

    def history(self, customer_id: str, limit: int) -> tuple[Turn | Failure, ...]:
        """The last entries of a customer's audit trail, the newest first; a Failure for one that is not ours."""
        record = f"{TRAIL}{customer_id}"
        trail = records(self._aws, self._table, record, ScanIndexForward=False, Limit=limit)
        return tuple(self._turn(item) for item in islice(trail, limit))

    def _transact(self, write_id: str, steps: Sequence[Step], about: str) -> None:
        writes: list[dict[str, Any]] = []
        for gate, previous, entry in steps:
            writes.append({"Put": self._put(previous) | {"Item": _gate_item(gate, previous, write_id)}})
            if entry:
                writes.append({"Put": {"TableName": self._table, "Item": _turn_item(entry, write_id)}})
        self._aws.call(
            "dynamodb", "transact_write_items", about=about, TransactItems=writes, ClientRequestToken=write_id
        )

    def _put(self, previous: Gate | None) -> dict[str, Any]:
        if previous is None:
            return {
                "TableName": self._table,
                "ConditionExpression": "attribute_not_exists(#owner)",
                "ExpressionAttributeNames": {"#owner": "owner"},
            }
        return {
            "TableName": self._table,
            "ConditionExpression": "#version = :seen",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": {":seen": {"N": str(previous.version)}},
        }

    def _item(self, customer_id: str) -> Mapping[str, Any] | None:
        answer = self._aws.call(
            "dynamodb",
            "get_item",
            about=f"{self._table}/{RECORD}/{customer_id}",
            TableName=self._table,
            Key={"record": {"S": RECORD}, "owner": {"S": customer_id}},
            ConsistentRead=True,
        )
        item: Mapping[str, Any] | None = answer.get("Item")
        return item

    def _gate(self, item: Mapping[str, Any]) -> Gate | Failure:
        owner = item["owner"]["S"]
        if _is_newer(item):
            return self._newer(f"the gate of {owner}")
        try:
            gate = replace(_GATE.validate_json(item["gate"]["S"]), version=int(item["version"]["N"]))
            check_numbers(gate)
            _check_about(gate.customer_id, owner)
        except (KeyError, ValueError) as error:
            advice = (
                "Restore the item from point-in-time recovery, or delete it: the gate is decided anew, as a first one."
            )
            return self._foreign(f"the gate of {owner}", error, advice)
        return gate

    def _turn(self, item: Mapping[str, Any]) -> Turn | Failure:
        what = f"the entry {item['owner']['S']} of the audit trail"
        if _is_newer(item):
            return self._newer(what)
        try:
            entry = _TURN.validate_json(item["entry"]["S"])
            _check_about(entry.customer_id, item["record"]["S"].removeprefix(TRAIL))
        except (KeyError, ValueError) as error:
            return self._foreign(what, error, "Restore the item from point-in-time recovery.")
        return entry

    def _newer(self, what: str) -> Failure:
        return PermanentFailure(
            f"{what} was written by a newer version of this tool",
            code="NewerGate",
            resource=self._table,
            advice="Update before you run it on this table again.",
        )

    def _foreign(self, what: str, error: Exception, advice: str) -> Failure:
        why = str(error).splitlines()[0]
        message = f"{what} in the table {self._table} is not one that this tool wrote: {why}"
        return PermanentFailure(message, code="ForeignGate", resource=self._table, advice=advice)


def _is_newer(item: Mapping[str, Any]) -> bool:
    return Decimal(item.get("format", {}).get("N", "0")) > FORMAT


def _check_about(customer_id: str, owner: str) -> None:
    """Raises ValueError for what stands under one customer and is about another: it is shown to neither."""
    if customer_id != owner:
        raise ValueError("it is about another customer")


def _gate_item(gate: Gate, previous: Gate | None, write_id: str) -> dict[str, Any]:
    version = previous.version + 1 if previous else 1
    return {
        "record": {"S": RECORD},
        "owner": {"S": gate.customer_id},
        "version": {"N": str(version)},
        "format": {"N": str(FORMAT)},
        "state": {"S": gate.state},
        "reason": {"S": gate.reason},
        "gate": {"S": _GATE.dump_json(gate).decode()},
        "write_id": {"S": write_id},
    }


def _turn_item(entry: Turn, write_id: str) -> dict[str, Any]:
    return {
        "record": {"S": f"{TRAIL}{entry.customer_id}"},
        "owner": {"S": f"{entry.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}/{write_id[:8]}"},
        "format": {"N": str(FORMAT)},
        "entry": {"S": _TURN.dump_json(entry).decode()},
    }


def _met_another(failure: PermanentFailure) -> bool:
    """Whether the transaction was cancelled because the gate is not as it was when it was decided."""
    return any(why and why.code == "ConditionalCheckFailed" for why in failure.reasons)


def _conflict(failure: PermanentFailure) -> TransientFailure:
    return TransientFailure(
        "another run wrote this gate in the meantime",
        code=failure.code,
        operation=failure.operation,
        resource=failure.resource,
        advice="The next run starts from what it wrote.",
    )
