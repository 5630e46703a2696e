"""From a specification to a live connection: transport, handshake in the right era, and the news of changes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import mcp_types as types
from mcp.client._transport import TransportStreams
from mcp.client.session import ClientSession, IncomingMessage, MessageHandlerFnT
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost, listen
from mcp.shared.exceptions import MCPError
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from pydantic import ValidationError

from gateway.upstream import wire
from gateway.upstream.connection import CLIENT, Connection, Link
from gateway.upstream.outcomes import fate_of
from gateway.upstream.pool import Pool
from gateway.upstream.reaping import Reaper
from gateway.upstream.safe_transport import SafeTransport
from gateway.upstream.spec import Era, Http, Stdio, Transport
from gateway.upstream.stdio import Pipes, open_stdio
from gateway.upstream.streams import Exchange, Incoming, Outgoing

__all__ = ["Opening", "connect", "negotiate", "watch"]

PROBE = 10.0  # seconds for a server to show its era; a silent one is then taken for a legacy server
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between subscriptions that end

# At INFO and DEBUG these log addresses, headers and messages as they are, secrets and arguments included.
for _name in ("httpx2", "httpcore2", "mcp.client.streamable_http", "mcp.client.sse"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Opening:
    """What it takes to connect. `transport` holds secrets: it lives as long as the connection."""

    name: str
    transport: Transport
    era: Era
    connect_timeout: float
    reaper: Reaper


async def connect(stack: AsyncExitStack, opening: Opening, link: Link) -> Connection:
    """Opens everything on `stack`, which the same task must close. Raises whatever went wrong."""
    streams, pipes = await _open(stack, opening, link)
    exchange = Exchange()
    incoming = Incoming(streams[0], lambda: link.lose("" if pipes else "the server closed the connection"))
    dispatcher = JSONRPCDispatcher(incoming, Outgoing(streams[1], exchange))
    session = ClientSession(dispatcher=dispatcher, client_info=CLIENT, message_handler=_changes(link))
    await stack.enter_async_context(session)
    await negotiate(session, opening.era, min(PROBE, opening.connect_timeout / 2))
    connection = Connection(session, dispatcher, exchange, link, pid=pipes.pid if pipes else None)
    if connection.modern and isinstance(opening.transport, Http):
        connection.pool = Pool(opening.transport, connect_timeout=opening.connect_timeout)
        stack.push_async_callback(connection.pool.aclose)
    if connection.modern and _tells_changes(session):
        await stack.enter_async_context(_background(watch(session, link)))
    return connection


async def _open(stack: AsyncExitStack, opening: Opening, link: Link) -> tuple[TransportStreams, Pipes | None]:
    transport = opening.transport
    if isinstance(transport, Stdio):
        pipes = await stack.enter_async_context(open_stdio(transport, opening.name, opening.reaper))
        link.explain = pipes.why
        return (pipes.read, pipes.write), pipes
    if transport.sse:
        return await stack.enter_async_context(_sse(transport, opening, link)), None
    client = _http_client(transport.headers, opening, SafeTransport(link.lose))
    await stack.enter_async_context(client)
    streams = streamable_http_client(transport.url, http_client=client, max_sse_event_size=wire.MAX_MESSAGE)
    return await stack.enter_async_context(streams), None


def _sse(transport: Http, opening: Opening, link: Link) -> Any:
    def factory(
        headers: dict[str, str] | None = None, timeout: httpx2.Timeout | None = None, auth: httpx2.Auth | None = None
    ) -> httpx2.AsyncClient:
        del timeout, auth
        return _http_client(headers or {}, opening, SafeTransport(link.lose, fragile=True))

    return sse_client(transport.url, headers=dict(transport.headers), httpx_client_factory=factory)


def _http_client(headers: Mapping[str, str], opening: Opening, transport: SafeTransport) -> httpx2.AsyncClient:
    timeout = httpx2.Timeout(opening.connect_timeout, read=None, pool=None)
    return httpx2.AsyncClient(headers=dict(headers), transport=transport, timeout=timeout)


async def negotiate(session: ClientSession, era: Era, probe: float) -> None:
    """The handshake. In `auto`, whatever is not a modern answer is taken for a legacy server, as the spec asks."""
    if era == "legacy":
        await session.initialize()
    elif era == "modern":
        await session.discover()
    elif not await _is_modern(session, probe):
        await _initialize(session)


async def _is_modern(session: ClientSession, probe: float) -> bool:
    try:
        async with asyncio.timeout(probe):
            await session.discover()
    except MCPError as error:
        if fate_of(error) == "unsent":  # nobody is there: that says nothing about the era
            raise
        return False
    except (TimeoutError, ValidationError, RuntimeError):
        return False
    return True


async def _initialize(session: ClientSession) -> None:
    try:
        await session.initialize()
    except MCPError as error:
        if error.code != types.UNSUPPORTED_PROTOCOL_VERSION:
            raise
        await session.discover()  # a slow modern server, which had taken our late probe as its opening


def _tells_changes(session: ClientSession) -> bool:
    tools = session.server_capabilities.tools if session.server_capabilities else None
    return bool(tools and tools.list_changed)


def _changes(link: Link) -> MessageHandlerFnT:
    """How the legacy era tells of a changed list."""

    async def handle(message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            link.doubt()

    return handle


async def watch(session: ClientSession, link: Link) -> None:
    """How the modern era tells of it: a subscription, opened again when it ends; what happened between is not told."""
    pause = FIRST_PAUSE
    while True:
        try:
            await _listen(session, link, again=pause > FIRST_PAUSE)
        except ListenNotSupportedError:
            return
        except MCPError as error:
            if fate_of(error) is None:  # the server itself says no
                return
        except (SubscriptionLost, TimeoutError):
            pass
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)


async def _listen(session: ClientSession, link: Link, *, again: bool) -> None:
    async with asyncio.timeout(PROBE) as opening, listen(session, tools_list_changed=True) as subscription:
        opening.reschedule(None)
        if again:
            link.doubt()
        async for _ in subscription:
            link.doubt()


@asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
