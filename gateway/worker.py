"""A worker takes up runs that were submitted and drives them, several at once. Start as many as you like, anywhere.

What makes that safe is in the store: a run is claimed by one, with a lease that he renews (`gateway.store.lease`), and
whoever lost it can record nothing more. A worker that is told to stop takes nothing more, and lets each run come to its
next safe point, between two steps, where the next worker takes it up; one that is killed leaves its runs to others.

When everybody was cut off from the store, or asleep, all leases are over though nobody has died. So a worker takes over
a run only because its lease is over when he himself has been well for `CALM` seconds, in which every driver that lives
has had the time for a beat.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.engine import Engine
from gateway.errors import ConfigError, LeaseLost, NotItsTurn, StoreError, ToolgateError, Unreadable
from gateway.job import LONGEST_PAUSE, UNREADABLE_PAUSE, Slots
from gateway.loop import Loop
from gateway.run import Run
from gateway.shielded import shielded
from gateway.store import Claim, Lease, Store
from gateway.store.lease import LEASE_SECONDS, is_dead, owner_name

__all__ = ["Calm", "Outcome", "Terms", "Worker"]

CALM = LEASE_SECONDS / 3 + 1.0
GAP = 2.5  # seconds between two pulses, from which on something was not well
PULSE = 1.0
EXPIRE = 5.0  # seconds between two looks for questions that nobody answered in time

log = logging.getLogger("toolgate.worker")


@dataclass(frozen=True, slots=True)
class Terms:
    """How a worker works: how many runs at once, in how many of each kind over all workers, of which agents (None: of
    all), and how many seconds its calls have when it is to stop. `until_idle`: it stops when there is nothing to do,
    or after `most` runs.
    """

    concurrency: int = 4
    slots: Slots = field(default_factory=Slots)
    agents: frozenset[str] | None = None
    grace: float = 30.0
    until_idle: bool = False
    most: int | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run that a worker has let go of: as it was then, or the error for which it is put off."""

    run_id: str
    run: Run | None = None
    error: Exception | None = None


