"""Times that hardly ever come: the end of patience with a body or a server, the moment to see whether a client is
still there.

Each request would set and clear two timers of the loop, which cost more than to look at all of them together from time
to time. For what has to happen on time, the loop's own timers are there.
"""

import asyncio
from collections.abc import Callable

__all__ = ["TICK", "Deadlines"]

TICK = 0.05  # seconds: so much too late at most


class Deadlines:
    """Of one event loop."""

    def __init__(self) -> None:
        self._due: dict[object, tuple[float, Callable[[], None]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def after(self, seconds: float, late: Callable[[], None]) -> object:
        """Has `late` called after so many seconds, unless what is returned is dropped before."""
        return self.at(asyncio.get_running_loop().time() + seconds, late)

    def at(self, moment: float, late: Callable[[], None]) -> object:
        """The same at a moment of the loop's clock."""
        key = object()
        self._due[key] = (moment, late)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK, self._look)
        return key

    def drop(self, key: object) -> None:
        """It is in time. Also for one that was late."""
        self._due.pop(key, None)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        try:
            for key, (due, late) in list(self._due.items()):
                if due <= now and self._due.pop(key, None) is not None:
                    late()
        finally:  # one that fails keeps nobody else waiting for ever
            self._timer = loop.call_later(TICK, self._look) if self._due else None
