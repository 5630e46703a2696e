"""`tools/call` over HTTP, without the SDK's application in between, which costs ten times what the gateway itself does.

Only a plain call goes this way: everything about it is in order, and nothing can come before its answer. (A modern
client is asked by an answer, so that he can be asked is no hindrance.) It meets the same `Front`, so the same gates.
Whatever is out of the ordinary goes to the SDK's application, which also has the protocol's words for what is wrong;
nothing is refused here.
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import (
    ERROR_CODE_HTTP_STATUS,
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    InboundModernRoute,
    classify_inbound_request,
)
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    PROTOCOL_VERSION_META_KEY,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from gateway.call import JsonObject
from gateway.caller import Caller
from gateway.deadlines import Deadlines
from gateway.errors import ToolgateError
from gateway.serve.asgi import App, Receive, Scope, Send, answer_json, dumped, message_of
from gateway.serve.asking import ASKER, Asker
from gateway.serve.callers import Quiet, wants_nothing_meanwhile
from gateway.serve.door import MCP_PATH
from gateway.serve.envelope import in_shape, response, traced
from gateway.serve.exchanges import Request
from gateway.serve.front import Front
from gateway.serve.greeting import Greeting
from gateway.serve.handshakes import Handshake, Handshakes, Posted, is_modern, session_of
from gateway.serve.heads import Head, Said, plain_head
from gateway.serve.lists import answer_list
from gateway.serve.replies import ServerError
from gateway.serve.seats import MAX_EACH, MOST_TOLD, Seats
from gateway.serve.sessions import Client
from gateway.serve.underway import CANCELLED, ENDED, Answering, Underway
from gateway.values import value
from gateway.verbatim import wholes

__all__ = ["Direct", "Plain"]

MOST_SAID = 4096  # bytes of what a client says of itself, to be remembered
WATCH_AFTER = 0.05  # seconds until it is worth looking whether the client is still there
_REQUEST = {"jsonrpc", "id", "method", "params"}
_PARAMS = {"name", "arguments", "_meta"}
_CallKey = tuple[Asker, str, str | int]  # whose, in which session, and the request's id
_TAKEN = {"code": INVALID_REQUEST, "message": "A request with this id is being answered in this session"}

log = logging.getLogger("toolgate.serve")


@value(frozen=True, slots=True)
class Plain:
    """A call that needs nothing but its answer. `known` is the session that it came in, if any."""

    id: str | int
    client: Client
    version: str
    caller: Caller
    params: JsonObject
    came: float
    known: Handshake | None = None


class Direct:
    """ASGI middleware before the SDK's application, and behind the door: each request has an `Asker`.

    `most_each` is how many sessions of the handshake era one person has.
    """

    def __init__(self, app: App, front: Front, stamp: JsonObject, most_each: int = MAX_EACH) -> None:
        self._app, self._front, self._stamp = app, front, stamp
        self._handshakes = Handshakes()
        greeting = Greeting(app, front, stamp, self._handshakes)
        self._seats = Seats(greeting, self._handshakes, most_each, self._close)
        self._deadlines = Deadlines()
        self._calls: dict[_CallKey, Underway] = {}  # of sessions, under way
        self._alone: set[Underway] = set()  # those of them whose clients are gone

    def owner(self, session: str) -> Asker | None:
        """Whose this session of the handshake era is, if it is open."""
        return self._handshakes.owner(session)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        message, asker = message_of(scope), scope["state"][ASKER]
        head = plain_head(scope["headers"], asker) if scope["path"] == MCP_PATH else None
        plain = None if head is None else self.plain(head, message)
        if plain is not None:
            await self._directly(plain, receive, send)
            return
        listed = None if head is None else await self._front.lists.answer(head, message, self._handshakes, self._stamp)
        if listed is not None:
            await answer_list(send, listed)
            return
        session = session_of(scope)
        if message.get("method") == "notifications/cancelled":
            self._cancel(asker, session, message.get("params"))
        posted = Posted(asker, scope["method"], session, message, modern=is_modern(scope))
        key = _key(asker, session, message)
        if key in self._calls:
            await answer_json(send, 400, dumped({"jsonrpc": "2.0", "id": message["id"], "error": _TAKEN}))
            return
        if posted.verb == "DELETE":
            self._end(asker, session)
        answering = Answering(send, message)
        with self._answering(key, answering):
            await self._hand_on(posted, scope, receive, answering)

    async def _hand_on(self, posted: Posted, scope: Scope, receive: Receive, answering: Answering) -> None:
        try:
            await self._seats.hand_on(posted, scope, receive, answering.send)
        except asyncio.CancelledError:  # the gateway ends: a client who calls it off is answered there
            if not await answering.ended():
                raise

    async def _directly(self, plain: Plain, receive: Receive, send: Send) -> None:
        watch = _Watch(receive, self._deadlines)
        try:
            status, body = await self.answer(plain, watch)
        finally:
            watch.end()
        await answer_json(send, status, body)

    async def answer(self, plain: Plain, underway: Underway) -> tuple[int, bytes]:
        """The HTTP status and the body; also of a call that was called off."""
        known, client = plain.known, plain.client
        key = None if client.session is None else (client.asker, client.session, plain.id)
        if key is not None:
            if self._calls.setdefault(key, underway) is not underway:
                return 400, dumped({"jsonrpc": "2.0", "id": plain.id, "error": _TAKEN})
            underway.alone = self._alone
        if known is not None:
            self._handshakes.begin(known)
        try:
            return await self._answered(plain)
        except asyncio.CancelledError:  # by the client; or the gateway ends, and the task with this
            error = CANCELLED if underway.cancelled else ENDED
            return 200, dumped({"jsonrpc": "2.0", "id": plain.id, "error": error})
        finally:
            if known is not None:
                self._handshakes.end(known)
            if key is not None:
                del self._calls[key]
                self._alone.discard(underway)

    @contextmanager
    def _answering(self, key: _CallKey | None, underway: Underway) -> Iterator[None]:
        """While one of a session's requests is answered, none other of its id is."""
        if key is None:
            yield
            return
        self._calls[key] = underway
        try:
            yield
        finally:
            del self._calls[key]

    def _end(self, asker: Asker, session: str | None) -> None:
        """It is about to be closed, if it is his: what he has under way in it is called off."""
        for underway in self._within(asker, session):
            underway.cancel()

    def _close(self, closed: Handshake) -> None:
        """It makes room for another one: what is under way in it learns that."""
        for underway in self._within(closed.client.asker, closed.client.session):
            underway.close()

    def _within(self, asker: Asker, session: str | None) -> list[Underway]:
        return [underway for key, underway in self._calls.items() if key[:2] == (asker, session)]

    def _cancel(self, asker: Asker, session: str | None, params: Any) -> None:
        """Only a session can cancel by a request's id, and only his whose it is: those of modern requests belong to
        nobody.
        """
        request_id = params.get("requestId") if isinstance(params, Mapping) else None
        if session is None or not isinstance(request_id, (str, int)) or isinstance(request_id, bool):
            return
        underway = self._calls.get((asker, session, request_id))
        if underway is not None:
            underway.cancel()

    # ---- is it plain?

    def plain(self, head: Head, message: Mapping[str, Any]) -> Plain | None:
        """The call that a request is, if that is all that it is."""
        if message.get("method") != "tools/call" or message.keys() != _REQUEST:
            return None
        params = message["params"]
        if not _simple(params) or not self._front.plain(params["name"]):
            return None
        known, meta = None, params.get("_meta", {})
        if head.modern:
            said = self._said(head, message, meta)
        else:
            known = self._session(head)
            said = None if known is None else _of_session(head, meta, known)
        if said is None:
            return None
        params = traced(params, head.fields.get("traceparent"))
        return Plain(message["id"], said.client, head.version, said.caller, params, time.monotonic(), known)

    def _said(self, head: Head, message: Mapping[str, Any], meta: JsonObject) -> Said | None:
        said = head.said
        if said is not None and said.meta == meta and said.name == message["params"]["name"]:
            return said  # nothing else is compared with the head
        if not _routed(head, message, meta):
            return None
        if (size := len(dumped(meta))) > MOST_TOLD:
            return None  # it is refused where all others are
        said = self._introduced(head, meta, message["params"]["name"])
        head.said = said if size <= MOST_SAID else None  # it is kept for as long as the head is
        return said

    def _session(self, head: Head) -> Handshake | None:
        """The one that it comes in, if nothing can come before an answer in it."""
        session = head.session
        if session is None or head.version not in HANDSHAKE_PROTOCOL_VERSIONS:
            return None
        known = self._handshakes.fresh(head.asker, session)
        return None if known is None or known.wants_log or known.asked else known

    def _introduced(self, head: Head, meta: JsonObject, name: str) -> Said | None:
        if not in_shape(meta, head.version):
            return None
        client = Client.said(head.asker, meta.get(CLIENT_INFO_META_KEY), stateless=True)
        return Said(meta, client, Quiet(client.key, True, meta[CLIENT_CAPABILITIES_META_KEY]), name)

    # ---- its answer

    async def _answered(self, plain: Plain) -> tuple[int, bytes]:
        """The HTTP status and the body: in the modern era an error has its own."""
        try:
            answer = await self._front.ask("tools/call", Request(plain.client, plain.params, plain.caller, plain.came))
        except MCPError as error:
            answer = ServerError(error.code, error.message, error.data)
        except ToolgateError as error:  # it could not be recorded, so it was not made; or it was, and is in doubt
            answer = ServerError(INTERNAL_ERROR, f"Toolgate: {error}")
        except Exception:
            log.exception("`tools/call` failed")
            answer = ServerError(INTERNAL_ERROR, "Toolgate failed; its log says why")
        if isinstance(answer, ServerError):
            status = ERROR_CODE_HTTP_STATUS.get(answer.code, 200) if plain.version in MODERN_PROTOCOL_VERSIONS else 200
            return status, dumped({"jsonrpc": "2.0", "id": plain.id, "error": wholes(answer.to_json())})
        return 200, response(plain.id, answer, "tools/call", plain.version, self._stamp)


