import sqlite3
import threading
from contextlib import closing, suppress
from pathlib import Path

import pytest

from servers.shop.database import WrongFile, found, transaction


def _count(file: Path, table: str) -> int:
    with transaction(file, "BEGIN") as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - the test's own


def test_of_many_who_make_the_file_at_once_one_fills_it(tmp_path: Path) -> None:
    file, gate, failed = tmp_path / "new" / "shop.db", threading.Barrier(4), []

    def make() -> None:
        gate.wait(timeout=30)
        try:
            found(file)
        except WrongFile as error:
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not failed
    assert (_count(file, "products"), _count(file, "customers")) == (12, 3)


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    found(tmp_path / "shop.db")
    with transaction(tmp_path / "shop.db", "BEGIN IMMEDIATE") as connection:
        connection.execute("DELETE FROM products WHERE sku <> 'OIL-CHAIN'")
    found(tmp_path / "shop.db")
    assert _count(tmp_path / "shop.db", "products") == 1


def test_an_exception_undoes_the_transaction(tmp_path: Path) -> None:
    found(tmp_path / "shop.db")
    with suppress(RuntimeError), transaction(tmp_path / "shop.db", "BEGIN IMMEDIATE") as connection:
        connection.execute("DELETE FROM products")
        raise RuntimeError
    assert _count(tmp_path / "shop.db", "products") == 12


def _text(file: Path) -> None:
    file.write_text("this is not a database, however long one looks at it" * 100)


def _other_database(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE mine (x)")


def _later_version(file: Path) -> None:
    found(file)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 2")


@pytest.mark.parametrize("make", [_text, _other_database, _later_version, Path.mkdir])
def test_a_file_that_is_no_shop_is_refused_and_left_alone(tmp_path: Path, make: object) -> None:
    file = tmp_path / "shop.db"
    assert callable(make)
    make(file)
    before = file.read_bytes() if file.is_file() else None
    with pytest.raises(WrongFile):
        found(file)
    assert (file.read_bytes() if file.is_file() else None) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE products SET stock = -1",
        "UPDATE orders SET refunded = total + 1",
        "INSERT INTO orders VALUES ('O-2', 'C-9', 'OIL-CHAIN', 1, 850, 0, '')",
    ],
)
def test_the_tables_refuse_what_the_ledger_must_never_do(tmp_path: Path, statement: str) -> None:
    found(tmp_path / "shop.db")
    with transaction(tmp_path / "shop.db", "BEGIN IMMEDIATE") as connection:
        connection.execute("INSERT INTO orders VALUES ('O-1', 'C-1', 'OIL-CHAIN', 1, 850, 0, '')")
    with (
        pytest.raises(sqlite3.IntegrityError),
        transaction(tmp_path / "shop.db", "BEGIN IMMEDIATE") as connection,
    ):
        connection.execute(statement)
