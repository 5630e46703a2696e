"""A server that wants the idempotency key as an argument gets it there: put in before the call is judged, the same for
each attempt, whoever asks, and whatever they gave.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.admission import Work
from gateway.answer import Answer
from gateway.arguments import Arguments
from gateway.budget import Limits, Spend
from gateway.effects import Effects, ToolWord
from gateway.events import Admitted, Denied, Held, Returned, Started
from gateway.parties import CallSettings
from gateway.pipeline import Attempt, Proposal
from gateway.tracing import Place
from tests.fixtures.parts import ANN, BOB, Replies, Stage, arrivals, calls, opened, says, tally

WORD = ToolWord(idempotency_argument="word")
SETTINGS = CallSettings(effects=Effects({"desk/put": WORD, "desk/send": WORD}))
DONE = says("Done.")


def on_stage(folder: Path, scenario: Callable[[Stage], Any], **more: Any) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder), settings=SETTINGS, **more) as stage:
            await scenario(stage)

    asyncio.run(play())


def test_what_is_judged_recorded_and_sent_has_the_key_in_place_of_what_the_model_gave(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        wishes = [("desk__put", {"amount": 1}), ("desk__put", {"word": "mine"}), ("desk__look", {"word": "mine"})]
        run = await stage.drive(await stage.queued(), Replies(calls(*wishes), DONE))
        assert run.status == "succeeded"
        put = {each["arguments"]["word"]: each for each in arrivals(tmp_path, "put")}
        assert set(put) == {"run-1/t1/call/1", "run-1/t1/call/2"}
        assert all(key == each["meta"]["toolgate/idempotency-key"] for key, each in put.items())
        assert arrivals(tmp_path, "look")[0]["arguments"] == {"word": "mine"}  # of this tool nothing is said
        admitted = {event.key: event.arguments for event in await stage.events() if isinstance(event, Admitted)}
        assert admitted["t1/call/1"] == '{"amount":1,"word":"run-1/t1/call/1"}'

    on_stage(tmp_path, scenario)


def test_the_policy_and_the_schema_see_what_would_be_sent(tmp_path: Path) -> None:
    rules = "p, *, *, desk/put, call, args.word == 'mine', allow, only this\np, *, *, desk/send, call, , allow, all\n"

    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a test") as client:
            denied = await client.call("desk/put", {"word": "mine"})
            assert isinstance(denied, Denied)
            assert denied.gate == "permitted"
            sent = await client.call("desk/send", {"word": 7})  # which the schema would not let through
            assert isinstance(sent, Returned)
            assert arrivals(tmp_path)[0]["arguments"] == {"word": f"{client.run_id}/call/2"}

    on_stage(tmp_path, scenario, rules=rules)


def test_each_attempt_of_a_call_has_the_same_key(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.queued()
        work = Work(Place("run-1", ANN, Limits(), Spend()), driven=True)
        await stage.files.append("run-1", [Started("here/1/a")], lease=None)
        for attempt in (Attempt(1), Attempt(2)):
            await stage.pipeline.call(Proposal("t1/call/1", "desk/put", {"word": "x"}), work, attempt)
        assert [each["arguments"] for each in arrivals(tmp_path)] == [{"word": "run-1/t1/call/1"}] * 2

    on_stage(tmp_path, scenario)


def test_a_client_that_comes_back_with_the_same_call_uses_the_yes_and_has_the_key_of_this_call(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a test") as client:
            held = await client.call("desk/send", {"amount": 5})
            assert isinstance(held, Held)
            asked = await stage.files.approval(held.approval_id)
            assert asked.call.arguments.value == {"amount": 5, "word": f"{client.run_id}/call/1"}  # people see it
            again = await client.call("desk/send", {"amount": 5, "word": "other"})
            assert isinstance(again, Held)
            assert again.approval_id == held.approval_id  # it joins the question that is open
            await stage.approving.decide(BOB, held.approval_id, "approved")
            assert isinstance(await client.call("desk/send", {"amount": 6}), Held)  # another call
            assert isinstance(await client.call("desk/send", {"amount": 5}), Returned)
            assert isinstance(await client.call("desk/send", {"amount": 5}), Held)  # once
            (sent,) = arrivals(tmp_path, "send")
            assert sent["arguments"] == {"amount": 5, "word": f"{client.run_id}/call/4"}
            assert sent["meta"]["toolgate/idempotency-key"] == f"{client.run_id}/call/4"

    on_stage(tmp_path, scenario)


def test_what_a_person_changes_is_sent_with_the_key_of_the_call(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with stage.clients().run(ANN, "a test") as client:
            held = await client.call("desk/send", {"amount": 5})
            assert isinstance(held, Held)
            edited = Arguments.parse({"amount": 4, "word": f"{client.run_id}/call/1"})
            await stage.approving.answer(BOB, held.approval_id, Answer("approved", edited=edited))
            assert isinstance(await client.call("desk/send", {"amount": 5}), Returned)
            (sent,) = arrivals(tmp_path, "send")
            assert sent["arguments"] == {"amount": 4, "word": f"{client.run_id}/call/2"}

    on_stage(tmp_path, scenario)


def test_a_model_that_makes_a_refused_call_again_does_not_ask_people_again(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        wish = calls(("desk__send", {"amount": 1}))
        model = Replies(wish, wish, wish, wish, DONE)
        await stage.drive(await stage.queued(), model)
        (asked,) = await stage.approving.waiting()
        await stage.approving.decide(BOB, asked.id, "denied")
        run = await stage.drive("run-1", model)
        assert (run.status, run.cause.partition(":")[0]) == ("failed", "insistence")
        assert len(await stage.files.approvals(pending_only=False)) == 1
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario)
