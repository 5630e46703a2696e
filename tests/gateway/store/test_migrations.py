"""A store of each earlier version becomes one of this version, in place, with all that it kept."""

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import StoreError, TooNew, TooOld
from gateway.events import Started, event_name
from gateway.store.migrations import MIGRATIONS, SCHEMA_VERSION, statements
from gateway.store.postgres.dialect import tables as in_postgres
from gateway.store.sqlite import SqliteStore
from tests.builders import Clock
from tests.fixtures.stores import Place, execute, store_at, tables

RUN = "('r-1', 'running', 'client', 'user:ann', 'acme', NULL, 'a title', 1, 1, 0, NULL, 0, 0)"
EVENTS = (
    """('r-1', 1, 7, '{"event":"queued","driver":"client","user":"user:ann","tenant":"acme","limits":{}}')""",
    """('r-1', 2, 8, '{"event":"started","worker":"w"}')""",
)
APPROVAL = (
    "('A-1', 'claim', 'r-1', 't1/call/1', 'user:ann', NULL, 'acme', 'shop/refund', 'pin-1', '{}', 'digest', 'policy',"
    " NULL, 'why', 1, 9000000000000, 'denied', 'user:bob', 5, 'no')"
)

COLUMNS = (
    'id, claim, run_id, key, "user", agent, tenant, path, pin, arguments, digest, policy, rule, why, created, expires,'
    " state, decided_by, decided_at, reason"
)
WRITERS = 'CREATE TABLE store_writers (name TEXT COLLATE "C" PRIMARY KEY, number BIGINT NOT NULL, at BIGINT NOT NULL)'
ROWS = (("runs", RUN), *(("events", event) for event in EVENTS), (f"approvals ({COLUMNS})", APPROVAL))


def of_version(place: Place, version: int) -> None:
    """A store as that version left it, with a run in it, and a question that was answered with no."""
    steps = list(statements(0, version))
    if isinstance(place, Path):
        place.parent.mkdir(exist_ok=True)
        for step in steps:
            execute(place, step)
    else:
        execute(place, ";".join(filter(None, map(in_postgres, steps))))
    for what, row in ROWS:
        execute(place, f"INSERT INTO {what} VALUES {row}")  # noqa: S608 - our own words
    if isinstance(place, Path):
        execute(place, f"PRAGMA user_version = {version}")
    else:
        execute(place, "CREATE TABLE store_schema (version BIGINT NOT NULL)")
        execute(place, WRITERS)
        execute(place, f"INSERT INTO store_schema VALUES ({version})")  # noqa: S608 - a number


def version_of(place: Place) -> int:
    said = "PRAGMA user_version" if isinstance(place, Path) else "SELECT version FROM store_schema"
    return int(execute(place, said)[0][0])


def shape(place: Place) -> list[Any]:
    """The columns of all tables: their names, types, and whether they may be empty."""
    if isinstance(place, Path):
        return [(name, execute(place, f"PRAGMA table_info({name})")) for name in tables(place)]
    told = "table_name, column_name, data_type, is_nullable, column_default, collation_name"
    mine = "FROM information_schema.columns WHERE table_schema = current_schema()"
    return execute(place, f"SELECT {told} {mine} ORDER BY table_name, ordinal_position")


def newest(place: Place) -> list[Any]:
    """The columns of a new store of the same kind, made in its place."""
    if isinstance(place, Path):
        place = place.with_name("another.db")
    else:
        execute(place, "DROP SCHEMA IF EXISTS another CASCADE; CREATE SCHEMA another")
        place = re.sub(r"search_path%3D\w+", "search_path%3Danother", place)
    store_at(place).close()
    return shape(place)


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_store_of_an_earlier_version_is_brought_up_to_date(bare: Place, version: int) -> None:
    of_version(bare, version)
    store = store_at(bare)
    asked = asyncio.run(store.approval("A-1"))
    assert (asked.action, asked.state, asked.by, asked.reason) == ("call", "denied", "user:bob", "no")
    assert [row.title for row in asyncio.run(store.run_rows())] == ["a title"]
    assert asyncio.run(store.append("r-1", [Started("x")], lease=None)) == 3
    assert [event.at for event in asyncio.run(store.events("r-1"))][:2] == [7, 8]
    store.close()
    assert version_of(bare) == SCHEMA_VERSION
    assert shape(bare) == newest(bare)


BEFORE_UNSETTLED = 17
ADMITTED = '{"event":"admitted","key":"t1/call/1","path":"a/b","arguments":"{}","pin":"","policy":"","reserved":{}}'
LEFT = (  # a call under way, then the end
    """('r-2', 1, 7, '{"event":"queued","driver":"loop","user":"user:ann","tenant":"acme","limits":{}}')""",
    """('r-2', 2, 8, '{"event":"started","worker":"w"}')""",
    f"('r-2', 3, 8, '{ADMITTED}')",
    """('r-2', 4, 8, '{"event":"budgeted","key":"t1/call/1","accounts":{"budget:b|":{"tool_calls":1}}}')""",
    """('r-2', 5, 9, '{"event":"cancelled","by":"user:ann"}')""",
)


