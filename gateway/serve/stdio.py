"""MCP over this process's own stdin and stdout.

Asyncio pipes feed the SDK's server, in place of its worker thread for each line: half the CPU; and every line is read
strictly first. stdout belongs to the protocol: anything else that prints goes to stderr.
"""

import asyncio
import json
import logging
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from io import FileIO
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage
from pydantic import ValidationError

from gateway.serve.signals import Bounded, as_it_is, on_stop
from gateway.serve.strict import Malformed, read_any
from gateway.serve.underway import ENDED
from gateway.serve.written import line

__all__ = ["serve_stdio"]

MAX_LINE = 64 * 1024 * 1024
GRACE_SECONDS = 5.0  # for the answers to what was asked before stdin ended
SIGNAL_SECONDS = 1.0  # the same after a signal: clients send it two seconds before they kill
LAST_SECONDS = 0.5  # to tell who still waits then that no answer comes

log = logging.getLogger("toolgate.serve")

Write = Callable[[bytes], Awaitable[None]]


async def serve_stdio(
    server: Server[Any],
    grace: float = GRACE_SECONDS,
    ending: Callable[[], None] = lambda: None,
    bounded: Bounded = as_it_is,
) -> None:
    """Serves until stdin ends, or stdout is closed, or SIGINT or SIGTERM comes.

    What was asked before stdin ended has `grace` seconds to be answered, before a signal a second at most; `ending` is
    called then, for what would last. Who still waits after that is told the end. A second signal ends it at once.
    """
    options = server.create_initialization_options()
    async with _wire() as (reader, write), anyio.create_task_group() as group:
        owed, end = _Owed(grace, ending, write), group.cancel_scope.cancel
        with _on_signal(owed, end, bounded):
            to_server, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
            sent, from_server = anyio.create_memory_object_stream[SessionMessage](0)
            group.start_soon(_read, reader, to_server, owed, end)
            group.start_soon(_write, from_server, owed, end)
            await server.run(received, sent, options)


@contextmanager
def _on_signal(owed: "_Owed", end: Callable[[], None], bounded: Bounded) -> Iterator[None]:
    tasks: list[asyncio.Task[None]] = []

    async def wind_up() -> None:
        await owed.all_answered(SIGNAL_SECONDS)
        end()

    def stop() -> None:
        if tasks:
            end()
        else:
            tasks.append(asyncio.ensure_future(wind_up()))

    with on_stop(bounded(stop)):
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


class _Owed:
    """The requests that have no answer yet, and how many seconds they have when no more will come. `write` is to their
    client.
    """

    def __init__(self, grace: float, ending: Callable[[], None], write: Write) -> None:
        self._grace, self._ending, self.write = grace, ending, write
        self._ids: set[Any] = set()
        self._told: set[Any] = set()  # that no answer comes
        self._answering: Any = None  # whose answer is being written
        self._paid = asyncio.Event()
        self._paid.set()

    def asked(self, message: Any) -> None:
        """Raises Malformed for a request whose id is another's, that has no answer yet: there would be two answers, and
        no telling them apart.
        """
        if isinstance(message, types.JSONRPCRequest):
            if message.id in self._ids:
                raise Malformed(types.INVALID_REQUEST, "A request with this id is being answered in this session")
            self._ids.add(message.id)
            self._paid.clear()
        elif message.method == "notifications/cancelled":
            self._forget((message.params or {}).get("requestId"))

    async def say(self, message: Any) -> None:
        """Anything that the server says, but no second answer to a request. Raises OSError."""
        request_id = message.id if isinstance(message, (types.JSONRPCResponse, types.JSONRPCError)) else None
        if request_id in self._told:
            return
        self._answering = request_id
        await self.write(line(message) + b"\n")
        self._answering = None
        if request_id is not None:
            self._forget(request_id)

    def _forget(self, request_id: Any) -> None:
        self._ids = {one for one in self._ids if one != request_id}
        if not self._ids:
            self._paid.set()

    async def all_answered(self, most: float = float("inf")) -> bool:
        """Whether nothing is owed any more before the time is over: that of the grace, at most so many seconds. Else
        who waits is told the end.
        """
        self._ending()
        try:
            async with asyncio.timeout(min(self._grace, most)):
                await self._paid.wait()
        except TimeoutError:
            await self._tell_the_end()
            return False
        return True

    async def _tell_the_end(self) -> None:
        """As over HTTP (`underway`). Who does not read it is not waited for."""
        self._told = self._ids - {self._answering}
        said = [json.dumps({"jsonrpc": "2.0", "id": each, "error": ENDED}).encode() + b"\n" for each in self._told]
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(LAST_SECONDS):
                await self.write(b"".join(said))


async def _read(reader: asyncio.StreamReader, to_server: Any, owed: _Owed, end: Callable[[], None]) -> None:
    async with to_server:
        while said := await _line(reader):
            if not said.strip():
                continue
            try:
                message = _message(said)
                if isinstance(message, (types.JSONRPCRequest, types.JSONRPCNotification)):
                    owed.asked(message)
            except Malformed as error:
                with suppress(OSError):  # whoever reads no answers is found to be gone by the next real one
                    await owed.write(json.dumps(error.answer).encode() + b"\n")
                continue
            await to_server.send(SessionMessage(message))
        if not await owed.all_answered():
            end()


def _message(line: bytes) -> types.JSONRPCMessage:
    """Raises Malformed."""
    try:
        return types.jsonrpc_message_adapter.validate_python(read_any(line), by_name=False)
    except ValidationError:
        raise Malformed(types.INVALID_REQUEST, "Invalid Request: this is no JSON-RPC message") from None


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        log.error("a line of more than %d bytes ended the session", MAX_LINE)  # noqa: TRY400 - the line says it all
        return b""


async def _write(from_server: Any, owed: _Owed, client_gone: Callable[[], None]) -> None:
    async with from_server:
        async for outgoing in from_server:
            try:
                await owed.say(outgoing.message)
            except OSError:
                client_gone()
                return


@asynccontextmanager
async def _wire() -> AsyncIterator[tuple[asyncio.StreamReader, Write]]:
    """stdin as a stream, and what writes to stdout; nobody else reads or writes there from here on."""
    incoming, outgoing = FileIO(os.dup(0), "r"), FileIO(os.dup(1), "w")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    async with _input(incoming) as reader, _output(outgoing) as write:
        yield reader, write


@asynccontextmanager
async def _input(incoming: FileIO) -> AsyncIterator[asyncio.StreamReader]:
    reader = asyncio.StreamReader(limit=MAX_LINE)
    if not _is_pipe(incoming):  # a file, or /dev/null: there is nothing to wait for
        with incoming:
            reader.feed_data(incoming.readall() or b"")
        reader.feed_eof()
        yield reader
        return
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), incoming)
    try:
        yield reader
    finally:
        transport.close()


@asynccontextmanager
async def _output(outgoing: FileIO) -> AsyncIterator[Write]:
    if not _is_pipe(outgoing):

        async def to_file(line: bytes) -> None:
            outgoing.write(line)

        with outgoing:
            yield to_file
        return
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, outgoing)
    transport.set_write_buffer_limits(0)  # so that `drain` waits until the last byte is out
    writer = asyncio.StreamWriter(transport, protocol, None, loop)

    async def to_pipe(line: bytes) -> None:
        writer.write(line)
        await writer.drain()

    try:
        yield to_pipe
    finally:
        transport.close()


def _is_pipe(file: FileIO) -> bool:
    """Whether asyncio can wait for it: a pipe, a socket, a terminal."""
    mode = os.fstat(file.fileno()).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or file.isatty()
