"""What S3 charges in one region, as a dated table says. Values only; controller/prices/ holds the tables."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from controller.domain.money import ZERO

GIB = Decimal(2**30)
"""What S3 bills as a GB."""
STANDARD = "STANDARD"


@dataclass(frozen=True, slots=True)
class Tier:
    """The price of a GB-month up to so many GB, counted from the first; None: of all that is over."""

    up_to: Decimal | None
    price: Decimal


@dataclass(frozen=True, slots=True)
class ClassPrice:
    """A storage class beside Standard, by its name in the S3 API: GLACIER is Glacier Flexible Retrieval.

    `price` is for a GB-month, `transition` for 1,000 objects that a rule moves into it. An object is billed for
    `least_days` and for `least_bytes` at the least; archived, it has `own_overhead` bytes more at the price of its
    class and `standard_overhead` at that of Standard.
    """

    price: Decimal
    transition: Decimal = ZERO
    least_days: int = 0
    least_bytes: int = 0
    own_overhead: int = 0
    standard_overhead: int = 0


@dataclass(frozen=True, slots=True)
class Prices:
    """`name` is the price set: `list`, AWS's list prices, or another one of the region's table."""

    region: str
    name: str
    as_of: date
    source: str
    standard: tuple[Tier, ...]
    classes: Mapping[str, ClassPrice] = field(default_factory=dict)
    put: Decimal = ZERO
    """For 1,000 PUT requests."""

    def knows(self, storage_class: str) -> bool:
        return storage_class == STANDARD or storage_class in self.classes

    def in_standard(self, size: Decimal) -> Decimal:
        """A month of so many bytes in Standard."""
        cost, below = ZERO, ZERO
        amount = size / GIB
        for tier in self.standard:
            top = amount if tier.up_to is None else min(amount, tier.up_to)
            cost += max(top - below, ZERO) * tier.price
            below = top
        return cost
