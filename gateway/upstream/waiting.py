"""How long one waits: between attempts, and for an event."""

import asyncio
import random

__all__ = ["Backoff", "set_within"]


class Backoff:
    """Pauses between attempts: doubled from `first` to `longest` seconds, each spread by half."""

    def __init__(self, first: float = 0.2, longest: float = 30.0) -> None:
        self._first, self._longest = first, longest
        self._next = first

    def pause(self) -> float:
        """The next pause, in seconds."""
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, guards nothing

    def reset(self) -> None:
        self._next = self._first


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it is set within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
