"""A client's session is a run without a model: opened, used, closed, swept up after a kill."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import gateway.earlier as under_test
from gateway.budget import Limits, Spend
from gateway.call import Answered, Subject, outcome_to_json
from gateway.clients import ClientRun, Exchange, Seat, new_run_id
from gateway.config import LiveBudgets
from gateway.errors import StoreError
from gateway.events import Admitted, Budgeted, Denied, Held, Queued, Returned, Started
from gateway.profile import Profile
from gateway.serve.callers import Quiet
from gateway.store import Reserve, Settle, run_account
from gateway.store.lease import owner_name
from tests.fixtures.gateway_app import App, Setup, opened, spec
from tests.fixtures.served import ECHO, hostile

ANN, EVE = Subject("user:ann", "acme"), Subject("user:eve", "acme")
POLICY = (
    "p, user:ann, *, echo/*, call, , allow, ann may",
    "p, *, *, echo/add, call, , ask, sums need a second person",
    "p, *, *, echo/grow, call, args.by > 10, deny, growing is limited",
    "p, *, *, echo/rich, call, 'echo' in run.servers, deny, not after echo was read",
    "p, *, *, echo/env, call, , deny, the environment is private",
    "p, user:ann, *, down/*, call, , allow, ann may",
)
SERVERS = {"echo": spec("echo", ECHO), "down": spec("down", hostile("crash-on-start"))}


def within(tmp_path: Path, scenario: Callable[[App], Awaitable[None]], limits: Limits | None = None) -> None:
    setup = Setup(tmp_path, SERVERS, limits=limits or Limits())
    setup.write_policy(*POLICY)

    async def work() -> None:
        async with opened(setup) as app:
            await scenario(app)

    asyncio.run(work())


async def events(app: App, run_id: str) -> list[Any]:
    return [recorded.event for recorded in await app.store.events(run_id)]


def test_a_session_is_a_run_from_beginning_to_end(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "a title") as run:
            result = await run.call("echo__echo", {"text": "x"})
            assert isinstance(result, Returned)
            assert (await app.store.run_row(run.run_id)).status == "running"
        row = await app.store.run_row(run.run_id)
        assert (row.status, row.driver, row.user, row.title, row.owner) == (
            "succeeded",
            "client",
            "user:ann",
            "a title",
            None,
        )
        kinds = [type(event) for event in await events(app, run.run_id)]
        assert kinds[:4] == [Queued, Started, Admitted, Returned]

    within(tmp_path, scenario)


def test_a_line_may_ask_from_which_servers_a_run_has_read(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "x") as run:
            assert isinstance(await run.call("echo/rich", {}), Returned)
            denied = await run.call("echo/rich", {})
            assert isinstance(denied, Denied)
            assert denied.why == "not after echo was read"
            assert (await run.place()).servers == frozenset({"echo"})

    within(tmp_path, scenario)


def test_names_and_paths_mean_the_same_tool(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "x") as run:
            for name in ("echo__count", "echo/count"):
                assert isinstance(await run.call(name, "{}"), Returned)
            paths = {event.path for event in await events(app, run.run_id) if isinstance(event, Admitted)}
            assert paths == {"echo/count"}

    within(tmp_path, scenario)


def test_the_tools_of_a_server_that_is_missing_are_missing_and_not_unheard_of(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "x") as run:
            for name in ("down__act", "down/act"):
                result = await run.call(name, {})
                assert isinstance(result, Denied)
                assert result.why == "server `down` is not available: it exited with code 3"
                assert run.offers(result.path)
            assert run.missing() == {"down": "it exited with code 3"}
            assert "it said: " in app.upstreams.catalogue.missing["down"]

    within(tmp_path, scenario)


def test_a_server_that_is_missing_is_unheard_of_for_those_who_may_use_nothing_of_it(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(EVE, "x") as run:
            assert run.missing() == {}
            for name in ("down__act", "down/act", "nowhere/act"):
                result = await run.call(name, {})
                assert isinstance(result, Denied)
                assert (result.gate, result.why.startswith("there is no tool `")) == ("known", True)
                assert run.hides(result)

    within(tmp_path, scenario)


def test_what_may_have_been_meant_is_looked_up_once_by_whoever_answers(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "x") as run:
            here = await run.call("echo/ecko", {})
            served = await run.call("echo/ecko", {}, None, Exchange(Quiet("key", True, {})))
            assert isinstance(here, Denied)
            assert isinstance(served, Denied)
            assert here.why == "there is no tool `echo/ecko`; did you mean `echo/echo`?"
            assert served.why == "there is no tool `echo/ecko`"

    within(tmp_path, scenario)


def test_what_is_offered_is_what_is_listed_and_callable_for_some_arguments(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        ann, eve = (ClientRun(app.clients, Seat("", subject)) for subject in (ANN, EVE))
        listed = [tool.path for _, tool in ann.tools()]
        assert listed == sorted(listed)
        assert {"echo/grow", "echo/add"} <= set(listed)
        assert "echo/env" not in listed
        assert list(eve.tools()) == []
        everything = app.upstreams.catalogue.tools
        assert [path for path in everything if ann.offers(path)] == listed
        assert not any(eve.offers(path) for path in everything)
        assert not ann.offers("echo/nil")

    within(tmp_path, scenario)


@pytest.mark.parametrize("arguments", ['{"text": "a", "text": "b"}', '{"text": NaN}', "[]", "x", '{"text":1}'])
def test_arguments_that_can_not_be_taken_are_a_denial_in_the_record(tmp_path: Path, arguments: str) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "x") as run:
            result = await run.call("echo__echo", arguments)
            assert isinstance(result, Denied)
            assert (result.gate, result.arguments) == ("valid", arguments)
            assert not any(isinstance(event, Admitted) for event in await events(app, run.run_id))

    within(tmp_path, scenario)


def test_budgets_that_are_edited_hold_from_the_next_call_on(tmp_path: Path) -> None:
    file = tmp_path / "budgets.toml"
    file.write_text("[clients]\ntool_calls = 1\n")

    async def scenario(app: App) -> None:
        live = LiveBudgets(file)
        async with replace(app.clients, budgets=live).run(ANN, "t") as run:
            assert isinstance(await run.call("echo/echo", {"text": "x"}), Returned)
            assert isinstance(await run.call("echo/echo", {"text": "x"}), Denied)
            file.write_text("[clients]\ntool_calls = 20\n")
            live.look()
            live.look()
            assert isinstance(await run.call("echo/echo", {"text": "x"}), Returned)

    within(tmp_path, scenario)


def test_a_budget_holds_under_parallel_calls(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "x") as run:
            results = await asyncio.gather(*(run.call("echo__count", {}) for _ in range(30)))
        assert sum(isinstance(result, Returned) for result in results) == 10
        assert {result.gate for result in results if isinstance(result, Denied)} == {"within_budget"}

    within(tmp_path, scenario, Limits(tool_calls=10))


def test_what_was_asked_in_one_session_is_claimed_in_the_next(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "x") as run:
            held = await run.call("echo__add", {"a": 1, "b": 2})
        assert isinstance(held, Held)
        await app.store.decide(held.approval_id, "approved", "user:bob", "")
        async with app.clients.run(ANN, "y") as run:
            assert isinstance(await run.call("echo__add", {"b": 2, "a": 1}), Returned)
            assert isinstance(await run.call("echo__add", {"b": 2, "a": 1}), Held)

    within(tmp_path, scenario)


def test_only_the_runs_of_gateways_that_are_dead_are_swept_up(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        living = await app.clients.open(ANN, "living")
        host = owner_name().partition("/")[0]
        queued = Queued("client", ANN.user, ANN.tenant, input="dead")
        await app.store.append("r-dead", [queued, Started("x")], lease=None)
        await app.store.acquire("r-dead", f"{host}/{2**22 + 1}/x", 3600.0)  # above any process number
        looped = Queued("loop", ANN.user, ANN.tenant, input="an agent's, which can be resumed")
        await app.store.append("r-loop", [looped, Started("x")], lease=None)
        await app.store.acquire("r-loop", f"{host}/{2**22 + 1}/x", 3600.0)
        swept = await asyncio.gather(app.clients.sweep(), app.clients.sweep())
        assert sum(swept) >= 1
        rows = {row.id: row.status for row in await app.store.run_rows()}
        assert rows == {living.run_id: "running", "r-dead": "failed", "r-loop": "running"}
        assert await app.clients.sweep() == 0
        await living.close()

    within(tmp_path, scenario)


def test_what_a_killed_gateways_call_had_reserved_is_settled_as_made_once(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        host = owner_name().partition("/")[0]
        queued = Queued("client", ANN.user, ANN.tenant, input="dead")
        await app.store.append("r-dead", [queued, Started("x")], lease=None)
        one, other = run_account("r-dead"), "budget:b|"
        spend, free = Spend(tool_calls=1), Limits()
        admitted = Admitted("call/1", "echo/add", "{}", "pin", "policy", spend.to_json())
        told = Budgeted("call/1", {other: spend.to_json()})
        reserve = (Reserve(one, spend, free), Reserve(other, spend, free))
        await app.store.append("r-dead", [admitted, told], lease=None, changes=reserve)
        await app.store.acquire("r-dead", f"{host}/{2**22 + 1}/x", 3600.0)
        await asyncio.gather(app.clients.sweep(), app.clients.sweep())
        rows = [*await app.store.booked(one), *await app.store.booked(other)]
        assert [(row.account, row.used, row.reserved) for row in rows] == [(one, 1, 0), (other, 1, 0)]

    within(tmp_path, scenario)


def test_what_was_reserved_anywhere_in_a_very_long_run_is_settled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "MOST_READ", 3)  # what is read of it at once
    spend = Spend(tool_calls=1)

    async def admit(app: App, number: int, *, answered: bool) -> None:
        key, other = f"call/{number}", "budget:b|"
        admitted = Admitted(key, "echo/add", "{}", "pin", "policy", spend.to_json())
        told = Budgeted(key, {other: spend.to_json()})
        reserve = (Reserve(run_account("r-dead"), spend, Limits()), Reserve(other, spend, Limits()))
        await app.store.append("r-dead", [admitted, told], lease=None, changes=reserve)
        if answered:
            returned = Returned(key, outcome_to_json(Answered({})), spend.to_json())
            settle = (Settle(run_account("r-dead"), spend, spend), Settle(other, spend, spend))
            await app.store.append("r-dead", [returned], lease=None, changes=settle)

    async def scenario(app: App) -> None:
        host = owner_name().partition("/")[0]
        queued = Queued("client", ANN.user, ANN.tenant, input="dead")
        await app.store.append("r-dead", [queued, Started("x")], lease=None)
        for number in range(12):
            await admit(app, number, answered=number not in (0, 7, 11))
        await app.store.acquire("r-dead", f"{host}/{2**22 + 1}/x", 3600.0)
        assert await app.clients.sweep() == 1
        rows = [*await app.store.booked(run_account("r-dead")), *await app.store.booked("budget:b|")]
        assert [(row.used, row.reserved) for row in rows] == [(12, 0), (12, 0)]

    within(tmp_path, scenario)


def test_outside_of_the_profile_nothing_is_listed_or_called(tmp_path: Path) -> None:
    part = Profile("part", tools=["echo/e*"])

    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "x", part) as run:
            assert [tool.path for _, tool in run.tools()] == ["echo/echo"]  # `env` is in the profile, and denied
            assert isinstance(await run.call("echo__echo", {"text": "x"}), Returned)
            for name in ("echo__count", "echo/count", "echo__grow", "down/x", "down__x"):
                denied = await run.call(name, {})
                assert isinstance(denied, Denied)
                assert denied.gate == "known"
                assert not run.offers(denied.path)
            denied = await run.call("echo/env", {})
            assert isinstance(denied, Denied)
            assert denied.gate == "permitted"
        async with app.clients.run(ANN, "x") as whole:
            answer = await whole.call("echo__count", {})
            assert isinstance(answer, Returned)
            assert answer.outcome["result"]["content"][0]["text"] == "1"  # nothing else had reached the server

    within(tmp_path, scenario)


def test_a_session_that_can_not_be_recorded_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(app: App) -> None:
        async def full(*_: Any, **__: Any) -> int:
            raise StoreError("the disk is full")

        monkeypatch.setattr(app.store, "append", full)
        with pytest.raises(StoreError):
            await app.clients.open(ANN, "x")
        monkeypatch.undo()

    within(tmp_path, scenario)


def test_ids_of_runs_are_not_guessed() -> None:
    ids = {new_run_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(run_id) == 18 for run_id in ids)
