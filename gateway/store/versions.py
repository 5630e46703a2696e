"""Which version the tables of a SQLite file are of, whatever is written in its head.

`PRAGMA user_version` alone does not say it: up to version 19, a gateway that was asked at `/ready` wrote its own number
there, also over that of a newer Toolgate which had brought the tables further meanwhile. So the number is noted where
those never write (`PRAGMA application_id`) as well; and a file without such a note is known by what stands in it.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

from gateway.store.connection import Cursor
from gateway.store.migrations import SCHEMA_VERSION, statements

__all__ = ["is_settled", "note", "version_of"]

_OURS = 0x5467_0000  # "Tg", and the version behind it
_MAKES = re.compile(r"(?ms)^(?:CREATE TABLE|CREATE(?: UNIQUE)? INDEX) (\w+)|^ALTER TABLE (\w+) ADD COLUMN (.+)")


class Asked(Protocol):
    """A connection, or a transaction."""

    def execute(self, sql: str, parameters: Any = ..., /) -> Cursor: ...


def version_of(db: Asked) -> int:
    """0 for an empty file. The highest of what is said: nothing ever leads back."""
    said, noted = _said(db), _noted(db)
    return max(said, noted) if noted or said >= SCHEMA_VERSION else max(said, _known_by_its_tables(db))


def is_settled(db: Asked) -> bool:
    """Whether it is of our version, and says so: there is nothing to do."""
    return _said(db) == SCHEMA_VERSION and _noted(db) <= SCHEMA_VERSION


def note(db: Asked) -> None:
    """Writes down that it is of our version. In the transaction that has brought it there."""
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    db.execute(f"PRAGMA application_id = {_OURS + SCHEMA_VERSION}")


def _said(db: Asked) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _noted(db: Asked) -> int:
    """0 where nothing was: another program's number says nothing about versions."""
    number = int(db.execute("PRAGMA application_id").fetchone()[0]) - _OURS
    return number if 0 < number <= 0xFFFF else 0


def _known_by_its_tables(db: Asked) -> int:
    there = dict(db.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall())
    taken = [version for version, (name, words) in enumerate(_marks(), 1) if words in there.get(name, "")]
    return max(taken, default=0)


@cache
def _marks() -> Sequence[tuple[str, str]]:
    """The last thing that each step makes: the name under which SQLite keeps it, and the words that it keeps."""
    return [
        [_mark(found) for step in statements(version, version + 1) if (found := _MAKES.search(step))][-1]
        for version in range(SCHEMA_VERSION)
    ]


def _mark(found: "re.Match[str]") -> tuple[str, str]:
    table, altered, column = found.groups()
    return (altered, column) if altered else (table, found.string[found.start() :])
