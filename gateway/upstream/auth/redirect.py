"""Where a browser brings an authorization server's answer: a listener on loopback, for one log-in (RFC 8252).

Anything on this machine, and any web page, can send requests here. So only the answer that carries this log-in's state
is taken; whatever else comes is turned away, and the waiting goes on.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit

from gateway.upstream.auth.flow import AuthFailed

__all__ = ["Redirect", "listening"]

PATH = "/callback"
HOST = "127.0.0.1"  # not `localhost`: RFC 8252 section 8.3
_MOST = 16 * 1024  # bytes of a request's head
_PATIENCE = 10.0  # seconds for one request

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Toolgate</title>
<style>body{{font:1.1rem system-ui;margin:20vh auto;max-width:30rem;text-align:center}}</style><p>{text}</p></html>"""
_HEADERS = (
    "content-type: text/html; charset=utf-8\r\ncache-control: no-store\r\nreferrer-policy: no-referrer\r\n"
    "content-security-policy: default-src 'none'; style-src 'unsafe-inline'\r\nx-content-type-options: nosniff\r\n"
    "connection: close\r\n"
)


class Redirect:
    """`url` is what the authorization server sends the browser to. `expect` comes before `answer`."""

    def __init__(self) -> None:
        self.url = ""
        self._state = ""
        self._answer: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    def expect(self, authorization_url: str) -> None:
        """Learns this log-in's state from the address that the browser is sent to."""
        self._state = _parameters(authorization_url).get("state", "")

    async def answer(self) -> dict[str, str]:
        """The parameters of the answer: `code`, `state`, perhaps `iss`. Raises AuthFailed for a refusal."""
        found = await self._answer
        if "code" not in found:
            code = "".join(c for c in found.get("error", "") if c.isalnum() or c == "_")[:40]
            raise AuthFailed(f"the authorization server said `{code or 'nothing'}`", code)
        return found

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of whoever connects."""
        try:
            async with asyncio.timeout(_PATIENCE):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._reply(head.split(b"\r\n", 1)[0].decode("latin-1")))
                await writer.drain()
        except (OSError, EOFError, asyncio.LimitOverrunError):  # a TimeoutError is an OSError
            pass
        finally:
            writer.close()

    def _reply(self, request_line: str) -> bytes:
        method, _, rest = request_line.partition(" ")
        target = rest.rpartition(" ")[0]
        if method != "GET" or target.partition("?")[0] != PATH:
            return _page("404 Not Found", "There is nothing here.")
        found = _parameters(target)
        known = self._state and secrets.compare_digest(found.get("state", "").encode(), self._state.encode())
        if not known or self._answer.done():
            return _page("400 Bad Request", "This is not the log-in that Toolgate is waiting for.")
        self._answer.set_result(found)
        return _page("200 OK", "Toolgate has its answer. You can close this window.")


@asynccontextmanager
async def listening(port: int = 0) -> AsyncIterator[Redirect]:
    """Listens on this port of loopback; 0 takes a free one. Raises OSError for a port that is taken."""
    redirect = Redirect()
    server = await asyncio.start_server(redirect.handle, HOST, port, limit=_MOST)
    redirect.url = f"http://{HOST}:{server.sockets[0].getsockname()[1]}{PATH}"
    try:
        yield redirect
    finally:
        server.close()


def _parameters(url: str) -> dict[str, str]:
    """The query; a parameter that comes twice counts for nothing (RFC 6749 section 3.1)."""
    try:
        found = parse_qs(urlsplit(url).query, keep_blank_values=True, max_num_fields=32)
    except ValueError:
        return {}
    return {name: values[0] for name, values in found.items() if len(values) == 1}


def _page(status: str, text: str) -> bytes:
    body = _PAGE.format(text=text).encode()
    return f"HTTP/1.1 {status}\r\n{_HEADERS}content-length: {len(body)}\r\n\r\n".encode() + body
