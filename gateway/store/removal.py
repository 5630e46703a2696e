"""Runs that are deleted, and what is kept of them: whose they were, and what was decided in them, by whom, under which
policy. Arguments, answers and words go. When that is cleared, too, the id stays: what a run was allowed to do is not
done once more by a file that has it.

No transaction is long, however much a run holds: it goes from the list in one, with its approvals, tasks and account,
then its events go some at a time. Whatever was left by a process that died goes with the next clearing.
"""

import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from gateway.effects import UNDO, undo_run
from gateway.errors import StoreError, UnknownRun
from gateway.run import ENDED
from gateway.store import run_account
from gateway.store.gone import settle
from gateway.store.lease import is_dead
from gateway.store.ledger import Ledger
from gateway.values import value

__all__ = ["KINDS", "Decision", "Kind", "RemovalBook", "decision"]

Kind = Literal["runs", "sessions", "lasting", "audit"]
KINDS: tuple[Kind, ...] = ("runs", "sessions", "lasting", "audit")
AT_ONCE = 500  # rows of one transaction
PAGE = 50  # runs that are looked up at once

# What is kept of an event in which something was decided; all other events go.
_KEPT: Mapping[str, tuple[str, ...]] = {
    "queued": ("driver", "user", "tenant", "agent", "model"),
    "denied": ("key", "path", "action", "gate", "rule", "policy"),
    "held": ("key", "path", "action", "approval_id", "rule", "policy"),
    "decided": ("key", "approval_id", "decision", "by", "policy"),
    "admitted": ("key", "path", "action", "attempt", "pin", "rule", "approval_id", "policy"),
    "resolved": ("key", "resolution", "by"),
    "limits_raised": ("limits", "by"),
    "cancelled": ("by",),
    "imported": ("by", "moved"),
}

_COLUMNS = "id, status, driver, user, tenant, agent, created"
_RUN = f"SELECT {_COLUMNS}, owner, lease_until FROM runs WHERE id = ?"  # noqa: S608 - a constant
_REMOVED = (
    "INSERT INTO removed (run_id, status, driver, user, tenant, agent, created, at, by)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (run_id) DO UPDATE SET at = excluded.at, by = excluded.by, done = 0"
)
_ONLY_ITS_ID = (  # that stays for ever: a run that was deleted does not come back, by no file and no schedule
    "UPDATE removed SET status = '', driver = '', user = '', tenant = '', agent = NULL, by = '', done = 2"
    " WHERE run_id = ?"
)
_GONE = (
    "DELETE FROM deliveries WHERE approval_id IN (SELECT id FROM approvals WHERE run_id = ?)",
    "DELETE FROM approvals WHERE run_id = ?",
    "DELETE FROM tasks WHERE run_id = ?",
    "DELETE FROM jobs WHERE run_id = ?",
    "DELETE FROM session_runs WHERE run_id = ?",
    "DELETE FROM unsettled WHERE run_id = ?",
    "DELETE FROM runs WHERE id = ?",
)
_DECISION = "INSERT INTO decisions (run_id, seq, at, body) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
_OLD = (  # what was undone of a run is on record as long as the run is, and goes with it
    "SELECT id, created FROM runs WHERE (created, id) > (?, ?) AND created < ? AND"  # noqa: S608 - a constant
    " (status IN ('succeeded', 'failed', 'cancelled')"
    " OR (driver = 'client' AND status = 'running' AND lease_until < ?))"
    " AND (SELECT at FROM events WHERE run_id = runs.id ORDER BY seq DESC LIMIT 1) < ?"
    f" AND NOT (substr(id, 1, {len(UNDO)}) = '{UNDO}'"
    f" AND EXISTS (SELECT 1 FROM runs AS undone WHERE undone.id = substr(runs.id, {len(UNDO) + 1})))"
    f" AND NOT EXISTS (SELECT 1 FROM events AS later WHERE later.run_id = '{UNDO}' || runs.id AND later.at >= ?)"
    " ORDER BY created, id LIMIT ?"
)
_LASTED = ("remembered", "delegations")
_SILENT = (
    "SELECT tenant, user, name FROM sessions WHERE updated < ? AND NOT EXISTS (SELECT 1 FROM session_runs AS mine"
    " JOIN runs ON runs.id = mine.run_id WHERE mine.tenant = sessions.tenant AND mine.user = sessions.user"
    " AND mine.name = sessions.name AND runs.status NOT IN ('succeeded', 'failed', 'cancelled'))"
)


