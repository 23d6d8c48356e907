"""Money that is rounded or shared out adds up again, to the last digit."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.money import CENT, cents, in_cents, split

amounts = st.decimals("-1000000", "1000000", places=10)
bills = st.dictionaries(st.text("abcdef", min_size=1, max_size=2), amounts, max_size=20)
weights = st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.decimals(0, 1000, places=10), max_size=20)


@pytest.mark.parametrize(
    ("exact", "rounded"),
    [
        ("312.625", "312.63"),
        ("312.6249999999", "312.62"),
        ("-0.005", "-0.01"),
        ("-0.0049", "0.00"),
        ("1E+3", "1000.00"),
    ],
)
def test_half_a_cent_goes_away_from_zero(exact: str, rounded: str) -> None:
    assert cents(Decimal(exact)) == Decimal(rounded)


@given(bills)
def test_rounded_amounts_add_up_to_the_rounded_sum(bill: dict[str, Decimal]) -> None:
    assert sum(in_cents(bill).values()) == cents(sum(bill.values(), Decimal(0)))


@given(bills)
def test_no_amount_moves_by_a_cent_or_more(bill: dict[str, Decimal]) -> None:
    rounded = in_cents(bill)

    assert rounded.keys() == bill.keys()
    assert all(abs(rounded[key] - bill[key]) < CENT for key in bill)
    assert all(amount == amount.quantize(CENT) for amount in rounded.values())


@given(bills)
def test_what_is_in_whole_cents_stays(bill: dict[str, Decimal]) -> None:
    whole = {key: cents(amount) for key, amount in bill.items()}

    assert in_cents(whole) == whole


@given(st.lists(amounts, min_size=1, max_size=9), st.data())
def test_parts_of_a_rounded_amount_add_up_to_it_whichever_way_it_went(
    parts: list[Decimal], data: st.DataObject
) -> None:
    exact = sum(parts, Decimal(0))
    total = data.draw(st.sampled_from([exact.quantize(CENT, rounding) for rounding in (ROUND_FLOOR, ROUND_CEILING)]))

    assert sum(in_cents(dict(enumerate(parts)), total).values()) == total


def test_a_missing_cent_goes_to_the_one_that_lost_the_most() -> None:
    bill = {"a": Decimal("0.333"), "b": Decimal("0.334"), "c": Decimal("0.333")}

    assert in_cents(bill) == {"a": Decimal("0.33"), "b": Decimal("0.34"), "c": Decimal("0.33")}


@given(amounts, weights)
def test_shares_add_up_exactly_in_any_order(amount: Decimal, shares_of: dict[str, Decimal]) -> None:
    shares = split(amount, shares_of)

    if any(shares_of.values()):
        assert sum(shares.values(), Decimal(0)) == sum(reversed(shares.values()), Decimal(0)) == amount
    else:
        assert shares == {}


@given(amounts, weights)
def test_who_has_no_weight_has_no_share(amount: Decimal, shares_of: dict[str, Decimal]) -> None:
    assert not any(split(amount, shares_of).get(key) for key, weight in shares_of.items() if not weight)


def test_a_third_each_leaves_the_last_digits_to_one() -> None:
    assert sorted(split(Decimal(1), dict.fromkeys("abc", Decimal(1))).values()) == [
        Decimal("0.3333333333"),
        Decimal("0.3333333333"),
        Decimal("0.3333333334"),
    ]
