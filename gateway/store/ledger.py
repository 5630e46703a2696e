"""What the transactions of one commit share: each run and account is looked up once for all of them, and what they
write of events and spend is written together at the end. All else goes to SQLite at once, and finds everything there.

A statement costs more than what it does; under load one commit holds dozens of calls, often of one run.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.budget import Spend
from gateway.run import Status

__all__ = ["SELECT_TAKEN", "SEQ", "Ledger", "Standing"]

SEQ = "(SELECT max(seq) FROM events WHERE run_id = runs.id)"
SELECT_TAKEN = "SELECT unit, used + reserved FROM accounts WHERE account = ?"
_STANDING = f"SELECT status, {SEQ}, owner, epoch FROM runs WHERE id = ?"  # noqa: S608 - a constant
_EVENT = "INSERT INTO events (run_id, seq, at, body) VALUES (?, ?, ?, ?)"
_BOOK = (
    "INSERT INTO accounts (account, unit, used, reserved) VALUES (?, ?, ?, ?) ON CONFLICT (account, unit)"
    " DO UPDATE SET used = used + excluded.used, reserved = reserved + excluded.reserved"
)


@dataclass(slots=True)
class Standing:
    """Where a run stands; `seq` is that of its last event."""

    status: Status
    seq: int
    owner: str | None
    epoch: int


class Ledger:
    """A connection within a transaction. Whoever made it calls `flush` before the commit."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._runs: dict[str, Standing | None] = {}
        self._taken: dict[str, dict[str, int]] = {}
        self._booked: dict[tuple[str, str], list[int]] = {}
        self._events: list[tuple[str, int, int, str]] = []

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """A statement, after all that was written down here. What was looked up is not believed any more."""
        self.flush()
        self._runs.clear()
        self._taken.clear()
        return self._connection.execute(sql, parameters)

    def flush(self) -> None:
        """Writes what is not written yet. Raises what SQLite raises."""
        if self._events:
            events, self._events = self._events, []
            self._write(_EVENT, events)
        if self._booked:
            booked, self._booked = self._booked, {}
            self._write(_BOOK, [(*key, *amounts) for key, amounts in booked.items()])

    def _write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        if len(rows) == 1:
            self._connection.execute(sql, rows[0])
        else:
            self._connection.executemany(sql, rows)

    def run(self, run_id: str) -> Standing | None:
        """Where it stands, with what was written down here. Whoever writes an event of it counts `seq` up."""
        if run_id not in self._runs:
            self._flush_events()
            row = self._connection.execute(_STANDING, (run_id,)).fetchone()
            self._runs[run_id] = None if row is None else Standing(row[0], row[1] or 0, row[2], row[3])
        return self._runs[run_id]

    def _flush_events(self) -> None:
        if self._events:
            self.flush()

    def add_event(self, run_id: str, seq: int, at: int, body: str) -> None:
        self._events.append((run_id, seq, at, body))

    def taken(self, account: str) -> Spend:
        """What is spent and reserved in an account."""
        if account not in self._taken:
            if self._booked:
                self.flush()
            self._taken[account] = dict(self._connection.execute(SELECT_TAKEN, (account,)).fetchall())
        return Spend.from_json(self._taken[account])

    def book(self, account: str, unit: str, used: int, reserved: int) -> None:
        """Changes both amounts by so much."""
        amounts = self._booked.setdefault((account, unit), [0, 0])
        amounts[0] += used
        amounts[1] += reserved
        if (known := self._taken.get(account)) is not None and used + reserved:
            known[unit] = max(0, known.get(unit, 0) + used + reserved)  # as `Spend.from_json` would read it
