"""What the transactions of one commit share. That it changes nothing is shown in test_transactions.py."""

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway.store
from gateway.budget import Spend
from gateway.store.ledger import Ledger


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.executescript((Path(gateway.store.__file__).parent / "schema.sql").read_text())
        db.execute(
            "INSERT INTO runs (id, status, driver, user, tenant, title, created, updated, seq)"
            " VALUES ('r', 'running', 'loop', 'u', 't', 'x', 0, 0, 0)"
        )
        yield Ledger(db)


def test_a_run_is_known_with_what_was_written_down(ledger: Ledger) -> None:
    assert ledger.run("none") is None
    for seq in (1, 2):
        run = ledger.run("r")
        assert run is not None
        assert (run.status, run.seq, run.owner, run.epoch) == ("running", seq - 1, None, 0)
        ledger.add_event("r", seq, 0, "{}")
        run.seq = seq
    assert ledger.execute("SELECT count(*) FROM events").fetchone() == (2,)
    found = ledger.run("r")
    assert found is not None
    assert found.seq == 2


def test_an_account_is_known_with_what_was_booked(ledger: Ledger) -> None:
    assert ledger.taken("a") == Spend()
    ledger.book("a", "tokens", 0, 5)
    ledger.book("a", "tokens", 3, -5)
    ledger.book("b", "turns", 1, 0)
    assert (ledger.taken("a"), ledger.taken("b")) == (Spend(tokens=3), Spend(turns=1))
    ledger.book("b", "turns", -4, 0)  # more is given back than there was: as it would be read
    assert ledger.taken("b") == Spend()
    rows = ledger.execute("SELECT account, unit, used, reserved FROM accounts ORDER BY 1").fetchall()
    assert rows == [("a", "tokens", 3, 0), ("b", "turns", -3, 0)]


def test_what_a_statement_changes_is_seen(ledger: Ledger) -> None:
    assert ledger.run("r") is not None
    assert ledger.taken("a") == Spend()
    ledger.execute("UPDATE runs SET status = 'cancelled', owner = 'o', epoch = 4")
    ledger.execute("INSERT INTO accounts VALUES ('a', 'turns', 1, 1)")
    run = ledger.run("r")
    assert run is not None
    assert (run.status, run.owner, run.epoch) == ("cancelled", "o", 4)
    assert ledger.taken("a") == Spend(turns=2)
