"""The clock of a named place: `hour('Europe/Berlin')`, `minute(...)`, `weekday(...)`, `date(...)`. Pure.

The zone stands in the line itself, so that a policy means the same on every machine, whatever its own clock is set to.
What a zone's name means is read when the policy is loaded (from the system, else from the package `tzdata`).
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from gateway.policy.logic import UNDECIDED
from gateway.policy.scope import READINGS, Kind
from gateway.wording import did_you_mean

__all__ = ["CLOCKS", "Clock", "UnknownZone", "zone_named"]

_NAME = re.compile(r"[A-Z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")  # not `localtime`, `posix/...`: they differ by machine


class UnknownZone(ValueError):
    """The text says what is wrong; `hint` names a zone that is like it, if any is."""

    def __init__(self, name: str) -> None:
        self.hint = (
            did_you_mean(name, filter(_NAME.fullmatch, available_timezones()))
            or "write it as in the IANA database: `Europe/Berlin`"
        )
        super().__init__(f"unknown time zone `{name}`")


@lru_cache(256)
def zone_named(name: str) -> ZoneInfo:
    """Raises UnknownZone."""
    if not _NAME.fullmatch(name):
        raise UnknownZone(name)
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError):
        raise UnknownZone(name) from None


@dataclass(frozen=True, slots=True)
class Clock:
    """`usage` is how it is written."""

    usage: str
    gives: Kind
    read: Callable[[datetime], Any]

    def at(self, zone: ZoneInfo) -> Callable[[datetime], Any]:
        """What it shows there at a moment; undecidable at the very ends of the calendar."""

        def run(moment: datetime) -> Any:
            try:
                return self.read(moment.astimezone(zone))
            except OverflowError:
                return UNDECIDED

        return run


CLOCKS: Mapping[str, Clock] = {
    name: Clock(f"{name}('Europe/Berlin')", *READINGS[name]) for name in ("hour", "minute", "weekday", "date")
}
