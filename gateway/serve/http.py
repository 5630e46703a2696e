"""Streamable HTTP at `/mcp`: on loopback for whoever works there, elsewhere only for clients that log in."""

import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from uvicorn.config import Config
from uvicorn.server import Server

from gateway.call import JsonObject
from gateway.errors import ConfigError
from gateway.serve.asgi import App
from gateway.serve.desk import Desk
from gateway.serve.direct import Direct
from gateway.serve.door import Door, Entry
from gateway.serve.edge import Edge
from gateway.serve.front import Front
from gateway.serve.lasting import Lasting
from gateway.serve.later import Later
from gateway.serve.origins import is_loopback
from gateway.serve.quick import Quick
from gateway.serve.seats import MAX_EACH, MAX_LOCAL
from gateway.serve.signals import Bounded, as_it_is, on_stop

KEEP_ALIVE = 120  # seconds of rest. A client that keeps a connection for longer than we do (Go's: 90) may send a call
# into one that is being closed, and does not know then whether it was made

__all__ = ["Address", "Served", "app", "check_host", "serve_http"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen. Port 0 takes a free one.

    `grace` is how many seconds calls in flight have to finish when we are told to end.
    """

    host: str = "127.0.0.1"
    port: int = 8765
    grace: float = 5.0


@dataclass(frozen=True, slots=True)
class Served:
    """The same gateway twice, directly and as an application of the SDK's; and who may come in.

    `load` imports the SDK's server, and returns what makes the application. `stamp` is our `serverInfo`.
    """

    front: Front
    entry: Entry
    stamp: JsonObject
    load: Callable[[], Callable[[], App]]


def app(served: Served, address: Address) -> tuple[Edge, Desk]:
    """The ASGI application, and who answers plain calls before it. Raises ConfigError as `check_host` does."""
    entry = served.entry
    check_host(address.host, logged_in=entry.authenticator is not None)
    most_each = MAX_LOCAL if entry.authenticator is None else MAX_EACH
    direct = Direct(Later(served.load), served.front, served.stamp, most_each)
    door = Door(_reached_at(entry, address.host))
    return Edge(Lasting(direct, direct.owner), door, max_body=entry.max_body), Desk(door, direct)


def check_host(host: str, *, logged_in: bool) -> None:
    """Raises ConfigError for an address that others could reach, if clients need not log in."""
    if not logged_in and not is_loopback(host):
        hint = "set `api_keys = true` under `[serve]`, or describe `[serve.oauth]`"
        raise ConfigError.at("serve.host", f"`{host}` is not loopback, and clients do not log in", hint=hint)


def _reached_at(entry: Entry, host: str) -> Entry:
    """With the address itself among the hosts that we are."""
    own = f"[{host}]:*" if ":" in host else f"{host}:*"
    return replace(entry, origins=replace(entry.origins, hosts=(*entry.origins.hosts, own)))


async def serve_http(
    served: Served, address: Address, ready: Callable[[str], Awaitable[None]], bounded: Bounded = as_it_is
) -> None:
    """Serves until SIGINT or SIGTERM; `ready` gets the URL once it listens.

    Raises ConfigError when the address can't be had.
    """
    edge, desk = app(served, address)
    listener = _listener(address)
    config = Config(
        edge,
        log_config=None,  # logging belongs to the program
        log_level="critical",
        access_log=False,
        proxy_headers=False,  # else who sends `X-Forwarded-For` says where he comes from
        http=cast("type[Quick]", partial(Quick, desk)),
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        ws="none",  # an upgrade would go round the door
        timeout_graceful_shutdown=address.grace,  # type: ignore[arg-type] # it takes fractions too
    )

    def ending() -> None:
        edge.close()
        served.front.changes.close()

    with listener:  # who is cancelled lets go of the address, too
        await _Listening(config, ending, lambda: ready(_url(listener)), bounded).serve(sockets=[listener])


class _Listening(Server):
    """Says when it is ready, and ends in order: `ending` ends what would last."""

    def __init__(
        self, config: Config, ending: Callable[[], None], ready: Callable[[], Awaitable[None]], bounded: Bounded
    ) -> None:
        super().__init__(config)
        self._ending, self._announce, self._bounded = ending, ready, bounded

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """In the place of uvicorn's, which raises the signal again at the end: that would kill us in mid-record."""
        with on_stop(self._bounded(self._stop)):
            yield

    def _stop(self) -> None:
        self._ending()
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
