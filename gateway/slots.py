"""How many may be at something at once; the others wait in turn.

`asyncio.Semaphore`, but that whoever need not wait costs no coroutine: nearly everybody need not.
"""

import asyncio
from collections import deque

__all__ = ["Slots"]


class Slots:
    """`take()`, or else `await wait()` or `given()`; then `give()` it back. On one event loop."""

    def __init__(self, number: int) -> None:
        self._free = number
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Whether one was free: it is taken then."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Until somebody gives his to us."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # it was given to us in this moment
                self.give()
            elif turn in self._waiting:  # else it has been passed over in this moment
                self._waiting.remove(turn)
            raise

    async def given(self, until: float) -> bool:
        """The same, until this moment of the loop's clock at the latest: whether it was in time."""
        try:
            async with asyncio.timeout_at(until):
                await self.wait()
        except TimeoutError:
            return False
        if asyncio.get_running_loop().time() < until:
            return True
        self.give()  # the loop was late
        return False

    def give(self) -> None:
        """To the one who has waited longest; it is free if nobody waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
