"""The worksets ledger: all worksets that customers ever had. It belongs to another system and is only read."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any, ClassVar

from controller.aws.attributes import decode, encode
from controller.aws.clients import Aws
from controller.aws.many_items import found_items
from controller.domain.usage import Workset
from controller.errors import Failure, PermanentFailure
from controller.usage.workset_item import PROJECTION, Item, customer_of, workset_of

KEY = "workset_id"
CUSTOMER = "customer_id"


class WorksetReader:
    """Reads the ledger's table, by its index on customers where that holds everything: one query for each customer.

    Otherwise everything is scanned once, and told apart by customer_id, or by metadata.submitted_by in items from
    before there was a customer_id, which an index does not hold. So both ways find the same. The clock, which every
    reader is given, is not asked: when a workset counts is told by its own dates.
    """

    permissions: ClassVar[frozenset[str]] = frozenset({"dynamodb:DescribeTable", "dynamodb:Query", "dynamodb:Scan"})

    def __init__(self, home: Aws, table: str, clock: Callable[[], datetime]) -> None:
        self._aws, self._table = home, table

    def read(self, customer_ids: Collection[str]) -> Mapping[str, tuple[Workset, ...] | Failure]:
        """Every customer's worksets by id; none is an empty tuple.

        A table that is not there, or is not the ledger, is a failure for everyone. An item that makes no sense is a
        workset with the outcome `other`, so it stops nothing and is not lost; that it has an id at all is what the
        table's key promises.
        """
        ids = list(dict.fromkeys(customer_ids))
        if not ids:
            return {}
        try:
            index = self._customer_index()
            if index is None:
                return self._scanned(ids)
        except Failure as failure:
            return dict.fromkeys(ids, failure)
        return dict(zip(ids, self._aws.each(partial(self._queried, index), ids), strict=True))

    def _customer_index(self) -> str | None:
        """The index that finds all items of customers, whole ones, by whatever name."""
        table = self._describe()
        if _hash_key(table) != KEY:
            raise self._failure(f"the key of the table {self._table} is not {KEY}, so it is not the ledger.")
        for index in table.get("GlobalSecondaryIndexes", ()):
            whole = index.get("Projection", {}).get("ProjectionType") == "ALL"
            if _hash_key(index) == CUSTOMER and whole and _holds_everything(index, table):
                return str(index["IndexName"])
        return None

    def _describe(self) -> Mapping[str, Any]:
        try:
            answer = self._aws.call("dynamodb", "describe_table", about=self._table, TableName=self._table)
        except PermanentFailure as failure:
            if failure.code == "ResourceNotFoundException":
                raise self._failure(f"the table {self._table} does not exist.", failure.code) from failure
            raise
        table: Mapping[str, Any] = answer["Table"]
        return table

    def _queried(self, index: str, customer_id: str) -> tuple[Workset, ...]:
        names, projection = _projection()
        items = found_items(
            self._aws,
            "query",
            self._table,
            IndexName=index,
            KeyConditionExpression="#customer = :customer",
            ExpressionAttributeNames=names | {"#customer": CUSTOMER},
            ExpressionAttributeValues=encode({":customer": customer_id}),
            ProjectionExpression=projection,
        )
        return _worksets(map(decode, items))

    def _scanned(self, customer_ids: Collection[str]) -> Mapping[str, tuple[Workset, ...]]:
        names, projection = _projection()
        found: dict[str, list[Item]] = {id_: [] for id_ in customer_ids}
        items = found_items(
            self._aws, "scan", self._table, ExpressionAttributeNames=names, ProjectionExpression=projection
        )
        for item in map(decode, items):
            if (customer := customer_of(item)) in found:
                found[customer].append(item)
        return {customer: _worksets(items) for customer, items in found.items()}

    def _failure(self, message: str, code: str = "NotTheLedger") -> PermanentFailure:
        return PermanentFailure(
            message,
            code=code,
            operation="dynamodb:DescribeTable",
            resource=self._table,
            advice="Name the worksets table in the settings, under `tables`, and its region.",
        )


def _worksets(items: Collection[Item] | Iterator[Item]) -> tuple[Workset, ...]:
    return tuple(sorted(map(workset_of, items), key=lambda workset: workset.workset_id))


def _holds_everything(index: Mapping[str, Any], table: Mapping[str, Any]) -> bool:
    """An index holds only items that have its key. DynamoDB counts both about every six hours (model of DescribeTable):
    an item without customer_id that was written since is found once it is counted.
    """
    return index.get("IndexStatus") == "ACTIVE" and index.get("ItemCount", 0) >= table.get("ItemCount", 0)


def _hash_key(keyed: Mapping[str, Any]) -> str:
    return next((one["AttributeName"] for one in keyed.get("KeySchema", ()) if one["KeyType"] == "HASH"), "")


def _projection() -> tuple[dict[str, str], str]:
    """What to read, every attribute by a stand-in: `state` and others are words that DynamoDB keeps for itself."""
    parts = sorted({part for path in PROJECTION for part in path.split(".")})
    stand_ins = {part: f"#a{number}" for number, part in enumerate(parts)}
    paths = [".".join(stand_ins[part] for part in path.split(".")) for path in PROJECTION]
    return {stand_in: part for part, stand_in in stand_ins.items()}, ", ".join(paths)
