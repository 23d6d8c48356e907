"""The customer's record in the DynamoDB table of the portal.

Only our attributes are written, one by one, so that what others keep in the item (api_tokens and so on) survives.
`created_at` is set when the record is first written and never again. Removing a customer closes the record: it stays
for the books, marked with `closed_at`. What the gate writes into it is the gate's alone, until the record is closed.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from controller.aws.attributes import decode, encode
from controller.aws.many_items import BATCH, read_items
from controller.domain.customer import Customer
from controller.domain.kind import Kind, Path
from controller.domain.resource import Absent, Observation, Present, Target, Unreadable
from controller.errors import Failure
from controller.kinds.context import Context
from controller.kinds.look import as_wanted

SOURCES = {
    "customer_name": "spec.displayName",
    "billing_account_id": "spec.billing.accountId",
    "cost_center": "spec.billing.costCenter",
    "billing_email": "spec.billing.email",
    "payment_terms": "spec.billing.paymentTerms",
    "discount_percent": "spec.billing.discountPercent",
    "bucket_names": "spec.storage.buckets",
}

OF_THE_GATE = ("worksets_paused", "paused_reason", "paused_since")
"""Attributes that store/pauses.py writes: neither this kind's nor anybody else's."""


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """Our attributes, under the names of the table. None: the item has no such attribute."""

    customer_name: str | None = None
    billing_account_id: str | None = None
    cost_center: str | None = None
    billing_email: str | None = None
    payment_terms: str | None = None
    discount_percent: Decimal | None = None
    bucket_names: tuple[str, ...] = ()
    odd: str | None = None
    """Attributes of a type that we never write, as JSON, so that they show up as a difference."""


class CustomerRecords(Kind[Customer, CustomerRecord]):
    name = "customer_record"
    permissions = frozenset({"dynamodb:BatchGetItem", "dynamodb:UpdateItem"})
    state = CustomerRecord

    def __init__(self, context: Context) -> None:
        self._aws, self._table, self._clock = context.home, context.settings.tables.customers, context.clock

    def desired(self, owner: Customer) -> Mapping[str, CustomerRecord]:
        billing = owner.billing
        return {
            owner.customer_id: CustomerRecord(
                customer_name=owner.display_name,
                billing_account_id=billing.account_id,
                cost_center=billing.cost_center,
                billing_email=billing.email,
                payment_terms=billing.payment_terms,
                discount_percent=billing.discount_percent,
                bucket_names=tuple(sorted(bucket.name for bucket in owner.buckets)),
            )
        }

    def observe(self, targets: Collection[Target[CustomerRecord]]) -> Mapping[str, Observation[CustomerRecord]]:
        ordered = sorted(targets, key=lambda target: target.name)
        batches = [ordered[start : start + BATCH] for start in range(0, len(ordered), BATCH)]
        observed: dict[str, Observation[CustomerRecord]] = {}
        for batch, seen in zip(batches, self._aws.each(self._look, batches), strict=True):
            observed |= {one.name: Unreadable(seen) for one in batch} if isinstance(seen, Failure) else seen
        return observed

    def put(self, name: str, desired: CustomerRecord, observed: CustomerRecord | None) -> None:
        """All our attributes in one call: a closed record may hold some that are wanted no more."""
        if desired == observed:
            return
        wanted = _attributes(desired)
        removed = [key for key in SOURCES if key not in wanted] + ["closed_at"]
        self._update(name, wanted, removed, once={"created_at": _timestamp(self._clock())})

    def delete(self, name: str, observed: CustomerRecord) -> None:
        self._update(name, {}, OF_THE_GATE, once={"closed_at": _timestamp(self._clock())})

    def source(self, owner: Customer, name: str, path: Path) -> str:
        return SOURCES.get(path[0], "")

    def _look(self, targets: Collection[Target[CustomerRecord]]) -> dict[str, Observation[CustomerRecord]]:
        items = self._read([target.name for target in targets])
        return {target.name: as_wanted(_observation(items.get(target.name)), target) for target in targets}

    def _read(self, names: Collection[str]) -> dict[str, dict[str, Any]]:
        keys = [{"customer_id": {"S": name}} for name in names]
        return {item["customer_id"]["S"]: item for item in read_items(self._aws, self._table, keys)}

    def _update(self, name: str, values: Mapping[str, Any], removed: Iterable[str], *, once: Mapping[str, Any]) -> None:
        sets = [f"#{key} = :{key}" for key in values] + [f"#{key} = if_not_exists(#{key}, :{key})" for key in once]
        removes = [f"#{key}" for key in removed]
        self._aws.call(
            "dynamodb",
            "update_item",
            about=f"{self._table}/{name}",
            TableName=self._table,
            Key={"customer_id": {"S": name}},
            UpdateExpression="SET " + ", ".join(sets) + (" REMOVE " + ", ".join(removes) if removes else ""),
            ExpressionAttributeNames={f"#{key}": key for key in [*values, *once, *removed]},
            ExpressionAttributeValues=encode({f":{key}": value for key, value in {**values, **once}.items()}),
        )


def _observation(item: Mapping[str, Any] | None) -> Observation[CustomerRecord]:
    """An item that others made and that has none of our attributes, and a closed record, hold nothing of ours."""
    if item is None:
        return Absent()
    ours = decode({key: item[key] for key in SOURCES if key in item})
    foreign = tuple(sorted(set(item) - {*SOURCES, *OF_THE_GATE, "customer_id", "created_at", "closed_at"}))
    if "closed_at" in item or not ours:
        return Absent(foreign)
    return Present(_record(ours), foreign)


def _record(ours: dict[str, Any]) -> CustomerRecord:
    odd = {key: value for key, value in ours.items() if not _is_written_so(key, value)}
    values = {key: value for key, value in ours.items() if key not in odd}
    names = tuple(sorted(values.pop("bucket_names", ())))
    return CustomerRecord(
        **values, bucket_names=names, odd=json.dumps(odd, sort_keys=True, default=str) if odd else None
    )


def _is_written_so(key: str, value: Any) -> bool:
    """Whether the value has the type that we write: text, a number for the discount, a list of texts for buckets."""
    if key == "bucket_names":
        return isinstance(value, list) and all(isinstance(name, str) for name in value)
    return isinstance(value, Decimal if key == "discount_percent" else str)


def _attributes(record: CustomerRecord) -> dict[str, Any]:
    """The attributes that the item holds for this record."""
    values: dict[str, Any] = {key: getattr(record, key) for key in SOURCES}
    values["bucket_names"] = list(record.bucket_names) or None
    return {key: value for key, value in values.items() if value is not None}


def _timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
