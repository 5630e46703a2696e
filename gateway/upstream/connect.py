"""From a specification to a live connection: transport, handshake in the right era, and the news of changes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from functools import partial

import anyio
import httpx2
import mcp_types as types
from mcp.client._transport import TransportStreams
from mcp.client.session import ClientSession
from mcp.shared.exceptions import MCPError
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION
from pydantic import ValidationError

from gateway.call import JsonObject
from gateway.upstream import wire
from gateway.upstream.auth.carrying import carrying
from gateway.upstream.connection import CLIENT, Connection, Link
from gateway.upstream.http_sse import Posts, http_sse
from gateway.upstream.nameless import Nameless
from gateway.upstream.outcomes import fate_of
from gateway.upstream.pool import Pool
from gateway.upstream.pools import Pools
from gateway.upstream.pulse import UNWATCHED, watch_over
from gateway.upstream.reaping import Reaper
from gateway.upstream.safe_transport import SafeTransport
from gateway.upstream.spec import CALL_TIMEOUT, Era, Http, ServerSpec, Stdio, Transport
from gateway.upstream.stdio import Pipes, open_stdio
from gateway.upstream.streamable import streamable
from gateway.upstream.streams import Exchange, Incoming, Outgoing
from gateway.upstream.talk import Talk
from gateway.upstream.waiting import set_within
from gateway.upstream.watching import Watched, background, watch

__all__ = ["Opening", "connect", "negotiate"]

LISTENING = 0.25  # seconds for a server to say that it tells of changes, before its lists are asked for
TURNED_AWAY = (401, 403)
_LATE = (types.REQUEST_TIMEOUT, "Request 'server/discover' timed out")  # the SDK's own words
PROBE = 10.0  # seconds for a server to show its era; a silent one is then taken for a legacy server

log = logging.getLogger("toolgate.upstream")

# At INFO and DEBUG these log addresses, headers and messages as they are, secrets and arguments included.
for _name in ("httpx2", "httpcore2", "mcp.client.streamable_http"):
    logging.getLogger(_name).setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Opening:
    """What it takes to connect. `transport` holds secrets: it lives as long as the connection."""

    name: str
    transport: Transport
    era: Era
    connect_timeout: float
    reaper: Reaper
    ceiling: int = wire.MAX_MESSAGE
    call_timeout: float = CALL_TIMEOUT
    capabilities: JsonObject = field(default_factory=dict)  # what we declare in the older era's handshake
    updated: Callable[[str], None] = lambda _uri: None  # a resource has changed
    watched: Watched = field(default_factory=Watched)

    @classmethod
    def of(cls, spec: ServerSpec, transport: Transport, reaper: Reaper, watched: Watched) -> "Opening":
        """What the specification says of it."""
        return cls(
            name=spec.name,
            transport=transport,
            era=spec.era,
            connect_timeout=spec.connect_timeout,
            reaper=reaper,
            ceiling=spec.max_answer,
            call_timeout=spec.call_timeout,
            watched=watched,
        )


async def connect(stack: AsyncExitStack, opening: Opening, link: Link) -> Connection:
    """Opens everything on `stack`, which the same task must close. Raises whatever went wrong."""
    opened = await _open(stack, opening, link)
    streams, pipes = opened.streams, opened.pipes
    exchange = Exchange(nameless=Nameless() if _is_one_stream(opening.transport) else None)
    if (sender := pipes or opened.posts) is not None:
        sender.tell(exchange)
    talk = Talk(opening.name, link.doubt, opening.updated, may_ask=bool(opening.capabilities))
    stack.callback(talk.hush)
    outgoing = Outgoing(streams[1], exchange)
    incoming = Incoming(
        streams[0], exchange, partial(_ended, link, pipes), _Listener(opening.name, talk, outgoing, exchange)
    )
    dispatcher = JSONRPCDispatcher(incoming, outgoing)
    session = ClientSession(dispatcher=dispatcher, client_info=CLIENT)
    await stack.enter_async_context(session)
    introduce = partial(introduced, session, dispatcher, opening.capabilities)
    await negotiate(session, opening.era, min(PROBE, opening.connect_timeout / 2), introduce)
    if opened.http is not None and opening.capabilities:  # it may be asked, and before there is an answer
        await opened.http.stream_opened()
    connection = Connection(session, dispatcher, exchange, link, talk, pid=pipes.pid if pipes else None)
    if isinstance(opening.transport, Http):
        reached = opened.http.reached if opened.http is not None else None
        http = replace(opening.transport, url=reached) if reached else opening.transport
        opened_by = partial(
            Pool,
            http,
            connect_timeout=opening.connect_timeout,
            ceiling=opening.ceiling,
            unheard=link.silence,
            ear=exchange,
        )
        _give_lanes(stack, connection, http, opened_by)
    if connection.modern:
        watching = background(watch(connection, opening.watched), opening.name, "its changes are not heard of")
        await stack.enter_async_context(watching)
        link.early = not await set_within(link.listening, LISTENING)
    guarding = watch_over(connection, opening.call_timeout)
    await stack.enter_async_context(background(guarding, opening.name, UNWATCHED, link.end))
    return connection


def _ended(link: Link, pipes: Pipes | None) -> None:
    """There is no more to be heard."""
    if pipes is not None and pipes.read.fault:
        link.end(pipes.read.fault)
    else:
        link.lose("" if pipes else "the server closed the connection")


def _give_lanes(stack: AsyncExitStack, connection: Connection, http: Http, opened: Callable[[], Pool]) -> None:
    """Over HTTP: whose tokens it carries, and in the modern era the fast lane."""
    connection.carrier = http.carrier
    if not connection.modern:
        return
    connection.pool = opened()
    stack.push_async_callback(connection.pool.aclose)
    if http.carrier is not None and http.carrier.credentials.per_subject:
        connection.pools = Pools(opened)
        stack.push_async_callback(connection.pools.aclose)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A transport: to a child process, over HTTP, or over what was before that."""

    streams: TransportStreams
    pipes: Pipes | None = None
    http: SafeTransport | None = None
    posts: Posts | None = None


