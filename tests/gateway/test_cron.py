"""When a schedule fires, also when the clock is changed."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.cron import before, following, what_is_wrong

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, zone: ZoneInfo = BERLIN) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


@pytest.mark.parametrize(
    ("cron", "now", "last", "coming"),
    [
        ("30 7 * * mon-fri", "2026-11-27T07:30", "2026-11-27T07:30", "2026-11-30T07:30"),
        ("30 7 * * mon-fri", "2026-11-27T07:29:59", "2026-11-26T07:30", "2026-11-27T07:30"),
        ("@hourly", "2026-11-26T12:00:01", "2026-11-26T12:00", "2026-11-26T13:00"),
        ("*/10 * * * * *", "2026-11-26T12:00:09", "2026-11-26T12:00:00", "2026-11-26T12:00:10"),
        ("30 2 * * *", "2026-03-29T12:00", "2026-03-29T03:00", "2026-03-30T02:30"),  # there is no half past two
    ],
)
def test_a_schedule_fires_at_the_moments_that_it_names(cron: str, now: str, last: str, coming: str) -> None:
    assert before(cron, BERLIN, at(now)) == at(last)
    assert following(cron, BERLIN, at(now)) == at(coming)


def test_what_comes_twice_on_the_clock_fires_once() -> None:
    first = following("30 2 * * *", BERLIN, at("2026-10-25T00:00"))
    assert following("30 2 * * *", BERLIN, first) == at("2026-10-26T02:30")


@pytest.mark.parametrize("cron", ["", "noon", "* * * *", "61 * * * *", "0 0 30 2 *"])
def test_what_names_no_moment_is_told_with_what_to_write(cron: str) -> None:
    wrong = what_is_wrong(cron)
    assert wrong is not None
    assert "30 7 * * mon-fri" in wrong


@pytest.mark.parametrize("cron", ["@daily", "0 0 29 2 *", "*/5 * * * *"])
def test_what_names_a_moment_is_right(cron: str) -> None:
    assert what_is_wrong(cron) is None
