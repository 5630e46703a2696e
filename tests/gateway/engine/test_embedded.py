"""The store itself is the queue: what is ready is taken, and a store that is away is waited for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.engine import embedded as module
from gateway.engine.embedded import Embedded
from gateway.errors import StoreError
from gateway.store import Claim

PATIENCE = 60.0


@dataclass
class Shelf:
    """A store with so many things to take; it is away for the first looks."""

    things: int
    away: int = 0
    number: int = 0

    async def version(self) -> int:
        if self.away:
            self.away -= 1
            raise StoreError("it is away")
        return self.number

    async def coming(self) -> int | None:
        return 0 if self.things else None


@dataclass
class OneHand:
    store: Any
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    taken: int = 0
    idle: bool = True
    free: int = 1
    wish: Claim = Claim("w", 1.0)  # noqa: RUF009 - frozen

    async def room(self) -> None:
        await asyncio.sleep(0)

    async def take(self) -> "asyncio.Task[None] | None":
        if not self.store.things:
            return None
        self.store.things -= 1
        self.taken += 1
        return asyncio.ensure_future(asyncio.sleep(0))

    def spare(self) -> None:
        self.stopping.set()


def test_that_a_store_is_away_is_told_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(module, "AWAY", 0.001)
    worker = OneHand(Shelf(1, away=3))

    async def scenario() -> None:
        async with asyncio.timeout(PATIENCE):
            await Embedded().serve(worker)

    asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records] == ["nothing can be taken up now: it is away"]


@pytest.mark.parametrize("away", [0, 1])
def test_all_that_is_ready_is_taken_also_from_a_store_that_was_away(
    away: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        hand = OneHand(Shelf(3, away))
        async with asyncio.timeout(PATIENCE):
            await Embedded().serve(hand)
        assert hand.taken == 3

    asyncio.run(scenario())
    assert ("it is away" in caplog.text) is bool(away)


class Full(OneHand):
    """A worker for whom nothing may be begun, however much is ready: all slots are taken."""

    async def take(self) -> "asyncio.Task[None] | None":
        self.taken += 1
        return None

    def spare(self) -> None:
        """It goes on."""


class Watched(Shelf):
    """Says how often it was looked at."""

    looks = 0

    async def version(self) -> int:
        self.looks += 1
        return await super().version()


async def seen(happened: Callable[[], bool]) -> None:
    while not happened():  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0)


def test_what_was_claimed_in_vain_is_claimed_again_when_somebody_has_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP", 1e6)
    monkeypatch.setattr(module, "LOOK", (0.0, 0.0))

    async def scenario() -> None:
        store = Watched(1)
        hand = Full(store)
        async with asyncio.timeout(PATIENCE):
            serving = asyncio.create_task(Embedded().serve(hand))
            await seen(lambda: store.looks >= 50)
            assert hand.taken == 1
            store.number += 1
            await seen(lambda: hand.taken == 2)
            hand.stopping.set()
            await serving

    asyncio.run(scenario())


def test_claims_in_vain_take_a_small_part_of_the_time_however_much_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SWEEP", 1e6)
    monkeypatch.setattr(module, "LOOK", (0.0, 0.0))
    clock = [1e7]
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    class Busy(Watched):
        async def version(self) -> int:
            self.number += 1  # somebody writes all the while
            clock[0] += 0.1
            return await super().version()

    class Slow(Full):
        async def take(self) -> "asyncio.Task[None] | None":
            clock[0] += 1.0
            return await super().take()

    async def scenario() -> None:
        store = Busy(1)
        hand = Slow(store)
        async with asyncio.timeout(PATIENCE):
            serving = asyncio.create_task(Embedded().serve(hand))
            await seen(lambda: clock[0] >= 1e7 + 60)
            hand.stopping.set()
            await serving
        assert 4 <= hand.taken <= 6

    asyncio.run(scenario())