@pytest.mark.parametrize("owner", ["'elsewhere/7/x.y'", "NULL"])
def test_what_an_earlier_version_left_reserved_for_a_cancelled_run_is_settled(bare: Place, owner: str) -> None:
    """Where whoever drove it had not let go; where he had, or was known to be gone, it was settled then."""
    of_version(bare, BEFORE_UNSETTLED)
    run = f"('r-2', 'cancelled', 'loop', 'user:ann', 'acme', NULL, 'a title', 1, 1, 0, {owner}, 3, 9)"
    for what, row in (("runs", run), *(("events", event) for event in LEFT)):
        execute(bare, f"INSERT INTO {what} VALUES {row}")  # noqa: S608 - our own words
    execute(bare, "INSERT INTO accounts VALUES ('budget:b|', 'tool_calls', 0, 1)")
    clock = Clock()
    with closing(store_at(bare, clock=clock)) as store:
        for _ in range(2):
            asyncio.run(store.expire())
            clock.tick(60_000)
        settled = owner != "NULL"
        (booked,) = asyncio.run(store.booked("budget:b|"))
        assert (booked.used, booked.reserved) == ((1, 0) if settled else (0, 1))
        names = [event_name(each.event) for each in asyncio.run(store.events("r-2"))]
        assert names[5:] == (["doubted"] if settled else [])


def test_the_version_is_how_many_steps_there_are() -> None:
    assert len(MIGRATIONS) == SCHEMA_VERSION
    assert [*statements(0, 1), *statements(1)] == [*statements(0)]
    assert [*statements(SCHEMA_VERSION)] == []


def test_of_many_that_open_an_old_store_at_once_one_migrates(bare: Place) -> None:
    of_version(bare, 1)
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: store_at(bare), range(8)))
    for store in stores:
        asyncio.run(store.append("r-1", [Started("x")], lease=None))
        store.close()
    assert len(tables(bare)["events"]) == 10


def test_a_migration_that_fails_changes_nothing(bare: Place) -> None:
    of_version(bare, 1)
    execute(bare, "CREATE TABLE api_keys (somebody TEXT, other TEXT)")
    before = tables(bare)
    with pytest.raises(StoreError, match="can't be opened"):
        store_at(bare)
    assert tables(bare) == before
    assert version_of(bare) == 1


def of_another(place: Place, version: int) -> None:
    """As an earlier version wrote it at `/ready`, and as a newer one would have it."""
    if isinstance(place, Path):
        execute(place, f"PRAGMA user_version = {version}")
    else:
        execute(place, f"UPDATE store_schema SET version = {version}")  # noqa: S608 - a number


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_store_that_an_older_gateway_wrote_its_number_over_is_not_migrated_twice(
    store_path: Path, version: int
) -> None:
    """Until version 19, its `/ready` did, after this one had brought the tables further."""
    of_version(store_path, version)
    store_at(store_path).close()
    before = tables(store_path), execute(store_path, "PRAGMA schema_version")
    of_another(store_path, version)
    with closing(store_at(store_path)) as store:
        asyncio.run(store.check())
    assert (tables(store_path), execute(store_path, "PRAGMA schema_version")) == before
    assert version_of(store_path) == SCHEMA_VERSION


def test_of_many_that_open_it_then_none_migrates(store_path: Path) -> None:
    store_at(store_path).close()
    for version in (17, 18):
        of_another(store_path, version)
        with ThreadPoolExecutor(8) as pool:
            for store in pool.map(lambda _: store_at(store_path), range(8)):
                store.close()
        assert version_of(store_path) == SCHEMA_VERSION


def test_whether_it_can_be_written_is_found_out_without_a_word_on_its_version(bare: Place) -> None:
    with closing(store_at(bare)) as store:
        of_another(bare, SCHEMA_VERSION + 1)
        with pytest.raises(TooNew, match="was written by a newer Toolgate"):
            asyncio.run(store.check())
    assert version_of(bare) == SCHEMA_VERSION + 1


def test_the_number_that_an_older_gateway_has_written_is_no_reason_to_be_unready(store_path: Path) -> None:
    with closing(store_at(store_path)) as store:
        of_another(store_path, 17)
        asyncio.run(store.check())
        assert version_of(store_path) == 17  # it is the next start that mends it


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_store_of_an_earlier_version_that_is_opened_as_it_is_stays_so(bare: Place, version: int) -> None:
    of_version(bare, version)
    before = tables(bare), shape(bare)
    with closing(store_at(bare, as_it_is=True)) as store:
        with pytest.raises(TooOld, match=f"is of version {version}: it is brought to {SCHEMA_VERSION} by the next"):
            asyncio.run(store.check())
        assert [row.title for row in asyncio.run(store.run_rows())] == ["a title"]
    assert (tables(bare), shape(bare)) == before
    assert version_of(bare) == version


def test_none_is_made_for_who_opens_it_as_it_is(bare: Place) -> None:
    if isinstance(bare, Path):
        with pytest.raises(StoreError, match="can't be opened"):
            SqliteStore(bare, as_it_is=True)
        assert not bare.exists()
        bare.parent.mkdir()
        bare.touch()
    with pytest.raises(TooOld, match="is empty: it is made by the next start"):
        store_at(bare, as_it_is=True)
    assert tables(bare) == {}


def test_the_store_of_a_newer_version_is_left_alone(bare: Place) -> None:
    store_at(bare).close()
    of_another(bare, SCHEMA_VERSION + 1)
    before = tables(bare)
    for how in ({}, {"as_it_is": True}):
        with pytest.raises(TooNew, match="was written by a newer Toolgate; update this one"):
            store_at(bare, **how)
    assert tables(bare) == before
