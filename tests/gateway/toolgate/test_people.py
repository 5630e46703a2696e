"""What people say by a gate: to runs, and to questions."""

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.approval import Approval
from gateway.call import Deny, Subject
from gateway.errors import ConfigError, Conflict, IllegalEvent, StoreError, UnknownApproval, UnknownRun, UnknownSession
from gateway.events import event_name
from gateway.store.sessions import SessionBook
from gateway.toolgate import RunWaiting, Toolgate
from gateway.toolgate.people import Sessions

PATIENCE = 120.0


async def a_question(gate: Toolgate) -> tuple[str, Approval]:
    with pytest.raises(RunWaiting) as raised:
        await gate.run("Send.", model="send")
    return raised.value.run_id, raised.value.approvals[0]


def test_who_may_answer_is_policy_and_an_answer_is_given_once(project: Path) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            run_id, asked = await a_question(gate)
            assert [one.id for one in await gate.approvals.list()] == [asked.id]
            assert await gate.approvals.list("r-none") == []
            denied = await gate.approvals.decide(asked.id, "approved")
            assert isinstance(denied, Deny)
            bob = gate.as_user("user:bob")
            with pytest.raises(Conflict):
                await bob.approvals.decide(asked.id, "approved", digest="0" * 64)  # that was not shown
            agreed = await bob.approvals.decide(asked.id, "approved", edited={"word": "c"}, reason="better so")
            assert isinstance(agreed, Approval)
            assert (agreed.state, agreed.arguments, agreed.reason) == ("approved", '{"word":"c"}', "better so")
            with pytest.raises(Conflict):
                await bob.approvals.decide(asked.id, "denied")
            with pytest.raises(UnknownApproval):
                await bob.approvals.decide("A-none", "denied")
            for start in ("A", asked.id):
                with pytest.raises(UnknownApproval):  # of another tenant he learns nothing
                    await gate.as_user("user:bob", "evil").approvals.decide(start, "denied")
            with pytest.raises(StoreError, match="NUL"):
                await gate.run("Send\0 it.")
            assert (await gate.resume(run_id)).output == "Sent."

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
    assert '"word": "c"' in (project / "arrivals.jsonl").read_text().replace('":"', '": "')


def test_runs_are_listed_looked_at_watched_and_cancelled(project: Path) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            run_id, _ = await a_question(gate)
            (row,) = await gate.runs.list()
            assert (row.id, row.status, row.user) == (run_id, "waiting", "user:ann")
            assert (await gate.runs.get(run_id[:8])).id == run_id
            seen = [one.seq async for one in gate.runs.watch(run_id, until="rest")]
            assert seen == list(range(1, row.seq + 1))
            with pytest.raises(StoreError, match="is not in doubt"):
                await gate.runs.settle(run_id, "t1/call/1", "happened")
            with pytest.raises(StoreError, match="`perhaps` says nothing of a call"):
                await gate.runs.settle(run_id, "t1/call/1", "perhaps")  # type: ignore[arg-type]
            assert await gate.runs.list(user="user:bob") == []
            assert [one.id for one in await gate.runs.list(status="waiting", agent="agent:clerk")] == [run_id]
            await gate.runs.pause(run_id, "lunch")
            paused = await gate.runs.get(run_id)
            assert (paused.status, paused.cause) == ("paused", "lunch")
            await gate.runs.resume(run_id)
            await gate.runs.cancel(run_id)
            told = [event_name(one.event) async for one in gate.runs.watch(run_id, after=row.seq)]
            assert told == ["paused", "resumed", "cancelled"]
            with pytest.raises(IllegalEvent):
                await gate.runs.cancel(run_id)
            with pytest.raises(UnknownRun):
                await gate.runs.get("r-none")

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


