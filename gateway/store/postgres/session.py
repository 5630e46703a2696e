"""One connection. It commits each statement by itself, unless somebody begins a transaction."""

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.conninfo import make_conninfo
from psycopg.errors import error_from_result
from psycopg.postgres import types
from psycopg.pq import Escaping, ExecStatus
from psycopg.types.numeric import IntLoader

from gateway.errors import StoreError
from gateway.store.connection import Cursor
from gateway.store.postgres.address import Address
from gateway.store.postgres.dialect import in_words, said, several, statement

__all__ = ["BUSY_SECONDS", "Session"]

BUSY_SECONDS = 10  # who waits longer for others, or leaves others waiting longer, is given up

_FINE = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})
_NUMBERS = itertools.count()  # of cursors: each has a name of its own

# A process that freezes within a transaction, or is cut off from the server, holds nobody up for longer than this.
_SETTINGS = f"""
SET lock_timeout = '{BUSY_SECONDS}s'; SET idle_in_transaction_session_timeout = '{BUSY_SECONDS}s';
SET statement_timeout = '30s'; SET client_min_messages = error; SET client_encoding = 'UTF8';
SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'
"""
# The first schema of the path that has a store is the path from here on: so `current_schema()` is where its tables are
# for every role, and not a schema of the role's own (`"$user"`) that stands before it.
_AT_HOME = """
SELECT set_config('search_path', quote_ident(nspname), false) FROM pg_class
JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE pg_class.oid = to_regclass('store_schema')
"""


class _Bit(Dumper):
    """What is true or false in Python is 1 or 0 in our tables."""

    oid = types["int4"].oid

    def dump(self, obj: bool) -> bytes:
        return b"1" if obj else b"0"


class Session:
    """A `gateway.store.connection.Connection`. Raises what psycopg raises."""

    def __init__(self, address: Address) -> None:
        """Raises StoreError for a server that can't be used."""
        try:
            self._db = psycopg.connect(make_conninfo(address.url, **address.options), autocommit=True)
        except (psycopg.Error, UnicodeError, ValueError) as error:
            raise StoreError(f"the store `{address.shown}` can't be opened: {address.explained(error)}") from None
        encoding = self._db.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            self._db.close()
            raise StoreError(f"the store `{address.shown}` can't be opened: it keeps text as {encoding}, not as UTF8")
        self._db.adapters.register_dumper(bool, _Bit)
        self._db.adapters.register_loader("numeric", IntLoader)  # sums of whole numbers
        self.script(f"{_SETTINGS};{_AT_HOME}")
        self._gathered: list[str] | None = None
        self._escaping = Escaping(self._db.pgconn)

    def settle(self) -> None:
        """Looks again where the tables are: somebody may have made them."""
        self.script(_AT_HOME)

    @property
    def lost(self) -> bool:
        """Whether there is no way back to the server on this connection."""
        return self._db.closed

    def execute(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = (), /) -> Cursor:
        return self._db.execute(statement(sql, named=isinstance(parameters, Mapping)), parameters)

    def executemany(self, sql: str, rows: Sequence[Any], /) -> None:
        """An INSERT as one statement with all rows: the driver would make as many of it as there are rows."""
        plain = sql.startswith("INSERT") and "SELECT" not in sql
        if not plain and self._gathered is not None:
            self._gathered += [said(sql, row, self._literal) for row in rows]
            return
        if not plain:
            with self._db.cursor() as cursor:
                cursor.executemany(statement(sql, named=False), rows)
            return
        if self._gathered is not None:
            self._gathered.append(in_words(sql, rows, self._literal))
            return
        parameters = [item for row in rows for item in row]
        self._db.execute(statement(several(sql, len(rows)), named=False), parameters)

    def message(self, sql: str) -> Sequence[str]:
        """Several statements in one message, in PostgreSQL's words: the first row of the last one, as texts.

        It goes straight to the server: what the driver does for any statement of any program costs ten times as much.
        """
        if self.lost:
            raise psycopg.OperationalError("the connection is closed")
        result = self._db.pgconn.exec_(sql.encode())
        if result.status not in _FINE:
            error = error_from_result(result, encoding="utf-8")
            raise psycopg.OperationalError(str(error)) if self._db.closed else error
        row = [result.get_value(0, column) for column in range(result.nfields if result.ntuples else 0)]
        return [(value or b"").decode() for value in row]

    @contextlib.contextmanager
    def together(self, last: str) -> Iterator[None]:
        """What `executemany` is given within goes to the server in one message, with the `last` words."""
        self._gathered = []
        try:
            yield
            self.message(";".join([*self._gathered, last]))
        finally:
            self._gathered = None

    def _literal(self, value: object) -> str:
        """As it is written in a statement. Raises what psycopg would for what can't be kept."""
        match value:
            case None:
                return "NULL"
            case int():
                return str(int(value))  # a bool is 1 or 0 in our tables
            case str() if "\0" not in value:
                return self._escaping.escape_literal(value.encode()).decode()
        raise psycopg.DataError("text in PostgreSQL has no NUL")

    def each(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Iterator[Any]:
        """Rows, of which only some are here at a time. Within a transaction."""
        with self._db.cursor(name=f"each_{next(_NUMBERS)}") as cursor:
            yield from cursor.execute(statement(sql, named=isinstance(parameters, Mapping)), parameters)

    def script(self, sql: str) -> list[Any]:
        """Several statements in one message, in PostgreSQL's words; the rows of the last one that has any."""
        cursor, rows = self._db.execute(sql.encode()), list[Any]()
        while True:
            rows = cursor.fetchall() if cursor.description else rows
            if not cursor.nextset():
                return rows

    def close(self) -> None:
        with contextlib.suppress(psycopg.Error):
            self._db.close()
