"""Transactions that share a commit, in the thread of `writer`: one writer at a time, and none twice.

Whoever writes takes a lock of the whole store (an advisory one, until the commit), as SQLite's writers do. What
`transactions`, `answers` and the rest do was written for that, and is right here without another proof: a limit, a
question, a lease is read and changed while nobody else writes. Row locks would let processes that touch different runs
write side by side; but what calls have in common is exactly what is contended, the account of a tenant or a subject, on
which they would queue up all the same, with a message to the server for each lock, an order of locks to keep, deadlocks
to repeat, and rows that are not there yet. SERIALIZABLE would repeat whole batches on these same accounts. What one
commit costs is shared by everything that waits in a process.

The lock is taken before anything is read, in READ COMMITTED, where each statement sees what was committed before it.
What was looked up is kept as long as nobody else has written: so a transaction is two messages, one that begins it, and
one with all that it writes, and its COMMIT.

When the connection is lost within a commit, nobody here knows whether it was made. So each writer has a row with the
number of its last commit, which changes in the same transaction: on a new connection, under the lock, it says so.
"""

import contextlib
import secrets
import time
from collections.abc import Callable, Sequence

import psycopg

from gateway.errors import StoreError
from gateway.store.batch import Item
from gateway.store.ledger import Ledger, Memory
from gateway.store.postgres.address import Address
from gateway.store.postgres.session import BUSY_SECONDS, Session

__all__ = ["Commits", "Quiet", "ServerClock"]

FORGOTTEN_AFTER = 7 * 86_400_000  # milliseconds: a writer that was killed has noted nothing for so long
_PAUSE = 0.1  # seconds between two attempts to reach a server that is away
# What one transaction did wrong, which takes nobody else down. All other errors are everybody's.
_ITS_OWN = (psycopg.IntegrityError, psycopg.DataError, psycopg.ProgrammingError, psycopg.NotSupportedError)
_BEGIN = (
    "BEGIN ISOLATION LEVEL READ COMMITTED;"
    "SELECT pg_advisory_xact_lock(hashtextextended('toolgate ' || current_schema(), 0));"
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, pg_snapshot_xmin(now), pg_snapshot_xmax(now)"
    " FROM pg_current_snapshot() AS now"
)
# Nothing is noted of a transaction that wrote nothing: it leaves no trace, and nobody is woken by it.
_END = (
    "INSERT INTO store_writers (name, number, at) SELECT '{}', {}, {}"
    " WHERE pg_current_xact_id_if_assigned() IS NOT NULL"
    " ON CONFLICT (name) DO UPDATE SET number = excluded.number, at = excluded.at;COMMIT"
)
_ONCE_MORE = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


class ServerClock:
    """The server's clock, by which all processes go. It is read with each commit, and by our own in between."""

    def __init__(self) -> None:
        self._ahead = 0

    def set(self, milliseconds: int) -> None:
        self._ahead = milliseconds - time.monotonic_ns() // 1_000_000

    def now(self) -> int:
        return time.monotonic_ns() // 1_000_000 + self._ahead


class Quiet:
    """Whether nobody else has written since the transaction before, read off the numbers that the server gives to all
    transactions that write. A foreign one, of another database even, counts as somebody: that costs a look, no more.
    Who wrote before us and commits after us was under way when we began, or has the number before ours.
    """

    def __init__(self) -> None:
        self._next, self._version = -1, 0
        self.wrote = False  # whether the transaction before has a number

    def since(self, oldest: int, following: int) -> int:
        """At the beginning of a transaction, which are the `oldest` number that is under way and the `following` one
        to be given: another number if somebody may have written.
        """
        alone = oldest == following
        self._version += not (alone and following in (self._next, self._next + self.wrote))
        self._next, self.wrote = following if alone else -1, False
        return self._version


