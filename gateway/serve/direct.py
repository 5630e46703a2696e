"""`tools/call` over HTTP, without the SDK's application in between, which costs ten times what the gateway itself does.

Only a plain call goes this way: everything about it is in order, and no server could want to talk to its client before
the answer (a modern client is asked by an answer, so that he may be asked is no hindrance). It meets the same `Front`, so the same gates. Whatever is out of the ordinary goes to the SDK's application,
which also has the protocol's words for what is wrong; nothing is refused here.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import ERROR_CODE_HTTP_STATUS, InboundModernRoute, classify_inbound_request
from mcp_types import INTERNAL_ERROR
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS

from gateway.call import JsonObject
from gateway.caller import Caller, asks
from gateway.errors import ToolgateError
from gateway.serve.asgi import App, Receive, Scope, Send, answer_json, dumped, message_of
from gateway.serve.callers import Quiet, wants_nothing_meanwhile
from gateway.serve.envelope import enveloped
from gateway.serve.exchanges import Request
from gateway.serve.front import Front
from gateway.serve.handshakes import Handshakes
from gateway.serve.replies import ServerError
from gateway.serve.sessions import Client

__all__ = ["Direct"]

WATCH_AFTER = 0.05  # seconds until it is worth looking whether the client is still there
_PARAMS = {"name", "arguments", "_meta"}
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
    def key(self) -> tuple[str | None, str | int]:
        return self.client.session, self.id


class Direct:
    """ASGI middleware before the SDK's application. `local` are the hosts, without port, that we answer to."""

    def __init__(self, app: App, front: Front, stamp: JsonObject, local: Sequence[str]) -> None:
        self._app, self._front, self._stamp = app, front, stamp
        self._local = frozenset(local)
        self._handshakes = Handshakes()
        self._calls: dict[tuple[str | None, str | int], _Watch] = {}  # under way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        message, headers = message_of(scope), dict(scope["headers"])
        plain = self._plain(scope, message, headers)
        if plain is not None:
            await self._directly(plain, receive, send)
            return
        session = _text(headers.get(b"mcp-session-id"))
        if message.get("method") == "notifications/cancelled":
            self._cancel(session, message.get("params"))
        await self._app(scope, receive, self._handshakes.learning(scope["method"], session, message, send))

    async def _directly(self, plain: _Plain, receive: Receive, send: Send) -> None:
        watch = _Watch(receive)
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

    def _cancel(self, session: str | None, params: Any) -> None:
        """Only a session can cancel by a request's id: those of modern requests belong to nobody."""
        request_id = params.get("requestId") if isinstance(params, Mapping) else None
        watch = self._calls.get((session, request_id)) if session and isinstance(request_id, str | int) else None
        if watch is not None:
            watch.cancel()

    # ---- is it plain?

    def _plain(self, scope: Scope, message: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> _Plain | None:
        if message.get("method") != "tools/call" or "id" not in message or scope["path"] != "/mcp":
            return None
        if len(headers) != len(scope["headers"]) or not self._in_order(headers):
            return None
        params = message.get("params") or {}
        meta = params.get("_meta", {})
        if not _is_plain(params) or not isinstance(meta, Mapping) or not wants_nothing_meanwhile(meta):
            return None
        caller = self._caller(message, headers)
        if caller is None or not self._front.plain(params["name"]):
            return None
        version = headers[b"mcp-protocol-version"].decode("latin-1")
        return _Plain(message["id"], caller[0], version, caller[1], params)

    def _in_order(self, headers: Mapping[bytes, bytes]) -> bool:
        """The headers of a program that speaks MCP, and not of a page in a browser."""
        host = headers.get(b"host", b"").rpartition(b":")[0].decode("latin-1")
        accept = headers.get(b"accept", b"")
        return (
            b"origin" not in headers
            and host in self._local
            and headers.get(b"content-type") == b"application/json"
            and b"application/json" in accept
            and b"text/event-stream" in accept
            and not any(name.startswith(b"mcp-param-") for name in headers)
        )

    def _caller(self, message: Mapping[str, Any], headers: Mapping[bytes, bytes]) -> tuple[Client, Caller] | None:
        version = _text(headers.get(b"mcp-protocol-version")) or ""
        if version in MODERN_PROTOCOL_VERSIONS:
            routing = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
            route = classify_inbound_request(message, headers=routing)
            if not isinstance(route, InboundModernRoute) or not isinstance(route.client_capabilities, Mapping):
                return None
            client = Client.said(route.client_info, stateless=True)
            return client, Quiet(self._front.caller_key(client), True, route.client_capabilities)
        session = _text(headers.get(b"mcp-session-id"))
        known = self._handshakes.fresh(session) if session and version in HANDSHAKE_PROTOCOL_VERSIONS else None
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
        return 200, dumped({"jsonrpc": "2.0", "id": plain.id, "result": result})


class _Watch:
    """Cancels a call, once, when its client goes away. Looks only at calls that take their time."""

    def __init__(self, receive: Receive) -> None:
        self.cancelled = False
        self._receive = receive
        self._call = asyncio.current_task()
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER, self._begin)

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
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()


def _is_plain(params: Any) -> bool:
    """Whether the SDK would take these parameters; a further round, with a client's answers, it has to look at."""
    return (
        isinstance(params, Mapping)
        and params.keys() <= _PARAMS
        and isinstance(params.get("name"), str)
        and isinstance(params.get("arguments", {}), Mapping)
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
