"""Transactions that share a commit: what each one gets, and what is written."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import Conflict, StoreError
from gateway.store.batch import Item, commit, commit_begun, resolve
from gateway.store.ledger import Ledger, Memory

Work = Callable[[Ledger], int]


def made(path: str = ":memory:") -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY)")
    return db


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    opened = made()
    yield opened
    opened.close()


def insert(n: int, then: type[BaseException] | None = None) -> Work:
    def work(db: Ledger) -> int:
        db.execute("INSERT INTO numbers VALUES (?)", (n,))
        if then is not None:
            raise then("as it was told")
        return n

    return work


def numbers(db: sqlite3.Connection) -> list[int]:
    return [n for (n,) in db.execute("SELECT n FROM numbers ORDER BY n")]


def items(*works: Work) -> list[Item]:
    """Nobody waits for them."""
    loop = asyncio.new_event_loop()
    loop.close()
    return [Item(work, asyncio.Future(loop=loop)) for work in works]


def told(batch: list[Item]) -> list[object]:
    return [item.error or item.result for item in batch]


def test_without_a_failure_there_are_no_savepoints(db: sqlite3.Connection) -> None:
    said: list[str] = []
    db.set_trace_callback(said.append)
    batch = items(insert(1), insert(2))
    commit(db, batch)
    assert told(batch) == [1, 2]
    assert (said[0], said[-1], len(said)) == ("BEGIN IMMEDIATE", "COMMIT", 4)


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([None, None, Conflict, ValueError, sqlite3.DataError]))))
def test_each_gets_its_own_result_and_only_what_succeeded_is_written(
    plan: list[tuple[int, type[BaseException] | None]],
) -> None:
    """Against an oracle that makes them one by one: a number that is there already is an error of its own."""
    db, written, expected = made(), set[int](), []
    for n, error in plan:
        refused = n in written or error is sqlite3.DataError
        expected.append(StoreError if refused else error or int)
        written |= set() if refused or error else {n}
    batch = items(*(insert(n, error) for n, error in plan))
    commit(db, batch)
    assert [type(result) for result in map(outcome, batch)] == expected
    assert numbers(db) == sorted(written)
    assert not db.in_transaction
    db.close()


def outcome(item: Item) -> object:
    return item.result if item.error is None else item.error


@pytest.mark.parametrize("error", [sqlite3.OperationalError, sqlite3.DatabaseError, sqlite3.InternalError])
@pytest.mark.parametrize("another_fails", [False, True])
def test_what_sqlite_refuses_is_refused_to_all(
    db: sqlite3.Connection, error: type[sqlite3.Error], another_fails: bool
) -> None:
    batch = items(insert(1), insert(2, Conflict if another_fails else None), insert(3, error), insert(4))
    commit(db, batch)
    assert {type(result) for result in told(batch)} == {StoreError}
    assert (numbers(db), db.in_transaction) == ([], False)
    later = items(insert(5))
    commit(db, later)
    assert (told(later), numbers(db)) == ([5], [5])


def test_a_commit_that_can_not_begin_is_an_error_of_all(tmp_path: Path) -> None:
    one, other = made(str(tmp_path / "db")), made(str(tmp_path / "db"))
    one.execute("PRAGMA busy_timeout = 0")
    other.execute("BEGIN IMMEDIATE")
    batch = items(insert(1), insert(2))
    commit(one, batch)
    assert [str(result) for result in told(batch)] == ["the store could not write: database is locked"] * 2
    other.execute("ROLLBACK")
    commit(one, items(insert(3)))
    assert numbers(one) == [3]
    one.close()
    other.close()


def test_what_was_begun_is_committed(db: sqlite3.Connection) -> None:
    db.execute("BEGIN IMMEDIATE")
    batch = items(insert(1))
    commit_begun(db, batch)
    assert (told(batch), db.in_transaction, numbers(db)) == ([1], False, [1])


def test_everybody_who_still_waits_is_told() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in range(3)]
        good, bad, gone = (Item(insert(n), future) for n, future in enumerate(futures))
        good.result, bad.error, gone.result = 7, Conflict("no"), 8
        futures[2].cancel()
        resolve([gone, good, bad, Item(insert(4), None)])
        assert await futures[0] == 7
        with pytest.raises(Conflict):
            await futures[1]
        assert futures[2].cancelled()

    asyncio.run(scenario())


def test_who_never_waits_hands_over_where_it_would_have_to(tmp_path: Path) -> None:
    """One of a batch fails, and before the rest begins anew another process has taken the lock."""

    class Slow(sqlite3.Connection):
        other: sqlite3.Connection

        def execute(self, sql: str, *rest: Any) -> sqlite3.Cursor:
            done = super().execute(sql, *rest)
            if sql == "ROLLBACK":
                self.other.execute("BEGIN IMMEDIATE")
            return done

    def fail(_: Ledger) -> None:
        raise Conflict("its own")

    with (
        contextlib.closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None, factory=Slow, timeout=0)) as mine,
        contextlib.closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as other,
        contextlib.closing(made()) as nobody,
    ):
        mine.execute("CREATE TABLE t (a)")
        mine.other = other
        items = [Item(lambda db: db.execute("INSERT INTO t VALUES (1)"), None), Item(fail, None)]
        mine.execute("BEGIN IMMEDIATE")
        assert commit_begun(mine, items, Memory(), waits=False) is False
        assert [item.error for item in items] == [None, None]
        other.execute("COMMIT")
        mine.other = nobody  # is in the way any more
        commit(mine, items)
        assert [type(item.error) for item in items] == [type(None), Conflict]
        assert mine.execute("SELECT count(*) FROM t").fetchone() == (1,)
