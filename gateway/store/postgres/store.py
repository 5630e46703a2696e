"""One PostgreSQL database, or one schema of it, for any number of machines and processes.

Every commit is flushed by the server before it is acknowledged, whatever its default is (`synchronous_commit` is never
off): it survives the death of any process, and of the server. Where the server waits for replicas, so do we. Time is
the server's: no process's clock decides over a lease or a question.

`version` is the server's snapshot of the transactions that are under way and done, as a number: it is another one as
soon as anything was committed, by any process. LISTEN and NOTIFY would be silent where nobody writes, but whoever
notifies takes a lock of the whole server for the length of his commit, and each listener a connection.
"""

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg

from gateway.errors import StoreError
from gateway.store.batch import Transaction
from gateway.store.database import DatabaseStore
from gateway.store.ledger import Ledger
from gateway.store.migrations import SCHEMA_VERSION, check_version, statements
from gateway.store.postgres.address import Address, address
from gateway.store.postgres.commits import Commits, ServerClock
from gateway.store.postgres.dialect import tables
from gateway.store.postgres.readers import Readers
from gateway.store.postgres.session import Session
from gateway.store.writer import Writer

__all__ = ["PostgresStore"]

T = TypeVar("T")
_OWN_TABLES = """
CREATE TABLE IF NOT EXISTS store_schema (version BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS store_writers (
    name TEXT COLLATE "C" PRIMARY KEY, number BIGINT NOT NULL, at BIGINT NOT NULL
);
"""


class PostgresStore(DatabaseStore):
    """A store in a database that is there. Its tables are made when it is opened first."""

    def __init__(self, url: str, *, clock: Callable[[], int] | None = None, as_it_is: bool = False) -> None:
        """`as_it_is` makes no tables and changes none. `clock` gives milliseconds since 1970, in the place of the
        server's. Raises StoreError.
        """
        self._address, server = address(url), ServerClock()
        self._now = clock or server.now
        self.place = self._address.shown

        def connect() -> Session:
            return Session(self._address)

        with contextlib.closing(connect()) as session:
            if as_it_is:
                _look(session, self._address)
            else:
                migrate(session, self._address)
        self._readers = Readers(connect, self._address)
        try:
            self._writer = Writer(lambda: Commits(connect, self._address, server), made_by=Commits.commit)
        except psycopg.Error as error:  # somebody else writes, and does not come to his end
            self._readers.close()
            why = self._address.explained(error)
            raise StoreError(f"the store `{self._address.shown}` can't be opened: {why}") from None

    def close(self) -> None:
        self._writer.close()
        self._readers.close()

    async def check(self) -> None:
        await self._write(self._tried)

    def _tried(self, db: Ledger) -> None:
        there = db.execute("SELECT to_regclass('store_schema')").fetchone() != (None,)
        rows = db.execute("UPDATE store_schema SET version = version RETURNING version").fetchall() if there else []
        check_version(rows[0][0] if rows else 0, self.place)

    async def version(self) -> int:
        rows = await self._rows("SELECT hashtextextended(CAST(pg_current_snapshot() AS text), 0)")
        return int(rows[0][0])

    async def _write(self, work: Transaction[T]) -> T:
        try:
            return await self._writer.run(work)
        except (UnicodeEncodeError, OverflowError) as error:  # of one value: nothing of its transaction was written
            raise StoreError(f"the store can't keep this: {error}") from None

    def _read(self, sql: str, *parameters: Any) -> list[Any]:
        return self._readers.read(sql, parameters)

    async def _reading(self, look: Callable[[], T]) -> T:
        return await self._readers.apart(look)


def migrate(session: Session, place: Address) -> None:
    """Brings the tables to the version of this Toolgate. Of several that come together one does it."""
    try:
        if _version(session) == SCHEMA_VERSION:
            return
        session.script("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('toolgate', 0))")  # of the whole database
        session.settle()
        session.script("SELECT pg_advisory_xact_lock(hashtextextended('toolgate ' || current_schema(), 0))")
        session.script("SET LOCAL statement_timeout = 0")  # an index over what is there takes as long as it takes
        _make(session, place)
        session.script("COMMIT")
    except psycopg.Error as error:
        raise StoreError(f"the store `{place.shown}` can't be opened: {place.explained(error)}") from None


def _look(session: Session, place: Address) -> None:
    """Raises TooNew; TooOld where there are no tables."""
    try:
        check_version(_version(session), place.shown, least=1)
    except psycopg.Error as error:
        raise StoreError(f"the store `{place.shown}` can't be opened: {place.explained(error)}") from None


def _make(session: Session, place: Address) -> None:
    version = _version(session)
    check_version(version, place.shown, least=0)
    steps = [said for step in statements(version) if (said := tables(step)) is not None]
    session.script(_OWN_TABLES + ";".join(steps))
    session.script(f"DELETE FROM store_schema; INSERT INTO store_schema VALUES ({SCHEMA_VERSION})")  # noqa: S608


def _version(session: Session) -> int:
    if session.script("SELECT to_regclass('store_schema')")[0][0] is None:
        return 0
    rows = session.script("SELECT version FROM store_schema")
    return int(rows[0][0]) if rows else 0
