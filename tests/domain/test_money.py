"""Money: shares with one decimal, and never a hundred before it is reached."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.money import percent_of

AMOUNTS = st.decimals(0, 10**9, places=4)
LIMITS = st.decimals("0.01", 10**9, places=2)


@pytest.mark.parametrize(
    ("part", "whole", "told"),
    [
        ("322.34", "500", "64.5"),
        ("367.97", "500", "73.6"),
        ("64.45", "100", "64.5"),
        ("99.95", "100", "99.9"),
        ("99.9999999999999999999999999999999999", "100", "99.9"),
        ("100", "100", "100.0"),
        ("100.04", "100", "100.0"),
        ("199.99", "100", "199.9"),
        ("0", "100", "0.0"),
        ("-1", "100", "-1.0"),
        ("-0.01", "100", "-0.1"),
    ],
)
def test_a_share_has_one_decimal_half_up_but_never_up_to_a_round_hundred(part: str, whole: str, told: str) -> None:
    assert str(percent_of(Decimal(part), Decimal(whole))) == told


@pytest.mark.parametrize("whole", ["0", "-5"])
def test_there_is_no_share_of_nothing(whole: str) -> None:
    assert percent_of(Decimal(5), Decimal(whole)) is None


@given(AMOUNTS, LIMITS)
def test_a_share_reads_100_only_when_the_limit_is_reached(part: Decimal, whole: Decimal) -> None:
    share = percent_of(part, whole)
    assert share is not None
    assert (share >= 100) == (part >= whole)
    assert abs(share * whole - part * 100) <= whole / 10
