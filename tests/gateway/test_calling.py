"""The calls of a run: made, made again, in doubt."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import calling, deferring
from gateway.budget import Limits, Spend
from gateway.call import Call, InDoubt, Outcome, Unsent
from gateway.calling import seconds_left
from gateway.catalogue import Catalogue
from gateway.clients import Exchange
from gateway.effects import Effects, ToolWord
from gateway.events import Admitted, Denied, Returned
from gateway.later import Deferred
from gateway.parties import CallSettings
from gateway.run import Run
from gateway.store.waiting import until
from gateway.upstream import Upstreams
from tests.fixtures.parts import ANN, PATIENCE, RULES, Replies, Stage, arrivals, calls, opened, says, tally

DONE = says("Done.")
FREE = RULES.replace(" ask, ", " allow, ")


class Failing:
    """Servers with which these outcomes come first, whatever really happens; `sends`: all the same it is sent."""

    def __init__(self, servers: Upstreams, outcomes: Sequence[Outcome], *, sends: bool = False) -> None:
        self._servers, self._left, self._sends = servers, list(outcomes), sends
        self.made = 0

    @property
    def catalogue(self) -> Catalogue:
        return self._servers.catalogue

    async def forward(self, call: Call, **how: Any) -> Outcome:
        self.made += 1
        if not self._left:
            return await self._servers.forward(call, **how)
        if self._sends:
            await self._servers.forward(call, **how)
        return self._left.pop(0)

    def wake(self, server: str) -> None:
        self._servers.wake(server)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deferring, "FIRST_PAUSE", 0.0)


def on_stage(folder: Path, scenario: Callable[[Stage], Any], word: ToolWord, *outcomes: Outcome, **more: Any) -> None:
    sends = more.pop("sends", False)

    async def play() -> None:
        settings = CallSettings(effects=Effects({f"desk/{tool}": word for tool in ("send", "put", "fail", "look")}))
        around = {"around_upstream": lambda servers: Failing(servers, outcomes, sends=sends)} if outcomes else {}
        async with opened(folder, tally(folder), settings=settings, **{"rules": FREE, **around, **more}) as stage:
            await scenario(stage)

    asyncio.run(play())


async def attempts(stage: Stage) -> list[int]:
    return [event.attempt for event in await stage.events() if isinstance(event, Admitted)]


def told(model: Replies) -> str:
    parts: Any = model.requests[-1].messages[-1].parts
    return str(parts[0].content[0]["text"])


DOWN = Unsent("the wire was cut before")


def test_what_was_not_sent_is_sent_again_and_each_attempt_is_on_record(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__send", {"word": "a"})), DONE)
        run = await stage.drive(await stage.queued(), model)
        assert run.status == "succeeded"
        assert told(model) == "send done"
        assert await attempts(stage) == [1, 2, 3]
        (sent,) = arrivals(tmp_path)
        assert sent["meta"]["toolgate/idempotency-key"] == "run-1/t1/call/1"
        assert (await stage.books()).tool_calls == 1  # what was not sent costs nothing

    on_stage(tmp_path, scenario, ToolWord(retries=2), DOWN, DOWN)


def test_not_more_often_than_the_admin_says_and_not_at_all_where_he_says_nothing(tmp_path: Path) -> None:
    for name, word, times in (("twice", ToolWord(retries=1), 2), ("once", ToolWord(), 1)):
        model = Replies(calls(("desk__send", {"word": "a"})), DONE)

        async def scenario(stage: Stage, model: Replies = model, times: int = times) -> None:
            await stage.drive(await stage.queued(), model)
            assert await attempts(stage) == [*range(1, times + 1)]
            assert "It is safe to try again later" in told(model)

        folder = tmp_path / name
        folder.mkdir()
        on_stage(folder, scenario, word, DOWN, DOWN, DOWN)
        assert arrivals(folder) == []


def test_what_may_have_happened_is_made_again_only_where_that_does_no_harm(tmp_path: Path) -> None:
    lost = InDoubt("the answer was lost")

    async def scenario(stage: Stage) -> None:
        run = await stage.drive(await stage.queued(), Replies(calls(("desk__put", {})), DONE))
        assert run.status == "succeeded"
        assert await attempts(stage) == [1, 2]
        assert len([event for event in await stage.events() if isinstance(event, Deferred)]) == 1
        assert (await stage.books()).tool_calls == 2
        run = await stage.drive(await stage.queued("run-2"), Replies(calls(("desk__send", {})), DONE))
        assert (run.status, run.cause) == ("succeeded", "")

    on_stage(tmp_path, scenario, ToolWord(retries=1), lost, sends=True)

    async def unsafe(stage: Stage) -> None:
        run = await stage.drive(await stage.queued(), Replies(calls(("desk__send", {})), DONE))
        assert (run.status, run.cause) == ("waiting", "doubt")
        assert await attempts(stage) == [1]

    folder = tmp_path / "unsafe"
    folder.mkdir()
    on_stage(folder, unsafe, ToolWord(retries=5), lost, sends=True)


def test_the_admins_word_that_a_tool_only_reads_makes_it_safe(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        run = await stage.drive(await stage.queued(), Replies(calls(("desk__send", {})), DONE))
        assert run.status == "succeeded"
        assert len(arrivals(tmp_path)) == 2

    on_stage(tmp_path, scenario, ToolWord(read_only=True), InDoubt("lost"), sends=True)


@pytest.mark.parametrize(("words", "times"), [(("did not work",), 3), (("busy",), 1), ((), 1)])
def test_a_tools_own_error_is_tried_again_only_in_words_that_the_admin_named(
    tmp_path: Path, words: tuple[str, ...], times: int
) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__fail", {})), DONE)
        run = await stage.drive(await stage.queued(), model)
        assert run.status == "succeeded"
        assert len(arrivals(tmp_path)) == times
        assert told(model) == "it did not work"
        assert (await stage.books()).tool_calls == times  # each was made, and counts

    on_stage(tmp_path, scenario, ToolWord(retries=2, retry_errors=words))


def test_a_yes_that_was_used_for_an_attempt_that_failed_so_is_good_for_the_next(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__fail", {})), DONE)
        await stage.drive(await stage.queued(), model)
        (asked,) = await stage.approving.waiting()
        await stage.files.decide(asked.id, "approved", "user:bob", "")
        run = await stage.drive("run-1", model)
        assert run.status == "succeeded"
        assert len(arrivals(tmp_path)) == 2
        assert len(await stage.files.approvals(pending_only=False)) == 1

    rules = RULES.replace("desk/send", "desk/fail")
    on_stage(tmp_path, scenario, ToolWord(retries=1, retry_errors=("did not work",)), rules=rules)


def test_a_retry_that_does_not_fit_the_budget_is_not_made(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__fail", {})), DONE)
        run = await stage.drive(await stage.queued(limits=Limits(tool_calls=2)), model)
        assert (run.status, run.budget_spent) == ("paused", "tool_calls")
        assert len(arrivals(tmp_path)) == 2

    on_stage(tmp_path, scenario, ToolWord(retries=5, retry_errors=("did not work",)))


def test_a_run_whose_time_is_over_makes_no_further_attempt(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        run_id = await stage.queued(limits=Limits(millis=50))
        run = await stage.drive(run_id, Replies(calls(("desk__put", {})), DONE))
        assert (run.status, run.budget_spent) == ("paused", "millis")

    class Slow(Failing):
        async def forward(self, call: Call, **how: Any) -> Outcome:
            await asyncio.sleep(0.06)
            return await super().forward(call, **how)

    lost = [InDoubt("lost")] * 9
    on_stage(tmp_path, scenario, ToolWord(retries=9), around_upstream=lambda servers: Slow(servers, lost))


async def deferred(stage: Stage) -> bool:
    return "deferred" in await stage.story()


def test_a_worker_whose_time_is_over_waits_for_no_moment_and_the_next_one_waits_for_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferring, "pause", lambda _attempt: 3600.0)
    monkeypatch.setattr(calling, "LONGEST_PAUSE", 3600.0)

    async def scenario(stage: Stage) -> None:
        over, model = asyncio.Event(), Replies(calls(("desk__send", {"word": "a"})), DONE)
        lease = await stage.files.acquire(await stage.queued(), "worker", 60.0)
        assert lease is not None
        working = asyncio.create_task(stage.loop(model).work(lease, over))
        async with asyncio.timeout(PATIENCE):
            assert await until(stage.files, lambda: deferred(stage))
            over.set()
            run = await working
        assert run.status == "running"
        assert await attempts(stage) == [1]
        monkeypatch.setattr(calling, "LONGEST_PAUSE", 0.0)
        await stage.files.release(lease)
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert await attempts(stage) == [1, 2]

    on_stage(tmp_path, scenario, ToolWord(retries=2), DOWN)


def test_a_client_waits_for_a_server_that_is_away_and_for_nothing_else(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a test") as client:
            result = await client.call("desk/send", {"word": "a"})
            assert isinstance(result, Returned)
            assert result.outcome["kind"] == "answered"
            facts = await stage.files.events(client.run_id)
            admitted = [each.event for each in facts if isinstance(each.event, Admitted)]
            assert [(event.key, event.attempt) for event in admitted] == [("call/1", 1), ("call/1", 2)]
            assert not any(isinstance(each.event, Deferred) for each in facts)

    on_stage(tmp_path, scenario, ToolWord(retries=1), DOWN)
    assert len(arrivals(tmp_path)) == 1


class Edited(Failing):
    """Somebody edits the policy while the call is away for the first time."""

    edit: Callable[[], None]

    async def forward(self, call: Call, **how: Any) -> Outcome:
        if not self.made:
            self.edit()
        return await super().forward(call, **how)


def test_an_edit_while_a_client_waits_for_the_server_counts_for_the_next_attempt(tmp_path: Path) -> None:
    """Though the call itself came before it."""
    servers: list[Edited] = []

    def around(upstreams: Upstreams) -> Edited:
        servers.append(Edited(upstreams, [DOWN]))
        return servers[0]

    async def scenario(stage: Stage) -> None:
        servers[0].edit = lambda: stage.rule(FREE.replace(" allow, ", " deny, "))
        async with stage.clients().run(ANN, "a test") as client:
            exchange = Exchange(came=time.monotonic())
            result = await client.call("desk/send", {"word": "a"}, exchange=exchange)
            assert isinstance(result, Denied)
            assert result.gate == "permitted"

    on_stage(tmp_path, scenario, ToolWord(retries=1), around_upstream=around)
    assert arrivals(tmp_path) == []


def test_a_run_has_the_time_left_that_it_has_not_worked_and_a_moment_at_least() -> None:
    run = Run("r-1", active=5_000)
    assert seconds_left(run, 5_000) is None
    limited = replace(run, limits=Limits(millis=10_000))
    assert seconds_left(limited, 5_000) == 10
    assert seconds_left(limited, 9_000) == 6
    assert seconds_left(replace(limited, spend=Spend(millis=20_000)), 5_000) == 0.1