async def _open(stack: AsyncExitStack, opening: Opening, link: Link) -> _Opened:
    transport = opening.transport
    if isinstance(transport, Stdio):
        pipes = await stack.enter_async_context(
            open_stdio(transport, opening.name, opening.reaper, ceiling=opening.ceiling)
        )
        link.explain = pipes.why
        return _Opened((pipes.read, pipes.write), pipes)
    safe = SafeTransport(link.lose, inner=carrying(transport), ceiling=opening.ceiling, one_stream=transport.sse)
    client = _http_client(transport.headers, opening, safe)
    await stack.enter_async_context(client)
    if transport.sse:
        older = http_sse(transport.url, client, ceiling=opening.ceiling, broken=link.end)
        read, posts = await stack.enter_async_context(older)
        return _Opened((read, posts), posts=posts)
    streams = streamable(transport.url, client, ceiling=opening.ceiling)
    return _Opened(await stack.enter_async_context(streams), http=safe)


def _http_client(headers: Mapping[str, str], opening: Opening, transport: SafeTransport) -> httpx2.AsyncClient:
    timeout = httpx2.Timeout(opening.connect_timeout, read=None, pool=None)
    return httpx2.AsyncClient(headers=dict(headers), transport=transport, timeout=timeout)


def _is_one_stream(transport: Transport) -> bool:
    """Whether all answers come on one, so that an error without an id may be about any request."""
    return isinstance(transport, Stdio) or transport.sse


