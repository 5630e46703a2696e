"""What a browser shows a page of another origin (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol).

`origins` says which pages may ask. A browser gives one of them the answer only if that names the page's origin, and
asks before (a preflight) for nearly all that MCP sends. Cookies are never let along: whoever logs in here says who he
is in a header of his own.
"""

import re
from collections.abc import Iterable

from gateway.serve.asgi import Message, Send
from gateway.serve.response import Response

__all__ = ["crossed", "origin_of", "preflight"]

Headers = Iterable[tuple[bytes, bytes]]

MAX_AGE = 600  # seconds for which a browser need not ask again

_NAMED = re.compile(rb"[\x21-\x7e]{1,255}")
_PARAM = re.compile(r"mcp-param-[a-z0-9!#$%&'*+.^_`|~-]+")
_SENT = (
    *("accept", "authorization", "content-type", "last-event-id"),
    *("mcp-method", "mcp-name", "mcp-protocol-version", "mcp-session-id"),
    *("baggage", "traceparent", "tracestate"),
)
_SHOWN = b"mcp-session-id, retry-after, www-authenticate"
_VARY = (b"vary", b"origin")


def origin_of(headers: Headers) -> bytes | None:
    """The one that a request names, if it can be repeated in an answer."""
    named = [value for name, value in headers if name == b"origin"]
    return named[0] if len(named) == 1 and _NAMED.fullmatch(named[0]) else None


def preflight(headers: Headers, methods: str) -> Response | None:
    """The answer to the question whether a page may ask; None for any other request. It is for a page that may.

    Whatever a preflight names of the headers that MCP knows no end of (`Mcp-Param-*`), it may send.
    """
    said = dict(headers)
    if b"access-control-request-method" not in said or _has_body(said):
        return None
    asked = said.get(b"access-control-request-headers", b"").decode("latin-1").lower().split(",")
    params = (name for one in asked if _PARAM.fullmatch(name := one.strip()))
    allowed = {
        "access-control-allow-methods": methods,
        "access-control-allow-headers": ", ".join((*_SENT, *params)),
        "access-control-max-age": str(MAX_AGE),
    }
    return Response(b"", 204, allowed)


def crossed(send: Send, origin: bytes) -> Send:
    """`send`, for a page of this origin: every answer says that it is for it."""

    async def for_the_page(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [header for header in message.get("headers", ()) if tuple(header) != _VARY]
            ours = (b"access-control-allow-origin", origin), (b"access-control-expose-headers", _SHOWN), _VARY
            message = {**message, "headers": [*headers, *ours]}
        await send(message)

    return for_the_page


def _has_body(said: dict[bytes, bytes]) -> bool:
    return b"transfer-encoding" in said or said.get(b"content-length", b"0") != b"0"
