"""The stretch of time in which a budget counts: a minute, an hour, a day or a month on the clock of a zone. Pure.

A window that slides is looked at in slices, each as long as a `SLICES`th of it. Whatever was spent in a slice counts
until the whole slice is out of the window: so it is never more than the limit in any stretch of that length, and at
times a slice's worth less.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

__all__ = ["SLICES", "Length", "Span", "Window"]

Length = Literal["minute", "hour", "day", "month"]

SLICES = 30
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400, "month": 30 * 86_400}  # a month that slides has 30 days


@dataclass(frozen=True, slots=True)
class Span:
    """Where a window is at a moment. Times are whole seconds since 1970.

    `start` names it. `since` is the first slice that counts, where it slides. At `ends` something becomes free again;
    after `over` nobody asks for what was spent in it.
    """

    start: int
    ends: int
    over: int
    since: int | None = None


class _Seen:
    """The span that was asked for last: nearly always it is the next one, too."""

    __slots__ = ("_last",)
    _last: Span


@dataclass(frozen=True, slots=True)
class Window(_Seen):
    """`zone` says when a day begins; a window that slides begins nowhere."""

    length: Length
    zone: tzinfo = UTC
    sliding: bool = False

    def at(self, now: datetime) -> Span:
        """The span that this moment belongs to. `now` is aware."""
        second = int(now.timestamp())
        last: Span | None = getattr(self, "_last", None)
        if last is None or not last.start <= second < last.ends:
            last = self.at_second(second)
            object.__setattr__(self, "_last", last)
        return last

    def at_second(self, second: int) -> Span:
        """The same of a second since 1970."""
        if self.sliding:
            return self._slice(second)
        begin = _begin(self.length, datetime.fromtimestamp(second, self.zone))
        start, ends = int(begin.timestamp()), int(_end(self.length, begin).timestamp())
        return Span(start, ends, ends)

    def _slice(self, now: int) -> Span:
        length = _SECONDS[self.length]
        slice_ = length // SLICES
        start = now - now % slice_
        return Span(start, start + slice_, start + slice_ + length, start - length)


def _begin(length: Length, local: datetime) -> datetime:
    match length:
        case "minute":
            return local.replace(second=0, microsecond=0)
        case "hour":
            return local.replace(minute=0, second=0, microsecond=0)
        case "day":
            return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return local.replace(day=1, hour=0, minute=0, second=0, microsecond=0, fold=0)


def _end(length: Length, begin: datetime) -> datetime:
    """Days and months by the calendar (a day may have 23 hours), the others by the clock."""
    match length:
        case "minute" | "hour":
            return begin.astimezone(UTC) + timedelta(seconds=_SECONDS[length])
        case "day":
            return begin + timedelta(days=1)
    later = begin + timedelta(days=31)
    return later.replace(day=1)
