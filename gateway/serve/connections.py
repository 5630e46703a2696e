"""Connections that are slow on purpose, or many. All that uvicorn bounds is how long one may be kept alive; this bounds
the size and the time of a head, the number of connections, and the time in which nothing of an answer is taken.

At the limit, whoever has been waiting longest for the end of his head goes; if nobody is, the new one does.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.serve.origins import named_by

__all__ = ["HEAD_SECONDS", "MAX_CONNECTIONS", "BoundedProtocol", "Joined"]

HEAD_SECONDS = 10.0
HEAD_BYTES = 64 * 1024  # beyond, nobody waits for its end; what came at once may be more, and is refused by the door
STALLED_SECONDS = 60.0
MAX_CONNECTIONS = 1000  # each may hold one request, or one stream

_ANSWER, _LENGTH = b"HTTP/1.1 ", b"\r\ncontent-length: "
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class Joined:
    """A transport that sends the head of an answer together with its body: uvicorn writes them one after the other,
    and each write is a system call. Only a head that says how long its body is waits, until the loop's next turn at
    most: the head of a stream goes out at once.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        if self._head:
            data, self._head = self._head + data, b""
        elif data.startswith(_ANSWER) and _LENGTH in data:
            self._head = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def whole(self, data: bytes) -> None:
        """An answer with its head: nothing is waited for."""
        self._flush()
        self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._head:
            self.write(b"")


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    head_seconds = HEAD_SECONDS
    stalled_seconds = STALLED_SECONDS
    most = MAX_CONNECTIONS

    _received = 0  # bytes, since a head began
    _headed = False  # the head of the request that is being read is whole
    _head: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    @property
    def waits(self) -> bool:
        """Whether it holds no request: none has come yet, or not the whole of a head."""
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        return cycle is None or cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast("asyncio.Transport", Joined(transport, self.loop)))
        self._head = self.loop.call_later(self.head_seconds, self._give_up)
        if len(self.connections) > self.most:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        super().data_received(_not_upgraded(data) if self.waits and _offers(data) else data)
        if not self.waits:
            self._clear_head()
            self._received = 0
            return
        self._received += len(data)
        if self._received > HEAD_BYTES:
            self.abort()
        elif self._head is None:  # the beginning of another head
            self._head = self.loop.call_later(self.head_seconds, self._give_up)

    def on_message_begin(self) -> None:
        self._headed = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """What stands behind a body is no part of its head (RFC 9110, 6.5): who filters heads does not see it."""
        if not self._headed:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The host of a whole URL takes the place of `Host`, so that the door looks at the one that counts."""
        self._headed = True
        host = None if self.url[:1] == b"/" else named_by(self.url)
        if host is not None:
            self.headers[:] = [(name, host if name == b"host" else value) for name, value in self.headers]
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_head()
        self._clear_stalled()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self.stalled_seconds, self.abort)

    def resume_writing(self) -> None:
        self._clear_stalled()
        super().resume_writing()

    def abort(self) -> None:
        """Ends it without a word: nobody may be listening."""
        self.connections.discard(self)
        self.transport.abort()

    def _make_room(self) -> None:
        waiting = [one for one in self.connections if isinstance(one, BoundedProtocol) and one.waits]
        longest = min(waiting, key=_since)
        if longest is self:
            self.transport.write(_FULL)
            self.transport.close()
        else:
            longest.abort()

    def _clear_head(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _clear_stalled(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _give_up(self) -> None:
        self._head = None
        if self.waits:
            self.abort()


def _offers(data: bytes) -> bool:
    return b"\r\nUpgrade:" in data or b"\r\nupgrade:" in data


def _not_upgraded(data: bytes) -> bytes:
    """The same without its offer of another protocol, which may be ignored (RFC 9110 section 7.8). httptools would take
    the body for that protocol's; Java's own HTTP client offers HTTP/2 with each first request.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    for name in (b"\r\nUpgrade:", b"\r\nupgrade:"):
        head = head.replace(name, b"\r\nx-upgrade:")
    return head + end + rest


def _since(connection: Any) -> float:
    """When the head that it waits for was due; a connection that is only kept alive goes before all others."""
    head: asyncio.TimerHandle | None = connection._head  # noqa: SLF001 - of the same class
    return head.when() if head is not None else 0.0
