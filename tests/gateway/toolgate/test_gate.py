"""Toolgate as a program in Python has it: opened, asked, stopped, taken up again."""

import ast
import asyncio
import contextlib
import importlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.config import load_config
from gateway.errors import ConfigError, Conflict, LeaseLost, StoreError, UnknownRun
from gateway.events import Denied, Held, Recorded, Returned
from gateway.store import Claim
from gateway.toolgate import Result, RunFailed, RunPaused, RunStopped, RunWaiting, Toolgate, resume_sync, run_sync
from providers import StreamEvent, TextDelta
from tests.fixtures.parts import gate as gate_of_calls

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden" / "python_api.txt"
PATIENCE = 120.0


def play(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, PATIENCE))


def within(work: Callable[[Toolgate], Coroutine[Any, Any, None]]) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            await work(gate)

    play(scenario())


# ---- what is public


def test_its_names_and_signatures_are_those_of_the_golden_file() -> None:
    """UPDATE_GOLDEN=1 writes it: then CHANGELOG.md says what has changed for those who use it."""
    text = "\n".join(_public()) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def _public() -> list[str]:
    """From the source, so that it reads alike whichever Python looks."""
    files = sorted((ROOT / "gateway" / "toolgate").glob("*.py"))
    nodes = {getattr(node, "name", ""): node for file in files for node in ast.parse(file.read_text()).body}
    lines = []
    for name in sorted(importlib.import_module("gateway.toolgate").__all__):
        node = nodes[name]
        if isinstance(node, ast.ClassDef):
            lines.append(f"{name}({', '.join(map(ast.unparse, node.bases))})")
            lines += sorted(f"    {name}.{line}" for line in _members(node))
        else:
            lines.append(_signature(node))
    return lines


