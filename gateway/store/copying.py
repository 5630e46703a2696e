"""A store as one file, and a store from such a file: for back-ups, and for moving from SQLite to PostgreSQL or back.

JSON lines: a head with the version of the tables, then for each table a line with its columns and a line for each row,
and at the end how many rows there were: a file that was cut short is found out. What is written is what was there at
one moment, while others go on writing. What is read goes into an empty store, all of it or nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from gateway.errors import StoreError
from gateway.store.ledger import Ledger
from gateway.store.migrations import SCHEMA_VERSION, SQLITE_ONLY, statements
from gateway.store.record import Record

__all__ = ["fill", "write"]

_AT_ONCE = 200  # rows of one statement
_MARK = "toolgate store"
# What a process notes that only looks.
_SEEN = ("sightings", "catalogues", "firings", "policy_processes", "policy_versions")
_NAME = re.compile(r"[a-z][a-z_]*")
_OF_ROWS = re.compile(r"^(?:INSERT|UPDATE) ", re.MULTILINE)


def write(record: Record, out: IO[str]) -> int:
    """Writes everything; says how many rows. Raises StoreError where there are no runs: that is no store."""
    count, tables = 0, record.tables()
    if "runs" not in tables:
        raise StoreError("the tables of the store are not where they are looked for; nothing was written")
    _line(out, {"what": _MARK, "version": record.version()})
    for table, columns in tables.items():
        _line(out, {"table": table, "columns": columns})
        for row in record.rows(table, columns):
            _line(out, row)
            count += 1
    _line(out, {"rows": count})
    return count


def _line(out: IO[str], value: object) -> None:
    out.write(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def fill(db: Ledger, path: Path) -> int:
    """Puts everything that such a file has into an empty store, in a transaction; says how many rows. Raises StoreError
    for a store that is not empty, and for a file that is none, is not whole, or was written by a newer Toolgate.

    What processes have noted of servers, schedules and policies by then is not missed, and does not count. Rows of an
    earlier version come in as they are, and what the steps since then do with rows is done with them.
    """
    for table in ("runs", "api_keys"):
        _check_empty(db, table)
    for table in _SEEN:
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - a constant
    count, insert, width, rows = 0, "", 0, list[Sequence[Any]]()
    lines = _lines(path)
    version = next(lines)
    for line in lines:
        if isinstance(line, list):
            if len(line) != width:
                raise StoreError(f"`{path}` is damaged: a row of {len(line)} values, where there are {width} columns")
            count += 1
            rows.append(line)
        if rows and (len(rows) == _AT_ONCE or isinstance(line, dict)):
            db.write(insert, rows)
            rows = []
        if isinstance(line, dict) and "table" in line:
            insert, width = _insert(db, path, line)
    _bring_on(db, version)
    return count


def _bring_on(db: Ledger, version: int) -> None:
    """What later steps do with rows that were there. Those of SQLite alone are about how rows lie in a file, and about
    answers of the time before there were back-ups.
    """
    for step in statements(version):
        if _OF_ROWS.search(step) and SQLITE_ONLY not in step:
            db.execute(step)


def _check_empty(db: Ledger, table: str) -> None:
    if db.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone():  # noqa: S608 - a name, as `_insert` has seen
        raise StoreError(f"the store is not empty (`{table}` has rows); restore into a new one")


def _insert(db: Ledger, path: Path, line: Mapping[str, Any]) -> tuple[str, int]:
    """The statement for the rows of a table, and how many values one has. The names come from a file: they are names
    and nothing else, or they are refused.
    """
    table, columns = line["table"], line.get("columns")
    if not isinstance(columns, list) or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in columns):
        raise StoreError(f"`{path}` is damaged: `columns` are no names of columns")
    if not isinstance(table, str) or not _NAME.fullmatch(table):
        raise StoreError(f"`{path}` is damaged: `table` is no name of a table")
    _check_empty(db, table)
    named, given = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({named}) VALUES ({given})", len(columns)  # noqa: S608 - names, as was looked


def _lines(path: Path) -> Iterator[Any]:
    """The version of the tables; then what stands behind the head, up to the end that says that it is one."""
    count = 0
    try:
        with path.open(encoding="utf-8") as file:
            head = json.loads(file.readline())
            if not isinstance(head, dict) or head.get("what") != _MARK:
                raise StoreError(f"`{path}` is no back-up of a store")
            if not isinstance(version := head.get("version"), int):
                raise StoreError(f"`{path}` is damaged: its head says no version")
            if version > SCHEMA_VERSION:
                raise StoreError(f"`{path}` was written by a newer Toolgate; update this one")
            yield version
            for text in file:
                line = json.loads(text)
                yield line
                if line == {"rows": count}:
                    return
                count += isinstance(line, list)
    except OSError as error:
        raise StoreError(f"`{path}` can't be read: {error.strerror}") from None
    except ValueError:
        raise StoreError(f"`{path}` is no back-up of a store, or a damaged one") from None
    raise StoreError(f"`{path}` is not whole: it ends after {count} rows")
