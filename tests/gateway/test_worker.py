"""Workers drive what was submitted: side by side, each run once, and none is lost when one stops, breaks or dies."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import turn
from gateway import worker as module
from gateway.backend import Model
from gateway.budget import Price
from gateway.engine import Hands
from gateway.engine.embedded import Embedded
from gateway.errors import ConfigError, NotItsTurn, Unreadable
from gateway.events import Event, Paused, Resumed, Started, Succeeded, Waited
from gateway.job import LONGEST_PAUSE, UNREADABLE_PAUSE, Job
from gateway.loop import Loop
from gateway.run import Run
from gateway.session import Join
from gateway.store import Enqueue
from gateway.store.lease import owner_name
from gateway.store.waiting import until
from gateway.worker import CALM, GAP, Calm, Outcome, Terms, Worker
from providers import ProviderError, Request, StreamEvent
from providers.retrying import Patience, Persistent
from tests.fixtures.parts import (
    BOB,
    PATIENCE,
    Replies,
    Stage,
    arrivals,
    calls,
    gate,
    opened,
    queued,
    says,
    tally,
)
from tests.fixtures.stores import put_into

UNTIL_IDLE = Terms(until_idle=True)


def awaited(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    @functools.wraps(test)
    def called(*given: Any, **named: Any) -> None:
        asyncio.run(test(*given, **named))

    return called


async def submit(stage: Stage, run_id: str, *, tenant: str = "acme", agent: str = "clerk") -> None:
    job = Job(run_id, tenant, agent, "tiny")
    await stage.files.append(run_id, [queued()], lease=None, changes=[Enqueue(job)])


async def work(stage: Stage, loop: Loop, terms: Terms = UNTIL_IDLE) -> list[Outcome]:
    """Until there is nothing to do."""
    told: list[Outcome] = []
    async with asyncio.timeout(PATIENCE):
        await Worker(stage.store, loop, terms, told.append).run(Embedded())
    return told


@contextlib.asynccontextmanager
async def working(worker: Worker) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(worker.run(Embedded()))
    try:
        async with asyncio.timeout(PATIENCE):
            yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def statuses(told: list[Outcome]) -> dict[str, str]:
    return {outcome.run_id: outcome.run.status for outcome in told if outcome.run}


@pytest.fixture(params=["sqlite", "postgresql"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Of a store of each kind."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres").emptied()
    return put_into(tmp_path / "stage", url)


@awaited
async def test_what_was_submitted_is_driven_to_its_end_and_leaves_no_job(folder: Path) -> None:
    async with opened(folder, tally(folder)) as stage:
        for number in range(5):
            await submit(stage, f"r-{number}")
        told = await work(stage, stage.loop(Replies(calls(("desk__put", {"word": "a"})), says("Done."))))
        assert statuses(told) == {f"r-{number}": "succeeded" for number in range(5)}
        assert len(arrivals(folder, "put")) == 5
        assert await stage.store.coming() is None


@awaited
async def test_no_more_runs_are_driven_at_once_than_it_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path, tally(tmp_path)) as stage, gate() as held:
        for number in range(3):
            await submit(stage, f"r-{number}")
        loop = stage.loop(Replies(calls(("desk__hold", {"port": held.port})), says("Done.")))
        worker = Worker(stage.store, loop, Terms(concurrency=2, until_idle=True))
        async with working(worker) as task:
            await held.arrived(2)
            assert sorted([(await stage.run(f"r-{n}")).status for n in range(3)]) == ["queued", "running", "running"]
            held.open.set()
            await task
            assert {(await stage.run(f"r-{n}")).status for n in range(3)} == {"succeeded"}


@awaited
async def test_a_run_that_waits_takes_nobody_s_place_and_goes_on_when_people_have_answered(folder: Path) -> None:
    async with opened(folder, tally(folder)) as stage:
        await submit(stage, "r-1")
        loop = stage.loop(Replies(calls(("desk__send", {"word": "a"})), says("Done.")))
        assert statuses(await work(stage, loop)) == {"r-1": "waiting"}
        assert await work(stage, loop) == []
        (asked,) = await stage.store.approvals()
        await stage.approving.decide(BOB, asked.id, "approved", "")
        assert statuses(await work(stage, loop)) == {"r-1": "succeeded"}
        assert len(arrivals(folder, "send")) == 1


class Busy(Replies):
    """It wants to be left alone, and says so the first time."""

    def __init__(self, *turns: Any) -> None:
        super().__init__(*turns)
        self.failed = 0

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        if not self.failed:
            self.failed += 1
            raise ProviderError("rate_limit", "too many requests", retry_after=100.0)
        async for event in super().stream(request):
            yield event


@pytest.mark.parametrize("asks_again", [False, True])
@awaited
async def test_a_worker_that_is_to_stop_does_not_sit_out_the_time_for_which_a_model_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks_again: bool
) -> None:
    """`asks_again`: it is the backend itself that would, and has said so; else it is the run."""
    monkeypatch.setattr(turn, "LONGEST_PAUSE", 100.0)
    async with opened(tmp_path, tally(tmp_path)) as stage:
        await submit(stage, "run-1")
        busy = Busy(says("Done."))
        model = Model(Persistent(busy, Patience(longest=100.0)) if asks_again else busy, "tiny", Price(1000, 2000))
        worker = Worker(stage.store, stage.loop(model), Terms(grace=3600.0))
        async with working(worker) as task:
            waits = ["model_failed", "model_asked"] if asks_again else ["model_failed"]
            await until(stage.files, lambda: came(stage, waits))
            worker.stop()
            await task
        row, run = await stage.files.run_row("run-1"), await stage.run()
        assert (row.status, row.owner, run.asked) == ("running", None, None)
        assert 0 < run.left_alone(stage.store.now()) <= 101  # whoever is next waits for the rest of it
        books = await stage.books()
        assert (books.turns, books.tokens, books.model_calls) == (1, 0, 1)  # nothing was sent since
        monkeypatch.setattr("gateway.loop.backoff", lambda _attempt, _left: 0.0)
        assert statuses(await work(stage, stage.loop(model))) == {"run-1": "succeeded"}


async def came(stage: Stage, last: list[str]) -> bool:
    return (await stage.story())[-len(last) :] == last


class AnsweredAtOnce:
    """A store in which somebody answers between the moment that a run waits and the next look at it."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, run_id: str, events: Sequence[Event], **more: Any) -> int:
        seq: int = await self._store.append(run_id, events, **more)
        if any(isinstance(event, Waited) for event in events):
            for asked in await self._store.approvals():
                await self._store.decide(asked.id, "approved", BOB.user, "")
        return seq