@value(frozen=True, slots=True)
class Decision:
    """What is kept of one event of a run that was deleted."""

    seq: int
    at: int
    body: Mapping[str, Any]


class Access(Protocol):
    """The store, as this needs it."""

    @property
    def read(self) -> Callable[..., list[Any]]: ...
    @property
    def write(self) -> Callable[[Callable[[Ledger], Any]], Awaitable[Any]]: ...
    @property
    def now(self) -> Callable[[], int]: ...


class RemovalBook:
    """Deletes runs, and what has been kept for long enough. Raises StoreError."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def remove(self, run_id: str, by: str) -> None:
        """Deletes a run that has ended and that nobody drives, with the record of what was undone of it, which does not
        go by itself. Raises UnknownRun, StoreError.
        """
        now, later = self._access.now(), undo_run(run_id)
        both = await self._access.write(lambda db: _remove_both(db, run_id, by, now))
        await self._sweep(run_id)
        if both:
            await self._sweep(later)

    def check(self, run_id: str) -> None:
        """Raises StoreError for the record of what was undone of a run that is still there: it goes with that, and is
        not ended before.
        """
        _must_go_alone(run_id, self._access.read(_RUN, run_id.removeprefix(UNDO)))

    def decisions(self, run_id: str) -> Sequence[Decision]:
        """What was decided in a run that was deleted. Empty for one that was not."""
        rows = self._access.read("SELECT seq, at, body FROM decisions WHERE run_id = ? ORDER BY seq", run_id)
        return [Decision(seq, at, json.loads(body)) for seq, at, body in rows]

    async def clear(self, kind: Kind, before: int, by: str, *, dry_run: bool = False) -> int:
        """Deletes what is older than this moment (milliseconds since 1970); says how many, also if it only looks.

        Of runs those that have ended; one that waits or is paused is kept however old it is. Of sessions what those
        remember to which nothing was added since, and of which no run is open. Of what lasts
        (remembered answers, delegations) what has not been in force since; of the audit what is kept of runs that were
        deleted before.
        """
        if kind == "runs":
            return await self._clear_runs(before, by, dry_run=dry_run)
        if kind == "sessions":
            return await self._clear_sessions(before, dry_run=dry_run)
        if kind == "lasting":
            return sum([await self._clear_table(table, before, dry_run=dry_run) for table in _LASTED])
        return await self._clear_audit(before, dry_run=dry_run)

    async def _clear_runs(self, before: int, by: str, *, dry_run: bool) -> int:
        count, last = 0, (-1, "")
        if not dry_run:
            for (run_id,) in self._access.read("SELECT run_id FROM removed WHERE done = 0"):
                await self._sweep(run_id)
        while rows := self._access.read(_OLD, *last, before, self._access.now(), before, before, PAGE):
            last = (rows[-1][1], rows[-1][0])
            for run_id, _ in rows:
                with contextlib.suppress(UnknownRun):  # another one clears, too, and was first
                    if not dry_run:
                        await self.remove(run_id, by)
                    count += 1
        return count

    async def _clear_sessions(self, before: int, *, dry_run: bool) -> int:
        if dry_run:
            return len(self._access.read(_SILENT, before))
        count = 0
        while gone := await self._access.write(lambda db: _forget_sessions(db, before)):
            count += gone
        return count

    async def _clear_table(self, table: str, before: int, *, dry_run: bool) -> int:
        old = f"SELECT id FROM {table} WHERE (until < ? OR revoked < ?)"  # noqa: S608 - a name of ours
        if dry_run:
            return len(self._access.read(old, before, before))
        count = 0
        while gone := await self._access.write(lambda db: _delete(db, table, f"{old} LIMIT {AT_ONCE}", before)):
            count += gone
        return count

    async def _clear_audit(self, before: int, *, dry_run: bool) -> int:
        old = self._access.read("SELECT run_id FROM removed WHERE at < ? AND done = 1", before)
        for (run_id,) in old if not dry_run else ():
            await self._forget(run_id)
        return len(old)

    async def _forget(self, run_id: str) -> None:
        while await self._access.write(lambda db: _forget(db, run_id)):
            pass

    async def _sweep(self, run_id: str) -> None:
        while await self._access.write(lambda db: _sweep(db, run_id)):
            pass


def decision(body: str) -> str | None:
    """What is kept of an event, both as JSON; None for one that goes."""
    try:
        event = json.loads(body)
        kept = _KEPT.get(event["event"])
    except (LookupError, TypeError, ValueError, RecursionError):  # it was damaged
        return None
    if kept is None:
        return None
    return json.dumps({"event": event["event"]} | {name: event[name] for name in kept if name in event})


def _remove_both(db: Ledger, run_id: str, by: str, now: int) -> bool:
    """Whether something of it was undone. Without that record it could be undone once more."""
    _must_go_alone(run_id, db.execute(_RUN, (run_id.removeprefix(UNDO),)).fetchall())
    _remove(db, run_id, by, now)
    both = db.execute(_RUN, (undo_run(run_id),)).fetchone() is not None
    if both:
        _remove(db, undo_run(run_id), by, now)
    return both


def _must_go_alone(run_id: str, undone: Sequence[Any]) -> None:
    if run_id.startswith(UNDO) and undone:
        why = f"run `{run_id}` is the record of what was undone of `{run_id.removeprefix(UNDO)}`"
        raise StoreError(f"{why}: it is not stopped, for more can be undone by it, and it is deleted with that one")


def _remove(db: Ledger, run_id: str, by: str, now: int) -> None:
    row = db.execute(_RUN, (run_id,)).fetchone()
    if row is None:
        raise UnknownRun(run_id)
    *told, owner, until = row
    status, driver = told[1], told[2]
    if owner is not None and until > now and not is_dead(owner):
        raise StoreError(f"run `{run_id}` is driven by {owner}; it can be deleted when that has let go of it")
    if status not in ENDED and not (driver == "client" and status == "running"):
        raise StoreError(f"run `{run_id}` has not ended ({status}); cancel it first")
    settle(db, run_id, now)
    db.execute(_REMOVED, (*told, now, by))
    for statement in _GONE:
        db.execute(statement, (run_id,))
    db.forget([run_account(run_id)])


def _sweep(db: Ledger, run_id: str) -> bool:
    """Whether more is left."""
    sql = f"SELECT seq, at, body FROM events WHERE run_id = ? ORDER BY seq LIMIT {AT_ONCE}"  # noqa: S608 - a number
    rows = db.execute(sql, (run_id,)).fetchall()
    kept = [(run_id, seq, at, told) for seq, at, body in rows if (told := decision(body)) is not None]
    for row in kept:
        db.execute(_DECISION, row)
    if rows:
        db.execute("DELETE FROM events WHERE run_id = ? AND seq <= ?", (run_id, rows[-1][0]))
    if len(rows) < AT_ONCE:
        db.execute("UPDATE removed SET done = 1 WHERE run_id = ?", (run_id,))
    return len(rows) == AT_ONCE


def _delete(db: Ledger, table: str, old: str, before: int) -> int:
    return db.execute(f"DELETE FROM {table} WHERE id IN ({old})", (before, before)).rowcount  # noqa: S608 - names of ours


def _forget_sessions(db: Ledger, before: int) -> int:
    rows = db.execute(f"{_SILENT} LIMIT {AT_ONCE}", (before,)).fetchall()
    for row in rows:
        for table in ("sessions", "session_runs"):
            db.execute(f"DELETE FROM {table} WHERE tenant = ? AND user = ? AND name = ?", tuple(row))  # noqa: S608
    return len(rows)


def _forget(db: Ledger, run_id: str) -> bool:
    """What is kept of a run that was deleted goes, too, but for its id. Whether more is left."""
    seqs = f"SELECT seq FROM decisions WHERE run_id = ? ORDER BY seq LIMIT {AT_ONCE}"  # noqa: S608 - a number
    sql = f"DELETE FROM decisions WHERE run_id = ? AND seq IN ({seqs})"  # noqa: S608 - as above
    if db.execute(sql, (run_id, run_id)).rowcount:
        return True
    db.execute(_ONLY_ITS_ID, (run_id,))
    return False
