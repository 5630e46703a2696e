"""Group commit: one thread owns the writing connection, and everything that waits when it is free shares one commit.

A transaction is a function of the connection. Each runs in its own savepoint, so that one that fails takes nobody down;
its caller hears back only after the commit. At concurrency 64 the cost of a durable write is shared by all of them.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from gateway.errors import StoreError

__all__ = ["Transaction", "Writer"]

T = TypeVar("T")
Transaction = Callable[[sqlite3.Connection], T]

MAX_BATCH = 256

# What one transaction did wrong, which takes nobody else down. All other errors of SQLite (the disk is full, the
# database locked or malformed) are everybody's.
_ITS_OWN = (sqlite3.IntegrityError, sqlite3.DataError, sqlite3.ProgrammingError, sqlite3.InterfaceError)


class _Item:
    """One transaction and the future that waits for it."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Transaction[Any], future: asyncio.Future[Any]) -> None:
        self.work, self.future = work, future
        self.result: Any = None
        self.error: BaseException | None = None


class Writer:
    """`await run(transaction)` returns its result once it is committed, or raises what it raised."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """`connect` makes a connection that another thread may use; what it raises comes out here."""
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._connection = connect()
        self._closed = False
        self._door = threading.Lock()  # nothing is put behind the end of the queue
        self._thread = threading.Thread(target=self._work, name="toolgate-store", daemon=True)
        self._thread.start()

    async def run(self, work: Transaction[T]) -> T:
        """Raises StoreError for whatever SQLite can't do (the disk is full, the database locked or malformed), and
        what `work` raises itself: nothing of it was written then.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        with self._door:
            if self._closed:
                raise StoreError("the store is closed")
            self._queue.put(_Item(work, future))
        # a caller that is cancelled lets go of this future only: the transaction itself is made, with all the others
        return await future

    def close(self) -> None:
        """Commits what waits, then closes the connection."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        with contextlib.closing(self._connection):
            while batch := self._next_batch():
                _commit(self._connection, batch)
                _answer(batch)

    def _next_batch(self) -> list[_Item]:
        """Everything that waits; nothing when the writer was closed and nothing waits any more."""
        first = self._queue.get()
        if first is None:
            return []
        batch = [first]
        with contextlib.suppress(queue.Empty):
            while len(batch) < MAX_BATCH:
                item = self._queue.get_nowait()
                if item is None:
                    self._queue.put(None)
                    break
                batch.append(item)
        return batch


def _commit(connection: sqlite3.Connection, batch: list[_Item]) -> None:
    try:
        connection.execute("BEGIN IMMEDIATE")
        for item in batch:
            _attempt(connection, item)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back itself: then there is nothing to do
            connection.execute("ROLLBACK")
        for item in batch:
            item.error = StoreError(f"the store could not write: {error}")


def _attempt(connection: sqlite3.Connection, item: _Item) -> None:
    connection.execute("SAVEPOINT item")
    try:
        item.result = item.work(connection)
    except _ITS_OWN as error:
        item.error = StoreError(f"the store could not write: {error}")
        connection.execute("ROLLBACK TO item")
    except sqlite3.Error:
        raise  # the whole batch fails
    except BaseException as error:  # noqa: BLE001 - it belongs to the caller, who gets it
        item.error = error
        connection.execute("ROLLBACK TO item")
    connection.execute("RELEASE item")


def _answer(batch: list[_Item]) -> None:
    loops = {item.future.get_loop() for item in batch}
    for loop in loops:
        mine = [item for item in batch if item.future.get_loop() is loop]
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
            loop.call_soon_threadsafe(_resolve, mine)


def _resolve(items: list[_Item]) -> None:
    for item in items:
        if item.future.done():
            continue
        if item.error is not None:
            item.future.set_exception(item.error)
        else:
            item.future.set_result(item.result)
