"""The store itself is the queue: what is ready is taken, and a store that is away is waited for."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

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
