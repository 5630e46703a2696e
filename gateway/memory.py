"""Memory that nobody holds any more goes back to the system: not at once, but soon.

The allocator of glibc keeps what was given back to it for whoever asks next, wherever something is still in use above
it: after the start of a gateway that is three megabytes, which nobody asks for again, and after hours of large results
among small ones, 17 of 140. To give them back takes a millisecond or two. What lies on top it gives back at once, and
asks for it again with the next large result: of 100 KB each cost 28 page faults, a quarter of the processor's time. So
some of that is kept, until it is time to give back.
"""

import asyncio
import contextlib
import ctypes
from collections.abc import AsyncIterator

__all__ = ["give_back", "giving_back", "keep_some"]

EVERY = 300.0  # seconds
KEPT = 32 * 1024 * 1024  # bytes on top, until it is time
ALONE = 2 * 1024 * 1024  # bytes of one piece, from which on it is the system's, and goes back by itself
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as glibc numbers them (mallopt(3))


def give_back() -> None:
    """Does nothing where there is no glibc: other allocators do it by themselves, or can't be told."""
    with contextlib.suppress(AttributeError, OSError, TypeError):  # no such function, no such library, Windows
        ctypes.CDLL(None).malloc_trim(0)


def keep_some() -> None:
    """From now on. Does nothing where there is no glibc."""
    with contextlib.suppress(AttributeError, OSError, TypeError):
        glibc = ctypes.CDLL(None)
        glibc.mallopt(_MMAP_THRESHOLD, ALONE)
        glibc.mallopt(_TRIM_THRESHOLD, KEPT)


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
