"""How much may go at a time, as arithmetic: a bucket that holds so much, and fills up evenly. Pure.

Whoever takes more than there is waits until it has filled up so far: the level goes below zero, so the next one waits
behind him. Times are seconds.
"""

import math
from dataclasses import dataclass, replace

__all__ = ["Bucket"]

_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """`capacity` is what may go at once, `per_second` what comes back; `level` is what was there at the time `at`."""

    capacity: float
    per_second: float
    level: float
    at: float

    @classmethod
    def full(cls, per_minute: float, now: float) -> "Bucket":
        """It holds a minute's worth."""
        return cls(per_minute, per_minute / _MINUTE, per_minute, now)

    def filled(self, now: float) -> "Bucket":
        """As it is now."""
        level = min(self.capacity, self.level + max(0.0, now - self.at) * self.per_second)
        return replace(self, level=level, at=max(now, self.at))

    def taken(self, amount: float, now: float) -> tuple["Bucket", float]:
        """The bucket without this amount, and how long whoever takes it has to wait.

        What is more than it holds waits for a full bucket, and is in debt after that. A bucket that does not fill up
        is waited for without end.
        """
        there = self.filled(now)
        short = min(amount, self.capacity) - there.level
        wait = 0.0 if short <= 0 else short / self.per_second if self.per_second > 0 else math.inf
        return replace(there, level=there.level - amount), wait

    def given_back(self, amount: float, now: float) -> "Bucket":
        """What was taken and not used; less than nothing for what was used and not taken."""
        there = self.filled(now)
        return replace(there, level=min(self.capacity, there.level + amount))
