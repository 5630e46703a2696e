"""One SQLite file in WAL mode, for one machine and any number of processes.

Plain `sqlite3` and SQL instead of SQLAlchemy: the contract needs a dozen statements, and one of SQLAlchemy Core's
costs as much as the whole transaction that it would be part of. Writes go through the group commit of `writer`; reads
are point look-ups, and never wait for a writer (WAL).

`synchronous="normal"` survives the death of the process at any instant; `"full"` (an fsync for each commit) also that
of the machine.
"""

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from gateway.approval import PLAIN, Approval, Said, Terms, Vote
from gateway.balances import Booked
from gateway.budget import Spend
from gateway.call import Call, JsonObject, Subject
from gateway.errors import StoreError, UnknownApproval, UnknownKey, UnknownRun, UnknownTask
from gateway.events import Event, Recorded, event_from_json
from gateway.keys import ApiKey
from gateway.lasting import Delegation, Remembered
from gateway.store import Change, Lease, RunRow, answers, approvals, record
from gateway.store import keys as key_tx
from gateway.store import transactions as tx
from gateway.store.lasting import LastingBook
from gateway.store.outbox import Outbox
from gateway.store.policies import KEPT, PolicyBook
from gateway.store.writer import Transaction, Writer
from gateway.task import Task

__all__ = ["SCHEMA_VERSION", "SqliteStore"]

T = TypeVar("T")
# The file at place n leads from version n to n + 1.
MIGRATIONS: tuple[str, ...] = (
    "schema.sql",
    "keys.sql",
    "actions.sql",
    "tasks.sql",
    "once.sql",
    "policies.sql",
    "sightings.sql",
    "approvals.sql",
    "lasting.sql",
    "windows.sql",
    "outbox.sql",
)
SCHEMA_VERSION = len(MIGRATIONS)
BUSY_SECONDS = 10.0
DENIAL_STANDS = 3_600_000  # milliseconds in which the same call is denied again without asking people again


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


