"""What AWS has billed to the example customers: six months up to today, and one month that never moves.

Amounts of the last closed month for cust_abc123, and of January 2024, are those of the design document's cost
breakdown ($367.97).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from controller.sandbox.cost_expressions import LineItem
from controller.sandbox.moto_backend import DEFAULT_ACCOUNT

ACME, BETA, GAMMA, DELTA, EPSILON = "cust_abc123", "cust_beta01", "cust_gamma7", "cust_delta3", "cust_epsil9"
NOBODY = ""
CUSTOMER_KEY, COST_CENTER_KEY = "daylily:customer_id", "daylily:cost_center"
COST_CENTERS = {ACME: "CC-GENOMICS-001", GAMMA: "CC-GAMMA-042"}


@dataclass(frozen=True, slots=True)
class Sold:
    """What AWS bills for: as Cost Explorer names it, and the price of a unit in USD."""

    service: str
    usage_type: str
    unit: str
    price: str
    record_type: str = "Usage"


@dataclass(frozen=True, slots=True)
class SeedCost:
    """`months`: USD from five months ago up to the current month, which is billed by the day until today."""

    customer: str
    sold: Sold
    months: str


COMPUTE = Sold("Amazon Elastic Compute Cloud - Compute", "USW2-SpotUsage:c6i.8xlarge", "vCPU-Hours", "0.25")
STORAGE = Sold("Amazon Simple Storage Service", "USW2-TimedStorage-ByteHrs", "GB-Mo", "0.023")
STORAGE_EAST = Sold("Amazon Simple Storage Service", "TimedStorage-ByteHrs", "GB-Mo", "0.023")
REQUESTS = Sold("Amazon Simple Storage Service", "USW2-Requests-Tier1", "Requests", "0.000005")
TRANSFER = Sold("AWS Data Transfer", "USW2-DataTransfer-Out-Bytes", "GB", "0.09")
TRANSFER_IN = Sold("AWS Data Transfer", "USW2-DataTransfer-In-Bytes", "GB", "0")
LUSTRE = Sold("Amazon FSx", "USW2-Storage:Lustre", "GB-Mo", "0.09")
GATEWAY = Sold("EC2 - Other", "USW2-NatGateway-Hours", "Hrs", "0.045")
TAX = Sold("Tax", "", "", "1", record_type="Tax")

COSTS = (
    SeedCost(ACME, COMPUTE, "  96.20 148.05 205.71 268.40 312.63 331.00"),
    SeedCost(ACME, STORAGE, "   2.10   3.05   3.90   4.88   5.64   5.80"),
    SeedCost(ACME, REQUESTS, "  0.20   0.31   0.42   0.55   0.63   0.64"),
    SeedCost(ACME, TRANSFER, "  1.10   1.90   2.75   3.40   4.07   4.20"),
    SeedCost(ACME, LUSTRE, "   15.00  20.00  30.00  38.00  45.00  45.00"),
    SeedCost(BETA, COMPUTE, " 402.11 430.90 455.32 471.08 498.75 125.00"),
    SeedCost(BETA, STORAGE, "  22.40  23.85  25.01  26.30  27.69  28.50"),
    SeedCost(BETA, TRANSFER, " 12.15  11.80  14.02  13.37  15.11  16.00"),
    SeedCost(GAMMA, COMPUTE, "  0.00   0.00  18.40  22.75  31.20  30.00"),
    SeedCost(GAMMA, STORAGE_EAST, "117.76 117.80 118.10 118.43 118.65 118.65"),
    SeedCost(NOBODY, GATEWAY, "32.40  33.48  32.40  33.48  33.48  32.40"),
    SeedCost(NOBODY, TAX, "    41.20  46.11  52.30  58.02  63.90  70.00"),
)

RUSH = Decimal("515.00")
"""What a large run cost cust_beta01 on the first of this month: over its budget of $500 on any day of it."""

JANUARY = date(2024, 1, 1)
JANUARY_COSTS = (
    (COMPUTE, "312.63", "1250.5"),
    (STORAGE, "5.64", "245.466"),
    (REQUESTS, "0.63", "125000"),
    (TRANSFER, "4.07", "45.2"),
    (TRANSFER_IN, "0.00", "125.0"),
    (LUSTRE, "45.00", "500"),
)
"""Of cust_abc123: USD and units."""


def line_items(today: date) -> Iterator[LineItem]:
    """The whole bill. Every cost is spread over the days of its month, to the cent, up to and including today."""
    for cost in COSTS:
        first = today.replace(day=1)
        for amount in reversed(cost.months.split()):
            yield from (_line(cost, day, share) for day, share in _by_day(first, Decimal(amount)) if day <= today)
            first = (first - timedelta(days=1)).replace(day=1)
    yield from _january()
    yield _line(SeedCost(BETA, COMPUTE, ""), today.replace(day=1), RUSH)
    yield _line(SeedCost(EPSILON, COMPUTE, ""), today, Decimal("1.26"))


def _january() -> Iterator[LineItem]:
    for sold, amount, quantity in JANUARY_COSTS:
        for day, cost, used in _shares(JANUARY, Decimal(amount), Decimal(quantity)):
            yield _item(ACME, sold, day, cost, used)


def _by_day(first: date, amount: Decimal) -> Iterator[tuple[date, Decimal]]:
    """The month's days with their shares, which sum to the amount exactly; without those that have none."""
    return ((day, cost) for day, cost, _ in _shares(first, amount, Decimal(0)) if cost)


def _shares(first: date, amount: Decimal, quantity: Decimal) -> Iterator[tuple[date, Decimal, Decimal]]:
    """The month's days with their shares of both, which sum to them exactly: whole cents, and thousandths of units."""
    days = ((first + timedelta(days=32)).replace(day=1) - first).days
    for index in range(days):
        day = first + timedelta(days=index)
        yield day, _share(amount, 100, index, days), _share(quantity, 1000, index, days)


def _share(whole: Decimal, parts: int, index: int, days: int) -> Decimal:
    pieces = int(whole * parts)
    return Decimal(pieces * (index + 1) // days - pieces * index // days) / parts


def _line(cost: SeedCost, day: date, amount: Decimal) -> LineItem:
    quantity = (amount / Decimal(cost.sold.price)).quantize(Decimal("0.000001"))
    return _item(cost.customer, cost.sold, day, amount, quantity)


def _item(customer: str, sold: Sold, day: date, amount: Decimal, quantity: Decimal) -> LineItem:
    known = {CUSTOMER_KEY: customer, COST_CENTER_KEY: COST_CENTERS.get(customer, "")}
    tags = {key: value for key, value in known.items() if value}
    return LineItem(
        day, DEFAULT_ACCOUNT, sold.service, sold.usage_type, sold.record_type, amount, quantity, sold.unit, tags
    )
