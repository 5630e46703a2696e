"""One live connection: raw requests in either era, over either lane.

Modern HTTP goes through our own pool; everything else through the SDK's dispatcher, below its typed layer, which drops
what it does not know. Both get the same parameters: what was judged, plus the envelope of the era.
"""

import asyncio
import contextlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import anyio
import mcp_types as types
from mcp.client.session import ClientSession
from mcp.shared.dispatcher import CallOptions
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    encode_header_value,
    mcp_param_headers,
    x_mcp_header_map,
)
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from gateway.call import Arguments, InDoubt, JsonObject, Outcome, Subject, Tool, Unsent
from gateway.caller import ASKING, NOBODY, Caller
from gateway.upstream import outcomes, wire
from gateway.upstream.augmented import augmented, result_of
from gateway.upstream.auth.carrying import Message, Reply, post
from gateway.upstream.auth.credentials import Carrier
from gateway.upstream.http1 import Headers
from gateway.upstream.pool import Pool, Replied
from gateway.upstream.pools import Pools
from gateway.upstream.streams import Exchange
from gateway.upstream.talk import Talk, weight
from gateway.upstream.wanted import Wanted

__all__ = ["CLIENT", "Connection", "Link"]


def _own_version() -> str:
    with contextlib.suppress(PackageNotFoundError):
        return version("toolgate")
    return "0"


LEVEL_SECONDS, CANCEL_SECONDS = 5.0, 2.0
KINDS = ("tools", "prompts", "resources")
KEPT, SHORT = 256, 256  # headers, of names of so many characters
MOST_MAPS = 4096  # tools of which it is known what of their arguments goes into headers
CLIENT = types.Implementation(name="toolgate", version=_own_version())
_CLIENT_JSON = CLIENT.model_dump(by_alias=True, mode="json", exclude_none=True)


async def _as_said(reason: str) -> str:
    return reason


@dataclass(slots=True)
class Link:
    """What a connection and its owner tell each other. `wake` is set with either news.

    `lost` is the reason, or empty when only `explain` may know it: a child process has last words. `fault` is what was
    found on this side, in our own words, so that whoever has a call under way may be told.
    """

    wake: asyncio.Event = field(default_factory=asyncio.Event)
    lost: str | None = None
    fault: str = ""
    gone: asyncio.Event = field(default_factory=asyncio.Event)  # it is lost
    stale: set[str] = field(default_factory=set)  # the kinds of lists that may not be true any more
    named: set[str] = field(default_factory=set)  # ... of which the server itself has said so
    listening: asyncio.Event = field(default_factory=asyncio.Event)  # changes are told from here on, or never will be
    unlike: asyncio.Event = field(default_factory=asyncio.Event)  # it may not be of its era any more
    early: bool = False  # its lists were asked for before that
    unheard: asyncio.Event = field(default_factory=asyncio.Event)  # somebody gave up without having heard anything
    silent: float = 0.0  # seconds for which nothing was heard then, as far as is known
    explain: Callable[[str], Awaitable[str]] = _as_said

    def lose(self, why: str) -> None:
        """The connection can't be used any more. The first reason stays."""
        if self.lost is None:
            self.lost = why
        self.gone.set()
        self.wake.set()

    def end(self, fault: str) -> None:
        """It is ended on this side, for this reason."""
        self.fault = self.fault or fault
        self.lose(fault)

    def renew(self) -> None:
        """As if nothing had been heard: what was connected is closed, and something else will be."""
        self.lost, self.fault, self.early, self.explain = None, "", False, _as_said
        for event in (self.wake, self.gone, self.listening, self.unlike):
            event.clear()
        self.heard()
        self.stale.clear()
        self.named.clear()

    def silence(self, seconds: float) -> None:
        """A request was given up, and for so many seconds at least nothing at all had been heard of the server."""
        self.silent = max(self.silent, seconds)
        self.unheard.set()

    def heard(self) -> None:
        """It has spoken."""
        self.silent = 0.0
        self.unheard.clear()

    def doubt(self, *kinds: str) -> None:
        """These lists (all, if none is named) may not be true any more: they have to be asked for again."""
        self.stale.update(kinds or KINDS)
        self.named.update(kinds)
        self.wake.set()

    def taken(self) -> frozenset[str]:
        """The kinds of lists that the server has named, for whoever asks for those in doubt now."""
        kinds = frozenset(self.named)
        self.stale.clear()
        self.named.clear()
        return kinds


