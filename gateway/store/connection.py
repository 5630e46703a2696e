"""What a transaction needs of a database: somebody who executes SQL. `sqlite3.Connection` is one as it is."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

__all__ = ["Connection", "Cursor"]


class Cursor(Protocol):
    """What came of a statement. Rows are tuples; `rowcount` is how many were written."""

    @property
    def rowcount(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...


class Connection(Protocol):
    """SQL with `?` and a sequence of parameters, or with `:name` and a mapping."""

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor: ...

    def executemany(self, sql: str, rows: Sequence[Any], /) -> object: ...
