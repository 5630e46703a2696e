"""DBOS brings runs to workers: its queues on PostgreSQL, in the database of the store.

Runs that are ready get tickets, which are workflows in a queue: DBOS dispatches them to workers that have room, by its
own polling and limits. The worker then claims whatever is next in our store, which need not be the run for which the
ticket was made: so order, fairness and slots are the same with any engine; and goes on as long as there is another one.
So there need be no more tickets than there is room: each worker makes as many as it has, for any of the runs, and not
all of them for the same. A ticket for which there is nothing to do is over at once; one that was lost, with its worker
or otherwise, is made anew while its run is still ready. The name of a ticket says which run, since when, and which time
it is made, so that of all workers that make it one does.

Of DBOS nothing else is used: its workflow journals nothing, its version never changes (a new program takes the tickets
of an old one), and what it writes is JSON.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetEnqueueOptions, SetWorkflowID

from gateway.engine import Hands
from gateway.engine.embedded import pause
from gateway.errors import StoreError
from gateway.job import HIGHEST, Job
from gateway.store import Store
from gateway.store.lease import is_dead, owner_name, process_of
from gateway.store.wanted import Wanted

__all__ = ["Dispatched"]

VERSION = "1"
LOOK = 0.1  # seconds between two looks for runs that are ready, and at most between two of DBOS for tickets
AT_ONCE = 100  # runs, the next ones, of which some get a ticket in one look
AGAIN = 5.0  # seconds until a run that is still ready gets another ticket
TIDY = 60.0  # seconds between two looks for tickets that are over
KEPT = 600.0  # seconds that they are kept: no other of their name is made any more
LOST = 86_400.0  # seconds after which one of a worker elsewhere who drives nothing is that of one who was killed
GONE_AT_ONCE = 500
DRIVEN_SEEN = 10_000  # runs: a worker who drives none of these loses a ticket, and nothing with it

Ticket = Callable[[], Coroutine[Any, Any, None]]

log = logging.getLogger("toolgate.worker")


class Dispatched:
    """A `gateway.engine.Engine`. One in a process: DBOS has one instance."""

    def __init__(self, url: str, concurrency: int) -> None:
        self._url, self._concurrency = url, concurrency
        self._queue = f"toolgate-{sha256(url.encode()).hexdigest()[:12]}"
        self._made: dict[str, float] = {}  # when a ticket was made, by its name
        self._tidied = time.monotonic()
        self._door = asyncio.Lock()  # one ticket at a time finds that there is room, and takes it

    async def serve(self, worker: Hands) -> None:
        DBOS(config=self._config())

        @DBOS.workflow(name=f"{self._queue}.ticket")
        async def ticket() -> None:
            await self.redeem(worker)

        DBOS.launch()
        try:
            how: dict[str, Any] = {"worker_concurrency": self._concurrency, "polling_interval_sec": LOOK}
            await DBOS.register_queue_async(self._queue, **how, on_conflict="always_update")
            while not worker.stopping.is_set():
                try:
                    await self.look(worker, ticket)
                    if time.monotonic() - self._tidied >= TIDY:
                        self._tidied = time.monotonic()
                        now = worker.store.now() / 1000
                        await self.tidy(worker.store, now - KEPT, now - LOST)
                except StoreError as error:
                    log.warning("nothing can be taken up now: %s", error)
                except Exception as error:  # noqa: BLE001 - DBOS raises what its driver does; it may hold a password
                    log.warning("DBOS can't be reached now (%s)", type(error).__name__)
                await pause(worker.stopping, LOOK)
        finally:
            await asyncio.to_thread(DBOS.destroy, destroy_registry=True)

    def _config(self) -> DBOSConfig:
        return {
            "name": "toolgate",
            "system_database_url": self._url,
            "application_version": VERSION,
            "executor_id": owner_name(),  # one for each process: what another one left is not taken up
            "serializer": DBOSPortableJSONSerializer(),
            "enable_otlp": False,
            "max_executor_threads": 16,
            "log_level": "CRITICAL",
        }

    async def look(self, worker: Hands, ticket: Ticket) -> None:
        """Makes tickets for runs that are ready. Raises StoreError, and what DBOS does."""
        if not worker.free:
            return
        ready = await worker.store.ready(worker.wish, AT_ONCE)
        now = worker.store.now() / 1000
        self._made = {name: at for name, at in self._made.items() if now - at < 2 * AGAIN}
        names = {f"{job.run_id}.{job.ready}.{int(now // AGAIN)}": job for job in ready}
        wanted = sorted(names.keys() - self._made.keys())
        for name in random.sample(wanted, min(len(wanted), worker.free)):
            self._made[name] = now
            await self._make(name, names[name], ticket)
        agents = worker.wish.agents
        if not any(agents is None or job.agent in agents for job in ready):
            worker.spare()

    async def tidy(self, store: Store, before: float, lost: float = 0.0) -> int:
        """Removes tickets that were over by `before`, and those under way whose worker is known to be dead, or that
        were made before `lost` (both in seconds since 1970) and whose worker drives nothing; some at a time, and says
        how many. DBOS keeps them for ever. Nothing goes with a ticket: whoever drives a run does not look at it again.
        Raises StoreError.
        """
        how: dict[str, Any] = {"queue_name": self._queue, "load_input": False, "load_output": False}
        how["limit"] = GONE_AT_ONCE
        moment = datetime.fromtimestamp(before, UTC).isoformat()
        over = await DBOS.list_workflows_async(status=["SUCCESS", "ERROR", "CANCELLED"], completed_before=moment, **how)
        under_way = await DBOS.list_workflows_async(status="PENDING", **how)
        dead = [each for each in under_way if is_dead(each.executor_id or "")]
        old = [each for each in under_way if each not in dead and (each.created_at or 0) < lost * 1000]
        at_it = await _at_it(store) if old else frozenset()
        left = [each for each in old if process_of(each.executor_id or "") not in at_it]
        gone = [each.workflow_id for each in (*over, *dead, *left)]
        if gone:
            await DBOS.delete_workflows_async(gone)
        return len(gone)

    async def redeem(self, worker: Hands) -> None:
        """Runs, whichever is next, to where they rest, one after the other; when the worker has room for them."""
        while (drive := await self._taken(worker)) is not None:
            await asyncio.wait({drive})

    async def _taken(self, worker: Hands) -> "asyncio.Task[None] | None":
        async with self._door:
            await worker.room()
            return None if worker.stopping.is_set() else await worker.take()

    async def _make(self, name: str, job: Job, ticket: Ticket) -> None:
        with SetWorkflowID(name), SetEnqueueOptions(priority=HIGHEST + 1 - job.priority):
            await DBOS.enqueue_workflow_async(self._queue, ticket)


async def _at_it(store: Store) -> frozenset[str]:
    """The processes that drive runs: those of one that was killed are another's within seconds."""
    rows = await store.run_rows(DRIVEN_SEEN, Wanted("running"))
    return frozenset(process_of(row.owner) for row in rows if row.owner)
