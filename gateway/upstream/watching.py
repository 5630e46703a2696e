"""What we want to be told: changed lists, and resources that somebody subscribed to.

The modern era has one subscription for all of it. When the wishes change another one is opened, and the one before is
closed when that is acknowledged, so that nothing is missed between; of wishes that come meanwhile all are in the next
one. When a subscription has ended by itself, nobody knows what happened until the next one: lists are then asked for
again, and the resources are said to have changed. So they are after each new connection, in either era. In the older
era changed lists are told anyway, and each resource is subscribed to by a request of its own. The messages themselves
arrive at `talk`.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from mcp.client.session import ClientSession
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost, listen
from mcp.shared.exceptions import MCPError

from gateway.upstream.connection import Connection
from gateway.upstream.outcomes import fate_of

__all__ = ["PROBE", "Watched", "background", "tells", "unwish", "watch", "wish", "wish_again"]

PATIENCE = 5.0  # seconds that whoever subscribes waits for it to be acknowledged
PROBE = 10.0  # seconds for a subscription to be acknowledged
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between subscriptions that end
STEADY = 60.0  # seconds of a subscription, after which its end is the first again

log = logging.getLogger("toolgate.upstream")


class Watched:
    """The resources of one server that somebody subscribed to, counted. It outlives connections."""

    def __init__(self) -> None:
        self._uris: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._heard: frozenset[str] = frozenset()  # of which the server tells
        self._relied: set[str] = set()  # of which somebody believes that he is told
        self._news = asyncio.Event()
        self._turns = WeakValueDictionary[str, asyncio.Lock]()

    @property
    def uris(self) -> list[str]:
        return sorted(self._uris)

    @property
    def relied(self) -> list[str]:
        """Those of which somebody believes that he is told: he has waited for it, at least."""
        return sorted(self._relied)

    def add(self, uri: str) -> bool:
        """Whether it is the first subscription to this resource."""
        self._uris[uri] += 1
        if self._uris[uri] == 1:
            self._changed.set()
        return self._uris[uri] == 1

    def remove(self, uri: str) -> bool:
        """Whether it was the last."""
        if self._uris[uri] > 1:
            self._uris[uri] -= 1
            return False
        self._heard -= {uri}  # whoever wants it again waits for a subscription in which it is
        self._relied.discard(uri)
        if not self._uris.pop(uri, 0):
            return False
        self._changed.set()
        return True

    async def honoured(self, uri: str, seconds: float) -> bool:
        """Waits until the server has acknowledged this wish, or for so long: whether it has."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while uri not in self._heard:
                    await self._news.wait()
        self.rely(uri)
        return uri in self._heard

    def rely(self, uri: str) -> None:
        """Somebody believes from here on that he is told of it."""
        if uri in self._uris:
            self._relied.add(uri)

    def acknowledged(self, uris: Collection[str]) -> None:
        """The server tells of these from here on, and of no others."""
        self._heard = frozenset(uris) & self._uris.keys()
        news, self._news = self._news, asyncio.Event()
        news.set()

    def turn(self, uri: str) -> asyncio.Lock:
        """For requests about this resource, one after the other: a server might hear the last word first."""
        return self._turns.setdefault(uri, asyncio.Lock())

    async def change(self) -> None:
        """Returns when the wishes are others."""
        await self._changed.wait()
        self._changed.clear()


def tells(session: ClientSession) -> dict[str, bool]:
    """Which lists the server says that it tells the changes of."""
    capabilities = session.server_capabilities
    kinds = ("tools", "prompts", "resources")
    found = {kind: getattr(capabilities, kind, None) for kind in kinds}
    return {kind: bool(one and one.list_changed) for kind, one in found.items()}


async def wish(connection: Connection, watched: Watched, uri: str, seconds: float) -> None:
    """Has the server tell of a resource that was added. Raises MCPError or TimeoutError where it says no."""
    if connection.modern:
        await watched.honoured(uri, PATIENCE)
        return
    async with watched.turn(uri):
        if uri not in watched.relied:
            await connection.ask("resources/subscribe", {"uri": uri}, seconds)
            watched.rely(uri)


async def unwish(connection: Connection, watched: Watched, uri: str, seconds: float) -> None:
    """The same for one that was removed."""
    if connection.modern:
        return
    async with watched.turn(uri):
        if uri not in watched.uris:
            await connection.ask("resources/unsubscribe", {"uri": uri}, seconds)


async def wish_again(connection: Connection, watched: Watched, seconds: float) -> AsyncIterator[str]:
    """Tells a new connection all wishes, in the older era, one by one: yields those that somebody relied on."""
    relied = watched.relied
    for uri in watched.uris:
        with contextlib.suppress(MCPError, TimeoutError):
            await connection.ask("resources/subscribe", {"uri": uri}, seconds)
        if uri in relied:
            yield uri


