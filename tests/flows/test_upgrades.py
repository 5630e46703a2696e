"""Stores that earlier Toolgates wrote are opened by this one, and their runs go on where they stood."""

import asyncio
import gzip
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gateway.run import ENDED, Run, fold
from gateway.session import Memory
from gateway.steps import MakeCalls, next_step
from gateway.store import Claim, run_account
from gateway.store.database import DatabaseStore
from gateway.store.migrations import SCHEMA_VERSION
from tests.fixtures.stores import Place, store_at

UNRELEASED = 1  # versions since the newest of these stores, which only this version of Toolgate has had
UPGRADES = Path(__file__).parents[1] / "fixtures" / "upgrades"
WRITTEN = sorted(UPGRADES.glob("v*.sql.gz"))
IN_POSTGRES = sorted(UPGRADES.glob("pg*.sql.gz"))
WITH_JOBS = 14  # the first of them in which a run is queued for workers
WITH_SESSIONS = 15
QUEUED = "r-00000000000000a1"
MOMENT = 1_764_148_500_000  # before any of their questions expires


def version_of(written: Path) -> int:
    return int(written.name.partition(".")[0][-2:])


@pytest.fixture(params=[*WRITTEN, *IN_POSTGRES], ids=lambda written: str(written.name))
def written(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def place(written: Path, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """The store as it was written."""
    text = gzip.decompress(written.read_bytes()).decode()
    if written in WRITTEN:
        path = tmp_path / "toolgate.db"
        with closing(sqlite3.connect(path)) as db:
            db.executescript(text)
        yield path
        return
    with request.getfixturevalue("postgres").schema() as url:
        with closing(psycopg.connect(url, autocommit=True)) as pg:
            pg.execute(text.encode())
        yield url


async def runs_of(store: DatabaseStore) -> list[Run]:
    return [fold(row.id, await store.events(row.id)) for row in await store.run_rows()]


def test_whoever_adds_tables_keeps_a_store_from_before() -> None:
    """Of the first two versions there is none: nobody had them for longer than ten minutes."""
    versions = [version_of(written) for written in WRITTEN]
    assert versions == [*range(3, max(versions) + 1)]
    assert SCHEMA_VERSION - max(versions) <= UNRELEASED


def test_what_an_earlier_version_wrote_is_read_and_adds_up(place: Place) -> None:
    async def scenario() -> None:
        with closing(store_at(place)) as store:
            runs, rows = await runs_of(store), await store.run_rows()
            assert {run.id: run.status for run in runs} == {row.id: row.status for row in rows}
            ended = [run.status for run in runs if run.status in ENDED]
            assert ended == ["succeeded"] * (len(runs) - 1 - sum(run.id == QUEUED for run in runs))
            for run in runs:
                told = replace(run.spend + run.reserved, millis=0)
                assert await store.spend(run_account(run.id)) == told
                assert run.messages[0]["role"] == "user"

    asyncio.run(scenario())


def test_a_run_that_waited_before_the_upgrade_goes_on_with_the_answer(place: Place) -> None:
    async def scenario() -> None:
        with closing(store_at(place, clock=lambda: MOMENT)) as store:
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


def test_a_run_that_was_queued_before_the_upgrade_is_claimed_and_its_session_remembers(
    written: Path, place: Place
) -> None:
    async def scenario() -> None:
        with closing(store_at(place)) as store:
            assert await store.has_job(QUEUED)
            if version_of(written) >= WITH_SESSIONS:
                book = store.sessions("user:ann", "acme")
                told: Any = Memory.from_text(book.memory("trip") or "").messages
                assert [part["text"] for each in told for part in each["parts"]] == ["What time is it?", "It is noon."]
                assert [each.run_id for each in book.open("trip")] == [QUEUED]
            lease = await store.claim(Claim("here/1/a.b", 10.0))
            assert lease is not None
            assert lease.run_id == QUEUED

    if version_of(written) < WITH_JOBS:
        assert not _has_jobs(place)
        return
    asyncio.run(scenario())


def _has_jobs(place: Place) -> bool:
    """None of the older stores had a run that workers are to drive."""
    with closing(store_at(place)) as store:
        return asyncio.run(store.coming()) is not None
