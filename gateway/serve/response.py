"""A whole answer, for pages and refusals: an ASGI application that says it.

Starlette has one too, of which this is what we use: to load it, with the forms and files that it knows about, takes
a megabyte.
"""

from collections.abc import Mapping
from typing import Any

from gateway.serve.asgi import Receive, Scope, Send, dumped

__all__ = ["Response", "encoded", "in_json"]


class Response:
    """The names of `headers` are in small letters. Its length is added when it is sent, if it may have a body."""

    def __init__(self, body: bytes, status_code: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.body, self.status_code, self.headers = body, status_code, dict(headers or {})

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        length = {} if self.status_code == 204 else {"content-length": str(len(self.body))}
        headers = encoded({**self.headers, **length})
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def encoded(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """As ASGI has them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


def in_json(value: Any, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(dumped(value), status_code, {**(headers or {}), "content-type": "application/json"})
