"""What is brought to its end also when whoever waits for it is called off meanwhile."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["shielded"]

T = TypeVar("T")


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.shield`. What goes wrong is told to whoever waits; if nobody does any more, to nobody: asyncio would
    print a traceback.
    """
    task = asyncio.ensure_future(work)
    task.add_done_callback(_heard)
    return await asyncio.shield(task)


def _heard(task: "asyncio.Task[Any]") -> None:
    if not task.cancelled():
        task.exception()
