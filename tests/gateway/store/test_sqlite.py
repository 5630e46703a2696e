"""One file, any number of processes: what was acknowledged is there, and what can't be kept is refused whole."""

import asyncio
import concurrent.futures
import contextlib
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.budget import Limits, Spend
from gateway.errors import StoreError
from gateway.events import Event, Started
from gateway.store import Open, Reserve
from gateway.store import sqlite as module
from gateway.store.sqlite import SCHEMA_VERSION, SqliteStore
from tests.builders import (
    QUEUED,
    STARTED,
    Clock,
    an_approval,
    made,
    returned,
    wanted,
)
from tests.fixtures.stores import line_of, tables, worker


def append(store: SqliteStore, *events: Event, run_id: str = "r-1", **rest: Any) -> int:
    return asyncio.run(store.append(run_id, events, **({"lease": None} | rest)))


@contextlib.contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, as a program that is not ours has it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


@pytest.fixture
def store(store_path: Path, clock: Clock) -> Iterator[SqliteStore]:
    opened = SqliteStore(store_path, clock=clock)
    yield opened
    opened.close()


# ---- opening


def test_only_its_owner_can_read_what_is_kept(store: SqliteStore, store_path: Path) -> None:
    append(store, QUEUED)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store_path.parent.iterdir()}
    assert modes == {"toolgate.db": 0o600, "toolgate.db-wal": 0o600, "toolgate.db-shm": 0o600}
    assert stat.S_IMODE(store_path.parent.stat().st_mode) == 0o700


def test_a_store_that_is_opened_again_has_everything(store: SqliteStore, store_path: Path) -> None:
    append(store, QUEUED, STARTED, *wanted(1, "shop/a"), *made(1))
    before = tables(store_path)
    store.close()
    again = SqliteStore(store_path)
    assert tables(store_path) == before
    assert asyncio.run(again.events("r-1"))[0].event == QUEUED
    again.close()


def test_a_store_of_the_first_version_is_brought_up_to_date_and_what_waits_in_it_is_a_call(tmp_path: Path) -> None:
    path = tmp_path / "toolgate.db"
    with raw(path) as db:
        db.executescript((Path(module.__file__).parent / "schema.sql").read_text(encoding="utf-8"))
        names = [row[1] for row in db.execute("PRAGMA table_info(approvals)")]
        known = {"id": "A-1", "state": "pending", "arguments": "{}"}
        values = [known.get(name, "1") for name in names]
        db.execute(f"INSERT INTO approvals VALUES ({', '.join('?' * len(names))})", values)  # noqa: S608 - marks only
        db.execute("PRAGMA user_version = 1")
    store = SqliteStore(path)
    assert asyncio.run(store.approval("A-1")).action == "call"
    store.close()
    with raw(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_the_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "toolgate.db"
    with raw(path) as db:
        db.execute("CREATE TABLE things_to_come (x, y)")
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    with pytest.raises(StoreError, match="was written by a newer Toolgate; update this one"):
        SqliteStore(path)
    assert tables(path) == {"things_to_come": []}


def _text_file(path: Path) -> None:
    path.write_text("my diary\n" * 200)


def _other_program(path: Path) -> None:
    with raw(path) as db:
        db.execute("CREATE TABLE runs (marathon TEXT)")


@pytest.mark.parametrize("occupy", [_text_file, Path.mkdir, _other_program])
def test_what_is_no_store_is_refused_with_its_path(tmp_path: Path, occupy: Callable[[Path], None]) -> None:
    path = tmp_path / "toolgate.db"
    occupy(path)
    with pytest.raises(StoreError, match=r"^the store `.*toolgate\.db` can't be opened: "):
        SqliteStore(path)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StoreError, match="can't be opened"):
        SqliteStore(tmp_path / "data" / "toolgate.db")


def test_of_many_that_open_a_new_store_at_once_one_makes_the_tables(tmp_path: Path) -> None:
    path = tmp_path / "toolgate.db"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: SqliteStore(path), range(16)))
    for number, store in enumerate(stores):
        append(store, QUEUED, run_id=f"r-{number}")
        store.close()
    assert len(tables(path)["runs"]) == 16


