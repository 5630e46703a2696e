"""What the transactions of one commit share: each run and account is looked up once for all of them, and what they
write of events and spend is written together at the end. All else goes to the database at once, and finds all of it
there.

A statement costs more than what it does; under load one commit holds dozens of calls, often of one run. Where one
connection makes all the commits, what it looked up stays true from one to the next, until another one has written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.budget import Spend
from gateway.run import Status
from gateway.store.connection import Connection, Cursor

__all__ = ["SELECT_SINCE", "SELECT_TAKEN", "SEQ", "Ledger", "Memory", "Standing", "last_of"]

MOST_REMEMBERED = 10_000  # runs and accounts

SEQ = "(SELECT max(seq) FROM events WHERE run_id = runs.id)"
SELECT_TAKEN = "SELECT unit, used + reserved FROM accounts WHERE account = ?"
SELECT_SINCE = "SELECT unit, sum(used + reserved) FROM accounts WHERE account BETWEEN ? AND ? GROUP BY unit"
_STANDING = f"SELECT status, {SEQ}, owner, epoch, driver FROM runs WHERE id = ?"  # noqa: S608 - a constant
_EVENT = "INSERT INTO events (run_id, seq, at, body) VALUES (?, ?, ?, ?)"
_BOOK = (
    "INSERT INTO accounts (account, unit, used, reserved) VALUES (?, ?, ?, ?) ON CONFLICT (account, unit)"
    " DO UPDATE SET used = accounts.used + excluded.used, reserved = accounts.reserved + excluded.reserved"
)


_NOTE = "INSERT INTO windows (account, over) VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET over = excluded.over"
_OVER = "SELECT account FROM windows WHERE over < ? ORDER BY over LIMIT ?"
_FORGET = ("DELETE FROM accounts WHERE account = ?", "DELETE FROM windows WHERE account = ?")


@dataclass(slots=True)
class Standing:
    """Where a run stands; `seq` is that of its last event."""

    status: Status
    seq: int
    owner: str | None
    epoch: int
    driver: str


class Memory:
    """What was looked up, for as long as nobody else writes: of one connection, for one transaction or for all that
    follow each other. What is not committed is not to be remembered: `clear` it.

    `accounts` has what is spent and reserved by account and unit; `slices` the same of all accounts from one on, by
    what comes before the time in their names.
    """

    def __init__(self) -> None:
        self.runs: dict[str, Standing | None] = {}
        self.accounts: dict[str, dict[str, int]] = {}
        self.slices: dict[str, dict[str, dict[str, int]]] = {}
        self._version: int | None = None

    def clear(self) -> None:
        self.runs.clear()
        self.accounts.clear()
        self.slices.clear()

    def believe(self, version: int) -> None:
        """At the beginning of a transaction: has another connection written since? Then this is another number."""
        if version != self._version or len(self.runs) + len(self.accounts) + len(self.slices) > MOST_REMEMBERED:
            self.clear()
        self._version = version

    def spend(self, account: str) -> Spend | None:
        """What is spent and reserved in an account, if that is known."""
        known: Mapping[str, Any] | None = self.accounts.get(account)
        if known is None:
            return None
        try:
            return Spend(**known)
        except TypeError:  # it has units that no budget has
            return Spend.from_json(known)

    def book(self, account: str, unit: str, change: int) -> None:
        known = self.accounts.get(account)
        if known is not None:
            known[unit] = max(0, known.get(unit, 0) + change)
        if self.slices:
            for first, sums in self.slices.get(_undated(account), _NONE).items():
                if first <= account:
                    sums[unit] = max(0, sums.get(unit, 0) + change)


_NONE: dict[str, dict[str, int]] = {}


def _undated(account: str) -> str:
    return account.rpartition("|")[0]


def last_of(account: str) -> str:
    """What comes after all slices of time of this account, in the order of names."""
    return f"{_undated(account)}|~"


class Ledger:
    """A connection within a transaction. Whoever made it calls `flush` before the commit."""

    def __init__(self, connection: Connection, memory: Memory | None = None) -> None:
        self._connection = connection
        self._memory = memory or Memory()
        self._booked: dict[tuple[str, str], list[int]] = {}
        self._events: list[tuple[str, int, int, str]] = []
        self._noted: dict[str, int] = {}
        self._later: list[tuple[str, Sequence[object]]] = []
        self.wrote = False  # whether there is anything of it in the database that `execute` has not done

    def execute(self, sql: str, parameters: Any = ()) -> Cursor:
        """A statement, after all that was written down here. What was looked up is not believed any more."""
        self.flush()
        self._memory.clear()
        return self._connection.execute(sql, parameters)

    def later(self, sql: str, parameters: Sequence[object]) -> None:
        """A statement of which nobody looks at what comes of it: it goes with all that is written at the end."""
        self._later.append((sql, parameters))
        self._memory.clear()

    def flush(self) -> None:
        """Writes what is not written yet. Raises what the database raises."""
        if self._later:
            told, self._later = self._later, []
            for sql, parameters in told:
                self._connection.executemany(sql, [parameters])
            self._memory.clear()
        if self._events:
            events, self._events = self._events, []
            self.write(_EVENT, events)
        if self._booked:
            booked, self._booked = self._booked, {}
            self.write(_BOOK, [(*key, *amounts) for key, amounts in booked.items()])
        if self._noted:
            noted, self._noted = self._noted, {}
            self.write(_NOTE, list(noted.items()))

    def write(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """An INSERT of these rows, now."""
        self.wrote = True
        self._connection.executemany(sql, rows)

    def run(self, run_id: str) -> Standing | None:
        """Where it stands, with what was written down here. Whoever writes an event of it counts `seq` up."""
        runs = self._memory.runs
        if run_id not in runs:
            if self._events or self._later:
                self.flush()
            row = self._connection.execute(_STANDING, (run_id,)).fetchone()
            runs[run_id] = None if row is None else Standing(row[0], row[1] or 0, *row[2:])
        return runs[run_id]

    def add_event(self, run_id: str, seq: int, at: int, body: str) -> None:
        self._events.append((run_id, seq, at, body))

    def taken(self, account: str) -> Mapping[str, int]:
        """What is spent and reserved in an account, by unit. Never below 0. It changes with what is booked."""
        known = self._memory.accounts.get(account)
        if known is None:
            if self._booked:
                self.flush()
            known = self._amounts(SELECT_TAKEN, account)
            self._memory.accounts[account] = known
        return known

    def taken_since(self, first: str) -> Mapping[str, int]:
        """The same of this account and all slices of time after it, those of clocks that are ahead of ours included."""
        slices = self._memory.slices.setdefault(_undated(first), {})
        known = slices.get(first)
        if known is None:
            if self._booked:
                self.flush()
            known = self._amounts(SELECT_SINCE, first, last_of(first))
            slices.clear()  # of the slices before, nobody asks any more
            slices[first] = known
        return known

    def _amounts(self, sql: str, *accounts: str) -> dict[str, int]:
        """Never below 0: more given back than there was fills nothing up."""
        return {unit: max(0, amount) for unit, amount in self._connection.execute(sql, accounts).fetchall()}

    def book(self, account: str, unit: str, used: int, reserved: int) -> None:
        """Changes both amounts by so much."""
        amounts = self._booked.setdefault((account, unit), [0, 0])
        amounts[0] += used
        amounts[1] += reserved
        self._memory.book(account, unit, used + reserved)

    def note(self, account: str, over: int) -> None:
        """After this moment nobody asks for the account."""
        self._noted[account] = over

    def over(self, moment: int, most: int) -> Sequence[str]:
        """Accounts for which nobody has asked since before this moment, as they were noted: so many of the oldest."""
        return [name for (name,) in self._connection.execute(_OVER, (moment, most)) if name not in self._noted]

    def forget(self, accounts: Sequence[str]) -> None:
        """As if nothing had ever been booked in them."""
        self.flush()
        for statement in _FORGET if accounts else ():
            self.write(statement, [(account,) for account in accounts])
        for account in accounts:
            self._memory.accounts.pop(account, None)
