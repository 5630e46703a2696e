"""Stores that earlier Toolgates wrote are opened by this one, and their runs go on where they stood."""

import asyncio
import gzip
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.run import ENDED, Run, fold
from gateway.steps import MakeCalls, next_step
from gateway.store import run_account
from gateway.store.migrations import SCHEMA_VERSION
from gateway.store.sqlite import SqliteStore

UNRELEASED = 8  # versions since the newest of these stores, which only this version of Toolgate has had
WRITTEN = sorted((Path(__file__).parents[1] / "fixtures" / "upgrades").glob("v*.sql.gz"))


def restored(written: Path, folder: Path) -> Path:
    path = folder / "toolgate.db"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(gzip.decompress(written.read_bytes()).decode())
    return path


async def runs_of(store: SqliteStore) -> list[Run]:
    return [fold(row.id, await store.events(row.id)) for row in await store.run_rows()]


def test_whoever_adds_tables_keeps_a_store_from_before() -> None:
    """Of the first two versions there is none: nobody had them for longer than ten minutes."""
    versions = [int(written.name[1:3]) for written in WRITTEN]
    assert versions == [*range(3, max(versions) + 1)]
    assert SCHEMA_VERSION - max(versions) <= UNRELEASED


@pytest.mark.parametrize("written", WRITTEN, ids=lambda written: str(written.name))
def test_what_an_earlier_version_wrote_is_read_and_adds_up(written: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        with closing(SqliteStore(restored(written, tmp_path))) as store:
            runs, rows = await runs_of(store), await store.run_rows()
            assert {run.id: run.status for run in runs} == {row.id: row.status for row in rows}
            assert sorted(run.status for run in runs if run.status in ENDED) == ["succeeded"] * (len(runs) - 1)
            for run in runs:
                told = replace(run.spend + run.reserved, millis=0)
                assert await store.spend(run_account(run.id)) == told
                assert run.messages[0]["role"] == "user"

    asyncio.run(scenario())


@pytest.mark.parametrize("written", WRITTEN, ids=lambda written: str(written.name))
def test_a_run_that_waited_before_the_upgrade_goes_on_with_the_answer(written: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        with closing(SqliteStore(restored(written, tmp_path), clock=lambda: 1_764_148_500_000)) as store:
            (waiting,) = [run for run in await runs_of(store) if run.status == "waiting"]
            held = {call.approval_id for call in waiting.calls.values() if call.status == "held"}
            asked = list(await store.approvals(run_id=waiting.id))
            assert {each.id for each in asked} == held != set()
            for each in asked:
                await store.decide(each.id, "approved", "user:bob", "after the upgrade")
            run = fold(waiting.id, await store.events(waiting.id))
            step = next_step(replace(run, status="running"), run.updated)
            assert isinstance(step, MakeCalls)
            assert {call.approval_id for call in step.calls} == held

    asyncio.run(scenario())
