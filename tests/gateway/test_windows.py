"""Windows of time: every moment is in one of them, and what slides never lets more through than its limit."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.windows import SLICES, Length, Window
from gateway.zones import zone_named

BERLIN = zone_named("Europe/Berlin")
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - as Hypothesis wants
LENGTHS = st.sampled_from(["minute", "hour", "day", "month"])
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/St_Johns"]).map(zone_named)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("length", "now", "begins", "ends"),
    [
        ("minute", "2026-11-26T01:20:31+00:00", "2026-11-26T01:20+00:00", "2026-11-26T01:21+00:00"),
        ("hour", "2026-11-26T01:20:31+00:00", "2026-11-26T01:00+00:00", "2026-11-26T02:00+00:00"),
        ("day", "2026-11-26T23:20:31+00:00", "2026-11-27T00:00+01:00", "2026-11-28T00:00+01:00"),
        ("day", "2026-03-29T12:00:00+00:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),  # 23 hours
        ("day", "2026-10-25T12:00:00+00:00", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),  # 25 hours
        ("month", "2026-01-31T23:30:00+00:00", "2026-02-01T00:00+01:00", "2026-03-01T00:00+01:00"),
        ("month", "2026-12-31T12:00:00+00:00", "2026-12-01T00:00+01:00", "2027-01-01T00:00+01:00"),
    ],
)
def test_a_window_begins_and_ends_on_the_clock_of_its_zone(length: Any, now: str, begins: str, ends: str) -> None:
    span = Window(length, BERLIN).at(at(now))
    assert (span.start, span.ends) == (at(begins).timestamp(), at(ends).timestamp())


def test_the_hour_that_comes_twice_is_two_windows() -> None:
    first, second = at("2026-10-25T00:30:00+00:00"), at("2026-10-25T01:30:00+00:00")  # both are 02:30 in Berlin
    assert Window("hour", BERLIN).at(first).start != Window("hour", BERLIN).at(second).start


@given(LENGTHS, ZONES, MOMENTS)
def test_each_moment_is_in_the_window_that_it_is_given(length: Any, zone: Any, now: datetime) -> None:
    span = Window(length, zone).at(now)
    assert span.start <= now.timestamp() < span.ends
    assert Window(length, zone).at(datetime.fromtimestamp(span.start, UTC)) == span
    assert Window(length, zone).at(datetime.fromtimestamp(span.ends, UTC)).start == span.ends


@given(LENGTHS, MOMENTS, st.integers(0, 40 * 86_400))
def test_what_was_spent_within_the_length_of_a_window_that_slides_counts(length: Any, now: datetime, ago: int) -> None:
    seconds = {"minute": 60, "hour": 3600, "day": 86_400, "month": 30 * 86_400}[length]
    window = Window(length, sliding=True)
    span, before = window.at(now), window.at(now - timedelta(seconds=ago))
    assert span.since is not None
    counts = span.since <= before.start <= span.start
    if ago <= seconds:
        assert counts
    if ago > seconds + 2 * seconds // SLICES:
        assert not counts
    assert before.over >= span.start or not counts  # it is not forgotten while it counts


@given(st.sampled_from(["minute", "hour", "day"]), st.booleans(), st.lists(st.integers(-2, 2), max_size=20))
def test_a_span_that_is_remembered_is_left_when_it_ends(length: Length, sliding: bool, steps: list[int]) -> None:
    """Asked at, just before and just after the ends of spans, back and forth."""
    window, fresh = Window(length, sliding=sliding), Window(length, sliding=sliding)
    second = int(datetime(2026, 11, 26, tzinfo=UTC).timestamp())
    for step in steps:
        span = fresh.at_second(second)
        second = (span.ends if step >= 0 else span.start) + step
        assert window.at(datetime.fromtimestamp(second, UTC)) == fresh.at_second(second)
