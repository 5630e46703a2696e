"""A run that grows beyond its model's window: what is asked, recorded and told, also after a crash."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from pathlib import Path
from typing import Any

from gateway.agents import Agent, Context
from gateway.agents.context import estimated_tokens
from gateway.budget import Limits, Price
from gateway.conversation import Compacted
from gateway.events import ModelAnswered, ModelFailed
from gateway.run import Run
from gateway.turn import Backend, Model
from providers import (
    Finished,
    Message,
    ProviderError,
    Reply,
    Request,
    StreamEvent,
    Text,
    TextDelta,
    ToolCall,
    Usage,
)
from providers.sound import Sound
from tests.fixtures.parts import Stage, dangling, opened, tally

WINDOW = 6_000  # tokens
PRICE = Price(1000, 2000)
SUMMARY = "Ann wants it put away; a to e were put."


def clerk(**context: Any) -> Agent:
    told = Context(**{"window": WINDOW, "pinned": ("Ann's number is 17.",), **context})
    return Agent("clerk", "Be brief.", "tiny", tools=("desk/put", "desk/look"), max_output_tokens=100, context=told)


class Talkative:
    """Calls a tool so many times, with many words, and then is done. `summaries` are its answers to such questions."""

    def __init__(self, turns: int, *summaries: str | ProviderError, words: int = 1_500) -> None:
        self._turns, self._summaries, self._words = turns, list(summaries) or [SUMMARY], words
        self.requests: list[Request] = []
        self.asked: list[Request] = []  # for a summary

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        if request.system.startswith("You are shown the older part"):
            self.asked.append(request)
            said = self._summaries[min(len(self.asked), len(self._summaries)) - 1]
            if isinstance(said, ProviderError):
                raise said
            yield TextDelta(said)
            yield Finished(reply(Text(said)))
            return
        self.requests.append(request)
        if dangling(request.messages):
            raise ProviderError("bad_request", "a tool call has no result beside it", status=400)
        turn = len(self.requests)
        call = (ToolCall(f"c{turn}", "desk__put", json.dumps({"word": f"w{turn}"})),) if turn <= self._turns else ()
        yield Finished(reply(Text("w" * self._words if call else "Done."), *call))


def reply(*parts: Text | ToolCall) -> Reply:
    calls = any(isinstance(part, ToolCall) for part in parts)
    return Reply(Message("assistant", parts), "tool_calls" if calls else "stop", Usage(20, 10), "tiny-1")


def on_stage(folder: Path, scenario: Callable[[Stage], Any], **more: Any) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder), **more) as stage:
            await scenario(stage)

    asyncio.run(play())


async def drive(stage: Stage, provider: Any, agent: Agent | None = None) -> Run:
    model = Model(provider, "tiny", PRICE)
    return await stage.loop(model, agent or clerk()).drive("run-1")


def tokens(request: Request) -> int:
    told = json.dumps([[str(part) for part in message.parts] for message in request.messages])
    return len(told) // 3


async def compactions(stage: Stage) -> Sequence[Compacted]:
    return [event for event in await stage.events() if isinstance(event, Compacted)]


def test_a_long_run_fits_its_window_all_the_way_and_keeps_what_is_pinned(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Talkative(40)
        await stage.queued(text="Put them all away.")
        run = await drive(stage, model)
        assert (run.status, run.output, run.turn) == ("succeeded", "Done.", 41)
        assert max(map(tokens, model.requests)) < WINDOW
        assert all("Ann's number is 17." in request.system for request in model.requests)
        assert all("Put them all away." in request.messages[0].text for request in model.requests)
        found = await compactions(stage)
        assert 1 <= len(model.asked) <= len(found) < 10  # not at each turn: what comes before stays the same for many
        assert {event.by for event in found if event.messages} == {"tiny"}
        assert found[-1].left_out["messages"] > 40
        assert SUMMARY in model.requests[-1].messages[0].text
        assert (await stage.books()).turns == 41  # a summary is no turn, but is paid for
        assert run.spend.model_calls == 41 + len(model.asked)

    on_stage(tmp_path, scenario)


def test_between_two_compactions_a_request_begins_as_the_one_before(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Talkative(20)
        await stage.queued()
        await drive(stage, model)
        pairs = zip(model.requests, model.requests[1:], strict=False)
        grown = [list(after.messages[: len(before.messages)]) == list(before.messages) for before, after in pairs]
        assert grown.count(False) == len(await compactions(stage))
        assert len({(request.system, tuple(t.name for t in request.tools)) for request in model.requests}) == 1

    on_stage(tmp_path, scenario)


def test_a_summary_that_can_not_be_had_does_not_stop_the_run(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Talkative(12, ProviderError("bad_request", "no"), ProviderError("server", "broken"))
        await stage.queued(text="Put them all away.")
        run = await drive(stage, model)
        assert (run.status, run.output) == ("succeeded", "Done.")
        told = model.requests[-1].messages[0].text
        assert "Tools were called: desk__put" in told
        assert {event.by for event in await compactions(stage)} == {""}
        await stage.books()

    on_stage(tmp_path, scenario)


class Dying(Talkative):
    """Its worker dies while it waits for the summary."""

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        async for event in super().stream(request):
            if self.asked and (worker := asyncio.current_task()) is not None:
                worker.cancel()
                await asyncio.Event().wait()
            yield event


def test_a_worker_that_dies_over_a_summary_loses_nothing(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued(text="Put them all away.")
        dying = Dying(40)
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.create_task(drive(stage, dying))
        died = await stage.run()
        assert (died.asked_for, len(dying.asked)) == ("summary", 1)
        model = Talkative(2)
        run = await drive(stage, model)
        assert (run.status, run.failures) == ("succeeded", ())
        assert len(model.asked) == 1  # nobody had heard it, so it is asked for again
        assert SUMMARY in model.requests[0].messages[0].text
        assert run.turn == died.turn + 3
        await stage.books()

    on_stage(tmp_path, scenario)


def test_a_summary_that_was_recorded_before_a_crash_is_not_asked_for_again(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued(text="Put them all away.")
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.create_task(drive(stage, Dying(40)))
        turn = (await stage.run()).turn
        message = {"role": "assistant", "parts": [{"kind": "text", "text": "WRITTEN BEFORE"}]}
        written = ModelAnswered(turn, message, "stop", "tiny", {}, {}, (), "summary")
        await stage.files.append("run-1", [written], lease=None)
        model = Talkative(0)
        assert (await drive(stage, model)).status == "succeeded"
        assert model.asked == []
        assert "WRITTEN BEFORE" in model.requests[0].messages[0].text

    on_stage(tmp_path, scenario)


def test_instructions_that_leave_no_room_end_the_run_and_say_so(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued()
        run = await drive(stage, Talkative(1), clerk(window=600))
        assert run.status == "failed"
        assert run.cause.startswith("context_window: the window of 600 tokens has no room for a conversation")

    on_stage(tmp_path, scenario)


def test_a_backend_that_counts_is_believed_and_asked_only_where_the_estimate_says_no(tmp_path: Path) -> None:
    counted: list[Request] = []

    async def count(request: Request) -> int | None:
        counted.append(request)
        return tokens(request) // 4

    async def scenario(stage: Stage) -> None:
        await stage.queued()
        model = Model(Talkative(12), "tiny", PRICE, backends=(Backend("tiny", "tiny", PRICE, count=count),))
        run = await stage.loop(model, clerk()).drive("run-1")
        assert run.status == "succeeded"
        assert len(counted) == 1  # what it said holds for the next turns, too
        assert await compactions(stage) == []

    on_stage(tmp_path, scenario)


def test_a_summary_counts_against_the_budget_and_a_spent_one_pauses_the_run(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued(limits=Limits(model_calls=9))
        model = Talkative(40)
        run = await drive(stage, model)
        assert (run.status, run.budget_spent) == ("paused", "model_calls")
        assert len(model.requests) + len(model.asked) == 9
        assert len(model.asked) >= 1
        await stage.books()

    on_stage(tmp_path, scenario)


def test_the_estimate_is_of_what_is_told_and_not_of_what_is_kept(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Talkative(30)
        await stage.queued()
        run = await drive(stage, model)
        assert estimated_tokens(model.requests[-1], run) < WINDOW

    on_stage(tmp_path, scenario)


def test_each_compaction_has_a_span_and_each_summary_a_call_of_the_model_of_its_own(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Talkative(40)
        await stage.queued()
        await drive(stage, model)
        spans = [span for span in stage.recorder.spans if span.name in ("agent.step", "llm.call")]
        compacting = [span for span in spans if span.attributes.get("toolgate.step.kind") == "compaction"]
        assert len(compacting) == len(await compactions(stage))
        summaries = [span for span in spans if "/summary/" in span.key]
        assert len(summaries) == len(model.asked)
        assert len({span.key for span in spans}) == len(spans)

    on_stage(tmp_path, scenario)


class Narrow(Talkative):
    """Takes fewer bytes of conversation than anybody has said."""

    def __init__(self, turns: int, most: int) -> None:
        super().__init__(turns)
        self.most, self.refused = most, list[Request]()

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        if request.purpose == "answer" and tokens(request) * 3 > self.most:
            self.refused.append(request)
            raise ProviderError("too_large", "prompt is too long: 9 tokens > 8 maximum", status=400)
        async for event in super().stream(request):
            yield event


def test_what_the_model_refuses_as_too_large_is_told_shorter_and_asked_once_more(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Narrow(20, 20_000)
        await stage.queued(text="Put them all away.")
        run = await drive(stage, model, clerk(window=1_000_000))
        assert (run.status, run.output) == ("succeeded", "Done.")
        assert model.refused
        found = await compactions(stage)
        assert found[0].because == "too_large"
        assert {event.because for event in found} <= {"too_large", ""}
        failures = [event for event in await stage.events() if isinstance(event, ModelFailed)]
        assert [event.kind for event in failures] == ["too_large"] * len(model.refused)
        assert len(model.refused) == 1  # what it has refused once, it is not asked again
        spans = [span for span in stage.recorder.spans if span.attributes.get("toolgate.step.kind") == "compaction"]
        assert len(spans) == len(found)
        await stage.books()

    on_stage(tmp_path, scenario)


def test_a_model_that_refuses_the_shorter_one_too_is_not_asked_a_third_time(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        class Narrower(Narrow):
            async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
                self.most = 0 if self.refused else self.most
                async for event in super().stream(request):
                    yield event

        model = Narrower(20, 20_000)
        await stage.queued(text="Put them all away.")
        run = await drive(stage, model, clerk(window=1_000_000))
        assert (run.status, run.cause.partition(":")[0]) == ("failed", "too_large")
        assert len(model.refused) == 2
        await stage.books()

    on_stage(tmp_path, scenario)


def test_a_reply_that_is_too_long_says_nothing_of_the_question(tmp_path: Path) -> None:
    """It is not asked again with less in it: the answer would be as long, and be billed again."""

    class Endless:
        async def stream(self, _request: Request) -> AsyncGenerator[StreamEvent, None]:
            while True:
                yield TextDelta("x" * 1_000)

    class Rambling(Talkative):
        async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
            rambles = len(self.requests) == 10
            self.asked += [request] * rambles
            async for event in Sound(Endless()).stream(request) if rambles else super().stream(request):
                yield event

    async def scenario(stage: Stage) -> None:
        model = Rambling(20)
        await stage.queued(text="Put them all away.")
        run = await drive(stage, model, clerk(window=1_000_000))
        assert (run.status, run.cause.partition(":")[0]) == ("failed", "too_long")
        assert (len(model.asked), await compactions(stage)) == (1, [])
        await stage.books()

    on_stage(tmp_path, scenario)


def test_a_short_question_that_is_too_large_fails_at_once(tmp_path: Path) -> None:
    """Nothing of it could be left out."""

    async def scenario(stage: Stage) -> None:
        model = Narrow(20, 10)
        await stage.queued(text="Put them all away.")
        run = await drive(stage, model, clerk(window=1_000_000))
        assert (run.status, len(model.refused)) == ("failed", 1)

    on_stage(tmp_path, scenario)
