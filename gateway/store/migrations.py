"""The tables of a store, as steps that add and take nothing away: each database takes those that it has not taken yet,
in one transaction, when it is opened.

A list of SQL files and a number in the database, instead of Alembic: there is one line of versions and no branches,
nothing is generated from models (there are none), and Alembic would bring SQLAlchemy and Mako, half a second of
imports, for a loop of three lines. What has been released is never edited; a test holds that each version leads to the
same tables as a new store has.

The files are written for SQLite; `postgres.dialect` says the same to PostgreSQL. A statement after the comment line
`-- SQLite only:` is not for PostgreSQL: it mends rows that were written before there was a store on PostgreSQL.
"""

from collections.abc import Iterator
from pathlib import Path

from gateway.errors import TooNew, TooOld

__all__ = ["MIGRATIONS", "SCHEMA_VERSION", "SQLITE_ONLY", "check_version", "statements"]

# The file at place n leads from version n to n + 1.
MIGRATIONS: tuple[str, ...] = (
    "schema.sql",
    "keys.sql",
    "actions.sql",
    "tasks.sql",
    "once.sql",
    "policies.sql",
    "sightings.sql",
    "approvals.sql",
    "lasting.sql",
    "windows.sql",
    "outbox.sql",
    "reasons.sql",
    "jobs.sql",
    "listed.sql",
    "sessions.sql",
    "removed.sql",
    "firings.sql",
    "unsettled.sql",
    "appended.sql",
)
SCHEMA_VERSION = len(MIGRATIONS)
SQLITE_ONLY = "-- SQLite only:"


def statements(version: int, until: int = SCHEMA_VERSION) -> Iterator[str]:
    """What leads from this version to that one."""
    for name in MIGRATIONS[version:until]:
        text = (Path(__file__).parent / name).read_text(encoding="utf-8")
        yield from (statement for part in text.split(";\n") if (statement := part.strip()))


def check_version(version: int, place: str, *, least: int = SCHEMA_VERSION) -> None:
    """Raises TooNew for a store of a newer version than ours, and TooOld for one of an older version than `least`."""
    if version > SCHEMA_VERSION:
        raise TooNew(place)
    if version < least:
        raise TooOld(place, version, SCHEMA_VERSION)
