"""Issued statements in the billing table: numbered without gaps or reuse, and never changed.

A statement is one item, `record` being `statement/CUSTOMER` and `owner` its number: all of a customer are one Query.
Beside it stands an entry in the list of the month, `statements/MONTH`, so that all of a month are one Query, too, and
the count of the numbers given so far. All three are written in one transaction: a number is given with the statement
that has it, or not at all, however many issue at the same time.

A correction is what a statement and its corrections are off by: the version of the corrected item moves with each
correction that is issued or becomes void, and a correction is filed only under the version that it was made from.
"""

import json
import random
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from controller.aws.attributes import decode, encode
from controller.aws.clients import Aws
from controller.domain.month import Month
from controller.domain.statement import FORMAT, Entry, Filed, State, entry, hash_of, number_of
from controller.errors import Failure, PermanentFailure, TransientFailure

PERMISSIONS = frozenset(
    {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:Query"}
)
"""A transaction needs the permissions of the writes in it, and none of its own."""

RECORD = "statement/"
MONTH = "statements/"
NUMBERS = "statement-numbers"
TRIES = 40
"""How often a number is tried for, while others are taking numbers."""

_FILED = TypeAdapter(Filed)
_ENTRY = TypeAdapter(Entry)


class Statements:
    """Statements in DynamoDB. Reads are consistent."""

    def __init__(self, aws: Aws, table: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._aws, self._table, self._sleep = aws, table, sleep

    def of_customer(self, customer_id: str) -> tuple[Filed | Failure, ...]:
        """All statements of a customer, in the order of their numbers; a Failure for an item that is not ours."""
        return tuple(self._filed(item) for item in self._query(f"{RECORD}{customer_id}"))

    def of_month(self, month: Month) -> tuple[Entry | Failure, ...]:
        """What was issued for a month, also what is void, by customer; a Failure for an entry that is not ours."""
        return tuple(_entry(month, decode(item)) for item in self._query(f"{MONTH}{month}"))

    def issue(self, prefix: str, year: int, make: Callable[[str], Filed], corrects: Filed | None = None) -> Filed:
        """Files the statement that `make` makes for the next number of the year; `corrects` is what it corrects.

        Raises PermanentFailure where this customer and month have a statement already that is not void, or where what
        is corrected was changed meanwhile, and TransientFailure where others take numbers too quickly.
        """
        for attempt in range(TRIES):
            count = self._count(f"{prefix}{year}")
            filed = make(number_of(prefix, year, count + 1))
            self._check_free(filed)
            if corrects:
                self._check_unchanged(corrects)
            try:
                self._file(filed, f"{prefix}{year}", count, corrects)
            except PermanentFailure as failure:
                if failure.code != "TransactionCanceledException" or "ValidationError" in failure.message:
                    raise
            except TransientFailure as failure:
                if failure.code not in ("TransactionConflictException", "TransactionCanceledException"):
                    raise
            else:
                return filed
            self._sleep(random.uniform(0, min(0.05 * 2**attempt, 1)))  # noqa: S311 - spreads out who collides
        raise TransientFailure("others take statement numbers too quickly", advice="Try again.")

    def change(
        self, filed: Filed, state: State, by: str, at: datetime, reason: str, corrects: Filed | None = None
    ) -> Filed:
        """An issued statement becomes paid or void. Raises TransientFailure where another run changed it meanwhile, or
        what it `corrects`, if that is given."""
        changed = replace(filed, state=state, changed_by=by, changed_at=at, reason=reason, version=filed.version + 1)
        version = {":version": {"N": str(filed.version)}}
        put = self._put(_item(changed), "#version = :version", {"#version": "version"}, version)
        entry = {"TableName": self._table, "Item": _entry_item(changed)}
        writes = [{"Put": put}, {"Put": entry}]
        if _entry_key(changed) != _entry_key(filed):
            writes.append({"Delete": {"TableName": self._table, "Key": _entry_key(filed)}})
        if corrects:
            writes.append(self._moved(corrects))
        try:
            self._transact(writes, filed.statement.name)
        except PermanentFailure as failure:
            if failure.code != "TransactionCanceledException" or "ValidationError" in failure.message:
                raise
            raise TransientFailure(
                f"{filed.statement.name} was changed by another run in the meantime",
                advice="Look at it, and try again.",
            ) from failure
        return changed

    def _file(self, filed: Filed, series: str, count: int, corrects: Filed | None) -> None:
        counted = self._put(
            encode({"record": NUMBERS, "owner": series, "count": count + 1}),
            "#count = :seen" if count else "attribute_not_exists(#count)",
            {"#count": "count"},
            encode({":seen": count}) if count else {},
        )
        once = self._put(_item(filed), "attribute_not_exists(#owner)", {"#owner": "owner"}, {})
        free = self._put(_entry_item(filed), "attribute_not_exists(#owner)", {"#owner": "owner"}, {})
        writes = [{"Put": counted}, {"Put": once}, {"Put": free}]
        if corrects:
            writes.append(self._moved(corrects))
        self._transact(writes, filed.statement.name)

    def _moved(self, corrected: Filed) -> dict[str, Any]:
        """What is corrected is another version from now on, where it still is the one that was seen."""
        update = {
            "TableName": self._table,
            "Key": _key(corrected),
            "UpdateExpression": "SET #version = :next",
            "ConditionExpression": "#version = :seen",
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": encode({":seen": corrected.version, ":next": corrected.version + 1}),
        }
        return {"Update": update}

    def _check_unchanged(self, corrected: Filed) -> None:
        if self._get(_key(corrected)).get("version") != corrected.version:
            raise PermanentFailure(
                f"{corrected.statement.number} was paid, made void or corrected by another run in the meantime",
                code="ChangedMeanwhile",
                advice="Look at it, and try again.",
            )

    def _check_free(self, filed: Filed) -> None:
        there = self._get(_entry_key(filed))
        if there and filed.nth:
            raise PermanentFailure(
                f"{filed.statement.corrects} was corrected by {there.get('number')} in the meantime",
                code="AlreadyIssued",
                advice="Look at it, and try again.",
            )
        if there:
            raise PermanentFailure(
                f"{filed.statement.customer_id} has the statement {there.get('number')} for {filed.statement.month}",
                code="AlreadyIssued",
                advice="An issued statement never changes: correct it with --correct, or void it first.",
            )

    def _count(self, series: str) -> int:
        return int(self._get(encode({"record": NUMBERS, "owner": series})).get("count", 0))

    def _get(self, key: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._aws.call(
            "dynamodb", "get_item", about=self._table, TableName=self._table, Key=key, ConsistentRead=True
        )
        return decode(answer.get("Item", {}))

    def _query(self, record: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            page = self._aws.call(
                "dynamodb",
                "query",
                about=self._table,
                TableName=self._table,
                ConsistentRead=True,
                KeyConditionExpression="#record = :record",
                ExpressionAttributeNames={"#record": "record"},
                ExpressionAttributeValues={":record": {"S": record}},
                **more,
            )
            items += page["Items"]
            if not page.get("LastEvaluatedKey"):
                return items
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def _put(
        self, item: Mapping[str, Any], condition: str, names: Mapping[str, str], values: Mapping[str, Any]
    ) -> dict[str, Any]:
        put = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": names,
        }
        return {**put, "ExpressionAttributeValues": values} if values else put

    def _transact(self, writes: list[dict[str, Any]], about: str) -> None:
        self._aws.call(
            "dynamodb",
            "transact_write_items",
            about=about,
            TransactItems=writes,
            ClientRequestToken=uuid.uuid4().hex,  # a call whose answer was lost is made again and counts once
        )

    def _filed(self, item: Mapping[str, Any]) -> Filed | Failure:
        plain = decode(item)
        number = str(plain.get("owner"))
        if int(plain.get("format", 0)) > FORMAT:
            return PermanentFailure(
                f"the statement {number} was written by a newer version of this tool", advice="Update this one."
            )
        try:
            told = json.loads(plain["statement"])
            is_intact = hash_of(told["statement"]) == told["hash"]
            kept = json.dumps(told["statement"], ensure_ascii=False, separators=(",", ":"))
            filed = replace(_FILED.validate_json(json.dumps(told)), version=int(plain["version"]), kept=kept)
        except (KeyError, TypeError, ValueError) as error:
            return _foreign(number, str(error).splitlines()[0])
        return filed if is_intact else _foreign(number, "it does not say any more what was issued: its hash differs")


def _foreign(number: str, what: str) -> PermanentFailure:
    return PermanentFailure(
        f"the statement {number} is not one that this tool wrote: {what}",
        code="ForeignStatement",
        advice="Restore the item from point-in-time recovery.",
    )


def _item(filed: Filed) -> dict[str, Any]:
    statement = filed.statement
    told = {
        "record": f"{RECORD}{statement.customer_id}",
        "owner": statement.number,
        "version": filed.version,
        "format": FORMAT,
        "month": statement.month,
        "state": filed.state,
        "total": f"{statement.total:f} {statement.currency}",
        "hash": filed.hash,
        "statement": _text(filed),
    }
    return encode(told)


def _text(filed: Filed) -> str:
    """What it says stays as it was written, whatever fields there are by now."""
    plain = _FILED.dump_python(filed, mode="json", exclude={"kept"})
    if filed.kept:
        plain["statement"] = json.loads(filed.kept)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"))


def _key(filed: Filed) -> dict[str, Any]:
    return encode({"record": f"{RECORD}{filed.statement.customer_id}", "owner": filed.statement.number})


def _entry_key(filed: Filed) -> dict[str, Any]:
    """One statement that counts for a customer and month, and one correction of each count of what it corrects.

    What is void has its number in the key, and so have corrections from before they were counted.
    """
    statement = filed.statement
    owner = statement.customer_id
    if filed.nth:
        owner += f"/{statement.corrects}/{filed.nth}"
    elif statement.kind == "correction" or filed.state == "void":
        owner += f"/{statement.number}"
    return encode({"record": f"{MONTH}{statement.month}", "owner": owner})


def _entry_item(filed: Filed) -> dict[str, Any]:
    told = {**_ENTRY.dump_python(entry(filed), mode="json"), "total": f"{filed.statement.total:f}"}
    return _entry_key(filed) | encode(told)


def _entry(month: Month, plain: Mapping[str, Any]) -> Entry | Failure:
    told = {one.name: plain.get(one.name) for one in fields(Entry)}
    try:
        return _ENTRY.validate_python(told)
    except ValueError:
        return _foreign(str(plain.get("number") or plain.get("owner")), f"its entry in the list of {month} is damaged")
