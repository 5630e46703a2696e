"""Each moment of a schedule fires once, over any number of processes."""

import asyncio

import pytest

from gateway.errors import AlreadyUsed
from gateway.events import Cancelled
from gateway.job import Job
from gateway.store import Change, Enqueue, Fire
from gateway.store.database import DatabaseStore
from tests.builders import NOON, QUEUED, Clock
from tests.fixtures.stores import Place, store_at


async def fire(store: DatabaseStore, run_id: str, moment: int, schedule: str = "acme/daily") -> None:
    changes: list[Change] = [Fire(schedule, moment, run_id), Enqueue(Job(run_id, "acme", "support", "demo"))]
    await store.append(run_id, [QUEUED], lease=None, changes=changes)


def test_a_schedule_begins_when_it_is_seen_first(store: DatabaseStore, clock: Clock) -> None:
    async def scenario() -> None:
        assert await store.last_firing("acme/daily") == NOON
        clock.tick(5_000)
        assert await store.last_firing("acme/daily") == NOON
        with pytest.raises(AlreadyUsed):
            await fire(store, "r-1", NOON)
        await fire(store, "r-1", NOON + 1)
        assert await store.last_firing("acme/daily") == NOON + 1
        with pytest.raises(AlreadyUsed):
            await fire(store, "r-2", NOON + 1)
        assert [row.id for row in await store.run_rows()] == ["r-1"]

    asyncio.run(scenario())


def test_of_many_who_fire_at_once_one_does(place: Place) -> None:
    stores = [store_at(place, clock=lambda: NOON) for _ in range(3)]

    async def scenario() -> None:
        await stores[0].last_firing("acme/daily")
        tries = [fire(store, f"r-{number}", NOON + 1) for number, store in enumerate(stores)]
        ended = await asyncio.gather(*tries, return_exceptions=True)
        assert sorted(type(end).__name__ for end in ended) == ["AlreadyUsed", "AlreadyUsed", "NoneType"]
        assert len(await stores[0].run_rows()) == 1

    try:
        asyncio.run(scenario())
    finally:
        for store in stores:
            store.close()


def test_what_has_been_or_was_deleted_is_not_fired_again_after_the_clock_was_set_back(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await store.last_firing("acme/daily")
        for moment, name in ((NOON + 1, "r-1"), (NOON + 2, "r-2")):
            await fire(store, name, moment)
            await store.append(name, [Cancelled("user:ann")], lease=None)
        await store.removal.remove("r-1", "user:ann")
        await store.set_back("acme/daily", NOON)
        for moment, name in ((NOON + 1, "r-1"), (NOON + 2, "r-2")):
            with pytest.raises(AlreadyUsed):
                await fire(store, name, moment)
        await fire(store, "r-3", NOON + 3)
        assert {row.id for row in await store.run_rows()} == {"r-2", "r-3"}

    asyncio.run(scenario())
