"""A server is met in the era that is remembered of it. One that is of another by now is met anew, within one start.

So is one that goes back to the older era while it is connected over HTTP (a deployment rolled back, behind the same
address): it refuses what is sent to it, and then it is asked once whether it still is of the modern one. Whoever goes
forward loses his sessions, which is noticed anyway.
"""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import mcp_types as types
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from gateway.call import Refused
from gateway.upstream.connect import Opening, connect
from gateway.upstream.connection import Connection, Link
from gateway.upstream.eras import Eras, fingerprint
from gateway.upstream.outcomes import fate_of

__all__ = ["heed", "lasting", "meet"]

PATIENCE = 5.0  # seconds for a server to say of which era it is
SURE = 5.0  # seconds from when it has said that it is of the modern one, until it is asked again

_NOTHING_LIKE_IT = (400, 404, 405)  # HTTP's answers of one that does not know what it was sent
# What older servers say to a request without a session, or of a version that they don't know: SDKs differ.
_UNLIKE_MODERN = frozenset(
    {types.METHOD_NOT_FOUND, types.INVALID_REQUEST, -32000, -32001, types.UNSUPPORTED_PROTOCOL_VERSION}
).union(_NOTHING_LIKE_IT)


async def meet(stack: AsyncExitStack, opening: Opening, link: Link, eras: Eras) -> Connection:
    """As `connect`; whatever the era, if it is not prescribed, it is remembered then."""
    if opening.era != "auto":
        return await connect(stack, opening, link)
    mark = fingerprint(opening.name, opening.transport)
    connection = await _as_remembered(stack, opening, link, eras) or await connect(stack, opening, link)
    eras.learn(mark, "modern" if connection.modern else "legacy")
    return connection


async def _as_remembered(stack: AsyncExitStack, opening: Opening, link: Link, eras: Eras) -> Connection | None:
    """None if nothing is remembered, or it is not true any more: what was opened for it is closed then."""
    mark = fingerprint(opening.name, opening.transport)
    known = eras.of(mark)
    if known is None:
        return None
    trial = AsyncExitStack()
    stack.push_async_exit(trial)
    try:
        return await connect(trial, replace(opening, era=known), link)
    except Exception as error:
        eras.doubted(mark, error)
        if not _answers_otherwise(error):
            raise
    await trial.aclose()
    link.renew()
    return None


def _answers_otherwise(error: Exception) -> bool:
    """Whether it is there, and not of that era. What says no to us would say it in each."""
    if isinstance(error, MCPError):
        fate = fate_of(error)
        return fate is None or (fate == "refused" and error.code in _NOTHING_LIKE_IT)
    return isinstance(error, (ValidationError, RuntimeError))


def heed(link: Link, error: Refused | Exception) -> None:
    """What a server refuses may say something of the server itself."""
    if isinstance(error, Refused) and error.code == types.HEADER_MISMATCH:
        link.doubt()  # it wants other `Mcp-Param-*` headers than the schema that we know
    if isinstance(error, (Refused, MCPError)) and error.code in _UNLIKE_MODERN:
        link.unlike.set()


async def lasting(connection: Connection) -> None:
    """While a server of the modern era is connected: the connection is lost when it has gone back to the older one."""
    link = connection.link
    while connection.pool is not None:  # a child process stays what it is
        await link.unlike.wait()
        if not await _still_modern(connection):
            link.lose("it has gone back to the protocol's older era")
            return
        await asyncio.sleep(SURE)
        link.unlike.clear()


async def _still_modern(connection: Connection) -> bool:
    """A server that says nothing may be."""
    try:
        await connection.ask("server/discover", {}, PATIENCE)
    except MCPError as error:
        return error.code not in _UNLIKE_MODERN
    except TimeoutError:
        pass
    return True
