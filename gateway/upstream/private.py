"""Connections of one client's own, to servers of the older era, which ask without saying whom they ask; and of one
subject's own, where such a server acts for each user.

A server may ask its client for input, for a model's words, for its roots. In the older era what it may ask is said
once, in the handshake, and its questions name no request. So a client that can be asked gets a connection on which
only he is served: what is asked there is asked of him. It is shared by all requests of one handshake session; a modern
client has no sessions, so each of his requests has a connection to itself while it lasts, and the next one uses it
again; not while its server may still be at a request that was given up, whose question would be put to the next one.

A session of the older era belongs to whoever opened it. So where a server takes each user's own token, each subject has
connections of his own, opened with his token and used for nobody else; what he has subscribed to is nobody else's.

What a server offers is listed on the public one, on the first of those whose clients declare the same, and again
wherever a process says that its lists have changed; all of it together is what it offers (`gathered`).
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

from gateway.call import Subject
from gateway.caller import Caller, asks
from gateway.upstream.connection import relayed
from gateway.upstream.gathered import declared
from gateway.upstream.given import Public
from gateway.upstream.pulse import SILENT
from gateway.upstream.reaping import Reaper
from gateway.upstream.reasons import away
from gateway.upstream.spec import ServerSpec
from gateway.upstream.supervise import Supervisor
from gateway.upstream.waiting import Backoff
from gateway.upstream.watching import Watched

__all__ = ["IDLE_SECONDS", "MOST", "MOST_EACH", "Private"]

MOST = 64  # connections of one server
MOST_EACH = MOST // 4  # of them for one subject
IDLE_SECONDS = 300.0
REFUSED = 60.0, 3600.0  # seconds until a server is asked again that refused one: at first, and at the most

_Key = tuple[str, str, str, str]  # the caller's, what he can be asked, tenant and user


@dataclass(eq=False, slots=True)
class _Own:
    """A connection, whose it is, and how many requests use it. `seen` is when the last one ended."""

    key: _Key
    server: Supervisor
    task: "asyncio.Task[None]"
    declared: str = ""
    users: int = 0
    seen: float = field(default=0.0)


class Private:
    """The private connections to one server. `updated` is called with the URI of a resource that changed; `apart` says
    whether the server acts for each user: then nobody subscribes here (`own_watching`).
    """

    def __init__(
        self,
        spec: ServerSpec,
        reaper: Reaper,
        public: Public,
        updated: Callable[[str], None],
        apart: Callable[[], bool] = lambda: False,
    ) -> None:
        self._spec = replace(spec, era="legacy")
        self._reaper, self._public, self._updated, self._apart = reaper, public, updated, apart
        self._open: list[_Own] = []
        self._refusals, self._refused_until = Backoff(*REFUSED), 0.0
        self._timer: asyncio.TimerHandle | None = None

    @contextlib.asynccontextmanager
    async def lent(self, caller: Caller, subject: Subject | None) -> AsyncIterator["Supervisor | str"]:
        """A connection for one request of this subject; or why there is none: the server does not speak the older era,
        does not take him, or there are too many.
        """
        own = await self._taken(caller, subject)
        try:
            yield own if isinstance(own, str) else own.server
        finally:
            if isinstance(own, _Own):
                self._given_back(own)

    def _given_back(self, own: _Own) -> None:
        own.users -= 1
        own.seen = asyncio.get_running_loop().time()
        if not (own.users or self._apart() or self._public.told(own.declared)):
            own.server.relist()  # some have more for who can be asked more; asked for while nothing else waits there
        self._sweep_later()

    async def _taken(self, caller: Caller, subject: Subject | None) -> "_Own | str":
        self._sweep()
        key, shared = _key(caller, subject), not (caller.modern and asks(caller.capabilities))
        mine = [own for own in self._open if own.key == key and (shared or (not own.users and own.server.at_rest))]
        own = mine[-1] if mine else self._opened(key, caller, subject)
        if isinstance(own, str):
            return own
        own.users += 1
        try:
            await own.server.settled.wait()
        except BaseException:
            self._given_back(own)
            raise
        if own.server.available or own.server.was_ready:
            return own
        own.users -= 1
        if own.server.refused and not own.server.per_subject and own in self._open:
            self._refused_until = asyncio.get_running_loop().time() + self._refusals.pause()
        self._close(own)
        return away(own.server.missing, subject.user if subject else None)

    def _opened(self, key: _Key, caller: Caller, subject: Subject | None) -> "_Own | str":
        if asyncio.get_running_loop().time() < self._refused_until:
            return "it does not speak the older era, or takes no further connection"
        mine = [own for own in self._open if own.key[2:] == key[2:]]
        if not self._made_room(mine, MOST_EACH):
            return f"{MOST_EACH} connections to it are in use for you"
        if not self._made_room(self._open, MOST):
            return f"{MOST} connections to it are in use"
        server = Supervisor(
            self._spec.entered_as(subject),
            self._reaper,
            lambda: self._look(server),
            updated=_unheard if self._apart() else self._updated,
            capabilities=relayed(caller.capabilities),
            public=replace(self._public, watched=Watched()) if self._apart() else self._public,
        )
        own = _Own(key, server, server.start(), declared(relayed(caller.capabilities)))
        self._open.append(own)
        return own

    def _look(self, own: Supervisor) -> None:
        """A server that is silent here may be so for everybody."""
        if own.missing == SILENT:
            self._public.suspect()

    def _made_room(self, among: Sequence[_Own], most: int) -> bool:
        """Whether there is room for one more: of so many, the one that was idle longest is closed for it."""
        idle = [own for own in among if not own.users]
        if len(among) >= most and idle:
            self._close(min(idle, key=lambda own: own.seen))
        return len(among) < most or bool(idle)

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
        """A subscription that somebody made or ended: whose connection the change will show on, nobody knows. Where
        each subject has his own, nobody subscribes for anybody else.
        """
        if self._apart():
            return
        await asyncio.gather(*(own.server.also_tell(method, uri) for own in self._open))

    async def roots_changed(self, key: str) -> None:
        """Tells it on the connections of this client."""
        await asyncio.gather(*(own.server.roots_changed() for own in self._open if own.key[0] == key))

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


def _unheard(_uri: str) -> None:
    """Nobody has subscribed to it here."""


def _key(caller: Caller, subject: Subject | None) -> _Key:
    """Who may share one. Those who can't be asked share by subject alone."""
    capabilities = json.dumps(relayed(caller.capabilities), sort_keys=True)
    who = subject.person if subject else ("", "")
    return (caller.key if asks(caller.capabilities) else "", capabilities, *who)
