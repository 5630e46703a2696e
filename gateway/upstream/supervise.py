"""One server, kept alive: a task of its own opens its connection, closes it, and opens the next.

Calls come from any task; they wait a little for a restart, and are never sent twice. A server that is down keeps its
last known tools, so that a crash of a second does not change what a model sees.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack as Stack
from dataclasses import replace

from mcp.shared.exceptions import MCPError

from gateway.call import JsonObject, Subject
from gateway.catalogue import ServerInfo
from gateway.upstream.auth.credentials import Carrier
from gateway.upstream.connect import Opening
from gateway.upstream.connection import Connection, Link
from gateway.upstream.eras import Eras, fingerprint
from gateway.upstream.gathered import Gathered, declared
from gateway.upstream.given import Public
from gateway.upstream.listing import Listing
from gateway.upstream.looking import listed, looked_at, looked_at_all, looking_on
from gateway.upstream.meeting import heed, lasting, meet
from gateway.upstream.outcomes import fate_of
from gateway.upstream.reaping import Reaper
from gateway.upstream.reasons import cause, reason, shown
from gateway.upstream.renewing import Renewal
from gateway.upstream.spec import Era, ServerSpec, ServerStatus, State, Transport, carrier_of
from gateway.upstream.waiting import Backoff, Later, Pace, set_within, unless
from gateway.upstream.watching import Watched, background, unwish, wish, wish_again

__all__ = ["Supervisor"]

PATIENCE = 5.0  # seconds that a call waits for a server that is down
STEADY = 10.0  # seconds up, after which the next crash is the first again
AGAIN = 1.0, 300.0  # seconds between attempts to get a list that could not be had: the first pause, and the longest
CALM = 0.2  # seconds between two listings, however often a server says that its list changed

log = logging.getLogger("toolgate.upstream")


class Supervisor:
    """`changed` is called after anything that a catalogue shows has changed, `updated` with the URI of a resource, and
    `stirred` with the kinds of lists that the server says have changed, and in which nothing differs.

    A private connection declares `capabilities`, and takes what the `public` one has in place of its own.
    """

    def __init__(  # noqa: PLR0913 - each has its default but the first three
        self,
        spec: ServerSpec,
        reaper: Reaper,
        changed: Callable[[], None],
        *,
        updated: Callable[[str], None] = lambda _uri: None,
        stirred: Callable[[Collection[str]], None] = lambda _kinds: None,
        capabilities: JsonObject | None = None,
        public: Public | None = None,
        eras: Eras | None = None,
    ) -> None:
        self.spec = spec
        self.info: ServerInfo | None = None  # what it called itself when it last answered
        self.settled = asyncio.Event()  # the first attempt is over
        self.watched = public.watched if public else Watched()
        self.carrier: Carrier | None = None  # who it is to the server, once it has tried to connect
        self.was_ready = False
        self.refused = False  # the server said no to the handshake
        self.renewal = Renewal(self.relist)
        self.lists = Gathered()
        self._reaper = reaper
        self._changed, self._updated, self._stirred = changed, updated, public.stirred if public else stirred
        self._capabilities, self._public = capabilities or {}, public
        self._eras = eras or Eras()
        self._era: Era = spec.era  # what was found out stays known: a silent server costs its probe once
        self._state: State = "connecting"
        self._error = ""
        self._restarts = -1
        self._seconds: float | None = None
        self.connection: Connection | None = None  # as long as it is up
        self._task: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._pace = Pace(self._stopping)

    @property
    def listing(self) -> Listing:
        """What it offers, as far as is known now."""
        return self.lists.all if self._public is None else self._public.listing()

    @property
    def missing(self) -> str | None:
        """Why the server can't be reached; None when it can."""
        return None if self._state == "ready" else self._error or "it is still connecting"

    def status(self) -> ServerStatus:
        connection = self.connection
        info = connection.session.server_info if connection else None
        return ServerStatus(
            name=self.spec.name,
            state=self._state,
            era=self._era,
            protocol_version=connection.protocol_version if connection else "",
            server_info=f"{info.name} {info.version}" if info else "",
            tools=len(self.listing.tools),
            rejected=len(self.listing.rejected),
            restarts=max(0, self._restarts),
            error=self._error,
            pid=connection.pid if connection else None,
            connect_seconds=self._seconds,
            gateways=self.listing.about.gateways,
        )

    # ---- the owner task

    def start(self) -> asyncio.Task[None]:
        """Starts the task that keeps the server connected until `stop`."""
        self._task = asyncio.create_task(self._run(), name=f"toolgate.upstream.{self.spec.name}")
        return self._task

    def stop(self) -> None:
        """Ends the task, which closes the connection and stops the server."""
        self._stopping.set()
        if self.connection:
            self.connection.link.lose("it was stopped")
        elif self._task:
            self._task.cancel()  # it connects, or waits: both can be left at once

    async def _run(self) -> None:
        """Enters and leaves every connection in this one task: the SDK's scopes demand it."""
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            self._restarts += 1
            self._pace.begin()
            await self._live()
            if asyncio.get_running_loop().time() - began > STEADY:
                self._pace.reset()
            await self._pace.pause()

    async def _live(self) -> None:
        """One connection from beginning to end. Whatever breaks ends here."""
        self._state = "connecting"
        transport: Transport | None = None
        try:
            transport = self.spec.resolve()
            self.carrier = carrier_of(transport)
            async with Stack() as stack:
                await self._connected(stack, transport)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) and task.cancelling():
                raise
            self._broken("the connection broke")  # an SDK scope that falls apart cancels its own host
        except (Exception, BaseExceptionGroup) as error:  # one broken server takes no other along
            log.debug("server %s: %r", self.spec.name, error, exc_info=True)
            self._broken(shown(reason(error, self.spec), transport) or "the connection ended")

    async def _connected(self, stack: Stack, transport: Transport) -> None:
        link = Link()
        try:
            async with asyncio.timeout(self.spec.connect_timeout):
                connection, listing = await self._open(stack, transport, link)
            # In our time, not in the server's.
            looked = listing if self._public else await unless(link.gone, looked_at(listing, transport))
            if looked is not None:
                self._up(connection, looked)
                await self._serve(connection, transport)
        except Exception as error:
            link.lose(reason(error, self.spec))
            raise
        finally:
            self.connection = None
            self._ready.clear()
            if not self._stopping.is_set():
                why = shown(await link.explain(link.lost or ""), transport)
                self._down(why or "the connection ended")

    async def _open(self, stack: Stack, transport: Transport, link: Link) -> tuple[Connection, Listing]:
        began = asyncio.get_running_loop().time()
        connection = await self._connect(stack, transport, link)
        listing = await listed(connection, self.spec) if self._public is None else self._public.listing()
        if connection.modern:  # it is told in its one subscription
            beside, without = lasting(connection), "whether it goes back to the older era is not noticed"
        else:
            beside, without = self._wish_again(connection, again=self.was_ready), "it may tell nothing of resources"
        await stack.enter_async_context(background(beside, self.spec.name, without))
        self._seconds = asyncio.get_running_loop().time() - began
        return connection, listing

    def _up(self, connection: Connection, listing: Listing) -> None:
        # Until `_changed` nothing may wait: a call must not meet a tool that the catalogue does not have yet.
        info = connection.session.server_info
        self.lists.begin(listing)
        self.info = ServerInfo(info.name, info.version) if info else ServerInfo("", "")
        self.connection, self._state, self.was_ready = connection, "ready", True
        self._ready.set()
        self.settled.set()
        self._changed()

    async def _connect(self, stack: Stack, transport: Transport, link: Link) -> Connection:
        mark = fingerprint(self.spec.name, transport)
        if self._era == "auto":
            self._era = self._eras.of(mark) or "auto"
        opening = Opening.of(self.spec, transport, self._reaper, self.watched)
        opening = replace(opening, capabilities=self._capabilities, updated=self._updated)
        try:
            connection = await meet(stack, opening, link, self._eras)
        except Exception as error:
            if self.spec.era == "auto":
                self._era = self._eras.of(mark) or "auto"
            self.refused = isinstance(error, MCPError) and fate_of(error) is None
            raise
        self._era = "modern" if connection.modern else "legacy"
        return connection

    async def _serve(self, connection: Connection, transport: Transport) -> None:
        """Lists again when there is reason to, until the connection is lost."""
        link, echoed = connection.link, frozenset[str]()
        later = Later(link.doubt, Backoff(*AGAIN))
        later.note(well=self.listing.whole or self._public is not None)
        with contextlib.closing(later):
            while link.lost is None:
                looked = Listing() if self._public else self.lists.own
                async with looking_on(self.spec.name, looked, transport, self.adopt):
                    await link.wake.wait()
                link.wake.clear()
                if link.stale and link.lost is None:
                    kinds, before = link.taken(), self.listing
                    later.note(well=await unless(link.gone, self._refresh(connection, transport)) is True)
                    self.renewal.over()
                    if self.listing == before:  # told although nothing differs: a prompt may say something else now
                        self._stirred(kinds - echoed)
                    await asyncio.sleep(CALM)
                    echoed = kinds & link.named  # to be listed makes it say so: to tell that would never end

    async def _refresh(self, connection: Connection, transport: Transport) -> bool:
        """Whether all was there to be had: a list that was not would be missed until its server speaks of it again."""
        if self._public is not None and self.per_subject:
            self._public.relist()
            return True
        try:
            look = looked_at_all if self._public else looked_at
            listing = await look(await listed(connection, self.spec), transport)
        except (MCPError, TimeoutError, ValueError) as error:
            heed(connection.link, error)
            self._error = f"its tools could not be listed again: {shown(reason(error, self.spec), transport)}"
            return False
        adopt = self._public.adopt if self._public else self.adopt
        adopt(listing, declared(self._capabilities))
        return listing.whole

    def relist(self) -> None:
        """Has what it offers asked for again, if it is there."""
        if self.connection is not None:
            self.connection.link.doubt()

    def suspect(self) -> None:
        """It is silent elsewhere: is it there?"""
        if self.connection is not None:
            self.connection.link.silence(0)

    def adopt(self, listing: Listing, to: str = "") -> None:
        """What the server offers from now on; `to` whom: what a client with a connection of his own declares."""
        before = self.listing
        self.lists.take(listing, to)
        if self.listing != before or self.listing.said.hints != before.said.hints:
            self._changed()
        if listing.unseen and self.connection is not None:
            self.connection.link.wake.set()

    # ---- resources that somebody subscribed to

    async def subscribe(self, uri: str) -> None:
        """Raises MCPError or TimeoutError where the server says no."""
        self.watched.add(uri)
        connection = await self.reached(PATIENCE)
        if connection is None:
            self.watched.rely(uri)  # it will be told when it is back
        else:
            await wish(connection, self.watched, uri, self.spec.connect_timeout)

    async def unsubscribe(self, uri: str) -> None:
        if self.watched.remove(uri) and (connection := await self.reached(PATIENCE)) is not None:
            await unwish(connection, self.watched, uri, self.spec.connect_timeout)

    async def _wish_again(self, connection: Connection, *, again: bool) -> None:
        async for uri in wish_again(connection, self.watched, self.spec.connect_timeout):
            if again:  # nobody knows what happened meanwhile
                self._updated(uri)

    async def also_tell(self, method: str, uri: str) -> None:
        """The same for a private connection, if it is there."""
        if self.connection is not None:
            with contextlib.suppress(MCPError, TimeoutError):
                await self.connection.ask(method, {"uri": uri}, self.spec.connect_timeout)

    async def roots_changed(self) -> None:
        """The client whose connection this is says so; nobody, if it is not there."""
        if self.connection is not None and "roots" in self._capabilities:
            await self.connection.roots_changed()

    def _broken(self, why: str) -> None:
        """What broke on the way in or out, unless the end of the connection has been explained already."""
        if self._state != "down":
            self._down(why)

    def _down(self, why: str) -> None:
        was, before = self._state, self._error
        self._state, self._error = "down", why
        self.settled.set()
        if was == "ready" or before != why:
            self._changed()
        news = was == "ready" or cause(before) != cause(why)  # not at each attempt
        if news and not self._stopping.is_set():  # what breaks while we leave is no news
            level = logging.WARNING if self._public is None else logging.INFO  # the public one is how the server is
            log.log(level, "server %s is down: %s", self.spec.name, why)

    def wake(self) -> None:
        """Somebody was refused because the server is down: it is tried again soon."""
        self._pace.want()

    # ---- for whoever has something to send

    @property
    def available(self) -> bool:
        return self.connection is not None

    @property
    def at_rest(self) -> bool:
        """Whether it is at no request, as far as is known, which nobody waits for any more."""
        return self.connection is None or self.connection.talk.at_rest

    @property
    def era(self) -> Era:
        """What it speaks, as far as is known."""
        return self._era

    @property
    def per_subject(self) -> bool:
        """Whether the server acts for each user, as far as is known."""
        return self.carrier is not None and self.carrier.credentials.per_subject

    def foreign(self, subject: Subject | None) -> bool:
        """Whether its connection speaks for somebody else."""
        return self.carrier is not None and self.carrier.foreign(subject)

    async def reached(self, patience: float) -> Connection | None:
        """The connection, after so many seconds of waiting at the most, if there is one then."""
        if self.connection is None:
            with self._pace.wanting():
                await set_within(self._ready, patience)
        return self.connection
