"""A server that says exactly these bytes, on a real socket; and what a provider makes of them."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from providers import Deadlines, Message, Provider, Request, StreamEvent, Text

__all__ = ["Served", "asked", "events", "head", "serving", "sse"]


@dataclass
class Served:
    """Where it is, and what it was asked: each request's first line and headers, and its body."""

    url: str = ""
    requests: list[tuple[str, Any]] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0


@asynccontextmanager
async def serving(*answer: bytes, end: str = "close", one_each: bool = False) -> AsyncIterator[Served]:
    """Each request gets this answer, piece by piece; with `one_each`, one piece, and from then on the last. `end`:
    `close`, `keep` the connection, `wait` for the client to hang up, `reset` it, or say the last piece again and
    `again`, until the client has hung up.
    """
    served = Served()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            at = min(served.connections, len(answer)) - 1
            await _answered(served, (answer[at],) if one_each else answer, end, reader, writer)
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield served
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answered(
    served: Served, answer: Sequence[bytes], end: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        more = True
        while more:
            served.requests.append(await _request(reader))
            writer.writelines(answer)
            await writer.drain()
            more = end == "keep"
        if end == "wait":
            await reader.read()
            served.hung_up.set()
        while end == "again":
            writer.write(answer[-1])
            await writer.drain()
    if end == "reset":
        _reset(writer)


def _reset(writer: asyncio.StreamWriter) -> None:
    """What is closed with nothing to linger for, TCP resets."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _request(reader: asyncio.StreamReader) -> tuple[str, Any]:
    top = (await reader.readuntil(b"\r\n\r\n")).decode()
    lines = top.lower().splitlines()
    length = next((int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")), 0)
    return top, json.loads(await reader.readexactly(length) or b"null")


def head(status: int = 200, **headers: str) -> bytes:
    """The head of an answer; a stream of events, if nothing else is said. Its end is that of the connection."""
    lines = {"content_type": "text/event-stream", **headers}
    said = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} So\r\n{said}\r\n".encode()


def sse(*events: Any) -> bytes:
    """Events without names, as Chat Completions has them."""
    return b"".join(
        b"data: " + (event if isinstance(event, bytes) else json.dumps(event).encode()) + b"\n\n" for event in events
    )


def asked(deadlines: Deadlines | None = None, text: str = "Hi", **more: Any) -> Request:
    """A question."""
    return Request("tiny", "", [Message("user", (Text(text),))], deadlines=deadlines or Deadlines(20, 20, 20), **more)


async def events(provider: Provider, request: Request | None = None) -> Sequence[StreamEvent]:
    """All that a provider says. Raises what it raises."""
    return [event async for event in provider.stream(request or asked())]
