"""What others say about a run while a step of it is under way: one that is cancelled, or paused at once, does not wait
for the answer of a slow tool or model.

People say so in any process: they record it, and whoever drives the run finds it there. The store is asked now and then
whether anything was written at all, and the run's events are only looked at when something was. The calls of a client
have no driver who looks out for them: they are left in the same way when somebody ends its run (`Leaving`).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from typing import Any, TypeVar

from gateway.errors import IllegalEvent, StoreError, Unreadable
from gateway.events import Cancelled, Event, Paused, Recorded
from gateway.store import Store

__all__ = ["EVERY", "Halting", "Leaving", "Lookout", "halts", "side_by_side", "slept"]

T = TypeVar("T")

EVERY = 0.25  # seconds from one look to the next


def halts(event: Event) -> bool:
    """Whether a step that is under way may not go on to its end."""
    return isinstance(event, Cancelled) or (isinstance(event, Paused) and event.at_once)


class Halting:
    """One drive's: `driver` is the task that drives, until his time is `over`, if it ever is."""

    def __init__(
        self, store: Store, run_id: str, driver: "asyncio.Task[Any]", over: asyncio.Event | None = None
    ) -> None:
        self._store, self._run_id, self._driver, self._over = store, run_id, driver, over
        self._rests = 0.0  # until when the model is left alone, by the loop's clock
        self._seen: int | None = None  # the last event that the step under way knew of, if one is
        self._halted = False
        self._version: int | None = None  # of the store, at the last look

    async def through(self, step: Awaitable[None], seen: int) -> bool:
        """Takes a step, which knows of the events up to `seen`; says whether to its end. It is left in the middle when
        the run halts: what was under way is recorded by whoever was at it, as when the driver is cancelled.
        """
        self._seen, self._halted, self._rests = seen, False, 0.0
        try:
            await step
        except asyncio.CancelledError:
            if not self._halted or self._driver.cancelling() > 1:  # by somebody else, too
                raise
        finally:
            self._seen = None
            if self._halted:
                self._driver.uncancel()
        return not self._halted

    async def look(self, version: int) -> None:
        """At what was written, if this is another version of the store than at the last look."""
        if version != self._version and self._seen is not None:
            self._heed(await self._store.events(self._run_id, self._seen))
            self._version = version

    def rests(self, seconds: float) -> None:
        """From now on the model is left alone for so long, and nothing else is under way."""
        self._rests = asyncio.get_running_loop().time() + seconds

    def hand_over(self) -> None:
        """A driver whose time is over waits for nobody who is only left alone."""
        if self._over is not None and self._over.is_set() and asyncio.get_running_loop().time() < self._rests:
            self._halt()

    def _halt(self) -> None:
        if self._seen is not None and not self._halted:
            self._halted = True
            self._driver.cancel()

    def _heed(self, fresh: Sequence[Recorded]) -> None:
        """Another step than the one that was looked for may be under way by now: it knew of more."""
        seen = self._seen
        if seen is not None and any(halts(recorded.event) for recorded in fresh if recorded.seq > seen):
            self._halt()


class Lookout:
    """Looks at a store for all that are driven by one loop: what it costs does not grow with how many wait for a model,
    as long as nobody writes.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._driven: set[Halting] = set()
        self._looking: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def watched(self, run_id: str, over: asyncio.Event | None = None) -> AsyncIterator[Halting]:
        """It looks out for what halts this run, as long as the current task drives it: until his time is `over`."""
        driver = asyncio.current_task()
        assert driver is not None  # noqa: S101 - this runs in one
        halting = Halting(self._store, run_id, driver, over)
        self._driven.add(halting)
        self._looking = self._looking or asyncio.create_task(self._look(), name="toolgate.lookout")
        try:
            yield halting
        finally:
            self._driven.discard(halting)
            if not self._driven:
                await self._stop()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            for halting in tuple(self._driven):
                halting.hand_over()
            with contextlib.suppress(StoreError):  # whoever takes the step finds out what is wrong
                version = await self._store.version()
                for halting in tuple(self._driven):
                    with contextlib.suppress(Unreadable):
                        await halting.look(version)

    async def _stop(self) -> None:
        looking, self._looking = self._looking, None
        if looking is not None:
            looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await looking


class Leaving:
    """Calls of clients, each in a task of its own: they are left when somebody ends their run, as when a client calls
    one off.

    A quick call costs an entry in a dictionary: only where one is under way when it is time to look is the store asked.
    """

    def __init__(self) -> None:
        self._under_way: dict[asyncio.Task[Any], str] = {}
        self._left: set[asyncio.Task[Any]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._looking: asyncio.Task[None] | None = None

    def begin(self, run_id: str, store: Store) -> "asyncio.Task[Any]":
        """A call of this run is made by the current task, until `end`."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this runs in one
        self._under_way[task] = run_id
        if self._timer is None:
            self._timer = task.get_loop().call_later(EVERY, self._due, store)
        return task

    def end(self, task: "asyncio.Task[Any]") -> bool:
        """Says whether it was left because its run was ended, and for no other reason: then the task goes on."""
        del self._under_way[task]
        if task not in self._left:
            return False
        self._left.discard(task)
        return task.uncancel() == 0

    def _due(self, store: Store) -> None:
        self._timer = None
        if self._under_way:
            self._timer = asyncio.get_running_loop().call_later(EVERY, self._due, store)
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look(store), name="toolgate.leaving")

    async def _look(self, store: Store) -> None:
        with contextlib.suppress(StoreError):  # whoever records the call finds out what is wrong
            stopped = await store.stopped()
            for task in [task for task, run_id in self._under_way.items() if run_id in stopped]:
                if task not in self._left:
                    self._left.add(task)
                    task.cancel()


async def slept(seconds: float, over: asyncio.Event | None) -> bool:
    """Whether so many seconds went by: not where the driver's time was `over` before."""
    if over is None or seconds <= 0:
        await asyncio.sleep(seconds)
        return True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await over.wait()
            return False
    return True


async def side_by_side(calls: Sequence[Coroutine[Any, Any, T]]) -> Sequence[T]:
    """What comes of each. What breaks in one (the store, the lease) stops all, and comes out as itself. But where one
    may not be made any more, because the run was stopped, those under way come to their end before that is raised.
    """
    if len(calls) == 1:
        return [await calls[0]]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_made(call)) for call in calls]
    except* Exception as broken:  # noqa: BLE001 - it is raised again, without its group
        raise _first(broken) from None
    ended = [task.result() for task in tasks]
    illegal = [end for end in ended if isinstance(end, IllegalEvent)]
    if illegal:
        raise illegal[0]
    return [end for end in ended if not isinstance(end, IllegalEvent)]


async def _made(call: Awaitable[T]) -> T | IllegalEvent:
    """What came of it; or what the run does not let follow any more."""
    try:
        return await call
    except IllegalEvent as error:
        return error


def _first(broken: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = broken
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
