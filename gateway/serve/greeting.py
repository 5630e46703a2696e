"""The handshake without the SDK's server, which takes a quarter of a second and 6 MB to load, and 95 kB a session.

Most sessions are opened, introduced and used for plain calls and lists, which go past the SDK anyway (`direct`). Here
the rest of such a session is answered in the SDK's own words: a plain `initialize`, `notifications/initialized`, `ping`
and the end. When anything else is asked in it, the SDK is told of the session before, as its client told us and under
the same name: from then on it is the SDK's.

Nothing is decided here. How many sessions somebody has (`seats`), whose one is and when it is over (`handshakes`) is
one table for both kinds.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from mcp_types import INTERNAL_ERROR
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION

from gateway.call import JsonObject
from gateway.serve.asgi import App, Message, Receive, Scope, Send, answer_json, dumped, message_of
from gateway.serve.asking import ASKER, Asker
from gateway.serve.discovery import OFFERED, Discovery
from gateway.serve.door import MCP_PATH
from gateway.serve.farewell import SESSION, end_session, in_his_name
from gateway.serve.front import Front
from gateway.serve.handshakes import Handshake, Handshakes, is_modern, session_of
from gateway.serve.heads import plain_head
from gateway.serve.holding import Holding, stream_headers
from gateway.serve.sessions import Client

__all__ = ["NAMED", "Greeting"]

NAMED = "toolgate.session"  # where the name stands, in a request's state, that the SDK has to give to a session
MOST_SAID = 4096  # bytes of an `initialize` that is kept

_REQUEST, _NOTE = {"jsonrpc", "id", "method"}, {"jsonrpc", "method"}
_SAID = {"protocolVersion", "capabilities", "clientInfo"}
_NAMES, _TOLD = {"name", "version"}, {"name", "version", "title", "description", "websiteUrl"}
_DECLARED: Mapping[str, Mapping[str, type]] = {
    "roots": {"listChanged": bool},
    "sampling": {"context": dict, "tools": dict},
    "elicitation": {"form": dict, "url": dict},
}
_POSTED = [(b"content-type", b"application/json"), (b"accept", b"application/json, text/event-stream")]
_STREAMED = (b"text/event-stream", b"application/json, text/event-stream")
_INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}
_NOT_TAKEN = {"code": INTERNAL_ERROR, "message": "Toolgate could not go on with this session now; try again"}

Answer = Sequence[Message]

log = logging.getLogger("toolgate.serve")


class Greeting:
    """ASGI middleware between `seats` and the SDK's application. `stamp` is our `serverInfo`."""

    def __init__(self, app: App, front: Front, stamp: JsonObject, handshakes: Handshakes) -> None:
        self._app, self._front, self._stamp, self._handshakes = app, front, stamp, handshakes
        self._discovery, self._holding = Discovery(front, stamp), Holding(app, front)
        self._telling: dict[str, asyncio.Task[None]] = {}  # sessions that the SDK is being told of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = session_of(scope)
        if session is None and _is_hello(scope):
            await self._greet(scope["state"][ASKER], message_of(scope), send)
            return
        if session is None and await self._discovery.answers(scope, send):
            return
        try:
            if session is not None and (known := self._listens(session, scope)) is not None:
                await self._holding.hold(known, scope, receive, send)
                return
            answer = None if session is None else await self._within(session, scope)
        except _Refused as refused:
            log.warning("the SDK did not take over a session: %s", refused.status)
            said = {"jsonrpc": "2.0", "id": message_of(scope).get("id"), "error": _NOT_TAKEN}
            await answer_json(send, 503, dumped(said), (b"retry-after", b"1"))
            return
        if answer is None:
            await self._app(scope, receive, send)
            return
        for part in answer:
            await send(part)

    async def _greet(self, asker: Asker, message: JsonObject, send: Send) -> None:
        params = message["params"]
        version = params["protocolVersion"]
        result = {
            "capabilities": OFFERED,
            "protocolVersion": version if version in HANDSHAKE_PROTOCOL_VERSIONS else LATEST_HANDSHAKE_VERSION,
            "serverInfo": self._stamp,
            "instructions": self._front.instructions(Client.said(asker, None)),
        }
        session = self._handshakes.greeted(asker, params)
        try:
            for part in _event(session, message["id"], result):
                await send(part)
        except BaseException:  # nobody knows of it
            if (known := self._handshakes.untold(session)) is not None:
                self._handshakes.forget(known)
            raise

    def _listens(self, session: str, scope: Scope) -> Handshake | None:
        """The session, if this opens its stream and nothing in it is the SDK's yet."""
        known = self._handshakes.untold(session)
        if known is None or known.client.asker != scope["state"][ASKER] or session in self._telling:
            return None
        first_one = known.introduced and not self._holding.holds(session)
        return known if first_one and _is_stream(scope) else None

    async def _within(self, session: str, scope: Scope) -> Answer | None:
        """The answer to a request in this session; None if the SDK has to give it: it knows the session then, or there
        is none, for him at least.
        """
        if (telling := self._telling.get(session)) is not None:
            await asyncio.shield(telling)
            return None
        known = self._handshakes.untold(session)
        if known is None or known.client.asker != scope["state"][ASKER]:
            return None
        answer = _usual(session, scope)
        if answer is None:
            self._telling[session] = telling = asyncio.ensure_future(self._tell(session, known, known.untold or {}))
            self._handshakes.told(known)
            await asyncio.shield(telling)
        return answer

    async def _tell(self, session: str, known: Handshake, params: JsonObject) -> None:
        asker = known.client.asker
        opening = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        try:
            await self._post(in_his_name(asker, "POST", _POSTED, **{NAMED: session}), opening)
            if known.introduced:
                named = (SESSION, session.encode("latin-1"))
                await self._post(in_his_name(asker, "POST", [*_POSTED, named]), _INITIALIZED)
            await self._holding.hand_over(session)
        except BaseException:
            await self._untell(session, asker)
            known.untold = params  # the next request tries again
            raise
        finally:
            del self._telling[session]

    async def _untell(self, session: str, asker: Asker) -> None:
        """What the SDK has of it already would be lost, and kept for ever, with the next of the same name."""
        try:
            await end_session(self._app, session, asker)
        except Exception:
            log.exception("a session that the SDK was told of by half could not be closed")

    async def _post(self, scope: Scope, message: JsonObject) -> None:
        """Raises _Refused."""
        bodies, status = [dumped(message)], 0

        async def receive() -> Message:
            if not bodies:
                await asyncio.get_running_loop().create_future()  # we stay
            return {"type": "http.request", "body": bodies.pop(), "more_body": False}

        async def send(part: Message) -> None:
            nonlocal status
            if part["type"] == "http.response.start":
                status = part["status"]

        await self._app(scope, receive, send)
        if status >= 400:
            raise _Refused(status)


