"""Commits in PostgreSQL: one at a time, and none twice, whenever the connection is lost."""

import contextlib
import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import psycopg
import pytest

from gateway.errors import Conflict, StoreError
from gateway.store.batch import Item
from gateway.store.ledger import Ledger
from gateway.store.postgres import commits as module
from gateway.store.postgres.address import address
from gateway.store.postgres.commits import Commits, Quiet, ServerClock
from gateway.store.postgres.session import Session
from gateway.store.postgres.store import PostgresStore

PATIENCE = 30.0  # seconds: only a test that hangs takes them
Moment = Literal["before", "after"]


class Cut(Session):
    """A connection that is lost at its next COMMIT: before the server has heard it, or after it has made it."""

    moment: Moment | None = None

    def message(self, sql: str) -> Sequence[str]:
        if self.moment is None or not sql.endswith("COMMIT"):
            return super().message(sql)
        if self.moment == "after":
            super().message(sql)
        self.close()
        raise psycopg.OperationalError("server closed the connection unexpectedly")


class Desk:
    """`sessions` are the connections that were made, the newest last."""

    def __init__(self, url: str) -> None:
        self.url, self.sessions, self.away = url, list[Cut](), False
        self.clock = ServerClock()
        PostgresStore(url).close()
        self.ask("CREATE TABLE numbers (n BIGINT PRIMARY KEY, made BIGINT NOT NULL DEFAULT 1)")
        self.commits = Commits(self.connect, address(url), self.clock)

    def connect(self) -> Session:
        if self.away:
            raise StoreError("the store can't be opened: nobody answers there")
        self.sessions.append(Cut(address(self.url)))
        return self.sessions[-1]

    def ask(self, sql: str) -> list[Any]:
        with contextlib.closing(Session(address(self.url))) as session:
            return session.script(sql)

    def numbers(self) -> list[int]:
        return [n for (n,) in self.ask("SELECT n FROM numbers ORDER BY n")]

    def commit(self, *works: Callable[[Ledger], Any]) -> list[Any]:
        batch = [Item(work, None) for work in works]
        self.commits.commit(batch)
        return [item.error or item.result for item in batch]


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    made = Desk(url)
    yield made
    made.commits.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.3)
    monkeypatch.setattr(module, "_PAUSE", 0.01)


def insert(n: int, then: Exception | None = None) -> Callable[[Ledger], int]:
    def work(db: Ledger) -> int:
        db.execute("INSERT INTO numbers (n) VALUES (?)", (n,))
        if then is not None:
            raise then
        return n

    return work


def test_each_gets_its_own_result_and_only_what_succeeded_is_written(desk: Desk) -> None:
    told = desk.commit(insert(1), insert(2, Conflict("mine")), insert(1), insert(3), insert(4, ValueError("mine, too")))
    assert (told[0], told[3]) == (1, 3)
    assert [type(error) for error in told] == [int, Conflict, StoreError, int, ValueError]
    assert "duplicate key" in str(told[2])
    assert desk.numbers() == [1, 3]


