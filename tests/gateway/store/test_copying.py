"""A store as a file, and a store from a file: of the same kind, or the other."""

import asyncio
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from gateway.budget import Limits, Spend
from gateway.errors import StoreError
from gateway.keys import Owner, minted
from gateway.store import Open, Reserve
from gateway.store.copying import write
from gateway.store.database import DatabaseStore
from gateway.store.migrations import SCHEMA_VERSION, statements
from gateway.store.postgres import record as in_postgres
from gateway.store.record import Record
from gateway.store.record import opened as in_sqlite
from gateway.store.sqlite import SqliteStore
from tests.builders import QUEUED, STARTED, Clock, an_approval, held
from tests.fixtures.stores import Place, execute, store_at, tables


def fill(store: DatabaseStore) -> None:
    change = Reserve("run:r-1", Spend(tool_calls=1), Limits())
    events = (QUEUED, STARTED, held(1, approval_id="A-1"))
    asyncio.run(store.append("r-1", events, lease=None, changes=[Open(an_approval("A-1")), change]))
    asyncio.run(store.decide("A-1", "denied", "user:bob", 'no "\u00fc" \u202e'))
    asyncio.run(store.append("r-2", [QUEUED, *[STARTED] * 450], lease=None))  # more than one statement takes
    asyncio.run(store.add_key(minted(Owner("user:ann", "acme"), 1)[1]))


def reading(place: Place) -> AbstractContextManager[Record]:
    return in_sqlite(place) if isinstance(place, Path) else in_postgres.opened(place)


def backup(place: Place, file: Path) -> int:
    with reading(place) as record, file.open("w") as out:
        return write(record, out)


def kept(place: Place) -> dict[str, list[object]]:
    found = {name: sorted(rows, key=repr) for name, rows in tables(place).items() if name != "store_schema"}
    return {name: [list(row) for row in rows] for name, rows in found.items()}


def test_what_a_back_up_holds_is_a_store_again_of_either_kind(
    store: DatabaseStore, place: Place, tmp_path: Path
) -> None:
    fill(store)
    rows, before = backup(place, tmp_path / "copy"), kept(place)
    assert rows == sum(map(len, before.values()))
    with closing(SqliteStore(tmp_path / "other.db")) as other:
        assert asyncio.run(other.fill(tmp_path / "copy")) == rows
        with pytest.raises(StoreError, match=r"the store is not empty \(`runs` has rows\); restore into a new one"):
            asyncio.run(other.fill(tmp_path / "copy"))
        assert asyncio.run(other.approval("A-1")).reason == asyncio.run(store.approval("A-1")).reason
    assert kept(tmp_path / "other.db") == before
    assert backup(tmp_path / "other.db", tmp_path / "again") == rows


def test_a_laptops_store_moves_into_any(bare: Place, tmp_path: Path) -> None:
    laptop = tmp_path / "laptop.db"
    with closing(SqliteStore(laptop, clock=Clock())) as store:
        fill(store)
    backup(laptop, tmp_path / "copy")
    with closing(store_at(bare)) as other:
        asyncio.run(other.fill(tmp_path / "copy"))
    assert kept(bare) == kept(laptop)


def test_a_back_up_is_of_the_version_that_the_store_has_and_comes_into_one_of_ours(bare: Place, tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    for step in statements(0, 17):
        execute(old, step)
    run = "('r-1', 'cancelled', 'loop', 'user:ann', 'acme', NULL, 'a title', 1, 1, 0, 'elsewhere/7/x.y', 3, 9)"
    execute(old, f"INSERT INTO runs VALUES {run}")  # noqa: S608 - our own words
    execute(old, "PRAGMA user_version = 17")
    assert backup(old, tmp_path / "copy") == 1
    assert json.loads((tmp_path / "copy").read_text().splitlines()[0])["version"] == 17
    with closing(store_at(bare)) as store:
        assert asyncio.run(store.fill(tmp_path / "copy")) == 1
    with closing(store_at(old)):  # brought to this version in its place
        assert kept(bare) == kept(old)
    assert kept(bare)["unsettled"] == [["r-1", None]]


def test_what_processes_have_noted_that_only_looked_is_not_in_the_way(
    store: DatabaseStore, place: Place, tmp_path: Path
) -> None:
    with closing(SqliteStore(tmp_path / "full.db", clock=Clock())) as full:
        fill(full)
        asyncio.run(full.note("here/1/a", {"servers": []}))
        asyncio.run(full.last_firing("nightly"))
    backup(tmp_path / "full.db", tmp_path / "copy")
    asyncio.run(store.note("here/2/b", {"servers": []}))
    asyncio.run(store.last_firing("nightly"))
    asyncio.run(store.fill(tmp_path / "copy"))
    assert kept(place) == kept(tmp_path / "full.db")


def test_a_back_up_is_of_one_moment(store: DatabaseStore, place: Place) -> None:
    fill(store)
    with reading(place) as record:
        there = record.tables()
        first = [*record.rows("runs", there["runs"])]
        asyncio.run(store.append("r-late", [QUEUED], lease=None))
        assert [*record.rows("runs", there["runs"])] == first
        out = io.StringIO()
        write(record, out)
    assert "r-late" not in out.getvalue()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda text: text[: len(text) // 2], "damaged|is not whole"),
        (lambda text: text.rpartition('{"rows"')[0], "is not whole: it ends after"),
        (lambda _: "my diary\n", "is no back-up"),
        (lambda _: "{}\n", "is no back-up"),
        (lambda _: json.dumps({"what": "toolgate store", "version": SCHEMA_VERSION + 1}), "newer Toolgate"),
        (lambda _: json.dumps({"what": "toolgate store"}), "its head says no version"),
        (lambda text: text.replace('"table":"runs"', '"table":"runs; DROP TABLE api_keys"'), "no name of a table"),
        (lambda text: text.replace('"columns":["id"', '"columns":["id\\" , "'), "no names of columns"),
        (lambda text: text.replace('"columns":[', '"rows":['), "no names of columns"),
        (lambda text: text.replace('["r-2",', '["r-2","more",'), "a row of"),
    ],
)
def test_a_file_that_is_none_or_not_whole_changes_nothing(
    store: DatabaseStore, tmp_path: Path, spoil: Callable[[str], str], why: str
) -> None:
    with closing(SqliteStore(tmp_path / "full.db", clock=Clock())) as full:
        fill(full)
    backup(tmp_path / "full.db", tmp_path / "copy")
    (tmp_path / "copy").write_text(spoil((tmp_path / "copy").read_text()))
    with pytest.raises(StoreError, match=why):
        asyncio.run(store.fill(tmp_path / "copy"))
    assert asyncio.run(store.run_rows()) == []
    with pytest.raises(StoreError, match="can't be read"):
        asyncio.run(store.fill(tmp_path / "none"))


def test_of_a_place_without_the_tables_of_a_store_no_back_up_is_written(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE marathons (runner TEXT)")
    out = io.StringIO()
    with in_sqlite(tmp_path / "other.db") as record, pytest.raises(StoreError, match="nothing was written"):
        write(record, out)
    assert out.getvalue() == ""
