"""What the store makes durable: an admission with three budgets reserved, in one transaction, and group commit."""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from bench.scale import Scale
from bench.table import Column, Row, Table
from gateway.budget import Limits, Spend
from gateway.events import Admitted, Queued, Started
from gateway.store import Reserve
from gateway.store.sqlite import SqliteStore

__all__ = ["admissions"]

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
)
_NOTES = (
    "plain: one row inserted and committed, on one connection, one after the other; nothing read, nothing checked.",
)
_BUDGETS = tuple(
    Reserve(account, Spend(tool_calls=1), Limits(tool_calls=10**9))
    for account in ("run:bench", "agent:bench", "tenant:acme")
)


def admissions(scale: Scale) -> Table:
    rows = [row for mode in MODES for row in (_plain(mode, scale), _ours(mode, scale))]
    return Table("A durable admission, three budgets", _COLUMNS, _with_times(rows), _NOTES)


def _with_times(rows: Sequence[Row]) -> list[Row]:
    """How many admissions there are to a plain commit in the same mode, which stands before."""
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return [
        row
        for plain, ours in pairs
        for row in (plain, Row(ours.label, {**ours.values, "times": _quotient(ours, plain)}))
    ]


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


def _ours(mode: Synchronous, scale: Scale) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "toolgate.db", synchronous=mode)
        try:
            values = [asyncio.run(_lanes(store, lanes, scale.seconds)) for lanes in LANES]
        finally:
            store.close()
    return Row(f"toolgate, {mode}", {**values[0], **values[1]})


async def _lanes(store: SqliteStore, lanes: int, seconds: float) -> dict[str, float]:
    """Each lane admits calls to a run of its own, one after the other; all share the three budgets."""
    runs = [f"r-{lanes}-{number}" for number in range(lanes)]
    for run_id in runs:
        await store.append(run_id, [Queued("client", "user:bench", "acme"), Started("bench")], lease=None)
    begin, cpu = time.perf_counter(), time.process_time()
    taken = await asyncio.gather(*(_lane(store, run_id, begin + seconds) for run_id in runs))
    return _values(
        lanes, [one for lane in taken for one in lane], time.perf_counter() - begin, time.process_time() - cpu
    )


async def _lane(store: SqliteStore, run_id: str, until: float) -> list[float]:
    """Seconds of each admission: of one at least, however loaded the machine is."""
    taken: list[float] = []
    while not taken or time.perf_counter() < until:
        started = time.perf_counter()
        event = Admitted(f"call/{len(taken)}", "up/echo", '{"text":"ping"}', "p" * 64, "d" * 64, {"tool_calls": 1})
        await store.append(run_id, [event], lease=None, changes=_BUDGETS)
        taken.append(time.perf_counter() - started)
    return taken


def _values(lanes: int, taken: Sequence[float], seconds: float, cpu: float) -> dict[str, float]:
    return {
        f"p50_{lanes}": statistics.median(taken) * 1000,
        f"rate_{lanes}": len(taken) / seconds,
        f"cpu_{lanes}": cpu / len(taken) * 1000,
    }