def test_what_the_database_refuses_is_refused_to_all(desk: Desk) -> None:
    told = desk.commit(insert(1), lambda db: db.execute("SELECT pg_terminate_backend(0), 1 / (n - 1) FROM numbers"))
    assert isinstance(told[1], StoreError)  # its own doing: a division by zero
    desk.sessions[-1].script("SET default_transaction_read_only = on")
    told = desk.commit(insert(2), insert(3))
    assert ["name the primary" in str(error) for error in told] == [True, True]
    desk.sessions[-1].script("RESET default_transaction_read_only")
    assert (desk.commit(insert(4)), desk.numbers()) == ([4], [1, 4])


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_commit_in_which_the_connection_was_lost_is_made_once(desk: Desk, moment: Moment) -> None:
    seen: list[int] = []

    def count(db: Ledger) -> int:
        seen.append(db.execute("SELECT count(*) FROM numbers").fetchone()[0])
        return insert(7)(db)

    desk.sessions[-1].moment = moment
    assert desk.commit(insert(1), count, insert(3, Conflict("mine")))[:2] == [1, 7]
    assert desk.numbers() == [1, 7]
    assert (len(desk.sessions), len(seen)) == (2, 4 if moment == "before" else 2)  # each time alone, too
    assert (desk.commit(insert(2)), desk.numbers()) == ([2], [1, 2, 7])


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.usefixtures("impatient")
def test_of_a_server_that_does_not_come_back_it_is_said_that_nobody_knows(desk: Desk, moment: Moment) -> None:
    desk.sessions[-1].moment, desk.away = moment, True
    (error,) = desk.commit(insert(1))
    assert "nobody answers there; it is not known whether it was written" in str(error)
    (error,) = desk.commit(insert(2))
    assert str(error) == "the store could not write: the store can't be opened: nobody answers there"
    desk.away = False
    assert (desk.commit(insert(3)), desk.numbers()) == ([3], [3] if moment == "before" else [1, 3])


def test_a_connection_that_was_lost_before_is_replaced(desk: Desk) -> None:
    desk.ask(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL"
    )
    assert (desk.commit(insert(1)), desk.numbers()) == ([1], [1])


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
def test_one_writes_at_a_time_and_sees_what_was_written_before(desk: Desk, isolation: str) -> None:
    """Whatever the server's default is: with a snapshot from before the lock, everybody would find what was there."""
    begun, go, numbers = threading.Event(), threading.Event(), itertools.count(1)

    def slow(db: Ledger) -> int:
        seen: int = db.execute("SELECT count(*) FROM numbers").fetchone()[0]
        begun.set()
        go.wait(PATIENCE)
        return insert(next(numbers))(db) and seen

    other = Commits(desk.connect, address(desk.url), desk.clock)
    for session in desk.sessions:
        session.script(f"SET default_transaction_isolation = '{isolation}'")
    thread = threading.Thread(target=desk.commit, args=(slow,))
    thread.start()
    begun.wait(PATIENCE)
    batch = [Item(slow, None)]
    second = threading.Thread(target=other.commit, args=(batch,))
    second.start()
    waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    until = time.monotonic() + PATIENCE
    while desk.ask(waits) != [(1,)] and time.monotonic() < until and second.is_alive():
        threading.Event().wait(0.01)
    assert desk.numbers() == []  # the second one waits for the first, and has seen nothing yet
    go.set()
    thread.join(PATIENCE)
    second.join(PATIENCE)
    other.close()
    assert (batch[0].result, desk.numbers()) == (1, [1, 2])


@pytest.mark.usefixtures("impatient")
def test_whoever_writes_for_too_long_is_an_error_of_who_waits(desk: Desk) -> None:
    with contextlib.closing(Session(address(desk.url))) as other:
        other.script("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('toolgate ' || current_schema(), 0))")
        desk.sessions[-1].script("SET lock_timeout = '50ms'")
        (error,) = desk.commit(insert(1))
    assert "another process has been writing for too long" in str(error)
    assert desk.commit(insert(2)) == [2]


def test_a_process_that_freezes_within_a_transaction_holds_nobody_up_and_writes_nothing(desk: Desk) -> None:
    frozen = Commits(desk.connect, address(desk.url), desk.clock)
    desk.sessions[-1].script("SET idle_in_transaction_session_timeout = '100ms'")
    asleep, awake = threading.Event(), threading.Event()

    def sleep(db: Ledger) -> str:
        before = db.execute("SELECT count(*) FROM numbers").fetchone()[0]
        asleep.set()
        awake.wait(PATIENCE)
        return f"{before}, {insert(9)(db)}"

    batch = [Item(sleep, None)]
    thread = threading.Thread(target=frozen.commit, args=(batch,))
    thread.start()
    asleep.wait(PATIENCE)
    assert desk.commit(insert(1)) == [1]  # it waits for a tenth of a second, and not for ever
    awake.set()
    thread.join(PATIENCE)
    frozen.close()
    assert (batch[0].error, batch[0].result) == (None, "1, 9")  # it has begun anew, and sees what was written since
    assert desk.numbers() == [1, 9]