class SqliteStore:
    """A `gateway.store.Store`. Close it to commit what waits; a killed process loses nothing that was acknowledged."""

    def __init__(
        self,
        path: Path,
        *,
        synchronous: Literal["normal", "full"] = "normal",
        clock: Callable[[], int] = _milliseconds,
    ) -> None:
        """Opens or makes the file. `clock` gives milliseconds since 1970. Raises StoreError."""
        self._path, self._synchronous, self._clock = path, synchronous, clock
        with contextlib.ExitStack() as opened:
            try:
                _make_private(path)
                self._reader = opened.enter_context(contextlib.closing(self._connect()))
                _migrate(self._reader, path)
                self._writer = Writer(self._connect, inline=synchronous == "normal")
            except (OSError, sqlite3.Error) as error:
                raise StoreError(f"the store `{path}` can't be opened: {error}") from None
            opened.pop_all()

    def close(self) -> None:
        self._writer.close()
        self._reader.close()

    async def append(
        self, run_id: str, events: Sequence[Event], *, lease: Lease | None, changes: Sequence[Change] = ()
    ) -> int:
        return await self._write(lambda db: tx.append(db, tx.Append(run_id, events, lease, changes), self._clock()))

    async def events(self, run_id: str, after: int = 0, most: int | None = None) -> Sequence[Recorded]:
        limit = "" if most is None else f" LIMIT {most:d}"
        rows = self._read(f"{tx.SELECT_EVENTS}{limit}", run_id, after)
        try:
            return [Recorded(run_id, seq, at, event_from_json(json.loads(body))) for seq, at, body in rows]
        except KeyError as unknown:
            raise StoreError(f"run `{run_id}` holds {unknown}, which this version does not know; update it") from None

    async def run_row(self, run_id: str) -> RunRow:
        row = self._meant(tx.SELECT_RUNS, run_id)
        if row is None:
            raise UnknownRun(run_id)
        return tx.run_row(row)

    async def run_rows(self, limit: int = 50) -> Sequence[RunRow]:
        return [tx.run_row(row) for row in self._read(f"{tx.SELECT_RUNS} ORDER BY created DESC LIMIT ?", limit)]

    async def spend(self, account: str) -> Spend:
        return Spend.from_json(dict(self._read(tx.SELECT_TAKEN, account)))

    async def recent_spend(self, account: str) -> Spend:
        known = self._writer.spend(account)
        return await self.spend(account) if known is None else known

    async def spend_since(self, first: str, account: str) -> Spend:
        return Spend.from_json(dict(self._read(tx.SELECT_SINCE, first, account)))

    async def booked(self, start: str) -> Sequence[Booked]:
        """The rows of all accounts whose names begin so."""
        rows = self._read(tx.SELECT_BOOKED, start, start + "\U0010ffff")
        return [Booked(*row) for row in rows]

    async def acquire(self, run_id: str, owner: str, seconds: float, gone: str | None = None) -> Lease | None:
        return await self._write(lambda db: tx.acquire(db, tx.Bid(run_id, owner, gone, seconds), self._clock()))

    async def renew(self, lease: Lease, seconds: float) -> None:
        await self._write(lambda db: tx.renew(db, lease, self._clock() + round(seconds * 1000)))

    async def release(self, lease: Lease) -> None:
        await self._write(lambda db: tx.release(db, lease))

    async def approval(self, approval_id: str) -> Approval:
        row = self._meant(approvals.SELECT, approval_id)
        if row is None:
            raise UnknownApproval(approval_id)
        return approvals.approval(row)

    async def claimed(self, claim: str) -> Approval | None:
        now = self._clock()
        where = (
            "WHERE claim = ? AND expires > ?"
            " AND (state IN ('pending', 'approved') OR (state = 'denied' AND decided_at > ?)) ORDER BY created DESC"
        )
        rows = self._read(f"{approvals.SELECT} {where} LIMIT 1", claim, now, now - DENIAL_STANDS)
        return approvals.approval(rows[0]) if rows else None

    async def refused(self, call: Call) -> Approval | None:
        same = "(digest = ? OR (path = ? AND action = ? AND asked_for = ?))"  # also where somebody had changed it
        where = f"WHERE run_id = ? AND state = 'denied' AND {same} ORDER BY created DESC LIMIT 1"
        like = (call.run_id, call.digest, call.path, call.action, call.arguments.text)
        rows = self._read(f"{approvals.SELECT} {where}", *like)
        return approvals.approval(rows[0]) if rows else None

    async def last_like(self, approval: Approval) -> Approval | None:
        where = (
            "WHERE path = ? AND user = ? AND tenant = ? AND state = 'consumed' AND id <> ? ORDER BY consumed_at DESC"
        )
        like = (approval.path, approval.user, approval.tenant, approval.id)
        rows = self._read(f"{approvals.SELECT} {where} LIMIT 1", *like)
        return approvals.approval(rows[0]) if rows else None

    @property
    def lasting(self) -> LastingBook:
        """Remembered answers, and delegations."""
        return LastingBook(_Access(self._read, self._write, self._clock))

    async def remembered(self, call: Call) -> Sequence[Remembered]:
        return self.lasting.about(call.subject, call.path)

    async def standing_for(self, deputy: Subject) -> Sequence[Delegation]:
        return self.lasting.standing_for(deputy.user, deputy.tenant)

    async def approvals(
        self, *, pending_only: bool = True, run_id: str | None = None, limit: int = 200
    ) -> Sequence[Approval]:
        wanted: dict[str, object] = {"state = 'pending' AND expires > ?": self._clock()} if pending_only else {}
        if run_id is not None:
            wanted["run_id = ?"] = run_id
        where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
        rows = self._read(f"{approvals.SELECT} {where} ORDER BY created LIMIT ?", *wanted.values(), limit)
        return [approvals.approval(row) for row in rows]

    async def decide(self, approval_id: str, decision: Said, by: str, reason: str, terms: Terms = PLAIN) -> Approval:
        vote = Vote(by, self._clock(), decision, terms.method, reason, on_behalf=terms.on_behalf)
        return await self._write(lambda db: answers.decide(db, approval_id, vote, terms))

    async def withdraw(self, approval_id: str, by: str, reason: str) -> bool:
        return await self._write(lambda db: answers.withdraw(db, approval_id, by, reason, self._clock()))

    async def task(self, task_id: str) -> Task:
        rows = self._read(f"{tx.SELECT_TASKS} WHERE id = ?", task_id)
        if not rows:
            raise UnknownTask
        return tx.task(rows[0])

    async def expire(self) -> int:
        return await self._write(lambda db: answers.expire(db, self._clock()))

    async def add_key(self, key: ApiKey) -> None:
        """Keeps an API key. Raises Conflict for an id that is taken."""
        await self._write(lambda db: key_tx.add_key(db, key))

    async def key(self, key_id: str) -> ApiKey | None:
        """The API key with exactly this id."""
        rows = self._read(f"{key_tx.SELECT_KEYS} WHERE id = ?", key_id)
        return key_tx.api_key(rows[0]) if rows else None

    async def keys(self) -> Sequence[ApiKey]:
        """All API keys, the oldest first, revoked ones included."""
        return [key_tx.api_key(row) for row in self._read(f"{key_tx.SELECT_KEYS} ORDER BY created, id")]

    async def revoke_key(self, key_id: str) -> ApiKey:
        """From now on it lets nobody in. A unique prefix of its id will do. Raises UnknownKey."""
        row = self._meant(key_tx.SELECT_KEYS, key_id)
        if row is None:
            raise UnknownKey(key_id)
        return await self._write(lambda db: key_tx.revoke_key(db, row[0], self._clock()))

    def policies(self, place: Path, kept: int = KEPT) -> PolicyBook:
        """What is kept about the policy whose files are here: so many of its versions."""
        return PolicyBook(_Access(self._read, self._write, self._clock), str(place), kept)

    def outbox(self, tenant: str) -> Outbox:
        """What a webhook has still to be told about this tenant's approvals."""
        return Outbox(_Access(self._read, self._write, self._clock), tenant)

    async def note(self, process: str, catalogue: JsonObject) -> None:
        """Keeps what a process sees of the servers from now on: what policies look at (`record` reads it)."""
        at = self._clock()
        await self._write(lambda db: record.note(db, process, at, catalogue))

    async def check(self) -> None:
        """Writes what is there already. Raises StoreError where nothing can be written."""
        await self._write(lambda db: db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}"))

    async def version(self) -> int:
        return int(self._read_apart("PRAGMA data_version")[0][0])  # a connection does not count what it writes itself

    async def _write(self, work: Transaction[T]) -> T:
        try:
            return await self._writer.run(work)
        except (UnicodeEncodeError, OverflowError) as error:  # of one value: nothing of its transaction was written
            raise StoreError(f"the store can't keep this: {error}") from None

    def _meant(self, select: str, start: str) -> Any:
        """The row with this id, or else the only one whose id starts so. Nothing starts with nothing."""
        rows = self._read(f"{select} WHERE id >= ? AND id < ? ORDER BY id LIMIT 2", start, start + "\U0010ffff")
        sure = start and rows and (len(rows) == 1 or rows[0][0] == start)
        return rows[0] if sure else None

    def _read(self, sql: str, *parameters: Any) -> list[Any]:
        try:
            rows = self._writer.read(sql, parameters)
        except UnicodeEncodeError:  # a name with a lone surrogate is nobody's: it could not have been kept
            return []
        return self._read_apart(sql, *parameters) if rows is None else rows

    def _read_apart(self, sql: str, *parameters: Any) -> list[Any]:
        """By a connection that never writes, and has the time to wait."""
        try:
            return self._reader.execute(sql, parameters).fetchall()
        except UnicodeEncodeError:
            return []
        except sqlite3.Error as error:
            raise StoreError(f"the store `{self._path}` can't be read: {error}") from None

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        try:
            _into_wal(connection)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


@dataclass(frozen=True, slots=True)
class _Access:
    """The store, as functions elsewhere use it."""

    read: Callable[..., list[Any]]
    write: Callable[[Transaction[Any]], Awaitable[Any]]
    now: Callable[[], int]


def _into_wal(connection: sqlite3.Connection) -> None:
    """A file is switched once. Of processes that do it together all but one are told `locked` at once: they wait."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def _make_private(path: Path) -> None:
    """Stored arguments may be confidential: only the owner may read the file."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    if _version(connection) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")  # of two processes that start together, one migrates
    version = _version(connection)
    if version > SCHEMA_VERSION:
        connection.execute("ROLLBACK")
        raise StoreError(f"the store `{path}` was written by a newer Toolgate; update this one")
    for name in MIGRATIONS[version:]:
        for statement in (Path(__file__).parent / name).read_text(encoding="utf-8").split(";\n"):
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
