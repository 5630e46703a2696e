"""The fast lane: one POST a request over pooled keep-alive HTTP/1.1 connections, with bytes that are ours to the last.

The SDK's HTTP client costs about 0.95 ms of CPU a call, this about a twentieth of it. It knows, for each
request, whether a byte of it was written: `Unsent` before that, `InDoubt` after. Nothing is ever sent twice. Giving up
(timeout, cancellation) closes the connection, which is how MCP 2026-07-28 cancels a request over HTTP.
"""

import asyncio
import base64
import contextlib
import select
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2

from gateway.call import InDoubt, Unsent
from gateway.upstream import wire
from gateway.upstream.http1 import BadResponse, Head, header_lines, parse_head, request_line
from gateway.upstream.outcomes import of_status
from gateway.upstream.spec import Http
from gateway.upstream.sse import EventData

__all__ = ["Pool", "Replied"]

MAX_CONNECTIONS = 256
MAX_IDLE = 64
BUFFER = 1024 * 1024  # bytes read ahead of us; also the longest head and the longest line of a chunk's size
LINGER = 1.0  # seconds for an event stream to end after its answer, so that its connection can be used again

_FIXED = (("accept", "application/json, text/event-stream"), ("content-type", "application/json"))


@dataclass(frozen=True, slots=True)
class Replied:
    """The JSON-RPC response to a request, parsed; it may be an error."""

    message: Any


class _TooLargeError(Exception):
    """An answer beyond the ceiling."""


@dataclass(slots=True, eq=False)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def usable(self) -> bool:
        """Whether nothing was heard of it since it was put aside: an idle connection that is readable was closed."""
        if self.reader.at_eof() or self.writer.is_closing():
            return False
        poll = select.poll()
        poll.register(self.writer.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    def drop(self) -> None:
        self.writer.transport.abort()


@dataclass(slots=True)
class _Progress:
    """How far a request came: what a failure means depends on it."""

    written: bool = False
    reusable: bool = False
    rest: AsyncIterator[bytes] | None = field(default=None)


class Pool:
    """Connections to one MCP endpoint. `ceiling` is the most bytes of one answer."""

    def __init__(self, http: Http, *, connect_timeout: float, ceiling: int = wire.MAX_MESSAGE) -> None:
        parts = urlsplit(http.url)
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = httpx2.create_ssl_context() if parts.scheme == "https" else None
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        given = {name.lower() for name in http.headers}
        fixed = (("host", parts.netloc.rpartition("@")[2]), *_FIXED, *_basic(parts.username, parts.password))
        self._headers = (*(item for item in fixed if item[0] not in given), *http.headers.items())
        self._common: bytes | None = None
        self._connect_timeout = connect_timeout
        self._ceiling = ceiling
        self._idle: list[_Connection] = []
        self._slots = asyncio.Semaphore(MAX_CONNECTIONS)
        self._lingering: set[asyncio.Task[None]] = set()
        self._closed = False

    async def post(
        self, request_id: int, body: bytes, headers: Mapping[str, str], *, timeout: float
    ) -> Replied | Unsent | InDoubt:
        """Sends one request and waits for its answer, at most `timeout` seconds in all."""
        progress = _Progress()
        try:
            request = self._head() + header_lines(headers.items()) + b"content-length: %d\r\n\r\n%s" % (len(body), body)
            async with asyncio.timeout(timeout), self._slots:
                return await self._exchange(request_id, request, progress)
        except TimeoutError:
            return _failed(progress, f"no {'answer' if progress.written else 'connection'} within {timeout:.3g} s")
        except asyncio.IncompleteReadError:
            return _failed(progress, "the server closed the connection before it answered")
        except asyncio.LimitOverrunError:
            return _failed(progress, "the answer's headers are too long")
        except _TooLargeError:
            return _failed(progress, f"the answer is larger than {self._ceiling} bytes")
        except (OSError, ValueError) as error:  # an SSLError is an OSError, BadResponse a ValueError
            return _failed(progress, str(error) or type(error).__name__)

    def _head(self) -> bytes:
        """The lines that all requests have in common. Raises ValueError for what HTTP does not allow."""
        if self._common is None:
            self._common = request_line(self._target) + header_lines(self._headers)
        return self._common

    async def _exchange(self, request_id: int, request: bytes, progress: _Progress) -> Replied:
        connection = await self._connection()
        try:
            progress.written = True
            connection.writer.write(request)
            await connection.writer.drain()
            message = await self._answer(connection.reader, request_id, progress)
        finally:
            self._put_aside(connection, progress)
        return Replied(message)

    async def _connection(self) -> _Connection:
        while self._idle:
            connection = self._idle.pop()
            if connection.usable():
                return connection
            connection.drop()
        async with asyncio.timeout(self._connect_timeout):
            reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls, limit=BUFFER)
        return _Connection(reader, writer)

    async def _answer(self, reader: asyncio.StreamReader, request_id: int, progress: _Progress) -> Any:
        head = await _head(reader)
        pieces = _limited(_pieces(reader, head), self._ceiling)
        if head.content_type == "text/event-stream":
            message = await _from_events(pieces, request_id)
            progress.rest = pieces if head.keep_alive else None
            return message
        data = b"".join([piece async for piece in pieces])
        progress.reusable = head.keep_alive
        return _from_json(head, data, request_id)

    def _put_aside(self, connection: _Connection, progress: _Progress) -> None:
        if progress.rest is not None and not self._closed:
            task = asyncio.create_task(self._linger(connection, progress.rest))
            self._lingering.add(task)
            task.add_done_callback(self._lingering.discard)
        elif progress.reusable and len(self._idle) < MAX_IDLE and not self._closed:
            self._idle.append(connection)
        else:
            connection.drop()

    async def _linger(self, connection: _Connection, rest: AsyncIterator[bytes]) -> None:
        """Reads the end of an event stream whose answer has come."""
        progress = _Progress()
        with contextlib.suppress(OSError, ValueError, EOFError, _TooLargeError, asyncio.LimitOverrunError):
            try:
                async with asyncio.timeout(LINGER):
                    async for _ in rest:
                        pass
                progress.reusable = True
            finally:
                self._put_aside(connection, progress)

    async def aclose(self) -> None:
        """Drops every connection."""
        self._closed = True
        for task in self._lingering:
            task.cancel()
        await asyncio.gather(*self._lingering, return_exceptions=True)
        while self._idle:
            self._idle.pop().drop()
        await asyncio.sleep(0)  # transports close in the next turn of the loop


