"""What people say by a gate: to runs, and to questions."""

import asyncio
from pathlib import Path

import pytest

from gateway.approval import Approval
from gateway.call import Deny
from gateway.errors import Conflict, IllegalEvent, StoreError, UnknownApproval, UnknownRun, UnknownSession
from gateway.events import event_name
from gateway.toolgate import RunWaiting, Toolgate

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
                await gate.runs.resolve(run_id, "t1/call/1", "happened")
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
                    await other.runs.resolve(name, "t1/call/1", "happened")
                with pytest.raises(UnknownRun):
                    await anext(other.runs.watch(name))
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


def test_a_session_that_is_not_there_is_said(project: Path) -> None:
    async def scenario() -> None:
        async with Toolgate.open() as gate:
            for work in (gate.sessions.memory, gate.sessions.delete):
                with pytest.raises(UnknownSession):
                    await work("trip")
            with pytest.raises(RunWaiting):
                await gate.run("Send.", model="send", session="trip")
            assert await gate.sessions.memory("trip") is None

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
