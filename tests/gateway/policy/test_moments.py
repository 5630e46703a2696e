from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.logic import UNDECIDED
from gateway.policy.moments import after, before

U = UNDECIDED


@pytest.mark.parametrize(
    ("value", "written", "is_before", "is_after"),
    [
        ("2026-12-30", "2026-12-31", True, False),
        ("2026-12-31", "2026-12-31", False, False),
        ("2027-01-01", "2026-12-31", False, True),
        ("2026-12-31T10:00:00Z", "2026-12-31", False, False),  # within the day: neither
        ("2026-12-30T23:59:59+01:00", "2026-12-31", True, False),  # the day as it is written
        ("2026-12-31T10:00Z", "2026-12-31T12:00:00+01:00", True, False),
        ("2026-12-31T11:00:00.5Z", "2026-12-31T12:00:00+01:00", False, True),
        ("2026-12-31T10:00", "2026-12-31T11:00", True, False),
        ("2026-12-30", "2026-12-31T12:00Z", True, False),
        # a day and a moment within it; a time with an offset, and one without
        ("2026-12-31", "2026-12-31T12:00Z", U, U),
        ("2026-12-31T10:00", "2026-12-31T12:00Z", U, U),
        ("2026-12-31T10:00Z", "2026-12-31T12:00", U, U),
        # what others may read in another way
        ("31.12.2026", "2026-12-31", U, U),
        ("20261231", "2026-12-31", U, U),
        ("2026-W53-4", "2026-12-31", U, U),
        ("2026-12-31 10:00Z", "2026-12-31", U, U),
        ("2026-12-31T10:00:00+0100", "2026-12-31", U, U),
        ("2026-02-30", "2026-12-31", U, U),
        ("2026-12-31T25:00", "2026-12-31", U, U),
        ("2026-12-31\n", "2026-12-31", U, U),
        ("２０２６-12-31", "2026-12-31", U, U),  # noqa: RUF001 - full-width digits
        ("", "2026-12-31", U, U),
        (20261231, "2026-12-31", U, U),
        (None, "2026-12-31", U, U),
        (["2026-12-30"], "2026-12-31", U, U),
        (True, "2026-12-31", U, U),
    ],
)
def test_before_and_after(value: Any, written: str, is_before: Any, is_after: Any) -> None:
    assert (before([written])(value), after([written])(value)) == (is_before, is_after)


@pytest.mark.parametrize("written", [["2026-13-01"], ["today"], [""], ["2026-12-31", "2027-12-31"], []])
def test_what_is_not_one_date_or_time_is_found_when_the_policy_is_loaded(written: list[str]) -> None:
    with pytest.raises(ValueError, match="date or time"):
        before(written)


moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).flatmap(  # noqa: DTZ001 - the zone is drawn
    lambda naive: st.integers(-720, 720).map(lambda off: naive.replace(tzinfo=timezone(timedelta(minutes=off))))
)


@given(moments, moments)
def test_of_two_moments_the_earlier_is_before_the_later(one: datetime, other: datetime) -> None:
    here, there = one.isoformat(), other.isoformat()
    assert before([there])(here) is (one.astimezone(UTC) < other.astimezone(UTC))
    assert after([there])(here) is (one.astimezone(UTC) > other.astimezone(UTC))
