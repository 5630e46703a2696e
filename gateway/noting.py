"""What this process sees of the servers is written down when it changes: once, and never on the path of a call.

So a policy can be asked again about a call of last week, with the facts about its tool that were true then.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from gateway.call import JsonObject
from gateway.catalogue import Catalogue
from gateway.errors import StoreError
from gateway.policy.seen import seen_of
from gateway.store.lease import owner_name, process_of

__all__ = ["Notes", "Servers", "noted"]

log = logging.getLogger("toolgate.store")


class Notes(Protocol):
    """Where it is kept."""

    async def note(self, process: str, catalogue: JsonObject) -> None: ...


class Servers(Protocol):
    """Whose catalogue it is."""

    @property
    def catalogue(self) -> Catalogue: ...

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]: ...


@contextlib.asynccontextmanager
async def noted(notes: Notes, servers: Servers) -> AsyncIterator[None]:
    """As long as the block lasts. What can't be written is said in the log, and holds nobody up."""
    noting = _Noting(notes, servers)
    await noting.look()
    end = servers.subscribe(noting.changed)
    try:
        yield
    finally:
        end()
        await noting.rest()


class _Noting:
    def __init__(self, notes: Notes, servers: Servers) -> None:
        self._notes, self._servers = notes, servers
        self._process = process_of(owner_name())
        self._seen: JsonObject | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def changed(self) -> None:
        task = asyncio.ensure_future(self.look())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def look(self) -> None:
        seen = seen_of(self._servers.catalogue)
        if seen == self._seen:  # a server that went away and came back, or what no policy looks at
            return
        self._seen = seen
        try:
            await self._notes.note(self._process, seen)
        except StoreError as error:
            log.warning("what the servers offer could not be written down, and no backtest will know it: %s", error)

    async def rest(self) -> None:
        await asyncio.gather(*self._tasks)
