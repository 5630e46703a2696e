"""MCP over the pipes of a child process, in the shape of the SDK's transports.

The SDK's own takes quadratic time for long lines and writes the child's stderr on ours. This one reads bytes, holds
lines to a ceiling, keeps the end of stderr for the error message, and writes parameters exactly as they are given.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self, cast

import anyio
import mcp_types as types
from mcp.shared.message import SessionMessage

from gateway.upstream import reasons, wire
from gateway.upstream.meter import PIPE, Meter
from gateway.upstream.outcomes import unreadable
from gateway.upstream.process import Child
from gateway.upstream.reaping import Reaper
from gateway.upstream.spec import Stdio, longest_secret, redacted
from gateway.upstream.streams import Exchange

__all__ = ["SAID", "TAIL", "Lines", "Pipes", "Tail", "open_stdio"]

TAIL = 4096  # bytes of stderr that are kept
SAID = 300  # characters of it that an error message shows
LAST_WORDS = 0.2  # seconds that a message waits for them, after the child's end
LONGEST_LOGGED = 65536  # bytes of a line on stderr
TURN = 16  # lines after which other tasks get their turn, however fast this child talks
MOST_ANSWERS = 1000  # to what a child asks, that wait while it does not read; it gets no more of them
DEAF = 1.0  # seconds that a child which reads no more has to say what it still has to say
_ERRORS = (  # how programs end that say what happened further above, and how that line begins
    (re.compile(r"Node\.js v[\d.]+$"), re.compile(r"(?:Uncaught )?\w*(?:Error|Exception)\b")),
    (re.compile(r"npm (?:error|ERR!) A complete log "), re.compile(r"npm (?:error|ERR!) (?!code )")),
)
_ANSWERS = (types.JSONRPCResponse, types.JSONRPCError)
PIECE = 256 * 1024  # bytes that are read at once; what is read and not looked at yet is about as much


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


def _unnoticed(*_: object) -> None:
    """Until somebody wants to know."""


def _now() -> float:
    return asyncio.get_running_loop().time()


class Lines(_Closable):
    """What the child says: one JSON-RPC message a line. Ends with the child's stdout, or with a line too long."""

    def __init__(self, reader: asyncio.StreamReader, log: logging.Logger, stdio: Stdio, ceiling: int) -> None:
        self._reader, self._ceiling = reader, ceiling
        self._log, self._stdio = log, stdio
        self._turn = 0
        self._left, self._searched = bytearray(), 0  # what is behind the last line, and where no end of one is
        self._meter = Meter(PIPE)
        self.fault = ""  # why it ended, if not by the child's own will
        self.noise = ""  # the last line that was no JSON-RPC, without secrets
        self.heard: Callable[[], None] = _unnoticed  # ... is called with each of them
        self.source: asyncio.BaseTransport | None = None
        self._end: asyncio.TimerHandle | None = None

    def end_in(self, seconds: float, fault: str) -> None:
        """What comes until then is heard, then nothing more."""
        if self._end is None:
            self._end = asyncio.get_running_loop().call_later(seconds, self._ended, fault)

    def pending(self) -> int:
        """How many bytes there are of a line that has not ended yet."""
        return len(self._left)

    def drop(self) -> None:
        """It ends in another way."""
        if self._end is not None:
            self._end.cancel()

    def _ended(self, fault: str) -> None:
        if self.source is not None and not self.source.is_closing():
            self.fault = self.fault or fault
            self.source.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage:
        while True:
            line = await self._line()
            self._turn = (self._turn + 1) % TURN
            if not self._turn:
                await asyncio.sleep(0)
            message = self._message(line) if line.strip() else None
            if not isinstance(message, _ANSWERS) and (late := self._meter.late(1, _now())):
                await asyncio.sleep(late)
            if message is not None:
                return SessionMessage(message)

    async def receive(self) -> SessionMessage:
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            raise anyio.EndOfStream from None

    def _bound(self, size: int) -> None:
        if size > self._ceiling:
            self.fault = "it wrote a line longer than `max_answer` lets it"
            raise StopAsyncIteration

    async def _line(self) -> bytes:
        while (end := self._left.find(b"\n", self._searched)) < 0:
            self._searched = len(self._left)
            self._bound(self._searched)
            await self._read()
        self._bound(end)
        line = bytes(self._left[: end + 1])
        del self._left[: end + 1]
        self._searched = 0
        return line

    async def _read(self) -> None:
        piece = b""
        with contextlib.suppress(OSError):
            piece = await self._reader.read(PIECE)
        if not piece:
            raise StopAsyncIteration
        self._left += piece

    def _message(self, line: bytes) -> types.JSONRPCMessage | None:
        try:
            return wire.message(line)
        except ValueError:
            self.noise = _beginning(line, self._stdio)
            self.heard()
            self._log.debug("stdout holds a line that is not JSON-RPC: %r", self.noise)
        return unreadable(line)


