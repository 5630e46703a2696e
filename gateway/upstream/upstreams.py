"""All servers together: started and stopped as one, seen as one catalogue."""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Protocol, Self

from mcp.shared.exceptions import MCPError

from gateway.call import Call, JsonObject, Objection, Outcome, Subject, Unsent, unopposed
from gateway.caller import NOBODY, Caller, asks
from gateway.catalogue import Catalogue
from gateway.errors import UpstreamUnavailable
from gateway.offer import UNHINTED
from gateway.task import Task
from gateway.upstream.eras import Eras
from gateway.upstream.forwarding import follow, forward
from gateway.upstream.given import Errand, Public
from gateway.upstream.own_watching import OwnWatching
from gateway.upstream.private import Private
from gateway.upstream.reaping import Reaper
from gateway.upstream.reasons import shown
from gateway.upstream.spec import ServerSpec, ServerStatus
from gateway.upstream.supervise import Supervisor
from gateway.upstream.wanted import about_task

__all__ = ["Judge", "Upstreams"]

WATCH = 1.0  # seconds, after which those who listen learn that the judge has changed his mind; calls learn it at once

BACK = "it is this gateway, or has it among its servers: what is listed here would be listed again, without end"

FOLLOW_SECONDS = 30.0  # for a request about a task

log = logging.getLogger("toolgate.upstream")


class Judge(Protocol):
    """Says which tools of a catalogue are held: the same object for the same facts. May say otherwise later, once it
    has written down what it has to, which it does when it is asked to `settle`.
    """

    def judged(self, catalogue: Catalogue) -> Catalogue: ...

    async def settle(self, catalogue: Catalogue) -> float | None:
        """Returns in how many seconds there is more to write down; None if there is nothing."""
        ...


