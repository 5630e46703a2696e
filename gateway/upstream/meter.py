"""How much a server says beside its answers, and how long to wait before it is heard on: it waits, too, with its pipe
or its connection full. Pure.
"""

__all__ = ["BURST", "PACE", "Meter"]

BURST, PACE = 5000, 1000.0  # notifications at once, and for each second: more is more than anybody can want to hear


class Meter:
    """Of one pipe or connection."""

    def __init__(self) -> None:
        self._told, self._since = 0.0, 0.0  # what counts against the burst, as of this moment

    def late(self, count: int, now: float) -> float:
        """Seconds to wait after so many more notifications; `now` is monotonic."""
        self._told = max(0.0, self._told - (now - self._since) * PACE) + count
        self._since = now
        return max(0.0, (self._told - BURST) / PACE)
