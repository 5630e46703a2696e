"""The engine that needs none: the store is asked whether anybody has written, and if so, whether a job is ready.

Both are a look at an index; a transaction is begun only when there is something to claim, and once in `SWEEP` seconds
to find the runs of workers that are gone, which nobody writes down.
"""

import asyncio
import contextlib
import logging
import time

from gateway.engine import Hands
from gateway.errors import StoreError

__all__ = ["Embedded", "pause"]

LOOK = (0.01, 0.1)  # seconds between two looks whether anybody has written: at first, and at most
SWEEP = 1.0  # seconds
AWAY = 1.0  # seconds until a store is asked again that did not answer

log = logging.getLogger("toolgate.worker")


class Embedded:
    """A `gateway.engine.Engine`."""

    def __init__(self) -> None:
        self._swept = 0.0

    async def serve(self, worker: Hands) -> None:
        while not worker.stopping.is_set():
            await worker.room()
            try:
                await self._look(worker)
            except StoreError as error:
                log.warning("nothing can be taken up now: %s", error)
                await pause(worker.stopping, AWAY)

    async def _look(self, worker: Hands) -> None:
        version = await worker.store.version()  # before the look: what is written meanwhile is seen at the next one
        coming, now = await worker.store.coming(), time.monotonic()
        if worker.stopping.is_set():
            return
        if coming == 0 or now - self._swept >= SWEEP:
            self._swept = now
            if await worker.take() is not None:
                return
        worker.spare()
        await _changed(worker, version, SWEEP if coming is None else min(SWEEP, coming / 1000))


async def _changed(worker: Hands, version: int, seconds: float) -> None:
    """Returns when somebody has written, or after so many seconds."""
    (wait, longest), deadline = LOOK, time.monotonic() + max(seconds, LOOK[0])
    while not worker.stopping.is_set() and (left := deadline - time.monotonic()) > 0:
        await pause(worker.stopping, min(wait, left))
        if await worker.store.version() != version:
            return
        wait = min(longest, wait * 2)


async def pause(stopping: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
