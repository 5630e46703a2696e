"""API keys in the store; and how a store of version 1 comes to have a place for them."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.errors import Conflict, StoreError, UnknownKey
from gateway.keys import ApiKey, Owner, minted
from gateway.store import sqlite as module
from gateway.store.sqlite import SCHEMA_VERSION, SqliteStore
from tests.builders import QUEUED, STARTED, Clock
from tests.fixtures.stores import tables

ANN = Owner("user:ann", "acme", ("use", "more"), "a laptop", 9_000)


def kept(store: SqliteStore, owner: Owner = ANN, created: int = 1) -> ApiKey:
    _, key = minted(owner, created)
    asyncio.run(store.add_key(key))
    return key


def test_a_key_comes_back_as_it_was(store: SqliteStore) -> None:
    key, bare = kept(store), kept(store, Owner("user:bob", "acme"), 2)
    assert asyncio.run(store.key(key.id)) == key
    assert asyncio.run(store.keys()) == [key, bare]
    assert asyncio.run(store.key(key.id[:-1])) is None  # who presents a key presents all of it


def test_an_id_that_is_taken_is_no_place_for_another_key(store: SqliteStore) -> None:
    key = kept(store)
    with pytest.raises(Conflict):
        asyncio.run(store.add_key(replace(key, user="user:eve")))
    assert asyncio.run(store.keys()) == [key]


def test_a_key_is_revoked_once_and_stays_so(store: SqliteStore, clock: Clock) -> None:
    key = kept(store)
    first = asyncio.run(store.revoke_key(key.id[:8]))
    assert first.revoked
    assert not first.good(0)
    clock.now += 1000
    assert asyncio.run(store.revoke_key(key.id)) == first == asyncio.run(store.key(key.id))


@pytest.mark.parametrize("key_id", ["", "nothing", "%", "\udc80"])
def test_what_is_no_key_can_not_be_revoked(store: SqliteStore, key_id: str) -> None:
    key = kept(store)
    with pytest.raises(UnknownKey):
        asyncio.run(store.revoke_key(key_id))
    assert asyncio.run(store.keys()) == [key]


def of_version_1(path: Path) -> None:
    """A store as the first version made it, with a run in it."""
    schema = (Path(module.__file__).parent / "schema.sql").read_text(encoding="utf-8")
    with closing(sqlite3.connect(path)) as db:
        db.executescript(f"PRAGMA journal_mode = WAL;{schema};PRAGMA user_version = 1;")
        row = ("r-1", "running", "client", "user:ann", "acme", None, "t", 1, 1, 2, None, 0, 0)
        db.execute(f"INSERT INTO runs VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - marks
        db.commit()


def test_a_store_of_version_1_gets_the_new_table_and_keeps_everything(tmp_path: Path) -> None:
    path = tmp_path / "toolgate.db"
    of_version_1(path)
    before = tables(path)
    assert "api_keys" not in before
    store = SqliteStore(path)
    key = kept(store)
    assert [row.id for row in asyncio.run(store.run_rows())] == ["r-1"]
    store.close()
    after = tables(path)
    assert [row[0] for row in after.pop("api_keys")] == [key.id]
    assert {name for name, rows in after.items() if not rows} >= after.keys() - before.keys()
    assert {name: after[name] for name in before} == before
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_of_many_that_open_an_old_store_at_once_one_migrates(tmp_path: Path) -> None:
    path = tmp_path / "toolgate.db"
    of_version_1(path)
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: SqliteStore(path), range(8)))
    for store in stores:
        kept(store)
        store.close()
    assert len(tables(path)["api_keys"]) == 8


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "toolgate.db"
    of_version_1(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE api_keys (somebody TEXT, some TEXT)")
        db.commit()
    before = tables(path)
    with pytest.raises(StoreError, match="can't be opened"):
        SqliteStore(path)
    assert tables(path) == before
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (1,)


def test_whether_it_can_be_written_is_found_out_without_a_trace(store: SqliteStore, store_path: Path) -> None:
    asyncio.run(store.append("r-1", [QUEUED, STARTED], lease=None))
    before = tables(store_path)
    asyncio.run(store.check())
    assert tables(store_path) == before
    with closing(sqlite3.connect(store_path, isolation_level=None)) as other:
        other.execute("PRAGMA max_page_count = 1")
        other.execute("BEGIN EXCLUSIVE")
        store._writer._connection.execute("PRAGMA busy_timeout = 0")  # noqa: SLF001 - the test need not wait for it
        with pytest.raises(StoreError, match="locked"):
            asyncio.run(store.check())
