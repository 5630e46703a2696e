"""So many at once, and the rest in turn, whoever goes away meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.slots import Slots


def play(scenario: Callable[[], Awaitable[None]]) -> None:
    async def played() -> None:
        await scenario()

    asyncio.run(played())


def test_so_many_are_taken_at_once_and_given_back() -> None:
    slots = Slots(2)
    assert [slots.take() for _ in range(3)] == [True, True, False]
    slots.give()
    assert [slots.take() for _ in range(2)] == [True, False]


def test_who_has_waited_longest_is_next() -> None:
    slots, order = Slots(1), list[int]()

    async def come(number: int) -> None:
        await slots.wait()
        order.append(number)

    async def scenario() -> None:
        assert slots.take()
        waiting = [asyncio.ensure_future(come(number)) for number in range(3)]
        await asyncio.sleep(0)
        for task in waiting:
            slots.give()
            await task
            assert not slots.take()
        slots.give()
        assert slots.take()

    play(scenario)
    assert order == [0, 1, 2]


@pytest.mark.parametrize("given", [False, True], ids=["while it waits", "as it is given to him"])
def test_who_goes_away_leaves_his_place_to_the_next(given: bool) -> None:
    slots = Slots(1)

    async def scenario() -> None:
        assert slots.take()
        goes, stays = (asyncio.ensure_future(slots.wait()) for _ in range(2))
        await asyncio.sleep(0)
        if given:
            slots.give()
        goes.cancel()
        with pytest.raises(asyncio.CancelledError):
            await goes
        if not given:
            assert not stays.done()
            slots.give()
        await stays
        assert not slots.take()
        slots.give()
        assert slots.take()
        assert not slots.take()

    play(scenario)
