"""The runs of clients whose gateway is gone: whichever is there closes them, and settles what they had reserved.

Nobody can take such a run up: its client has lost its connection. On this machine a process is seen to be gone. Of one
elsewhere only the lease tells, which a gateway renews for all its clients together; and whoever looks must have been
well himself for as long as it takes to do so, for when a store was away, all leases are over and nobody has died.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from gateway.clients import Clients
from gateway.doubts import lost
from gateway.earlier import held_in
from gateway.effects import UNDO
from gateway.errors import IllegalEvent, LeaseLost, StoreError, Unreadable
from gateway.events import Failed, Started
from gateway.reserving import settled_of_lost
from gateway.store import RunRow, Store, run_account
from gateway.store.lease import is_dead, machine, owner_name, process_of
from gateway.store.legible import left_out
from gateway.store.wanted import Wanted
from gateway.task import is_run_of_task

__all__ = ["BEAT", "LEASE", "Watch", "kept", "sweep"]

LEASE = 1800.0  # seconds
BEAT = 300.0
RUNS_SEEN = 500  # at once: the next look finds the others


async def sweep(clients: Clients, *, elsewhere: bool = False, now: Callable[[], int] | None = None) -> int:
    """Closes the runs of gateways that were killed; says how many. Their open questions stay. Of other machines only if
    those too are looked for. `now` is in milliseconds since 1970, in the place of the store's. Raises StoreError.
    """
    await clients.store.expire()  # and what is left of those that people have ended
    rows = await clients.store.run_rows(RUNS_SEEN, Wanted(status="running"))
    rows = [row for row in rows if row.driver == "client"]
    rows = [row for row in rows if not (is_run_of_task(row.id) or row.id.startswith(UNDO))]  # others take them up
    clock, count = now or clients.store.now, 0
    for row in rows:
        try:
            if await _is_lost(clients.store, row, clock() if elsewhere else None):
                await _close(clients, row)
                count += 1
        except Unreadable as error:
            left_out(error)
    return count


async def _close(clients: Clients, row: RunRow) -> None:
    lease = await clients.store.acquire(row.id, owner_name(), LEASE, row.owner)
    try:
        held = await held_in(clients.store, row.id)
    except Unreadable:
        if lease is not None:  # a person may end it
            await clients.store.release(lease)
        raise
    settle = settled_of_lost(run_account(row.id), held)
    with contextlib.suppress(IllegalEvent, LeaseLost):  # another gateway was faster
        why = Failed("lost", "the gateway was killed")
        await clients.store.append(row.id, [why, *lost(held, {})], lease=lease, changes=settle)
        await clients.trace_end(row.id)


async def _is_lost(store: Store, row: RunRow, now: int | None) -> bool:
    owner, until = row.owner, row.lease_until
    if not owner:  # it was recorded that the run begins, and the lease was still to come
        begun = [each.event for each in await store.events(row.id, 0, 2)]
        owner = next((event.worker for event in begun if isinstance(event, Started)), None)
        until = row.updated + round(LEASE * 1000)
    if not owner:
        return False
    if now is None or owner.partition("/")[0] == machine():
        return is_dead(owner)
    return until + BEAT * 1000 < now  # a beat may be late


class Watch:
    """One gateway's, over its clients' runs and those of others."""

    def __init__(self, clients: Clients, now: Callable[[], int] | None = None) -> None:
        self._clients, self._now, self._well = clients, now, 0

    async def beat(self) -> int:
        """Renews the leases of this process; and closes what others have left, when all was well at the beat before
        this one. Says how many.
        """
        try:
            await self._clients.store.renew_all(process_of(owner_name()), LEASE)
            self._well += 1
            return await sweep(self._clients, elsewhere=True, now=self._now) if self._well > 1 else 0
        except StoreError:  # whoever has something to record tells of it
            self._well = 0
            return 0


@contextlib.asynccontextmanager
async def kept(clients: Clients) -> AsyncIterator[None]:
    """The runs of this process are known to be alive, for as long as the block lasts."""

    async def beat() -> None:
        watch = Watch(clients)
        while True:
            await asyncio.sleep(BEAT)
            await watch.beat()

    heart = asyncio.create_task(beat(), name="toolgate.clients")
    try:
        yield
    finally:
        heart.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await heart
