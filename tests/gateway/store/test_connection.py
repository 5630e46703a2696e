"""What a transaction needs of a database."""

import contextlib
import sqlite3

from gateway.store.connection import Connection


def test_a_connection_of_sqlite_is_one_as_it_is() -> None:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        connection: Connection = opened
        connection.execute("CREATE TABLE t (a)")
        connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        assert [*connection.execute("SELECT a FROM t WHERE a < :most", {"most": 9})] == [(1,), (2,)]
        assert connection.execute("DELETE FROM t").rowcount == 2