async def watch(connection: Connection, watched: Watched) -> None:
    """Keeps the modern era's subscription open."""
    watching = _Watching(connection, watched)
    try:
        await watching.run()
    finally:
        connection.link.listening.set()
        await watching.drop()


@dataclass(frozen=True, slots=True)
class _Stream:
    """A subscription that is open, to these resources. `ended` is over when it is."""

    uris: list[str]
    ended: "asyncio.Task[None]"
    stack: contextlib.AsyncExitStack

    async def close(self) -> None:
        self.ended.cancel()
        await asyncio.gather(self.ended, return_exceptions=True)
        await self.stack.aclose()


class _Watching:
    """One connection's. `_gap` says that there was a time, since the lists were asked for, in which nobody listened."""

    def __init__(self, connection: Connection, watched: Watched) -> None:
        self._connection, self._watched = connection, watched
        self._stream: _Stream | None = None
        self._gap = False

    async def run(self) -> None:
        """Returns when the server says that it has no such thing."""
        pause, clock = FIRST_PAUSE, asyncio.get_running_loop().time
        while True:
            began = clock()
            try:
                await self._renew()
                well = await self._until_news()
            except ListenNotSupportedError:
                return
            except (MCPError, SubscriptionLost, TimeoutError) as error:
                well, self._gap = self._alive, True
                if well:
                    await self.drop()  # perhaps it has no more than one at a time
                elif isinstance(error, MCPError) and fate_of(error) is None:  # the server itself says no
                    return
            if clock() - began > STEADY:
                pause = FIRST_PAUSE
            if not well:
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    @property
    def _alive(self) -> bool:
        return self._stream is not None and not self._stream.ended.done()

    async def _renew(self) -> None:
        """Opens a subscription to what is wanted now, if there is none, and closes the one before."""
        lists, uris = tells(self._connection.session), self._watched.uris
        if self._alive and self._stream is not None and self._stream.uris == uris:
            return
        if not any(lists.values()) and not uris:
            await self.drop()
            self._gap = False  # there was nothing to hear
            self._connection.link.listening.set()
            return
        new = await _opened(self._connection, lists, uris)
        link = self._connection.link
        missed, old = self._gap or link.early or (self._stream is not None and not self._alive), self._stream
        self._stream, self._gap, link.early = new, False, False
        link.listening.set()
        self._watched.acknowledged(uris)
        if missed:
            link.doubt()
        if missed or old is None:
            for uri in self._watched.relied:
                if uri in uris:
                    self._connection.talk.updated(uri)
        if old is not None:
            await old.close()

    async def _until_news(self) -> bool:
        """Returns when the wishes are others, or the subscription has ended: whether it is the wishes."""
        stream = self._stream
        changed = asyncio.ensure_future(self._watched.change())
        try:
            await asyncio.wait({changed, stream.ended} if stream else {changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            changed.cancel()
            await asyncio.gather(changed, return_exceptions=True)
        if stream is None or not stream.ended.done():
            return True
        await self.drop()
        await stream.ended
        return False

    async def drop(self) -> None:
        """Nobody listens from here on."""
        stream, self._stream = self._stream, None
        self._watched.acknowledged(())
        if stream is not None:
            self._gap = True
            await stream.close()


async def _opened(connection: Connection, lists: Mapping[str, bool], uris: list[str]) -> _Stream:
    stream = listen(
        connection.session,
        tools_list_changed=lists["tools"],
        prompts_list_changed=lists["prompts"],
        resources_list_changed=lists["resources"],
        resource_subscriptions=uris,
    )
    async with contextlib.AsyncExitStack() as stack:
        async with asyncio.timeout(PROBE):
            subscription = await stack.enter_async_context(stream)
        return _Stream(uris, asyncio.ensure_future(_ended(subscription)), stack.pop_all())


async def _ended(subscription: Any) -> None:
    async for _ in subscription:
        pass  # `talk` has heard it


@contextlib.asynccontextmanager
async def background(
    work: Coroutine[Any, Any, None], server: str, without: str, broken: Callable[[str], None] = lambda _why: None
) -> AsyncIterator[None]:
    """`work` for a server is under way meanwhile. What breaks in it is logged at once, with what that means for the
    server (`without` it), which `broken` is told, too: nobody waits for it.
    """
    task = asyncio.create_task(work)
    task.add_done_callback(partial(_say_what_broke, server, without, broken))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _say_what_broke(server: str, without: str, broken: Callable[[str], None], task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("server %s: %s", server, without, exc_info=error)
        broken(without)