class Commits:
    """What makes the commits of one process."""

    def __init__(self, connect: Callable[[], Session], address: Address, clock: ServerClock) -> None:
        """`connect` opens a connection to a store that has its tables."""
        self._connect, self._address, self._clock = connect, address, clock
        self._name, self._number = secrets.token_hex(16), 0
        self._in_doubt = False  # whether the commit of this number may have been made
        self._memory, self._quiet = Memory(), Quiet()
        self._session = connect()
        try:
            self._begin()
        except psycopg.Error:
            self._session.close()
            raise
        with contextlib.suppress(psycopg.Error):  # whoever may only read is told so when he writes
            self._session.execute("DELETE FROM store_writers WHERE at < ?", (clock.now() - FORGOTTEN_AFTER,))
        self._session.message("COMMIT")

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._session.script(f"DELETE FROM store_writers WHERE name = '{self._name}'")  # noqa: S608 - our own hex
        self._session.close()

    def commit(self, batch: Sequence[Item]) -> None:
        """Runs and commits them; each has its result or its error then. A server that is away is waited for."""
        self._number, self._in_doubt = self._number + 1, False
        until = time.monotonic() + BUSY_SECONDS
        while (error := self._attempt(batch)) is not None:
            if time.monotonic() > until or not (self._session.lost or isinstance(error, _ONCE_MORE)):
                self._fail(batch, error)
                return
            time.sleep(_PAUSE)

    def _attempt(self, batch: Sequence[Item]) -> Exception | None:
        """What went wrong, if anything did."""
        try:
            if self._session.lost:
                self._session = self._connect()
            self._begin()
            if self._in_doubt and self._is_made():
                self._leave()
                return None
            if not self._together(batch):
                self._leave()
                self._begin()
                for item in batch:
                    self._apart(item)
                self._end()
        except (psycopg.Error, StoreError) as error:
            self._leave()
            return error
        return None

    def _begin(self) -> None:
        milliseconds, oldest, following = map(int, self._session.message(_BEGIN))
        self._clock.set(milliseconds)
        self._memory.believe(self._quiet.since(oldest, following))

    def _leave(self) -> None:
        self._memory.clear()
        with contextlib.suppress(psycopg.Error):
            self._session.message("ROLLBACK")

    def _end(self, ledger: Ledger | None = None) -> None:
        """Writes what the ledger has not written yet, and commits: one message."""
        self._in_doubt = True
        try:
            with self._session.together(_END.format(self._name, self._number, self._clock.now())):
                if ledger is not None:
                    ledger.flush()
        finally:
            self._in_doubt = self._session.lost
        self._quiet.wrote = ledger is not None and ledger.wrote

    def _is_made(self) -> bool:
        """Whether the commit of this number was made before the connection was lost."""
        rows = self._session.execute("SELECT number FROM store_writers WHERE name = ?", (self._name,)).fetchall()
        self._in_doubt = False  # from here on it is known
        return rows == [(self._number,)]

    def _together(self, batch: Sequence[Item]) -> bool:
        """Whether none of them failed by its own doing: then they are committed."""
        ledger = Ledger(self._session, self._memory)
        try:
            for item in batch:
                item.error, item.result = None, item.work(ledger)
            self._end(ledger)
        except _ITS_OWN:
            return False
        except psycopg.Error:
            raise  # the whole batch fails
        except BaseException:  # noqa: BLE001 - it is raised again for the one that it belongs to
            return False
        return True

    def _apart(self, item: Item) -> None:
        self._session.script("SAVEPOINT item")
        try:
            ledger = Ledger(self._session)
            item.error, item.result = None, item.work(ledger)
            ledger.flush()
        except _ITS_OWN as error:
            item.error = StoreError(f"the store could not write: {self._address.explained(error)}")
            self._session.script("ROLLBACK TO item")
        except psycopg.Error:
            raise  # the whole batch fails
        except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
            item.error = error
            self._session.script("ROLLBACK TO item")
        self._session.script("RELEASE item")

    def _fail(self, batch: Sequence[Item], error: Exception) -> None:
        why = str(error) if isinstance(error, StoreError) else self._address.explained(error)
        doubt = "; it is not known whether it was written" if self._in_doubt else ""
        for item in batch:
            item.error = StoreError(f"the store could not write: {why}{doubt}")
