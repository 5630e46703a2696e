"""A keep-alive connection to the gateway, read by hand: an SDK's client would take ten times as long."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answer", "Line"]

Json = dict[str, Any]
LIMIT = 1 << 24
REST = 2.0  # seconds without use, after which the gateway may be about to hang up


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP response: the JSON-RPC messages in it, and the whole of it as text."""

    status: int
    headers: Mapping[str, str]
    messages: list[Json] = field(default_factory=list)
    text: str = ""

    @property
    def last(self) -> Json:
        """The response to the request; what came before are notifications."""
        return self.messages[-1] if self.messages else {}


class Line:
    """One request at a time. It connects when it needs to, again after `drop`."""

    def __init__(self, host: str, port: int) -> None:
        self._place = host, port
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._used = 0.0

    async def ask(self, verb: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Sends it and reads the whole answer. Raises OSError or IncompleteReadError when the other side hangs up."""
        return await self._answer(await self._sent(verb, headers, body))

    async def open_stream(self, headers: Mapping[str, str]) -> int:
        """A GET that has no end: the status of its answer."""
        head = await (await self._sent("GET", headers, b"")).readuntil(b"\r\n\r\n")
        return int(head.split()[1])

    def drop(self) -> None:
        """Hangs up, whatever is under way."""
        if self._open is not None:
            self._open[1].transport.abort()
            self._open = None

    async def _sent(self, verb: str, headers: Mapping[str, str], body: bytes) -> asyncio.StreamReader:
        if time.monotonic() - self._used > REST:
            self.drop()
        self._open = self._open or await asyncio.open_connection(*self._place, limit=LIMIT)
        host = {"host": f"{self._place[0]}:{self._place[1]}", "content-length": str(len(body))}
        lines = [f"{verb} /mcp HTTP/1.1", *(f"{name}: {value}" for name, value in {**host, **headers}.items())]
        self._open[1].write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await self._open[1].drain()
        return self._open[0]

    async def _answer(self, reader: asyncio.StreamReader) -> Answer:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = b"".join([piece async for piece in _pieces(reader, headers)])
        if headers.get("connection") == "close":
            self.drop()
        self._used = time.monotonic()
        text = body.decode()
        stream = headers.get("content-type", "").startswith("text/event-stream")
        whole = [line[6:] for line in text.splitlines() if line.startswith("data: ")] if stream else [text]
        return Answer(int(first.split()[1]), headers, [json.loads(one) for one in whole if one], text)


async def _pieces(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> AsyncIterator[bytes]:
    if headers.get("transfer-encoding") != "chunked":
        yield await reader.readexactly(int(headers.get("content-length", 0)))
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