class Calm:
    """Whether this process has been awake, and the store there, for a while. `clock` is in seconds since 1970: while a
    machine sleeps, it goes on.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._since = self._last = clock()

    def beat(self) -> None:
        """All is well now."""
        now = self._clock()
        if not 0 <= now - self._last <= GAP:
            self._since = now
        self._last = now

    @property
    def holds(self) -> bool:
        now = self._clock()
        return 0 <= now - self._last <= GAP and now - self._since >= CALM


class Worker:
    """One worker: `gateway.engine.Hands` for an engine, and `run` for who starts it."""

    def __init__(
        self,
        store: Store,
        loop: Loop,
        terms: Terms,
        told: Callable[[Outcome], None] | None = None,
        calm: Calm | None = None,
    ) -> None:
        """`told` hears of each run that it lets go of."""
        self.store, self.stopping = store, asyncio.Event()
        self._loop, self._terms, self._calm = loop, terms, calm or Calm()
        self._told = told or (lambda _outcome: None)
        self._drives: set[asyncio.Task[None]] = set()
        self._moved = asyncio.Event()  # something has changed of what `room` waits for
        self._draining, self._hurry = asyncio.Event(), asyncio.Event()
        self._taken = 0

    @property
    def concurrency(self) -> int:
        return self._terms.concurrency

    @property
    def idle(self) -> bool:
        return not self._drives

    async def run(self, engine: Engine) -> None:
        """Until `stop`, and until it has let go of all that it drives."""
        pulse = asyncio.create_task(self._pulse(), name="toolgate.pulse")
        try:
            await engine.serve(self)
            await self._let_go()
        finally:
            pulse.cancel()
            for drive in self._drives:
                drive.cancel()
            await asyncio.gather(pulse, *self._drives, return_exceptions=True)

    def stop(self) -> None:
        """Takes nothing more, and lets its runs come to a safe point; the second time, it waits for none of them."""
        if self._draining.is_set():
            self._hurry.set()
        self._draining.set()
        self.stopping.set()
        self._moved.set()

    # ---- as an engine sees it

    @property
    def free(self) -> int:
        return max(0, self._terms.concurrency - len(self._drives))

    async def room(self) -> None:
        while not self.stopping.is_set() and not self.free:
            self._moved.clear()
            await self._moved.wait()

    @property
    def wish(self) -> Claim:
        terms = self._terms
        return Claim(owner_name(), LEASE_SECONDS, terms.slots, terms.agents, is_dead, self._calm.holds)

    async def take(self) -> "asyncio.Task[None] | None":
        lease = await self.store.claim(self.wish)
        if lease is None:
            return None
        drive = asyncio.create_task(self._drive(lease), name=f"toolgate.drive.{lease.run_id}")
        self._drives.add(drive)
        drive.add_done_callback(self._done)
        self._taken += 1
        if self._taken == self._terms.most:
            self.stopping.set()
        return drive

    def spare(self) -> None:
        if self._terms.until_idle and self.idle:
            self.stop()

    # ---- one run

    def _done(self, drive: "asyncio.Task[None]") -> None:
        self._drives.discard(drive)
        self._moved.set()

    async def _drive(self, lease: Lease) -> None:
        run, seen, until = None, 0, None
        try:
            run = await self._loop.work(lease, self._draining)
            seen, until = run.seq, run.wakes if run.status == "waiting" else None
            self._told(Outcome(lease.run_id, run))
        except LeaseLost:
            log.warning("run %s goes on elsewhere: this worker was not heard of for too long", lease.run_id)
            return
        except NotItsTurn:  # a run of the same session is before it: it is looked at again in a while
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, others must be able to try
            await self._put_off(lease, error)
            return
        finally:  # also when it was cancelled: then nothing of it was seen, and the next worker goes on
            if run is None or run.status not in ("succeeded", "failed"):  # who ends a run has let go of it with that
                with contextlib.suppress(StoreError):  # then the lease runs out
                    await shielded(self.store.lay_down(lease, seen, until))

    async def _put_off(self, lease: Lease, error: Exception) -> None:
        self._told(Outcome(lease.run_id, error=error))
        where = "; another worker may be able to" if isinstance(error, ConfigError) else ""
        if isinstance(error, ToolgateError):
            log.error("run %s can't go on here, and is tried again later%s: %s", lease.run_id, where, error)
        else:
            log.error("run %s broke, and is tried again later", lease.run_id, exc_info=error)
        with contextlib.suppress(StoreError):
            await self.store.put_off(lease, UNREADABLE_PAUSE if isinstance(error, Unreadable) else LONGEST_PAUSE)

    # ---- all the while

    async def _pulse(self) -> None:
        """The store is there, and this process is awake; and questions that nobody answers are over in time."""
        expired, told = 0.0, ""
        while True:
            try:
                await self.store.version()
                self._calm.beat()
                if time.monotonic() - expired >= EXPIRE:
                    expired = time.monotonic()
                    await self.store.expire()
            except StoreError:  # whoever has something to record tells of it
                pass
            except Exception as error:
                if told != (told := repr(error)):
                    log.exception("the worker's pulse missed a beat")
            await asyncio.sleep(PULSE)

    async def _let_go(self) -> None:
        """Waits for what is under way: to its end, or when it is to stop to the next safe point, if that comes soon."""
        await self._until(self._draining)
        await self._until(self._hurry, self._terms.grace)

    async def _until(self, event: asyncio.Event, seconds: float | None = None) -> None:
        """Returns when nothing is under way, or this has happened, or after so many seconds."""
        happened = asyncio.create_task(event.wait())
        all_of_them = asyncio.create_task(asyncio.wait(set(self._drives))) if self._drives else happened
        try:
            if self._drives:
                await asyncio.wait({happened, all_of_them}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            happened.cancel()
            all_of_them.cancel()
