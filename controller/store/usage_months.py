"""What was collected: one item for each customer and month, and one for each account and month, in the billing table.

All of a month are one Query. The whole value is one JSON attribute; beside it stand the few that a person looks for in
the console. Only `collect` writes here, and it holds a lease, whose fence every item carries: what a holder of a later
one has stored is not written over.
"""

import gzip
import uuid
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import TypeAdapter

from controller.aws.clients import Aws
from controller.aws.many_items import BATCH, Item, read_items
from controller.domain.collected import StoredMonth
from controller.domain.customer import ACCOUNT_PREFIX
from controller.domain.month import Month
from controller.domain.usage import FORMAT, AccountMonth, CustomerMonth
from controller.errors import Failure, PermanentFailure, TransientFailure
from controller.store.plausible import check_numbers
from controller.store.records import MOST, records, weight

PERMISSIONS = frozenset({"dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:PutItem"})
"""A transaction needs the permissions of the writes in it, and none of its own."""

RECORD = "usage/"
"""How `record` begins; the month follows."""
COMPRESS_FROM = 2_000
"""Bytes of JSON from which it is compressed: DynamoDB is paid by the KB, and answers a Query 1 MB at a time."""
WRITES = 100
"""Items in one transaction, the most that DynamoDB takes."""
BYTES = 4_000_000
"""What the items of one transaction may weigh together: DynamoDB takes 4 MB."""

Value = CustomerMonth | AccountMonth
K = TypeVar("K")

_CUSTOMER = TypeAdapter(CustomerMonth)
_ACCOUNT = TypeAdapter(AccountMonth)


