"""Whose clock counts: the store's. A machine whose own is an hour off does what it should, when it should."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import deferring
from gateway.agents import Agent
from gateway.answer import Answer
from gateway.approval import Remember
from gateway.budget import Limits
from gateway.call import Deny, InDoubt
from gateway.earlier import read_by, who_is
from gateway.effects import Effects, ToolWord
from gateway.engine.embedded import Embedded
from gateway.events import Queued, Started
from gateway.facts import aware
from gateway.job import Job
from gateway.journal import Journal
from gateway.lasting import DAY
from gateway.later import Deferred, Slept
from gateway.parties import CallSettings
from gateway.store import Enqueue
from gateway.store.lease import owner_name
from gateway.worker import Terms, Worker
from tests.fixtures.parts import ANN, BOB, PATIENCE, Replies, Stage, calls, opened, queued, says, tally
from tests.fixtures.stores import put_into
from tests.gateway.test_calling import FREE, Failing

HOUR = 3_600_000
FAR = 1_900_000_000_000  # 2030: no machine's clock says so
SLEEPER = Agent("clerk", "Be brief.", "tiny", max_output_tokens=100, may_wait=True)
DONE = says("Done.")


@pytest.fixture(params=["sqlite", "postgresql"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Of a store of each kind."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres").emptied()
    return put_into(tmp_path / "stage", url)


@pytest.fixture(params=[-HOUR, HOUR], ids=["an hour behind", "an hour ahead"])
def how(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """This machine's clock is wrong. PostgreSQL knows better by itself; a file is told."""
    right, seconds = time.time_ns, time.time
    monkeypatch.setattr(time, "time_ns", lambda: right() + request.param * 1_000_000)
    monkeypatch.setattr(time, "time", lambda: seconds() + request.param / 1000)
    return {} if (folder / "store.url").exists() else {"clock": lambda: right() // 1_000_000}


def on_stage(folder: Path, scenario: Callable[[Stage], Awaitable[None]], **more: Any) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder), **more) as stage:
            await scenario(stage)

    asyncio.run(play())


async def moments(stage: Stage, of: type[Any]) -> list[int]:
    """How long after it was recorded such a fact's moment comes, in milliseconds."""
    facts = await stage.files.events("run-1")
    return [each.event.until - each.at for each in facts if isinstance(each.event, of)]


def test_a_worker_whose_clock_is_wrong_wakes_a_run_when_its_time_has_come(folder: Path, how: dict[str, Any]) -> None:
    async def scenario(stage: Stage) -> None:
        job = Enqueue(Job("run-1", "acme", "clerk", "tiny"))
        await stage.files.append("run-1", [queued()], lease=None, changes=[job])
        loop = stage.loop(Replies(calls(("wait_for", {"seconds": 1})), DONE), SLEEPER)
        async with asyncio.timeout(PATIENCE):
            while (await stage.run()).status != "succeeded":
                await Worker(stage.store, loop, Terms(until_idle=True)).run(Embedded())
        (left,) = await moments(stage, Slept)
        assert abs(left - 1000) < PATIENCE * 1000

    on_stage(folder, scenario, **how)


def test_no_run_is_stopped_for_an_hour_that_it_has_not_worked(folder: Path, how: dict[str, Any]) -> None:
    async def scenario(stage: Stage) -> None:
        run = await stage.drive(
            await stage.queued(limits=Limits(millis=HOUR // 2)), Replies(calls(("desk__put", {})), DONE)
        )
        assert (run.status, run.cause) == ("succeeded", "")
        assert run.spend.millis < PATIENCE * 1000

    on_stage(folder, scenario, **how)


def test_a_call_that_is_made_again_is_so_after_its_pause(
    folder: Path, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferring, "FIRST_PAUSE", 0.0)
    settings = CallSettings(effects=Effects({"desk/put": ToolWord(retries=1)}))

    async def scenario(stage: Stage) -> None:
        run = await stage.drive(await stage.queued(), Replies(calls(("desk__put", {})), DONE))
        assert run.status == "succeeded"
        (left,) = await moments(stage, Deferred)
        assert abs(left) < PATIENCE * 1000

    more: dict[str, Any] = {"settings": settings, "rules": FREE}
    on_stage(folder, scenario, around_upstream=lambda servers: Failing(servers, [InDoubt("lost")]), **more, **how)


def test_what_its_driver_foresees_of_a_run_is_by_the_clock_that_records_it(folder: Path, how: dict[str, Any]) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued()
        lease = await stage.files.acquire("run-1", owner_name(), 60.0)
        assert lease is not None
        journal = Journal(stage.store, lease)
        await journal.read()
        journal.hold([Started(lease.owner)])
        foreseen = journal.run.updated
        await journal.flush()
        assert abs(journal.run.updated - foreseen) < PATIENCE * 1000

    on_stage(folder, scenario, **how)


def test_a_question_is_open_and_a_yes_is_good_for_so_long_by_the_clock_of_the_store(tmp_path: Path) -> None:
    times = [FAR]

    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__send", {"word": "a"})), DONE)
        assert (await stage.drive(await stage.queued(), model)).status == "waiting"
        (asked,) = await stage.files.approvals()
        assert (asked.created, asked.expires) == (FAR, FAR + round(CallSettings().approval_seconds * 1000))
        longest = Remember("until", (), FAR + stage.approving.longest + DAY)
        given = Answer("approved", seen=asked.digest, remember=longest)
        assert isinstance(await stage.approving.answer(BOB, asked.id, given), Deny)  # it would last for too long
        await stage.files.decide(asked.id, "approved", BOB.user, "")
        times[0] = asked.expires - 1000
        assert (await stage.drive("run-1", model)).status == "succeeded"

    on_stage(tmp_path, scenario, clock=lambda: times[0])


def test_a_budget_counts_in_the_day_that_the_store_has(tmp_path: Path) -> None:
    times, budgets = [FAR], '[budgets.b]\ntool = "desk/*"\ntool_calls = 1\nper = "day"\n'

    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__put", {})), DONE)
        assert (await stage.drive(await stage.queued(), model)).status == "succeeded"
        (account,) = await stage.taken("b")
        day = int(aware(FAR).replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
        assert str(day) in account
        times[0] += DAY
        await stage.drive(await stage.queued("run-2"), model)
        assert len(await stage.taken("b")) == 2

    on_stage(tmp_path, scenario, clock=lambda: times[0], budgets=budgets)


def test_who_was_at_work_lately_was_so_by_the_clock_of_the_store(tmp_path: Path) -> None:
    times = [FAR]

    async def scenario(stage: Stage) -> None:
        begun = Queued("client", ANN.user, ANN.tenant, None, input="desk", tainted=True)
        await stage.files.append("r-1", [begun, Started("x")], lease=None)
        client = who_is(ANN, "desk")
        times[0] += 60_000
        assert (await read_by(stage.store, client, 61.0))[0] is True
        assert (await read_by(stage.store, client, 59.0))[0] is False

    on_stage(tmp_path, scenario, clock=lambda: times[0])