@awaited
async def test_an_answer_that_comes_while_the_run_is_still_about_to_rest_is_not_lost(folder: Path) -> None:
    async with opened(folder, tally(folder), around_store=AnsweredAtOnce) as stage:
        await submit(stage, "run-1")
        loop = stage.loop(Replies(calls(("desk__send", {"word": "a"})), says("done")))
        assert statuses(await work(stage, loop)) == {"run-1": "succeeded"}
        assert len(arrivals(folder, "send")) == 1


@awaited
async def test_a_worker_that_is_told_to_stop_lets_a_run_go_at_the_next_safe_point(folder: Path) -> None:
    async with opened(folder, tally(folder)) as stage, gate() as held:
        await submit(stage, "r-1")
        await submit(stage, "r-2")
        model = Replies(calls(("desk__hold", {"port": held.port})), says("Done."))
        told: list[Outcome] = []
        worker = Worker(stage.store, stage.loop(model), Terms(concurrency=1), told.append)
        async with working(worker) as task:
            await held.arrived()
            worker.stop()
            held.open.set()  # the call in flight is waited for
            await task
        assert statuses(told) == {"r-1": "running"}
        assert (await stage.story("r-1"))[-1] == "returned"
        assert (await stage.run("r-2")).status == "queued"
        assert statuses(await work(stage, stage.loop(model))) == {"r-1": "succeeded", "r-2": "succeeded"}
        assert len(arrivals(folder, "hold")) == 2


@awaited
async def test_a_second_signal_waits_for_nothing_and_loses_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path, tally(tmp_path)) as stage, gate() as held:
        await submit(stage, "r-1")
        model = Replies(calls(("desk__hold", {"port": held.port})), says("Done."))
        worker = Worker(stage.store, stage.loop(model), Terms())
        async with working(worker) as task:
            await held.arrived()
            worker.stop()
            worker.stop()
            await task
        held.open.set()
        told = await work(stage, stage.loop(model))
        assert [outcome.error for outcome in told] == [None]
        assert (await stage.run("r-1")).status in ("waiting", "succeeded")  # in doubt, or it may be repeated


