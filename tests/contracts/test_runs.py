"""What a run makes of a provider that fails: nothing is executed that was not complete, nothing twice, nothing is lost.

The loop, the pipeline, the store and an MCP server (a child process that writes down what reaches it) are the real
ones; so is whatever asks again (`providers.retrying`) and whoever moves on (`providers.failover`).
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gateway.budget import Price
from gateway.events import ModelFailed, Recorded
from gateway.recording import recording_of
from gateway.run import Run
from gateway.turn import Model
from providers import Finished, Provider, Reply, StreamEvent
from providers.failover import Candidate, Failover
from providers.replay import Recording, ReplayProvider
from providers.retrying import Patience, Persistent
from providers.sound import Sound
from tests.fixtures.members import MEMBERS, WIRES, Scene, plain_reply
from tests.fixtures.parts import Stage, arrivals, opened, tally

_AT_ONCE = Patience(attempts=4, base=0.0, most=0.0)
_ONLY_ONCE = Patience(attempts=1)

Act = Callable[[Stage, Scene], Awaitable[None]]


def _model(provider: Provider, patience: Patience = _AT_ONCE) -> Model:
    return Model(Persistent(provider, patience), "fake-model", Price(1000, 2000))


def _on_stage(folder: Path, member: str, steps: str, act: Act) -> None:
    async def play() -> None:
        async with asyncio.timeout(60), opened(folder, tally(folder)) as stage, MEMBERS[member].playing(steps) as scene:
            await act(stage, scene)

    asyncio.run(play())


def _put(folder: Path) -> list[Any]:
    return [arrived["arguments"] for arrived in arrivals(folder, "put")]


async def _failures(stage: Stage) -> list[str]:
    return [event.kind for event in await stage.events() if isinstance(event, ModelFailed)]


_TWICE = """
  - say: Let me see.
    calls: [{{tool: desk/put, args: {{word: hello}}, as: put}}, {{tool: desk/look, args: {{}}}}]
    fault: '{0}'
  - expect: [{{call: put, contains: put done}}, {{is_error: false}}]
    say: Done.
    fault: '{0}'
"""
_PASSING: Mapping[str, str] = {
    "cut after=-3": "protocol", "drop after=-4": "network", "reset after=-4": "network",
    "garbled after=-4": "protocol", "error after=-4": "overloaded", "html": "protocol", "429": "rate_limit",
}  # fmt: skip


@pytest.mark.parametrize("fault", _PASSING)
@pytest.mark.parametrize("member", MEMBERS)
def test_a_run_outlives_a_fault_and_makes_each_call_once(member: str, fault: str, tmp_path: Path) -> None:
    async def act(stage: Stage, scene: Scene) -> None:
        run = await stage.drive(await stage.queued(), _model(scene.provider))
        assert (run.status, run.output, run.turn) == ("succeeded", "Done.", 2)
        assert await _failures(stage) == [_PASSING[fault]] * 2
        assert (_put(tmp_path), len(arrivals(tmp_path, "look"))) == ([{"word": "hello"}], 1)
        assert (await stage.books()).model_calls == 4
        if scene.fake:
            assert len(scene.fake.heard) == 4

    _on_stage(tmp_path, member, _TWICE.format(fault), act)


@pytest.mark.parametrize("fault", ["cut after=-3", "429 retry_after=900", "400", "401"])
@pytest.mark.parametrize("member", MEMBERS)
def test_a_run_that_gives_up_has_executed_nothing(member: str, fault: str, tmp_path: Path) -> None:
    """Whether it may not be asked again, or not so soon: the calls of a reply that never came whole are not made."""

    async def act(stage: Stage, scene: Scene) -> None:
        patience = _ONLY_ONCE if fault.startswith("cut") else _AT_ONCE
        run = await stage.drive(await stage.queued(), _model(scene.provider, patience))
        assert (run.status, len(await _failures(stage))) == ("failed", 1)
        assert arrivals(tmp_path) == []
        if scene.fake:
            assert len(scene.fake.heard) == 1

    _on_stage(tmp_path, member, _TWICE.format(f"{fault} times=0"), act)


@pytest.mark.parametrize("member", MEMBERS)
def test_arguments_that_are_not_json_are_an_error_that_the_model_can_mend(member: str, tmp_path: Path) -> None:
    steps = """
  - call: {tool: desk/put, args: {word: hello}}
    fault: bad-arguments
  - expect: {is_error: true}
    call: {tool: desk/put, args: {word: mended}}
  - expect: {contains: put done}
    say: Done.
