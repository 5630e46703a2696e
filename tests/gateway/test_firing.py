"""Runs that are submitted by the clock: each once, also after a pause, and never too late."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import firing as module
from gateway.errors import StoreError
from gateway.firing import Firing
from gateway.offline import Offline, open_offline
from gateway.run import Run
from tests.fixtures.project import Project

TOML = """
[identity]
user = "user:ann"
tenant = "acme"
[models.demo]
provider = "scripted"
script = "talk.yaml"
[agents.desk]
model = "demo"
[schedules.daily]
cron = "0 12 * * *"
text = "count the bells"
late = "10m"
"""
SECOND = 1_000
DAY = 86_400_000
MINUTE = 60_000
NOON = 1_795_262_400_000 // DAY * DAY + DAY // 2  # in UTC


class Clock:
    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON - MINUTE)


@pytest.fixture
def offline(tmp_path: Path, clock: Clock) -> Iterator[Offline]:
    from gateway.config import load_config

    project = Project.of(tmp_path / "project", {}, TOML)
    with open_offline(load_config(project.folder, {})) as opened:
        opened.store._now = clock  # noqa: SLF001
        yield opened


def by_the_second(monkeypatch: pytest.MonkeyPatch, offline: Offline) -> None:
    """Instead of daily."""
    changes: dict[str, Any] = {"cron": "* * * * * *"}
    schedule = offline.config.schedules["daily"].model_copy(update=changes)
    monkeypatch.setattr(Firing, "_schedules", {"ticks": schedule})


def looked(firing: Firing, clock: Clock, now: int) -> int:
    """How many runs a worker submits who has been there before."""
    clock.now = now
    return len(asyncio.run(firing.once()))


def once(offline: Offline, clock: Clock, now: int) -> list[str]:
    clock.now = now
    return asyncio.run(Firing(offline).once())


def run_of(offline: Offline, run_id: str) -> Run:
    return asyncio.run(offline.run(run_id))


def test_a_moment_that_comes_submits_a_run_once(offline: Offline, clock: Clock) -> None:
    assert once(offline, clock, NOON - MINUTE) == []  # it begins
    (run_id,) = once(offline, clock, NOON)
    assert once(offline, clock, NOON) == []
    assert once(offline, clock, NOON + MINUTE) == []
    run = run_of(offline, run_id)
    assert (run.input, run.subject.user, run.subject.agent, run.model) == (
        "count the bells",
        "user:ann",
        "agent:desk",
        "demo",
    )
    assert asyncio.run(offline.store.coming()) == 0  # a worker takes it up
    (next_day,) = once(offline, clock, NOON + DAY)
    assert next_day != run_id


def test_moments_before_a_schedule_was_there_are_nobody_s(offline: Offline, clock: Clock) -> None:
    assert once(offline, clock, NOON + MINUTE) == []
    assert once(offline, clock, NOON + 2 * MINUTE) == []


def test_of_the_moments_that_passed_while_nobody_was_there_the_last_is_made_up_for_once(
    offline: Offline, clock: Clock
) -> None:
    assert once(offline, clock, NOON - MINUTE) == []
    assert len(once(offline, clock, NOON + 3 * DAY + 9 * MINUTE)) == 1
    assert once(offline, clock, NOON + 3 * DAY + 9 * MINUTE) == []


def test_what_is_too_late_is_left_out(offline: Offline, clock: Clock) -> None:
    assert once(offline, clock, NOON - MINUTE) == []
    assert once(offline, clock, NOON + 11 * MINUTE) == []
    assert len(once(offline, clock, NOON + DAY)) == 1


def test_a_worker_that_is_there_leaves_no_moment_out_and_rests_until_the_next_one(
    offline: Offline, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_the_second(monkeypatch, offline)
    rests, looking = list[float](), offline.store.last_firing

    async def slowly(schedule: str) -> int:
        clock.now += 130
        return await looking(schedule)

    async def rest(seconds: float) -> None:
        rests.append(seconds)
        clock.now += round(seconds * 1000)
        if clock.now >= NOON + 20 * SECOND:
            raise asyncio.CancelledError

    monkeypatch.setattr(offline.store, "last_firing", slowly)
    monkeypatch.setattr(asyncio, "sleep", rest)
    clock.now = NOON
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Firing(offline).run())
    runs = asyncio.run(offline.store.run_rows())
    assert len({row.id for row in runs}) == 19  # each second between the first look and the last one
    assert rests == [0.87] * 20


def test_a_worker_that_was_busy_fires_late_what_came_meanwhile_each_moment_once(
    offline: Offline, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_the_second(monkeypatch, offline)
    mine, others = Firing(offline), Firing(offline)
    assert looked(mine, clock, NOON) == 0  # it begins
    assert looked(others, clock, NOON + SECOND) == 1
    assert looked(mine, clock, NOON + 5 * SECOND + 200) == 4
    assert looked(others, clock, NOON + 7 * SECOND) == 2
    assert looked(mine, clock, NOON + 7 * SECOND + 900) == 0
    assert looked(mine, clock, NOON + 67 * SECOND) == 60


def test_who_was_not_there_makes_up_for_the_last_moment_alone(
    offline: Offline, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_the_second(monkeypatch, offline)
    firing = Firing(offline)
    assert looked(firing, clock, NOON) == 0  # it begins
    assert looked(firing, clock, NOON + 62 * SECOND) == 1  # it slept
    assert looked(Firing(offline), clock, NOON + 72 * SECOND) == 1  # it was begun anew


def test_what_came_while_the_store_was_away_is_fired_when_it_is_back(
    offline: Offline, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_the_second(monkeypatch, offline)
    firing = Firing(offline)
    assert looked(firing, clock, NOON) == 0  # it begins

    async def away(_schedule: str) -> int:
        raise StoreError("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(offline.store, "last_firing", away)
        assert looked(firing, clock, NOON + 2 * SECOND) == 0
    assert looked(firing, clock, NOON + 4 * SECOND) == 4


def test_a_schedule_that_can_not_fire_is_told_once_and_keeps_nobody_else_from_it(
    offline: Offline, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(offline, clock, NOON - MINUTE)
    firing, changes = Firing(offline), dict[str, Any](agent="nobody")
    schedule = offline.config.schedules["daily"].model_copy(update=changes)
    monkeypatch.setattr(Firing, "_schedules", {"daily": schedule})
    clock.now = NOON
    with caplog.at_level("WARNING", logger="toolgate.schedules"):
        assert asyncio.run(firing.once()) == []
        assert asyncio.run(firing.once()) == []
    assert caplog.text.count("there is no agent `nobody`") == 1
    monkeypatch.undo()
    assert len(once(offline, clock, NOON)) == 1


def test_schedules_that_could_not_be_looked_at_once_are_looked_at_again(
    offline: Offline, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(offline, clock, NOON - MINUTE)
    clock.now = NOON
    monkeypatch.setattr(module, "LOOK", 0.0)

    async def scenario() -> None:
        fired = asyncio.Event()

        class Breaking(Firing):
            looks = 0

            async def once(self) -> list[str]:
                self.looks += 1
                if self.looks < 3:
                    raise ValueError("a bug")
                if await super().once():
                    fired.set()
                return []

        task = asyncio.create_task(Breaking(offline).run())
        async with asyncio.timeout(60):
            await fired.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with caplog.at_level("ERROR", logger="toolgate.schedules"):
        asyncio.run(scenario())
    assert caplog.text.count("could not be looked at") == 1


def test_a_schedule_that_fired_when_the_clock_was_far_ahead_goes_on_when_it_is_right_again(
    offline: Offline, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    once(offline, clock, NOON - MINUTE)
    assert len(once(offline, clock, NOON + 365 * DAY)) == 1
    with caplog.at_level("WARNING", logger="toolgate.schedules"):
        assert once(offline, clock, NOON) == []
        assert once(offline, clock, NOON + MINUTE) == []
    assert caplog.text.count("the clock was ahead") == 1
    assert len(once(offline, clock, NOON + DAY)) == 1


def test_a_clock_that_is_a_little_behind_fires_nothing_twice(offline: Offline, clock: Clock) -> None:
    once(offline, clock, NOON - MINUTE)
    assert len(once(offline, clock, NOON)) == 1
    assert once(offline, clock, NOON - MINUTE) == []
    assert once(offline, clock, NOON + MINUTE) == []


def test_a_moment_that_comes_again_fires_once_all_the_same(offline: Offline, clock: Clock) -> None:
    once(offline, clock, NOON - MINUTE)
    assert len(once(offline, clock, NOON + DAY)) == 1
    assert len(once(offline, clock, NOON + 9 * DAY)) == 1
    assert once(offline, clock, NOON + MINUTE) == []  # it is set back
    assert once(offline, clock, NOON + DAY) == []
    assert len(once(offline, clock, NOON + 2 * DAY)) == 1


def test_schedules_go_by_the_clock_of_the_store_whatever_a_machine_says(
    offline: Offline, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    once(offline, clock, NOON - MINUTE)
    monkeypatch.setattr("time.time_ns", lambda: (NOON + 5 * DAY) * 1_000_000)
    assert once(offline, clock, NOON - MINUTE) == []
    assert len(once(offline, clock, NOON)) == 1


def test_a_run_that_was_deleted_is_not_submitted_again_when_its_moment_comes_again(
    offline: Offline, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def deleted(run_id: str) -> None:
        await offline.cancel(run_id, "user:ann")
        await offline.delete(run_id, "user:ann")

    once(offline, clock, NOON - MINUTE)
    (run_id,) = once(offline, clock, NOON)
    asyncio.run(deleted(run_id))
    asyncio.run(offline.store.set_back("acme/daily", NOON - DAY))
    with caplog.at_level("WARNING", logger="toolgate.schedules"):
        assert once(offline, clock, NOON) == []
    assert caplog.text == ""
    assert asyncio.run(offline.store.run_rows()) == []
    assert len(once(offline, clock, NOON + DAY)) == 1