def _basic(user: str | None, password: str | None) -> Iterable[tuple[str, str]]:
    """Credentials in the address, as every HTTP client sends them (RFC 7617)."""
    if user is None:
        return ()
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return (("authorization", f"Basic {base64.b64encode(pair).decode()}"),)


def _failed(progress: _Progress, why: str) -> Unsent | InDoubt:
    return InDoubt(why) if progress.written else Unsent(why)


async def _head(reader: asyncio.StreamReader) -> Head:
    while True:
        head = parse_head(await reader.readuntil(b"\r\n\r\n"))
        if head.status >= 200:  # before it may come interim ones, like 100 Continue
            return head


async def _pieces(reader: asyncio.StreamReader, head: Head) -> AsyncIterator[bytes]:
    """The body, in pieces, up to its end. Raises IncompleteReadError when it is cut."""
    if head.body == "chunked":
        while size := _chunk_size(await reader.readuntil(b"\r\n")):
            async for piece in _exactly(reader, size):
                yield piece
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass  # trailers
    elif head.body == "until_close":
        while piece := await reader.read(BUFFER):
            yield piece
    else:
        async for piece in _exactly(reader, head.body):
            yield piece


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size:
        piece = await reader.read(min(size, BUFFER))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(piece)
        yield piece


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
        raise BadResponse("the answer has a broken chunk")
    return int(digits, 16)


async def _limited(pieces: AsyncIterator[bytes], ceiling: int) -> AsyncIterator[bytes]:
    left = ceiling
    async for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise _TooLargeError
        yield piece


async def _from_events(pieces: AsyncIterator[bytes], request_id: int) -> Any:
    """The answer among an event stream's messages; notifications before it are left out for now."""
    events = EventData()
    async for piece in pieces:
        for data in events.feed(piece):
            message = wire.read(data)
            if wire.is_response(message, request_id):
                return message
    raise asyncio.IncompleteReadError(b"", None)


def _from_json(head: Head, data: bytes, request_id: int) -> Any:
    """The answer in a JSON body; an HTTP error without one becomes a JSON-RPC error that is known as ours."""
    message = wire.read(data) if head.content_type == "application/json" and data else None
    if wire.is_response(message, request_id):
        return message
    if head.status >= 300:
        return {"error": of_status(head.status).model_dump()}
    raise BadResponse("the answer is not the response to this request")
