"""Transactions that share one commit. Each is a function of a ledger, and may be run again: it keeps nothing.

First they run one after the other, without savepoints, which cost as much as a statement. If one of them raises, all is
rolled back, and they run again in savepoints of their own, so that one that fails takes nobody down.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from gateway.errors import StoreError
from gateway.store.ledger import Ledger, Memory

__all__ = ["Item", "Transaction", "commit", "commit_begun", "resolve"]

T = TypeVar("T")
Transaction = Callable[[Ledger], T]

# What one transaction did wrong, which takes nobody else down. All other errors of SQLite (the disk is full, the
# database locked or malformed) are everybody's.
_ITS_OWN = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


class Item:
    """One transaction, and the future that waits for it, if anything does."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Transaction[Any], future: asyncio.Future[Any] | None) -> None:
        self.work, self.future = work, future
        self.result: Any = None
        self.error: BaseException | None = None


def commit(connection: sqlite3.Connection, batch: Sequence[Item], memory: Memory | None = None) -> None:
    """Runs and commits them; each has its result or its error then. Nothing is written when SQLite itself fails.

    `memory` is the connection's, if it has one.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        _fail(batch, error)
    else:
        commit_begun(connection, batch, memory)


def commit_begun(
    connection: sqlite3.Connection, batch: Sequence[Item], memory: Memory | None = None, *, waits: bool = True
) -> bool:
    """The same in a transaction that has begun.

    False, and nothing was written: it would have had to begin once more, and this connection never `waits`.
    """
    known = memory or Memory()
    try:
        if memory is not None:
            memory.believe(connection.execute("PRAGMA data_version").fetchone()[0])
        if not _together(connection, batch, known):
            known.clear()
            connection.execute("ROLLBACK")
            if not _begun_anew(connection, waits=waits):
                return False
            for item in batch:
                _apart(connection, item)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        known.clear()
        with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back itself: then there is nothing to do
            connection.execute("ROLLBACK")
        _fail(batch, error)
    return True


def _begun_anew(connection: sqlite3.Connection, *, waits: bool) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        if waits:
            raise
        return False
    return True


def _fail(batch: Sequence[Item], error: sqlite3.Error) -> None:
    for item in batch:
        item.error = StoreError(f"the store could not write: {error}")


def resolve(items: Sequence[Item]) -> None:
    """Tells each caller. In the thread of their loop."""
    for item in items:
        if item.future is None or item.future.done():
            continue
        if item.error is not None:
            item.future.set_exception(item.error)
        else:
            item.future.set_result(item.result)


def _together(connection: sqlite3.Connection, batch: Sequence[Item], memory: Memory) -> bool:
    """Whether none of them failed by its own doing."""
    ledger = Ledger(connection, memory)
    try:
        for item in batch:
            item.result = item.work(ledger)
        ledger.flush()
    except _ITS_OWN:
        return False
    except sqlite3.Error:
        raise  # the whole batch fails
    except BaseException:  # noqa: BLE001 - it is raised again for the one that it belongs to
        return False
    return True


def _apart(connection: sqlite3.Connection, item: Item) -> None:
    connection.execute("SAVEPOINT item")
    try:
        ledger = Ledger(connection)
        item.result = item.work(ledger)
        ledger.flush()
    except _ITS_OWN as error:
        item.error = StoreError(f"the store could not write: {error}")
        connection.execute("ROLLBACK TO item")
    except sqlite3.Error:
        raise  # the whole batch fails
    except (UnicodeEncodeError, OverflowError) as error:  # of one value
        item.error = StoreError(f"the store can't keep this: {error}")
        connection.execute("ROLLBACK TO item")
    except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
        item.error = error
        connection.execute("ROLLBACK TO item")
    connection.execute("RELEASE item")
