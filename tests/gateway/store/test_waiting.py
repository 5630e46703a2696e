import asyncio

import pytest

from gateway.events import Queued
from gateway.store import waiting
from gateway.store.database import DatabaseStore
from gateway.store.waiting import changed, until
from tests.fixtures.stores import Place, store_at

QUEUED = Queued("loop", "user:ann", "acme")
PATIENCE = 60.0


def test_what_is_written_just_after_a_look_is_not_missed(
    store: DatabaseStore, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "IDLE_SECONDS", 100 * PATIENCE)  # it is not found by looking once more
    looks, theirs = [], store_at(place)

    async def happened() -> bool:
        rows = await store.run_rows()
        looks.append(len(rows))
        if not rows:
            await theirs.append("r-1", [QUEUED], lease=None)
        return bool(rows)

    try:
        asyncio.run(asyncio.wait_for(until(store, happened), PATIENCE))
    finally:
        theirs.close()
    assert looks[0] == 0
    assert looks[-1] == 1


def test_what_this_process_writes_itself_counts_too(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "IDLE_SECONDS", 100 * PATIENCE)

    async def scenario() -> None:
        version = await store.version()
        await store.append("r-1", [QUEUED], lease=None)
        await asyncio.wait_for(changed(store, version), PATIENCE)

    asyncio.run(scenario())


def test_now_and_then_it_is_looked_at_though_nobody_has_written(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "IDLE_SECONDS", 0.0)
    looks: list[int] = []

    async def happened() -> bool:
        looks.append(1)
        return len(looks) == 3

    asyncio.run(asyncio.wait_for(until(store, happened), PATIENCE))


def test_who_does_not_want_to_wait_for_ever_is_told_that_it_has_not_happened(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "IDLE_SECONDS", 100 * PATIENCE)
    looks = []

    async def never() -> bool:
        looks.append(1)
        return False

    async def now() -> bool:
        return True

    async def scenario() -> None:
        assert await asyncio.wait_for(until(store, never, 0.02), PATIENCE) is False
        assert await until(store, never, 0.0) is False
        assert await until(store, now, 0.0) is True

    asyncio.run(scenario())
    assert len(looks) >= 2
