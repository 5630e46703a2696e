"""What the store makes durable: an admission, and three budgets in its transaction; and group commit."""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from bench.scale import Scale
from bench.table import Column, Row, Table
from gateway.accounts import Bill, Budget, Scope, Use, claims
from gateway.budget import Limits, Spend
from gateway.call import Subject
from gateway.events import Admitted, Budgeted, Queued, Started
from gateway.reserving import reserves
from gateway.store import Reserve, run_account
from gateway.store.sqlite import SqliteStore
from gateway.windows import Window

__all__ = ["BUDGETS", "admissions"]

LANES = (1, 64)
Synchronous = Literal["normal", "full"]
MODES: Sequence[Synchronous] = ("normal", "full")

_COLUMNS = (
    Column("p50_1", "p50 ms"),
    Column("rate_1", "a second", 0),
    Column("cpu_1", "CPU ms", 3),
    Column("p50_64", "p50 ms x64"),
    Column("rate_64", "a second x64", 0),
    Column("cpu_64", "CPU ms x64", 3),
    Column("times", "x64 / plain", 1),
    Column("added", "added p50 ms", 3),
)
_NOTES = (
    "plain: one row inserted and committed, on one connection, one after the other; nothing read, nothing checked.",
    "promised: three budgets add less than 0.2 ms to the median; x64, 5,000 admissions a second are made at least.",
)
BUDGETS = (
    Budget("subject", Limits(tool_calls=10**9), Scope(("subject",)), Window("day")),
    Budget("tool", Limits(tool_calls=10**9), Scope(("tenant", "tool"))),
    Budget("all", Limits(tool_calls=10**9), window=Window("month")),
)
_A_CALL = Spend(tool_calls=1)


def admissions(scale: Scale) -> Table:
    rows = [row for mode in MODES for row in _with_ratios(*_of_mode(mode, scale))]
    return Table("A durable admission, without budgets and with three", _COLUMNS, rows, _NOTES)


def _of_mode(mode: Synchronous, scale: Scale) -> tuple[Row, Row, Row]:
    return _plain(mode, scale), _ours(mode, scale, ()), _ours(mode, scale, BUDGETS)


def _with_ratios(plain: Row, free: Row, ours: Row) -> Sequence[Row]:
    """How many admissions there are to a plain commit in the same mode, and what three budgets add to one."""
    added = (ours.values["p50_1"] or 0.0) - (free.values["p50_1"] or 0.0)
    return (
        plain,
        Row(free.label, {**free.values, "times": _quotient(free, plain)}),
        Row(ours.label, {**ours.values, "times": _quotient(ours, plain), "added": added}),
    )


def _quotient(ours: Row, plain: Row) -> float:
    return (ours.values["rate_64"] or 0.0) / (plain.values["rate_1"] or 1.0)


def _plain(mode: Synchronous, scale: Scale) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        db = sqlite3.connect(Path(folder) / "plain.db", isolation_level=None)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute(f"PRAGMA synchronous = {mode}")
        db.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)")
        taken: list[float] = []
        begin, cpu = time.perf_counter(), time.process_time()
        while not taken or time.perf_counter() - begin < scale.seconds:  # once at least, however loaded the machine is
            started = time.perf_counter()
            db.execute("INSERT INTO rows (body) VALUES ('x')")
            taken.append(time.perf_counter() - started)
        values = _values(1, taken, time.perf_counter() - begin, time.process_time() - cpu)
        db.close()
    return Row(f"plain commit, {mode}", values)


def _ours(mode: Synchronous, scale: Scale, budgets: Sequence[Budget]) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "toolgate.db", synchronous=mode)
        try:
            values = [asyncio.run(_lanes(store, lanes, scale.seconds, budgets)) for lanes in LANES]
        finally:
            store.close()
    return Row(f"{'three' if budgets else 'no'} budgets, {mode}", {**values[0], **values[1]})


async def _lanes(store: SqliteStore, lanes: int, seconds: float, budgets: Sequence[Budget]) -> dict[str, float]:
    """Each lane admits calls to a run of its own, one after the other; all share the budgets."""
    runs = [f"r-{lanes}-{number}" for number in range(lanes)]
    for run_id in runs:
        await store.append(run_id, [Queued("client", "user:bench", "acme"), Started("bench")], lease=None)
    begin, cpu = time.perf_counter(), time.process_time()
    taken = await asyncio.gather(*(_lane(store, run_id, begin + seconds, budgets) for run_id in runs))
    return _values(
        lanes, [one for lane in taken for one in lane], time.perf_counter() - begin, time.process_time() - cpu
    )


async def _lane(store: SqliteStore, run_id: str, until: float, budgets: Sequence[Budget]) -> list[float]:
    """Seconds of each admission, from what counts it to the commit: of one at least, however loaded the machine is."""
    use, own = (
        Use(run_id, Subject("user:bench", "acme"), path="up/echo"),
        Reserve(run_account(run_id), _A_CALL, Limits()),
    )
    taken: list[float] = []
    while not taken or time.perf_counter() < until:
        started = time.perf_counter()
        event = Admitted(f"call/{len(taken)}", "up/echo", '{"text":"ping"}', "p" * 64, "d" * 64, {"tool_calls": 1})
        found = claims(budgets, use, _A_CALL, datetime.now(UTC)) if budgets else ()
        bill = Bill(_A_CALL, tuple(found))
        told = (Budgeted(event.key, bill.accounts, bill.left()),) if found else ()
        await store.append(run_id, [event, *told], lease=None, changes=(own, *reserves(found)))
        taken.append(time.perf_counter() - started)
    return taken


def _values(lanes: int, taken: Sequence[float], seconds: float, cpu: float) -> dict[str, float]:
    return {
        f"p50_{lanes}": statistics.median(taken) * 1000,
        f"rate_{lanes}": len(taken) / seconds,
        f"cpu_{lanes}": cpu / len(taken) * 1000,
    }
