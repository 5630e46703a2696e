"""JSON that can be read in one way only, before anything else reads it.

Two readers of `{"amount": 1, "amount": 9}` may see two amounts. What we decide on must be what a server gets, so such a
body goes no further. Header values lose their white space here (RFC 9110 section 5.5): not every parser does it.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gateway.call import ArgumentsError, parse_json

__all__ = ["Strict", "parse_error"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PARSE_ERROR = -32700
MAX_BODY = 4 * 1024 * 1024


def parse_error(why: str) -> dict[str, Any]:
    """A JSON-RPC error without an id: it could not be read (JSON-RPC 2.0 section 5)."""
    return {"jsonrpc": "2.0", "id": None, "error": {"code": PARSE_ERROR, "message": f"Parse error: {why}"}}


class Strict:
    """ASGI middleware: bodies are read whole, up to `max_body` bytes, and parsed strictly."""

    def __init__(self, app: App, max_body: int = MAX_BODY) -> None:
        self._app, self._max_body = app, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        if scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        body = await _body(receive, self._max_body)
        if body is None:
            await _refuse(send, 413, f"the body is larger than {self._max_body} bytes")
            return
        try:
            parse_json(body)
        except ArgumentsError as error:
            await _refuse(send, 400, str(error))
            return
        await self._app(scope, _replay(body, receive), send)


async def _body(receive: Receive, most: int) -> bytes | None:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            return None
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once, then whatever the connection says: a client that goes away cancels its call."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay


async def _refuse(send: Send, status: int, why: str) -> None:
    body = json.dumps(parse_error(why)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