@awaited
async def test_a_run_whose_agent_is_not_known_here_is_not_taken_up(tmp_path: Path) -> None:
    async with opened(tmp_path, tally(tmp_path)) as stage:
        await submit(stage, "r-1", agent="stranger")
        loop = stage.loop(Replies(says("Done.")))
        assert await work(stage, loop, Terms(until_idle=True, agents=frozenset({"clerk"}))) == []
        assert statuses(await work(stage, loop, Terms(until_idle=True, agents=frozenset({"stranger"})))) == {
            "r-1": "succeeded"
        }


class Breaking(Loop):
    """A loop that can do nothing with a run."""

    def __init__(self, error: Exception) -> None:
        self._error, self.times = error, 0

    async def work(self, *_given: Any, **_rest: Any) -> Run:
        self.times += 1
        raise self._error


@pytest.mark.parametrize("error", [ConfigError.at("toolgate.toml", "there is no model `m`"), RuntimeError("a bug")])
@awaited
async def test_a_run_that_breaks_is_put_off_and_told_and_others_may_take_it(
    tmp_path: Path, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, tally(tmp_path), clock=lambda: 1_000_000) as stage:  # the second never goes by
        await submit(stage, "r-1")
        broken = Breaking(error)
        with caplog.at_level("ERROR", logger="toolgate.worker"):
            told = await work(stage, broken)
        assert [outcome.error for outcome in told] == [error]
        assert broken.times == 1  # not again and again
        assert "r-1" in caplog.text
        coming = await stage.store.coming()
        assert coming is not None
        assert 0 < coming <= 1_000
        assert (await stage.run("r-1")).status == "queued"


@awaited
async def test_a_run_that_can_not_be_read_is_laid_down_for_longer_each_time_and_others_are_driven(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, tally(tmp_path)) as stage:
        await submit(stage, "r-1")
        damage = ("UPDATE events SET body = 'not json' WHERE run_id = ?", ("r-1",))
        await stage.files._write(lambda db: db.execute(*damage).rowcount)  # noqa: SLF001
        await submit(stage, "r-2")
        tired = ("UPDATE jobs SET attempts = 20 WHERE run_id = ?", ("r-1",))
        await stage.files._write(lambda db: db.execute(*tired).rowcount)  # noqa: SLF001
        with caplog.at_level("ERROR", logger="toolgate.worker"):
            told = {outcome.run_id: outcome for outcome in await work(stage, stage.loop(Replies(says("Done."))))}
        assert isinstance(told["r-1"].error, Unreadable)
        assert told["r-2"].run is not None
        (said,) = caplog.messages
        assert "event 1 of run `r-1` is damaged in the store" in said
        assert "toolgate runs delete r-1 --force" in said
        coming = await stage.store.coming()
        assert coming is not None
        assert LONGEST_PAUSE < coming <= UNREADABLE_PAUSE


@awaited
async def test_a_question_that_is_damaged_is_a_no_when_its_time_is_over_and_its_run_goes_on(tmp_path: Path) -> None:
    async with opened(tmp_path, tally(tmp_path)) as stage:
        await submit(stage, "r-1")
        loop = stage.loop(Replies(calls(("desk__send", {"word": "a"})), says("Done.")))
        assert statuses(await work(stage, loop)) == {"r-1": "waiting"}
        damage = "UPDATE approvals SET decisions = 'not json', arguments = '{', expires = 1"
        await stage.files._write(lambda db: db.execute(damage).rowcount)  # noqa: SLF001
        assert await stage.store.expire() == 1
        assert statuses(await work(stage, loop)) == {"r-1": "succeeded"}
        assert arrivals(tmp_path, "send") == []


@awaited
async def test_a_run_whose_turn_in_its_session_has_not_come_is_put_off_without_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(tmp_path, tally(tmp_path), clock=lambda: 1_000_000) as stage:
        await submit(stage, "r-1")
        assert await work(stage, Breaking(NotItsTurn("`r-0` comes first"))) == []
        assert not caplog.records
        coming = await stage.store.coming()
        assert coming is not None
        assert coming > 0