"""

    async def act(stage: Stage, scene: Scene) -> None:
        run = await stage.drive(await stage.queued(), _model(scene.provider))
        assert (run.status, run.output) == ("succeeded", "Done.")
        assert _put(tmp_path) == [{"word": "mended"}]

    _on_stage(tmp_path, member, steps, act)


@pytest.mark.parametrize("fault", ["cut-arguments", "unknown-stop"])
@pytest.mark.parametrize("member", WIRES)
def test_calls_of_a_reply_that_ended_badly_are_not_made(member: str, fault: str, tmp_path: Path) -> None:
    steps = f"""
  - calls: [{{tool: desk/put, args: {{word: first}}}}, {{tool: desk/put, args: {{word: hello}}}}]
    fault: {fault}
  - say: Done.
"""

    async def act(stage: Stage, scene: Scene) -> None:
        run = await stage.drive(await stage.queued(), _model(scene.provider))
        ended = "length" if fault == "cut-arguments" else "error"
        assert (run.status, run.cause) == ("failed", f"{ended}: the model stopped with `{ended}`")
        assert arrivals(tmp_path) == []

    _on_stage(tmp_path, member, steps, act)


_BROKEN = [
    *((member, "unclosed") for member in WIRES),
    *((member, "wrong-type after=-3") for member in MEMBERS),
    ("openai_responses", "incomplete-item"),
]


@pytest.mark.parametrize(("member", "fault"), _BROKEN)
def test_calls_of_a_reply_that_is_not_sound_are_made_once_it_is(member: str, fault: str, tmp_path: Path) -> None:
    async def act(stage: Stage, scene: Scene) -> None:
        run = await stage.drive(await stage.queued(), _model(Sound(scene.provider)))
        assert (run.status, run.output, await _failures(stage)) == ("succeeded", "Done.", ["protocol"])
        assert (_put(tmp_path), len(arrivals(tmp_path, "look"))) == ([{"word": "hello"}], 1)

    steps = _TWICE.replace("    say: Done.\n    fault: '{0}'\n", "    say: Done.\n")
    _on_stage(tmp_path, member, steps.format(fault), act)


# ---- from one provider to another

_TALK = """
  - think: I had better look first.
    say: Let me look.
    calls: [{tool: desk/put, args: {word: first}, as: first}, {tool: desk/fail, args: {}}]
  - expect: [{call: first, contains: put done}, {call: desk/fail, is_error: true}]
    think: And now the second.
    say: So far, so good.
    call: {tool: desk/put, args: {word: second}, as: second}
"""
_BREAKS = "  - {say: x, fault: 529 times=0}\n"
_ENDS = """  - expect: [{call: first, contains: put done}, {call: second, contains: put done}]
    think: That is all.
    say: "${calls.first} and ${calls.second}"
