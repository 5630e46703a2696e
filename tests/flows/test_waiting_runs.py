"""A run waits for a moment, or for news from outside, and nothing is held in memory for it: whoever takes it up goes
on. Nobody waits here: the clock is set ahead.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.agents import Agent
from gateway.events import Denied, Resumed, Waited
from gateway.later import Notified, Slept, Woke
from gateway.run import Run
from gateway.store.database import DatabaseStore
from tests.fixtures.parts import PATIENCE, Replies, Stage, arrivals, calls, opened, says, tally

SLEEPER = Agent("clerk", "Be brief.", "tiny", max_output_tokens=100, may_wait=True)
DONE = says("Done.")


class Time:
    """The clock of the store, as drivers read it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = 0
        now = DatabaseStore.now
        monkeypatch.setattr(DatabaseStore, "now", lambda store: now(store) + self._ahead)

    def passes(self, seconds: float) -> None:
        self._ahead += round(seconds * 1000)


@pytest.fixture(name="time")
def _time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


def on_stage(folder: Path, scenario: Callable[[Stage], Any], **more: Any) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder), **more) as stage:
            await scenario(stage)

    asyncio.run(play())


async def drive(stage: Stage, model: Replies, agent: Agent = SLEEPER) -> Run:
    """As another worker does it, who knows nothing but the store."""
    async with asyncio.timeout(PATIENCE):
        return await stage.loop(model, agent).drive("run-1")


def told(model: Replies) -> str:
    parts: Any = model.requests[-1].messages[-1].parts
    return str(parts[0].content[0]["text"])


def test_a_run_rests_until_its_moment_comes_and_whoever_takes_it_up_then_goes_on(tmp_path: Path, time: Time) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued()
        model = Replies(calls(("wait_for", {"seconds": 3_600})), DONE)
        run = await drive(stage, model)
        assert (run.status, run.cause) == ("waiting", "timer")
        (waited,) = [event for event in await stage.events() if isinstance(event, Waited)]
        (slept,) = [event for event in await stage.events() if isinstance(event, Slept)]
        assert waited.until == slept.until == run.wakes
        assert (await drive(stage, model)).status == "waiting"  # it is looked at too early: nothing is written
        assert len([event for event in await stage.events() if isinstance(event, Resumed)]) == 0
        time.passes(3_601)
        run = await drive(stage, model)
        assert run.status == "succeeded"
        assert told(model).startswith("The time has come")
        assert [event.cause for event in await stage.events() if isinstance(event, Resumed)] == ["its time has come"]
        assert (await stage.books()).tool_calls == 0  # nothing was called

    on_stage(tmp_path, scenario)


def test_a_worker_that_dies_between_any_two_of_these_facts_changes_nothing(tmp_path: Path, time: Time) -> None:
    """Whatever was recorded, the next worker goes on from there: the same story, told by others."""

    async def scenario(stage: Stage) -> None:
        await stage.queued()
        model = Replies(calls(("wait_for", {"seconds": 60})), DONE)
        append, left = stage.files.append, [0]

        async def dying(*what: Any, **how: Any) -> int:
            left[0] -= 1
            if left[0] == 0:
                raise Dying
            return await append(*what, **how)

        stage.files.append = dying  # type: ignore[method-assign]
        for death in range(1, 30):
            left[0] = death
            try:
                run = await drive(stage, model)
            except Dying:
                run = await stage.run()
            if run.status == "waiting":
                time.passes(61)
            if run.status == "succeeded":
                break
        assert run.status == "succeeded"
        names = await stage.story()
        assert [names.count(name) for name in ("slept", "woke", "succeeded")] == [1, 1, 1]

    on_stage(tmp_path, scenario)


class Dying(Exception):
    """The worker is killed."""


def test_news_wake_a_run_and_what_they_say_is_untrusted(tmp_path: Path) -> None:
    rules = "p, *, *, desk/send, call, run.tainted == false, allow, clean\np, *, *, desk/look, call, , allow, all\n"

    async def scenario(stage: Stage) -> None:
        await stage.queued()
        model = Replies(calls(("wait_for", {"event": "paid"})), calls(("desk__send", {"word": "x"})), DONE)
        run = await drive(stage, model)
        assert (run.status, run.cause) == ("waiting", "event")
        await stage.files.append("run-1", [Notified("other", "1", "user:bob")], lease=None)
        assert (await drive(stage, model)).status == "waiting"
        await stage.files.append("run-1", [Notified("paid", '{"amount":5}', "user:bob")], lease=None)
        run = await drive(stage, model)
        assert run.status == "succeeded"
        assert run.tainted
        (denied,) = [event for event in await stage.events() if isinstance(event, Denied)]
        assert (denied.gate, arrivals(tmp_path)) == ("permitted", [])
        assert [event.cause for event in await stage.events() if isinstance(event, Resumed)] == ["news came"]

    on_stage(tmp_path, scenario, rules=rules)


def test_news_that_never_come_are_missed_when_the_time_is_over(tmp_path: Path, time: Time) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued()
        model = Replies(calls(("wait_for", {"event": "paid", "seconds": 60})), DONE)
        await drive(stage, model)
        time.passes(61)
        assert (await drive(stage, model)).status == "succeeded"
        assert "No news of `paid` came" in told(model)
        assert len([event for event in await stage.events() if isinstance(event, Woke)]) == 1

    on_stage(tmp_path, scenario)


def test_news_that_came_before_it_waits_for_them_are_there_at_once(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued()
        await stage.files.append("run-1", [Notified("paid", '"early"', "user:ann", tainting=False)], lease=None)
        model = Replies(calls(("wait_for", {"event": "paid"})), DONE)
        run = await drive(stage, model)
        assert (run.status, run.tainted) == ("succeeded", False)
        assert told(model) == 'News of `paid`: "early"'

    on_stage(tmp_path, scenario)


def test_a_wish_that_can_not_be_read_is_told_to_the_model(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued()
        model = Replies(calls(("wait_for", {"seconds": -1})), DONE)
        assert (await drive(stage, model)).status == "succeeded"
        assert "one waits for more than 0" in told(model)

    on_stage(tmp_path, scenario)


def test_an_agent_that_may_not_wait_is_not_shown_how_and_can_not(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued()
        model = Replies(calls(("wait_for", {"seconds": 60})), DONE)
        assert (await drive(stage, model, replace(SLEEPER, may_wait=False))).status == "succeeded"
        assert "wait_for" not in [tool.name for tool in model.requests[0].tools]
        (denied,) = [event for event in await stage.events() if isinstance(event, Denied)]
        assert denied.gate == "known"
        assert not any(isinstance(event, Slept) for event in await stage.events())

    on_stage(tmp_path, scenario)


def test_calls_of_the_same_turn_are_made_before_it_waits(tmp_path: Path, time: Time) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued()
        model = Replies(calls(("wait_for", {"seconds": 60}), ("desk__put", {"word": "a"})), DONE)
        assert (await drive(stage, model)).status == "waiting"
        assert len(arrivals(tmp_path, "put")) == 1
        time.passes(61)
        assert (await drive(stage, model)).status == "succeeded"
        assert len(arrivals(tmp_path, "put")) == 1

    on_stage(tmp_path, scenario)