class _Listener:
    """Hears what the server `name` says before the SDK does. Returns whether that need not hear it."""

    def __init__(self, name: str, talk: Talk, outgoing: Outgoing, exchange: Exchange) -> None:
        self._name, self._talk, self._outgoing, self._exchange = name, talk, outgoing, exchange
        self._has_said = False

    def __call__(self, item: SessionMessage) -> bool:
        message = item.message
        about = item.metadata.related_request_id if isinstance(item.metadata, ServerMessageMetadata) else None
        if isinstance(message, (types.JSONRPCResponse, types.JSONRPCError)):
            self._hear_answer(message, about)
            return False
        self._exchange.hear()
        if isinstance(message, types.JSONRPCNotification):
            self._talk.hear({"method": message.method, "params": message.params})
            return False
        return self._talk.asked(message, self._answer, about)

    def _hear_answer(self, message: types.JSONRPCResponse | types.JSONRPCError, about: types.RequestId | None) -> None:
        """What came in return to the POST of a request is not what is said of requests on the one stream."""
        if about is None and not self._exchange.named(message) and not self._has_said:
            self._has_said = True
            log.warning(
                "server %s says in an error (%s) no id, and it may be about several requests, or none: nobody gets it",
                self._name,
                message.error.code if isinstance(message, types.JSONRPCError) else "",
            )
        if self._exchange.answered(message):
            self._talk.answered(message.id)

    async def _answer(self, message: types.JSONRPCResponse | types.JSONRPCError) -> None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # who asked is gone
            await self._outgoing.send(SessionMessage(message))


Introduce = Callable[[], Awaitable[None]]


async def negotiate(session: ClientSession, era: Era, probe: float, introduce: Introduce | None = None) -> None:
    """The handshake. In `auto`, whatever is not a modern answer is taken for a legacy server, as the spec asks."""
    introduce = introduce or partial(_initialized, session)
    if era == "legacy":
        await introduce()
    elif era == "modern":
        await _discovered(session)
    elif (unlike := await _unlike_modern(session, probe)) is not None:
        await _initialize(session, introduce, unlike)


async def introduced(session: ClientSession, dispatcher: JSONRPCDispatcher, capabilities: JsonObject) -> None:
    """The older era's handshake, with capabilities that are told as they came. The SDK would declare its own."""
    if not capabilities:
        await session.initialize()
        return
    hello = {
        "protocolVersion": LATEST_HANDSHAKE_VERSION,
        "capabilities": dict(capabilities),
        "clientInfo": CLIENT.model_dump(by_alias=True, mode="json", exclude_none=True),
    }
    answer = types.InitializeResult.model_validate(await dispatcher.send_raw_request("initialize", hello))
    if answer.protocol_version not in HANDSHAKE_PROTOCOL_VERSIONS:
        raise RuntimeError(f"the server speaks the unknown protocol version {answer.protocol_version}")
    session.adopt(answer)
    await session.send_notification(types.InitializedNotification())


async def _initialized(session: ClientSession) -> None:
    await session.initialize()


async def _unlike_modern(session: ClientSession, probe: float) -> Exception | None:
    """What came of a probe; None: a modern answer."""
    try:
        async with asyncio.timeout(probe):
            await session.discover()
    except MCPError as error:
        if fate_of(error) == "unsent":  # nobody is there: that says nothing about the era
            raise
        return error
    except (TimeoutError, ValidationError, RuntimeError) as error:
        return error
    return None


async def _initialize(session: ClientSession, introduce: Introduce, unlike: Exception) -> None:
    """After a probe that came to this. Who was turned away by it has not heard of the server's era: that is why, and
    not what a modern server says of an older handshake.
    """
    try:
        await introduce()
    except MCPError as error:
        if isinstance(unlike, MCPError) and fate_of(unlike) == "refused" and unlike.code in TURNED_AWAY:
            raise unlike from None
        if error.code != types.UNSUPPORTED_PROTOCOL_VERSION:
            raise
        await _discovered(session)  # a slow modern server, which had taken our late probe as its opening


async def _discovered(session: ClientSession) -> None:
    """The SDK gives a server 10 s to answer; whoever starts slowly has until the connection's own time is over."""
    while True:
        try:
            await session.discover()
        except MCPError as error:
            if (error.code, error.message) != _LATE:  # older servers say that there is no session by the same code
                raise
        else:
            return
