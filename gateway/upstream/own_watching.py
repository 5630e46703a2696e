"""Resources that subjects subscribed to at a server that acts for each user: each on a connection of his own.

What a server lets one user see it need not let another, and what has changed for one has not for all. So nobody
subscribes with anybody else's token, and nobody is told of another one's changes. A connection lasts as long as its
subject is subscribed to anything.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from gateway.call import Subject
from gateway.errors import UpstreamUnavailable
from gateway.upstream.given import Public
from gateway.upstream.reaping import Reaper
from gateway.upstream.reasons import away
from gateway.upstream.spec import ServerSpec
from gateway.upstream.supervise import Supervisor
from gateway.upstream.watching import Watched

__all__ = ["MOST", "OwnWatching"]

MOST = 64  # subjects of one server


@dataclass(frozen=True, slots=True)
class _Watch:
    """One subject's connection. `coming` are the subscriptions that are being made."""

    server: Supervisor
    task: "asyncio.Task[None]"
    coming: list[str] = field(default_factory=list)


class OwnWatching:
    """The subscriptions to one server. `updated` is called with the URI of a resource that changed, and for whom."""

    def __init__(
        self, spec: ServerSpec, reaper: Reaper, public: Public, updated: Callable[[str, Subject], None]
    ) -> None:
        self._spec, self._reaper, self._public, self._updated = spec, reaper, public, updated
        self._open: dict[tuple[str, str], _Watch] = {}

    async def subscribe(self, uri: str, subject: Subject) -> None:
        """Counted. Raises UpstreamUnavailable where there is no connection for him; MCPError or TimeoutError where the
        server says no.
        """
        watch = self._open.get(subject.person) or self._opened(subject)
        watch.coming.append(uri)
        try:
            await self._subscribed(watch.server, uri, subject)
        finally:
            watch.coming.remove(uri)
            self._close_unused(subject, watch)

    async def _subscribed(self, server: Supervisor, uri: str, subject: Subject) -> None:
        await server.settled.wait()
        if not (server.available or server.was_ready):
            raise UpstreamUnavailable(self._spec.name, away(server.missing, subject.user))
        try:
            await server.subscribe(uri)
        except BaseException:
            server.watched.remove(uri)
            raise

    async def unsubscribe(self, uri: str, subject: Subject) -> None:
        watch = self._open.get(subject.person)
        if watch is None:
            return
        try:
            await watch.server.unsubscribe(uri)
        finally:
            self._close_unused(subject, watch)

    def _opened(self, subject: Subject) -> _Watch:
        if len(self._open) >= MOST:
            raise UpstreamUnavailable(self._spec.name, f"{MOST} users are subscribed to what it has")
        server = Supervisor(
            self._spec.entered_as(subject),
            self._reaper,
            lambda: None,
            updated=partial(self._told, subject),
            public=replace(self._public, watched=Watched()),
        )
        watch = self._open[subject.person] = _Watch(server, server.start())
        return watch

    def _told(self, subject: Subject, uri: str) -> None:
        self._updated(uri, subject)

    def _close_unused(self, subject: Subject, watch: _Watch) -> None:
        if not (watch.server.watched.uris or watch.coming) and self._open.get(subject.person) is watch:
            del self._open[subject.person]
            watch.server.stop()

    async def stop(self) -> None:
        watches, self._open = list(self._open.values()), {}
        for watch in watches:
            watch.server.stop()
        await asyncio.gather(*(watch.task for watch in watches), return_exceptions=True)
