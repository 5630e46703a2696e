"""Budgets stop a run before it overspends; with more to spend it goes on, and nothing is done twice."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.budget import Limits, Price
from gateway.events import LimitsRaised, ModelAsked, Paused
from gateway.turn import Model
from providers import Request, StreamEvent, Usage
from tests.fixtures.parts import BOB, Replies, Stage, arrivals, calls, gate, opened, says, tally

DONE = says("Done.")


def on_stage(folder: Path, scenario: Callable[[Stage], Any], **more: Any) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder), **more) as stage:
            await scenario(stage)

    asyncio.run(play())


async def raise_to(stage: Stage, limits: Limits) -> None:
    await stage.files.append("run-1", [LimitsRaised(limits.to_json(), "user:ann")], lease=None)


async def first_reservation(stage: Stage) -> Limits:
    """What the first question of a run reserves."""
    await stage.drive(await stage.queued("probe"), Replies(DONE))
    (asked,) = [event for event in await stage.events("probe") if isinstance(event, ModelAsked)]
    return Limits(nanos=asked.reserved["nanos"])


STORY = (calls(("desk__put", {"word": "1"}), ("desk__look", {})), calls(("desk__put", {"word": "2"})), DONE)

STOPS = [
    ("turns", Limits(turns=1), Limits(turns=3), 2),
    ("tool_calls", Limits(tool_calls=1), Limits(tool_calls=3), 1),
    ("tokens", Limits(tokens=150), Limits(tokens=5000), 0),
    ("nanos", Limits(nanos=39_999), Limits(nanos=10**9), 2),  # more than the first question reserves; it costs 40,000
]


@pytest.mark.parametrize(("unit", "low", "high", "before"), STOPS, ids=[row[0] for row in STOPS])
def test_a_spent_budget_pauses_the_run_and_a_higher_one_finishes_it_with_nothing_done_twice(
    tmp_path: Path, unit: str, low: Limits, high: Limits, before: int
) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(*STORY)
        enough = await first_reservation(stage) if unit == "nanos" else Limits()
        given = replace(low, nanos=low.nanos + enough.nanos) if low.nanos and enough.nanos else low
        paused = await stage.drive(await stage.queued(limits=given), model)
        assert (paused.status, paused.budget_spent) == ("paused", unit)
        assert len(arrivals(tmp_path)) == before
        books = await stage.books()
        assert getattr(books, unit) <= getattr(given, unit)
        again = await stage.drive("run-1", model)  # with the same budget: no step further
        assert (again.status, again.turn) == ("paused", paused.turn)
        assert await stage.books() == books
        assert len(arrivals(tmp_path)) == before
        await raise_to(stage, high)
        done = await stage.drive("run-1", model)
        assert (done.status, done.output) == ("succeeded", "Done.")
        assert sorted(str(each["arguments"].get("word")) for each in arrivals(tmp_path)) == ["1", "2", "None"]
        spent = await stage.books()
        assert (spent.turns, spent.tool_calls, spent.tokens, spent.nanos) == (3, 3, 90, 120_000)

    on_stage(tmp_path, scenario)


def test_the_pause_says_how_much_is_missing(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.drive(await stage.queued(limits=Limits(turns=1)), Replies(*STORY))
        last = (await stage.events())[-1]
        assert last == Paused("budget", "1 turn more would pass the limit of 1 turn; 1 turn taken so far", "turns")

    on_stage(tmp_path, scenario)


def test_time_at_work_is_limited_and_a_call_under_way_is_given_up_for_it(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with gate() as held:
            for millis in (300, 1500, 7500, 37_500):  # more, if they are over before the call could be sent
                model = Replies(calls(("desk__hold", {"port": held.port})), DONE)
                run_id = await stage.queued(f"run-{millis}", limits=Limits(millis=millis))
                paused = await stage.drive(run_id, model)
                assert (paused.status, paused.budget_spent) == ("paused", "millis")
                if arrivals(tmp_path):
                    break
            await stage.files.append(run_id, [LimitsRaised({"millis": 600_000}, "user:ann")], lease=None)
            waiting = await stage.drive(run_id, model)
        assert (waiting.status, waiting.cause) == ("waiting", "doubt")
        assert len(arrivals(tmp_path)) == 1
        assert len(model.requests) == 1

    on_stage(tmp_path, scenario)


def test_time_at_work_limits_a_model_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.loop.backoff", lambda _attempt, _asked: 0.0)

    class Slow(Replies):
        async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
            if request.deadlines.total < 1:
                await asyncio.Event().wait()
            async for event in super().stream(request):
                yield event

    async def scenario(stage: Stage) -> None:
        model = Slow(DONE)
        paused = await stage.drive(await stage.queued(limits=Limits(millis=200)), model)
        assert (paused.status, paused.budget_spent) == ("paused", "millis")
        await raise_to(stage, Limits(millis=600_000))
        assert (await stage.drive("run-1", model)).status == "succeeded"

    on_stage(tmp_path, scenario)


def test_waiting_for_people_and_lying_dead_cost_no_time(tmp_path: Path) -> None:
    times = [time.time_ns() // 1_000_000 + 60_000]  # ahead of our own clock, so that only what the store says counts

    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__send", {})), DONE)
        waiting = await stage.drive(await stage.queued(limits=Limits(millis=60_000)), model)
        assert waiting.status == "waiting"
        times[0] += 3 * 24 * 3600 * 1000
        (question,) = await stage.files.approvals()
        await stage.store.decide(question.id, "approved", BOB.user, "")
        times[0] += 3600 * 1000
        done = await stage.drive("run-1", model)
        assert done.status == "succeeded"
        assert done.spend.millis == 0

    on_stage(tmp_path, scenario, clock=lambda: times[0])


def test_parallel_calls_of_one_reply_cannot_overspend_together(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        wishes = [("desk__put", {"word": str(number)}) for number in range(20)]
        model = Replies(calls(*wishes), DONE)
        paused = await stage.drive(await stage.queued(limits=Limits(tool_calls=10)), model)
        assert paused.status == "paused"
        assert len(arrivals(tmp_path)) == 10
        await raise_to(stage, Limits(tool_calls=20))
        assert (await stage.drive("run-1", model)).status == "succeeded"
        words = [each["arguments"]["word"] for each in arrivals(tmp_path)]
        assert sorted(words) == sorted(str(number) for number in range(20))

    on_stage(tmp_path, scenario)


def test_denied_held_and_unread_calls_cost_nothing(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        wishes = [("desk__die", {"amount": 101}), ("desk__put", "{"), ("desk__none", {}), ("desk__send", {})]
        waiting = await stage.drive(await stage.queued(limits=Limits(tool_calls=1)), Replies(calls(*wishes), DONE))
        assert waiting.status == "waiting"
        assert (await stage.books()).tool_calls == 0

    on_stage(tmp_path, scenario)


def test_a_question_to_the_model_is_shortened_to_what_is_left_of_the_tokens(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(replace(DONE, usage=Usage(200, 30)))
        limits = Limits(tokens=700)
        await stage.drive(await stage.queued(limits=limits), model)
        (request,) = model.requests
        assert 0 < request.max_output_tokens <= 100
        assert (await stage.books()).tokens == 230

    on_stage(tmp_path, scenario)


def test_a_free_model_has_no_price_and_a_dear_one_is_stopped_before_it_speaks(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        silent = Replies(DONE)
        dear = Model(silent, "tiny", Price(10**9, 10**9))
        paused = await stage.drive(await stage.queued(limits=Limits(nanos=10**9)), dear)
        assert (paused.status, paused.budget_spent) == ("paused", "nanos")
        assert silent.requests == []
        free = Model(silent, "tiny", Price())
        done = await stage.drive("run-1", free)
        assert done.status == "succeeded"
        assert (await stage.books()).nanos == 0

    on_stage(tmp_path, scenario)
