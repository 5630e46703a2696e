"""What a request to a server carries to prove who it is from, and what to do when the server does not take it.

`Credentials` is what connections see: headers for a subject, and other headers after a refusal. Where tokens come from
is a `Source`: a user's own log-in, the gateway's client credentials, an exchange of the user's token.

A token of one subject is never used for another: every question names the subject, sources keep tokens by it, and a
source that acts for each subject refuses a question without one.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from weakref import WeakValueDictionary

from gateway.call import Subject
from gateway.errors import LogInNeeded
from gateway.upstream.auth.grant import Grant
from gateway.upstream.auth.scopes import lacking

__all__ = ["LOOK", "Carrier", "Credentials", "Source"]

# Seconds. A token that is refused so soon after it was granted is not wanted, and neither is the next; and one that is
# granted for a moment only is used for that moment.
SETTLED = 5.0
LOOK = "look at `auth` of its entry"
REMEMBERED = 256  # tokens that were given out

_Who = tuple[str, str]  # tenant, user
_Get = Callable[[], Awaitable[Grant | None]]


class Source(Protocol):
    """Where tokens come from. `per_subject` says whether each subject has its own."""

    server: str
    per_subject: bool

    def current(self, subject: Subject | None) -> Grant | None:
        """What is at hand, fresh or not."""
        ...

    async def obtain(self, subject: Subject | None, old: Grant | None, challenge: str | None) -> Grant | None:
        """A grant in the place of `old`, which has ended or was refused with `challenge` (None: no server was asked).

        None when nothing can be known before a server has been asked. Raises LogInNeeded when it takes a person,
        UpstreamUnavailable when the authorization server does not give one.
        """
        ...

    async def widen(self, subject: Subject | None, old: Grant | None, scopes: Sequence[str]) -> Grant | None:
        """A grant that is good for these scopes too, in the place of `old`, which is not; None when they have been
        asked for already. Raises as `obtain` does.
        """
        ...

    def mend(self, subject: Subject | None) -> str:
        """What to do when a server does not take what this subject has."""
        ...


class Credentials:
    """The credentials for one server, for all subjects. Shows no token."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.time) -> None:
        self._source = source
        self._clock = clock
        self._turns = WeakValueDictionary[_Who, asyncio.Lock]()  # of those who renew just now
        self._given: dict[str, None] = {}  # a set that remembers its order
        self._renewing: set[asyncio.Task[Grant | None]] = set()

    def __repr__(self) -> str:
        return f"Credentials({self._source.server!r}, per_subject={self.per_subject})"

    @property
    def per_subject(self) -> bool:
        """Whether each subject has credentials of his own: connections must then not be shared either."""
        return self._source.per_subject

    @property
    def secrets(self) -> Sequence[str]:
        """The tokens that were given out last: texts that may be shown nowhere, whoever repeats them."""
        return tuple(self._given)

    def mend(self, subject: Subject | None) -> str:
        """What to do when the server does not take them."""
        return self._source.mend(subject)

    async def headers(self, subject: Subject | None) -> Mapping[str, str]:
        """What a request of this subject carries; renewed first, if it is about to end. Empty: ask without, and see.

        Raises LogInNeeded or UpstreamUnavailable: nothing may be sent then.
        """
        self._must_be_named(subject)
        grant = self._source.current(subject)
        if grant is None or not (grant.fresh(self._clock()) or self._is_new(grant)):
            grant = await self._renewed(subject, grant, None)
        return self._noted(grant) if grant else {}

    async def renewed(
        self, subject: Subject | None, refused: Mapping[str, str], challenge: str
    ) -> Mapping[str, str] | None:
        """Other headers, after a server has answered with this challenge to `refused`; None when there is nothing
        better.

        Raises LogInNeeded or UpstreamUnavailable.
        """
        self._must_be_named(subject)
        grant = self._source.current(subject)
        if (scopes := lacking(challenge)) is not None:
            return await self._widened(subject, grant, refused, scopes)
        if grant is not None and grant.headers == refused and self._is_new(grant):
            return None
        if grant is not None and grant.headers != refused and grant.fresh(self._clock()):
            return self._noted(grant)  # somebody else renewed it while we were waiting for the 401
        renewed = await self._renewed(subject, grant, challenge)
        return self._noted(renewed) if renewed and renewed.headers != refused else None

    async def _widened(
        self, subject: Subject | None, grant: Grant | None, refused: Mapping[str, str], scopes: Sequence[str]
    ) -> Mapping[str, str] | None:
        """The token is good, but not for this."""
        if grant is None or grant.headers == refused:
            grant = await self._alone(subject, grant, lambda: self._source.widen(subject, grant, scopes))
        return self._noted(grant) if grant and grant.headers != refused else None

    def _is_new(self, grant: Grant) -> bool:
        return 0 <= self._clock() - grant.obtained < SETTLED

    def _noted(self, grant: Grant) -> Mapping[str, str]:
        if grant.access_token not in self._given:
            self._given[grant.access_token] = None
            if len(self._given) > REMEMBERED:
                del self._given[next(iter(self._given))]
        return grant.headers

    def _must_be_named(self, subject: Subject | None) -> None:
        if self.per_subject and subject is None:
            raise LogInNeeded(self._source.server, "it acts for its users, and nobody is asking")

    async def _renewed(self, subject: Subject | None, old: Grant | None, challenge: str | None) -> Grant | None:
        return await self._alone(subject, old, lambda: self._source.obtain(subject, old, challenge))

    async def _alone(self, subject: Subject | None, old: Grant | None, get: _Get) -> Grant | None:
        """A renewal that goes on when whoever waits for it gives up.

        The old refresh token may be used up by then: a new one that nobody keeps would be the end of the log-in.
        """
        task = asyncio.create_task(self._in_turn(subject, old, get))
        self._renewing.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: "asyncio.Task[Grant | None]") -> None:
        self._renewing.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody else wants it

    async def _in_turn(self, subject: Subject | None, old: Grant | None, get: _Get) -> Grant | None:
        """One renewal at a time for each subject; who waited for it takes what it brought."""
        mine = self._turns.setdefault(_who(subject), asyncio.Lock())  # here as long as anybody holds or awaits it
        async with mine:
            now = self._source.current(subject)
            if now is not None and now != old and now.fresh(self._clock()):
                return now
            return await get()


@dataclass(frozen=True, slots=True)
class Carrier:
    """Credentials for one server, and the subject for whom a connection to it is open."""

    credentials: Credentials
    owner: Subject | None = None

    def foreign(self, subject: Subject | None) -> bool:
        """Whether a call of this subject must not go over a connection that authenticates as the owner."""
        return self.credentials.per_subject and subject is not None and _who(subject) != _who(self.owner)


def _who(subject: Subject | None) -> _Who:
    return subject.person if subject else ("", "")
