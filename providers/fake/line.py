"""One connection: requests in, answers out, and sockets that can be cut. HTTP/1.1 (RFC 9112), as little as it takes.

Plain asyncio: a web framework would not let a fake drop or reset a connection amid an answer.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from providers.fake.plan import Action, End, Head, Pause, Send

__all__ = ["Handler", "Line", "Received", "Sent"]

T = TypeVar("T")

_LONGEST_HEAD = 1 << 17  # bytes
_LONGEST_BODY = 1 << 26
_RESET = struct.pack("ii", 1, 0)  # linger for no time: closing sends RST


@dataclass(frozen=True, slots=True)
class Received:
    """A request. Names of headers are in lower case; `body` is what came, JSON or not."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body. Raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an answer: how it ended (`left`: the client went first), and its whole events."""

    ended: str
    events: int


Handler = Callable[[Received, "Line"], Awaitable[None]]


class Line(asyncio.StreamReaderProtocol):
    """Reads one request after the other and has each answered by `handler`, which calls `play`."""

    def __init__(self, handler: Handler, ended: Callable[["Line"], None]) -> None:
        reader = asyncio.StreamReader(limit=_LONGEST_HEAD)
        super().__init__(reader, self._begin)
        self._handler, self._ended, self._gone = handler, ended, asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._talking: asyncio.Task[None] | None = None

    def eof_received(self) -> bool | None:
        self._gone.set()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        self._ended(self)
        super().connection_lost(exc)

    async def close(self) -> None:
        """Ends the connection, whatever is under way."""
        if self._writer is not None and self._talking is not None:
            self._writer.transport.abort()
            await self._talking

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._talking = asyncio.get_running_loop().create_task(self._talk(reader, writer))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(0)  # `drain` waits until all is with the system
        try:
            lasting = True
            while lasting and not writer.is_closing():
                received = await _request(reader, writer)
                lasting = received.headers.get("connection", "").lower() != "close"
                await self._handler(received, self)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass  # the client went, or speaks no HTTP
        finally:
            writer.close()

    async def play(self, actions: Iterable[Action]) -> Sent:
        """Sends an answer. If the client goes before its end, the rest is left out."""
        assert self._writer is not None  # noqa: S101 - a handler is called by `_talk` only
        answer = _Playing(self._writer)
        try:
            ended = await self.unless_left(answer.all(actions))
        except ConnectionError:
            ended = None
        return Sent(ended or "left", answer.events)

    async def unless_left(self, work: Coroutine[Any, Any, T]) -> T | None:
        """What comes of it. None if the client goes first: then it is given up."""
        leaving, working = asyncio.create_task(self._gone.wait()), asyncio.create_task(work)
        try:
            await asyncio.wait({leaving, working}, return_when=asyncio.FIRST_COMPLETED)
            return await working if working.done() else None
        finally:
            leaving.cancel()
            working.cancel()


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, version = line.split(" ", 2)
    if not version.startswith("HTTP/1."):
        raise ValueError("this is not HTTP/1")
    headers = {name.strip().lower(): value.strip() for name, _, value in (one.partition(":") for one in lines)}
    if headers.get("expect") == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    return Received(method, path.partition("?")[0], headers, await _body(reader, headers))


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "chunked" not in headers.get("transfer-encoding", ""):
        length = int(headers.get("content-length", "0"))
        return await reader.readexactly(length if length <= _LONGEST_BODY else -1)
    read = b""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        if len(read) + size > _LONGEST_BODY:
            raise ValueError("the body is too long")
        read += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return read


class _Playing:
    """An answer on its way."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer, self._chunked, self.events = writer, False, 0

    async def all(self, actions: Iterable[Action]) -> str:
        """Sends them. Returns how it ended."""
        for action in actions:
            match action:
                case Head():
                    self._head(action)
                case Send(data, event):
                    self._writer.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
                    self.events += event
                case Pause(seconds):
                    await asyncio.sleep(seconds)
                case End(how):
                    await self._end(how)
                    return how
            await self._writer.drain()
        return "whole"

    def _head(self, head: Head) -> None:
        self._chunked = head.length is None
        frame = "transfer-encoding: chunked" if self._chunked else f"content-length: {head.length}"
        lines = [f"{name}: {value}" for name, value in head.headers.items()]
        phrase = HTTPStatus(head.status).phrase if head.status in HTTPStatus._value2member_map_ else "Overloaded"
        self._writer.write("\r\n".join((f"HTTP/1.1 {head.status} {phrase}", *lines, frame, "", "")).encode("latin-1"))

    async def _end(self, how: str) -> None:
        match how:
            case "whole":
                self._writer.write(b"0\r\n\r\n" if self._chunked else b"")
                await self._writer.drain()
            case "hang":
                await asyncio.Event().wait()  # until the client goes: `play` cancels this
            case "reset":
                self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self._writer.transport.abort()
            case _:
                self._writer.close()