@dataclass(slots=True)
class Connection:
    """A connection whose handshake is done. `pool` is the fast lane, for modern HTTP only; `pools` holds those of each
    subject, where the server acts for each user.
    """

    session: ClientSession
    dispatcher: JSONRPCDispatcher
    exchange: Exchange
    link: Link
    talk: Talk
    pool: Pool | None = None
    pools: Pools | None = None
    carrier: Carrier | None = None
    pid: int | None = None
    _level: str | None = None  # of the log messages that an older server was asked for
    _header_maps: dict[str, dict[tuple[str, ...], str]] = field(default_factory=dict)  # by the tool's pin
    _ids: Callable[[], int] = field(default_factory=lambda: itertools.count(1).__next__)
    _own_headers: Callable[[str, str | None], Mapping[str, str]] = field(init=False)
    protocol_version: str = field(init=False)
    modern: bool = field(init=False)

    def __post_init__(self) -> None:
        self.protocol_version = self.session.protocol_version or ""
        self.modern = self.protocol_version in MODERN_PROTOCOL_VERSIONS
        self._own_headers = lru_cache(KEPT)(lambda method, name: Headers(self._made_headers(method, name)))

    async def ask(self, method: str, params: JsonObject, timeout: float) -> Any:
        """A request without side effects: its raw result, whatever it is. Raises MCPError or TimeoutError."""
        if self.pool is None:
            return await self._ask_dispatched(method, {**params, "_meta": self._meta({})}, timeout)
        request_id, late = self._ids(), asyncio.get_running_loop().time() + timeout
        stamped = {**params, "_meta": self._meta({})}
        body = wire.dump({"jsonrpc": "2.0", "id": request_id, "method": method, "params": stamped})
        reply = await post(self.pool, self.carrier, None, Message(request_id, body, self._headers(method)), timeout)
        if not isinstance(reply, Replied):
            if asyncio.get_running_loop().time() >= late:
                raise TimeoutError(reply.why)
            fate: outcomes.Fate = "unsent" if isinstance(reply, Unsent) else "in_doubt"
            raise MCPError.from_error_data(outcomes.transport_error(fate, reply.why))
        if error := outcomes.error_in(reply.message):
            raise error
        return reply.message.get("result")

    async def _ask_dispatched(
        self, method: str, params: JsonObject, timeout: float | None, over: Callable[[str], None] | None = None
    ) -> JsonObject:
        request_id = f"toolgate-{self._ids()}"
        try:
            async with asyncio.timeout(timeout):
                return await self._dispatch(request_id, method, dict(params), self._headers(method))
        finally:
            (over or self.exchange.over)(request_id)

    async def forward(
        self, wanted: Wanted, mirrored: Mapping[str, str], meta: JsonObject, timeout: float, caller: Caller = NOBODY
    ) -> Outcome:
        """Sends a request once. Never raises for what the server or the network does."""
        headers = self._headers(wanted.method, wanted.name)
        if self.pool is None:
            if self.carrier and self.carrier.foreign(wanted.subject):
                return Unsent("this connection is another user's, and the server acts for each user")
            return await self._forward_dispatched(wanted, meta, headers, timeout, caller)
        request_id = self._ids()
        body = wanted.body(request_id, self._meta(meta, caller, request_id))
        headers = {**headers, **mirrored} if mirrored else headers
        message = Message(request_id, body, headers, lambda said: self.talk.hear(said, caller))
        reply = await self._posted(self.pool, wanted.subject, message, timeout)
        if isinstance(reply, Unsent):
            self.link.lose(reply.why)
        if isinstance(reply, InDoubt):
            self.link.doubt()
        return outcomes.of_message(reply.message) if isinstance(reply, Replied) else reply

    def _posted(self, pool: Pool, subject: Subject | None, message: Message, timeout: float) -> Awaitable[Reply]:
        if self.pools is None:
            return post(pool, self.carrier, subject, message, timeout)
        return self._posted_apart(self.pools, subject, message, timeout)

    async def _posted_apart(self, pools: Pools, subject: Subject | None, message: Message, timeout: float) -> Reply:
        async with pools.lent(subject) as own:
            return await post(own, self.carrier, subject, message, timeout)

    def said(self) -> tuple[int, int]:
        """How much there is of the server's words so far: another value whenever anything is heard."""
        return self.exchange.heard, self.exchange.pending()

    async def unasked(self) -> None:
        """Returns when no question of the server is open. It may read nothing before it is answered: until then it is a
        person who is silent, and how long the server is counts anew from there.
        """
        if await self.talk.unasked():
            self.link.silent = 0.0

    async def roots_changed(self) -> None:
        """Tells an older server that the roots of its client are others: it asks for them if it wants to know."""
        with contextlib.suppress(MCPError, anyio.ClosedResourceError, anyio.BrokenResourceError):
            await self.session.send_notification(types.RootsListChangedNotification())

    async def _hear_logs(self, caller: Caller) -> None:
        """An older server is told once what its log messages have to weigh: as little as anybody wants them."""
        level, capabilities = caller.log_level, self.session.server_capabilities
        if self.modern or level is None or capabilities is None or capabilities.logging is None:
            return
        if self._level is None or weight(level) < weight(self._level):
            self._level = level
            with contextlib.suppress(MCPError, TimeoutError):
                await self.ask("logging/setLevel", {"level": level}, LEVEL_SECONDS)

    async def _forward_dispatched(
        self, wanted: Wanted, meta: JsonObject, headers: Mapping[str, str], timeout: float, caller: Caller
    ) -> Outcome:
        await self._hear_logs(caller)
        request_id = f"toolgate-{self._ids()}"
        params, before = wanted.params(self._meta(meta, caller, request_id)), self.exchange.heard
        try:
            async with asyncio.timeout(timeout) as limit:
                with self.talk.serving(request_id, caller, limit, wanted.subject):
                    result = await self._dispatch(request_id, wanted.method, params, headers)
                    return outcomes.answer(await self._result_of(result, wanted, caller) if wanted.as_task else result)
        except TimeoutError:
            return self._ran_out(request_id, timeout, before)
        except MCPError as error:
            started, more = request_id in self.exchange.started, self.exchange.more.get(request_id)
            return outcomes.of_error(error, started=started, more=more, fault=self.link.fault)
        finally:
            self._over(wanted.subject, caller, request_id)

    def _ran_out(self, request_id: str, seconds: float, before: int) -> Outcome:
        """After so many seconds; so much had been heard until then."""
        if self.exchange.heard == before:
            self.link.silence(seconds)  # it may not even have read it
        why = f"no answer within {seconds:.3g} s"
        return InDoubt(why) if request_id in self.exchange.started else Unsent(why)

    def _over(self, subject: Subject | None, caller: Caller, request_id: str) -> None:
        """Nobody waits for this answer any more; if it has not come, the server may be at work on it."""
        if request_id in self.exchange.unanswered:
            self.talk.abandoned(request_id, subject, spared=caller.spared)
            if self.exchange.silent_since(request_id):
                self.link.silence(0)
        self.exchange.over(request_id)

    def _result_of(self, answer: Any, wanted: Wanted, caller: Caller) -> Awaitable[Any]:
        over = partial(self._over, wanted.subject, caller)
        cancel = partial(self._ask_dispatched, timeout=CANCEL_SECONDS)
        return result_of(answer, partial(self._ask_dispatched, timeout=None, over=over), cancel)

    def as_taken(self, wanted: Wanted, tool: Tool | None, timeout: float) -> Wanted:
        """The request as the server takes it: the older era has tools that are made as tasks only."""
        return wanted if self.modern else augmented(wanted, tool, timeout)

    async def _dispatch(
        self, request_id: str, method: str, params: dict[str, Any], headers: Mapping[str, str]
    ) -> dict[str, Any]:
        """Through the SDK's dispatcher, which may add to its own copy of the parameters, but not to what is sent."""
        self.exchange.frozen[request_id] = params
        options: CallOptions = {"request_id": request_id, "headers": dict(headers)}
        try:
            return await self.dispatcher.send_raw_request(method, params, options)
        except MCPError as error:
            if outcomes.fate_of(error) == "session_lost":  # not before its answer is here: else it would be in doubt
                self.link.lose(error.message)
            raise
        finally:
            self.exchange.frozen.pop(request_id, None)

    def _meta(self, given: JsonObject, caller: Caller = NOBODY, request_id: str | int = 0) -> dict[str, Any]:
        """`params._meta`. In the modern era each request carries its envelope, with what its own caller declared:
        a server may not ask for anything else.
        """
        meta = dict(given)
        if caller.wants_progress:
            meta["progressToken"] = request_id
        if not self.modern:
            return meta
        meta[types.PROTOCOL_VERSION_META_KEY] = self.protocol_version
        meta[types.CLIENT_INFO_META_KEY] = _CLIENT_JSON
        said = caller.capabilities
        meta[types.CLIENT_CAPABILITIES_META_KEY] = relayed(said, tasks=caller.modern) if said else {}
        if caller.log_level is not None:
            meta[types.LOG_LEVEL_META_KEY] = caller.log_level
        return meta

    def _headers(self, method: str, name: str | None = None) -> Mapping[str, str]:
        """HTTP's copies of what the body says (MCP 2026-07-28, Transports: standard headers)."""
        return self._own_headers(method, name) if len(name or "") <= SHORT else self._made_headers(method, name)

    def _made_headers(self, method: str, name: str | None) -> Mapping[str, str]:
        headers = {MCP_PROTOCOL_VERSION_HEADER: self.protocol_version}
        if self.modern:
            headers[MCP_METHOD_HEADER] = method
            if name is not None:
                headers[MCP_NAME_HEADER] = encode_header_value(name)
        return headers

    def mirrored(self, tool: Tool, arguments: Arguments) -> Mapping[str, str]:
        """`Mcp-Param-*`: the arguments that the tool's schema wants to see in headers too."""
        if tool.pin not in self._header_maps:
            if len(self._header_maps) >= MOST_MAPS:  # a server may describe its tools in other words each time
                self._header_maps.clear()
            self._header_maps[tool.pin] = x_mcp_header_map(tool.input_schema)
        wanted = self._header_maps[tool.pin]
        return mcp_param_headers(wanted, wire.read(arguments.text.encode())) if wanted else {}


TASKS = "io.modelcontextprotocol/tasks"  # a server that hears of it may answer with one


def relayed(capabilities: JsonObject, *, tasks: bool = False) -> dict[str, Any]:
    """What of a client's capabilities may be said to a server: what the gateway can carry.

    `tasks` says that server and client are of the modern era, and so can do with one.
    """
    told = {name: capabilities[name] for name in ASKING if name in capabilities}
    extensions = capabilities.get("extensions")
    if isinstance(extensions, Mapping) and (known := {k: v for k, v in extensions.items() if tasks or k != TASKS}):
        told["extensions"] = known
    return told
