"""The deprecated HTTP+SSE transport (MCP 2024-11-05, Transports): one stream of events on which the server says
everything, and an address, which it names first, to which each message is posted.

The SDK's own reads answers into models, which copy them and lose their text, and takes none of more than a megabyte.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urljoin

import anyio
import httpx2
import mcp_types as types
from anyio.abc import TaskStatus
from mcp.client._transport import TransportStreams, WriteStream
from mcp.shared._context_streams import ContextReceiveStream, create_context_streams
from mcp.shared._httpx_utils import request_within_origin, sse_within_origin
from mcp.shared.message import SessionMessage

from gateway.reach import origin
from gateway.upstream import wire
from gateway.upstream.outcomes import unreadable

__all__ = ["http_sse"]

_JSON = {"content-type": "application/json"}

Messages = SessionMessage | Exception


@asynccontextmanager
async def http_sse(
    url: str, client: httpx2.AsyncClient, *, ceiling: int, broken: Callable[[str], None]
) -> AsyncIterator[TransportStreams]:
    """An open transport. `ceiling` is the most bytes of one event; `broken` is told of one that is larger. Raises
    HTTPStatusError, SSEError, and RuntimeError for a server that names no address of its own.
    """
    to_us, read = create_context_streams[Messages](0)
    write, from_us = create_context_streams[SessionMessage](0)
    async with to_us, read, write, from_us, sse_within_origin(client, url, max_event_size=ceiling) as events:
        events.response.raise_for_status()
        async with anyio.create_task_group() as group:
            stream = _Stream(url, events, to_us, lambda: broken(wire.too_large(ceiling)))
            address = await group.start(stream.hear)
            group.start_soon(_post, client, address, from_us)
            try:
                yield read, write
            finally:
                group.cancel_scope.cancel()


class _Stream:
    """What the server says."""

    def __init__(
        self, url: str, events: httpx2.EventSource, to_us: WriteStream[Messages], too_large: Callable[[], None]
    ) -> None:
        self._url, self._events, self._to_us, self._too_large = url, events, to_us, too_large
        self._begun = False

    async def hear(self, *, task_status: TaskStatus[str]) -> None:
        """To its end. It has begun when the address is there."""
        try:
            async for event in self._events:
                if event.event == "endpoint" and not self._begun:
                    address = self._own(event.data)
                    self._begun = True
                    task_status.started(address)
                elif event.event == "message" and self._begun:
                    await self._say(event.data.encode(errors="replace"))
        except httpx2.SSEError:
            if not self._begun:
                raise
            self._too_large()
        finally:
            await self._to_us.aclose()
        if not self._begun:
            raise RuntimeError("the server did not say where it wants to be posted to")

    def _own(self, named: str) -> str:
        address = urljoin(self._url, named)
        if origin(address) != origin(self._url):
            raise RuntimeError("the server wants to be posted to at another origin than its own")
        return address

    async def _say(self, data: bytes) -> None:
        if (message := _read(data)) is not None:
            await self._to_us.send(SessionMessage(message))


def _read(data: bytes) -> types.JSONRPCMessage | None:
    try:
        return wire.message(data)
    except ValueError:
        return unreadable(data)


async def _post(client: httpx2.AsyncClient, address: str, from_us: ContextReceiveStream[SessionMessage]) -> None:
    """One after the other. After one that failed nothing more is sent: the transport below has said why."""
    async with from_us:
        async for item in from_us:
            body = wire.line_of(item.message)
            response = await request_within_origin(client, "POST", address, content=body, headers=_JSON)
            if response.is_error or response.is_redirect:
                return
