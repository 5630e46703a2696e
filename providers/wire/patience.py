"""How long a reply is waited for: until its first event, between two events, and in all."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from providers.reply import ProviderError
from providers.request import Deadlines

__all__ = ["Patience"]

T = TypeVar("T")


class Patience:
    """The deadlines of one reply, running from now on."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._time = asyncio.get_running_loop().time
        self._begun = self._time()
        self._silence, self._until = "first", self._begun + deadlines.first
        self._end = self._begun + deadlines.total

    def heard(self) -> None:
        """An event has come: the next one has its own time."""
        self._silence, self._until = "between", self._time() + self._deadlines.between

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Its result. Raises ProviderError (`timeout`), which says what did not come."""
        try:
            async with asyncio.timeout_at(min(self._until, self._end)) as clock:
                return await awaitable
        except TimeoutError:
            if not clock.expired():
                raise
        raise ProviderError("timeout", self._why())

    def _why(self) -> str:
        if self._end <= self._until:
            return f"no whole reply within {self._deadlines.total:g} s"
        if self._silence == "first":
            return f"no reply began within {self._deadlines.first:g} s"
        return f"the reply stopped: nothing more came for {self._deadlines.between:g} s"
