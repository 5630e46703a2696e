"""How much a server says beside its answers, and how long to wait before it is heard on: it waits, too, with its pipe
or its connection full. Pure.
"""

from dataclasses import dataclass

__all__ = ["PIPE", "STREAM", "Meter", "Pace"]


@dataclass(frozen=True, slots=True)
class Pace:
    """Messages that are heard at once, and for each second: more is more than anybody can want to hear."""

    burst: int
    second: float


STREAM = Pace(500, 500.0)  # of one request, or of changes
PIPE = Pace(5000, 1000.0)  # of all that a server over stdio is asked: who waits for another answer waits with it


class Meter:
    """Of one pipe or connection."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._told, self._since = 0.0, 0.0  # what counts against the burst, as of this moment
        self.rested = True  # nothing counted any more when the last came

    def late(self, count: float, now: float) -> float:
        """Seconds to wait after so many more messages; `now` is monotonic."""
        before = max(0.0, self._told - (now - self._since) * self._pace.second)
        self._told, self._since, self.rested = before + count, now, not before
        return max(0.0, (self._told - self._pace.burst) / self._pace.second)
