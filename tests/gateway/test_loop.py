"""The path of a run, over a real store and a real server: what is asked, made, recorded, and left alone."""

import asyncio
import contextlib
import gc
import math
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway import deferring, halting
from gateway import loop as the_loop
from gateway.agents import Agent
from gateway.budget import Limits, Price
from gateway.call import Call, InDoubt, Outcome
from gateway.catalogue import Catalogue
from gateway.deferring import MAX_ATTEMPTS
from gateway.errors import ConfigError, IllegalEvent, LeaseLost, StoreError, UnknownRun
from gateway.events import (
    Admitted,
    Cancelled,
    Denied,
    Queued,
    Recorded,
    Resolution,
    Resolved,
    event_name,
)
from gateway.fitting import Fitting
from gateway.hearing import OfRun
from gateway.journal import Journal
from gateway.loop import Loop, backoff
from gateway.pipeline import CallSettings
from gateway.speaking import Speaking
from gateway.turn import Model
from gateway.upstream import Upstreams
from providers import ProviderError, Request, StreamEvent, TextDelta
from providers.scripted import ScriptedProvider
from tests.fixtures.parts import ANN, BOB, RULES, Cut, Replies, Stage, calls, gate, opened, says, tally, until
from tests.fixtures.parts import arrivals as arrived

DONE = says("Done.")


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """The back-off that was asked for: `(attempt, left)`, in whole seconds. Nobody waits."""
    asked: list[tuple[int, float]] = []

    def none(attempt: int, left: float) -> float:
        asked.append((attempt, math.ceil(left)))
        return 0.0

    monkeypatch.setattr(the_loop, "backoff", none)
    monkeypatch.setattr(deferring, "FIRST_PAUSE", 0.0)
    return asked


def on_stage(folder: Path, scenario: Callable[[Stage], Any], **more: Any) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder), **more) as stage:
            await scenario(stage)

    asyncio.run(play())


def said_to(model: Replies, turn: int) -> Any:
    """The results that the model was given in this turn: `(text, is_error)` for each."""
    request = next(each for each in model.requests if sum(m.role == "assistant" for m in each.messages) == turn - 1)
    parts: Any = request.messages[-1].parts
    return [(part.content[0]["text"], part.is_error) for part in parts]


# ---- conversations