class _Input(_Closable, asyncio.Protocol):
    """What the child is told. Writing waits while the child does not read; `deaf` is called when it could not be told
    something, because its end of the pipe is closed, and `unsent` with a request that was given up before it was read.
    """

    def __init__(self, deaf: Callable[[], None]) -> None:
        self._deaf = deaf
        self.unsent: Callable[[types.RequestId], None] = _unnoticed
        self._room = asyncio.Event()
        self._room.set()
        self._answers = 0  # that wait
        self._transport: asyncio.WriteTransport | None = None
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._transport.set_write_buffer_limits(0)  # what waits for the child waits here, where it can be called off

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
        if not self._room.is_set() and not await self._has_room_for(item.message):
            return
        if self.gone.is_set() or self._transport is None or self._transport.is_closing():
            self._deaf()
            raise anyio.BrokenResourceError
        self._transport.write(wire.line_of(item.message))

    async def _has_room_for(self, message: types.JSONRPCMessage) -> bool:
        """Once the child reads again. Not for all that can be said: who asks and does not read may not fill us."""
        answers = isinstance(message, _ANSWERS)
        if isinstance(message, types.JSONRPCNotification) or (answers and self._answers >= MOST_ANSWERS):
            return False  # a courtesy (`cancelled`) may not hold up whoever gave up on the child
        self._answers += answers
        try:
            await self._room.wait()
        except asyncio.CancelledError:
            if isinstance(message, types.JSONRPCRequest):
                self.unsent(message.id)
            raise
        finally:
            self._answers -= answers
        return True


