"""A client's session is a run without a model: opened, used, closed, and over when a person has ended it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.approval import PLAIN
from gateway.budget import Limits
from gateway.call import Subject
from gateway.clients import Exchange, new_run_id
from gateway.config import LiveBudgets
from gateway.errors import IllegalEvent, StoreError
from gateway.events import Admitted, Cancelled, Denied, Failed, Held, LimitsRaised, Queued, Returned, Started
from gateway.serve.callers import Quiet
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
            assert (await run.work()).place.servers == frozenset({"echo"})

    within(tmp_path, scenario)


def test_names_and_paths_mean_the_same_tool(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        async with app.clients.run(ANN, "x") as run:
            for name in ("echo__count", "echo/count"):
                assert isinstance(await run.call(name, "{}"), Returned)
            paths = {event.path for event in await events(app, run.run_id) if isinstance(event, Admitted)}
            assert paths == {"echo/count"}

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


async def ended_by(app: App, held: Held, how: str) -> None:
    """A person ends the run in which this call waits."""
    if how == "deny --stop":
        await app.store.decide(held.approval_id, "denied", "user:bob", "that is enough", replace(PLAIN, stop=True))
    else:
        run_id = (await app.store.approval(held.approval_id)).run_id
        await app.store.append(run_id, [Cancelled("user:bob", "that is enough")], lease=None)


@pytest.mark.parametrize("how", ["deny --stop", "cancel"])
def test_whose_run_a_person_has_ended_is_refused_all_that_he_asks_for_in_this_session(tmp_path: Path, how: str) -> None:
    async def scenario(app: App) -> None:
        run = await app.clients.open(ANN, "x")
        first = run.run_id
        assert isinstance(await run.call("echo/echo", {"text": "x"}), Returned)
        held = await run.call("echo/add", {"a": 1, "b": 2})
        assert isinstance(held, Held)
        await ended_by(app, held, how)
        refused = await asyncio.gather(*(run.call("echo/echo", {"text": "x"}) for _ in range(5)))
        why = "this session has ended: user:bob has stopped it: that is enough; a person may begin another one"
        assert [(each.gate, each.why) for each in refused if isinstance(each, Denied)] == [("approved", why)] * 5
        assert isinstance(await run.call("echo/rich", {}), Denied)
        assert run.is_over
        await run.close()
        rows = {row.id: (row.status, row.owner) for row in await app.store.run_rows()}
        assert rows == {first: ("cancelled", None), run.run_id: ("failed", None)}  # one holds all that was refused
        kinds = [type(event) for event in await events(app, run.run_id)]
        assert kinds == [Queued, Started, *[Denied] * 6, Failed]
        assert (await events(app, run.run_id))[-1] == Failed("stopped", why)

    within(tmp_path, scenario)


def test_what_it_has_read_still_counts_where_all_is_refused(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        run = await app.clients.open(ANN, "x")
        await run.call("echo/rich", {})
        run.taint()
        held = await run.call("echo/add", {"a": 1, "b": 2})
        assert isinstance(held, Held)
        await ended_by(app, held, "cancel")
        await run.call("echo/echo", {"text": "x"})
        queued = (await events(app, run.run_id))[0]
        assert (queued.tainted, queued.servers, queued.input) == (True, ["echo"], "x")
        await run.close()

    within(tmp_path, scenario)


def test_a_run_that_was_taken_for_lost_ends_no_session(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        run = await app.clients.open(ANN, "x")
        await app.store.append(run.run_id, [Failed("lost", "the gateway was killed")], lease=None)
        for _ in range(2):
            with pytest.raises(IllegalEvent):
                await run.call("echo/echo", {"text": "x"})
        assert not run.is_over
        assert len(await app.store.run_rows()) == 1

    within(tmp_path, scenario)


def test_what_is_noted_beside_calls_ends_with_the_session_too(tmp_path: Path) -> None:
    async def scenario(app: App) -> None:
        run = await app.clients.open(ANN, "x")
        await app.store.append(run.run_id, [Cancelled("user:bob")], lease=None)
        with pytest.raises(IllegalEvent):
            await run.record([LimitsRaised({}, "user:ann")])
        assert run.is_over
        assert isinstance(await run.call("echo/echo", {"text": "x"}), Denied)
        await run.close()

    within(tmp_path, scenario)
