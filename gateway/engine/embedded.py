"""The engine that needs none: the store is asked whether anybody has written, and if so, whether a job is ready.

Both are a look at an index; a transaction is begun only when there is something to claim, and once in `SWEEP` seconds
to find the runs of workers that are gone, which nobody writes down. Where one job was, there may be more: the next is
claimed without a look. Where jobs are ready and none may be begun (all
slots are taken), a claim looks at each lane while nobody else can write: it is made again only when somebody has
written, and takes a small part of the time.
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
IN_VAIN = 10.0  # times as long as a claim took that found nothing, until the next one
AWAY = 1.0  # seconds until a store is asked again that did not answer

log = logging.getLogger("toolgate.worker")


class Embedded:
    """A `gateway.engine.Engine`."""

    def __init__(self) -> None:
        self._swept = 0.0
        self._in_vain, self._again = -1, 0.0  # the version at which nothing could be begun, and when to try again
        self._lucky = False  # the last claim found something

    async def serve(self, worker: Hands) -> None:
        told = ""
        while not worker.stopping.is_set():
            await worker.room()
            try:
                await self._look(worker)
                told = ""
            except StoreError as error:
                if told != (told := str(error)):  # once, however long it lasts
                    log.warning("nothing can be taken up now: %s", error)
                await pause(worker.stopping, AWAY)

    async def _look(self, worker: Hands) -> None:
        if self._lucky and not worker.stopping.is_set():
            self._lucky = await worker.take() is not None
            return
        version = await worker.store.version()  # before the look: what is written meanwhile is seen at the next one
        coming, now = await worker.store.coming(), time.monotonic()
        if worker.stopping.is_set():
            return
        if (coming == 0 and self._is_worth_it(version, now)) or now - self._swept >= SWEEP:
            self._swept = now
            if await worker.take() is not None:
                self._in_vain, self._lucky = -1, True
                return
            self._in_vain, self._again = version, now + (1 + IN_VAIN) * (time.monotonic() - now)
        worker.spare()
        await _changed(worker, version, self._seconds(version, coming, now))

    def _is_worth_it(self, version: int, now: float) -> bool:
        return version != self._in_vain and now >= self._again

    def _seconds(self, version: int, coming: int | None, now: float) -> float:
        """Until the next look, if nobody writes."""
        if coming is None or (coming == 0 and version == self._in_vain):
            return SWEEP
        return min(SWEEP, max(coming / 1000, self._again - now))


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
