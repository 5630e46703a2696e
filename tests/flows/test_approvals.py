"""People decide: from another process, late, twice, with no, or about something that has changed meanwhile."""

import asyncio
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.approval import Approval
from gateway.budget import Limits
from gateway.call import Call, Outcome
from gateway.events import Cancelled, Decision, LimitsRaised
from gateway.pipeline import CallSettings
from tests.fixtures.parts import (
    BOB,
    PATIENCE,
    ROOT,
    RULES,
    Replies,
    Stage,
    arrivals,
    calls,
    gate,
    opened,
    says,
    shop,
    tally,
    until,
)

DONE = says("Done.")
SEND = calls(("desk__send", {"word": "a"}))

DECIDE = """
import asyncio, sys
from pathlib import Path
from gateway.store.sqlite import SqliteStore
async def decide():
    if sys.argv[2] == "expired":  # a process in which the time is over
        late = SqliteStore(Path(sys.argv[1]), clock=lambda: 2**50)
        await late.expire()
        return late.close()
    store = SqliteStore(Path(sys.argv[1]))
    for approval in await store.approvals():
        await store.decide(approval.id, sys.argv[2], "user:bob", "from afar")
    store.close()
asyncio.run(decide())
"""


def on_stage(folder: Path, scenario: Callable[[Stage], Any], **more: Any) -> None:
    async def play() -> None:
        async with opened(folder, tally(folder), **more) as stage:
            await scenario(stage)

    asyncio.run(play())


async def decided_elsewhere(stage: Stage, decision: Decision) -> None:
    """Another process answers everything that is open."""
    command = [sys.executable, "-c", DECIDE, str(stage.folder / "toolgate.db"), decision]
    await asyncio.to_thread(subprocess.run, command, cwd=ROOT, check=True)


async def first_asked(stage: Stage) -> Approval:
    """The question of a call that is held beside others, once it is put."""
    async with asyncio.timeout(PATIENCE):
        while not (questions := await stage.approving.waiting()):  # noqa: ASYNC110 - nobody says that it was put
            await asyncio.sleep(0)
    return questions[0]


def told(model: Replies) -> list[Any]:
    """What the model was last told of its calls: `(text, is_error)`."""
    parts: Any = model.requests[-1].messages[-1].parts
    return [(part.content[0]["text"], part.is_error) for part in parts]


@pytest.mark.parametrize(
    ("decision", "sent", "result"),
    [
        ("approved", 1, ("send done", False)),
        ("denied", 0, ("Denied by user:bob: from afar. Do not retry this call.", True)),
        ("expired", 0, ("Denied: nobody approved this call in time. Do not retry this call.", True)),
    ],
)
def test_an_answer_from_another_process_lets_the_run_go_on(
    tmp_path: Path, decision: Decision, sent: int, result: tuple[str, bool]
) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(SEND, DONE)
        assert (await stage.drive(await stage.queued(), model)).status == "waiting"
        await decided_elsewhere(stage, decision)
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert len(arrivals(tmp_path)) == sent
        assert told(model) == [result]

    on_stage(tmp_path, scenario)


