"""A backend that is connected when it is first asked: the SDK of one that nobody asks is never loaded."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from providers import Connected, Counting, Request, StreamEvent

__all__ = ["Late"]


class Late:
    """`connect` may take a second or two; it is called once, in a thread, so that nobody else has to wait for it."""

    def __init__(self, connect: Callable[[], Connected]) -> None:
        self._connect = connect
        self._connected: Connected | None = None
        self._one_at_a_time = asyncio.Lock()

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        provider = await self._there()
        async with aclosing(provider.stream(request)) as events:
            async for event in events:
                yield event

    async def count(self, request: Request) -> int | None:
        """The tokens that a request has; None where the backend can't say."""
        provider = await self._there()
        count = getattr(provider, "count", None)
        if count is None:
            return None
        counting: Counting = provider  # type: ignore[assignment]  # it has the method: that is the protocol
        try:
            return await counting.count(request)
        except Exception:  # noqa: BLE001 - whatever it is: it could not count, and its text may hold a secret
            return None

    async def aclose(self) -> None:
        if self._connected is not None:
            await self._connected.aclose()

    async def _there(self) -> Connected:
        async with self._one_at_a_time:
            if self._connected is None:
                self._connected = await asyncio.to_thread(self._connect)
        return self._connected
