"""Rows of cost by customer and service, from the two bills that Cost Explorer tells: by service and by usage type.

Pure. What the bill by service says is never lost and never doubled, whatever the bill by usage type makes of it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Literal

from controller.domain.money import ZERO
from controller.domain.services import (
    DATA_TRANSFER,
    DATA_TRANSFER_IN,
    S3,
    S3_REQUESTS,
    S3_STORAGE,
    TRANSFER,
    Service,
    service_of,
)
from controller.domain.usage import CostRow
from controller.usage.cost_questions import Amount, Group

CUSTOMER_KEY = "daylily:customer_id"

Tagged = tuple[str, str, str]
"""A month, a tag key and its value, which is empty for untagged cost."""
Bill = Mapping[Tagged, Mapping[str, Amount]]
"""Amounts by whose they are, and by service or usage type as AWS names it."""
Use = Literal["storage", "requests", "in", "out", "unknown"]

NOTHING = Amount(ZERO)

USES: Mapping[Use, re.Pattern[str]] = {
    "storage": re.compile(r"(^|-)TimedStorage"),
    "requests": re.compile(r"(^|-)Requests-"),
    "in": re.compile(r"-In-\w*Bytes$"),
    "out": re.compile(r"DataTransfer|-Out-\w*Bytes$"),
}
"""What usage types of S3 and of data transfer are about. They may begin with a region, as in USW2-Requests-Tier1."""


def bill_with(bill: Bill, key: str, groups: Iterable[Group]) -> Bill:
    """The bill with what another tag key tells about its untagged cost: it moves from there, all together it stays.

    daylily:customer_id, which is asked for first, brings the untagged cost along.
    """
    told: dict[Tagged, dict[str, Amount]] = {whose: dict(amounts) for whose, amounts in bill.items()}
    first = key == CUSTOMER_KEY
    for group in groups:
        if group.tag_value or first:
            _add(told, (group.month, key, group.tag_value), group.dimension, group.amount)
        if group.tag_value and not first:
            _take(told, (group.month, CUSTOMER_KEY, ""), group.dimension, group.amount)
    return told


def bill_rows(costs: Bill, usage: Bill) -> tuple[CostRow, ...]:
    """Every row of `costs`, in which `usage` tells the uses of S3 apart. Sorted by whose they are, then by service."""
    rows = [row for whose, amounts in costs.items() for row in _rows_of(whose, amounts, usage.get(whose, {}))]
    return tuple(sorted(rows, key=lambda row: (row.month, row.tag_key, row.tag_value, row.service)))


def _add(bill: dict[Tagged, dict[str, Amount]], whose: Tagged, name: str, amount: Amount) -> None:
    amounts = bill.setdefault(whose, {})
    amounts[name] = amounts[name] + amount if name in amounts else amount


def _take(bill: dict[Tagged, dict[str, Amount]], whose: Tagged, name: str, amount: Amount) -> None:
    amounts = bill.setdefault(whose, {})
    amounts[name] = amounts.get(name, NOTHING) - amount


def _rows_of(whose: Tagged, costs: Mapping[str, Amount], usage: Mapping[str, Amount]) -> Iterator[CostRow]:
    for name, amount in costs.items():
        if name not in (S3, TRANSFER) and amount:
            yield _row(whose, service_of(name), amount)
    if S3 in costs or TRANSFER in costs:
        for service, amount in _uses_of_s3(costs, _by_use(usage)):
            if amount:
                yield _row(whose, service, amount)


def _uses_of_s3(costs: Mapping[str, Amount], used: Mapping[Use, Amount]) -> Iterator[tuple[Service, Amount]]:
    """S3 and data transfer by use; together exactly what both cost.

    AWS bills transfer under either service, and a usage type does not say under which. So transfer is what the usage
    types say, and at least what the service of that name costs; what is left when requests are taken off is storage.
    """
    whole = costs.get(S3, NOTHING).cost + costs.get(TRANSFER, NOTHING).cost
    requests, came_in, went_out = (used.get(use, NOTHING) for use in ("requests", "in", "out"))
    out = Amount(_transfer(costs, used) - came_in.cost, went_out.quantity, went_out.unit)
    stored = used.get("storage", NOTHING)
    rest = whole - requests.cost - came_in.cost - out.cost
    yield S3_STORAGE, Amount(rest, stored.quantity, stored.unit)
    yield S3_REQUESTS, requests
    yield DATA_TRANSFER, out
    yield DATA_TRANSFER_IN, came_in


def _transfer(costs: Mapping[str, Amount], used: Mapping[Use, Amount]) -> Decimal:
    billed = costs.get(TRANSFER, NOTHING).cost
    seen = [used[use].cost for use in ("in", "out") if use in used]
    return max(billed, sum(seen, ZERO)) if seen else billed


def _by_use(usage: Mapping[str, Amount]) -> Mapping[Use, Amount]:
    found: dict[Use, Amount] = {}
    for usage_type, amount in usage.items():
        use = _use(usage_type)
        found[use] = found[use] + amount if use in found else amount
    return found


def _use(usage_type: str) -> Use:
    return next((use for use, pattern in USES.items() if pattern.search(usage_type)), "unknown")


def _row(whose: Tagged, service: Service, amount: Amount) -> CostRow:
    return CostRow(*whose, service.name, service.part, amount.cost, amount.quantity, amount.unit)
