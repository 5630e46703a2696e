"""Streamable HTTP at `/mcp`, on loopback.

Host and Origin are checked, so that no page in a browser can reach it (DNS rebinding).
"""

import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.errors import ConfigError
from gateway.serve.direct import Direct
from gateway.serve.edge import MAX_BODY, Edge
from gateway.serve.front import Front
from gateway.serve.sessions import IDLE_SECONDS, MAX_RUNS
from gateway.serve.signals import on_stop

__all__ = ["Address", "app", "serve_http"]

MAX_CONNECTIONS = 1000  # each may hold one request, or one stream
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_LOOPBACK_HOSTS = tuple(f"{host}:*" for host in _LOOPBACK)
_LOOPBACK_ORIGINS = tuple(f"http://{host}:*" for host in _LOOPBACK)


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0 takes a free one. `hosts` and `origins` are let in beside those of loopback.

    `grace` is how many seconds calls in flight have to finish when we are told to end.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    hosts: Sequence[str] = ()
    origins: Sequence[str] = ()
    grace: float = 5.0


def app(server: Server[Any], front: Front, address: Address) -> Edge:
    """The ASGI application. Raises ConfigError for an address that others could reach: there is no log-in yet."""
    if not _is_loopback(address.host):
        raise ConfigError.at("serve.host", f"`{address.host}` is not loopback, and clients do not log in yet")
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*_LOOPBACK_HOSTS, *address.hosts],
        allowed_origins=[*_LOOPBACK_ORIGINS, *address.origins],
    )
    # Not `json_response`: answered as plain JSON, a call would not notice that its client went away.
    inner = server.streamable_http_app(
        transport_security=security,
        max_request_body_size=MAX_BODY,
        max_sessions=MAX_RUNS,
        session_idle_timeout=IDLE_SECONDS,
        custom_starlette_routes=[Route("/health", _health, methods=["GET"])],
    )
    return Edge(Direct(inner, front, server.server_info_stamp, security.allowed_hosts))


async def serve_http(
    server: Server[Any], front: Front, address: Address, ready: Callable[[str], Awaitable[None]]
) -> None:
    """Serves until SIGINT or SIGTERM; `ready` gets the URL once it listens.

    Raises ConfigError when the address can't be had.
    """
    edge = app(server, front, address)
    listener = _listener(address)
    config = uvicorn.Config(
        edge,
        http="httptools",
        log_config=None,  # logging belongs to the program
        log_level="critical",
        access_log=False,
        proxy_headers=False,  # else who sends `X-Forwarded-For` says where he comes from
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=address.grace,  # type: ignore[arg-type] # it takes fractions too
    )
    await _Listening(config, edge, lambda: ready(_url(listener))).serve(sockets=[listener])


class _Listening(uvicorn.Server):
    """Says when it is ready, and ends in order."""

    def __init__(self, config: uvicorn.Config, edge: Edge, ready: Callable[[], Awaitable[None]]) -> None:
        super().__init__(config)
        self._edge, self._announce = edge, ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._edge.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """In the place of uvicorn's, which raises the signal again at the end: that would kill us in mid-record."""
        with on_stop(self._stop):
            yield

    def _stop(self) -> None:
        self.force_exit = self.should_exit  # asked twice: at once
        self.should_exit = True


def _listener(address: Address) -> socket.socket:
    """A bound socket whose protocol is named: asyncio turns off Nagle's delays (40 ms an answer) only then."""
    family, kind, _, _, place = socket.getaddrinfo(address.host, 0, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((place[0], address.port))
    except (OSError, OverflowError) as error:
        listener.close()
        where = f"`{address.host}` port {address.port}"
        raise ConfigError.at("serve.port", f"can't listen at {where}: {error}", hint="0 takes a free port") from None
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/mcp" if ":" in host else f"http://{host}:{port}/mcp"


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
