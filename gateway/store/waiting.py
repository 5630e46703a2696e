"""How one waits for what another process writes: the store is looked at when somebody has written to it.

Nothing calls us when another process commits. To ask whether anybody has written is cheap (`Store.version`), so it is
asked often, and what one waits for is looked at only when the answer is yes. Now and then it is looked at all the same:
that a time is over, or a lease, is written by nobody.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from gateway.store import Store

__all__ = ["IDLE_SECONDS", "LOOK_SECONDS", "changed", "until"]

FIRST_SECONDS = 0.02  # before the first question whether anybody has written; doubled with each that is in vain
LOOK_SECONDS = 0.2  # the longest time between two such questions
IDLE_SECONDS = 5.0  # the longest time between two real looks


async def until(store: Store, happened: Callable[[], Awaitable[bool]], seconds: float | None = None) -> bool:
    """Returns when it has happened, in whichever process, or after so many seconds; says whether it has. Raises
    StoreError.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    while True:
        version = await store.version()  # before the look: what is written meanwhile is seen at the next one
        if await happened():
            return True
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            return False
        await changed(store, version, left)


async def changed(store: Store, version: int, seconds: float | None = None) -> None:
    """Returns when the store is not what it was at this version any more, or after so many seconds, `IDLE_SECONDS` at
    most.
    """
    longest = IDLE_SECONDS if seconds is None else min(IDLE_SECONDS, seconds)
    deadline, pause = time.monotonic() + longest, FIRST_SECONDS
    while (left := deadline - time.monotonic()) > 0 and await store.version() == version:
        await asyncio.sleep(min(pause, left))
        pause = min(LOOK_SECONDS, pause * 2)
