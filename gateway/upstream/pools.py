"""A pool of connections for each subject, to a server that acts for each user.

HTTP binds no connection to whoever spoke on it. But some servers and proxies do; and an answer that comes twice is read
by whoever asks next on the same wire. What is one user's stays on connections that were never anybody else's.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from gateway.call import Subject
from gateway.upstream.pool import Pool

__all__ = ["MOST", "Pools"]

MOST = 64  # pools that are kept; beyond, who has been away for longest opens his connections anew

_Who = tuple[str, str]


class Pools:
    """`opened` makes a pool. Close it with `aclose`."""

    def __init__(self, opened: Callable[[], Pool]) -> None:
        self._opened = opened
        self._pools: dict[_Who, Pool] = {}  # the one that was used last stands last
        self._users: Counter[_Who] = Counter()

    @asynccontextmanager
    async def lent(self, subject: Subject | None) -> AsyncIterator[Pool]:
        """This subject's, for one request."""
        who = (subject.tenant, subject.user) if subject else ("", "")
        pool = self._pools.pop(who, None) or self._opened()
        self._pools[who] = pool
        self._users[who] += 1
        try:
            yield pool
        finally:
            self._users[who] -= 1
            self._make_room()

    def _make_room(self) -> None:
        """Closes what nobody uses, beyond the limit: at once, before anybody can use it again."""
        idle = [who for who in self._pools if not self._users[who]]
        for who in idle[: max(0, len(self._pools) - MOST)]:
            del self._users[who]
            self._pools.pop(who).close()

    async def aclose(self) -> None:
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()
