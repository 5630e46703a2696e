"""A list whose time is over is asked for anew when somebody wants it, and told then (MCP 2026-07-28, Caching).

Once for each word of the server, however many want it, and whatever comes of it: who fails is asked again at his own
pace. Nobody is kept for long, and by a server that is slow, only those who come first.
"""

import asyncio
import time
from collections.abc import Callable

from gateway.upstream.waiting import LEAST, set_within

__all__ = ["PATIENCE", "Renewal"]

PATIENCE = 1.0  # seconds that a list is waited for; then it is told as it was, to be kept by nobody


class Renewal:
    """Of one server. `relist` has its lists asked for; `clock` is monotonic, in seconds."""

    def __init__(self, relist: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._relist, self._clock = relist, clock
        self._last, self._next = 0.0, 0.0  # the word that was asked about last; when one may be asked about again
        self._over = asyncio.Event()
        self._over.set()

    async def wait(self, until: float) -> None:
        """Somebody wants what was true until then: waits for its successor."""
        now = self._clock()
        if self._last < until <= now and now >= self._next:
            self._last, self._next = until, now + LEAST
            self._over.clear()
            self._relist()
        if until <= now and not self._over.is_set():
            await set_within(self._over, PATIENCE)
            self._over.set()

    def over(self) -> None:
        """It was asked for, and answered or not."""
        self._over.set()