class Tail:
    """The end of what a child writes on stderr.

    A text is cut only after its secrets are out: half a secret would not be found. So `TAIL` bytes are kept and as many
    more as the longest secret has; and what is logged ends with a line, unless that grows too long.
    """

    def __init__(self, stdio: Stdio, log: logging.Logger) -> None:
        self._stdio, self._log = stdio, log
        self._most = TAIL + longest_secret(stdio)
        self._kept, self._unlogged = bytearray(), bytearray()
        self._cut = False
        self._over = asyncio.Event()
        self.heard: Callable[[], None] = _unnoticed  # is called with each piece

    async def keep(self, reader: asyncio.StreamReader) -> None:
        """Reads to the end, so that the child never blocks on it."""
        try:
            while piece := await reader.read(65536):
                self.heard()
                self._kept += piece
                self._cut = self._cut or len(self._kept) > self._most
                del self._kept[: -self._most]
                if self._log.isEnabledFor(logging.DEBUG):
                    self._tell(piece)
        finally:
            self._over.set()
            self._say(self._unlogged)

    async def ended(self, seconds: float) -> None:
        """Waits a little for all that was written to be read."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._over.wait()

    def last_line(self) -> str:
        """Without secrets. Of a line whose beginning is lost, what may be the end of a secret is left out."""
        lines = self._kept.decode(errors="replace").rstrip().splitlines()
        if not lines:
            return ""
        last = _telling(lines)
        text = redacted(lines[last], self._stdio)
        return text[longest_secret(self._stdio) :] if self._cut and last == 0 else text

    def _tell(self, piece: bytes) -> None:
        self._unlogged += piece
        end = self._unlogged.rfind(b"\n") + 1
        if not end and len(self._unlogged) > LONGEST_LOGGED:
            self._say(b"(a line too long to be shown)")
            self._unlogged.clear()
        elif end:
            self._say(self._unlogged[:end])
            del self._unlogged[:end]

    def _say(self, text: bytes | bytearray) -> None:
        if text:
            self._log.debug("%s", redacted(text.decode(errors="replace"), self._stdio))


class Pipes:
    """An open transport: `read` and `write` for the SDK, and what is known about the child."""

    def __init__(self, child: Child, stdio: Stdio, read: Lines, write: _Input, tail: Tail) -> None:
        self.read, self.write = read, write
        self.pid = child.pid
        self._child, self._stdio, self._tail = child, stdio, tail

    def tell(self, exchange: Exchange) -> None:
        """What is heard of the child beside its messages, and what it was not told after all, is noted there."""
        self.read.heard = self._tail.heard = exchange.hear
        self.write.unsent, exchange.pending = exchange.over, self.read.pending

    async def why(self, reason: str) -> str:
        """Why the connection ended: the reason, if one is known here, with the child's last words. Without secrets."""
        reason = reason or self.read.fault or await self._child.ended(0.5) or "it closed its output"
        if self._child.ending:  # what it wrote last may still be in the pipe, which its children may hold open
            await self._tail.ended(LAST_WORDS)
        return redacted(reason, self._stdio) + self._last_words()

    def _last_words(self) -> str:
        if said := self._tail.last_line():
            return f"{reasons.LAST_WORDS}{said[-SAID:]}"
        return f"; it printed what is not JSON-RPC: {self.read.noise}" if self.read.noise else ""


def _telling(lines: Sequence[str]) -> int:
    """Which of them says what happened: the last one, but of Node and npm the first that tells of an error."""
    last = len(lines) - 1
    error = next((error for end, error in _ERRORS if end.match(lines[last])), None)
    return next((number for number, line in enumerate(lines) if error.match(line)), last) if error else last


def _beginning(line: bytes, stdio: Stdio) -> str:
    """What a message may show of a line. It is cut last: half a secret would not be found."""
    longest = longest_secret(stdio)
    text = redacted(line[: TAIL + longest].decode(errors="replace"), stdio)
    return (text[:-longest] if longest and len(line) > TAIL + longest else text)[:SAID]


@asynccontextmanager
async def open_stdio(
    stdio: Stdio, name: str, reaper: Reaper, *, ceiling: int = wire.MAX_MESSAGE
) -> AsyncIterator[Pipes]:
    """Starts the program, and stops it with all that it started. Raises OSError when it can't be started."""
    log = logging.getLogger(f"toolgate.server.{name}")
    child = Child(stdio, reaper)
    loop = asyncio.get_running_loop()
    out, err, tail = asyncio.StreamReader(limit=PIECE), asyncio.StreamReader(), Tail(stdio, log)
    read = Lines(out, log, stdio, ceiling)
    write = _Input(lambda: read.end_in(DEAF, "it closed its input"))
    listening = asyncio.create_task(tail.keep(err))
    try:
        async with AsyncExitStack() as pipes:
            for reader, pipe in ((err, child.stderr), (out, child.stdout)):
                reading, _ = await loop.connect_read_pipe(partial(asyncio.StreamReaderProtocol, reader), pipe)
                pipes.callback(reading.close)
            read.source = reading
            pipes.callback(read.drop)
            writing, _ = await loop.connect_write_pipe(lambda: write, child.stdin)
            pipes.callback(write.abort)
            pipes.push_async_callback(child.stop)
            pipes.callback(writing.close)  # first of all the end of its input: a good server leaves now
            yield Pipes(child, stdio, read, write, tail)
    finally:
        listening.cancel()
        child.kill()