def _members(cls: ast.ClassDef) -> list[str]:
    found = [ast.unparse(node) for node in cls.body if isinstance(node, ast.AnnAssign)]
    functions = [node for node in cls.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    return found + [_signature(node) for node in functions if not node.name.startswith("_")]


def _signature(node: Any) -> str:
    is_property = "property" in map(ast.unparse, node.decorator_list)
    kind = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    returns = ast.unparse(node.returns).strip("'")
    return f"{node.name}: {returns}" if is_property else f"{kind}{node.name}({ast.unparse(node.args)}) -> {returns}"


def test_to_import_it_loads_neither_an_sdk_nor_what_only_an_open_gate_needs() -> None:
    code = "import sys, gateway.toolgate; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    heavy = {"mcp", "anthropic", "openai", "pydantic", "casbin", "click", "sqlite3", "gateway.runtime"}
    assert heavy & set(loaded.split()) == set()
    assert "gateway.toolgate.gate" in loaded.split()


# ---- what is opened


def test_it_takes_a_file_a_folder_or_a_configuration(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load_config(project, os.environ)
    monkeypatch.chdir("/")

    async def scenario() -> None:
        for place in (project / "toolgate.toml", str(project), config):
            async with Toolgate.open(place) as gate:
                assert (await gate.run("hi")).output == "One."

    play(scenario())


@pytest.mark.parametrize(("name", "said"), [("other.toml", "no `toolgate.toml`"), ("toolgate.toml", "no such file")])
def test_what_is_no_configuration_is_said(name: str, said: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(ConfigError, match=said):
            async with Toolgate.open(tmp_path / "nowhere" / name):
                pytest.fail("it was opened")

    play(scenario())


# ---- runs


def test_a_run_that_succeeds_is_a_result(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        result = await gate.run("Look.", agent="clerk", model="look")
        assert isinstance(result, Result)
        assert (result.output, result.model, result.spend.tool_calls) == ("I looked.", "look", 1)
        assert [message["role"] for message in result.messages] == ["user", "assistant", "tool", "assistant"]
        run = await gate.runs.get(result.run_id)
        assert (run.subject.user, run.subject.tenant, run.subject.agent) == ("user:ann", "acme", "agent:clerk")
        assert await gate.resume(result.run_id) == result  # it tells its answer again

    within(work)


def test_a_run_that_waits_is_an_error_that_goes_on_when_people_have_answered(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        with pytest.raises(RunWaiting) as raised:
            await gate.run("Send.", model="send")
        error = raised.value
        (asked,) = error.approvals
        assert (asked.path, error.run.status) == ("desk/send", "waiting")
        assert f"`{asked.id}` about `desk/send`" in str(error)
        with pytest.raises(RunWaiting):
            await error.resume()
        await gate.as_user("user:bob").approvals.decide(asked.id, "approved", digest=asked.digest)
        assert (await error.resume()).output == "Sent."

    within(work)


def test_another_process_goes_on_with_what_one_has_begun(project: Path) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as first:
            with pytest.raises(RunWaiting) as raised:
                await first.run("Send.", model="send")
        async with Toolgate.open() as second:
            bob = second.as_user("user:bob")
            for asked in await bob.approvals.list(raised.value.run_id):
                await bob.approvals.decide(asked.id, "denied", reason="not today")
            assert (await second.resume(raised.value.run_id)).output == "Sent."  # the model was told, and says so

    play(scenario())


def test_a_run_whose_budget_is_spent_is_paused_and_goes_on_with_more(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        with pytest.raises(RunPaused) as raised:
            await gate.run("Look.", model="look", budget={"turns": 1})
        assert raised.value.run.budget_spent == "turns"
        done = await gate.resume(raised.value.run_id, budget={"turns": 5})
        assert done.output == "I looked."
        assert await gate.resume(done.run_id, budget={"turns": 50}) == done  # it has ended: no budget is of any use

    within(work)


def test_a_run_that_fails_says_why(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        with pytest.raises(RunFailed, match="auth: the key is wrong") as raised:
            await gate.run("hi", model="fail")
        with pytest.raises(RunFailed):
            await raised.value.resume()

    within(work)


def test_an_answer_that_does_not_fit_its_form_fails_the_run_and_says_where(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        with pytest.raises(RunFailed) as failed:
            await gate.run("count the bells", output_schema={"type": "object"})
        assert failed.value.run.cause.startswith("output: ")

    within(work)


def test_an_answer_that_fits_its_form_is_there_as_a_value(project: Path) -> None:
    (project / "talk.yaml").write_text("steps:\n  - say: '{\"bells\": [2, 3.5]}'\n")

    async def work(gate: Toolgate) -> None:
        result = await gate.run("count the bells", output_schema={"type": "object"})
        assert (result.output, result.value) == ('{"bells": [2, 3.5]}', {"bells": [2, 3.5]})
        assert (await gate.run("count the bells")).value is None

    within(work)


def test_within_an_event_loop_it_is_said_what_to_write(project: Path) -> None:
    async def scenario() -> None:
        for act in (run_sync, resume_sync):
            with pytest.raises(ConfigError, match=r"an event loop is running in this thread: .*await gate.run"):
                act("hi", project)

    asyncio.run(scenario())


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_without_a_text_nothing_is_queued(project: Path, text: Any) -> None:
    async def work(gate: Toolgate) -> None:
        for act in (gate.run, gate.submit):
            with pytest.raises(ConfigError, match="say what is to be done"):
                await act(text)
        assert await gate.runs.list() == []
        with pytest.raises(ConfigError, match="status"):
            await gate.runs.list(status="nope")

    within(work)


def test_what_is_not_configured_queues_nothing(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        for wrong in ({"agent": "nobody"}, {"model": "nothing"}, {"budget": {"turnss": 1}}, {"session": "a b"}):
            with pytest.raises(ConfigError):
                await gate.run("hi", **wrong)
        with pytest.raises(ConfigError, match="as_user"):
            gate.as_user("nobody at all")
        for nobody in ({"user": ""}, {"user": " "}, {"user": "user:"}, {"user": "user:ann", "tenant": ""}):
            with pytest.raises(ConfigError, match="as_user"):  # the operator's own name is for who says none
                gate.as_user(**nobody)
        for act in (gate.submit, gate.run):
            with pytest.raises(ConfigError, match="no agent ``"):
                await act("hi", agent="")
        with pytest.raises(UnknownRun):
            await gate.resume("r-none")
        assert await gate.runs.list() == []

    within(work)


def test_a_run_that_was_submitted_is_driven_by_whoever_resumes_it(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        run_id = await gate.submit("hi")
        assert (await gate.runs.get(run_id)).status == "queued"
        assert (await gate.resume(run_id)).output == "One."

    within(work)


def test_a_run_is_submitted_with_a_priority_and_for_later(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        later = datetime(2999, 12, 24, 18, tzinfo=UTC)
        first = await gate.submit("hi", priority=5)
        await gate.submit("hi", at=later)
        store = gate.runtime.offline.store
        assert [job.run_id for job in await store.ready(Claim("w/1/a", 10.0), 9)] == [first]
        assert (await store.coming()) == 0
        lease = await store.claim(Claim("w/1/a", 10.0))
        assert lease is not None
        assert lease.run_id == first
        assert (await store.coming() or 0) > 1e12  # milliseconds
        with pytest.raises(ConfigError, match="101 is not between -100 and 100"):
            await gate.submit("hi", priority=101)

    within(work)


class Seen:
    """A watcher."""

    def __init__(self) -> None:
        self.facts: list[Recorded] = []
        self.words = ""

    def recorded(self, recorded: Recorded) -> None:
        self.facts.append(recorded)

    def streamed(self, event: StreamEvent) -> None:
        self.words += event.text if isinstance(event, TextDelta) else ""


def test_a_watcher_hears_words_as_they_come_and_a_stream_has_all_events(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        seen = Seen()
        result = await gate.run("hi", watcher=seen)
        assert seen.words == "One."
        told = [recorded async for recorded in gate.runs.watch(result.run_id)]
        assert told == seen.facts
        assert [one async for one in gate.runs.watch(result.run_id, after=told[-2].seq)] == told[-1:]

    within(work)


def test_who_is_cancelled_leaves_the_run_to_be_resumed_and_says_how(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with gate_of_calls() as held, Toolgate.open() as gate:
            step = f"call: {{tool: desk/hold, args: {{port: {held.port}}}}}"
            (project / "hold.yaml").write_text(f"steps:\n  - {step}\n  - say: Held.\n")
            task = asyncio.create_task(gate.run("Hold.", model="hold"))
            await held.arrived()
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as raised:
                await task
            (row,) = await gate.runs.list()
            assert (row.status, row.owner) == ("paused", None)
            how = f'run {row.id} was interrupted: go on with `await gate.resume("{row.id}")`'
            assert raised.value.__notes__ == [how]
            assert how in caplog.messages
            held.open.set()
            with contextlib.suppress(RunStopped):  # the call may have to be looked into
                await gate.resume(row.id)
            assert (await gate.runs.get(row.id)).status != "paused"

    with caplog.at_level(logging.WARNING, "toolgate"):
        play(scenario())


@pytest.mark.parametrize("how", ["cancelled", "closed"])
def test_who_is_stopped_while_the_run_is_queued_is_told_which_it_is(
    project: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            store = gate.runtime.offline.store
            asked, answers, append = asyncio.Event(), asyncio.Event(), store.append
            made: list[asyncio.Future[int]] = []

            async def slow(*given: Any, **more: Any) -> int:
                made.append(asyncio.ensure_future(append(*given, **more)))  # a store makes it whoever waits for it
                asked.set()
                await answers.wait()
                return await made[0]

            monkeypatch.setattr(store, "append", slow)
            task = asyncio.create_task(gate.run("hi"))
            await asked.wait()
            await made[0]
            monkeypatch.setattr(store, "append", append)
            if how == "cancelled":
                task.cancel()
                with pytest.raises(asyncio.CancelledError) as raised:
                    await task
                (row,) = await gate.runs.list()
                assert raised.value.__notes__ == [
                    f'run {row.id} was interrupted: go on with `await gate.resume("{row.id}")`'
                ]
            asyncio.get_running_loop().call_later(0, answers.set)  # when the gate waits for it
        if how == "closed":
            with pytest.raises(RunWaiting, match="for somebody who drives it") as stopped:
                await task
        async with Toolgate.open() as gate:
            (row,) = await gate.runs.list()
            assert row.status == "queued"
            assert how == "cancelled" or stopped.value.run_id == row.id
            assert (await gate.resume(row.id)).output == "One."

    play(scenario())


def test_a_gate_that_is_closed_stops_what_is_under_way_in_it_and_its_callers_get_the_run(project: Path) -> None:
    async def scenario() -> None:
        async with gate_of_calls() as held:
            step = f"call: {{tool: desk/hold, args: {{port: {held.port}}}}}"
            (project / "hold.yaml").write_text(f"steps:\n  - {step}\n  - say: Held.\n")
            async with Toolgate.open() as gate:
                task = asyncio.create_task(gate.as_user("user:ann").run("Hold.", model="hold"))
                await held.arrived()
            with pytest.raises(RunPaused, match="was interrupted; go on with") as stopped:
                await task
        assert (task.cancelling(), stopped.value.run.cause) == (0, "it was interrupted")
        async with Toolgate.open() as gate:
            (row,) = await gate.runs.list()
            assert (row.id, row.status, row.owner) == (stopped.value.run_id, "paused", None)

    play(scenario())


@pytest.mark.parametrize("broken", ["lease", "store"])
def test_what_breaks_while_a_run_is_driven_says_which_run_it_was(project: Path, broken: str) -> None:
    async def scenario() -> None:
        async with gate_of_calls() as held, Toolgate.open() as gate:
            step = f"call: {{tool: desk/hold, args: {{port: {held.port}}}}}"
            (project / "hold.yaml").write_text(f"steps:\n  - {step}\n  - say: Held.\n")
            task = asyncio.create_task(gate.run("Hold.", model="hold"))
            await held.arrived()
            (row,) = await gate.runs.list()
            store = gate.runtime.offline.store
            if broken == "lease":
                assert await store.acquire(row.id, "elsewhere/1/a.b", 600.0, row.owner)
            else:
                store.close()
            held.open.set()
            with pytest.raises(LeaseLost if broken == "lease" else StoreError) as raised:
                await task
            assert raised.value.run_id == row.id
            assert f'go on with `await gate.resume("{row.id}")`' in raised.value.__notes__[-1]

    play(scenario())


def test_an_agent_goes_by_the_name_that_its_runs_are_listed_with(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        result = await gate.run("hi", agent="agent:other")
        assert (await gate.runs.list())[0].agent == "agent:other"
        assert result.output == "One."
        assert isinstance(await gate.call("desk/look", agent="agent:clerk"), Returned)
        with pytest.raises(ConfigError, match=r"until: .*`bogus`"):
            await anext(gate.runs.watch(result.run_id, until="bogus"))  # type: ignore[arg-type]

    within(work)


def test_one_gate_works_for_several_tasks_and_two_gates_in_one_process(project: Path) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as first, Toolgate.open() as second:
            works = [gate.run("Look.", model="look") for gate in (first, second) for _ in range(3)]
            results = await asyncio.gather(*works)
            assert {result.output for result in results} == {"I looked."}
            assert len({result.run_id for result in results}) == 6
            assert len(await second.runs.list()) == 6

    play(scenario())


def test_without_an_event_loop_it_is_one_call(project: Path) -> None:
    assert run_sync("hi", agent="clerk").output == "One."
    with pytest.raises(RunPaused):
        run_sync("Look.", project, model="look", budget={"turns": 1})


async def _taken_up(stopped: RunStopped) -> Result:
    return await stopped.resume()


def test_what_was_stopped_without_an_event_loop_goes_on_without_one(project: Path) -> None:
    with pytest.raises(RunPaused) as paused:
        run_sync("Look.", project, model="look", budget={"turns": 1})
    run_id = paused.value.run_id
    assert paused.value.__notes__ == [f'without an event loop: `resume_sync("{run_id}")`']
    with pytest.raises(StoreError, match=rf'gate of run `{run_id}` is closed: .* or `resume_sync\("{run_id}"\)`'):
        asyncio.run(_taken_up(paused.value))
    with pytest.raises(RunPaused):
        resume_sync(run_id, project)
    assert resume_sync(run_id, budget={"turns": 5}).output == "I looked."
    with pytest.raises(UnknownRun):
        resume_sync("r-none")


# ---- sessions


def test_a_session_goes_on_from_run_to_run(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        told = [(await gate.run(f"Question {n}.", session="trip")).output for n in range(3)]
        assert told == ["One.", "Two.", "Three."]
        (session,) = await gate.sessions.list()
        assert (session.name, session.turns) == ("trip", 3)
        memory = await gate.sessions.memory("trip")
        assert memory is not None
        assert len(memory.messages) == 6
        assert await gate.as_user("user:cleo").sessions.list() == []
        assert (await gate.as_user("user:cleo").run("Question.", session="trip")).output == "One."
        with pytest.raises(Conflict):
            await gate.run("hi", agent="other", session="trip")
        await gate.sessions.delete("trip")
        assert (await gate.run("Again.", session="trip")).output == "One."

    within(work)


def test_who_comes_second_in_a_session_is_told_of_the_first_that_waits(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        with pytest.raises(RunWaiting) as first:
            await gate.run("Send.", model="send", session="trip")
        with pytest.raises(RunWaiting, match=f"run `{first.value.run_id}` of the session `trip` comes first") as second:
            await gate.run("hi", session="trip")
        assert second.value.run.status == "queued"
        await gate.runs.cancel(first.value.run_id)
        assert (await second.value.resume()).output == "One."

    within(work)


# ---- calls


def test_a_call_without_a_model_meets_the_same_policy(project: Path) -> None:
    async def work(gate: Toolgate) -> None:
        looked = await gate.call("desk/look")
        assert isinstance(looked, Returned)
        assert looked.outcome["kind"] == "answered"
        assert isinstance(await gate.call("desk/fail"), Denied)
        held = await gate.call("desk/send", {"word": "b"})
        assert isinstance(held, Held)
        await gate.as_user("user:bob").approvals.decide(held.approval_id, "approved")
        assert isinstance(await gate.call("desk/send", {"word": "b"}), Returned)
        assert isinstance(await gate.call("desk/look", agent="other"), Denied)

    within(work)
    arrived = [json.loads(line)["tool"] for line in (project / "arrivals.jsonl").read_text().splitlines()]
    assert arrived == ["look", "send"]
