"""The clock of a named place: `hour('Europe/Berlin')`, `minute(...)`, `weekday(...)`, `date(...)`. Pure.

The zone stands in the line itself, so that a policy means the same on every machine, whatever its own clock is set to.
What a zone's name means is read when the policy is loaded (from the system, else from the package `tzdata`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.policy.logic import UNDECIDED
from gateway.policy.scope import READINGS, Kind

__all__ = ["CLOCKS", "Clock"]


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
