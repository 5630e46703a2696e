"""The runs of a session, driven over a real store: one after the other, each with what the one before has left."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.agents import Agent, Context
from gateway.errors import IllegalEvent
from gateway.events import Cancelled, Event, Paused, Queued, Resumed, Started, event_name
from gateway.run import Run
from gateway.session import Join
from gateway.store import waiting
from gateway.store.lease import machine
from gateway.taking_turns import ahead_of
from providers import ProviderError, Request
from tests.fixtures.parts import PATIENCE, Replies, Stage, calls, gate, opened, queued, says, tally
from tests.fixtures.stores import put_into

TRIP = replace(queued("Go."), session="trip")
DEAD = f"{machine()}/999999999/aa.1"  # no process has such a number
RULES = """\
p, user:ann, *, */*, call, , allow, ann works here
p, agent:clerk, *, */*, call, , allow, the clerk may too
p, *, *, desk/send, call, , ask, a person looks
p, *, *, desk/put, call, run.tainted, deny, not after what strangers said
p, user:bob, *, */*, approve, , allow, bob decides
"""


@pytest.fixture
def folder(tmp_path: Path, database: Callable[[], str | None]) -> Path:
    """Where the store is in either database."""
    return put_into(tmp_path / "place", database())


def play(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 2 * PATIENCE))


async def queue(stage: Stage, run_id: str, text: str = "Go.", first: Queued = TRIP) -> str:
    join = Join(run_id, first.session, first.user, first.tenant, first.agent or "")
    await stage.files.append(run_id, [replace(first, input=text)], lease=None, changes=[join])
    return run_id


def heard(request: Request) -> list[str]:
    """What the model was told, message by message."""
    return [message.text for message in request.messages]


@contextlib.asynccontextmanager
async def driving(stage: Stage, run_id: str, model: Replies) -> AsyncIterator["asyncio.Task[Run]"]:
    task = asyncio.create_task(stage.drive(run_id, model))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def leased(stage: Stage, run_id: str) -> None:
    """Returns when somebody drives it."""

    async def taken() -> bool:
        return (await stage.files.run_row(run_id)).owner is not None

    await waiting.until(stage.files, taken)


def test_each_run_begins_with_what_the_one_before_has_left(folder: Path) -> None:
    async def scenario() -> None:
        async with opened(folder, tally(folder)) as stage:
            model = Replies(calls(("desk__look", {})), says("One."), says("Two."), says("Three."))
            for number in (1, 2, 3):
                run = await stage.drive(await queue(stage, f"r-{number}", f"Question {number}."), model)
                assert run.status == "succeeded"
            assert heard(model.requests[-1]) == ["Question 1.", "", "", "One.", "Question 2.", "Two.", "Question 3."]
            story = [event_name(one.event) for one in await stage.files.events("r-3")]
            assert story[:3] == ["queued", "carried", "started"]
            assert [one.turns for one in stage.files.sessions("user:ann", "acme").all()] == [3]

    play(scenario())


def test_whoever_comes_second_waits_until_the_first_has_ended(folder: Path) -> None:
    async def scenario() -> None:
        async with gate() as held, opened(folder, tally(folder)) as stage:
            await queue(stage, "r-1", "First.")
            await queue(stage, "r-2", "Second.")
            one = Replies(calls(("desk__hold", {"port": held.port})), says("One."))
            two = Replies(says(""), says(""), says("Two."))
            async with driving(stage, "r-1", one) as first:
                await held.arrived()
                async with driving(stage, "r-2", two) as second:
                    await leased(stage, "r-2")
                    assert two.requests == []
                    held.open.set()
                    assert (await first).output == "One."
                    assert (await second).output == "Two."
            assert heard(two.requests[0])[-2:] == ["One.", "Second."]
            ends = [(await stage.files.events(run_id))[-1].at for run_id in ("r-1",)]
            begun = [one.at for one in await stage.files.events("r-2") if isinstance(one.event, Started)]
            assert begun[0] >= ends[0]

    play(scenario())


def test_who_is_paused_before_it_has_begun_comes_when_it_is_its_turn_all_the_same(folder: Path) -> None:
    async def scenario() -> None:
        async with gate() as held, opened(folder, tally(folder)) as stage:
            await queue(stage, "r-1", "First.")
            await queue(stage, "r-2", "Second.")
            await stage.files.append("r-2", [Paused("person", "", by="user:ann")], lease=None)
            one = Replies(calls(("desk__hold", {"port": held.port})), says("One."))
            await stage.files.append("r-2", [Resumed("it was resumed", "user:ann")], lease=None)
            assert (await stage.files.run_row("r-2")).status == (await stage.run("r-2")).status == "queued"
            async with driving(stage, "r-1", one) as first:
                await held.arrived()
                two = Replies(says(""), says(""), says("Two."))
                async with driving(stage, "r-2", two) as second:
                    await leased(stage, "r-2")
                    assert two.requests == []
                    held.open.set()
                    assert (await first).output == "One."
                    assert (await second).output == "Two."
            assert heard(two.requests[0])[-2:] == ["One.", "Second."]
            assert [one.turns for one in stage.files.sessions("user:ann", "acme").all()] == [2]

    play(scenario())


def test_who_is_paused_at_his_work_goes_on_with_it(folder: Path) -> None:
    async def scenario() -> None:
        async with opened(folder, tally(folder)) as stage:
            await queue(stage, "r-1")
            await stage.files.append("r-1", [Started("here/1/a")], lease=None)
            await stage.files.append("r-1", [Paused("person", "", by="user:ann")], lease=None)
            await stage.files.append("r-1", [Resumed("it was resumed", "user:ann")], lease=None)
            assert (await stage.files.run_row("r-1")).status == (await stage.run("r-1")).status == "running"

    play(scenario())


def test_two_that_begin_together_never_run_together(folder: Path) -> None:
    async def scenario() -> None:
        async with opened(folder, tally(folder)) as stage:
            names = [await queue(stage, f"r-{number}", f"Question {number}.") for number in range(4)]
            models = [Replies(*[says(f"Answer {number}.")] * 5) for number in range(4)]
            runs = await asyncio.gather(*(stage.drive(name, model) for name, model in zip(names, models, strict=True)))
            assert {run.status for run in runs} == {"succeeded"}
            told = sorted((heard(model.requests[0]) for model in models), key=len)
            assert [len(messages) for messages in told] == [1, 3, 5, 7]
            for shorter, longer in pairwise(told):
                assert longer[: len(shorter)] == shorter  # each has all of the one before

    play(scenario())


def test_a_run_before_that_waits_for_people_is_not_waited_for(folder: Path) -> None:
    async def scenario() -> None:
        async with opened(folder, tally(folder), rules=RULES) as stage:
            ask = Replies(calls(("desk__send", {"word": "b"})), says("Sent."))
            assert (await stage.drive(await queue(stage, "r-1"), ask)).status == "waiting"
            later = Replies(says(""), says(""), says("Later."))
            assert (await stage.drive(await queue(stage, "r-2"), later)).status == "queued"
            first = await ahead_of(stage.files, "r-2")
            assert first is not None
            assert (first.run_id, first.status) == ("r-1", "waiting")
            await stage.files.append("r-1", [Cancelled("user:ann")], lease=None)
            assert await ahead_of(stage.files, "r-2") is None
            assert (await stage.drive("r-2", Replies(says("Later.")))).output == "Later."

    play(scenario())


@pytest.mark.parametrize("left", [Started(DEAD), Paused("interrupted", "Ctrl-C")])
def test_one_that_was_left_in_the_middle_keeps_its_turn_and_is_not_waited_for(left: Event, folder: Path) -> None:
    async def scenario() -> None:
        async with opened(folder, tally(folder)) as stage:
            await queue(stage, "r-1")
            await stage.files.append("r-1", [Started(DEAD), left], lease=None)
            assert await stage.files.acquire("r-1", DEAD, 600.0)
            assert (await stage.drive(await queue(stage, "r-2"), Replies(says("Later.")))).status == "queued"
            assert (await stage.drive("r-1", Replies(says("First.")))).output == "First."
            again = Replies(says("First."), says("Later."))
            assert (await stage.drive("r-2", again)).output == "Later."

    play(scenario())


def test_one_whose_process_died_before_it_began_keeps_nobody_waiting(folder: Path) -> None:
    async def scenario() -> None:
        async with opened(folder, tally(folder)) as stage:
            await queue(stage, "r-1")
            assert await stage.files.acquire("r-1", DEAD, 600.0)
            assert (await stage.drive(await queue(stage, "r-2"), Replies(says("Second.")))).output == "Second."
            late = Replies(says("Second."), says("First, late."))
            assert (await stage.drive("r-1", late)).output == "First, late."

    play(scenario())


def test_one_that_is_cancelled_while_it_waits_for_its_turn_does_not_begin(folder: Path) -> None:
    async def scenario() -> None:
        async with gate() as held, opened(folder, tally(folder)) as stage:
            await queue(stage, "r-1")
            await queue(stage, "r-2")
            async with driving(stage, "r-1", Replies(calls(("desk__hold", {"port": held.port})), says("One."))):
                await held.arrived()
                model = Replies(says("Never."))
                async with driving(stage, "r-2", model) as second:
                    await leased(stage, "r-2")
                    await stage.files.append("r-2", [Cancelled("user:ann")], lease=None)
                    assert (await second).status == "cancelled"
                assert model.requests == []

    play(scenario())


def test_a_run_that_failed_leaves_the_conversation_as_it_was(folder: Path) -> None:
    async def scenario() -> None:
        async with opened(folder, tally(folder)) as stage:
            await stage.drive(await queue(stage, "r-1", "Hello."), Replies(says("Hi.")))
            broken = Replies(says(""), ProviderError("auth", "no"))
            assert (await stage.drive(await queue(stage, "r-2", "Lost."), broken)).status == "failed"
            model = Replies(says(""), says("Again."))
            await stage.drive(await queue(stage, "r-3", "And now?"), model)
            assert heard(model.requests[0]) == ["Hello.", "Hi.", "And now?"]

    play(scenario())


def test_what_strangers_said_in_an_earlier_run_still_counts_against_a_call(folder: Path) -> None:
    async def scenario() -> None:
        stranger = tally(folder, "web", trusted=False)
        async with opened(folder, tally(folder), stranger, rules=RULES) as stage:
            await stage.drive(await queue(stage, "r-1"), Replies(calls(("web__look", {})), says("Read.")))
            put = Replies(says(""), says(""), calls(("desk__put", {"word": "a"})), says("Refused."))
            run = await stage.drive(await queue(stage, "r-2"), put)
            assert run.tainted
            assert run.servers == frozenset({"web"})
            denied = [one for one in await stage.events("r-2") if event_name(one) == "denied"]
            assert len(denied) == 1

    play(scenario())


def test_the_admin_says_how_much_is_remembered(folder: Path) -> None:
    async def scenario() -> None:
        async with opened(folder, tally(folder)) as stage:
            agent = Agent("clerk", "Be brief.", "tiny", max_output_tokens=100, context=Context(memory=1_000))
            await queue(stage, "r-1")
            await stage.loop(Replies(says("x" * 20_000)), agent).drive("r-1")
            assert stage.files.sessions("user:ann", "acme").get("trip").size < 12_000

    play(scenario())


def test_a_run_carries_on_once(folder: Path) -> None:
    """Nothing may be carried into a run that has begun."""

    async def scenario() -> None:
        async with opened(folder, tally(folder)) as stage:
            await stage.drive(await queue(stage, "r-1"), Replies(says("One.")))
            await stage.drive(await queue(stage, "r-2"), Replies(says("One."), says("Two.")))
            (carried,) = [one for one in await stage.events("r-2") if event_name(one) == "carried"]
            with pytest.raises(IllegalEvent):
                await stage.files.append("r-2", [carried], lease=None)

    play(scenario())