class _Watch(Underway):
    """Notices when its client goes away. Looks only at calls that take their time."""

    __slots__ = ("_deadlines", "_due", "_looking", "_receive")

    def __init__(self, receive: Receive, deadlines: Deadlines) -> None:
        super().__init__(asyncio.current_task())
        self._receive, self._deadlines = receive, deadlines
        self._looking: asyncio.Task[None] | None = None
        self._due = deadlines.after(WATCH_AFTER, self._begin)

    def _begin(self) -> None:
        self._looking = asyncio.ensure_future(self._look())

    async def _look(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.leave()

    def end(self) -> None:
        self._deadlines.drop(self._due)
        if self._looking is not None:
            self._looking.cancel()


def _key(asker: Asker, session: str | None, message: Mapping[str, Any]) -> _CallKey | None:
    """None for what has no answer, and outside of a session, where ids are nobody's."""
    request_id = message.get("id") if "method" in message else None
    if session is None or not isinstance(request_id, (str, int)) or isinstance(request_id, bool):
        return None
    return asker, session, request_id


def _simple(params: JsonObject) -> bool:
    """A name, arguments, and nothing that would have us talk to the client before the answer."""
    meta = params.get("_meta", {})
    return (
        params.keys() <= _PARAMS
        and isinstance(params.get("name"), str)
        and isinstance(params.get("arguments", {}), dict)
        and isinstance(meta, dict)
        and wants_nothing_meanwhile(meta)
    )


def _of_session(head: Head, meta: JsonObject, known: Handshake) -> Said:
    if head.said is None or head.said.client is not known.client:
        head.said = Said(meta, known.client, Quiet(known.client.key, False))
    return head.said


def _routed(head: Head, message: Mapping[str, Any], meta: JsonObject) -> bool:
    """Whether the headers say what the body says (the SDK's ladder, for whatever is not written plainly)."""
    said, params = head.fields, message["params"]
    if (
        meta.get(PROTOCOL_VERSION_META_KEY) == head.version
        and said.get(MCP_METHOD_HEADER) == message["method"]
        and said.get(MCP_NAME_HEADER) == params["name"]
        and params["name"].isascii()
        and not params["name"].startswith("=?")  # an encoded one
        and CLIENT_CAPABILITIES_META_KEY in meta
    ):
        return True
    return isinstance(classify_inbound_request(message, headers=said), InboundModernRoute)
