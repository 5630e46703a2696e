"""Which run a client's request belongs to.

With the handshake there is a session; without (2026-07-28) every request stands alone, and all that one person's client
program sends to this process is one run. The name that a client gives itself is a title, and decides nothing. Nobody
tells us reliably that a client is gone, so a run ends when nothing came for half an hour; the next call opens another.
Where a gateway has been restarted meanwhile, or another one served the client, the new run is as tainted as the one
before. A session of the handshake is another one each time; but to one that follows the start of a gateway its client
may have been driven, in the middle of his work, and so it is as tainted as those that he had before.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from gateway.catalogue import Catalogue
from gateway.clients import ClientRun, Clients, Seat
from gateway.earlier import NOTHING_READ, Read, Who, read_until, who_is
from gateway.errors import IllegalEvent, LeaseLost, ToolgateError
from gateway.serve.asking import Asker
from gateway.verbatim import encode
from gateway.visible import shortened

__all__ = ["IDLE_SECONDS", "MAX_RUNS", "Client", "Sessions"]

MAX_RUNS = 1000
MAX_EACH = 100  # of one person: whoever takes many names makes room among his own
IDLE_SECONDS = 1800.0
NAME_LENGTH = 80

log = logging.getLogger("toolgate.serve")


@dataclass(frozen=True, slots=True)
class Client:
    """Who a request comes from: who is asking, which is known; what his program calls itself, as far as it says.

    `session` is the handshake's, over HTTP. `stateless` says that he keeps no session with anybody (2026-07-28): any
    gateway may answer his next request.
    """

    asker: Asker
    name: str
    session: str | None = None
    stateless: bool = False
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """`key` is whose run, and whose connections to servers: what somebody calls himself, or a session that he
        names, leads to nobody else's.
        """
        subject = self.asker.subject
        whose = (*subject.person, subject.agent, self.asker.profile.name, self.asker.local)
        key = encode([*whose, self.session is not None, self.session or self.name]).decode()
        object.__setattr__(self, "key", key)

    @classmethod
    def named(cls, asker: Asker, name: str, session: str | None = None, *, stateless: bool = False) -> "Client":
        return cls(asker, shortened(name, NAME_LENGTH), session, stateless)

    @classmethod
    def said(cls, asker: Asker, info: Any, session: str | None = None, *, stateless: bool = False) -> "Client":
        """From a `clientInfo` that nobody has looked at yet."""
        name = info.get("name") if isinstance(info, Mapping) else None
        return cls.named(asker, str(name) if name else "an MCP client", session, stateless=stateless)


@dataclass(slots=True)
class _Open:
    """A run, opened by its first call. `calls` are under way; `seen` is when the last one came or went."""

    asker: Asker
    opening: "asyncio.Task[ClientRun]"
    seen: float
    calls: int = 0
    run: ClientRun | None = None  # once it is open


class Sessions:
    """Opens a run at a client's first call, ends it when the client is silent, and all of them at the end.

    A run is one person's, within one profile. `clock` is monotonic, in seconds.
    """

    def __init__(self, clients: Clients, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients, self._clock = clients, clock
        self._runs: dict[str, _Open] = {}  # the one that was seen last stands last
        self._began = clock(), time.time()
        self._before: asyncio.Task[Mapping[Who, Read]] | None = None  # what clients had read before we began
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def clients(self) -> Clients:
        return self._clients

    @property
    def catalogue(self) -> Catalogue:
        """All that there is, whoever may see it."""
        return self._clients.upstream.catalogue

    def viewer(self, client: Client) -> ClientRun:
        """For what this client may see: nothing of it is recorded. What its run has read counts, if it has one."""
        known = self._runs.get(client.key)
        if known is not None and _is_open(known):
            run = known.opening.result()
            run.authenticated(client.asker.subject)
            return run
        return ClientRun(self._clients, Seat("", client.asker.subject, profile=client.asker.profile))

    def run(self, client: Client) -> "_Turn":
        """`with` it: the run of this client, for one call.

        A run that can't take the call, because it was lost, is not used again; one that a person has ended refuses all.
        """
        return _Turn(self, client)

    def _taken(self, client: Client) -> _Open:
        current = self._runs.pop(client.key, None)
        if current is None or (not current.calls and self._clock() - current.seen > IDLE_SECONDS):
            if current is not None:
                self._leave(current)
            current = self._opened(client)
        self._runs[client.key] = current
        current.calls += 1
        return current

    def _given_back(self, client: Client, current: _Open, error: BaseException | None) -> None:
        current.calls -= 1
        current.seen = self._clock()
        if not isinstance(error, Exception):
            return
        unfit = isinstance(error, (IllegalEvent, LeaseLost)) or not _is_open(current)
        if unfit and not _is_over(current):
            self._forget(client.key, current)

    async def close(self) -> None:
        """Ends every run."""
        runs, self._runs = self._runs, {}
        await asyncio.gather(*self._ending, *(_end(ended) for ended in runs.values()))

    def _opened(self, client: Client) -> _Open:
        """A new one; room is made for it first."""
        asker = client.asker
        for key, old in self._making_room(asker):
            self._forget(key, old)
            self._leave(old)
        return _Open(asker, asyncio.ensure_future(self._begin(client)), self._clock())

    def _leave(self, old: _Open) -> None:
        """Its run ends, beside what comes next."""
        ending = asyncio.ensure_future(_end(old))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _begin(self, client: Client) -> ClientRun:
        asker, follows = client.asker, IDLE_SECONDS if client.stateless else 0.0
        before = await self._read_before(client)
        return await self._clients.open(asker.subject, client.name, asker.profile, follows=follows, before=before)

    async def _read_before(self, client: Client) -> Read:
        """What somebody brings along to a session of the handshake that he opens in the half hour after our start. Over
        stdio nothing: there a session begins and ends with a gateway of its own.
        """
        began, at = self._began
        if client.session is None or self._clock() - began > IDLE_SECONDS:
            return NOTHING_READ
        if self._before is None or (self._before.done() and (self._before.cancelled() or self._before.exception())):
            self._before = asyncio.ensure_future(read_until(self._clients.store, at, IDLE_SECONDS))
        read = await asyncio.shield(self._before)
        return read.get(who_is(client.asker.subject, client.name), NOTHING_READ)

    def _making_room(self, asker: Asker) -> list[tuple[str, _Open]]:
        """What has to go before one more is opened: all that are silent, and else the oldest at their limit."""
        idle = [(key, old) for key, old in self._runs.items() if not old.calls]
        stale = [(key, old) for key, old in idle if self._clock() - old.seen > IDLE_SECONDS]
        own = [(key, old) for key, old in idle if old.asker == asker]
        too_many = max(0, sum(old.asker == asker for old in self._runs.values()) + 1 - MAX_EACH)
        return stale or own[:too_many] or idle[: max(0, len(self._runs) + 1 - MAX_RUNS)]

    def _forget(self, key: str, gone: _Open) -> None:
        if self._runs.get(key) is gone:
            del self._runs[key]


class _Turn:
    """One call of a client: `run` is there once it has `begun`. A generator would cost three times as much."""

    __slots__ = ("_client", "_current", "_sessions", "run")

    def __init__(self, sessions: Sessions, client: Client) -> None:
        self._sessions, self._client = sessions, client

    def __enter__(self) -> Self:
        self._current = current = self._sessions._taken(self._client)  # noqa: SLF001 - its own
        self.run = current.run
        if self.run is not None:
            self.run.authenticated(self._client.asker.subject)
        return self

    async def begun(self) -> ClientRun:
        """Raises StoreError."""
        self.run = self._current.run = await asyncio.shield(self._current.opening)
        return self.run

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._sessions._given_back(self._client, self._current, error)  # noqa: SLF001


def _is_open(run: _Open) -> bool:
    return run.opening.done() and not run.opening.cancelled() and run.opening.exception() is None


def _is_over(run: _Open) -> bool:
    """Whether a person has ended this session: another run would be a new budget."""
    return _is_open(run) and run.opening.result().is_over


async def _end(ended: _Open) -> None:
    if not _is_open(ended):
        return
    try:
        await ended.opening.result().close()
    except ToolgateError as error:  # somebody ended it before us, or the store is gone: its record stays as it is
        log.warning("a client's run could not be closed: %s", error)
