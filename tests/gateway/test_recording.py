"""A run is recorded, and its recording is played: from the store, and from what the commands write."""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from gateway import loop as the_loop
from gateway.budget import Price
from gateway.errors import ConfigError
from gateway.events import ModelAsked, Recorded
from gateway.recording import read_recording, recording_of
from gateway.turn import Model
from providers import ProviderError
from providers.replay import Recording, ReplayProvider
from tests.builders import QUEUED, STARTED, failed, made, recorded, replied, said, wanted
from tests.fixtures.parts import BOB, Replies, Stage, arrivals, calls, opened, says, tally


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(the_loop, "backoff", lambda _attempt, _after: 0.0)


def on_stage(folder: Path, scenario: Callable[[Stage], Any]) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder)) as stage:
            await scenario(stage)

    asyncio.run(play())


def replayed(found: Recording) -> Model:
    async def load() -> Recording:
        return found

    return Model(ReplayProvider(load), "tiny", Price())


def story(events: list[Recorded]) -> list[Any]:
    """What happened, without times and ids. The calls of one reply run side by side: each is told by itself."""
    kept = ("event", "key", "path", "arguments", "gate", "finish", "usage", "kind", "why", "outcome", "output", "turn")
    told = [{name: value for name, value in each.to_json().items() if name in kept} for each in events]
    return [each for _, stretch in groupby(told, lambda each: "key" in each) for each in by_key(stretch)]


def by_key(stretch: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Events of calls, one call after the other, each in its own order; the run's own events stay where they are."""
    return sorted(stretch, key=lambda each: str(each.get("key", "")))


async def decide(stage: Stage) -> None:
    (question,) = await stage.approving.waiting()
    await stage.approving.decide(BOB, question.id, "approved")


def test_a_replay_leaves_the_same_record_calls_questions_and_failures_included(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        busy = ProviderError("overloaded", "busy")
        model = Replies(
            [busy, calls(("desk__put", {"word": "a"}), ("desk__die", {"amount": 101}))],
            calls(("desk__send", {"word": "b"})),
            says("Done."),
        )
        await stage.drive(await stage.queued("run-1"), model)
        await decide(stage)
        await stage.drive("run-1", model)
        first = list(await stage.files.events("run-1"))
        replay = replayed(recording_of("run-1", first))
        await stage.drive(await stage.queued("run-2"), replay)
        await decide(stage)
        await stage.drive("run-2", replay)
        second = list(await stage.files.events("run-2"))
        assert story(second) == story(first)
        assert [each["tool"] for each in arrivals(tmp_path)] == ["put", "send", "put", "send"]
        assert (await stage.run("run-2")).spend.nanos == 0  # nobody was paid

    on_stage(tmp_path, scenario)


def test_a_run_that_is_asked_something_else_fails_and_says_what(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.drive(await stage.queued("run-1", text="Go."), Replies(says("Done.")))
        replay = replayed(recording_of("run run-1", await stage.files.events("run-1")))
        run = await stage.drive(await stage.queued("run-2", text="Go on."), replay)
        assert run.status == "failed"
        assert run.cause == (
            "script: this is not what was recorded in run run-1: before its answer 1,"
            " what the user said was `Go.` and is `Go on.`"
        )

    on_stage(tmp_path, scenario)


RUN = recorded([QUEUED, STARTED, *wanted(1, "shop/order"), *made(1), *said(2, "It is noon.")])


def test_it_is_read_from_what_the_commands_write(tmp_path: Path) -> None:
    told = [each.to_json() for each in RUN]
    shown, lines, one = (tmp_path / name for name in ("shown.json", "lines.json", "one.json"))
    shown.write_text(json.dumps({"run": "r-1", "status": "running", "events": told}))
    lines.write_text("".join(json.dumps(each) + "\n" for each in told))
    one.write_text(json.dumps(told[0]))
    assert read_recording(shown).steps == read_recording(lines).steps == recording_of("r-1", RUN).steps
    assert [step.heard for step in read_recording(shown).steps] == [1, 3]
    assert read_recording(one).steps == []


@pytest.mark.parametrize("text", ["", "hello", "[]", "7", '{"events": [{"event": "queued"}]}', '{"events": 7}', "{}"])
def test_what_is_no_recording_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"odd\.json.*this is no recorded run"):
        read_recording(file)
    with pytest.raises(ConfigError, match="can't be read: No such file"):
        read_recording(tmp_path / "gone.json")


def test_a_worker_that_died_is_no_failure_of_the_model_and_a_kind_that_is_new_is_a_defect() -> None:
    events = recorded([QUEUED, STARTED, *said(1, "x")[:1], failed(1, "lost"), *said(1, "x")[:1], failed(1, "moon")])
    (step,) = recording_of("r-1", events).steps
    assert [(each.error.kind, str(each.error)) for each in step.failures] == [("protocol", "too many requests")]


def test_a_summary_is_kept_apart() -> None:
    summary = replied(1, say="In short.")
    events = recorded([QUEUED, STARTED, *wanted(1, "shop/order"), *made(1)])
    seq = len(events)
    events += [
        Recorded("r-1", seq + 1, events[-1].at, ModelAsked(1, {}, purpose="summary")),
        Recorded("r-1", seq + 2, events[-1].at, replace(summary, purpose="summary")),
    ]
    found = recording_of("r-1", events)
    assert (len(found.steps), len(found.summaries)) == (1, 1)
