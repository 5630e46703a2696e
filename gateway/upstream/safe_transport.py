"""What stands between the SDK's HTTP client and the network, so that one failed request fails alone.

An exception that leaves a POST tears down the SDK's whole client with every call in flight (python-sdk #3560, #915).
Here it becomes a JSON-RPC error in answer to that one POST, marked with the fate of its request.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import cast

import httpx2
import mcp_types as types

from gateway.upstream import wire
from gateway.upstream.http1 import REST
from gateway.upstream.meter import STREAM, Meter
from gateway.upstream.outcomes import of_status, transport_error
from gateway.upstream.redirects import MOST_HOPS, elsewhere, followed, is_redirect
from gateway.upstream.statuses import answered

__all__ = ["CUT", "LIMITS", "UNUSABLE_SESSION", "SafeTransport"]

ERROR_BODY = 256 * 1024  # bytes of an error's body that are read in search of a JSON-RPC error
LISTEN_SILENCE = 300.0  # seconds: a subscription that says nothing for longer is opened again
NOTIFICATION_PATIENCE = 5.0  # seconds
STREAM_PATIENCE = 1.0  # seconds for the stream of a session to open: some servers say nothing before there is news
CUT = "toolgate.cut"  # an extension of a response whose body ended at the ceiling
UNUSABLE_SESSION = "the id that it gives to the session (`mcp-session-id`) holds more than visible ASCII characters"
_SESSION = "mcp-session-id"
_UNKNOWN = (401, 403, 404)  # whoever posts, or the session in his address

_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)
LIMITS = httpx2.Limits(max_connections=1024, max_keepalive_connections=64, keepalive_expiry=REST)


class SafeTransport(httpx2.AsyncBaseTransport):
    """Wraps the real transport. `broken` is called with the reason when the server is not there, or not as it was.

    A request that fails in another way says nothing about the others, so it is only answered. With `one_stream`, as
    over HTTP+SSE, the connection is nothing without that, and over when the server does not know any more who posts.
    """

    def __init__(
        self,
        broken: Callable[[str], None],
        *,
        inner: httpx2.AsyncBaseTransport | None = None,
        ceiling: int = wire.MAX_MESSAGE,
        one_stream: bool = False,
    ) -> None:
        self._inner = inner or httpx2.AsyncHTTPTransport(limits=LIMITS)
        self._broken = broken
        self._ceiling = ceiling
        self._one_stream = one_stream
        self._in_session, self._heard = False, asyncio.Event()  # ... what came of the first GET
        self.reached: str | None = None  # the address to which redirects led a POST, the last time that they did

    async def stream_opened(self) -> None:
        """Waits a little for the stream on which a server of the older era says what belongs to no request, questions
        among it: without one they are lost. Returns at once where there is no session, and so no stream.
        """
        if self._in_session:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), STREAM_PATIENCE)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        response = await self._handled(request)
        if not _is_known_session(response):
            await response.aclose()
            response = _json_rpc(request, transport_error("refused", UNUSABLE_SESSION))
        self._in_session = self._in_session or _SESSION in response.headers
        if request.method == "GET":
            self._heard.set()
        return response

    async def _handled(self, request: httpx2.Request) -> httpx2.Response:
        timeouts = dict(request.extensions.get("timeout") or {})
        request.extensions["timeout"] = timeouts | {"read": _read_timeout(request)}
        try:
            response = await self._followed(request)
        except httpx2.TransportError as error:
            return self._failed(request, error)
        if is_redirect(response):
            return await self._elsewhere(request, response)
        if request.method == "POST" and response.status_code >= 400:
            return await self._explained(request, response)
        streamed = response.headers.get("content-type", "").startswith("text/event-stream")
        response.stream = _SafeStream(response, None if streamed else self._ceiling)
        return response

    async def _followed(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, from where the server redirects to. A redirect that is not followed is the answer."""
        response = await self._inner.handle_async_request(request)
        for _ in range(MOST_HOPS):
            again = followed(request, response) if is_redirect(response) else None
            if again is None:
                break
            await _read(response)  # its connection is used again
            request, response = again, await self._inner.handle_async_request(again)
            if request.method == "POST":
                self.reached = str(request.url)
        return response

    async def _elsewhere(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        await response.aclose()
        why = elsewhere(request, response)
        if self._one_stream:
            self._broken(why)
        if request.method != "POST":
            return httpx2.Response(503, request=request)
        return _json_rpc(request, transport_error("refused", why, code=response.status_code))

    def _failed(self, request: httpx2.Request, error: httpx2.TransportError) -> httpx2.Response:
        why = str(error).rstrip(".") or type(error).__name__
        unsent = isinstance(error, _UNSENT)
        if unsent or (self._one_stream and request.method != "POST"):
            self._broken(why)
        if request.method != "POST":
            return httpx2.Response(503, request=request)
        return _json_rpc(request, transport_error("unsent" if unsent else "in_doubt", why))

    async def _explained(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        """An HTTP error as a JSON-RPC error: the server's own if it sent one, else what the status means."""
        body = await _read(response)
        if response.status_code == 404 and _SESSION in request.headers:
            return _json_rpc(request, transport_error("session_lost", "the server has forgotten the session"))
        if self._one_stream and response.status_code in _UNKNOWN:
            self._broken(answered(response.status_code))
        if _is_error(body):
            headers = {"content-type": "application/json"}
            return httpx2.Response(response.status_code, headers=headers, content=body, request=request)
        return _json_rpc(request, of_status(response.status_code))

    async def aclose(self) -> None:
        await self._inner.aclose()


def _is_known_session(response: httpx2.Response) -> bool:
    """Whether the id that it may give to a session can be sent back (MCP, Transports: visible ASCII characters)."""
    given = response.headers.get(_SESSION, "")
    return given.isascii() and given.isprintable()


def _read_timeout(request: httpx2.Request) -> float | None:
    """Calls have deadlines of their own. A silent subscription has to be noticed; and a notification that the server
    does not take would hold up everything behind it, because the SDK waits for its answer in line.
    """
    if request.headers.get("mcp-method") == "subscriptions/listen":
        return LISTEN_SILENCE
    notifies = request.method == "POST" and b'"method":"notifications/' in request.content[:64]
    return NOTIFICATION_PATIENCE if notifies else None


def _is_error(body: bytes) -> bool:
    try:
        return isinstance(types.jsonrpc_message_adapter.validate_json(body, by_name=False), types.JSONRPCError)
    except ValueError:
        return False


def _stream(response: httpx2.Response) -> httpx2.AsyncByteStream:
    return cast("httpx2.AsyncByteStream", response.stream)  # an async transport has no other


async def _read(response: httpx2.Response) -> bytes:
    body = b""
    try:
        async for piece in _stream(response):
            body += piece
            if len(body) > ERROR_BODY:
                break
    except httpx2.TransportError:
        return b""
    finally:
        await response.aclose()
    return body


def _json_rpc(request: httpx2.Request, error: types.ErrorData) -> httpx2.Response:
    body = {"jsonrpc": "2.0", "id": None, "error": error.model_dump(exclude_none=True)}
    return httpx2.Response(502, headers={"content-type": "application/json"}, content=wire.dump(body), request=request)


def _events(piece: bytes) -> int:
    """How many begin in it: each has a line of data, usually. JSON has no lines of its own."""
    return piece.count(b"\ndata:") + piece.startswith(b"data:")


class _SafeStream(httpx2.AsyncByteStream):
    """A body that ends where the network or the ceiling ends it; the SDK then reports an answer that can't be read.

    Without a ceiling it is a stream of events, which is read at the pace at which they can be heard.
    """

    def __init__(self, response: httpx2.Response, ceiling: int | None) -> None:
        self._inner, self._extensions = _stream(response), response.extensions
        self._left = ceiling
        self._meter = Meter(STREAM)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._inner:
                if self._left is not None:
                    self._left -= len(piece)
                    if self._left < 0:
                        self._extensions[CUT] = True
                        return
                elif late := self._meter.late(_events(piece), asyncio.get_running_loop().time()):
                    await asyncio.sleep(late)
                yield piece
        except httpx2.TransportError:
            return

    async def aclose(self) -> None:
        with contextlib.suppress(httpx2.TransportError):
            await self._inner.aclose()
