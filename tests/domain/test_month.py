"""Months: half-open, in UTC, and without a gap between one and the next."""

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.domain.month import Month

months = st.builds(Month, st.integers(2, 9998), st.integers(1, 12))
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.timezones())  # noqa: DTZ001


@given(months)
def test_it_is_read_as_it_is_written(month: Month) -> None:
    assert Month.parse(str(month)) == month


@pytest.mark.parametrize(
    "text", ["2024-1", "2024-13", "2024-00", "24-01", "2024/01", "2024-01-01", "0000-01", "", "２０２４-01"]
)
def test_anything_else_is_no_month(text: str) -> None:
    with pytest.raises(ValueError, match="is not a month: it is written like 2024-01"):
        Month.parse(text)


@given(months)
def test_the_next_begins_where_it_ends(month: Month) -> None:
    assert month.end == month.next.start
    assert month.next.previous == month
    assert month.last_day + timedelta(days=1) == month.next.first_day
    assert month.days == (month.end - month.start).days


@given(moments)
def test_a_moment_is_in_its_month_and_in_no_other(moment: datetime) -> None:
    month = Month.of(moment)

    assert moment in month
    assert moment not in month.previous
    assert moment not in month.next


def test_the_first_moment_belongs_to_it_and_the_first_of_the_next_does_not() -> None:
    january = Month(2024, 1)

    assert datetime(2024, 1, 1, tzinfo=UTC) in january
    assert datetime(2024, 1, 31, 23, 59, 59, 999999, tzinfo=UTC) in january
    assert datetime(2024, 2, 1, tzinfo=UTC) not in january


def test_new_years_eve_in_new_york_is_january_in_utc() -> None:
    new_york = timezone(timedelta(hours=-5))

    assert Month.of(datetime(2023, 12, 31, 20, tzinfo=new_york)) == Month(2024, 1)
    assert Month.of(date(2023, 12, 31)) == Month(2023, 12)


@given(months, st.integers(1, 40))
def test_going_back_tells_each_month_once_the_oldest_first(month: Month, count: int) -> None:
    if month.year * 12 + month.number <= count + 24:
        return
    found = list(month.back(count))

    assert len(found) == count
    assert found[-1] == month
    assert all(one.next == after for one, after in pairwise(found))
