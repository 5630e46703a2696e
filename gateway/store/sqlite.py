"""One SQLite file in WAL mode, for one machine and any number of processes.

Plain `sqlite3` and SQL instead of SQLAlchemy: the contract needs a dozen statements, and one of SQLAlchemy Core's
costs as much as the whole transaction that it would be part of. Writes go through the group commit of `writer`; reads
are point look-ups, and never wait for a writer (WAL).

`synchronous="normal"` survives the death of the process at any instant; `"full"` (an fsync for each commit) also that
of the machine.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Literal, TypeVar

from gateway.budget import Spend
from gateway.errors import StoreError
from gateway.store.database import DatabaseStore
from gateway.store.ledger import Ledger
from gateway.store.migrations import SCHEMA_VERSION, check_version, statements
from gateway.store.versions import is_settled, note, version_of
from gateway.store.writer import Transaction, Writer

__all__ = ["SCHEMA_VERSION", "SqliteStore"]

T = TypeVar("T")
BUSY_SECONDS = 10.0


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


class SqliteStore(DatabaseStore):
    """A store in one file."""

    def __init__(
        self,
        path: Path,
        *,
        synchronous: Literal["normal", "full"] = "normal",
        clock: Callable[[], int] = _milliseconds,
        as_it_is: bool = False,
    ) -> None:
        """Opens or makes the file; `as_it_is` changes nothing in it. `clock` gives milliseconds since 1970.

        Raises StoreError.
        """
        self._path, self._synchronous, self._now, self._as_it_is = path, synchronous, clock, as_it_is
        self.place = str(path)
        with contextlib.ExitStack() as opened:
            try:
                if not as_it_is:
                    _make_private(path)
                self._reader = opened.enter_context(contextlib.closing(self._connect()))
                if as_it_is:
                    check_version(version_of(self._reader), self.place, least=1)
                else:
                    _migrate(self._reader, self.place)
                self._writer = Writer(self._connect, inline=synchronous == "normal")
            except (OSError, sqlite3.Error) as error:
                raise StoreError(f"the store `{path}` can't be opened: {error}") from None
            opened.pop_all()

    def close(self) -> None:
        self._writer.close()
        self._reader.close()

    async def check(self) -> None:
        await self._write(self._tried)

    def known_spend(self, account: str) -> Spend | None:
        return self._writer.spend(account)

    async def version(self) -> int:
        return int(self._read_apart("PRAGMA data_version")[0][0])  # a connection does not count what it writes itself

    def _tried(self, db: Ledger) -> None:
        """What the head of the file says is written into it: a page like any other, which is then as it was."""
        check_version(version_of(db), self.place)
        (said,) = db.execute("PRAGMA user_version").fetchone()
        db.execute(f"PRAGMA user_version = {said}")

    def _write(self, work: Transaction[T]) -> Coroutine[Any, Any, T]:
        return self._writer.run(work)

    async def _reading(self, look: Callable[[], T]) -> T:
        return look()  # a point look-up takes less than it takes to hand it over

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
            f"{self._path.absolute().as_uri()}?mode=rw" if self._as_it_is else self._path,
            uri=self._as_it_is,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            if not self._as_it_is:
                _into_wal(connection)
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


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


def _migrate(connection: sqlite3.Connection, place: str) -> None:
    if is_settled(connection):
        return
    connection.execute("BEGIN IMMEDIATE")  # of two processes that start together, one migrates
    version = version_of(connection)
    check_version(version, place, least=0)
    for statement in statements(version):
        connection.execute(statement)
    note(connection)
    connection.execute("COMMIT")
