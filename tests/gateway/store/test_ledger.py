"""What the transactions of one commit share. That it changes nothing is shown in test_transactions.py."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import gateway.store
from gateway.budget import Limits, Spend
from gateway.errors import BudgetExceeded
from gateway.events import Queued, Started
from gateway.store import Reserve
from gateway.store.ledger import Ledger, Memory
from gateway.store.sqlite import SqliteStore

QUEUED, STARTED = Queued("client", "user:ann", "acme"), Started("w")


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript((Path(gateway.store.__file__).parent / "schema.sql").read_text())
        db.execute(
            "INSERT INTO runs (id, status, driver, user, tenant, title, created, updated, seq)"
            " VALUES ('r', 'running', 'loop', 'u', 't', 'x', 0, 0, 0)"
        )
        yield Ledger(db)


def test_a_run_is_known_with_what_was_written_down(ledger: Ledger) -> None:
    assert ledger.run("none") is None
    for seq in (1, 2):
        run = ledger.run("r")
        assert run is not None
        assert (run.status, run.seq, run.owner, run.epoch) == ("running", seq - 1, None, 0)
        ledger.add_event("r", seq, 0, "{}")
        run.seq = seq
    assert ledger.execute("SELECT count(*) FROM events").fetchone() == (2,)
    found = ledger.run("r")
    assert found is not None
    assert found.seq == 2


def test_an_account_is_known_with_what_was_booked(ledger: Ledger) -> None:
    assert ledger.taken("a") == {}
    ledger.book("a", "tokens", 0, 5)
    ledger.book("a", "tokens", 3, -5)
    ledger.book("b", "turns", 1, 0)
    assert (ledger.taken("a"), ledger.taken("b")) == ({"tokens": 3}, {"turns": 1})
    ledger.book("b", "turns", -4, 0)  # more is given back than there was: as it would be read
    assert ledger.taken("b") == {"turns": 0}
    rows = ledger.execute("SELECT account, unit, used, reserved FROM accounts ORDER BY 1").fetchall()
    assert rows == [("a", "tokens", 3, 0), ("b", "turns", -3, 0)]
    assert ledger.taken("b") == {"turns": 0}


def test_slices_of_time_are_known_together_with_what_was_booked(ledger: Ledger) -> None:
    for slice_, used in (("s|00", 90), ("s|01", 1), ("s|02", 2), ("s|04", 40), ("z|02", 90)):
        ledger.book(slice_, "turns", used, 0)
    assert ledger.taken_since("s|01") == {"turns": 43}
    for slice_, used in (("s|00", 90), ("s|01", 10), ("s|03", 20), ("s|04", 40), ("z|03", 90)):
        ledger.book(slice_, "turns", used, 0)
    assert ledger.taken_since("s|01") == {"turns": 113}
    assert ledger.taken_since("s|02") == {"turns": 102}
    ledger.flush()
    assert ledger.taken_since("s|01") == {"turns": 113}


def test_what_a_statement_changes_is_seen(ledger: Ledger) -> None:
    assert ledger.run("r") is not None
    assert ledger.taken("a") == {}
    ledger.execute("UPDATE runs SET status = 'cancelled', owner = 'o', epoch = 4")
    ledger.execute("INSERT INTO accounts VALUES ('a', 'turns', 1, 1)")
    run = ledger.run("r")
    assert run is not None
    assert (run.status, run.owner, run.epoch) == ("cancelled", "o", 4)
    assert ledger.taken("a") == {"turns": 2}


def test_what_a_statement_will_change_at_the_end_is_seen_by_whoever_looks_before(ledger: Ledger) -> None:
    assert ledger.run("r") is not None
    ledger.later("UPDATE runs SET owner = ?, epoch = epoch + ? WHERE id = 'r'", ("o", 4))
    ledger.later("UPDATE runs SET status = ? WHERE owner = 'o'", ("failed",))
    run = ledger.run("r")
    assert run is not None
    assert (run.status, run.owner, run.epoch) == ("failed", "o", 4)
    ledger.later("UPDATE runs SET epoch = epoch + ?", (1,))
    assert ledger.execute("SELECT epoch FROM runs").fetchone() == (5,)
    ledger.later("UPDATE runs SET epoch = epoch + ?", (1,))
    ledger.flush()
    found = ledger.run("r")
    assert found is not None
    assert found.epoch == 6
    assert not ledger.wrote, "whether an UPDATE found anything, nobody has looked"


def test_what_one_connection_looked_up_stays_true_until_another_one_writes(tmp_path: Path) -> None:
    schema = (Path(gateway.store.__file__).parent / "schema.sql").read_text()
    with (
        contextlib.closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as mine,
        contextlib.closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as other,
    ):
        mine.executescript("PRAGMA journal_mode = WAL;" + schema)
        memory, asked = Memory(), list[str]()

        def taken() -> Mapping[str, int]:
            asked.clear()
            mine.execute("BEGIN IMMEDIATE")
            memory.believe(mine.execute("PRAGMA data_version").fetchone()[0])
            mine.set_trace_callback(asked.append)
            ledger = Ledger(mine, memory)
            found = dict(ledger.taken("a"))
            ledger.book("a", "turns", 1, 0)
            ledger.flush()
            mine.set_trace_callback(None)
            mine.execute("COMMIT")
            return found

        assert [taken(), taken()] == [{}, {"turns": 1}]
        assert [statement.split()[0] for statement in asked] == ["INSERT"]
        other.execute("UPDATE accounts SET used = 7")
        assert taken() == {"turns": 7}
        assert memory.spend("a") == Spend(turns=8)
        memory.clear()
        assert memory.spend("a") is None


async def recent(store: SqliteStore, account: str) -> Spend:
    return store.known_spend(account) or await store.spend(account)


def test_what_was_rolled_back_is_not_remembered(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = SqliteStore(tmp_path / "s.db")
        limits = Limits(tool_calls=1)
        await store.append("r", [QUEUED], lease=None, changes=[Reserve("a", Spend(tool_calls=1), limits)])
        with pytest.raises(BudgetExceeded):
            await store.append("r", [STARTED], lease=None, changes=[Reserve("a", Spend(tool_calls=1), limits)])
        assert await recent(store, "a") == await store.spend("a") == Spend(tool_calls=1)
        assert await store.append("r", [STARTED], lease=None) == 2
        store.close()

    asyncio.run(scenario())


def test_what_another_process_took_is_seen_by_the_next_reservation(tmp_path: Path) -> None:
    async def scenario() -> None:
        here, there = SqliteStore(tmp_path / "s.db"), SqliteStore(tmp_path / "s.db")
        limits, one = Limits(tool_calls=4), Spend(tool_calls=1)
        await here.append("r", [QUEUED], lease=None, changes=[Reserve("a", one, limits)])
        for process in (here, here, there):
            await process.append("r", [STARTED], lease=None, changes=[Reserve("a", one, limits)])
        assert await recent(here, "a") == Spend(tool_calls=3)
        with pytest.raises(BudgetExceeded):
            await here.append("r", [STARTED], lease=None, changes=[Reserve("a", one, limits)])
        assert await recent(here, "a") == Spend(tool_calls=4)
        assert [row.seq for row in await here.events("r")] == [1, 2, 3, 4]
        here.close()
        there.close()

    asyncio.run(scenario())


def test_what_the_thread_commits_is_seen_at_once(tmp_path: Path) -> None:
    """Another process holds the lock: the loop can't commit, the thread waits and does."""

    async def scenario() -> None:
        store, one = SqliteStore(tmp_path / "s.db"), Spend(tool_calls=1)
        await store.append("r", [QUEUED], lease=None, changes=[Reserve("a", one, Limits())])
        for _ in range(2):
            await store.append("r", [STARTED], lease=None, changes=[Reserve("a", one, Limits())])
        with contextlib.closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            late = asyncio.ensure_future(
                store.append("r", [STARTED], lease=None, changes=[Reserve("a", one, Limits())])
            )
            await asyncio.sleep(0.05)
            other.execute("COMMIT")
        await late
        assert await recent(store, "a") == await store.spend("a") == Spend(tool_calls=4)
        store.close()

    asyncio.run(scenario())
