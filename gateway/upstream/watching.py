"""What we want to be told: changed lists, and resources that somebody subscribed to.

The modern era has one subscription for all of it, opened anew when the wishes change or when it ends; what happened
between is not told, so lists are then asked for again, and the resources of before are said to have changed. In the
older era changed lists are told anyway, and each resource is subscribed to by a request of its own. The messages
themselves arrive at `talk`.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from mcp.client.session import ClientSession
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost, listen
from mcp.shared.exceptions import MCPError

from gateway.upstream.connection import Connection
from gateway.upstream.outcomes import fate_of

__all__ = ["PROBE", "Watched", "background", "tells", "watch"]

PROBE = 10.0  # seconds for a subscription to be acknowledged
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds between subscriptions that end


class Watched:
    """The resources of one server that somebody subscribed to, counted. It outlives connections."""

    def __init__(self) -> None:
        self._uris: Counter[str] = Counter()
        self._changed = asyncio.Event()
        self._honoured = asyncio.Event()

    @property
    def uris(self) -> list[str]:
        return sorted(self._uris)

    def add(self, uri: str) -> bool:
        """Whether it is the first subscription to this resource."""
        self._uris[uri] += 1
        return self._uris[uri] == 1 and self._renewed()

    def remove(self, uri: str) -> bool:
        """Whether it was the last."""
        if self._uris[uri] > 1:
            self._uris[uri] -= 1
            return False
        return self._uris.pop(uri, 0) > 0 and self._renewed()

    def _renewed(self) -> bool:
        self._honoured.clear()
        self._changed.set()
        return True

    async def honoured(self, seconds: float) -> bool:
        """Waits until the server has acknowledged the wishes as they are, or for so long: whether it has."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._honoured.wait()
        return self._honoured.is_set()

    def acknowledged(self, uris: list[str]) -> None:
        """The server tells of these. Wishes that came while it was asked are not among them."""
        if uris == self.uris:
            self._honoured.set()

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


async def watch(connection: Connection, watched: Watched) -> None:
    """Keeps the modern era's subscription open."""
    pause = FIRST_PAUSE
    before: list[str] | None = None
    while True:
        wishes = watched.uris
        try:
            renewed = await _listen(connection, watched, wishes, before)
        except ListenNotSupportedError:
            return
        except MCPError as error:
            if fate_of(error) is None:  # the server itself says no
                return
            renewed = False
        except (SubscriptionLost, TimeoutError):
            renewed = False
        before = wishes
        if not renewed:
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)


async def _listen(connection: Connection, watched: Watched, uris: list[str], before: list[str] | None) -> bool:
    """One subscription, after that to `before`. Whether it was given up because the wishes changed."""
    lists = tells(connection.session)
    if not any(lists.values()) and not uris:
        watched.acknowledged(uris)
        await watched.change()
        return True
    stream = listen(
        connection.session,
        tools_list_changed=lists["tools"],
        prompts_list_changed=lists["prompts"],
        resources_list_changed=lists["resources"],
        resource_subscriptions=uris,
    )
    async with asyncio.timeout(PROBE) as opening, stream as subscription:
        opening.reschedule(None)
        watched.acknowledged(uris)
        if before is not None:
            _doubt(connection, uris, before)
        return await _until_changed(subscription, watched)


def _doubt(connection: Connection, uris: list[str], before: list[str]) -> None:
    connection.link.doubt()
    for uri in before:
        if uri in uris:
            connection.talk.updated(uri)


async def _until_changed(subscription: Any, watched: Watched) -> bool:
    ended = asyncio.ensure_future(_ended(subscription))
    changed = asyncio.ensure_future(watched.change())
    try:
        await asyncio.wait({ended, changed}, return_when=asyncio.FIRST_COMPLETED)
        if changed.done():
            return True
        await ended
        return False
    finally:
        ended.cancel()
        changed.cancel()
        await asyncio.gather(ended, changed, return_exceptions=True)


async def _ended(subscription: Any) -> None:
    async for _ in subscription:
        pass  # `talk` has heard it


@contextlib.asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
