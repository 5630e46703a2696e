"""How long one waits: between attempts, and for an event."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

__all__ = ["LEAST", "Backoff", "Later", "Pace", "set_within", "unless"]

T = TypeVar("T")

LEAST = 1.0  # seconds between two attempts, however much somebody wants the next one


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


class Later:
    """Has `work` done after a pause, which grows as long as nothing goes well."""

    def __init__(self, work: Callable[[], None], backoff: Backoff) -> None:
        self._work, self._backoff = work, backoff
        self._due: asyncio.TimerHandle | None = None

    def note(self, *, well: bool) -> None:
        """How it went: if not well, it is done again."""
        self.close()
        if well:
            self._backoff.reset()
        else:
            self._due = asyncio.get_running_loop().call_later(self._backoff.pause(), self._work)

    def close(self) -> None:
        """It is not done any more."""
        if self._due is not None:
            self._due.cancel()
            self._due = None


class Pace:
    """When the next attempt is due: after a pause that grows, or sooner if somebody wants it; not within `LEAST`."""

    def __init__(self, stopping: asyncio.Event) -> None:
        self._stopping, self._backoff, self._wanted = stopping, Backoff(), asyncio.Event()
        self._waiting = 0  # who still wait for what an attempt may bring

    def want(self) -> None:
        """Ends the pause as soon as it may end. Never waits."""
        self._wanted.set()

    @contextmanager
    def wanting(self) -> Iterator[None]:
        """The same, again and again while this lasts."""
        self._waiting += 1
        self.want()
        try:
            yield
        finally:
            self._waiting -= 1

    def begin(self) -> None:
        """An attempt begins: those who wanted one have it, unless they wait for more."""
        if not self._waiting:
            self._wanted.clear()

    def reset(self) -> None:
        """It went well for a while: the next failure is the first again."""
        self._backoff.reset()

    async def pause(self) -> None:
        """Returns when the next attempt is due, or when there will be none."""
        seconds = self._backoff.pause()
        for event, limit in ((self._stopping, min(seconds, LEAST)), (self._wanted, seconds - LEAST)):
            if limit > 0 and not self._stopping.is_set():
                await set_within(event, limit)


async def unless(event: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of it; None where the event was set first: then it is given up. Raises what `work` does."""
    doing, given_up = asyncio.ensure_future(work), asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({doing, given_up}, return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        doing.cancel()
        given_up.cancel()
        await asyncio.gather(doing, given_up, return_exceptions=True)


async def set_within(event: asyncio.Event, seconds: float) -> bool:
    """Whether it is set within so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
