"""All servers together: started and stopped as one, seen as one catalogue."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

from gateway.call import Call, JsonObject, Outcome, Unsent
from gateway.caller import NOBODY, Caller
from gateway.catalogue import Catalogue
from gateway.upstream.reaping import Reaper
from gateway.upstream.spec import ServerSpec, ServerStatus
from gateway.upstream.supervise import Supervisor

__all__ = ["Upstreams"]

log = logging.getLogger("toolgate.upstream")


class Upstreams:
    """The MCP servers that we connect to. Enter it, then `forward`; leaving it stops every server."""

    def __init__(self, servers: Mapping[str, ServerSpec]) -> None:
        self._reaper = Reaper()
        self._servers = {name: Supervisor(spec, self._reaper, self._rebuild) for name, spec in servers.items()}
        self._tasks: list[asyncio.Task[None]] = []
        self._subscribers: list[Callable[[], None]] = []
        self._catalogue = self._built()

    async def __aenter__(self) -> Self:
        """Returns when each server is up or has failed once, after its `connect_timeout` at the latest."""
        self._tasks = [server.start() for server in self._servers.values()]
        try:
            await asyncio.gather(*(server.settled.wait() for server in self._servers.values()))
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        for server in self._servers.values():
            server.stop()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:
            await self._reaper.close()

    @property
    def catalogue(self) -> Catalogue:
        """What is known now. A new value takes its place with every change; this one stays as it is."""
        return self._catalogue

    async def forward(
        self,
        call: Call,
        *,
        timeout: float,
        meta: JsonObject,
        caller: Caller = NOBODY,
        answers: JsonObject | None = None,
    ) -> Outcome:
        """Sends an admitted call to its server, once, within `timeout` seconds. `meta` goes into `params._meta`.

        What is sent as arguments is `call.arguments.text`. Failures of servers and networks are outcomes, not
        exceptions: Unsent when nothing left, InDoubt when it did and no answer came.
        """
        server = self._servers.get(call.server)
        if server is None:
            return Unsent(f"there is no server `{call.server}`")
        return await server.forward(call, timeout=timeout, meta=meta)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Has `callback` called after each change of the catalogue. Returns what ends that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def status(self) -> Sequence[ServerStatus]:
        """One for each server, in the order of the configuration."""
        return [server.status() for server in self._servers.values()]

    def _built(self) -> Catalogue:
        servers = self._servers.items()
        tools = [tool for _, server in servers for tool in server.listing.tools.values()]
        missing = {name: server.missing for name, server in servers if server.missing is not None}
        rejected = {path: why for _, server in servers for path, why in server.listing.rejected.items()}
        unprefixed = {name for name, server in servers if not server.spec.prefix}
        return Catalogue.of(tools, missing, rejected, unprefixed)

    def _rebuild(self) -> None:
        self._catalogue = self._built()
        for callback in list(self._subscribers):
            try:
                callback()
            except Exception:
                log.exception("a subscriber to the catalogue failed")  # it must not stop a server's supervision
