"""Streamable HTTP at `/mcp`, on loopback.

Host and Origin are checked, so that no page in a browser can reach it (DNS rebinding).
"""

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import uvicorn
from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.errors import ConfigError
from gateway.serve.strict import App, Strict

__all__ = ["Address", "app", "serve_http"]

GRACE_SECONDS = 5
_LOOPBACK_HOSTS = ("127.0.0.1:*", "localhost:*", "[::1]:*")
_LOOPBACK_ORIGINS = ("http://127.0.0.1:*", "http://localhost:*", "http://[::1]:*")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 8765
    hosts: Sequence[str] = ()
    origins: Sequence[str] = ()


def app(server: Server[Any], address: Address) -> App:
    """The ASGI application. Raises ConfigError for an address that others could reach: there is no log-in yet."""
    if not _is_loopback(address.host):
        raise ConfigError.at("serve.host", f"`{address.host}` is not loopback, and clients do not log in yet")
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[*_LOOPBACK_HOSTS, *address.hosts],
        allowed_origins=[*_LOOPBACK_ORIGINS, *address.origins],
    )
    routes = [Route("/health", _health, methods=["GET"])]
    return Strict(server.streamable_http_app(transport_security=security, custom_starlette_routes=routes))


async def serve_http(server: Server[Any], address: Address, ready: Callable[[str], Awaitable[None]]) -> None:
    """Serves until SIGINT or SIGTERM; `ready` gets the URL once it listens. Calls in flight have 5 s to finish."""
    config = uvicorn.Config(
        app(server, address),
        host=address.host,
        port=address.port,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    listening = _Announcing(config, address, ready)
    await listening.serve()


class _Announcing(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, address: Address, ready: Callable[[str], Awaitable[None]]) -> None:
        super().__init__(config)
        self._address, self._ready = address, ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        if self.started:
            port = self.servers[0].sockets[0].getsockname()[1]
            host = f"[{self._address.host}]" if ":" in self._address.host else self._address.host
            await self._ready(f"http://{host}:{port}/mcp")


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
