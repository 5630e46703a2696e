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


async def until(store: Store, happened: Callable[[], Awaitable[bool]]) -> None:
    """Returns when it has happened, in whichever process. Raises StoreError."""
    while True:
        version = await store.version()  # before the look: what is written meanwhile is seen at the next one
        if await happened():
            return
        await changed(store, version)


async def changed(store: Store, version: int) -> None:
    """Returns when the store is not what it was at this version any more, or after `IDLE_SECONDS`."""
    deadline, pause = time.monotonic() + IDLE_SECONDS, FIRST_SECONDS
    while time.monotonic() < deadline and await store.version() == version:
        await asyncio.sleep(pause)
        pause = min(LOOK_SECONDS, pause * 2)