def test_a_whole_conversation_with_calls_side_by_side(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with gate() as held:
            wishes = [
                ("desk__hold", {"port": held.port}),
                ("desk__put", {"word": "a"}),
                ("desk__hold", {"port": held.port}),
            ]
            model = Replies(calls(*wishes), says("Done."))
            driving = asyncio.create_task(stage.drive(await stage.queued(), model))
            await held.arrived(2)  # both are under way at once
            held.open.set()
            run = await driving
        assert (run.status, run.output) == ("succeeded", "Done.")
        assert said_to(model, 2) == [("held, and let go", False), ("put done", False), ("held, and let go", False)]
        assert len(arrived(tmp_path)) == 3
        first, second = model.requests
        assert [tool.name for tool in first.tools if tool.name == "desk__put"] == ["desk__put"]
        assert (first.system, first.model) == ("Be brief.", "tiny")
        assert [message.role for message in second.messages] == ["user", "assistant", "tool"]
        assert (await stage.books()).tool_calls == 3

    on_stage(tmp_path, scenario)


def test_a_conversation_goes_with_its_drive_and_not_when_the_collector_comes_by(tmp_path: Path) -> None:
    """A worker held dozens of megabytes of runs that had ended: the parts of a drive held the whole of it."""
    parts = (Journal, Speaking, Fitting, OfRun)

    async def scenario(stage: Stage) -> None:
        gc.collect()
        before = {id(each) for each in gc.get_objects() if isinstance(each, parts)}
        gc.disable()
        try:
            run = await stage.drive(await stage.queued(), Replies(calls(("desk__put", {"word": "a"})), says("Done.")))
            assert run.status == "succeeded"
            assert [each for each in gc.get_objects() if isinstance(each, parts) and id(each) not in before] == []
        finally:
            gc.enable()

    on_stage(tmp_path, scenario)


def test_every_fact_is_shown_once_and_in_order(tmp_path: Path) -> None:
    class Looking:
        def __init__(self) -> None:
            self.facts: list[Recorded] = []
            self.text = ""

        def recorded(self, recorded: Recorded) -> None:
            self.facts.append(recorded)

        def streamed(self, event: StreamEvent) -> None:
            self.text += event.text if isinstance(event, TextDelta) else ""

    async def scenario(stage: Stage) -> None:
        looking = Looking()
        await stage.drive(await stage.queued(), Replies(calls(("desk__put", {}), ("desk__look", {})), DONE), looking)
        assert looking.facts == await stage.files.events("run-1")
        assert looking.text == "Done."

    on_stage(tmp_path, scenario)


SCRIPT = """
steps:
  - calls:
      - {tool: desk/put, args: {word: a}, as: put}
      - {tool: desk/send, args: {word: b}}
      - {tool: desk/die, args: {amount: 101}, as: refused}
  - expect: [{call: put, is_error: false}, {call: refused, denied: true}]
    fail: {kind: overloaded, retry_after: 3}
    call: {tool: desk/look, args: {}}
  - say: Sent, and looked at.
"""


def test_a_scripted_model_plays_through_calls_approvals_refusals_and_failures(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        script = tmp_path / "script.yaml"
        script.write_text(SCRIPT, encoding="utf-8")
        model = Model(ScriptedProvider.from_file(script), "scripted", Price())
        waiting = await stage.drive(await stage.queued(text="hello"), model)
        assert waiting.status == "waiting", waiting.cause
        (question,) = await stage.approving.waiting()
        await stage.approving.decide(BOB, question.id, "approved")
        run = await stage.drive("run-1", Model(ScriptedProvider.from_file(script), "scripted", Price()))
        assert (run.status, run.output, run.denials) == ("succeeded", "Sent, and looked at.", 1)
        assert [each["tool"] for each in arrived(tmp_path)] == ["put", "send", "look"]

    on_stage(tmp_path, scenario)


@pytest.mark.parametrize("finish", ["length", "refusal", "content_filter", "context_window"])
def test_a_reply_that_was_cut_or_refused_ends_the_run_and_none_of_its_calls_is_made(
    tmp_path: Path, finish: Any
) -> None:
    async def scenario(stage: Stage) -> None:
        run = await stage.drive(await stage.queued(), Replies(calls(("desk__put", {}), finish=finish)))
        assert (run.status, run.cause) == ("failed", f"{finish}: the model stopped with `{finish}`")
        assert arrived(tmp_path) == []

    on_stage(tmp_path, scenario)


MALFORMED = ['{"word": "a"', "[1]", '{"word":"a","word":"b"}', '{"amount": NaN}', "", '{"amount": "1"}']


@pytest.mark.parametrize("given", MALFORMED)
def test_arguments_that_do_not_parse_go_back_to_the_model_and_not_to_the_server(tmp_path: Path, given: str) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__put", given)), calls(("desk__put", {"word": "better"})), DONE)
        run = await stage.drive(await stage.queued(), model)
        ((text, is_error),) = said_to(model, 2)
        assert is_error
        assert text.startswith("Denied: ")
        assert text.endswith("Correct the call.")
        assert (run.status, run.denials, run.turn) == ("succeeded", 1, 3)
        assert [each["arguments"] for each in arrived(tmp_path)] == [{"word": "better"}]

    on_stage(tmp_path, scenario)


def test_a_tool_that_is_not_there_is_named_with_the_one_that_may_be_meant(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk/putt", {}), ("made up", {})), DONE)
        assert (await stage.drive(await stage.queued(), model)).status == "succeeded"
        (first, _), (second, _) = said_to(model, 2)
        assert "did you mean `desk/put`?" in first
        assert "there is no tool `made up`" in second

    on_stage(tmp_path, scenario)


def test_two_calls_of_one_id_are_two_calls_with_a_result_each(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__put", {"word": "a"}), ("desk__look", {}), same_id=True), DONE)
        assert (await stage.drive(await stage.queued(), model)).status == "succeeded"
        assert said_to(model, 2) == [("put done", False), ("look done", False)]
        keys = [each["meta"]["toolgate/idempotency-key"] for each in arrived(tmp_path)]
        assert sorted(keys) == ["run-1/t1/call/1", "run-1/t1/call/2"]

    on_stage(tmp_path, scenario)


def test_a_denied_call_and_a_tools_own_error_are_told_to_the_model(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__die", {"amount": 101}), ("desk__fail", {}), ("desk__refuse", {})), DONE)
        assert (await stage.drive(await stage.queued(), model)).status == "succeeded"
        denied, failed, refused = said_to(model, 2)
        assert "that is too much" in denied[0]
        assert failed == ("it did not work", True)
        assert "not today" in refused[0]
        assert denied[1]
        assert refused[1]

    on_stage(tmp_path, scenario)


def test_the_model_is_shown_what_the_policy_and_the_agent_allow_at_that_moment(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        class Tightening(Replies):
            async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
                stage.rule(f"p, *, *, desk/put, call, , deny, not today\n{RULES}")
                async for event in super().stream(request):
                    yield event

        model = Tightening(calls(("desk__look", {})), DONE)
        worker = Agent("clerk", tools=("desk/put", "desk/look"), max_output_tokens=50)
        loop = stage.loop(model, worker)
        await loop.drive(await stage.queued())
        assert [[tool.name for tool in request.tools] for request in model.requests] == [
            ["desk__look", "desk__put"],
            ["desk__look"],
        ]

    on_stage(tmp_path, scenario)


def test_a_tool_that_is_described_anew_is_shown_as_it_is_now(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        def described() -> str:
            return stage.servers.catalogue.tools["desk/send"].description

        class Looking(Replies):
            async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
                if self.requests:
                    await until(lambda: described() == "Sends it to the moon.", stage.servers)
                async for event in super().stream(request):
                    yield event

        wishes = calls(("desk__reword", {"word": "Sends it to the moon."}))
        model = Looking(wishes, calls(("desk__look", {})), DONE)
        assert (await stage.drive(await stage.queued(), model)).status == "succeeded"
        shown = [[tool.description for tool in each.tools if tool.name == "desk__send"] for each in model.requests]
        assert shown[0] == ["Tool send."]
        assert shown[2] == ["Sends it to the moon."]

    on_stage(tmp_path, scenario)


# ---- when the model fails


def test_a_cut_stream_and_a_busy_backend_are_asked_again(tmp_path: Path, pauses: list[Any]) -> None:
    async def scenario(stage: Stage) -> None:
        busy = ProviderError("overloaded", "busy", retry_after=50.0)
        model = Replies([Cut, busy, calls(("desk__put", {}))], [Cut, DONE])
        run = await stage.drive(await stage.queued(), model)
        assert run.status == "succeeded"
        assert len(model.requests) == 5
        assert (await stage.books()).turns == 2
        assert len(arrived(tmp_path)) == 1
        assert [(attempt, left > 0) for attempt, left in pauses] == [(2, False), (3, True), (2, False)]

    on_stage(tmp_path, scenario)


def test_the_third_failure_in_a_row_ends_the_run(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(ProviderError("server", "broken"))
        run = await stage.drive(await stage.queued(), model)
        assert (run.status, run.cause) == ("failed", "server: broken")
        assert len(model.requests) == 3
        assert (await stage.books()).turns == 1

    on_stage(tmp_path, scenario)


@pytest.mark.parametrize("kind", ["auth", "permission", "not_found", "bad_request", "too_large", "too_long", "refused"])
def test_a_failure_that_would_come_again_ends_the_run_at_once(tmp_path: Path, kind: Any) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(ProviderError(kind, "no"))
        run = await stage.drive(await stage.queued(), model)
        assert (run.status, run.cause) == ("failed", f"{kind}: no")
        assert len(model.requests) == 1

    on_stage(tmp_path, scenario)


def test_the_pause_grows_is_spread_and_respects_what_the_backend_asks_for_within_reason() -> None:
    for attempt, longest in ((2, 1.0), (3, 2.0)):
        drawn = [backoff(attempt, 0.0) for _ in range(200)]
        assert 0 <= min(drawn) < longest / 4 < max(drawn) <= longest
    assert backoff(2, 30.0) == 30.0


# ---- whose run it is


def test_of_two_drivers_one_gets_the_run_and_the_other_is_told(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with gate() as held:
            model = Replies(calls(("desk__hold", {"port": held.port})), DONE)
            driving = asyncio.create_task(stage.drive(await stage.queued(), model))
            await held.arrived()
            with pytest.raises(LeaseLost, match="is being driven by"):
                await stage.drive("run-1", model)
            held.open.set()
            assert (await driving).status == "succeeded"
        assert len(arrived(tmp_path)) == 1
        assert (await stage.drive("run-1", model)).status == "succeeded"  # it has ended: nothing is done again
        assert (await stage.story()).count("succeeded") == 1

    on_stage(tmp_path, scenario)


def test_a_driver_that_was_taken_for_dead_records_nothing_and_stops(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with gate() as held:
            model = Replies(calls(("desk__hold", {"port": held.port})), DONE)
            driving = asyncio.create_task(stage.drive(await stage.queued(), model))
            await held.arrived()
            owner = (await stage.files.run_row("run-1")).owner
            assert await stage.files.acquire("run-1", "another", 60, gone=owner)
            before = await stage.story()
            held.open.set()
            with pytest.raises(LeaseLost):
                await driving
        assert await stage.story() == before
        assert before[-1] == "admitted"
        assert len(model.requests) == 1

    on_stage(tmp_path, scenario)


def test_a_store_that_fails_stops_the_run_as_it_is_and_one_failing_call_stops_its_siblings(tmp_path: Path) -> None:
    class Full:
        def __init__(self, store: Any) -> None:
            self._store, self.full = store, False

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def append(self, run_id: str, events: Any, **rest: Any) -> int:
            if isinstance(events[0], Admitted) and events[0].path == "desk/put":
                raise StoreError("the disk is full")
            return int(await self._store.append(run_id, events, **rest))

    async def scenario(stage: Stage) -> None:
        async with gate() as held:
            model = Replies(calls(("desk__hold", {"port": held.port}), ("desk__put", {})), DONE)
            with pytest.raises(StoreError, match="the disk is full"):
                await stage.drive(await stage.queued(), model)
        assert arrived(tmp_path, "put") == []
        assert (await stage.run()).status == "running"

    on_stage(tmp_path, scenario, around_store=Full)


def test_a_run_that_is_not_there_and_a_clients_run_are_not_driven(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        with pytest.raises(UnknownRun):
            await stage.drive("nobody", Replies())
        await stage.files.append("c", [Queued("client", "user:ann", "acme")], lease=None)
        assert (await stage.drive("c", Replies())).seq == 1

    on_stage(tmp_path, scenario)


def test_a_model_that_is_not_configured_any_more_leaves_the_run_as_it_was(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        def gone(name: str, _most: int | None) -> Model:
            raise ConfigError.at("toolgate.toml", f"there is no model `{name}`")

        await stage.queued()
        loop = stage.loop(Replies(DONE))
        with pytest.raises(ConfigError, match="there is no model `tiny`"):
            await Loop(replace(loop._parts, model=gone)).drive("run-1")  # noqa: SLF001 - the same parts but one
        assert (await stage.drive("run-1", Replies(DONE))).status == "succeeded"

    on_stage(tmp_path, scenario)


@pytest.mark.parametrize("missing", ["agent", "model"])
def test_an_agent_or_model_that_was_removed_makes_not_even_the_calls_that_people_have_agreed_to(
    tmp_path: Path, missing: str
) -> None:
    async def scenario(stage: Stage) -> None:
        def gone(name: str, *_given: Any) -> Any:
            raise ConfigError.at("toolgate.toml", f"there is no {missing} `{name}`")

        model = Replies(calls(("desk__send", {"amount": 200})), DONE)
        await stage.drive(await stage.queued(), model)
        (asked,) = await stage.approving.waiting("run-1")
        await stage.approving.decide(BOB, asked.id, "approved")
        before = await stage.story()
        without: dict[str, Any] = {missing: gone}
        parts = replace(stage.parts(model), **without)
        with pytest.raises(ConfigError, match=f"there is no {missing} `"):
            await Loop(parts).drive("run-1")
        assert (arrived(tmp_path), await stage.story()) == ([], before)
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert len(arrived(tmp_path)) == 1

    on_stage(tmp_path, scenario)


# ---- cancelled and interrupted


async def cancel(stage: Stage) -> None:
    await stage.files.append("run-1", [Cancelled("user:ann", "enough")], lease=None)


def test_a_run_that_is_cancelled_during_a_call_keeps_an_answer_that_comes_at_once_and_does_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halting, "EVERY", 3600.0)  # nobody looks before the answer is there

    async def scenario(stage: Stage) -> None:
        async with gate() as held:
            model = Replies(calls(("desk__hold", {"port": held.port})), DONE)
            driving = asyncio.create_task(stage.drive(await stage.queued(), model))
            await held.arrived()
            await cancel(stage)
            held.open.set()
            run = await driving
        assert (run.status, run.cause) == ("cancelled", "enough")
        assert (await stage.story())[-2:] == ["cancelled", "returned"]
        assert len(model.requests) == 1
        assert (await stage.books()).tool_calls == 1

    on_stage(tmp_path, scenario)


def test_a_run_that_is_cancelled_while_the_model_speaks_makes_no_call(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        class Cancelling(Replies):
            async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
                await cancel(stage)
                async for event in super().stream(request):
                    yield event

        run = await stage.drive(await stage.queued(), Cancelling(calls(("desk__put", {}))))
        assert run.status == "cancelled"
        assert arrived(tmp_path) == []

    on_stage(tmp_path, scenario)


@pytest.mark.parametrize("at", ["started", "model_asked", "admitted", "held", "waited", "denied", "succeeded"])
def test_a_run_that_is_cancelled_just_before_a_fact_is_recorded_ends_quietly(tmp_path: Path, at: str) -> None:
    class Cancelling:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        async def append(self, run_id: str, events: Any, **rest: Any) -> int:
            if at in map(event_name, events) and "lease" in rest and rest["lease"] is not None:
                with contextlib.suppress(IllegalEvent):
                    await self._store.append(run_id, [Cancelled("user:ann")], lease=None)
            return int(await self._store.append(run_id, events, **rest))

    async def scenario(stage: Stage) -> None:
        wishes = calls(("desk__put", {}), ("desk__die", {"amount": 101}), ("desk__send", {}))
        model = Replies(calls(("desk__look", {})) if at == "succeeded" else wishes, DONE)
        run = await stage.drive(await stage.queued(), model)
        assert run.status == "cancelled"
        story = await stage.story()
        assert at not in story[story.index("cancelled") :]

    on_stage(tmp_path, scenario, around_store=Cancelling)


def test_a_worker_that_is_interrupted_leaves_a_run_that_anybody_can_take_up(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with gate() as held:
            model = Replies(calls(("desk__hold", {"port": held.port})), DONE)
            driving = asyncio.create_task(stage.drive(await stage.queued(), model))
            await held.arrived()
            driving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await driving
            run = await stage.drive("run-1", model)
        assert (run.status, run.cause) == ("waiting", "doubt")
        assert len(arrived(tmp_path)) == 1

    on_stage(tmp_path, scenario)


# ---- calls in doubt


async def resolve(stage: Stage, resolution: Resolution) -> None:
    await stage.files.append("run-1", [Resolved("t1/call/1", resolution, "user:ann", "I looked")], lease=None)


IN_DOUBT = calls(("desk__die", {"amount": 1}))


def test_a_call_in_doubt_that_may_not_be_repeated_waits_for_a_person(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(IN_DOUBT, DONE)
        run = await stage.drive(await stage.queued(), model)
        assert (run.status, run.cause) == ("waiting", "doubt")
        for _ in range(2):  # driving it again changes nothing
            assert (await stage.drive("run-1", model)).seq == run.seq
        assert len(arrived(tmp_path)) == 1
        assert len(model.requests) == 1
        assert (await stage.books()).tool_calls == 1

    on_stage(tmp_path, scenario)


@pytest.mark.parametrize(
    ("resolution", "times", "told"),
    [
        ("happened", 1, ("user:ann confirms that the call took effect: I looked", False)),
        ("give_up", 1, ("user:ann gave it up: I looked", True)),
        ("did_not_happen", 2, ("", True)),
    ],
)
def test_a_person_says_what_became_of_a_call(
    tmp_path: Path, resolution: Resolution, times: int, told: tuple[str, bool]
) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(IN_DOUBT, DONE)
        await stage.drive(await stage.queued(), model)
        await resolve(stage, resolution)
        run = await stage.drive("run-1", model)
        assert len(arrived(tmp_path)) == times
        if resolution == "did_not_happen":  # it was made again, and is in doubt again
            assert run.status == "waiting"
            await resolve(stage, "happened")
            run = await stage.drive("run-1", model)
            told_again = said_to(model, 2)
            assert "confirms" in told_again[0][0]
        else:
            ((text, is_error),) = said_to(model, 2)
            assert told[0] in text
            assert is_error is told[1]
        assert run.status == "succeeded"
        assert (await stage.books()).tool_calls == times
        attempts = [event.attempt for event in await stage.events() if isinstance(event, Admitted)]
        assert attempts == [*range(1, times + 1)]

    on_stage(tmp_path, scenario)


def test_what_the_admin_vouches_for_is_tried_again_with_the_same_key_and_not_for_ever(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        run = await stage.drive(await stage.queued(), Replies(IN_DOUBT, DONE))
        assert (run.status, run.cause) == ("waiting", "doubt")
        keys = [each["meta"]["toolgate/idempotency-key"] for each in arrived(tmp_path)]
        assert keys == ["run-1/t1/call/1"] * MAX_ATTEMPTS
        attempts = [event.attempt for event in await stage.events() if isinstance(event, Admitted)]
        assert attempts == [1, 2, 3]
        assert (await stage.books()).tool_calls == MAX_ATTEMPTS

    on_stage(tmp_path, scenario, settings=CallSettings(safe_to_repeat=["desk/die"]))


class Deaf:
    """Servers whose answers to one tool get lost."""

    def __init__(self, servers: Upstreams, path: str) -> None:
        self._servers, self._path = servers, path

    @property
    def catalogue(self) -> Catalogue:
        return self._servers.catalogue

    async def forward(self, call: Call, **how: Any) -> Outcome:
        outcome = await self._servers.forward(call, **how)
        return InDoubt("the answer was lost") if call.path == self._path else outcome


def test_of_a_call_that_only_reads_nobody_need_be_asked(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__look", {})), DONE)
        run = await stage.drive(await stage.queued(), model)
        assert run.status == "succeeded"
        assert len(arrived(tmp_path, "look")) == MAX_ATTEMPTS
        ((text, is_error),) = said_to(model, 2)
        assert "gave it up" in text
        assert is_error

    on_stage(tmp_path, scenario, around_upstream=lambda servers: Deaf(servers, "desk/look"))


def test_a_retry_that_does_not_fit_the_budget_pauses_and_is_made_with_a_higher_one(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__put", {})), DONE)
        run = await stage.drive(await stage.queued(limits=Limits(tool_calls=2)), model)
        assert (run.status, run.budget_spent) == ("paused", "tool_calls")
        assert len(arrived(tmp_path)) == 2

    on_stage(tmp_path, scenario, around_upstream=lambda servers: Deaf(servers, "desk/put"))


def test_an_orphan_of_a_crash_is_not_repeated_on_a_tool_that_has_changed_since(tmp_path: Path) -> None:
    class Dying(Exception):
        pass

    async def scenario(stage: Stage) -> None:
        async def die(*_: Any, **__: Any) -> Outcome:
            raise Dying

        model = Replies(calls(("desk__send", {})), DONE)
        pin = stage.servers.catalogue.tools["desk/send"].pin
        stage.servers.forward = die  # type: ignore[method-assign]
        with pytest.raises(Dying):
            await stage.drive(await stage.queued(), model)
        del stage.servers.forward
        async with stage.clients().run(ANN, "elsewhere") as client:
            await client.call("desk/reword", {"word": "Sends it to the moon."})
        await until(lambda: stage.servers.catalogue.tools["desk/send"].pin != pin, stage.servers)
        run = await stage.drive("run-1", model)
        assert (run.status, run.cause) == ("waiting", "doubt")
        assert arrived(tmp_path, "send") == []

    settings = CallSettings(safe_to_repeat=["desk/send"])
    on_stage(tmp_path, scenario, settings=settings, rules=RULES.replace(" ask, ", " allow, "))


def test_an_orphan_of_a_crash_is_repeated_within_the_budget_that_it_had(tmp_path: Path) -> None:
    """The last call that fits was admitted, and the worker died: its reservation is its own."""

    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__put", {})), DONE)
        await stage.queued(limits=Limits(tool_calls=1))

        class Dying(Exception):
            pass

        async def die(*_: Any, **__: Any) -> Outcome:
            raise Dying

        stage.upstream.forward = die  # type: ignore[method-assign]
        with pytest.raises(Dying):
            await stage.drive("run-1", model)
        del stage.upstream.forward
        assert (await stage.story())[-1] == "admitted"
        run = await stage.drive("run-1", model)
        assert run.status == "succeeded"
        assert len(arrived(tmp_path)) == 1
        assert (await stage.books()).tool_calls == 1

    on_stage(tmp_path, scenario)


def test_a_tool_that_is_held_is_not_shown_to_the_model_and_not_called_for_it(tmp_path: Path) -> None:
    class Holding:
        """The servers, of which one tool is held."""

        def __init__(self, servers: Upstreams) -> None:
            self.servers = servers

        @property
        def catalogue(self) -> Catalogue:
            return replace(self.servers.catalogue, held={"desk/put": "it has changed"})

        async def forward(self, call: Call, **more: Any) -> Outcome:
            return await self.servers.forward(call, **more)

    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__put", {"word": "a"}), ("desk__look", {})), DONE)
        assert (await stage.drive(await stage.queued(), model)).status == "succeeded"
        shown = {tool.name for tool in model.requests[0].tools}
        assert "desk__look" in shown
        assert "desk__put" not in shown
        (denied,) = [event for event in await stage.events() if isinstance(event, Denied)]
        assert (denied.gate, denied.path) == ("intact", "desk/put")
        assert arrived(tmp_path, "put") == []
        assert len(arrived(tmp_path, "look")) == 1

    on_stage(tmp_path, scenario, around_upstream=Holding)
