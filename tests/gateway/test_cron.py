"""When a schedule fires, also when the clock is changed."""

from datetime import datetime, timedelta
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


# ---- where the clock is changed: every moment is looked at

CHANGES = {
    "back by an hour": ("Europe/Berlin", "2026-10-24T20:00"),
    "ahead by an hour": ("Europe/Berlin", "2026-03-28T20:00"),
    "back by half an hour": ("Australia/Lord_Howe", "2026-04-04T10:00"),
    "ahead by half an hour": ("Australia/Lord_Howe", "2026-10-03T10:00"),
    "ahead by two hours": ("Antarctica/Troll", "2026-03-28T20:00"),
    "back by two hours": ("Antarctica/Troll", "2026-10-24T20:00"),
    "ahead at midnight": ("America/Havana", "2026-03-08T00:00"),
    "never": ("UTC", "2026-03-08T00:00"),
}
CRONS = {  # the minutes of a day that each names
    "30 1 * * *": {90},
    "45 1 * * *": {105},
    "0 2 * * *": {120},
    "10 0 * * *": {10},
    "0,30 1-2 * * *": {60, 90, 120, 150},
    "59 0,1,2,3 * * *": {59, 119, 179, 239},
    "*/30 * * * *": set(range(0, 1440, 30)),
    "0,30 * * * *": set(range(0, 1440, 30)),
    "45 * * * *": set(range(45, 1440, 60)),
    "0 */2 * * *": set(range(0, 1440, 120)),
    "*/15 1 * * *": set(range(60, 120, 15)),
    "0 45 * * * *": set(range(45, 1440, 60)),
}
MINUTE = 60_000


def fires(cron: str, zone: ZoneInfo, start: int, end: int) -> list[int]:
    """When it does, by looking at the clock each minute."""
    shown = {moment: datetime.fromtimestamp(moment / 1000, zone) for moment in range(start, end, MINUTE)}
    named = CRONS[cron]
    fields = cron.split()
    if "*" in fields[0] + fields[1] or len(fields) == 6:
        return [moment for moment, clock in shown.items() if clock.hour * 60 + clock.minute in named]
    found: list[int] = []
    seen: datetime | None = None  # the furthest that the clock has been
    for moment, clock in shown.items():
        plain = clock.replace(tzinfo=None, fold=0)
        since = plain if seen is None else seen + timedelta(minutes=1)
        passed = [since + timedelta(minutes=more) for more in range(int((plain - since).total_seconds() // 60) + 1)]
        if any(each.hour * 60 + each.minute in named for each in passed):
            found.append(moment)
        seen = plain if seen is None else max(seen, plain)
    return found


@pytest.mark.parametrize("cron", CRONS)
@pytest.mark.parametrize("change", CHANGES)
def test_it_fires_when_the_clock_says_so_however_that_is_changed(change: str, cron: str) -> None:
    name, begin = CHANGES[change]
    zone = ZoneInfo(name)
    start = at(begin, ZoneInfo("UTC"))
    end = start + 12 * 60 * MINUTE
    expected = fires(cron, zone, start, end)
    moment, found = start - 1000, list[int]()
    while (moment := following(cron, zone, moment)) < end:
        found.append(moment)
    assert found == expected
    looks = [now for now in range(start, end, 7 * MINUTE + 1000) if expected and now >= expected[0]]
    assert [before(cron, zone, now) for now in looks] == [max(m for m in expected if m <= now) for now in looks]


@pytest.mark.parametrize(
    ("cron", "coming"),
    [("* * 29 2 *", "2028-02-29T00:00"), ("0 3 29 2 *", "2028-02-29T03:00"), ("@yearly", "2027-01-01T00:00")],
)
def test_what_is_far_is_found_behind_all_changes(cron: str, coming: str) -> None:
    assert following(cron, BERLIN, at("2026-07-01T12:00")) == at(coming)
    assert before(cron, BERLIN, at("2031-07-01T12:00")) > at("2028-02-01T00:00")
    assert before(cron, BERLIN, at(coming) + 30_000) == at(coming)
