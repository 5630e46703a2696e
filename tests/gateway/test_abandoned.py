"""What clients' runs leave behind is tidied up: of gateways that were killed, of calls whose end was not recorded."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway import abandoned
from gateway.errors import StoreError
from gateway.events import Event, Queued, Returned, Started
from gateway.store import run_account
from gateway.store.lease import machine, owner_name
from tests.fixtures.parts import ANN, RULES, Stage, arrivals, opened, tally

BUDGETS = '[budgets.b]\neach = "subject"\ntool = "desk/*"\ntool_calls = 100\nper = "day"\n'
FREE = RULES.replace(" ask, ", " allow, ")


class Away:
    """A store that is away from some word of a run on, until it is back."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.from_: type[Event] | None = None
        self.away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, run_id: str, events: Sequence[Event], **more: Any) -> int:
        self.away = self.away or any(type(event) is self.from_ for event in events)
        if self.away:
            raise StoreError("the disk is full")
        seq: int = await self._store.append(run_id, events, **more)
        return seq


def on_stage(folder: Path, scenario: Callable[[Stage, Away], Awaitable[None]]) -> None:
    stores: list[Away] = []

    def around(store: Any) -> Any:
        stores.append(Away(store))
        return stores[0]

    async def play() -> None:
        async with opened(folder, tally(folder), rules=FREE, budgets=BUDGETS, around_store=around) as stage:
            await scenario(stage, stores[0])

    asyncio.run(play())


async def held(stage: Stage, run_id: str) -> tuple[int | None, int]:
    """What budget b says was used, and what is reserved anywhere."""
    rows = [*await stage.files.booked(run_account(run_id)), *await stage.files.booked("budget:b|")]
    used = [row.used for row in rows if row.account.startswith("budget:b|") and row.unit == "tool_calls"]
    return sum(used), sum(row.reserved for row in rows)


async def doubts(stage: Stage, run_id: str) -> list[str]:
    return [
        event.key
        for event in await stage.events(run_id)
        if isinstance(event, Returned) and event.outcome["kind"] == "in_doubt"
    ]


def test_a_call_whose_end_could_not_be_recorded_is_in_doubt_once_the_store_is_back(tmp_path: Path) -> None:
    async def scenario(stage: Stage, store: Away) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            store.from_ = Returned
            for _ in range(2):  # the second is not made at all
                with pytest.raises(StoreError, match="the disk is full"):
                    await client.call("desk__send", {})
            assert await held(stage, client.run_id) == (0, 2)  # of its run, and of budget b
            store.away, store.from_ = False, None
            assert isinstance(await client.call("desk__put", {}), Returned)
            assert await held(stage, client.run_id) == (2, 0)
            assert await doubts(stage, client.run_id) == ["call/1"]
        assert [arrived["tool"] for arrived in arrivals(tmp_path)] == ["send", "put"]

    on_stage(tmp_path, scenario)


def test_at_the_latest_when_its_client_leaves(tmp_path: Path) -> None:
    async def scenario(stage: Stage, store: Away) -> None:
        client = await stage.clients().open(ANN, "an editor")
        store.from_ = Returned
        with pytest.raises(StoreError):
            await client.call("desk__send", {})
        with pytest.raises(StoreError):  # it is still away: nothing is said that is not true
            await client.close()
        store.away, store.from_ = False, None
        await client.close()
        assert await held(stage, client.run_id) == (1, 0)
        assert await doubts(stage, client.run_id) == ["call/1"]
        assert (await stage.files.run_row(client.run_id)).status == "succeeded"

    on_stage(tmp_path, scenario)


def test_what_was_answered_stays_so_whatever_else_broke(tmp_path: Path) -> None:
    async def scenario(stage: Stage, _store: Away) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            left = abandoned.Unrecorded(stage.store, client.run_id, None)

            async def made_and_then_broken() -> None:
                await client.call("desk__send", {})
                raise StoreError("something else")

            for _ in range(2):
                with contextlib.suppress(StoreError):
                    await left.watched("call/1", made_and_then_broken())
            await left.settled()
            assert await doubts(stage, client.run_id) == []
            assert await held(stage, client.run_id) == (2, 0)

    on_stage(tmp_path, scenario)


def a_dead_owner() -> str:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return f"{machine()}/{process.pid}/0123abcd.1"


def test_a_run_whose_gateway_was_killed_before_it_had_its_lease_is_closed_too(tmp_path: Path) -> None:
    async def scenario(stage: Stage, store: Away) -> None:
        queued = Queued("client", ANN.user, ANN.tenant, input="dead")
        for run_id, owner in (("r-dead", a_dead_owner()), ("r-alive", owner_name()), ("r-elsewhere", "there/9/x")):
            await store.append(run_id, [queued, Started(owner)], lease=None)
        assert await abandoned.closed(stage.store) == ["r-dead"]
        assert await abandoned.closed(stage.store) == []

    on_stage(tmp_path, scenario)


def test_those_of_long_ago_are_closed_however_many_came_since(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abandoned, "ROWS", 2)  # that are looked at together

    async def scenario(stage: Stage, store: Away) -> None:
        queued, dead = Queued("client", ANN.user, ANN.tenant, input="x"), a_dead_owner()
        owners = [dead, *[owner_name()] * 4, dead]
        for number, owner in enumerate(owners):
            await store.append(f"r-{number}", [queued, Started(owner)], lease=None)
        assert sorted(await abandoned.closed(stage.store)) == ["r-0", "r-5"]

    on_stage(tmp_path, scenario)


def test_a_run_that_was_closed_is_nobodys(tmp_path: Path) -> None:
    """Also for those on other machines, who can't know that its owner is dead."""

    async def scenario(stage: Stage, store: Away) -> None:
        queued, dead = Queued("client", ANN.user, ANN.tenant, input="dead"), a_dead_owner()
        await store.append("r-dead", [queued, Started(dead)], lease=None)
        assert await stage.files.acquire("r-dead", dead, 3600.0)
        assert await abandoned.closed(stage.store) == ["r-dead"]
        row = await stage.files.run_row("r-dead")
        assert (row.status, row.owner, row.lease_until) == ("failed", None, 0)

    on_stage(tmp_path, scenario)