class UsageMonths:
    """The collected months of one controller's customers and accounts. Reads are consistent."""

    def __init__(self, aws: Aws, table: str, controller_id: str = "default") -> None:
        self._aws, self._table, self._controller_id = aws, table, controller_id

    def load(self, month: Month) -> StoredMonth:
        """All of a month that this controller collected; a Failure stands for an item that cannot be used.

        Raises PermanentFailure where the table is missing.
        """
        values = {item["owner"]["S"]: self._value(item) for item in self._query(month)}
        prefix = self.account_id("")
        return StoredMonth(
            customers=_customers({id_: one for id_, one in values.items() if not id_.startswith(ACCOUNT_PREFIX)}),
            accounts=_accounts(
                {id_.removeprefix(prefix): one for id_, one in values.items() if id_.startswith(prefix)}
            ),
        )

    def get(self, customer_ids: Collection[str], month: Month) -> Mapping[str, CustomerMonth | Failure]:
        """These customers in a month, whoever collected it; one of whom nothing is stored is not in it."""
        return _customers(self._fetch({id_: _key(id_, str(month)) for id_ in customer_ids}))

    def history(self, customer_id: str, months: Iterable[Month]) -> Mapping[Month, CustomerMonth | Failure]:
        """These months of a customer; one of which nothing is stored is not in it."""
        return _customers(self._fetch({month: _key(customer_id, str(month)) for month in months}))

    def account_history(
        self, accounts: Collection[str], months: Collection[Month]
    ) -> Mapping[tuple[str, Month], AccountMonth | Failure]:
        """These months of these accounts, by account name and month."""
        wanted = {(name, month): _key(self.account_id(name), str(month)) for name in accounts for month in months}
        return _accounts(self._fetch(wanted))

    def save(self, values: Iterable[Value], fence: int) -> Mapping[str, Failure]:
        """Writes the values over what is there. The failures by `owner` in the table; what failed is as it was.

        A hundred are one transaction, which is all or nothing: where one of them is refused, for instance because a
        later lease's holder, with a higher fence, has stored it, the others are written without it. A value too large
        for an item is told before anything is written.
        """
        failures: dict[str, Failure] = {}
        items: dict[str, Item] = {}
        for value in values:
            item = self._item(value, fence)
            if (size := weight(item)) > MOST:
                failures[self._owner(value)] = self._too_large(value, size)
            else:
                items[f"{item['record']['S']} {item['owner']['S']}"] = item
        chunks = _by_weight(list(items.values()))
        for chunk, done in zip(chunks, self._aws.each(self._write, chunks), strict=True):
            failures |= dict.fromkeys(map(_owner, chunk), done) if isinstance(done, Failure) else done
        return failures

    def account_id(self, name: str) -> str:
        """The `owner` that an account's months stand under."""
        return f"{ACCOUNT_PREFIX}{self._controller_id}/{name}"

    # Reading

    def _query(self, month: Month) -> Iterator[Item]:
        """Those of this controller, and those from before an item told whose it is."""
        return records(
            self._aws,
            self._table,
            f"{RECORD}{month}",
            names={"#controller": "controller_id"},
            values={":controller": {"S": self._controller_id}},
            FilterExpression="#controller = :controller OR attribute_not_exists(#controller)",
        )

    def _fetch(self, keys: Mapping[K, Item]) -> dict[K, Value | Failure]:
        """The values under these keys. Raises Failure where they cannot be read."""
        wanted = list(keys.values())
        chunks = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
        found: dict[tuple[str, str], Value | Failure] = {}
        for items in self._aws.each(self._read, chunks):
            if isinstance(items, Failure):
                raise items
            found |= {(item["record"]["S"], item["owner"]["S"]): self._value(item) for item in items}
        places = {name: (key["record"]["S"], key["owner"]["S"]) for name, key in keys.items()}
        return {name: found[place] for name, place in places.items() if place in found}

    def _read(self, keys: Sequence[Item]) -> list[Item]:
        return read_items(self._aws, self._table, keys)

    def _value(self, item: Item) -> Value | Failure:
        owner, month = item["owner"]["S"], item["record"]["S"].removeprefix(RECORD)
        if Decimal(item.get("format", {}).get("N", "0")) > FORMAT:
            return PermanentFailure(
                f"what is stored of {owner} in {month} was written by a newer version of this tool",
                code="NewerUsage",
                resource=self._table,
                advice="Update before you run it on this table again.",
            )
        adapter: TypeAdapter[Any] = _ACCOUNT if owner.startswith(ACCOUNT_PREFIX) else _CUSTOMER
        try:
            value: Value = adapter.validate_json(_document(item))
            check_numbers(value)
        except (KeyError, ValueError, OSError, EOFError, zlib.error) as error:
            return self._foreign(owner, month, str(error).splitlines()[0])
        if (self._owner(value), value.month) != (owner, month):
            return self._foreign(owner, month, f"it is about {self._owner(value)} in {value.month}")
        return value

    def _foreign(self, owner: str, month: str, what: str) -> PermanentFailure:
        return PermanentFailure(
            f"what is stored of {owner} in {month}, in the table {self._table}, is not what this tool wrote: {what}",
            code="ForeignUsage",
            resource=self._table,
            advice="It is left as it is. Restore the item from point-in-time recovery; or delete it, and have it"
            f" collected again with: reconcile collect --month {month} --fresh",
        )

    # Writing

    def _write(self, items: Sequence[Item]) -> dict[str, Failure]:
        """All in one transaction, as often as it takes without those that DynamoDB refuses. The failures by owner."""
        failures: dict[str, Failure] = {}
        left = list(items)
        while left:
            try:
                self._transact(left)
            except Failure as failure:
                refused = {at: why for at, why in enumerate(failure.reasons) if isinstance(why, PermanentFailure)}
                if not refused:
                    return failures | dict.fromkeys(map(_owner, left), failure)
                failures |= {_owner(left[at]): self._refused(left[at], why) for at, why in refused.items()}
                left = [item for at, item in enumerate(left) if at not in refused]
            else:
                break
        return failures

    def _transact(self, items: Sequence[Item]) -> None:
        """By its token DynamoDB knows a call that is made again because its answer was lost, and does nothing then."""
        months = sorted({item["record"]["S"] for item in items})
        self._aws.call(
            "dynamodb",
            "transact_write_items",
            about=f"{self._table}/{', '.join(months)}",
            TransactItems=[{"Put": self._put(item)} for item in items],
            ClientRequestToken=uuid.uuid4().hex,
        )

    def _put(self, item: Item) -> dict[str, Any]:
        """Over what a holder of an earlier lease, or of this one, has stored; each controller has leases of its own."""
        return {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": "NOT (#controller = :controller AND #fence > :fence)",
            "ExpressionAttributeNames": {"#controller": "controller_id", "#fence": "fence"},
            "ExpressionAttributeValues": {":controller": item["controller_id"], ":fence": item["fence"]},
        }

    def _refused(self, item: Item, why: PermanentFailure) -> Failure:
        month = item["record"]["S"].removeprefix(RECORD)
        about: dict[str, Any] = {"code": why.code, "operation": why.operation, "resource": why.resource}
        if why.code == "ConditionalCheckFailed":
            told = f"a collect that began later has stored {month} meanwhile"
            return TransientFailure(told, **about, advice="The next run reads everything anew.")
        return PermanentFailure(f"DynamoDB refused {month}: {why.message}", **about)

    def _item(self, value: Value, fence: int) -> Item:
        adapter: TypeAdapter[Any] = _ACCOUNT if isinstance(value, AccountMonth) else _CUSTOMER
        document = adapter.dump_json(value)
        body = {"B": gzip.compress(document, mtime=0)} if len(document) >= COMPRESS_FROM else {"S": document.decode()}
        cost = value.unallocated if isinstance(value, AccountMonth) else value.total
        return {
            **_key(self._owner(value), value.month),
            "format": {"N": str(FORMAT)},
            "controller_id": {"S": self._controller_id},
            "fence": {"N": str(fence)},
            "cost": {"S": "unknown" if cost is None else f"{cost} {value.currency}"},
            "usage": body,
        }

    def _owner(self, value: Value) -> str:
        return self.account_id(value.account) if isinstance(value, AccountMonth) else value.customer_id

    def _too_large(self, value: Value, size: int) -> PermanentFailure:
        return PermanentFailure(
            f"{self._owner(value)} in {value.month} takes {size:,} bytes compressed; an item of DynamoDB holds 400 KB:"
            " it was not stored, and what was stored before stays",
            code="UsageTooLarge",
            resource=self._table,
            advice="Split the customer in two: the worksets of a month are the most of it.",
        )


def _key(owner: str, month: str) -> Item:
    return {"record": {"S": f"{RECORD}{month}"}, "owner": {"S": owner}}


def _document(item: Item) -> bytes:
    body = item["usage"]
    return gzip.decompress(body["B"]) if "B" in body else body["S"].encode()


def _customers(values: Mapping[K, Value | Failure]) -> dict[K, CustomerMonth | Failure]:
    return {key: one for key, one in values.items() if not isinstance(one, AccountMonth)}


def _accounts(values: Mapping[K, Value | Failure]) -> dict[K, AccountMonth | Failure]:
    return {key: one for key, one in values.items() if not isinstance(one, CustomerMonth)}


def _owner(item: Item) -> str:
    owner: str = item["owner"]["S"]
    return owner


def _by_weight(items: Sequence[Item]) -> list[Sequence[Item]]:
    """Chunks that one transaction takes, by number and by weight."""
    chunks: list[list[Item]] = [[]]
    held = 0
    for item in items:
        held += weight(item)
        if len(chunks[-1]) == WRITES or held > BYTES:
            chunks.append([])
            held = weight(item)
        chunks[-1].append(item)
    return [chunk for chunk in chunks if chunk]