"""
_WORDS_OF_A_REPLY = ("Let me look.", "So far, so good.")


@pytest.mark.parametrize("last", MEMBERS)
@pytest.mark.parametrize("first", MEMBERS)
def test_a_run_that_begins_at_one_provider_ends_at_another(first: str, last: str, tmp_path: Path) -> None:
    """Two turns at the first one, with calls side by side and an error among the results; then it is overloaded."""

    async def play() -> Run:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(asyncio.timeout(60))
            stage = await stack.enter_async_context(opened(tmp_path, tally(tmp_path)))
            one = await stack.enter_async_context(MEMBERS[first].playing(_TALK + _BREAKS))
            other = await stack.enter_async_context(MEMBERS[last].playing(_TALK + _ENDS))
            scenes.extend((one, other))
            candidates = (Candidate("first", "model-one", one.provider), Candidate("last", "model-two", other.provider))
            model = Model(Failover(candidates), "model-one", Price(1000, 2000))
            return await stage.drive(await stage.queued(), model)

    scenes: list[Scene] = []
    run = asyncio.run(play())
    assert (run.status, run.output) == ("succeeded", "put done and put done")
    assert _put(tmp_path) == [{"word": "first"}, {"word": "second"}]
    assert len(arrivals(tmp_path, "fail")) == 1
    if scenes[1].fake:
        _whole_conversation(scenes[1].fake.heard[-1].body)


def _whole_conversation(body: Any) -> None:
    """All that was said and done at the first provider was told to the last one, and nothing that was only its own."""
    told = json.dumps(body)
    for text in (*_WORDS_OF_A_REPLY, "first", "second"):
        assert text in told
    assert told.count("put done") == 2
    assert body["model"] == "model-two"
    assert "gAAA" not in told, "reasoning that another backend sealed"
    assert "signature" not in told, "a signature that another backend gave"


class _Replies:
    """Looks on, and keeps what was replied."""

    def __init__(self) -> None:
        self.told: list[Reply] = []

    def recorded(self, recorded: Recorded) -> None:
        """Nothing is made of it."""

    def streamed(self, event: StreamEvent) -> None:
        if isinstance(event, Finished):
            self.told.append(plain_reply(event.reply))


@pytest.mark.parametrize("member", MEMBERS)
def test_a_run_at_any_provider_is_played_again_from_its_record(member: str, tmp_path: Path) -> None:
    """The same replies, the same failure in between, the same calls; nobody is asked."""
    first, again = tmp_path / "first", tmp_path / "again"
    first.mkdir()
    again.mkdir()
    replies, replayed = _Replies(), _Replies()
    recordings: list[Recording] = []

    async def act(stage: Stage, scene: Scene) -> None:
        run = await stage.drive(await stage.queued(), _model(scene.provider), replies)
        recordings.append(recording_of(run.id, await stage.files.events(run.id)))

    async def play() -> None:
        async def load() -> Recording:
            return recordings[0]

        async with asyncio.timeout(60), opened(again, tally(again)) as stage:
            model = Model(ReplayProvider(load), "fake-model", Price(1000, 2000))
            run = await stage.drive(await stage.queued(), model, replayed)
            assert (run.status, run.output) == ("succeeded", "put done and put done")
            assert await _failures(stage) == ["protocol"]

    _on_stage(first, member, _TALK.replace("say: Let me look.", "say: Let me look.\n    fault: cut") + _ENDS, act)
    asyncio.run(play())
    assert replayed.told == replies.told
    assert len(replies.told) == 3
    assert _put(again) == _put(first) == [{"word": "first"}, {"word": "second"}]


@pytest.mark.parametrize("member", WIRES)
def test_what_a_model_thought_goes_back_to_it_and_to_no_other(member: str, tmp_path: Path) -> None:
    """The other half of the test above: without a move, signatures and seals do go back, where there are any."""

    async def act(stage: Stage, scene: Scene) -> None:
        assert (await stage.drive(await stage.queued(), _model(scene.provider))).status == "succeeded"
        told = json.dumps(scene.asked.heard[-1].body)
        own = {"anthropic": '"signature"', "openai_responses": '"encrypted_content": "gAAA', "openai_chat": "put done"}
        assert told.count(own[member]) == 2

    _on_stage(tmp_path, member, _TALK + _ENDS, act)
