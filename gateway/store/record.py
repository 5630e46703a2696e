"""What was recorded, read from end to end: for those who ask something about all calls of last week.

A connection of its own that can't write, and reads row by row: memory does not grow with the record. Of long events
only what a decision rests on is read: not what models said and servers answered.
"""

import contextlib
import hashlib
import json
import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from gateway.errors import StoreError
from gateway.store.connection import Connection
from gateway.store.lease import process_of
from gateway.store.ledger import Ledger
from gateway.store.versions import version_of

__all__ = ["LONG", "Asked", "Period", "Record", "note", "opened", "shortened"]

LONG = 2_000  # characters of an event, from which on what is not wanted is taken out
_KEPT = 64  # catalogues, and processes, that are remembered while reading

_RUNS = (
    "SELECT id FROM runs WHERE created < :until AND (CAST(:user AS TEXT) IS NULL OR user = :user)"
    " AND (SELECT at FROM events WHERE run_id = runs.id ORDER BY seq DESC LIMIT 1) >= :since ORDER BY created, id"
)
_EVENTS = f"""
SELECT at, CASE
    WHEN length(body) < {LONG} THEN body
    WHEN body LIKE '{{"event":"returned"%'
        THEN json_set(body, '$.outcome', json_object('kind', json_extract(body, '$.outcome.kind')))
    WHEN body LIKE '{{"event":"model_answered"%' THEN json_remove(body, '$.message')
    ELSE body END
FROM events WHERE run_id = ? ORDER BY seq
"""  # noqa: S608 - a constant
_APPROVAL = "SELECT arguments, pin, policy, state, decided_by FROM approvals WHERE id = ?"
_HAS_SIGHTINGS = "SELECT 1 FROM sqlite_schema WHERE name = 'sightings'"
_SIGHTINGS = "SELECT at, catalogue FROM sightings WHERE process = ? ORDER BY at"
_SIGHTED = (
    "INSERT INTO sightings (process, at, catalogue) VALUES (?, ?, ?)"
    " ON CONFLICT (process, at) DO UPDATE SET catalogue = excluded.catalogue"
)
_NOTED = 50_000  # sightings that are kept: 6 MB; one is written by each process that starts, and when servers change
_SLACK = 5_000  # that may be more before the oldest go, so that it is not looked for again and again
_OLDEST = "DELETE FROM sightings WHERE at <= (SELECT at FROM sightings ORDER BY at DESC LIMIT 1 OFFSET ?)"
_UNSEEN = "DELETE FROM catalogues WHERE id NOT IN (SELECT catalogue FROM sightings)"
_CATALOGUE = "SELECT body FROM catalogues WHERE id = ?"


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` until before `until`, in milliseconds since 1970. `user` leaves out the runs of all others."""

    since: int = 0
    until: int = 2**62
    user: str | None = None


class Asked(NamedTuple):
    """What an approval says of the call that it is about, and who answered what. `policy` is the digest of the one
    that asked.
    """

    arguments: str
    pin: str
    policy: str
    state: str
    decided_by: str | None


@contextlib.contextmanager
def opened(path: Path) -> Iterator["Record"]:
    """Raises StoreError for a file that is none."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")  # all that is read is of one moment
            yield Record(connection)
    except sqlite3.Error as error:
        raise StoreError(f"the store `{path}` can't be read: {error}") from None


class Record:
    """Everything comes in the order in which it happened; runs in that in which they began."""

    _COLUMNS = (
        "SELECT s.name, c.name FROM sqlite_schema AS s, pragma_table_info(s.name) AS c"
        " WHERE s.type = 'table' AND s.name NOT LIKE 'sqlite_%' ORDER BY s.name, c.cid"
    )

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._has_sightings = self._notes_sightings()
        self._sightings = lru_cache(_KEPT)(self._sightings_of)
        self._catalogue = lru_cache(_KEPT)(self._catalogue_of)

    def runs(self, period: Period) -> Iterator[str]:
        """The ids of the runs in which something happened then."""
        wanted = {"since": period.since, "until": period.until, "user": period.user}
        for (run_id,) in self._each(_RUNS, wanted):
            yield run_id

    def events(self, run_id: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """All events of a run as `(at, JSON)`, from its first: what a call met is the sum of what was before it."""
        for at, body in self._each(_EVENTS, (run_id,)):
            yield at, json.loads(body)

    def asked(self, approval_id: str) -> Asked | None:
        row = self._connection.execute(_APPROVAL, (approval_id,)).fetchone()
        return None if row is None else Asked(*row)

    def answer(self, approval_id: str) -> tuple[str, str | None]:
        """The state of an approval, and who decided it."""
        asked = self.asked(approval_id)
        return (asked.state, asked.decided_by) if asked else ("", None)

    def seen(self, worker: str, at: int) -> Mapping[str, Any] | None:
        """The catalogue that this worker's process had then; None if it wrote down none."""
        times, catalogues = self._sightings(process_of(worker))
        place = bisect_right(times, at)
        return self._catalogue(catalogues[place - 1]) if place else None

    def _notes_sightings(self) -> bool:
        return bool(self._connection.execute(_HAS_SIGHTINGS).fetchone())  # an older Toolgate wrote none

    def _each(self, sql: str, parameters: Any) -> Iterator[Any]:
        """Rows, of which only some are here at a time."""
        return iter(self._connection.execute(sql, parameters))

    def version(self) -> int:
        """Which version its tables are of."""
        return version_of(self._connection)

    def tables(self) -> Mapping[str, Sequence[str]]:
        """All tables with their columns."""
        found: dict[str, list[str]] = {}
        for table, column in self._connection.execute(self._COLUMNS).fetchall():
            found.setdefault(table, []).append(column)
        return found

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Sequence[Any]]:
        """All rows of a table, in the order of its columns. `tables` says what there is."""
        names = ", ".join(f'"{name}"' for name in columns)
        return self._each(f"SELECT {names} FROM {table}", ())  # noqa: S608 - names of the database's own

    def _sightings_of(self, process: str) -> tuple[list[int], list[str]]:
        rows = self._connection.execute(_SIGHTINGS, (process,)).fetchall() if self._has_sightings else []
        return [at for at, _ in rows], [catalogue for _, catalogue in rows]

    def _catalogue_of(self, catalogue: str) -> Mapping[str, Any] | None:
        row = self._connection.execute(_CATALOGUE, (catalogue,)).fetchone()
        return None if row is None else json.loads(row[0])


def shortened(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """A long event without what models said and servers answered, as `_EVENTS` has it."""
    if event["event"] == "returned":
        return {**event, "outcome": {"kind": event["outcome"].get("kind")}}
    return {name: item for name, item in event.items() if name != "message" or event["event"] != "model_answered"}


def note(db: Ledger, process: str, at: int, catalogue: Mapping[str, Any]) -> None:
    """Writes down what a process sees from now on, and forgets the oldest of very many. In a transaction."""
    body = json.dumps(catalogue, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    name = hashlib.sha256(body.encode()).hexdigest()
    db.execute("INSERT INTO catalogues (id, body) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, body))
    db.execute(_SIGHTED, (process, at, name))
    if db.execute("SELECT count(*) FROM sightings").fetchone()[0] > _NOTED + _SLACK:
        db.execute(_OLDEST, (_NOTED,))
        db.execute(_UNSEEN)
