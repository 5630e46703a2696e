"""`tools/call` over HTTP, without the SDK's application in between, which costs ten times what the gateway itself does.

Only a plain call goes this way: everything about it is in order, and nothing can come before its answer. (A modern
client is asked by an answer, so that he can be asked is no hindrance.) It meets the same `Front`, so the same gates.
Whatever is out of the ordinary goes to the SDK's application, which also has the protocol's words for what is wrong;
nothing is refused here.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS, InboundModernRoute, classify_inbound_request
from mcp_types import CLIENT_CAPABILITIES_META_KEY, CLIENT_INFO_META_KEY, INTERNAL_ERROR
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from gateway.call import JsonObject
from gateway.caller import Caller, asks
from gateway.errors import ToolgateError
from gateway.serve.asgi import App, Receive, Scope, Send, answer_json, dumped, first, message_of
from gateway.serve.asking import ASKER, Asker
from gateway.serve.callers import Quiet, wants_nothing_meanwhile
from gateway.serve.deadlines import Deadlines
from gateway.serve.envelope import enveloped, in_shape, traced
from gateway.serve.exchanges import Request
from gateway.serve.front import Front
from gateway.serve.handshakes import Handshakes, Posted
from gateway.serve.lists import answer_list
from gateway.serve.replies import ServerError
from gateway.serve.seats import MAX_EACH, Seats
from gateway.serve.sessions import Client
from gateway.verbatim import parts

__all__ = ["Direct"]

WATCH_AFTER = 0.05  # seconds until it is worth looking whether the client is still there
_PATH = "/mcp"
_REQUEST = {"jsonrpc", "id", "method", "params"}
_PARAMS = {"name", "arguments", "_meta"}
_ACCEPTED = {b"application/json", b"text/event-stream"}
_CallKey = tuple[Asker, str | None, str | int]  # whose, in which session, and the request's id
_CANCELLED = {"code": 0, "message": "Request cancelled"}  # the SDK's own words; a client that cancels waits for none

log = logging.getLogger("toolgate.serve")


@dataclass(frozen=True, slots=True)
class _Plain:
    """A call that needs nothing but its answer."""

    id: str | int
    client: Client
    version: str
    caller: Caller
    params: JsonObject

    @property
    def key(self) -> "_CallKey":
        return self.client.asker, self.client.session, self.id


class Direct:
    """ASGI middleware before the SDK's application, and behind the door: each request has an `Asker`.

    `most_each` is how many sessions of the handshake era one person has.
    """

    def __init__(self, app: App, front: Front, stamp: JsonObject, most_each: int = MAX_EACH) -> None:
        self._app, self._front, self._stamp = app, front, stamp
        self._handshakes = Handshakes()
        self._seats = Seats(app, self._handshakes, most_each)
        self._deadlines = Deadlines()
        self._calls: dict[_CallKey, _Watch] = {}  # under way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        message = message_of(scope)
        plain = self._plain(scope, message)
        if plain is not None:
            await self._directly(plain, receive, send)
            return
        listed = self._front.lists.answer(scope, message, self._handshakes, self._stamp)
        if listed is not None:
            await answer_list(send, listed)
            return
        asker, session = scope["state"][ASKER], _session_of(scope)
        if message.get("method") == "notifications/cancelled":
            self._cancel(asker, session, message.get("params"))
        posted = Posted(asker, scope["method"], session, message, modern=_is_modern(scope))
        await self._seats.hand_on(posted, scope, receive, send)

    async def _directly(self, plain: _Plain, receive: Receive, send: Send) -> None:
        watch = _Watch(receive, self._deadlines)
        self._calls[plain.key] = watch
        try:
            status, body = await self._answered(plain)
        except asyncio.CancelledError:
            if not watch.cancelled:
                raise
            status, body = 200, dumped({"jsonrpc": "2.0", "id": plain.id, "error": _CANCELLED})
        finally:
            watch.end()
            if self._calls.get(plain.key) is watch:
                del self._calls[plain.key]
        await answer_json(send, status, body)

    def _cancel(self, asker: Asker, session: str | None, params: Any) -> None:
        """Only a session can cancel by a request's id, and only his whose it is: those of modern requests belong to
        nobody.
        """
        request_id = params.get("requestId") if isinstance(params, Mapping) else None
        if session is None or not isinstance(request_id, str | int) or isinstance(request_id, bool):
            return
        watch = self._calls.get((asker, session, request_id))
        if watch is not None:
            watch.cancel()

    # ---- is it plain?

    def _plain(self, scope: Scope, message: Mapping[str, Any]) -> _Plain | None:
        if message.get("method") != "tools/call" or message.keys() != _REQUEST or scope["path"] != _PATH:
            return None
        headers = dict(scope["headers"])
        if len(headers) != len(scope["headers"]) or not self._in_order(headers):
            return None
        params = message["params"]
        if not _simple(params) or not self._front.plain(params["name"]):
            return None
        caller = self._caller(scope["state"][ASKER], message, params.get("_meta", {}), headers)
        if caller is None:
            return None
        version = headers[b"mcp-protocol-version"].decode("latin-1")
        return _Plain(message["id"], caller[0], version, caller[1], traced(params, headers.get(b"traceparent")))

    def _in_order(self, headers: Mapping[bytes, bytes]) -> bool:
        """The headers of a program that speaks MCP."""
        return (
            headers.get(b"content-type") == b"application/json"
            and _takes_both(headers.get(b"accept", b""))
            and not any(name[:10] == b"mcp-param-" for name in headers)
        )

    def _caller(
        self, asker: Asker, message: Mapping[str, Any], meta: Mapping[str, Any], headers: Mapping[bytes, bytes]
    ) -> tuple[Client, Caller] | None:
        version = _text(headers.get(b"mcp-protocol-version")) or ""
        if version in MODERN_PROTOCOL_VERSIONS:
            routing = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
            route = classify_inbound_request(message, headers=routing)
            if not isinstance(route, InboundModernRoute) or not in_shape(meta, version):
                return None
            client = Client.said(asker, meta.get(CLIENT_INFO_META_KEY), stateless=True)
            return client, Quiet(self._front.caller_key(client), True, meta[CLIENT_CAPABILITIES_META_KEY])
        session = _text(headers.get(b"mcp-session-id"))
        if session is None or version not in HANDSHAKE_PROTOCOL_VERSIONS:
            return None
        known = self._handshakes.fresh(asker, session)
        if known is None or known.wants_log or asks(known.capabilities):
            return None
        return known.client, Quiet(self._front.caller_key(known.client), False)

    # ---- its answer

    async def _answered(self, plain: _Plain) -> tuple[int, bytes]:
        """The HTTP status and the body: in the modern era an error has its own."""
        try:
            answer = await self._front.ask("tools/call", Request(plain.client, plain.params, plain.caller))
        except MCPError as error:
            answer = ServerError(error.code, error.message, error.data)
        except ToolgateError as error:  # it could not be recorded, so it was not made; or it was, and is in doubt
            answer = ServerError(INTERNAL_ERROR, f"Toolgate: {error}")
        except Exception:
            log.exception("`tools/call` failed")
            answer = ServerError(INTERNAL_ERROR, "Toolgate failed; its log says why")
        if isinstance(answer, ServerError):
            status = ERROR_CODE_HTTP_STATUS.get(answer.code, 200) if plain.version in MODERN_PROTOCOL_VERSIONS else 200
            return status, dumped({"jsonrpc": "2.0", "id": plain.id, "error": answer.to_json()})
        result = enveloped(answer, "tools/call", plain.version, self._stamp)
        return 200, dumped({"jsonrpc": "2.0", "id": plain.id, "result": parts(result, answer)})


class _Watch:
    """Cancels a call, once, when its client goes away. Looks only at calls that take their time."""

    def __init__(self, receive: Receive, deadlines: Deadlines) -> None:
        self.cancelled = False
        self._receive, self._deadlines = receive, deadlines
        self._call = asyncio.current_task()
        self._task: asyncio.Task[None] | None = None
        self._due = deadlines.after(WATCH_AFTER, self._begin)

    def _begin(self) -> None:
        self._task = asyncio.ensure_future(self._wait())

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.cancel()

    def cancel(self) -> None:
        if self._call is not None and not self.cancelled:
            self.cancelled = True
            self._call.cancel()

    def end(self) -> None:
        self._deadlines.drop(self._due)
        if self._task is not None:
            self._task.cancel()


@lru_cache(256)  # a client says the same each time
def _takes_both(accept: bytes) -> bool:
    return {part.partition(b";")[0].strip().lower() for part in accept.split(b",")} >= _ACCEPTED


def _simple(params: JsonObject) -> bool:
    """A name, arguments, and nothing that would have us talk to the client before the answer."""
    meta = params.get("_meta", {})
    return (
        params.keys() <= _PARAMS
        and isinstance(params.get("name"), str)
        and isinstance(params.get("arguments", {}), Mapping)
        and isinstance(meta, Mapping)
        and wants_nothing_meanwhile(meta)
    )


def _session_of(scope: Scope) -> str | None:
    """The session into which the SDK takes this request: none at another path, or in the era that has none."""
    return None if scope["path"] != _PATH or _is_modern(scope) else first(scope, b"mcp-session-id")


def _is_modern(scope: Scope) -> bool:
    """As the SDK sees it: also of a version that nobody knows."""
    version = first(scope, b"mcp-protocol-version")
    return version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
