"""The fast lane: one POST a request over pooled keep-alive HTTP/1.1 connections, with bytes that are ours to the last.

The SDK's HTTP client costs about 0.95 ms of CPU a call, this a twentieth of it. Nothing is ever sent twice. Giving up
(timeout, cancellation) closes the connection, which is how MCP 2026-07-28 cancels a request over HTTP.
"""

import asyncio
import base64
import contextlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from urllib.parse import unquote, urlsplit

import httpx2

from gateway.call import InDoubt, Unsent
from gateway.deadlines import Deadlines
from gateway.slots import Slots
from gateway.upstream import wire
from gateway.upstream.http1 import header_lines, own_lines, request_line
from gateway.upstream.outcomes import transport_error
from gateway.upstream.spec import Http
from gateway.upstream.streams import Ear
from gateway.upstream.wires import Exchange, Hear, Replied, Wire

__all__ = ["Pool", "Replied"]

MAX_CONNECTIONS = 256
MAX_IDLE = 64
ROOM = 256 * 1024  # bytes that are read at once
ENDED = "the connection ended before the answer came"

_FIXED = (
    ("accept", "application/json, text/event-stream"),
    ("accept-encoding", "identity"),
    ("content-type", "application/json"),
)


class Pool:
    """Connections to one MCP endpoint. `ceiling` is the most bytes of one answer. `unheard` is called when a request
    was given up, and nothing was heard of the server since it left: with the seconds since then, or 0 if it had not all
    its time. What is heard on other ways counts, if they share the `ear`.
    """

    def __init__(
        self,
        http: Http,
        *,
        connect_timeout: float,
        ceiling: int = wire.MAX_MESSAGE,
        unheard: Callable[[float], None] = lambda _seconds: None,
        ear: Ear | None = None,
    ) -> None:
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
        self._ceiling, self._unheard, self._ear = ceiling, unheard, ear or Ear()
        self._idle: list[Wire] = []
        self._open: set[Wire] = set()
        self._slots = Slots(MAX_CONNECTIONS)
        self._deadlines = Deadlines()
        self._room = memoryview(bytearray(ROOM))
        self._closed = False

    async def post(
        self, request_id: int, body: bytes, headers: Mapping[str, str], *, timeout: float, hear: Hear | None = None
    ) -> Replied | Unsent | InDoubt:
        """Sends one request and waits for its answer, at most `timeout` seconds in all.

        `hear` gets each message that comes before the answer. That no connection was free in time comes as an error in
        the reply, marked as ours: it says nothing about the server, and others use the connections.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        try:
            request = self._head() + own_lines(headers) + b"content-length: %d\r\n\r\n%s" % (len(body), body)
        except ValueError as error:
            return Unsent(str(error))
        if not self._slots.take() and not await self._slots.given(until):
            return Replied({"error": transport_error("unsent", f"no connection within {timeout:.3g} s").model_dump()})
        due: object = None
        connected: Wire | None = None
        try:
            found = self._rested(loop.time()) or await self._connected(until, timeout)
            if isinstance(found, Unsent):
                return found
            connected, exchange = found, Exchange(request_id, self._ceiling, hear, loop.create_future())
            due = self._deadlines.at(until, partial(_expire, connected, exchange, timeout))
            connected.begin(exchange, request, loop.time())
            return await exchange.answer
        except asyncio.CancelledError:
            if connected is not None:
                connected.give_up()
            raise
        finally:
            self._deadlines.drop(due)
            self._slots.give()

    def _rested(self, now: float) -> Wire | None:
        while self._idle:
            wired = self._idle.pop()
            if wired.usable(now):
                return wired
            wired.drop()
        return None

    async def _connected(self, until: float, timeout: float) -> Wire | Unsent:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout_at(min(until, loop.time() + self._connect_timeout)):
                _, wired = await loop.create_connection(self._wire, self._host, self._port, ssl=self._tls)
        except TimeoutError:
            return Unsent(f"no connection within {min(timeout, self._connect_timeout):.3g} s")
        except (OSError, ValueError) as error:  # an SSLError is an OSError
            return Unsent(str(error) or type(error).__name__)
        if wired.closing:
            return Unsent("the server closed the connection at once")
        self._open.add(wired)
        return wired

    def _wire(self) -> Wire:
        return Wire(self._room, self._put_aside, self._open.discard, self._unheard, self._ear)

    def _put_aside(self, wired: Wire) -> None:
        if self._closed or len(self._idle) >= MAX_IDLE:
            wired.drop()
        else:
            self._idle.append(wired)

    def _head(self) -> bytes:
        """The lines that all requests have in common. Raises ValueError for what HTTP does not allow."""
        if self._common is None:
            self._common = request_line(self._target) + header_lines(self._headers)
        return self._common

    def close(self) -> None:
        """Drops every connection."""
        self._closed = True
        self._idle.clear()
        for wired in list(self._open):
            wired.end(ENDED)

    async def aclose(self) -> None:
        """The same, to its end."""
        self.close()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(0)  # transports close in the next turn of the loop


def _expire(wired: Wire, exchange: Exchange, timeout: float) -> None:
    exchange.settle(InDoubt(f"no answer within {timeout:.3g} s"))
    wired.give_up(timeout)


def _basic(user: str | None, password: str | None) -> Iterable[tuple[str, str]]:
    """Credentials in the address, as every HTTP client sends them (RFC 7617)."""
    if user is None:
        return ()
    pair = f"{unquote(user)}:{unquote(password or '')}".encode()
    return (("authorization", f"Basic {base64.b64encode(pair).decode()}"),)
