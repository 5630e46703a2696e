"""Our SQL, as PostgreSQL says it."""

import pytest

from gateway.store.migrations import statements
from gateway.store.postgres.dialect import in_words, said, several, statement, tables


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("SELECT a FROM t WHERE b = ? AND c < ?", "SELECT a FROM t WHERE b = %s AND c < %s"),
        ("SELECT user FROM t WHERE user = ?", 'SELECT "user" FROM t WHERE "user" = %s'),
        ("SELECT users, x_user, user_x FROM t", "SELECT users, x_user, user_x FROM t"),
        ("INSERT INTO t (user, a) VALUES (?, ?)", 'INSERT INTO t ("user", a) VALUES (%s, %s)'),
        ("SELECT a FROM t WHERE b LIKE 'x%'", "SELECT a FROM t WHERE b LIKE 'x%%'"),
    ],
)
def test_parameters_are_marked_as_the_driver_wants_it_and_the_word_user_is_a_name(ours: str, theirs: str) -> None:
    assert statement(ours, named=False) == theirs.encode()


def test_named_parameters_keep_their_names() -> None:
    ours = "UPDATE t SET user = :user WHERE id = :id AND CAST(:user AS TEXT) <> 'a:b' AND x::text = ?"
    theirs = """UPDATE t SET "user" = %(user)s WHERE id = %(id)s AND CAST(%(user)s AS TEXT) <> 'a:b' AND x::text = ?"""
    assert statement(ours, named=True) == theirs.encode()


def test_names_are_compared_byte_by_byte_and_numbers_are_wide() -> None:
    ours = "-- What it is.\n\nCREATE TABLE t (\n  user TEXT PRIMARY KEY,\n  at INTEGER NOT NULL\n) WITHOUT ROWID"
    assert tables(ours) == 'CREATE TABLE t (\n  "user" TEXT COLLATE "C" PRIMARY KEY,\n  at BIGINT NOT NULL\n)'
    assert tables("CREATE TABLE t (a TEXT) STRICT, WITHOUT ROWID") == 'CREATE TABLE t (a TEXT COLLATE "C")'


def test_what_is_only_for_sqlite_is_left_out() -> None:
    assert tables("-- SQLite only: rows of old\nUPDATE t SET a = json_array()") is None
    assert tables("-- a comment\n") is None


def test_no_word_of_sqlite_is_left_in_any_migration() -> None:
    said = [made for step in statements(0) if (made := tables(step))]
    assert len(said) > 20
    assert not [made for made in said for word in ("ROWID", "STRICT", "INTEGER", "json_", "iif") if word in made]


def test_one_insert_takes_several_rows() -> None:
    one = "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT (a) DO UPDATE SET b = excluded.b"
    assert several(one, 1) == one
    assert several(one, 3) == one.replace("(?, ?)", "(?, ?), (?, ?), (?, ?)")


def test_rows_stand_in_words_where_their_marks_were() -> None:
    one = "INSERT INTO t (user, a) VALUES (?, ?) ON CONFLICT (user) DO UPDATE SET a = excluded.a"
    told = in_words(one, [("user", 1), ("?", 2)], repr)
    assert told == (
        "INSERT INTO t (\"user\", a) VALUES ('user', 1), ('?', 2) ON CONFLICT (\"user\") DO UPDATE SET a = excluded.a"
    )


def test_a_statement_is_said_with_its_parameters_in_it() -> None:
    assert (
        said("UPDATE t SET user = ?, a = a WHERE b = ?", ("?", 2), repr)
        == "UPDATE t SET \"user\" = '?', a = a WHERE b = 2"
    )
    assert said("DELETE FROM t", (), repr) == "DELETE FROM t"
