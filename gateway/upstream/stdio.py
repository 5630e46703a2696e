"""MCP over the pipes of a child process, in the shape of the SDK's transports.

The SDK's own takes quadratic time for long lines and writes the child's stderr on ours. This one reads bytes, holds
lines to a ceiling, keeps the end of stderr for the error message, and writes parameters exactly as they are given.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self, cast

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage

from gateway.upstream import wire
from gateway.upstream.outcomes import transport_error
from gateway.upstream.process import Child
from gateway.upstream.reaping import Reaper
from gateway.upstream.spec import Stdio, redacted

__all__ = ["TAIL", "Lines", "Pipes", "keep_tail", "open_stdio"]

TAIL = 4096  # bytes of stderr that are kept
SAID = 300  # characters of it that an error message shows
TURN = 16  # lines after which other tasks get their turn, however fast this child talks


class _Closable:
    """The part of a stream's protocol that has nothing to do here: `open_stdio` opens and closes."""

    async def aclose(self) -> None:
        return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class Lines(_Closable):
    """What the child says: one JSON-RPC message a line. Ends with the child's stdout, or with a line too long."""

    def __init__(self, reader: asyncio.StreamReader, log: logging.Logger) -> None:
        self._reader = reader
        self._log = log
        self._turn = 0
        self.fault = ""  # why it ended, if not by the child's own will
        self.noise = ""  # the last line that was no JSON-RPC

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage:
        while True:
            line = await self._line()
            self._turn = (self._turn + 1) % TURN
            if not self._turn:
                await asyncio.sleep(0)
            if line.strip() and (message := self._message(line)):
                return SessionMessage(message)

    async def receive(self) -> SessionMessage:
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise anyio.EndOfStream from None

    async def _line(self) -> bytes:
        try:
            return await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            self.fault = "it wrote a line longer than the ceiling"
        except (asyncio.IncompleteReadError, OSError):
            pass
        raise StopAsyncIteration

    def _message(self, line: bytes) -> types.JSONRPCMessage | None:
        try:
            return types.jsonrpc_message_adapter.validate_python(wire.read(line), by_name=False)
        except ValueError:
            self.noise = line[:SAID].decode(errors="replace")
            self._log.debug("stdout holds a line that is not JSON-RPC: %r", self.noise)
        if (request_id := wire.id_hint(line)) is None:
            return None
        error = transport_error("in_doubt", "the answer can't be read: it is not JSON-RPC")
        return types.JSONRPCError(jsonrpc="2.0", id=request_id, error=error)


class _Input(_Closable, asyncio.Protocol):
    """What the child is told. Writing waits while the child does not read."""

    def __init__(self) -> None:
        self._room = asyncio.Event()
        self._room.set()
        self._transport: asyncio.WriteTransport | None = None
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def abort(self) -> None:
        """Drops what the child has not read."""
        if self._transport is not None and not self.gone.is_set():
            self._transport.abort()

    def pause_writing(self) -> None:
        self._room.clear()

    def resume_writing(self) -> None:
        self._room.set()

    def connection_lost(self, _error: Exception | None) -> None:
        self.gone.set()
        self._room.set()

    async def send(self, item: SessionMessage, /) -> None:
        """Writes one message. Raises BrokenResourceError when the child is gone; nothing was written then."""
        if isinstance(item.message, types.JSONRPCNotification) and not self._room.is_set():
            return  # a courtesy (`cancelled`) to a child that reads nothing may not hold up whoever gave up on it
        await self._room.wait()
        if self.gone.is_set() or self._transport is None or self._transport.is_closing():
            raise anyio.BrokenResourceError
        self._transport.write(wire.line_of(item.message))


class Pipes:
    """An open transport: `read` and `write` for the SDK, and what is known about the child."""

    def __init__(self, child: Child, stdio: Stdio, read: Lines, write: _Input, tail: bytearray) -> None:
        self.read, self.write = read, write
        self.pid = child.pid
        self._child, self._stdio, self._tail = child, stdio, tail

    async def why(self, reason: str) -> str:
        """Why the connection ended: the reason, if one is known here, with the child's last words. Without secrets."""
        reason = reason or self.read.fault or await self._child.ended(0.5) or "it closed its output"
        return redacted(reason + self._last_words(), self._stdio)

    def _last_words(self) -> str:
        lines = self._tail.decode(errors="replace").strip().splitlines()
        if lines:
            return f"; it said: {lines[-1][-SAID:]}"
        return f"; it printed what is not JSON-RPC: {self.read.noise}" if self.read.noise else ""


@asynccontextmanager
async def open_stdio(
    stdio: Stdio, name: str, reaper: Reaper, *, ceiling: int = wire.MAX_MESSAGE
) -> AsyncIterator[Pipes]:
    """Starts the program, and stops it with all that it started. Raises OSError when it can't be started."""
    log = logging.getLogger(f"toolgate.server.{name}")
    child = Child(stdio, reaper)
    loop = asyncio.get_running_loop()
    tail = bytearray()
    out, err, write = asyncio.StreamReader(limit=ceiling), asyncio.StreamReader(), _Input()
    listening = asyncio.create_task(keep_tail(err, tail, log, stdio))
    try:
        async with AsyncExitStack() as pipes:
            for reader, pipe in ((out, child.stdout), (err, child.stderr)):
                reading, _ = await loop.connect_read_pipe(partial(asyncio.StreamReaderProtocol, reader), pipe)
                pipes.callback(reading.close)
            writing, _ = await loop.connect_write_pipe(lambda: write, child.stdin)
            pipes.callback(write.abort)
            pipes.push_async_callback(child.stop)
            pipes.callback(writing.close)  # first of all the end of its input: a good server leaves now
            yield Pipes(child, stdio, Lines(out, log), write, tail)
    finally:
        listening.cancel()
        child.kill()


async def keep_tail(reader: asyncio.StreamReader, tail: bytearray, log: logging.Logger, stdio: Stdio) -> None:
    """Reads to the end, so that the child never blocks on it, and keeps only the last `TAIL` bytes."""
    while piece := await reader.read(65536):
        tail += piece
        del tail[:-TAIL]
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s", redacted(piece.decode(errors="replace"), stdio))
