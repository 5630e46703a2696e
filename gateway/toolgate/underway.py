"""The runs that are under way in a gate: its end stops them first, and each caller gets the run."""

import asyncio
import contextlib
from collections.abc import Iterator

__all__ = ["Underway"]


class Underway:
    """Of one gate, whoever's name it goes by."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[object], asyncio.Event] = {}
        self._driving: set[asyncio.Task[object]] = set()
        self._stopped: set[asyncio.Task[object]] = set()
        self._ended = False

    @property
    def is_ended(self) -> bool:
        """Whether the gate is closed, or about to be: nothing begins in it any more."""
        return self._ended

    @contextlib.contextmanager
    def one(self) -> Iterator[None]:
        """Within it, this task sees to a run: the gate is not closed before."""
        task, gone = _this_task(), asyncio.Event()
        self._tasks[task] = gone
        try:
            yield
        finally:
            del self._tasks[task]
            gone.set()

    @contextlib.contextmanager
    def driving(self) -> Iterator[None]:
        """Within it, this task may be stopped."""
        self._driving.add(_this_task())
        try:
            yield
        finally:
            self._driving.discard(_this_task())

    def is_stopped(self) -> bool:
        """Whether this task was cancelled by the end of its gate, and by nobody else: then it goes on."""
        task = _this_task()
        if task not in self._stopped:
            return False
        self._stopped.discard(task)
        return task.uncancel() == 0

    async def stop(self) -> None:
        """Stops all that is driven, and waits until nobody sees to any run."""
        self._ended = True
        self._stopped |= self._driving
        for task in self._driving:
            task.cancel()
        for gone in (*self._tasks.values(),):
            await gone.wait()


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - whoever awaits is in one
    return task
