"""An event loop that looks for what comes next a little longer before it sleeps.

To fall asleep and to be woken costs more than most of what a call takes otherwise: a processor that has nothing to do
is given away (on virtual machines to the host), and comes back late and with cold caches. Of the 0.29 ms that the
gateway added to a call that was alone, that was 0.08. A server that answers at once, or a client that asks again at
once, is there within microseconds; for as long as that is so, the loop looks for `SECONDS`. Where it has been in vain
a few times it sleeps at once, as asyncio's own does, until it is woken so early again that looking would have paid: who
waits for slow servers, or for nobody, spends nothing on it. Nor does a machine with one processor, on which whoever it
waits for could not go on meanwhile; nor who waits for a thread of ours (`apart`), as with each commit that is synced.
"""

import asyncio
import os
import selectors
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple

from gateway.apart import WORKING

__all__ = ["SECONDS", "Lingering", "loop"]

SECONDS = 50e-6
MOST = 3  # times in vain, until it sleeps at once
_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")
_Found = list[tuple[selectors.SelectorKey, int]]


class Lingering(selectors.DefaultSelector):
    """`clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__()
        self._clock, self._luck = clock, MOST

    def select(self, timeout: float | None = None) -> _Found:
        """As selectors have it: what is ready, at the latest after `timeout` seconds."""
        look = super().select
        if WORKING or (timeout is not None and timeout <= 0):
            return look(timeout)
        begin, clock = self._clock(), self._clock
        if self._luck:
            until = begin + (SECONDS if timeout is None else min(timeout, SECONDS))
            while not (found := look(0)) and clock() < until:
                pass
            if found:
                self._luck = MOST
                return found
            self._luck -= 1
            return look(timeout)
        found = look(timeout)
        if found and clock() - begin < 2 * SECONDS:
            self._luck = 1
        return found


class _Loop(asyncio.SelectorEventLoop):
    """Says what of its own works in threads. The time is asked for several times a call: by nobody in between."""

    time = staticmethod(time.monotonic)

    def run_in_executor(self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts) -> asyncio.Future[_T]:
        future = super().run_in_executor(executor, func, *args)
        WORKING.add(future)
        future.add_done_callback(WORKING.discard)
        return future


def loop() -> asyncio.AbstractEventLoop:
    """A new event loop; on one processor it sleeps at once."""
    return _Loop(Lingering() if _processors() > 1 else None)


def _processors() -> int:
    """On which this process may run."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
