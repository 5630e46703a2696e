"""How long a reply is waited for: until its first event, between two events, and in all."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from providers.reply import ProviderError
from providers.request import Deadlines

__all__ = ["Patience"]

T = TypeVar("T")


class Patience:
    """The deadlines of one reply. `total` runs from now on, the others only while somebody waits."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._time = asyncio.get_running_loop().time
        self._end = self._time() + deadlines.total
        self._first, self._left = True, deadlines.first

    def heard(self) -> None:
        """An event has come: the next one has its own time."""
        self._first, self._left = False, self._deadlines.between

    def hurry(self, seconds: float) -> None:
        """All that matters has come: the rest has so long, from now on."""
        self._end = min(self._end, self._time() + seconds)

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Its result. Raises ProviderError (`timeout`), which says what did not come."""
        begun = self._time()
        silent = begun + self._left
        try:
            async with asyncio.timeout_at(min(silent, self._end)) as clock:
                return await awaitable
        except TimeoutError:
            if not clock.expired():
                raise
        finally:
            self._left -= self._time() - begun
        raise ProviderError("timeout", self._why(whole=self._end <= silent))

    def _why(self, *, whole: bool) -> str:
        if whole:
            return f"no whole reply within {self._deadlines.total:g} s"
        if self._first:
            return f"no reply began within {self._deadlines.first:g} s"
        return f"the reply stopped: nothing more came for {self._deadlines.between:g} s"
