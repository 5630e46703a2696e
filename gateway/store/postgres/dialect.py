"""Our SQL as PostgreSQL says it. Pure.

Names are compared byte by byte, as SQLite does (`COLLATE "C"`): ids are looked up by how they begin, and slices of time
are added up from one name to another. `user` is a function in PostgreSQL unless it is quoted.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from gateway.store.migrations import SQLITE_ONLY

__all__ = ["in_words", "said", "several", "statement", "tables"]

_USER = re.compile(r"(?<!%\()(?<![\w\"'])user(?![\w\"'])")
_NAMED = re.compile(r"(?<![\w:]):(\w+)")
_VALUES = re.compile(r"VALUES (\([^()]*\))")
_COMMENT = re.compile(r"^--.*\n?", re.MULTILINE)


@lru_cache(1024)
def statement(sql: str, *, named: bool) -> bytes:
    """A statement whose parameters are marked `?`, or `:name`, as psycopg takes it."""
    text = sql.replace("%", "%%")
    text = _NAMED.sub(r"%(\1)s", text) if named else text.replace("?", "%s")
    return _USER.sub('"user"', text).encode()


def several(sql: str, rows: int) -> str:
    """An INSERT of one row as one of so many."""
    return _VALUES.sub(lambda found: f"VALUES {', '.join([found[1]] * rows)}", sql, count=1)


def said(sql: str, row: Sequence[object], literal: Callable[[object], str]) -> str:
    """A statement with its parameters in it, each value as a `literal`."""
    parts = _between(sql)
    return "".join(part + literal(value) for part, value in zip(parts, row, strict=False)) + parts[-1]


@lru_cache(64)
def _between(sql: str) -> Sequence[str]:
    return _USER.sub('"user"', sql).split("?")


def in_words(sql: str, rows: Sequence[Sequence[object]], literal: Callable[[object], str]) -> str:
    """The same with the rows themselves, each value as a `literal`."""
    before, after = _around(sql)
    told = [f"({', '.join(map(literal, row))})" for row in rows]
    return f"{before}{', '.join(told)}{after}"


@lru_cache(64)
def _around(sql: str) -> tuple[str, str]:
    before, _, after = _VALUES.sub("VALUES \0", _USER.sub('"user"', sql), count=1).partition("\0")
    return before, after


def tables(sql: str) -> str | None:
    """A statement of a migration; None for one that is not for PostgreSQL."""
    if SQLITE_ONLY in sql:
        return None
    text = _COMMENT.sub("", sql)
    for pattern, said in (
        (r"\)( STRICT,)? WITHOUT ROWID\s*$", ")"),
        (r"\bINTEGER\b", "BIGINT"),
        (r"\bTEXT\b", 'TEXT COLLATE "C"'),
    ):
        text = re.sub(pattern, said, text)
    return _USER.sub('"user"', text).strip() or None