def test_until_people_answer_driving_it_again_does_and_records_nothing(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(SEND, DONE)
        waiting = await stage.drive(await stage.queued(), model)
        for _ in range(3):
            assert await stage.drive("run-1", model) == waiting
        assert len(await stage.files.approvals(pending_only=False)) == 1

    on_stage(tmp_path, scenario)


def test_two_questions_in_one_turn_are_answered_each_for_itself(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(
            calls(("desk__send", {"word": "a"}), ("desk__put", {}), ("desk__send", {"word": "b"}), ("desk__send", {})),
            DONE,
        )
        await stage.drive(await stage.queued(), model)
        assert [each["tool"] for each in arrivals(tmp_path)] == ["put"]
        by_text = {approval.arguments: approval.id for approval in await stage.approving.waiting()}
        await stage.approving.decide(BOB, by_text['{"word":"b"}'], "approved")
        waiting = await stage.drive("run-1", model)
        assert waiting.status == "waiting"
        assert [each["arguments"] for each in arrivals(tmp_path, "send")] == [{"word": "b"}]
        await stage.approving.decide(BOB, by_text['{"word":"a"}'], "denied", "no")
        await stage.approving.decide(BOB, by_text["{}"], "approved")
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert [each["arguments"] for each in arrivals(tmp_path, "send")] == [{"word": "b"}, {}]
        assert [text for text, _ in told(model)] == [
            "Denied by user:bob: no. Do not retry this call.",
            "put done",
            "send done",
            "send done",
        ]

    on_stage(tmp_path, scenario)


def test_an_answer_that_comes_while_other_calls_are_under_way_is_used_at_once(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        async with gate() as held:
            model = Replies(calls(("desk__send", {}), ("desk__hold", {"port": held.port})), DONE)
            driving = asyncio.create_task(stage.drive(await stage.queued(), model))
            await held.arrived()
            question = await first_asked(stage)
            await stage.approving.decide(BOB, question.id, "approved")
            held.open.set()
            assert (await driving).status == "succeeded"
        assert "waited" not in await stage.story()
        assert len(arrivals(tmp_path, "send")) == 1

    on_stage(tmp_path, scenario)


def test_the_same_call_in_two_runs_is_two_questions(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        for run_id in ("run-1", "run-2"):
            await stage.drive(await stage.queued(run_id), Replies(SEND, DONE))
        first, second = await stage.approving.waiting()
        await stage.approving.decide(BOB, first.id, "approved")
        assert (await stage.drive("run-2", Replies(SEND, DONE))).status == "waiting"
        assert arrivals(tmp_path) == []
        assert (await stage.drive("run-1", Replies(SEND, DONE))).status == "succeeded"
        assert len(arrivals(tmp_path)) == 1
        assert first.digest == second.digest

    on_stage(tmp_path, scenario)


def test_a_policy_that_was_tightened_meanwhile_beats_the_yes(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(SEND, DONE)
        await stage.drive(await stage.queued(), model)
        await decided_elsewhere(stage, "approved")
        stage.rule(f"p, *, *, desk/send, call, , deny, nothing is sent today\n{RULES}")
        assert (await stage.drive("run-1", model)).status == "succeeded"
        ((text, is_error),) = told(model)
        assert is_error
        assert "nothing is sent today" in text
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario)


def test_a_yes_is_not_for_a_tool_that_has_changed_and_people_are_asked_about_the_new_one(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(SEND, DONE)
        await stage.drive(await stage.queued(), model)
        (first,) = await stage.approving.waiting()
        await stage.approving.decide(BOB, first.id, "approved")
        async with stage.clients().run(BOB, "elsewhere") as client:
            stage.rule(f"p, user:bob, *, */*, call, , allow, bob too\n{RULES}")
            await client.call("desk/reword", {"word": "Sends everything to me."})
        await until(lambda: stage.servers.catalogue.tools["desk/send"].pin != first.pin, stage.servers)
        assert (await stage.drive("run-1", model)).status == "waiting"
        assert arrivals(tmp_path, "send") == []
        (second,) = await stage.approving.waiting()
        assert second.pin != first.pin
        await stage.approving.decide(BOB, second.id, "approved")
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert len(arrivals(tmp_path, "send")) == 1

    on_stage(tmp_path, scenario)


def test_when_no_line_asks_any_more_the_approved_call_is_simply_made(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(SEND, DONE)
        await stage.drive(await stage.queued(), model)
        await decided_elsewhere(stage, "approved")
        stage.rule(RULES.replace(" ask, ", " allow, "))
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert len(arrivals(tmp_path)) == 1

    on_stage(tmp_path, scenario)


def test_a_yes_that_was_not_used_in_time_is_asked_for_again(tmp_path: Path) -> None:
    times = [1_000_000]

    async def scenario(stage: Stage) -> None:
        model = Replies(SEND, DONE)
        await stage.drive(await stage.queued(), model)
        (first,) = await stage.files.approvals()
        await stage.approving.decide(BOB, first.id, "approved")
        times[0] = first.expires
        assert (await stage.drive("run-1", model)).status == "waiting"
        assert arrivals(tmp_path) == []
        assert (await stage.files.approval(first.id)).state == "expired"

    on_stage(tmp_path, scenario, clock=lambda: times[0])


def test_what_nobody_answers_is_denied_by_the_clock_when_the_run_is_taken_up(tmp_path: Path) -> None:
    times = [1_000_000]

    async def scenario(stage: Stage) -> None:
        model = Replies(SEND, DONE)
        await stage.drive(await stage.queued(), model)
        (question,) = await stage.files.approvals()
        times[0] = question.expires
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert told(model)[0][0].startswith("Denied: nobody approved this call in time.")
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario, clock=lambda: times[0], settings=CallSettings(approval_seconds=60))


def test_a_cancelled_run_withdraws_its_questions_and_a_yes_comes_too_late(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(SEND, DONE)
        await stage.drive(await stage.queued(), model)
        await stage.files.append("run-1", [Cancelled("user:ann")], lease=None)
        assert await stage.approving.waiting() == []
        await decided_elsewhere(stage, "approved")
        assert (await stage.drive("run-1", model)).status == "cancelled"
        assert arrivals(tmp_path) == []

    on_stage(tmp_path, scenario)


def test_an_approved_call_that_does_not_fit_the_budget_any_more_waits_for_a_higher_one(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__send", {}), ("desk__put", {})), DONE)
        await stage.drive(await stage.queued(limits=Limits(tool_calls=1)), model)
        await decided_elsewhere(stage, "approved")
        assert (await stage.drive("run-1", model)).status == "paused"
        (approval,) = await stage.files.approvals(pending_only=False)
        assert approval.state == "approved"
        await stage.files.append("run-1", [LimitsRaised({"tool_calls": 2}, "user:ann")], lease=None)
        assert (await stage.drive("run-1", model)).status == "succeeded"
        assert len(arrivals(tmp_path, "send")) == 1
        assert (await stage.files.approval(approval.id)).state == "consumed"

    on_stage(tmp_path, scenario)


@pytest.mark.parametrize("reached", [True, False])
def test_an_approved_call_that_is_repeated_after_a_crash_rides_on_the_yes_that_it_used(
    tmp_path: Path, reached: bool
) -> None:
    class Dying(Exception):
        pass

    async def scenario(stage: Stage) -> None:
        model = Replies(calls(("desk__put", {"word": "a"})), DONE)
        await stage.drive(await stage.queued(), model)
        await decided_elsewhere(stage, "approved")
        forward = stage.servers.forward

        async def die(call: Call, **rest: Any) -> Outcome:
            if reached:
                await forward(call, **rest)
            raise Dying

        stage.servers.forward = die  # type: ignore[method-assign]
        with pytest.raises(Dying):
            await stage.drive("run-1", model)
        stage.servers.forward = forward  # type: ignore[method-assign]
        assert (await stage.story())[-1] == "admitted"
        assert (await stage.drive("run-1", model)).status == "succeeded"
        keys = [each["meta"]["toolgate/idempotency-key"] for each in arrivals(tmp_path)]
        assert keys == ["run-1/t1/call/1"] * (2 if reached else 1)
        assert (await stage.books()).tool_calls == 1

    on_stage(tmp_path, scenario, rules=f"p, *, *, desk/put, call, , ask, a person reads it\n{RULES}")


def test_an_order_in_the_shop_is_made_once_when_a_second_person_has_agreed(tmp_path: Path) -> None:
    """The same with the bundled shop, whose database is the judge."""

    async def scenario() -> None:
        rules = f"p, *, *, shop/create_order, call, , ask, orders need a second person\n{RULES}"
        async with opened(tmp_path, shop(tmp_path), rules=rules) as stage:
            order = {"customer_id": "C-1", "sku": "BELL-BRASS", "quantity": 2}
            model = Replies(calls(("shop__create_order", order)), DONE)
            await stage.drive(await stage.queued(), model)
            assert orders(tmp_path) == []
            await decided_elsewhere(stage, "approved")
            assert (await stage.drive("run-1", model)).status == "succeeded"
            assert orders(tmp_path) == [("C-1", "BELL-BRASS", 2)]

    asyncio.run(scenario())


def orders(folder: Path) -> list[Any]:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(folder / "shop.db")) as shop_db:
        return shop_db.execute("SELECT customer_id, sku, quantity FROM orders ORDER BY rowid").fetchall()
