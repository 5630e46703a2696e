"""Whose a task is, and what is written down of it: `tests/flows/test_tasks.py` has the rest, over the wire."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.call import (
    Answered,
    Deny,
    InDoubt,
    JsonObject,
    Outcome,
    Refused,
    TaskCreated,
    outcome_from_json,
    outcome_to_json,
)
from gateway.caller import NOBODY
from gateway.errors import Conflict, UnknownTask
from gateway.events import Held, Returned
from gateway.following import Following, Inquiry
from gateway.profile import Profile
from gateway.signature import SERVER
from gateway.store import Finish
from gateway.telemetry import Recorder, Span, traceparent
from tests.fixtures.following import ANN, EVE, KNOWS, Servers, kept, within
from tests.fixtures.gateway_app import App


@pytest.mark.parametrize(
    "says",
    [
        Answered({"status": "completed", "result": {"content": []}}),
        Answered({"status": "failed", "error": {"code": 1, "message": "no"}}),
        Answered({"status": "cancelled"}),
        TaskCreated({"status": "completed", "result": {"content": []}}),
        Refused(-32602, "Task not found"),
    ],
)
def test_an_outcome_is_recorded_once_whoever_sees_it(tmp_path: Path, says: Outcome) -> None:
    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin)
            inquiry = Inquiry("T-1", run, NOBODY)
            await asyncio.gather(*(following.get(inquiry) for _ in range(5)))
            events = [recorded.event for recorded in await app.store.events(run.run_id)]
            assert [fact.key for fact in events if isinstance(fact, Returned)] == ["call/1"]
            assert (await app.store.task("T-1")).done
            with pytest.raises(Conflict):
                await app.store.append(run.run_id, [], lease=None, changes=(Finish("T-1"),))

    within(tmp_path, says, scenario)


@pytest.mark.parametrize("says", [Answered({"status": "paused"}), Answered({}), Answered({"status": 1})])
def test_a_state_that_is_none_is_not_passed_on(tmp_path: Path, says: Outcome) -> None:
    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin)
            assert isinstance(await following.get(Inquiry("T-1", run, NOBODY)), InDoubt)

    within(tmp_path, says, scenario)


def test_a_task_of_a_tool_that_has_changed_is_not_followed(tmp_path: Path) -> None:
    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, "another pin")
            for work in (following.get, following.update):
                no = await work(Inquiry("T-1", run, NOBODY, answers={}))
                assert isinstance(no, Deny)
                assert no.gate == "intact"
            assert servers.asked == []
            await following.cancel(Inquiry("T-1", run, NOBODY))
            assert servers.asked == ["tasks/cancel theirs"]

    within(tmp_path, Answered({}), scenario)


def test_a_task_belongs_to_its_subject_and_to_what_his_profile_holds(tmp_path: Path) -> None:
    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin)
            held = await run.call("echo__add", {"a": 1, "b": 2})
            assert isinstance(held, Held)
        narrow = await app.clients.open(ANN, "narrow", Profile("narrow", ["other"]))
        agent = await app.clients.open(replace(ANN, agent="agent:x"), "agent")
        for other in (await app.clients.open(EVE, "eve"), narrow, agent):
            for task_id in ("T-1", held.approval_id):
                for work in (following.get, following.update, following.cancel):
                    with pytest.raises(UnknownTask):
                        await work(Inquiry(task_id, other, NOBODY, answers={}))
        assert servers.asked == []
        assert (await app.store.approval(held.approval_id)).state == "pending"

    within(tmp_path, Answered({}), scenario)


def test_only_who_knows_tasks_is_answered_with_one(tmp_path: Path) -> None:
    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            held = await run.call("echo__add", {"a": 1, "b": 2})
            made = await run.call("echo__echo", {"text": "x"})
        assert isinstance(held, Held)
        assert await following.created(held, NOBODY, run) is None
        created = await following.created(held, KNOWS, run)
        assert isinstance(created, Mapping)
        assert (created["resultType"], created["taskId"]) == ("task", held.approval_id)
        assert await following.created(made, KNOWS, run) is None

    within(tmp_path, Answered({}), scenario)


def test_what_a_task_came_to_is_looked_at_each_time_that_it_is_told(tmp_path: Path) -> None:
    """A server may be honest when it is asked first."""
    state = {"status": "completed", "result": {"content": [{"type": "text", "text": "fine"}]}}
    turned = {**state, "result": {"content": [{"type": "text", "text": "fine\u200b"}]}}

    recorder = Recorder()

    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin)
            inquiry = Inquiry("T-1", run, NOBODY)
            for says in (state, state, turned):
                servers.says = Answered(says)
                await following.get(inquiry)
            told = [span.attributes.get("toolgate.result.findings") for span in recorder.spans if _is_of_task(span)]
            assert told == [None, 1]
            assert await following.cancel(inquiry) is not None
            assert servers.metas[-1]["traceparent"] == traceparent(run.run_id, "call/1")

    within(tmp_path, Answered(state), scenario, recorder)


QUESTION = {"method": "elicitation/create", "params": {"mode": "form", "message": "who?", "requestedSchema": {}}}
ASKING: JsonObject = {"taskId": "theirs", "status": "input_required", "inputRequests": {"q": QUESTION}}


def made(state: JsonObject) -> Returned:
    """A call of which its server has made this task."""
    return Returned("call/1", outcome_to_json(TaskCreated({"resultType": "task", **state}, "T-1")), {}, False)


def test_a_question_in_a_tasks_first_state_says_who_asks_as_later_ones_do(tmp_path: Path) -> None:
    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin)
            first = await following.created(made(ASKING), KNOWS, run)
            later = await following.get(Inquiry("T-1", run, KNOWS))
            acknowledged = await following.update(Inquiry("T-1", run, KNOWS, answers={}))
            for told in (first, later, acknowledged):
                assert isinstance(told, dict)
                assert told["taskId"] == "T-1"
                asked = told["inputRequests"]["q"]["params"]
                assert (asked["message"], asked["_meta"]) == ("echo asks: who?", {SERVER: "echo"})
            assert isinstance(first, Mapping)
            assert first["resultType"] == "task"

    within(tmp_path, Answered(ASKING), scenario)


def test_a_page_that_nobody_may_visit_is_not_shown_by_a_task_whenever_its_server_asks(tmp_path: Path) -> None:
    page = {"method": "elicitation/create", "params": {"mode": "url", "message": "go", "url": "javascript:x"}}
    asking = {**ASKING, "inputRequests": {"q": page}}

    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin)
            assert isinstance(await following.created(made(asking), KNOWS, run), Refused)
            for work in (following.get, following.update):
                assert isinstance(await work(Inquiry("T-1", run, KNOWS, answers={})), Refused)

    within(tmp_path, Answered(asking), scenario)


def test_a_task_that_has_ended_when_it_is_made_is_over(tmp_path: Path) -> None:
    recorder = Recorder()
    state: JsonObject = {"taskId": "theirs", "status": "completed", "result": {"content": []}}

    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin)
            created = await following.created(made(state), KNOWS, run)
            assert created is not None
            await following.get(Inquiry("T-1", run, KNOWS))
            events = [recorded.event for recorded in await app.store.events(run.run_id)]
            (ended,) = [outcome_from_json(fact.outcome) for fact in events if isinstance(fact, Returned)]
            assert ended == Answered({"content": []})
            assert len([span for span in recorder.spans if _is_of_task(span)]) == 1

    within(tmp_path, Answered(state), scenario, recorder)


@pytest.mark.parametrize("method", ["get", "update", "cancel"])
def test_what_a_server_calls_its_task_is_not_told(tmp_path: Path, method: str) -> None:
    says = Refused(-32602, "Task not found: theirs", {"taskId": "theirs"})

    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin)
            told = await getattr(following, method)(Inquiry("T-1", run, NOBODY, answers={}))
            assert isinstance(told, Refused)
            assert told.code == -32602
            assert told.message.startswith("Task not found")
            assert "theirs" not in str(told)

    within(tmp_path, says, scenario)


def _is_of_task(span: Span) -> bool:
    return span.key.startswith("call/1/task/")


SSN = "123-45-6789"
ROW = {"content": [{"type": "text", "text": f'{{"ssn": "{SSN}"}}'}], "structuredContent": {"ssn": SSN}}


def test_what_a_server_says_of_a_task_is_held_to_the_duties_of_its_call(tmp_path: Path) -> None:
    says = Answered({"status": "completed", "result": ROW})

    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin)
            told = await following.get(Inquiry("T-1", run, NOBODY))
            assert "completed" in str(told)
            assert SSN not in str(told)
            assert SSN not in str(await app.store.events(run.run_id))

    within(tmp_path, says, scenario, duties="o, *, *, echo/echo, call, , redact=ssn, numbers stay inside")


def test_the_task_of_a_call_that_may_only_be_rehearsed_is_told_nothing_more(tmp_path: Path) -> None:
    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin)
            assert isinstance(await following.update(Inquiry("T-1", run, NOBODY, answers={})), Deny)
            assert servers.asked == []
            assert not isinstance(await following.get(Inquiry("T-1", run, NOBODY)), Deny)

    within(tmp_path, Answered({"status": "working"}), scenario, duties="o, *, *, echo/echo, call, , dry_run, rehearsed")


@pytest.mark.parametrize("says", [Answered({"ssn": SSN}), Refused(-32000, f"ssn {SSN}", {"ssn": SSN})])
@pytest.mark.parametrize("allowed", [True, False])
def test_an_acknowledgement_is_held_to_the_duties_too(tmp_path: Path, says: Outcome, allowed: bool) -> None:
    """Who may not make the call any more may cancel it, and is told that it was done."""

    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin if allowed else "another pin")
            for work in (following.update, following.cancel):
                assert SSN not in str(await work(Inquiry("T-1", run, NOBODY, answers={})))
            assert "tasks/cancel theirs" in servers.asked
            assert SSN not in str(await app.store.events(run.run_id))

    within(tmp_path, says, scenario, duties="o, *, *, echo/echo, call, , redact=ssn, numbers stay inside")


@pytest.mark.parametrize("says", [Answered({"status": "working"}), Refused(-32000, "write to eve"), Answered({})])
@pytest.mark.parametrize("method", ["get", "update", "cancel"])
def test_whatever_an_untrusted_server_says_of_a_task_taints(tmp_path: Path, says: Outcome, method: str) -> None:
    async def scenario(app: App, following: Following, servers: Servers) -> None:
        async with app.clients.run(ANN, "a client") as run:
            await kept(app, run.run_id, app.upstreams.catalogue.tools["echo/echo"].pin)
            assert not run.ear.tainted
            await getattr(following, method)(Inquiry("T-1", run, NOBODY, answers={}))
            assert run.ear.tainted

    within(tmp_path, says, scenario, trusted=False)
