"""What the transactions of one commit share: each run and account is looked up once for all of them, and what they
write of events and spend is written together at the end. All else goes to SQLite at once, and finds everything there.

A statement costs more than what it does; under load one commit holds dozens of calls, often of one run. Where one
connection makes all the commits, what it looked up stays true from one to the next, until another one has written.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.budget import Spend
from gateway.run import Status

__all__ = ["SELECT_SINCE", "SELECT_TAKEN", "SEQ", "Ledger", "Memory", "Standing"]

MOST_REMEMBERED = 10_000  # runs and accounts

SEQ = "(SELECT max(seq) FROM events WHERE run_id = runs.id)"
SELECT_TAKEN = "SELECT unit, used + reserved FROM accounts WHERE account = ?"
SELECT_SINCE = "SELECT unit, sum(used + reserved) FROM accounts WHERE account BETWEEN ? AND ? GROUP BY unit"
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


class Memory:
    """What was looked up, for as long as nobody else writes: of one connection, for one transaction or for all that
    follow each other. What is not committed is not to be remembered: `clear` it.
    """

    def __init__(self) -> None:
        self.runs: dict[str, Standing | None] = {}
        self.accounts: dict[str, dict[str, int]] = {}
        self._spends: dict[str, Spend] = {}
        self._version: int | None = None

    def clear(self) -> None:
        self.runs.clear()
        self.accounts.clear()
        self._spends.clear()

    def check(self, connection: sqlite3.Connection) -> None:
        """At the beginning of a transaction: has another connection written since? SQLite counts their commits."""
        version: int = connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version or len(self.runs) + len(self.accounts) > MOST_REMEMBERED:
            self.clear()
        self._version = version

    def spend(self, account: str) -> Spend | None:
        """What is spent and reserved in an account, if that is known."""
        if account not in self._spends and account in self.accounts:
            self._spends[account] = Spend.from_json(self.accounts[account])
        return self._spends.get(account)

    def book(self, account: str, unit: str, change: int) -> None:
        if change and (known := self.accounts.get(account)) is not None:
            known[unit] = max(0, known.get(unit, 0) + change)  # as `Spend.from_json` would read it
            self._spends.pop(account, None)


class Ledger:
    """A connection within a transaction. Whoever made it calls `flush` before the commit."""

    def __init__(self, connection: sqlite3.Connection, memory: Memory | None = None) -> None:
        self._connection = connection
        self._memory = memory or Memory()
        self._booked: dict[tuple[str, str], list[int]] = {}
        self._events: list[tuple[str, int, int, str]] = []

    def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
        """A statement, after all that was written down here. What was looked up is not believed any more."""
        self.flush()
        self._memory.clear()
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
        runs = self._memory.runs
        if run_id not in runs:
            self._flush_events()
            row = self._connection.execute(_STANDING, (run_id,)).fetchone()
            runs[run_id] = None if row is None else Standing(row[0], row[1] or 0, row[2], row[3])
        return runs[run_id]

    def _flush_events(self) -> None:
        if self._events:
            self.flush()

    def add_event(self, run_id: str, seq: int, at: int, body: str) -> None:
        self._events.append((run_id, seq, at, body))

    def taken(self, account: str) -> Spend:
        """What is spent and reserved in an account."""
        known = self._memory.spend(account)
        if known is None:
            if self._booked:
                self.flush()
            self._memory.accounts[account] = dict(self._connection.execute(SELECT_TAKEN, (account,)).fetchall())
            known = self._memory.spend(account)
        return known or Spend()

    def amount(self, account: str, unit: str) -> int:
        """The same of any unit, also of one that is none of a budget."""
        self.taken(account)
        return self._memory.accounts[account].get(unit, 0)

    def is_new(self, account: str) -> bool:
        """Whether nothing was ever booked in it."""
        self.taken(account)
        return not self._memory.accounts[account]

    def taken_since(self, first: str, account: str) -> Spend:
        """The same of all accounts from `first` to this one."""
        if self._booked:
            self.flush()
        return Spend.from_json(dict(self._connection.execute(SELECT_SINCE, (first, account)).fetchall()))

    def book(self, account: str, unit: str, used: int, reserved: int) -> None:
        """Changes both amounts by so much."""
        amounts = self._booked.setdefault((account, unit), [0, 0])
        amounts[0] += used
        amounts[1] += reserved
        self._memory.book(account, unit, used + reserved)