@pytest.mark.parametrize(("user", "tenant"), [("user:cleo", "acme"), ("user:ann", "evil")])
def test_to_another_user_or_tenant_a_run_is_not_there(project: Path, user: str, tenant: str) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            run_id, _ = await a_question(gate)
            seen = (await gate.runs.get(run_id)).seq
            other = gate.as_user(user, tenant)
            for name in (run_id, run_id[:8]):
                for act in (other.runs.get, other.runs.pause, other.runs.resume, other.runs.cancel, other.resume):
                    with pytest.raises(UnknownRun, match=name):
                        await act(name)
                with pytest.raises(UnknownRun):
                    await other.resume(name, budget={"usd": 100})
                with pytest.raises(UnknownRun):
                    await other.runs.settle(name, "t1/call/1", "happened")
                with pytest.raises(UnknownRun):
                    await anext(other.runs.watch(name))
                for work in (
                    other.runs.fork(name, "t1"),
                    other.runs.undos(name),
                    other.runs.undo(name),
                    other.runs.export(name, force=True),
                    other.runs.move({"run": name}, "there"),
                    other.runs.delete(name, force=True),
                    other.runs.notify(name, "paid"),
                ):
                    with pytest.raises(UnknownRun):
                        await work
                with pytest.raises(UnknownRun):
                    await other.runs.list(before=name)
            assert await other.runs.list() == await other.runs.list(user="user:ann") == []
            assert await other.approvals.list() == await other.approvals.list(run_id) == []
            assert (await gate.runs.get(run_id)).seq == seen

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_gate_for_a_user_has_his_own_runs_and_the_questions_that_he_asks_or_may_answer(project: Path) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            run_id, asked = await a_question(gate.as_user("user:ann", "acme"))
            ann, bob = gate.as_user("user:ann"), gate.as_user("user:bob")
            assert [row.id for row in await ann.runs.list()] == [run_id]
            assert [row.id for row in await ann.runs.list(user="user:ann")] == [run_id]
            assert (await ann.runs.get(run_id[:8])).id == run_id
            assert [one.id for one in await ann.approvals.list()] == [asked.id]
            assert [one.id for one in await bob.approvals.list()] == [asked.id]
            assert await bob.runs.list() == []
            await bob.approvals.decide(asked.id, "approved")
            assert (await ann.resume(run_id)).output == "Sent."

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_run_is_forked_from_any_point_by_whose_it_is(project: Path) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            run_id, _ = await a_question(gate)
            new = await gate.runs.fork(run_id, "t0", text="Hi.", model="talk", budget={"turns": 3})
            assert (await gate.runs.get(new)).status == "queued"
            result = await gate.resume(new)
            assert (result.run_id, result.output, result.limits.turns) == (new, "One.", 3)
            with pytest.raises(StoreError, match="has 1 turns"):
                await gate.runs.fork(run_id, "t9")
            with pytest.raises(StoreError, match="only he goes on from it"):
                await Toolgate(gate.runtime, gate.as_user("user:bob")._subject).runs.fork(run_id, "t0")  # noqa: SLF001

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_run_is_exported_moved_deleted_and_taken_in_by_the_gate_that_was_opened(project: Path) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            run_id, asked = await a_question(gate)
            pack = await gate.runs.export(run_id[:8])
            assert (pack["run"], [one["id"] for one in pack["approvals"]]) == (run_id, [asked.id])
            assert await gate.runs.import_(pack) is False  # it is here
            with pytest.raises(StoreError, match="the one that was opened does"):
                await gate.as_user("user:ann").runs.import_(pack)
            pack = await gate.runs.export(run_id, moves=True)
            await gate.runs.move(pack, "there.json")
            assert (await gate.runs.get(run_id)).cause == "moved to there.json"
            with pytest.raises(Conflict):
                await gate.runs.move(pack, "there.json")
            with pytest.raises(StoreError, match=r"moved to there\.json"):
                await gate.runs.undos(run_id)
            await gate.runs.delete(run_id)
            with pytest.raises(UnknownRun):
                await gate.runs.get(run_id)
            with pytest.raises(Conflict, match="was deleted here"):
                await gate.runs.import_(pack)
            bobs = json.loads(json.dumps(pack).replace("user:ann", "user:bob").replace(run_id, "r-bob"))
            for said, why in (({}, "--as user:bob"), ({"user": "user:bob", "tenant": "evil"}, "of the tenant")):
                with pytest.raises(StoreError, match=why):
                    await gate.runs.import_(bobs, **said)
            other, _ = await a_question(gate)
            with pytest.raises(StoreError, match="has not ended"):
                await gate.runs.delete(other)
            await gate.runs.delete(other, force=True)
            assert [row.id for row in await gate.runs.list()] == []

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_copy_is_not_moved_and_nobody_takes_a_run_in_in_no_name(project: Path) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            run_id = await gate.submit("hi")
            pack = await gate.runs.export(run_id)
            with pytest.raises(StoreError, match="this is a copy of run"):
                await gate.runs.move(pack, "there.json")
            with pytest.raises(ConfigError, match="import_"):
                await gate.runs.import_(pack, user="")
            assert (await gate.runs.get(run_id)).status == "queued"

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


