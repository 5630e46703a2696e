"""A client's call whose end could not be recorded is in doubt, and counts as made, once the store is back."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway import unrecorded
from gateway.clients import ClientRun
from gateway.errors import StoreError
from gateway.events import Event, Returned
from gateway.store import run_account
from gateway.unrecorded import Unrecorded
from tests.fixtures.parts import ANN, RULES, Stage, arrivals, gate, opened, tally

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
            left = Unrecorded(stage.store, client.run_id, None)

            async def made_and_then_broken() -> None:
                await client.call("desk__send", {})
                raise StoreError("something else")

            for _ in range(2):
                try:
                    await made_and_then_broken()
                except StoreError as error:
                    await left.left("call/1", error)
            await left.settled()
            assert await doubts(stage, client.run_id) == []
            assert await held(stage, client.run_id) == (2, 0)

    on_stage(tmp_path, scenario)


async def give_up(client: ClientRun, count: int = 1) -> None:
    """Calls that are given up while their server is at work on them."""
    for _ in range(count):
        async with gate() as held:
            call = asyncio.ensure_future(client.call("desk__hold", {"port": held.port}))
            await held.arrived(1)
            call.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await call


def test_of_calls_that_are_given_up_only_the_newest_are_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unrecorded, "MOST", 4)

    async def scenario(stage: Stage, _store: Away) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            await give_up(client, 13)
            assert len(client._unrecorded) < 2 * 4  # noqa: SLF001 - nothing else tells what it holds
        assert await doubts(stage, client.run_id) == [f"call/{number}" for number in range(1, 14)]

    on_stage(tmp_path, scenario)


def test_one_that_has_no_word_is_remembered_however_many_come_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unrecorded, "MOST", 4)

    async def scenario(stage: Stage, store: Away) -> None:
        async with stage.clients().run(ANN, "an editor") as client:
            store.from_ = Returned
            await give_up(client)
            store.away, store.from_ = False, None
            await give_up(client, 13)
            assert "call/1" not in await doubts(stage, client.run_id)
        assert (await doubts(stage, client.run_id))[-1] == "call/1"
        assert await held(stage, client.run_id) == (14, 0)

    on_stage(tmp_path, scenario)
