"""Which version a SQLite file is of, whatever older programs have written in its head."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from gateway.store.migrations import MIGRATIONS, SCHEMA_VERSION, statements
from gateway.store.versions import is_settled, note, version_of


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        yield opened


def make(db: sqlite3.Connection, version: int, says: int) -> None:
    for step in statements(0, version):
        db.execute(step)
    db.execute(f"PRAGMA user_version = {says}")


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION + 1), ids=MIGRATIONS)
def test_each_step_leaves_something_by_which_it_is_known(db: sqlite3.Connection, version: int) -> None:
    make(db, version, 0)
    assert version_of(db) == version


@pytest.mark.parametrize("says", range(SCHEMA_VERSION))
def test_an_older_number_in_the_head_changes_nothing(db: sqlite3.Connection, says: int) -> None:
    make(db, SCHEMA_VERSION, says)
    assert (version_of(db), is_settled(db)) == (SCHEMA_VERSION, False)
    note(db)
    assert (version_of(db), is_settled(db)) == (SCHEMA_VERSION, True)


def test_a_newer_version_is_known_by_its_note_also_when_the_head_has_our_number(db: sqlite3.Connection) -> None:
    make(db, SCHEMA_VERSION, SCHEMA_VERSION)
    note(db)
    (noted,) = db.execute("PRAGMA application_id").fetchone()
    db.execute(f"PRAGMA application_id = {noted + 1}")
    assert (version_of(db), is_settled(db)) == (SCHEMA_VERSION + 1, False)


@pytest.mark.parametrize("number", [1, -1, 0x0F05_5112, 0x7FFF_FFFF])
def test_the_number_of_another_program_says_nothing(db: sqlite3.Connection, number: int) -> None:
    make(db, 3, 3)
    db.execute(f"PRAGMA application_id = {number}")
    assert version_of(db) == 3


def test_a_table_that_has_but_the_name_of_ours_is_not_taken_for_it(db: sqlite3.Connection) -> None:
    make(db, 1, 1)
    db.execute("CREATE TABLE api_keys (somebody TEXT)")
    assert version_of(db) == 1


def test_an_empty_file_is_of_no_version(db: sqlite3.Connection) -> None:
    assert version_of(db) == 0
