"""Money: Decimal from the wire to the page, rounded once, and shares that add up to the cent."""

from collections.abc import Mapping
from decimal import ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor
from typing import TypeVar

K = TypeVar("K")

CENT = Decimal("0.01")
ZERO = Decimal(0)
SHARE = Decimal("1E-10")
"""The last digit of a share: AWS tells ten decimals. With 28 digits shares add up in one order and not in another."""


def cents(amount: Decimal, unit: Decimal = CENT) -> Decimal:
    """The amount in whole cents; half a cent goes away from zero, as on an invoice: 312.625 is 312.63.

    `unit` is the smallest coin, where that is not the cent.
    """
    return amount.quantize(unit, ROUND_HALF_UP)


def in_cents(amounts: Mapping[K, Decimal], total: Decimal | None = None, unit: Decimal = CENT) -> dict[K, Decimal]:
    """Every amount in whole cents, so that they add up to `total` exactly; None: to their own sum, rounded once.

    Largest remainder: all are rounded down, then the cents that are missing go to those that lost the most; of equal
    ones the first. `total` is in whole cents, and no further from the sum than rounding leads. `unit` as in `cents`.
    """
    target = cents(sum(amounts.values(), ZERO), unit) if total is None else total
    floors = {key: amount.quantize(unit, ROUND_FLOOR) for key, amount in amounts.items()}
    missing = int((target - sum(floors.values(), ZERO)) / unit)
    order = sorted(floors, key=lambda key: floors[key] - amounts[key])
    for key in order[:missing]:
        floors[key] += unit
    return floors


def coin(currency: str) -> Decimal:
    """The smallest amount of a currency that can be paid, by ISO 4217: 0.01 of most, 1 JPY, 0.001 KWD."""
    places = next((places for places, names in _PLACES.items() if currency in names), 2)
    return Decimal(1).scaleb(-places)


_PLACES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
"""The currencies that have not two decimal places (ISO 4217, list one)."""


def split(amount: Decimal, weights: Mapping[K, Decimal]) -> dict[K, Decimal]:
    """The amount shared out by weight, exactly: what rounding leaves over goes to the largest. No weights: nothing."""
    total = sum(weights.values(), ZERO)
    if not total:
        return {}
    shares = {key: (amount * weight / total).quantize(SHARE, ROUND_DOWN) for key, weight in weights.items()}
    largest = max(weights, key=lambda key: abs(weights[key]))
    shares[largest] += amount - sum(shares.values(), ZERO)
    return shares


def percent_of(part: Decimal, whole: Decimal) -> Decimal | None:
    """With one decimal, half up, but never up to a round hundred: 64.468 is 64.5, 99.96 is 99.9. None of nothing."""
    if whole <= 0:
        return None
    exact = Fraction(part) * 1000 / Fraction(whole)
    tenths = floor(exact + Fraction(1, 2))
    if tenths > exact and tenths % 1000 == 0:
        tenths -= 1
    return Decimal(tenths).scaleb(-1)
