"""Memory that nobody holds any more goes back to the system.

The allocator of glibc keeps what was given back to it for whoever asks next, wherever something is still in use above
it: after the start of a gateway that is three megabytes, which nobody asks for again, and after hours of large results
among small ones, 17 of 140. To give them back takes a millisecond or two.
"""

import asyncio
import contextlib
import ctypes
from collections.abc import AsyncIterator

__all__ = ["give_back", "giving_back"]

EVERY = 300.0  # seconds


def give_back() -> None:
    """Does nothing where there is no glibc: other allocators do it by themselves, or can't be told."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no such function, no such library, Windows
        ctypes.CDLL(None).malloc_trim(0)


@contextlib.asynccontextmanager
async def giving_back() -> AsyncIterator[None]:
    """Does so again and again for as long as the block lasts: what one busy hour has used is not held for ever."""

    async def again() -> None:
        while True:
            await asyncio.sleep(EVERY)
            give_back()

    giving = asyncio.create_task(again(), name="toolgate.memory")
    try:
        yield
    finally:
        giving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await giving