def test_time_is_the_servers(desk: Desk) -> None:
    desk.commit(insert(1))
    theirs = desk.ask("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")[0][0]
    assert theirs - 60_000 < desk.clock.now() < theirs + 60_000
    desk.clock.set(5_000)
    assert 5_000 <= desk.clock.now() < 65_000
    desk.commit(insert(2))
    assert desk.clock.now() >= theirs


def test_a_transaction_that_writes_nothing_leaves_no_trace(desk: Desk) -> None:
    count = "SELECT count(*) FROM store_writers"
    desk.commit(lambda db: db.execute("SELECT 1").fetchone())
    assert desk.ask(count) == [(0,)]
    desk.commit(insert(1))
    assert desk.ask(count) == [(1,)]
    desk.commits.close()
    assert desk.ask(count) == [(0,)]


def test_writers_that_were_killed_long_ago_are_forgotten_when_another_one_begins(url: str) -> None:
    PostgresStore(url).close()
    now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
    with contextlib.closing(Session(address(url))) as session:
        for name, age in (("old", module.FORGOTTEN_AFTER + 60_000), ("new", module.FORGOTTEN_AFTER - 60_000)):
            session.script(f"INSERT INTO store_writers VALUES ('{name}', 1, {now} - {age})")  # noqa: S608
        PostgresStore(url).close()
        assert session.script("SELECT name FROM store_writers") == [("new",)]


def test_what_was_looked_up_stays_true_until_anybody_else_has_written(desk: Desk) -> None:
    """Also somebody who knows nothing of us, and takes no lock."""

    def taken(db: Ledger) -> dict[str, int]:
        found = dict(db.taken("a"))
        db.book("a", "turns", 1, 0)
        return found

    assert [desk.commit(taken), desk.commit(taken)] == [[{}], [{"turns": 1}]]
    desk.ask("UPDATE accounts SET used = 7")
    assert desk.commit(taken) == [{"turns": 7}]
    with contextlib.closing(psycopg.connect(desk.url)) as other:
        other.execute("UPDATE accounts SET used = used + 10")
        other.commit()
    assert desk.commit(taken) == [{"turns": 18}]


@pytest.mark.parametrize(
    ("began", "wrote", "begins", "quiet"),
    [
        ((5, 5), False, (5, 5), True),
        ((5, 5), True, (6, 6), True),
        ((5, 5), True, (5, 5), True),
        ((5, 5), False, (6, 6), False),  # somebody else had a number
        ((5, 5), True, (7, 7), False),
        ((5, 5), True, (5, 6), False),  # somebody writes just now
        ((4, 5), True, (6, 6), False),  # what somebody was writing then is there only now
    ],
)
def test_numbers_of_transactions_tell_whether_anybody_else_has_written(
    began: tuple[int, int], wrote: bool, begins: tuple[int, int], quiet: bool
) -> None:
    ours = Quiet()
    before = ours.since(*began)
    ours.wrote = wrote
    assert (ours.since(*begins) == before) == quiet


def test_of_a_transaction_that_failed_nothing_is_believed(desk: Desk) -> None:
    def booking(db: Ledger) -> None:
        db.taken("a")
        db.book("a", "turns", 1, 0)
        raise ValueError("no")

    def taken(db: Ledger) -> dict[str, int]:
        return dict(db.taken("a"))

    desk.commit(lambda db: db.book("a", "turns", 1, 0))
    assert desk.commit(taken) == [{"turns": 1}]
    assert isinstance(desk.commit(booking)[0], ValueError)
    assert desk.commit(taken) == [{"turns": 1}]