class _Refused(Exception):
    """The SDK did not take over a session, with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the SDK did not take over a session: {status}")
        self.status = status


# ---- is it usual?


def _is_hello(scope: Scope) -> bool:
    """A plain `initialize`, of which the SDK's models would take every word."""
    message = message_of(scope)
    if message.get("method") != "initialize" or message.keys() != _REQUEST | {"params"}:
        return False
    if is_modern(scope) or not _is_plain(scope):
        return False
    said = message["params"]
    if said.keys() != _SAID or not isinstance(said["protocolVersion"], str) or len(dumped(said)) > MOST_SAID:
        return False
    info, declared = said["clientInfo"], said["capabilities"]
    if not isinstance(info, dict) or not isinstance(declared, dict):
        return False
    named = _NAMES <= info.keys() <= _TOLD and all(isinstance(value, str) for value in info.values())
    return named and all(_is_declared(name, value) for name, value in declared.items())


def _is_declared(name: str, value: Any) -> bool:
    known = _DECLARED.get(name)
    if known is None or not isinstance(value, dict):
        return False
    return all(key in known and isinstance(given, known[key]) for key, given in value.items())


def _usual(session: str, scope: Scope) -> Answer | None:
    """The answer to what is neither a call nor a list, and changes nothing but the session itself."""
    if scope["method"] == "DELETE":
        return _empty(session, 200)
    message = message_of(scope)
    method, wants_an_answer = message.get("method"), "id" in message
    if message.keys() - {"params"} != (_REQUEST if wants_an_answer else _NOTE) or not _is_plain(scope):
        return None
    if wants_an_answer:
        return _event(session, message["id"], {}) if method == "ping" and not message.get("params") else None
    if method == "notifications/initialized" and not message.get("params"):
        return _empty(session, 202)
    # What could be cancelled here is none of the SDK's: `direct` has seen to it.
    return _empty(session, 202) if method == "notifications/cancelled" else None


def _is_stream(scope: Scope) -> bool:
    """A plain `GET`."""
    if scope["method"] != "GET" or scope["path"] != MCP_PATH:
        return False
    fields = dict(scope["headers"])
    return len(fields) == len(scope["headers"]) and fields.get(b"accept") in _STREAMED


def _is_plain(scope: Scope) -> bool:
    posted = scope["method"] == "POST" and scope["path"] == MCP_PATH
    return posted and plain_head(scope["headers"], scope["state"][ASKER]) is not None


# ---- the SDK's own words


def _event(session: str, request_id: str | int, result: JsonObject) -> Answer:
    event = b"event: message\r\ndata: %b\r\n\r\n" % dumped({"jsonrpc": "2.0", "id": request_id, "result": result})
    return (
        {"type": "http.response.start", "status": 200, "headers": stream_headers(session)},
        {"type": "http.response.body", "body": event, "more_body": True},
        {"type": "http.response.body", "body": b"", "more_body": False},
    )


def _empty(session: str, status: int) -> Answer:
    headers = [(b"content-type", b"application/json"), (SESSION, session.encode()), (b"content-length", b"0")]
    return (
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": b""},
    )
