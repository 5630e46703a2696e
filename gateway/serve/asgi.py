"""The words of ASGI (asgi.readthedocs.io, HTTP), and what several of our layers say with them."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from gateway.verbatim import encode

__all__ = ["App", "Message", "Receive", "Scope", "Send", "answer_json", "dumped", "first", "message_of"]
__all__ += ["with_message"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_MESSAGE = "toolgate.message"
_JSON = (b"content-type", b"application/json")


def with_message(scope: Scope, message: Mapping[str, Any]) -> Scope:
    """The request with the JSON-RPC message that its body is, so that it is read once."""
    scope[_MESSAGE] = message
    return scope


def message_of(scope: Scope) -> Mapping[str, Any]:
    """What was posted; empty for a request without a body."""
    found: Mapping[str, Any] = scope.get(_MESSAGE, {})
    return found


def first(scope: Scope, name: bytes) -> str | None:
    """The value of a header; of one that stands there more than once, the one that the SDK reads."""
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), None)


async def answer_json(send: Send, status: int, body: bytes, *extra: tuple[bytes, bytes]) -> None:
    headers = [_JSON, (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def dumped(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return encode(value)
