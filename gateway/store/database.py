"""What a store in a database does, whichever database it is: the methods of `gateway.store.Store`, and the other parts
of a store (API keys, policies, what lasts, what webhooks are told), as reads and transactions in SQL.

The SQL is written once, in what SQLite and PostgreSQL both understand: upserts say `ON CONFLICT`, numbers are compared
and are no conditions, a table in FROM has a name. What differs stands in `sqlite` and in `postgres`: how a connection
is had, how transactions share a commit, whose clock counts.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gateway.approval import PLAIN, Approval, Said, Terms, Vote
from gateway.balances import Booked
from gateway.budget import Limits, Spend
from gateway.call import Call, JsonObject, Subject
from gateway.errors import SHORTEST_ID, UnknownApproval, UnknownKey, UnknownRun, UnknownTask
from gateway.events import Cancelled, Event, Recorded
from gateway.job import LONGEST_PAUSE, Job
from gateway.keys import ApiKey
from gateway.lasting import Delegation, Remembered
from gateway.session import Line
from gateway.store import (
    Change,
    Claim,
    Lease,
    RunRow,
    answers,
    approvals,
    claims,
    copying,
    firings,
    gone,
    legible,
    moving,
    record,
)
from gateway.store import keys as key_tx
from gateway.store import transactions as tx
from gateway.store.batch import Transaction
from gateway.store.lasting import LastingBook
from gateway.store.ledger import Ledger, last_of
from gateway.store.outbox import Outbox
from gateway.store.policies import KEPT, PolicyBook
from gateway.store.removal import Decision, RemovalBook
from gateway.store.sessions import SessionBook, line
from gateway.store.wanted import ALL, Wanted, where
from gateway.task import Task

__all__ = ["DatabaseStore"]

T = TypeVar("T")
_LAST = 2**63 - 1  # the largest number that a database knows
DENIAL_STANDS = 3_600_000  # milliseconds in which the same call is denied again without asking people again


class DatabaseStore(ABC):
    """A `gateway.store.Store`. Close it to commit what waits; a killed process loses nothing that was acknowledged."""

    place: str  # where it is, for people: never with a secret
    _now: Callable[[], int]  # milliseconds since 1970, by the clock that counts

    @abstractmethod
    def close(self) -> None: ...

    def now(self) -> int:
        """Milliseconds since 1970, by the clock that counts: on PostgreSQL the server's, for all machines the same."""
        return self._now()

    @abstractmethod
    async def check(self) -> None:
        """Writes what is there already. Raises StoreError where nothing can be written; TooNew and TooOld where it can,
        and is not to be by this version.
        """

    @abstractmethod
    async def version(self) -> int:
        """As `Store` says."""

    @abstractmethod
    def _write(self, work: Transaction[T]) -> Coroutine[Any, Any, T]:
        """What it returns, when it is committed. It may be run more than once."""

    @abstractmethod
    def _read(self, sql: str, *parameters: Any) -> list[Any]:
        """Rows, in this thread."""

    @abstractmethod
    async def _reading(self, look: Callable[[], T]) -> T:
        """What it returns, which reads: where that may take time, in a thread that has it."""

    async def _rows(self, sql: str, *parameters: Any) -> list[Any]:
        return await self._reading(lambda: self._read(sql, *parameters))

    # ---- runs

    def append(
        self, run_id: str, events: Sequence[Event], *, lease: Lease | None, changes: Sequence[Change] = ()
    ) -> Coroutine[Any, Any, int]:
        work = tx.Append(run_id, events, lease, changes)
        return self._write(lambda db: tx.append(db, work, self._now()))

    async def events(self, run_id: str, after: int = 0, most: int | None = None) -> Sequence[Recorded]:
        limit = "" if most is None else f" LIMIT {most:d}"
        rows = await self._rows(f"{tx.SELECT_EVENTS}{limit}", run_id, min(after, _LAST))
        return legible.events_of(run_id, rows)

    async def count(self, run_id: str, event: str) -> int:
        """How many events of this name a run has: none of them is read."""
        found = await self._rows(
            "SELECT COUNT(*) FROM events WHERE run_id = ? AND body LIKE ?", run_id, f'{{"event":"{event}",%'
        )
        return int(found[0][0])

    async def run_row(self, run_id: str) -> RunRow:
        row = await self._meant(tx.SELECT_RUNS, run_id)
        if row is None:
            raise UnknownRun(run_id)
        return tx.run_row(row)

    async def run_rows(self, limit: int = 50, wanted: Wanted = ALL) -> Sequence[RunRow]:
        first = None if wanted.before is None else await self.run_row(wanted.before)
        most = min(max(0, limit), _LAST)
        told, said = where(wanted, (first.created, first.id) if first else None)
        return [tx.run_row(row) for row in await self._rows(f"{tx.SELECT_RUNS}{told} LIMIT ?", *said, most)]

    async def line(self, run_id: str) -> Line | None:
        return await self._reading(lambda: line(self._access, run_id))

    async def spend(self, account: str) -> Spend:
        return Spend.from_json(dict(await self._rows(tx.SELECT_TAKEN, account)))

    def known_spend(self, account: str) -> Spend | None:
        del account
        return None

    async def spend_since(self, first: str) -> Spend:
        return Spend.from_json(dict(await self._rows(tx.SELECT_SINCE, first, last_of(first))))

    async def booked(self, start: str) -> Sequence[Booked]:
        """The rows of all accounts whose names begin so."""
        rows = await self._rows(tx.SELECT_BOOKED, start, start + "\U0010ffff")
        return [Booked(*row) for row in rows]

    async def acquire(self, run_id: str, owner: str, seconds: float, gone: str | None = None) -> Lease | None:
        return await self._write(lambda db: tx.acquire(db, tx.Bid(run_id, owner, gone, seconds), self._now()))

    async def renew(self, lease: Lease, seconds: float) -> None:
        await self._write(lambda db: tx.renew(db, lease, self._now() + round(seconds * 1000)))

    async def renew_all(self, process: str, seconds: float) -> int:
        return await self._write(lambda db: tx.renew_all(db, process, self._now() + round(seconds * 1000)))

    async def release(self, lease: Lease) -> None:
        await self._write(lambda db: tx.release(db, lease))

    async def claim(self, claim: Claim) -> Lease | None:
        return await self._write(lambda db: claims.claim(db, claim, self._now()))

    async def ready(self, claim: Claim, most: int) -> Sequence[Job]:
        return await self._write(lambda db: claims.ready(db, claim, most, self._now()))

    async def lay_down(self, lease: Lease, seen: int, until: int | None = None) -> None:
        await self._write(lambda db: claims.lay_down(db, lease, seen, until, self._now()))

    async def put_off(self, lease: Lease, most: int = LONGEST_PAUSE) -> None:
        await self._write(lambda db: claims.put_off(db, lease, most, self._now()))

    async def last_firing(self, schedule: str) -> int:
        rows = await self._rows(firings.LAST, schedule)
        return rows[0][0] if rows else await self._write(lambda db: firings.see(db, schedule, self._now()))

    async def set_back(self, schedule: str, moment: int) -> None:
        await self._write(lambda db: firings.set_back(db, schedule, moment))

    async def has_job(self, run_id: str) -> bool:
        """Whether workers are to drive it."""
        return bool(await self._rows("SELECT 1 FROM jobs WHERE run_id = ?", run_id))

    async def coming(self) -> int | None:
        moment: int | None = (await self._rows(claims.COMING))[0][0]
        return None if moment is None else max(0, moment - self._now())

    async def approval(self, approval_id: str) -> Approval:
        row = await self._meant(approvals.SELECT, approval_id)
        if row is None:
            raise UnknownApproval(approval_id)
        return legible.approval_of(row)

    async def claimed(self, claim: str) -> Approval | None:
        now = self._now()
        where = (
            "WHERE claim = ? AND expires > ?"
            " AND (state IN ('pending', 'approved') OR (state = 'denied' AND decided_at > ?)) ORDER BY created DESC"
        )
        rows = await self._rows(f"{approvals.SELECT} {where} LIMIT 1", claim, now, now - DENIAL_STANDS)
        return legible.approval_of(rows[0]) if rows else None

    async def refused(self, call: Call) -> Approval | None:
        where = "WHERE run_id = ? AND state = 'denied' AND path = ? AND action = ? ORDER BY created DESC"
        rows = await self._rows(f"{approvals.SELECT} {where}", call.run_id, call.path, call.action)
        found = (legible.approval_of(row) for row in rows)
        # Also where somebody had changed it; the key, which each call has another one of, is none of its arguments.
        return next((no for no in found if call.digest in {no.digest, no.asked.digest}), None)

    async def last_like(self, approval: Approval) -> Approval | None:
        where = (
            "WHERE path = ? AND user = ? AND tenant = ? AND state = 'consumed' AND id <> ? ORDER BY consumed_at DESC"
        )
        like = (approval.path, approval.user, approval.tenant, approval.id)
        rows = await self._rows(f"{approvals.SELECT} {where} LIMIT 1", *like)
        return next(iter(legible.approvals_of(rows)), None)

    @property
    def lasting(self) -> LastingBook:
        """Remembered answers, and delegations."""
        return LastingBook(self._access)

    async def remembered(self, call: Call) -> Sequence[Remembered]:
        return await self._reading(lambda: self.lasting.about(call.subject, call.path))

    async def standing_for(self, deputy: Subject) -> Sequence[Delegation]:
        return await self._reading(lambda: self.lasting.standing_for(deputy.user, deputy.tenant))

    async def approvals(
        self, *, pending_only: bool = True, run_id: str | None = None, limit: int = 200
    ) -> Sequence[Approval]:
        wanted: dict[str, object] = {"state = 'pending' AND expires > ?": self._now()} if pending_only else {}
        if run_id is not None:
            wanted["run_id = ?"] = run_id
        where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
        rows = await self._rows(f"{approvals.SELECT} {where} ORDER BY created LIMIT ?", *wanted.values(), limit)
        return legible.approvals_of(rows)

    async def decide(self, approval_id: str, decision: Said, by: str, reason: str, terms: Terms = PLAIN) -> Approval:
        vote = Vote(by, self._now(), decision, terms.method, reason, on_behalf=terms.on_behalf)
        return await self._write(lambda db: answers.decide(db, approval_id, vote, terms))

    async def withdraw(self, approval_id: str, by: str, reason: str) -> bool:
        return await self._write(lambda db: answers.withdraw(db, approval_id, by, reason, self._now()))

    async def task(self, task_id: str) -> Task:
        rows = await self._rows(f"{tx.SELECT_TASKS} WHERE id = ?", task_id)
        if not rows:
            raise UnknownTask
        return tx.task(rows[0])

    async def expire(self) -> int:
        def over(db: Ledger) -> int:
            gone.sweep(db, self._now())
            return answers.expire(db, self._now())

        return await self._write(over)

    async def is_settled(self, run_id: str) -> bool:
        if not await self._rows(gone.UNSETTLED, run_id):
            return True
        return await self._write(lambda db: gone.is_settled(db, run_id, self._now()))

    async def stopped(self) -> frozenset[str]:
        return frozenset(row[0] for row in await self._rows(gone.STOPPED))

    async def add_key(self, key: ApiKey) -> None:
        """Keeps an API key. Raises Conflict for an id that is taken."""
        await self._write(lambda db: key_tx.add_key(db, key))

    async def key(self, key_id: str) -> ApiKey | None:
        """The API key with exactly this id."""
        rows = await self._rows(f"{key_tx.SELECT_KEYS} WHERE id = ?", key_id)
        return key_tx.api_key(rows[0]) if rows else None

    async def keys(self) -> Sequence[ApiKey]:
        """All API keys, the oldest first, revoked ones included."""
        return [key_tx.api_key(row) for row in await self._rows(f"{key_tx.SELECT_KEYS} ORDER BY created, id")]

    async def revoke_key(self, key_id: str) -> ApiKey:
        """From now on it lets nobody in. A unique prefix of its id will do. Raises UnknownKey."""
        row = await self._meant(key_tx.SELECT_KEYS, key_id)
        if row is None:
            raise UnknownKey(key_id)
        return await self._write(lambda db: key_tx.revoke_key(db, row[0], self._now()))

    def sessions(self, user: str, tenant: str) -> SessionBook:
        """The conversations of this user that go on from run to run."""
        return SessionBook(self._access, user, tenant)

    @property
    def removal(self) -> RemovalBook:
        """What is deleted, and what is kept of it."""
        return RemovalBook(_Access(self._read, self._reading, self._write, self._now))

    async def decisions(self, run_id: str) -> Sequence[Decision]:
        """What was decided in a run that was deleted. Empty for one that was not."""
        return await self._reading(lambda: self.removal.decisions(run_id))

    def policies(self, place: Path, kept: int = KEPT) -> PolicyBook:
        """What is kept about the policy whose files are here: so many of its versions."""
        return PolicyBook(self._access, str(place), kept)

    def outbox(self, tenant: str) -> Outbox:
        """What a webhook has still to be told about this tenant's approvals."""
        return Outbox(self._access, tenant)

    @property
    def _access(self) -> "_Access":
        return _Access(self._read, self._reading, self._write, self._now)

    async def note(self, process: str, catalogue: JsonObject) -> None:
        """Keeps what a process sees of the servers from now on: what policies look at (`record` reads it)."""
        at = self._now()
        await self._write(lambda db: record.note(db, process, at, catalogue))

    async def pack(self, run_id: str, *, force: bool = False, moves: bool = False) -> dict[str, Any]:
        """A run as one JSON value, to be put into another store. See `moving`."""
        return await self._write(lambda db: moving.packed(db, run_id, self._now(), force=force, moves=moves))

    async def move(self, pack: Mapping[str, Any], by: str, where: str) -> None:
        """A run that was packed ends here, for it goes on there. Raises Conflict if it has gone on."""
        await self._write(lambda db: moving.moved(db, pack, by, where, self._now()))

    async def stop(self, run_id: str, event: Cancelled) -> None:
        """Ends a run; what its driver had under way counts as made where he is gone. Raises IllegalEvent when it has
        ended. See `gone`.
        """
        await self._write(lambda db: gone.stop(db, run_id, event, self._now()))

    async def unpack(self, pack: Mapping[str, Any], by: str, most: Limits = Limits()) -> bool:  # noqa: B008 - frozen
        """Puts a packed run into this store, as somebody says, with no higher limits than these; says whether it was
        not there before. Raises Conflict, StoreError.
        """
        return await self._write(lambda db: moving.unpacked(db, pack, self._now(), by, most))

    async def fill(self, path: Path) -> int:
        """Puts a back-up into this store, which is empty; says how many rows. See `copying`."""
        return await self._write(lambda db: copying.fill(db, path))

    async def _meant(self, select: str, start: str) -> Any:
        """The row with this id, or else the only one whose id starts so, in `SHORTEST_ID` characters at least."""
        end = start + "\U0010ffff"
        rows = await self._rows(f"{select} WHERE id >= ? AND id < ? ORDER BY id LIMIT 2", start, end)
        sure = rows and (rows[0][0] == start or (len(rows) == 1 and len(start) >= SHORTEST_ID))
        return rows[0] if sure else None


@dataclass(frozen=True, slots=True)
class _Access:
    """The store, as functions elsewhere use it."""

    read: Callable[..., list[Any]]
    reading: Callable[[Callable[[], Any]], Awaitable[Any]]
    write: Callable[[Transaction[Any]], Awaitable[Any]]
    now: Callable[[], int]
