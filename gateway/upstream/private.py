"""Connections of one client's own, to servers of the older era, which ask without saying whom they ask.

A server may ask its client for input, for a model's words, for its roots. In the older era what it may ask is said
once, in the handshake, and its questions name no request. So a client that can be asked gets a connection on which
only he is served: what is asked there is asked of him. It is shared by all requests of one handshake session; a modern
client has no sessions, so each of his requests has a connection to itself while it lasts, and the next one uses it
again.

What a server offers is one thing, whatever the connection (MCP, Tools: the list does not differ by connection): it is
listed on the public one, and again wherever a process says that its lists have changed.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from gateway.caller import Caller
from gateway.upstream.connection import relayed
from gateway.upstream.reaping import Reaper
from gateway.upstream.spec import ServerSpec
from gateway.upstream.supervise import Public, Supervisor

__all__ = ["IDLE_SECONDS", "MOST", "Private"]

MOST = 64  # connections of one server
IDLE_SECONDS = 300.0


@dataclass(eq=False, slots=True)
class _Own:
    """A connection, whose it is, and how many requests use it. `seen` is when the last one ended."""

    key: tuple[str, str]
    server: Supervisor
    task: "asyncio.Task[None]"
    users: int = 0
    seen: float = field(default=0.0)


class Private:
    """The private connections to one server. `updated` is called with the URI of a resource that changed."""

    def __init__(self, spec: ServerSpec, reaper: Reaper, public: Public, updated: Callable[[str], None]) -> None:
        self._spec = replace(spec, era="legacy")
        self._reaper, self._public, self._updated = reaper, public, updated
        self._open: list[_Own] = []
        self._refused = False
        self._timer: asyncio.TimerHandle | None = None

    @contextlib.asynccontextmanager
    async def lent(self, caller: Caller) -> AsyncIterator[Supervisor | None]:
        """A connection for one request. None when the server does not speak the older era, or there are too many."""
        own = await self._taken(caller)
        try:
            yield own.server if own else None
        finally:
            if own:
                own.users -= 1
                own.seen = asyncio.get_running_loop().time()
                self._sweep_later()

    async def _taken(self, caller: Caller) -> _Own | None:
        self._sweep()
        key = (caller.key, json.dumps(relayed(caller.capabilities), sort_keys=True))
        mine = [own for own in self._open if own.key == key and not (caller.modern and own.users)]
        own = mine[-1] if mine else self._opened(key, caller)
        if own is None:
            return None
        own.users += 1
        try:
            await own.server.settled.wait()
        except BaseException:
            own.users -= 1
            raise
        if own.server.available or own.server.was_ready:
            return own
        own.users -= 1
        self._refused = self._refused or own.server.refused
        self._close(own)
        return None

    def _opened(self, key: tuple[str, str], caller: Caller) -> _Own | None:
        if self._refused:
            return None
        idle = [own for own in self._open if not own.users]
        if len(self._open) >= MOST and not idle:
            return None
        if len(self._open) >= MOST:
            self._close(min(idle, key=lambda own: own.seen))
        server = Supervisor(
            self._spec,
            self._reaper,
            lambda: None,
            updated=self._updated,
            capabilities=relayed(caller.capabilities),
            public=self._public,
        )
        own = _Own(key, server, server.start())
        self._open.append(own)
        return own

    def _sweep_later(self) -> None:
        """Also when nobody comes any more."""
        if self._timer is None and self._open:
            self._timer = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._swept)

    def _swept(self) -> None:
        self._timer = None
        self._sweep()
        self._sweep_later()

    def _sweep(self) -> None:
        now = asyncio.get_running_loop().time()
        for own in [own for own in self._open if not own.users and own.seen and now - own.seen >= IDLE_SECONDS]:
            self._close(own)

    async def tell(self, method: str, uri: str) -> None:
        """A subscription that somebody made or ended: whose connection the change will show on, nobody knows."""
        await asyncio.gather(*(own.server.also_tell(method, uri) for own in self._open))

    def forget(self, key: str) -> None:
        """A client is gone, and its connections with it."""
        for own in [own for own in self._open if own.key[0] == key and not own.users]:
            self._close(own)

    def _close(self, own: _Own) -> None:
        if own in self._open:  # of several requests that waited for it, the first has closed it
            self._open.remove(own)
            own.server.stop()

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        tasks = [own.task for own in self._open]
        for own in list(self._open):
            self._close(own)
        await asyncio.gather(*tasks, return_exceptions=True)
