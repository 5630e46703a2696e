"""When a schedule fires: a cron expression, in the time of a zone. Pure.

Five fields as in crontab, or six with seconds in front. At a change of the clock it is as in Debian's cron. One that
names its hours and minutes fires once for each moment that it names: what is left out on the clock is at the end of the
gap, what comes twice is at the first time. One whose minute or hour begins with `*`, or that has seconds, fires
whenever the clock shows what it names.

What the expression names on a clock that is never changed, `cronsim` says. What that is in a zone, is said here:
`cronsim` itself loses its way where a clock is changed by half an hour (Lord Howe).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import dropwhile
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

__all__ = ["before", "following", "what_is_wrong"]

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_FURTHEST = timedelta(hours=3)  # no clock is set back by more


def what_is_wrong(cron: str) -> str | None:
    """What to say about an expression that is none, or that names no moment."""
    hint = "write `MINUTE HOUR DAY MONTH WEEKDAY`, such as `30 7 * * mon-fri`, or `@daily`"
    try:
        next(CronSim(_plain(cron), datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as error:
        return f"it is no cron expression ({error}); {hint}"
    except StopIteration:
        return f"it names no moment in the next 50 years; {hint}"
    return None


def following(cron: str, zone: ZoneInfo, moment: int) -> int:
    """The first moment after this one at which it fires; both in milliseconds since 1970."""
    clock, now = _Clock(zone), _at(moment)
    if _by_the_hour(cron):
        return _millis(_next_shown(cron, clock, now))
    named = map(clock.when, CronSim(_plain(cron), clock.shows(now)))
    return _millis(next(dropwhile(lambda found: found <= now, named)))


def before(cron: str, zone: ZoneInfo, moment: int) -> int:
    """The last moment at or before this one at which it fires."""
    clock, now = _Clock(zone), _at(moment)
    if _by_the_hour(cron):
        return _millis(_last_shown(cron, clock, now))
    named = map(clock.when, _back(cron, clock.shows(now) + _FURTHEST))
    return _millis(next(dropwhile(lambda found: found > now, named)))


@dataclass(frozen=True, slots=True)
class _Clock:
    """What the clock of a zone shows, without a zone; and when that is."""

    zone: ZoneInfo

    def offset(self, now: datetime) -> timedelta:
        return now.astimezone(self.zone).utcoffset() or timedelta()

    def shows(self, now: datetime) -> datetime:
        return now.astimezone(self.zone).replace(tzinfo=None)

    def when(self, shown: datetime) -> datetime:
        """The first time that it shows this; if it never does, when it passes over it."""
        found = shown.replace(tzinfo=self.zone).astimezone(UTC)  # by the time that holds before a change
        if self.shows(found) == shown:
            return found
        return self.change(found - _FURTHEST, found) or found

    def change(self, start: datetime, end: datetime) -> datetime | None:
        """The moment in between (after `start`, at most `end`) from which on it goes as it does at the end, if it did
        not at the start.
        """
        new = self.offset(end)
        if self.offset(start) == new:
            return None
        while end - start > _SECOND:
            middle = start + (end - start) // 2
            middle = middle.replace(microsecond=0)
            start, end = (start, middle) if self.offset(middle) == new else (middle, end)
        return end


def _next_shown(cron: str, clock: _Clock, now: datetime) -> datetime:
    """The first moment after this one at which the clock shows what is named."""
    shown = now + clock.offset(now)
    while True:
        found = next(CronSim(_plain(cron), shown)) - clock.offset(now)
        end = min(found, now + _DAY)
        change = clock.change(now, end)
        if change is None and found == end:
            return found
        now = change or found - _DAY  # nothing is named on the way there
        shown = now + clock.offset(now) - (_SECOND if change else timedelta())


def _last_shown(cron: str, clock: _Clock, now: datetime) -> datetime:
    """The last moment at or before this one at which the clock shows what is named."""
    while True:
        found = next(_back(cron, now + clock.offset(now))) - clock.offset(now)
        start = max(found, now - _DAY)
        change = clock.change(start, now)
        if found == start and (change is None or found >= change):
            return found
        now = change - _SECOND if change else found + _DAY


def _back(cron: str, shown: datetime) -> Iterator[datetime]:
    """What is named at or before this, the last first."""
    return CronSim(_plain(cron), shown + _SECOND, reverse=True)


def _by_the_hour(cron: str) -> bool:
    fields = _plain(cron).split()
    return len(fields) == 6 or fields[0].startswith("*") or fields[1].startswith("*")


def _plain(cron: str) -> str:
    return _MACROS.get(cron.strip(), cron)


def _at(moment: int) -> datetime:
    return datetime.fromtimestamp(moment // 1000, UTC)


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