UNDO = """
[servers.desk.tools.look]
undo = { tool = "put", arguments = { word = "{key}" } }
"""


def test_what_a_run_has_done_is_undone_by_whose_gate_it_is(project: Path) -> None:
    config = project / "toolgate.toml"
    config.write_text(config.read_text() + UNDO)

    async def scenario() -> None:
        async with Toolgate.open() as gate:
            run_id = (await gate.run("Look.", model="look")).run_id
            (undo,) = await gate.runs.undos(run_id)
            assert (undo.key, undo.tool, undo.state) == ("t1/call/1", "desk/put", "open")
            with pytest.raises(StoreError, match=r"can't be undone; can be: t1/call/1"):
                await gate.runs.undo(run_id, "t9/call/9")
            with pytest.raises(StoreError, match="of the tenant `acme`"):
                await Toolgate(gate.runtime, gate.as_user(tenant="evil")._subject).runs.undo(run_id)  # noqa: SLF001
            for _ in range(2):
                (undo,) = await gate.runs.undo(run_id, "t1/call/1")
                assert (undo.state, undo.why) == ("undone", "")
            waiting, _ = await a_question(gate)
            with pytest.raises(StoreError, match="has not ended"):
                await gate.runs.undo(waiting)

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
    assert (project / "arrivals.jsonl").read_text().count('"put"') == 1


def test_news_reach_a_run_and_what_is_no_name_of_any_does_not(project: Path) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            run_id, _ = await a_question(gate)
            await gate.runs.notify(run_id, "paid", {"amount": 12})
            last = [one.event async for one in gate.runs.watch(run_id, until="rest")][-1]
            assert (event_name(last), getattr(last, "data", "")) == ("notified", '{"amount": 12}')
            with pytest.raises(StoreError, match="no name of news"):
                await gate.runs.notify(run_id, "")

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_session_that_is_not_there_is_said(project: Path) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            for work in (gate.sessions.memory, gate.sessions.delete):
                with pytest.raises(UnknownSession):
                    await work("trip")
            with pytest.raises(RunWaiting):
                await gate.run("Send.", model="send", session="trip")
            assert await gate.sessions.memory("trip") is None
            (waits,) = await gate.sessions.open("trip")
            assert (waits.status, waits.begun, await gate.sessions.open("none")) == ("waiting", True, [])

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))


def test_a_look_at_sessions_keeps_no_event_loop_waiting() -> None:
    """The store has a thread for it, where it needs one."""
    threads = list[str]()

    class Slow:
        def read(self, *_: object) -> list[Any]:
            threads.append(threading.current_thread().name)
            return [(None,)] if len(threads) == 1 else []

        def now(self) -> int:
            return 0

        async def reading(self, look: Callable[[], Any]) -> Any:
            with ThreadPoolExecutor(thread_name_prefix="aside") as aside:
                return await asyncio.get_running_loop().run_in_executor(aside, look)

    async def scenario() -> None:
        access: Any = Slow()
        offline: Any = SimpleNamespace(store=SimpleNamespace(sessions=lambda *who: SessionBook(access, *who)))
        sessions = Sessions(offline, Subject("user:ann", "acme"))
        assert await sessions.memory("trip") is None
        assert await sessions.list() == []
        assert await sessions.open("trip") == []

    asyncio.run(scenario())
    assert len(threads) == 4
    assert all(name.startswith("aside") for name in threads)
