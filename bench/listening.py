"""A server on a free port of loopback that announces its URL and runs until it is killed."""

import asyncio
from collections.abc import Callable
from typing import cast

from bench.framing import message_length

__all__ = ["Messages", "serve"]


class Messages(asyncio.Protocol):
    """Cuts what comes into whole HTTP messages, and gives each to `received`."""

    def __init__(self) -> None:
        self._buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        while buffer and (end := message_length(buffer)):
            message, buffer = buffer[:end], buffer[end:]
            self.received(message)
        self._buffer = buffer

    def received(self, message: bytes) -> None:
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)


async def serve(connection: Callable[[], asyncio.Protocol]) -> None:
    server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp", flush=True)
    await server.serve_forever()
