"""Group commit: everything that waits shares one commit, and its caller hears back only after it.

A thread owns a writing connection and commits what waits in its queue: an fsync or a locked file never stops the event
loop. Where a commit is a write to the page cache and no more (`inline`: WAL without an fsync for each commit), handing
it over costs several times as much as making it; so the loop makes it itself: at once for the first that comes in a
turn, and once more at its end for all others of that turn. Where `MANY` come in each turn, the first waits for the
others: half as many commits. It hands over as soon as that could take time: when another
process writes, and every `TURNS` commits, because what the thread commits is what brings the log back into the
database, with its fsyncs.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from gateway.apart import WORKING
from gateway.budget import Spend
from gateway.errors import StoreError
from gateway.store.batch import Item, Transaction, commit, commit_begun, resolve
from gateway.store.ledger import Memory

__all__ = ["Transaction", "Writer"]

T = TypeVar("T")

MAX_BATCH = 256
MANY = 8  # in one turn of the loop
TURNS = 250  # commits of the loop, about 5 pages of the log each, before it is the thread's turn;
WRITTEN = 4_000  # or transactions in them, about 2 pages each


class Writer:
    """`await run(transaction)` returns its result once it is committed, or raises what it raised."""

    def __init__(
        self,
        connect: Callable[[], Any],
        *,
        inline: bool = False,
        made_by: Callable[[Any, Sequence[Item]], None] | None = None,
    ) -> None:
        """`connect` makes a connection that another thread may use; what it raises comes out here. `made_by` makes the
        commits with it, if they are not SQLite's.
        """
        self._made_by = made_by
        self._queue: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._connection = connect()
        self._here = _Inline(connect()) if inline else None
        self._handed = 0  # given to the thread, and not answered
        self._waiting: dict[asyncio.AbstractEventLoop, list[Item]] = {}
        self._turns: set[asyncio.AbstractEventLoop] = set()  # in which somebody was first
        self._crowded = False  # in the turn before
        self._closed = False
        self._door = threading.Lock()  # nothing is put behind the end of the queue
        self._thread = threading.Thread(target=self._work, name="toolgate-store", daemon=True)
        self._thread.start()

    async def run(self, work: Transaction[T]) -> T:
        """Raises StoreError for whatever the database can't do (the disk is full, it is locked or malformed), and what
        `work` raises itself: nothing of it was written then. `work` may be run more than once.
        """
        loop = asyncio.get_running_loop()
        item, first = Item(work, None), self._is_first(loop)
        if first and self._here is not None and self._here.commit([item]):
            if item.error is not None:
                raise item.error
            result: T = item.result
            return result
        future: asyncio.Future[T] = loop.create_future()
        item.future = future
        if first or self._here is None:
            self._hand_over([item])
        else:
            self._at_the_end_of_this_turn(loop, item)
        # a caller that is cancelled lets go of this future only: the transaction itself is made, with all the others
        return await future

    def read(self, sql: str, parameters: Sequence[object]) -> list[Any] | None:
        """Rows, by the connection that has the pages at hand because it wrote them. None where it can't at once."""
        return self._here.read(sql, parameters) if self._here is not None else None

    def spend(self, account: str) -> Spend | None:
        """What is taken of an account, as of the last commit of this process, if that is known."""
        # `_handed` is a belt: the memory is emptied when something is handed over
        return self._here.spend(account) if self._here is not None and not self._handed else None

    def close(self) -> None:
        """Commits what waits, then closes the connections."""
        with self._door:
            if not self._closed:
                self._closed = True
                left = [item for items in self._waiting.values() for item in items]
                self._waiting.clear()
                self._handed += len(left)
                for item in left:
                    self._queue.put(item)
                self._queue.put(None)
        self._thread.join()
        if self._here is not None:
            self._here.close()

    # ---- on the loop

    def _is_first(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether nobody has come before in this turn of the loop, and nobody waits."""
        if self._crowded or loop in self._turns or self._handed or self._waiting or self._closed:
            return False
        self._turns.add(loop)
        loop.call_soon(self._turns.discard, loop)
        return True

    def _at_the_end_of_this_turn(self, loop: asyncio.AbstractEventLoop, item: Item) -> None:
        with self._door:  # another thread may close it in this moment, and takes all that waits then
            if self._closed:
                raise StoreError("the store is closed")
            waiting = self._waiting.setdefault(loop, [])
            if not waiting:
                loop.call_soon(self._flush, loop)
            waiting.append(item)

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._door:
            items = self._waiting.pop(loop, [])
        if not items:  # it was closed meanwhile, and took them along
            return
        self._crowded = len(items) >= MANY
        if self._here is not None and not self._handed and self._here.commit(items):
            resolve(items)
            return
        try:
            self._hand_over(items)
        except StoreError as error:
            for item in items:
                item.error = error
            resolve(items)

    def _hand_over(self, items: Sequence[Item]) -> None:
        with self._door:
            if self._closed:
                raise StoreError("the store is closed")
            self._handed += len(items)
            WORKING.add(self)
            if self._here is not None:
                self._here.forget()
            for item in items:
                self._queue.put(item)

    # ---- in the thread

    def _work(self) -> None:
        memory = Memory()
        made_by = self._made_by or (lambda connection, batch: commit(connection, batch, memory))
        with contextlib.closing(self._connection):
            while batch := self._next_batch():
                made_by(self._connection, batch)
                self._answer(batch)

    def _next_batch(self) -> list[Item]:
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

    def _answer(self, batch: list[Item]) -> None:
        with self._door:
            self._handed -= len(batch)
            if not self._handed:
                WORKING.discard(self)
        for loop in {item.future.get_loop() for item in batch if item.future is not None}:
            mine = [item for item in batch if item.future is not None and item.future.get_loop() is loop]
            with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                loop.call_soon_threadsafe(resolve, mine)


class _Inline:
    """A second connection, for the loop: it never waits for anybody, and leaves the log to the thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._memory = Memory()
        self._turns = self._written = 0
        self._free = threading.Lock()  # loops of several threads may share one store
        connection.execute("PRAGMA busy_timeout = 0")
        connection.execute("PRAGMA wal_autocheckpoint = 0")

    def commit(self, items: Sequence[Item]) -> bool:
        """False, and nothing happened, when it is the thread's turn, or somebody else writes."""
        self._turns, self._written = self._turns + 1, self._written + len(items)
        late = self._turns > TURNS or self._written > WRITTEN
        if late or len(items) > MAX_BATCH or not self._free.acquire(blocking=False):
            self._turns = self._written = 0
            return False
        try:
            return self._committed(items)
        finally:
            self._free.release()

    def _committed(self, items: Sequence[Item]) -> bool:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error:  # the thread finds out what is wrong, with the time to wait
            return False
        return commit_begun(self._connection, items, self._memory, waits=False)

    def forget(self) -> None:
        """Another connection of this process is about to write."""
        with self._free:
            self._memory.clear()

    def spend(self, account: str) -> Spend | None:
        if not self._free.acquire(blocking=False):
            return None
        try:
            return self._memory.spend(account)
        finally:
            self._free.release()

    def read(self, sql: str, parameters: Sequence[object]) -> list[Any] | None:
        if not self._free.acquire(blocking=False):
            return None
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error:  # somebody with the time to wait finds out what is wrong
            return None
        finally:
            self._free.release()

    def close(self) -> None:
        with self._free:
            self._connection.close()