class Upstreams:
    """The MCP servers that we connect to. Enter it, then `forward`; leaving it stops every server.

    Without a `judge` no tool is held. Its `own` name is what other gateways know it by, in which it finds itself again.
    """

    def __init__(
        self,
        servers: Mapping[str, ServerSpec],
        eras: Eras | None = None,
        judge: Judge | None = None,
        *,
        patience: float | None = None,
        own: str | None = None,
    ) -> None:
        self._judge, self._patience = judge, patience
        self._reaper = Reaper()
        eras = eras or Eras()
        self._servers = {
            name: Supervisor(
                spec, self._reaper, self._rebuild, updated=partial(self._updated, name), stirred=self._stir, eras=eras
            )
            for name, spec in servers.items()
        }
        self._private = {name: self._private_to(name, server) for name, server in self._servers.items()}
        self._own_watching = {name: self._own_watching_of(name, server) for name, server in self._servers.items()}
        self._stirred: list[Callable[[Collection[str]], None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._watching: asyncio.Task[None] | None = None
        self._rebuilt = asyncio.Event()
        self._subscribers: list[Callable[[], None]] = []
        self._readers: list[Callable[[str, str, Subject | None], None]] = []
        self._own, self._back = own or secrets.token_hex(8), set[str]()
        self._catalogue = self._told = self._built()

    async def __aenter__(self) -> Self:
        """Returns when each server is up or has failed once, after its `connect_timeout` and a look at its schemas at
        the latest; or when the `patience`, in seconds, is over: who is slower is missing until it is there.
        """
        self._tasks = [server.start() for server in self._servers.values()]
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await asyncio.gather(*(server.settled.wait() for server in self._servers.values()))
            if self._judge is not None:
                await self._settle(self._judge)
                self._watching = asyncio.create_task(self._watch(self._judge), name="toolgate.upstream.judge")
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        for server in self._servers.values():
            server.stop()
        try:
            own = [private.stop() for private in self._private.values()]
            own += [watching.stop() for watching in self._own_watching.values()]
            await asyncio.gather(*self._tasks, *own, return_exceptions=True)
        finally:
            await self._reaper.close()

    @property
    def catalogue(self) -> Catalogue:
        """What is known now. A new value takes its place with every change; this one stays as it is."""
        return self._judge.judged(self._catalogue) if self._judge is not None else self._catalogue

    def forward(  # noqa: PLR0913 - each has its default but the first three
        self,
        call: Call,
        *,
        timeout: float,
        meta: JsonObject,
        caller: Caller = NOBODY,
        answers: JsonObject | None = None,
        objection: Objection = unopposed,
    ) -> Awaitable[Outcome]:
        """Sends an admitted call to its server, once, within `timeout` seconds. `meta` goes into `params._meta`. An
        `objection` in the last moment is its outcome.

        What is sent as arguments is `call.arguments.text`. Failures of servers and networks are outcomes, not
        exceptions: Unsent when nothing left, InDoubt when it did and no answer came.
        """
        server, errand = self._servers.get(call.server), Errand(timeout, meta, caller, answers, objection)
        if server is None:
            return self._nowhere(call)
        asked = asks(caller.capabilities) and not (caller.modern and server.era == "modern")
        apart = server.era == "legacy" and server.foreign(call.subject)  # a session of that era is one user's
        return self._by_own(server, call, errand, apart=apart) if asked or apart else forward(server, call, errand)

    @staticmethod
    async def _nowhere(call: Call) -> Outcome:
        return Unsent(f"there is no server `{call.server}`")

    async def _by_own(self, server: Supervisor, call: Call, errand: Errand, *, apart: bool) -> Outcome:
        """By a connection of this client's own, if it has one."""
        async with self._private[call.server].lent(errand.caller, call.subject) as own:
            if isinstance(own, Supervisor):
                return await forward(own, call, errand)
            if apart:
                return Unsent(f"server `{call.server}`: {own}")
            return await forward(server, call, errand)

    def wake(self, server: str) -> None:
        """A call was refused because this server is down: it is tried again within a second or so, not each time."""
        if server in self._servers:
            self._servers[server].wake()

    async def freshen(self, method: str, among: Callable[[str], bool]) -> None:
        """Has such a list asked for anew where a server's word on it is over, and waits a little for that. `among` says
        of a server whether it matters.
        """
        now = time.monotonic()
        hints = [(one, one.listing.said.hints.get(method, UNHINTED)) for one in self._servers.values() if one.available]
        over = [(one, hint.until) for one, hint in hints if UNHINTED.until < hint.until <= now and among(one.spec.name)]
        if over:
            await asyncio.gather(*(one.renewal.wait(until) for one, until in over))

    async def follow(
        self, task: Task, method: str, *, meta: JsonObject, caller: Caller, answers: JsonObject | None = None
    ) -> Outcome:
        """Sends a request about a task to the server that made it, once. Outcomes are those of `forward`."""
        name = task.path.partition("/")[0]
        server = self._servers.get(name)
        if server is None:
            return Unsent(f"there is no server `{name}`")
        return await follow(server, about_task(method, task, answers), Errand(FOLLOW_SECONDS, meta, caller))

    def forget(self, key: str) -> None:
        """A client is gone (`Caller.key`): connections of its own are closed."""
        for private in self._private.values():
            private.forget(key)

    async def roots_changed(self, key: str) -> None:
        """A client's roots are others now (`Caller.key`): the servers that may ask for them are told."""
        await asyncio.gather(*(private.roots_changed(key) for private in self._private.values()))

    async def subscribe_resource(self, server: str, uri: str, subject: Subject | None = None) -> None:
        """Has `on_updated` told when the resource changes. Counted. Raises UpstreamUnavailable where it is refused."""
        try:
            await self._subscribed(server, uri, subject)
        except (MCPError, TimeoutError) as error:
            raise UpstreamUnavailable(server, shown(str(error), None) or "it did not answer") from None

    async def _subscribed(self, server: str, uri: str, subject: Subject | None) -> None:
        if subject is not None and self._servers[server].foreign(subject):
            await self._own_watching[server].subscribe(uri, subject)
            return
        try:
            await self._servers[server].subscribe(uri)
            await self._private[server].tell("resources/subscribe", uri)
        except BaseException:  # whoever wanted it may have gone, too
            self._servers[server].watched.remove(uri)
            raise

    async def unsubscribe_resource(self, server: str, uri: str, subject: Subject | None = None) -> None:
        with contextlib.suppress(MCPError, TimeoutError):  # then it tells more than is wanted
            if subject is not None and self._servers[server].foreign(subject):
                await self._own_watching[server].unsubscribe(uri, subject)
                return
            await self._servers[server].unsubscribe(uri)
            if uri not in self._servers[server].watched.uris:
                await self._private[server].tell("resources/unsubscribe", uri)

    def _private_to(self, name: str, server: Supervisor) -> Private:
        told = partial(self._updated, name)
        return Private(server.spec, self._reaper, self._shared(server), told, lambda: server.per_subject)

    def _own_watching_of(self, name: str, server: Supervisor) -> OwnWatching:
        return OwnWatching(server.spec, self._reaper, self._shared(server), partial(self._updated, name))

    def _shared(self, server: Supervisor) -> Public:
        return Public(
            lambda: server.listing,
            server.watched,
            server.adopt,
            server.lists.knows,
            self._stir,
            server.relist,
            server.suspect,
        )

    def on_stirred(self, callback: Callable[[Collection[str]], None]) -> Callable[[], None]:
        """Has `callback` told the kinds of lists that a server says have changed, where the catalogue shows no change:
        for one client, on a connection of his own, or in what is not listed.

        Returns what ends that.
        """
        self._stirred.append(callback)
        return lambda: self._stirred.remove(callback) if callback in self._stirred else None

    def _stir(self, kinds: Collection[str]) -> None:
        _tell_all(self._stirred, kinds)

    def on_updated(self, callback: Callable[[str, str, Subject | None], None]) -> Callable[[], None]:
        """Has `callback(server, uri, subject)` called for each resource that changed, and for whom: None means for all.

        Returns what ends that.
        """
        self._readers.append(callback)
        return lambda: self._readers.remove(callback) if callback in self._readers else None

    def _updated(self, server: str, uri: str, subject: Subject | None = None) -> None:
        public = self._servers[server]
        owner = public.carrier.owner if public.carrier is not None and public.per_subject else None
        _tell_all(self._readers, server, uri, subject or owner)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Has `callback` called after each change of the catalogue. Returns what ends that."""
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback) if callback in self._subscribers else None

    def status(self) -> Sequence[ServerStatus]:
        """One for each server, in the order of the configuration."""
        return [server.status() for server in self._servers.values()]

    def _built(self) -> Catalogue:
        back = {name for name, server in self._servers.items() if server.listing.about.leads_back(self._own)}
        servers = [(name, server) for name, server in self._servers.items() if name not in back]
        tools = [tool for _, server in servers for tool in server.listing.tools.values()]
        missing = {name: server.missing for name, server in servers if server.missing is not None}
        missing |= dict.fromkeys(self._told_of(back), BACK)
        rejected = {path: why for _, server in servers for path, why in server.listing.rejected.items()}
        unprefixed = {name for name, server in servers if not server.spec.prefix}
        offers = [offer for _, server in servers for offer in server.listing.offers]
        about = {name: server.listing.said for name, server in servers if server.missing is None}
        infos = {name: server.info for name, server in servers if server.info is not None}
        unseen = tuple(tool for _, server in servers for tool in server.listing.unseen.values())
        built = Catalogue.of(tools, missing, rejected, unprefixed, offers=offers, about=about)
        behind = dict.fromkeys(gateway for _, server in servers for gateway in server.listing.about.gateways)
        gateways = (self._own, *(gateway for gateway in behind if gateway != self._own))
        return replace(built, servers=infos, unseen=unseen, gateways=gateways)

    def _told_of(self, back: set[str]) -> set[str]:
        """The servers that lead back to this gateway: each is news once."""
        for name in back - self._back:
            log.warning("server %s is left out: %s", name, BACK)
        self._back = back
        return back

    def _rebuild(self) -> None:
        self._catalogue = self._built()
        if self._judge is None:
            self._tell()
        else:
            self._rebuilt.set()

    async def _watch(self, judge: Judge) -> None:
        """What is new is written down before anybody is told of it. The judge may also change his mind while no server
        says anything, and those who listen want to know.
        """
        while True:
            more = await self._settle(judge)
            if self.catalogue is not self._told:
                self._tell()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WATCH if more is None else min(WATCH, more)):
                    await self._rebuilt.wait()
            self._rebuilt.clear()

    async def _settle(self, judge: Judge) -> float | None:
        try:
            return await judge.settle(self._catalogue)
        except Exception:
            log.exception("what the servers offer could not be written down")  # and is held until it can be
            return None

    def _tell(self) -> None:
        self._told = self.catalogue
        _tell_all(self._subscribers)


def _tell_all(callbacks: Sequence[Callable[..., None]], *news: object) -> None:
    for callback in list(callbacks):
        try:
            callback(*news)
        except Exception:
            log.exception("a subscriber failed")  # it must not stop a server's supervision
