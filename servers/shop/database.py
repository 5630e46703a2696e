"""The shop's file: its tables, and transactions on it. Any number of threads and processes may share it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Literal

from servers.shop.stock import CUSTOMERS, PRODUCTS

__all__ = ["WrongFile", "found", "transaction"]

_VERSION = 1  # of the tables, kept in the file's own `user_version`
_BUSY = 10.0  # seconds that one waits for another's write

# Amounts are whole cents. The CHECKs say again what the ledger decides: a mistake there loses a request, not money.
_TABLES: Final = """
    CREATE TABLE products (
        sku         TEXT    PRIMARY KEY,
        name        TEXT    NOT NULL,
        description TEXT    NOT NULL,
        price       INTEGER NOT NULL CHECK (price > 0),
        stock       INTEGER NOT NULL CHECK (stock >= 0)
    );
    CREATE TABLE customers (
        id    TEXT PRIMARY KEY,
        name  TEXT NOT NULL,
        email TEXT NOT NULL
    );
    CREATE TABLE orders (
        id          TEXT    PRIMARY KEY,
        customer_id TEXT    NOT NULL REFERENCES customers (id),
        sku         TEXT    NOT NULL REFERENCES products (sku),
        quantity    INTEGER NOT NULL CHECK (quantity > 0),
        total       INTEGER NOT NULL,
        refunded    INTEGER NOT NULL CHECK (refunded BETWEEN 0 AND total),
        created_at  TEXT    NOT NULL
    );
    CREATE TABLE refunds (
        order_id   TEXT    NOT NULL REFERENCES orders (id),
        amount     INTEGER NOT NULL CHECK (amount > 0),
        reason     TEXT    NOT NULL,
        created_at TEXT    NOT NULL
    );
    CREATE TABLE answers (
        key     TEXT PRIMARY KEY,
        request TEXT NOT NULL,
        answer  TEXT NOT NULL
    )
"""


class WrongFile(Exception):
    """The file is no shop of this version, or can't be opened."""


@contextmanager
def transaction(file: Path, begin: Literal["BEGIN", "BEGIN IMMEDIATE"]) -> Iterator[sqlite3.Connection]:
    """One transaction on a connection of its own; an exception undoes it. Raises sqlite3.Error.

    `BEGIN IMMEDIATE` takes the write lock before anything is read, so that what was read still holds when it commits.
    """
    with closing(sqlite3.connect(file, timeout=_BUSY, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")  # what was answered for is on the disk
        connection.execute(begin)
        yield connection
        connection.execute("COMMIT")  # an exception jumps over it, and closing undoes


def found(file: Path) -> None:
    """Makes the file and fills it, if it is new; of several who try at once, one does. Raises WrongFile."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with transaction(file, "BEGIN IMMEDIATE") as connection:
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if version == 0 and tables == 0:
                _fill(connection)
            elif version != _VERSION:
                raise WrongFile("it holds something else than this version of the shop; give another file")
    except (OSError, sqlite3.Error) as error:
        raise WrongFile(str(error)) from error


def _fill(connection: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";"):  # executescript would commit
        connection.execute(statement)
    connection.executemany("INSERT INTO products VALUES (?, ?, ?, ?, ?)", PRODUCTS)
    connection.executemany("INSERT INTO customers VALUES (?, ?, ?)", CUSTOMERS)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
