"""What a new run costs in a store that has 100,000 runs which have ended, beside one that has 100."""

import asyncio
import contextlib
import itertools
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from bench.admissions import BUDGETS
from bench.one_run import Drive, toolgate
from bench.pg import database, server_cpu
from bench.pg import running as server_running
from bench.scale import Scale
from bench.table import Column, Row, Table
from bench.tiny_model import TinyModel
from gateway.accounts import Use, claims
from gateway.budget import Spend
from gateway.call import Subject
from gateway.events import Admitted, Queued, Started, Succeeded
from gateway.job import Job
from gateway.reserving import reserves
from gateway.store import Claim, Enqueue
from gateway.store.database import DatabaseStore
from gateway.store.postgres.store import PostgresStore
from gateway.store.sqlite import SqliteStore
from gateway.store.wanted import Wanted
from tests.fixtures.postgres import Server

__all__ = ["finished"]

SIZES = (100, 100_000)
_WHO = Subject("user:bench", "acme")
_COLUMNS = (
    Column("run", "a run of two turns", 2),
    Column("claim", "queued, claimed, ended", 2),
    Column("budgets", "three budgets", 2),
    Column("listed", "runs listed", 2),
    Column("look", "a worker's look", 2),
)
_NOTES = (
    "CPU ms of each, by turns in the one store and in the other; of PostgreSQL: with the server's.",
    "listed: the newest 50 of all, of a tenant, and of those that succeeded. A worker looks about ten times a second.",
)
# A run that has ended, so many times over: with its events and what it took, by other users, one each second before it.
_MANY = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) INSERT INTO "
_FILL = (
    (
        'runs (id, status, driver, "user", tenant, agent, title, created, updated, seq)'
        " SELECT 'old-' || i, CASE WHEN i % 50 = 0 THEN 'failed' ELSE status END, driver, 'user:u' || (i % 200),"
        " tenant, agent, title, created - i * 1000, updated - i * 1000, seq FROM n CROSS JOIN runs WHERE id = 'first'"
    ),
    (
        "events (run_id, seq, at, body) SELECT 'old-' || i, seq, at - i * 1000, body"
        " FROM n CROSS JOIN events WHERE run_id = 'first'"
    ),
    (
        "accounts (account, unit, used, reserved) SELECT 'run:old-' || i, unit, used, reserved"
        " FROM n CROSS JOIN accounts WHERE account = 'run:first'"
    ),
)


@dataclass(slots=True)
class _Full:
    """A store, and what one does in it. `server_cpu` is the CPU in ms that its server has used."""

    label: str
    store: DatabaseStore
    drive: Drive
    server_cpu: Callable[[], float]
    cpu: dict[str, float] = field(default_factory=dict)
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def run(self) -> None:
        await self.drive(TinyModel(1), f"new-{next(self.numbers)}")

    async def claim(self) -> None:
        run_id = f"queued-{next(self.numbers)}"
        queued = Queued("loop", _WHO.user, _WHO.tenant, input="Go.")
        await self.store.append(run_id, [queued], lease=None, changes=[Enqueue(Job(run_id, _WHO.tenant, "a", "m"))])
        lease = await self.store.claim(Claim("bench", 60.0))
        if lease is None:
            raise RuntimeError("the run that was queued is not there")
        await self.store.append(run_id, [Started("bench"), Succeeded("done")], lease=lease)

    async def budgets(self) -> None:
        number = next(self.numbers)
        use = Use("calls", _WHO, path="up/echo")
        found = claims(BUDGETS, use, Spend(tool_calls=1), datetime.now(UTC))
        event = Admitted(f"call/{number}", "up/echo", "{}", "p" * 64, "d" * 64, {"tool_calls": 1})
        await self.store.append("calls", [event], lease=None, changes=reserves(found))

    async def listed(self) -> None:
        for wanted in (Wanted(), Wanted(tenant="acme"), Wanted(status="succeeded")):
            await self.store.run_rows(50, wanted)

    async def look(self) -> None:
        await self.store.version()
        await self.store.coming()

    async def measure(self, what: str, times: int) -> None:
        act: Callable[[], Awaitable[None]] = getattr(self, what)
        await act()
        theirs, began = self.server_cpu(), time.process_time()
        for _ in range(times):
            await act()
        ours = (time.process_time() - began) * 1000
        self.cpu[what] = self.cpu.get(what, 0.0) + ours + self.server_cpu() - theirs


def finished(scale: Scale) -> Table:
    sizes = SIZES if scale.slowest else (10, 1000)
    times = 20 * scale.repeats if scale.slowest else 3
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder, server_running() as server:
        sqlite = [_in_sqlite(Path(folder) / f"of_{size}", size) for size in sizes]
        postgres = [_in_postgres(Path(folder) / f"pg_{size}", size, server) for size in sizes]
        for kind in (sqlite, postgres):
            with contextlib.ExitStack() as stack:
                rows += asyncio.run(_measured([stack.enter_context(each) for each in kind], scale.rounds, times))
    return Table("A new run, beside those that have ended", _COLUMNS, rows, _NOTES)


async def _measured(stores: Sequence[_Full], rounds: int, times: int) -> Sequence[Row]:
    names = [column.key for column in _COLUMNS]
    for each in stores:
        await each.store.append("calls", [Queued("client", _WHO.user, _WHO.tenant), Started("bench")], lease=None)
    for _ in range(rounds):
        for name in names:
            for each in stores:
                await each.measure(name, times)
    few, many = ({name: each.cpu[name] / rounds / times for name in names} for each in stores)
    ratio = {name: many[name] / few[name] if few[name] else None for name in names}
    return [Row(stores[0].label, few), Row(stores[1].label, many), Row("... / the row before", ratio)]


@contextlib.contextmanager
def _in_sqlite(folder: Path, count: int) -> Iterator[_Full]:
    path = folder / "toolgate.db"
    with contextlib.closing(SqliteStore(path)) as store:
        asyncio.run(_first(toolgate(folder, store)))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        _fill(db.execute, count)
    with contextlib.closing(SqliteStore(path)) as store:
        yield _Full(f"SQLite, {count:,} have ended", store, toolgate(folder, store), lambda: 0.0)


@contextlib.contextmanager
def _in_postgres(folder: Path, count: int, server: Server) -> Iterator[_Full]:
    url = database(server, f"of_{count}")
    with contextlib.closing(PostgresStore(url)) as store:
        asyncio.run(_first(toolgate(folder, store)))
    with contextlib.closing(psycopg.connect(url, autocommit=True)) as db:
        _fill(lambda sql: db.execute(sql.encode()), count)
        db.execute("VACUUM ANALYZE")
    with contextlib.closing(PostgresStore(url)) as store:
        drive = toolgate(folder, store)
        yield _Full(f"PostgreSQL, {count:,} have ended", store, drive, lambda: server_cpu(server))


async def _first(drive: Drive) -> None:
    await drive(TinyModel(1), "first")


def _fill(execute: Callable[[str], Any], count: int) -> None:
    for table in _FILL:
        execute(_MANY.format(count=count) + table)
