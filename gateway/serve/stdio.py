"""MCP over this process's own stdin and stdout.

Asyncio pipes feed the SDK's server, in place of its worker thread for each line: half the CPU; and every line is read
strictly first. stdout belongs to the protocol: anything else that prints goes to stderr.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import mcp_types as types
from mcp.server import Server
from mcp.shared.message import SessionMessage

from gateway.call import ArgumentsError, parse_json
from gateway.serve.strict import parse_error

__all__ = ["serve_stdio"]

MAX_LINE = 64 * 1024 * 1024


async def serve_stdio(server: Server[Any]) -> None:
    """Serves until stdin ends."""
    async with _streams() as (received, sent):
        await server.run(received, sent, server.create_initialization_options())


@asynccontextmanager
async def _streams() -> AsyncIterator[tuple[Any, Any]]:
    """The two streams that `Server.run` wants, over pipes."""
    reader, writer = await _pipes()
    to_server, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    sent, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    async with anyio.create_task_group() as group:
        group.start_soon(_read, reader, writer, to_server)
        group.start_soon(_write, writer, from_server)
        yield received, sent
        group.cancel_scope.cancel()


async def _pipes() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    incoming, outgoing = os.fdopen(os.dup(0), "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # nobody else reads the wire
    os.dup2(2, 1)  # nor writes on it
    reader = asyncio.StreamReader(limit=MAX_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), incoming)
    transport, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, outgoing)
    return reader, asyncio.StreamWriter(transport, protocol, None, loop)


async def _read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, to_server: Any) -> None:
    async with to_server:
        while line := await _line(reader):
            try:
                message = types.jsonrpc_message_adapter.validate_python(parse_json(line), by_name=False)
            except ArgumentsError as error:
                writer.write(json.dumps(parse_error(str(error))).encode() + b"\n")
                await writer.drain()
            except ValueError as error:
                await to_server.send(error)
            else:
                await to_server.send(SessionMessage(message))


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readline()
    except ValueError:
        print(f"toolgate: a line of more than {MAX_LINE} bytes ended the session", file=sys.stderr)  # noqa: T201
        return b""


async def _write(writer: asyncio.StreamWriter, from_server: Any) -> None:
    async with from_server:
        async for outgoing in from_server:
            text = outgoing.message.model_dump_json(by_alias=True, exclude_unset=True)
            writer.write(text.encode() + b"\n")
            await writer.drain()