# ---- trouble


@pytest.mark.parametrize(
    ("way", "acknowledged"),
    [*(("write", n) for n in (1, 2, 5, 17, 60, 150, 1200)), *(("write-full", n) for n in (1, 17, 60))],
)
def test_whatever_a_killed_process_acknowledged_is_there(store_path: Path, way: str, acknowledged: int) -> None:
    """And a reservation is there exactly when the event is that it was made with."""
    with worker(way, store_path, "w") as process:
        lines = [line_of(process) for _ in range(acknowledged)]
        process.kill()
        assert process.stdout is not None
        lines += process.stdout.read().splitlines(keepends=False)
    store = SqliteStore(store_path)
    promised: dict[str, int] = {}
    for line in lines:
        if len(words := line.split()) == 2:  # the last line may have been cut
            promised[words[0]] = max(promised.get(words[0], 0), int(words[1]))
    assert promised
    for run_id, seq in promised.items():
        events = asyncio.run(store.events(run_id))
        assert [recorded.seq for recorded in events] == list(range(1, len(events) + 1))
        assert len(events) >= seq
        assert asyncio.run(store.run_row(run_id)).seq == len(events)
        assert asyncio.run(store.spend(f"run:{run_id}")) == Spend(turns=len(events) - 1)
    store.close()


@pytest.fixture
def small_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are opened from here on hold 400 kB: the tables, and some events."""
    connect = sqlite3.connect

    def limited(*args: Any, **options: Any) -> sqlite3.Connection:
        db: sqlite3.Connection = connect(*args, **options)
        db.execute("PRAGMA max_page_count = 100")
        return db

    monkeypatch.setattr(sqlite3, "connect", limited)


@pytest.mark.usefixtures("small_disk")
def test_a_full_disk_refuses_the_whole_append_and_keeps_what_was_there(
    monkeypatch: pytest.MonkeyPatch, store_path: Path
) -> None:
    store = SqliteStore(store_path)
    append(store, QUEUED, STARTED)
    before = tables(store_path)
    change = Reserve("run:r-1", Spend(turns=1), Limits())
    for _ in range(3):
        with pytest.raises(StoreError, match="the store could not write: database or disk is full"):
            append(store, Started("x"), returned(1, "x" * 500_000), changes=[change, Open(an_approval())])
        assert tables(store_path) == before
    assert append(store, Started("y"), changes=[change]) == 3  # what is small still fits
    store.close()
    monkeypatch.undo()
    with_room = SqliteStore(store_path)
    assert append(with_room, returned(1, "x" * 500_000)) == 4
    with_room.close()


def test_a_file_that_another_program_keeps_locked_is_an_error_and_not_a_hang(
    monkeypatch: pytest.MonkeyPatch, store_path: Path
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.01)
    store = SqliteStore(store_path)
    append(store, QUEUED)
    with raw(store_path) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="the store could not write: database is locked"):
            append(store, STARTED)
        assert len(asyncio.run(store.events("r-1"))) == 1  # reading goes on
        db.execute("ROLLBACK")
    assert append(store, STARTED) == 2
    store.close()


def test_a_store_that_cant_start_its_writer_is_refused_when_it_is_opened(
    monkeypatch: pytest.MonkeyPatch, store_path: Path
) -> None:
    connect, opened = sqlite3.connect, list[sqlite3.Connection]()

    def only_once(*args: Any, **options: Any) -> sqlite3.Connection:
        if opened:
            raise sqlite3.OperationalError("unable to open database file")
        opened.append(connect(*args, **options))
        return opened[0]

    monkeypatch.setattr(sqlite3, "connect", only_once)
    with pytest.raises(StoreError, match="can't be opened: unable to open database file"):
        SqliteStore(store_path)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")


@pytest.mark.parametrize("synchronous", ["normal", "full"])
def test_how_durable_a_commit_is_can_be_chosen(store_path: Path, synchronous: Any) -> None:
    store = SqliteStore(store_path, synchronous=synchronous)
    assert append(store, QUEUED, STARTED) == 2
    store.close()
