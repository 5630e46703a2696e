"""The deprecated HTTP+SSE transport (MCP 2024-11-05, Transports): one stream of events on which the server says
everything, and an address, which it names first, to which each message is posted.

The SDK's own reads answers into models, which copy them and lose their text, and takes none of more than a megabyte;
and it posts one message after the other, while there are servers that answer a POST only when they have done with it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import cast
from urllib.parse import urljoin

import anyio
import anyio.lowlevel
import httpx2
import mcp_types as types
from anyio.abc import ObjectSendStream, TaskGroup, TaskStatus
from mcp.client._transport import ReadStream, WriteStream
from mcp.shared._context_streams import create_context_streams
from mcp.shared._httpx_utils import sse_within_origin
from mcp.shared.message import ServerMessageMetadata, SessionMessage

from gateway.reach import origin
from gateway.upstream import wire
from gateway.upstream.outcomes import of_status, unreadable
from gateway.upstream.streams import Exchange

__all__ = ["MOST", "MOST_BESIDE", "Posts", "http_sse"]

MOST = 128  # requests that a server may keep at once, each until it has done what it says
MOST_BESIDE = 32  # ... and of what does not wait behind them: answers, notifications, `ping`
CALLED_OFF = 0.5  # seconds for a POST to be answered before its request is cancelled: by then the server has read it
MOST_ANSWERS = 1000  # that wait, to a server that asks and does not take them; it gets no more of them
_TAKEN = 65536  # bytes of what it says to a POST that it took: nobody reads them
_INITIALIZED, _CANCELLED = "notifications/initialized", "notifications/cancelled"
_JSON = {"content-type": "application/json"}

Messages = SessionMessage | Exception


@asynccontextmanager
async def http_sse(
    url: str, client: httpx2.AsyncClient, *, ceiling: int, broken: Callable[[str], None]
) -> AsyncIterator[tuple[ReadStream[Messages], "Posts"]]:
    """An open transport. `ceiling` is the most bytes of one event; `broken` is told of one that is larger. Raises
    HTTPStatusError, SSEError, and RuntimeError for a server that names no address of its own.
    """
    to_us, read = create_context_streams[Messages](0)
    async with to_us, read, sse_within_origin(client, url, max_event_size=ceiling) as events:
        events.response.raise_for_status()
        async with anyio.create_task_group() as group:
            stream = _Stream(url, events, to_us, lambda: broken(wire.too_large(ceiling)))
            address = await group.start(stream.hear)
            try:
                async with Posts(client, address, group, to_us) as write:
                    stream.ended = write.close
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
        self.ended: Callable[[], None] = lambda: None

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
            self.ended()
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


class _Lane:
    """Messages that are posted side by side, so many at once, and begun in order: when the one before has left."""

    def __init__(self, most: int) -> None:
        self.room, self.turn = asyncio.Semaphore(most), asyncio.Lock()
        self.afoot = 0


class _Post(httpx2.AsyncByteStream):
    """One message, and the body of its request: it has `begun` when that is asked for, and `left` when it was taken."""

    def __init__(self, message: types.JSONRPCMessage, lane: _Lane) -> None:
        self.message, self.lane = message, lane
        self.line = wire.line_of(message)
        self.scope = anyio.CancelScope()
        self.begun, self.settled = False, False
        self.left, self.over = asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await anyio.lowlevel.checkpoint_if_cancelled()  # who gave it up was told that it was not sent
        self.begun = True
        yield self.line
        self._leave()

    async def go(self, way: Callable[[], Awaitable[None]]) -> None:
        """This way when it is its turn, and to the end, which may be that it is called off."""
        try:
            with self.scope:
                async with self.lane.room:
                    await self.lane.turn.acquire()
                    try:
                        await way()
                    finally:
                        self._leave()
        finally:
            self.left.set()
            self.over.set()

    def _leave(self) -> None:
        if not self.left.is_set():
            self.left.set()
            self.lane.turn.release()


class Posts(ObjectSendStream[SessionMessage]):
    """What the server is told. What comes of a POST says something about its own message alone: who waits for an answer
    to that gets it as one. `unsent` is called with a request that was given up before the server had any of it.
    """

    def __init__(
        self, client: httpx2.AsyncClient, address: str, group: TaskGroup, to_us: WriteStream[Messages]
    ) -> None:
        self._client, self._address = client, address
        self._group, self._to_us = group, to_us
        self._requests, self._beside = _Lane(MOST), _Lane(MOST_BESIDE)
        self._open: dict[types.RequestId, _Post] = {}
        self._withheld: set[types.RequestId] = set()  # they were not sent, so there is nothing to cancel
        self._closed = False
        self.unsent: Callable[[types.RequestId], None] = lambda _: None

    def tell(self, exchange: Exchange) -> None:
        """What the server was not told after all, and what it may not have read yet, is noted there."""
        self.unsent = exchange.over
        exchange.unread = lambda: self._beside.afoot > 0 or any(one not in exchange.frozen for one in self._open)

    def close(self) -> None:
        """No more is begun."""
        self._closed = True
        for post in self._open.values():
            if not post.begun:
                post.scope.cancel()

    async def aclose(self) -> None:
        self.close()

    async def send(self, item: SessionMessage, /) -> None:
        """Returns when it has left; what tells the server that it may begin has then been taken. Raises
        BrokenResourceError when there is nobody to tell; nothing was sent then.
        """
        if self._closed:
            raise anyio.BrokenResourceError
        method = getattr(item.message, "method", "")
        if method == _CANCELLED:
            self._call_off(item.message)
            return
        if not method and self._beside.afoot >= MOST_ANSWERS:
            return
        beside = method == "ping" or not isinstance(item.message, types.JSONRPCRequest)
        post = self._begin(item.message, self._beside if beside else self._requests)
        try:
            await (post.over if method == _INITIALIZED else post.left).wait()
        except asyncio.CancelledError:
            self._withhold(post)
            raise
        if not post.begun and not post.settled:
            raise anyio.BrokenResourceError

    def _begin(self, message: types.JSONRPCMessage, lane: _Lane, after: _Post | None = None) -> _Post:
        post = _Post(message, lane)
        lane.afoot += 1
        if isinstance(message, types.JSONRPCRequest):
            self._open[message.id] = post
        self._group.start_soon(self._post, post, after)
        return post

    def _withhold(self, post: _Post) -> None:
        """It was given up. If nothing has been sent of it, nothing will be."""
        if post.begun:
            return
        post.scope.cancel()
        if isinstance(post.message, types.JSONRPCRequest):
            self._withheld.add(post.message.id)
            self.unsent(post.message.id)

    def _call_off(self, message: types.JSONRPCMessage) -> None:
        """Nobody waits any more: neither for what the server says to the POST of that request, nor for this to leave.
        It is a courtesy, and left out where the server takes nothing.
        """
        request_id = cast("types.RequestId", (getattr(message, "params", None) or {}).get("requestId"))
        post = self._open.get(request_id)
        if request_id in self._withheld:
            self._withheld.discard(request_id)
        elif self._beside.afoot < MOST_BESIDE:
            self._begin(message, self._beside, post)
        elif post is not None:
            post.scope.cancel()

    async def _post(self, post: _Post, after: _Post | None) -> None:
        """Or what comes of it; `after` is what it calls off."""
        try:
            if after is not None:
                with anyio.move_on_after(CALLED_OFF):
                    await after.over.wait()
                after.scope.cancel()
            await post.go(partial(self._send, post))
        finally:
            post.lane.afoot -= 1
            if isinstance(post.message, types.JSONRPCRequest):
                self._open.pop(post.message.id, None)

    async def _send(self, post: _Post) -> None:
        request = self._client.build_request("POST", self._address, content=post.line, headers=_JSON)
        request.stream = post
        response = await self._client.send(request, stream=True, follow_redirects=False)
        post.settled = True
        try:
            if response.is_success:
                await _drained(response)
            elif isinstance(post.message, types.JSONRPCRequest):
                await self._fail(post.message.id, response.status_code, await response.aread())
        finally:
            await response.aclose()

    async def _fail(self, request_id: types.RequestId, status: int, body: bytes) -> None:
        answer = SessionMessage(_refusal(request_id, status, body), ServerMessageMetadata(request_id))
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the stream has ended
            await self._to_us.send(answer)


async def _drained(response: httpx2.Response) -> None:
    """So that its connection is used again."""
    size = 0
    with suppress(httpx2.StreamError):
        async for piece in response.aiter_raw():
            size += len(piece)
            if size > _TAKEN:
                return


def _refusal(request_id: types.RequestId, status: int, body: bytes) -> types.JSONRPCError:
    """What is said of this request there, or what the status means."""
    with suppress(ValueError):
        said = wire.message(body, request_id)
        if isinstance(said, types.JSONRPCError) and said.id == request_id:
            return said
    return types.JSONRPCError(jsonrpc="2.0", id=request_id, error=of_status(status))
