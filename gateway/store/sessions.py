"""The sessions of a store: what the last run of each has left, and the line of those that come next. The caller of the
functions begins and commits.

A run is in the line from when it is queued, and counts there until it has ended; its row goes when the next one joins.
It may begin when no other run of the line has begun, and of those before it nobody is at any, and no worker will be: a
run that was queued and is left alone by its driver, or was paused before it had begun, keeps nobody waiting, and stands
where it stood when somebody goes on with it.

`SessionBook` is what the rest of the program sees of them. A session is its user's alone: whoever asks names him.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from gateway.errors import Conflict, NotItsTurn, StoreError, UnknownSession
from gateway.session import Ahead, Join, Keep, Line, Open, Session, Turn
from gateway.store.ledger import Ledger
from gateway.store.policies import Access

__all__ = ["SessionBook", "join", "keep", "line", "turn"]

T = TypeVar("T")

BEGUN = "EXISTS (SELECT 1 FROM events WHERE events.run_id = runs.id AND events.body LIKE ?)"
STARTED = '{"event":"started"%'  # as events are written
_OVER = "('succeeded', 'failed', 'cancelled')"
_SAME = "tenant = ? AND user = ? AND name = ?"
_MAKE = (
    "INSERT INTO sessions (tenant, user, name, agent, created, updated) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (tenant, user, name) DO NOTHING"
)
_FORGET_ENDED = (
    f"DELETE FROM session_runs WHERE {_SAME}"  # noqa: S608 - constants
    f" AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = session_runs.run_id AND runs.status NOT IN {_OVER})"
)
_STAND = (
    "INSERT INTO session_runs (run_id, tenant, user, name, place) VALUES (?, ?, ?, ?,"  # noqa: S608 - constants
    f" (SELECT coalesce(max(place), 0) + 1 FROM session_runs WHERE {_SAME}))"
)
_OF_RUN = (
    "SELECT mine.name, coalesce(sessions.turns, 0), sessions.memory FROM session_runs AS mine LEFT JOIN sessions"
    " ON sessions.tenant = mine.tenant AND sessions.user = mine.user AND sessions.name = mine.name"
    " WHERE mine.run_id = ?"
)
_AHEAD = (
    "SELECT runs.id, runs.status, runs.owner, runs.lease_until,"  # noqa: S608 - constants
    " (SELECT count(*) FROM jobs WHERE jobs.run_id = runs.id) FROM session_runs AS mine"
    " JOIN session_runs AS other ON other.tenant = mine.tenant AND other.user = mine.user AND other.name = mine.name"
    " JOIN runs ON runs.id = other.run_id"
    f" WHERE mine.run_id = ? AND other.run_id <> mine.run_id AND runs.status NOT IN {_OVER}"
    " AND (runs.status <> 'queued' OR other.place < mine.place)"
    f" AND (runs.status <> 'paused' OR {BEGUN}) ORDER BY other.place"
)
_KEEP = (
    "UPDATE sessions SET memory = ?, run_id = ?, turns = turns + 1, updated = ? WHERE EXISTS"
    " (SELECT 1 FROM session_runs AS mine WHERE mine.run_id = ? AND mine.tenant = sessions.tenant"
    " AND mine.user = sessions.user AND mine.name = sessions.name)"
)
_LIST = "SELECT name, agent, turns, coalesce(length(memory), 0), run_id, created, updated FROM sessions"
_OPEN = (
    "SELECT session_runs.name, session_runs.run_id FROM session_runs"  # noqa: S608 - constants
    " JOIN runs ON runs.id = session_runs.run_id"
    f" WHERE session_runs.tenant = ? AND session_runs.user = ? AND runs.status NOT IN {_OVER}"
    " ORDER BY session_runs.place"
)
_IN_LINE = (
    f"SELECT runs.id, runs.status, CASE WHEN {BEGUN} THEN 1 ELSE 0 END, runs.owner, runs.lease_until,"  # noqa: S608 - constants
    " (SELECT count(*) FROM jobs WHERE jobs.run_id = runs.id) FROM session_runs"
    f" JOIN runs ON runs.id = session_runs.run_id WHERE session_runs.tenant = ? AND session_runs.user = ?"
    " AND session_runs.name = ?"
    f" AND runs.status NOT IN {_OVER} ORDER BY session_runs.place"
)


def join(db: Ledger, change: Join, now: int) -> None:
    """At the end of the line, of a session that is made where it is missing."""
    key = (change.tenant, change.user, change.name)
    db.execute(_MAKE, (*key, change.agent, now, now))
    (agent,) = db.execute(f"SELECT agent FROM sessions WHERE {_SAME}", key).fetchone()  # noqa: S608 - constants
    if agent != change.agent:
        raise Conflict(f"the session `{change.name}` is one with `{agent}`; `{change.agent}` needs another one")
    db.execute(_FORGET_ENDED, key)
    db.execute(_STAND, (change.run_id, *key, *key))


def turn(db: Ledger, change: Turn, now: int) -> None:
    """Raises NotItsTurn for a run that has to wait, or that knows an older memory."""
    row = db.execute(_OF_RUN, (change.run_id,)).fetchone()
    rows = db.execute(_AHEAD, (change.run_id, STARTED)).fetchall()
    before = _before(rows, now, change.gone)
    if before or (row is not None and row[1] != change.version):
        first = f"`{before[0].run_id}` comes first" if before else "another run has just ended"
        raise NotItsTurn(f"it is not the turn of run `{change.run_id}` in its session: {first}")


def keep(db: Ledger, change: Keep, now: int) -> None:
    """What a run leaves takes the place of what was there when it began; what came there since is newer, and stays."""
    known = [] if change.version is None else [change.version]
    sql = f"{_KEEP} AND turns = ?" if known else _KEEP
    db.execute(sql, (change.memory, change.run_id, now, change.run_id, *known))


def line(access: Access, run_id: str) -> Line | None:
    """Where a run stands; None for one without a session."""
    rows = access.read(_OF_RUN, run_id)
    if not rows:
        return None
    name, version, memory = rows[0]
    return Line(name, version, memory, _before(access.read(_AHEAD, run_id, STARTED), access.now()))


def _before(rows: Sequence[Any], now: int, gone: Sequence[str] = ()) -> Sequence[Ahead]:
    """Those for which one has to wait: whoever has begun, and whoever came first and is at it."""
    told = [
        (Ahead(run_id, status, owner, owner is not None and until > now and owner not in gone, bool(jobs)), jobs)
        for run_id, status, owner, until, jobs in rows
    ]
    return [each for each, jobs in told if each.alive or jobs or each.status != "queued"]


class SessionBook:
    """The sessions of one user in one tenant. Every method may raise StoreError."""

    def __init__(self, access: Access, user: str, tenant: str) -> None:
        self._access, self._key = access, (tenant, user)

    async def look(self, at: Callable[[], T]) -> T:
        """One of the reads below, for who shares an event loop: it waits for a database elsewhere in a thread."""
        return await self._access.reading(at)

    def all(self) -> Sequence[Session]:
        """Those that changed last first."""
        rows = self._access.read(f"{_LIST} WHERE tenant = ? AND user = ? ORDER BY updated DESC, name", *self._key)
        opened = self._access.read(_OPEN, *self._key)
        return [replace(Session(*row), open=[run_id for name, run_id in opened if name == row[0]]) for row in rows]

    def get(self, name: str) -> Session:
        """Raises UnknownSession."""
        found = next((session for session in self.all() if session.name == name), None)
        if found is None:
            raise UnknownSession(name)
        return found

    def open(self, name: str) -> Sequence[Open]:
        """Its runs that have not ended, in the order in which they come."""
        rows, now = self._access.read(_IN_LINE, STARTED, *self._key, name), self._access.now()
        return [
            Open(run_id, status, begun == 1, owner, owner is not None and until > now, bool(jobs))
            for run_id, status, begun, owner, until, jobs in rows
        ]

    def memory(self, name: str) -> str | None:
        """What its last run has left, as text. Raises UnknownSession."""
        rows = self._access.read(f"SELECT memory FROM sessions WHERE {_SAME}", *self._key, name)  # noqa: S608 - constants
        if not rows:
            raise UnknownSession(name)
        memory: str | None = rows[0][0]
        return memory

    async def delete(self, name: str) -> None:
        """What it remembered is gone; its runs stay on record. Raises UnknownSession, and StoreError while a run of it
        has not ended.
        """
        await self._access.write(lambda db: self._delete(db, name))

    def _delete(self, db: Ledger, name: str) -> None:
        key = (*self._key, name)
        opened = [run_id for of, run_id in db.execute(_OPEN, self._key).fetchall() if of == name]
        if opened:
            raise StoreError(f"run `{opened[0]}` of the session `{name}` has not ended; cancel it, or let it end first")
        if db.execute(f"DELETE FROM sessions WHERE {_SAME}", key).rowcount != 1:  # noqa: S608 - constants
            raise UnknownSession(name)
        db.execute(f"DELETE FROM session_runs WHERE {_SAME}", key)  # noqa: S608 - constants