@awaited
async def test_a_run_behind_one_that_somebody_else_drives_keeps_a_worker_from_nothing(folder: Path) -> None:
    async with opened(folder, tally(folder)) as stage:
        first = replace(queued(), session="trip")

        async def joined(run_id: str, *jobs: Job) -> None:
            join = Join(run_id, "trip", first.user, first.tenant, first.agent or "")
            await stage.files.append(run_id, [first], lease=None, changes=[join, *map(Enqueue, jobs)])

        async def ended(run_id: str) -> bool:
            return (await stage.files.run_row(run_id)).status == "succeeded"

        await joined("r-0")
        lease = await stage.files.acquire("r-0", owner_name(), 10 * PATIENCE)
        assert lease is not None
        await stage.files.append("r-0", [Started(lease.owner)], lease=lease)
        await joined("r-1", Job("r-1", "acme", "clerk", "tiny", session="trip"))
        await submit(stage, "r-2")
        told: list[Outcome] = []
        loop = stage.loop(Replies(says("Done.")))
        async with working(Worker(stage.store, loop, Terms(concurrency=1), told.append)):
            await until(stage.files, lambda: ended("r-2"))
            assert statuses(told).get("r-1") is None
            await stage.files.append("r-0", [Succeeded("There.")], lease=lease)
            await until(stage.files, lambda: ended("r-1"))


@awaited
async def test_after_one_run_it_stops_if_it_is_told_so_and_lets_that_come_to_its_end(tmp_path: Path) -> None:
    async with opened(tmp_path, tally(tmp_path)) as stage:
        await submit(stage, "r-1")
        await submit(stage, "r-2")
        loop = stage.loop(Replies(calls(("desk__put", {"word": "a"})), says("Done.")))
        assert statuses(await work(stage, loop, Terms(most=1))) == {"r-1": "succeeded"}
        assert (await stage.run("r-2")).status == "queued"


@awaited
async def test_a_run_that_is_paused_stays_so_with_a_worker(tmp_path: Path) -> None:
    async with opened(tmp_path, tally(tmp_path)) as stage:
        await submit(stage, "r-1")
        await stage.files.append("r-1", [Started("w"), Paused("interrupted", "by a person")], lease=None)
        loop = stage.loop(Replies(says("Done.")))
        assert await work(stage, loop) == []
        await stage.files.append("r-1", [Resumed("a person says so")], lease=None)
        assert statuses(await work(stage, loop)) == {"r-1": "succeeded"}


@awaited
async def test_several_workers_never_drive_a_run_twice(folder: Path) -> None:
    async with opened(folder, tally(folder)) as stage:
        for number in range(12):
            await submit(stage, f"r-{number}")
        loop = stage.loop(Replies(calls(("desk__put", {"word": "a"})), says("Done.")))
        told = await asyncio.gather(*(work(stage, loop) for _ in range(3)))
        ended = [outcome.run_id for each in told for outcome in each]
        assert sorted(ended) == sorted(f"r-{number}" for number in range(12))
        assert len(arrivals(folder, "put")) == 12


class Ailing:
    """A store that breaks at the first look at its version."""

    def __init__(self, store: Any) -> None:
        self._store, self.looks = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def version(self) -> int:
        self.looks += 1
        if self.looks == 1:
            raise ValueError("a bug")
        return int(await self._store.version())


class Heard(Calm):
    def __init__(self, beaten: asyncio.Event) -> None:
        super().__init__()
        self._beaten = beaten

    def beat(self) -> None:
        self._beaten.set()


class Resting:
    """An engine that brings nothing."""

    async def serve(self, worker: Hands) -> None:
        await worker.stopping.wait()


@awaited
async def test_a_pulse_that_misses_a_beat_says_so_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PULSE", 0.0)
    async with opened(tmp_path, tally(tmp_path)) as stage:
        beaten = asyncio.Event()
        store: Any = Ailing(stage.store)
        worker = Worker(store, stage.loop(Replies()), Terms(), calm=Heard(beaten))
        with caplog.at_level("ERROR", logger="toolgate.worker"):
            task = asyncio.create_task(worker.run(Resting()))
            async with asyncio.timeout(PATIENCE):
                await beaten.wait()
                worker.stop()
                await task
        assert "missed a beat" in caplog.text


def expected(value: bool) -> bool:  # mypy takes an attribute for as steady as it was
    return value


class Time:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_whoever_was_away_himself_takes_nothing_over_before_all_others_had_the_time_for_a_beat() -> None:
    time = Time()
    calm = Calm(time)

    def beats(seconds: float) -> None:
        for _ in range(round(seconds)):
            time.now += 1
            calm.beat()

    assert calm.holds is expected(False)
    beats(CALM)
    assert calm.holds is expected(True)
    time.now += GAP + 1  # it slept, or the store was away
    assert calm.holds is expected(False)
    calm.beat()
    assert calm.holds is expected(False)
    beats(CALM - 1)
    assert calm.holds is expected(False)
    beats(1)
    assert calm.holds is expected(True)
    time.now -= 3_600  # somebody set the clock back
    calm.beat()
    assert calm.holds is expected(False)
