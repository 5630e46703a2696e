"""The record in PostgreSQL, read from end to end: in one transaction that can't write, and sees what was there when it
began. Rows are fetched some at a time; what is long is left out here, not by the server.
"""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg

from gateway.errors import StoreError
from gateway.store.postgres.address import address
from gateway.store.postgres.session import Session
from gateway.store.record import LONG, Record, shortened

__all__ = ["opened"]


@contextlib.contextmanager
def opened(url: str) -> Iterator[Record]:
    """Raises StoreError for a database that is no store."""
    place = address(url)
    with contextlib.closing(Session(place)) as session:
        try:
            session.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0")
            session.script("SET idle_in_transaction_session_timeout = 0; SELECT 1 FROM runs LIMIT 1")
            yield _PostgresRecord(session)
        except psycopg.Error as error:
            raise StoreError(f"the store `{place.shown}` can't be read: {place.explained(error)}") from None


class _PostgresRecord(Record):
    _COLUMNS = (
        "SELECT relname, attname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
        " JOIN pg_attribute ON attrelid = pg_class.oid WHERE nspname = current_schema() AND relkind IN ('r', 'p')"
        " AND attnum > 0 AND NOT attisdropped AND relname NOT LIKE 'store_%' ORDER BY relname, attnum"
    )

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session

    def _notes_sightings(self) -> bool:
        return True

    def version(self) -> int:
        return int(self._connection.execute("SELECT version FROM store_schema").fetchone()[0])

    def _each(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> Iterator[Any]:
        return self._session.each(sql, parameters)

    def events(self, run_id: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        for at, body in self._each("SELECT at, body FROM events WHERE run_id = ? ORDER BY seq", (run_id,)):
            told = json.loads(body)
            yield at, shortened(told) if len(body) >= LONG else told
