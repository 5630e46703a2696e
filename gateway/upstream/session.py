"""One connection without supervision: for looking at a gateway as its clients see it. Nothing is judged here."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mcp.shared.exceptions import MCPError

from gateway.call import Arguments, JsonObject, Outcome, Tool
from gateway.errors import UpstreamUnavailable
from gateway.upstream import wire
from gateway.upstream.connect import Opening, connect
from gateway.upstream.connection import Connection, Link
from gateway.upstream.listing import list_tools
from gateway.upstream.looking import looked_at_all
from gateway.upstream.reaping import Reaper
from gateway.upstream.spec import Stdio, Transport, redacted
from gateway.upstream.wanted import Wanted

__all__ = ["Session", "open_session"]


@dataclass(frozen=True, slots=True)
class Session:
    """A connection whose handshake is done. `name` is what its tools are said to be of; times are seconds."""

    name: str
    connection: Connection
    timeout: float

    @property
    def protocol_version(self) -> str:
        return self.connection.protocol_version

    async def tools(self) -> Sequence[Tool]:
        """What it lists, with the hints that it gives. Raises UpstreamUnavailable."""
        try:
            listing = await looked_at_all(await list_tools(self._asked, self.name, trusted=True))
        except (MCPError, TimeoutError, ValueError) as error:
            raise UpstreamUnavailable(self.name, f"its tools can't be listed: {error}") from None
        return tuple(listing.tools.values())

    async def _asked(self, method: str, params: JsonObject) -> Any:
        return await self.connection.ask(method, params, self.timeout)

    async def call(self, tool: str, arguments: JsonObject) -> Outcome:
        """One call, of a tool that it need not have listed. What goes wrong is an outcome."""
        text = Arguments.parse(arguments).text.encode()
        asked = Wanted("tools/call", tool, b'"name":%s,"arguments":%s' % (wire.dump(tool), text))
        return await self.connection.forward(asked, {}, {}, self.timeout)


@asynccontextmanager
async def open_session(name: str, transport: Transport, timeout: float = 30.0) -> AsyncIterator[Session]:
    """Connects, and ends what it started. Raises UpstreamUnavailable, with what the program said."""
    reaper, link = Reaper(), Link()
    try:
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(timeout):
                    connection = await connect(stack, Opening(name, transport, "auto", timeout, reaper), link)
            except Exception as error:
                said = await link.explain(link.lost or str(error) or type(error).__name__)
                raise UpstreamUnavailable(name, redacted(f"{_where(transport)}{said}", transport)) from error
            yield Session(name, connection, timeout)
    except BaseExceptionGroup as group:  # the SDK's task group wraps whatever goes through it
        raise _only(group) from None
    finally:
        await reaper.close()


def _where(transport: Transport) -> str:
    """The address, for the errors of networks, which don't tell it."""
    if isinstance(transport, Stdio):
        return ""
    parts = urlsplit(transport.url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}: "


def _only(error: BaseException) -> BaseException:
    """The one error in a group of one, however deep."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
