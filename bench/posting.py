"""A client for what is counted and not loaded: one connection, one request after the other, every answer looked at."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from bench.framing import with_length
from bench.listening import Messages
from bench.load import Era

__all__ = ["Client", "connected"]

PATIENCE = 30.0  # seconds

_CLIENT = {"name": "bench", "version": "1"}
_VERSIONS = {"modern": "2026-07-28", "legacy": "2025-11-25"}
_ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": _VERSIONS["modern"],
    "io.modelcontextprotocol/clientInfo": _CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}


class _Connection(Messages):
    def __init__(self) -> None:
        super().__init__()
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def received(self, message: bytes) -> None:
        self.answer.set_result(message)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc or ConnectionError("the connection was closed"))


@dataclass(slots=True)
class Client:
    """`session` is that of the handshake era."""

    url: str
    era: Era
    connection: _Connection
    session: str = ""

    async def ask(self, method: str, params: Mapping[str, Any], expected: bytes) -> bytes:
        """The whole answer. Raises RuntimeError for one that does not hold what is expected."""
        answer = await self.send(self.request(method, params))
        if expected not in answer:
            raise RuntimeError(f"`{method}` was answered wrongly: {answer[:500]!r}")
        return answer

    async def send(self, request: bytes) -> bytes:
        self.connection.answer = asyncio.get_running_loop().create_future()
        self.connection.send(request)
        async with asyncio.timeout(PATIENCE):
            return await self.connection.answer

    def request(self, method: str, params: Mapping[str, Any], number: int | None = 1) -> bytes:
        given = {**params, "_meta": _ENVELOPE} if self.era == "modern" else dict(params)
        message = {"jsonrpc": "2.0", "method": method, "params": given} | ({} if number is None else {"id": number})
        headers = {
            "host": urlsplit(self.url).netloc,
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "mcp-protocol-version": _VERSIONS[self.era],
            "mcp-method": method,
        }
        headers |= {"mcp-name": params["name"]} if method == "tools/call" else {}
        headers |= {"mcp-session-id": self.session} if self.session else {}
        return with_length("POST /mcp HTTP/1.1", headers, json.dumps(message).encode())

    async def introduce(self) -> None:
        """The handshake, for a session of its own."""
        self.session = ""
        hello = {"protocolVersion": _VERSIONS["legacy"], "capabilities": {}, "clientInfo": _CLIENT}
        head = (await self.ask("initialize", hello, b"serverInfo")).partition(b"\r\n\r\n")[0]
        named = (line.partition(b":") for line in head.split(b"\r\n"))
        self.session = next((v.strip().decode() for k, _, v in named if k.lower() == b"mcp-session-id"), "")
        await self.send(self.request("notifications/initialized", {}, None))


@contextlib.asynccontextmanager
async def connected(url: str, era: Era) -> AsyncIterator[Client]:
    """A client that has introduced itself, where the era wants that."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    transport, connection = await loop.create_connection(_Connection, parts.hostname or "", parts.port or 80)
    client = Client(url, era, connection)
    try:
        if era == "legacy":
            await client.introduce()
        yield client
    finally:
        transport.abort()
        await asyncio.gather(connection.answer, return_exceptions=True)
