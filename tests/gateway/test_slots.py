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


@pytest.mark.parametrize("when", ["while it waits", "as it is given to him", "and then it would be given to him"])
def test_who_goes_away_leaves_his_place_to_the_next(when: str) -> None:
    slots = Slots(1)

    async def scenario() -> None:
        assert slots.take()
        goes, stays = (asyncio.ensure_future(slots.wait()) for _ in range(2))
        await asyncio.sleep(0)
        if when == "as it is given to him":
            slots.give()
        goes.cancel()
        if when == "and then it would be given to him":
            slots.give()
        with pytest.raises(asyncio.CancelledError):
            await goes
        if when == "while it waits":
            assert not stays.done()
            slots.give()
        await stays
        assert not slots.take()
        slots.give()
        assert slots.take()
        assert not slots.take()

    play(scenario)


@pytest.mark.parametrize("given", [False, True], ids=["it never comes", "it comes too late"])
def test_who_waits_no_longer_than_until_a_moment_takes_nothing_after_it(given: bool) -> None:
    slots = Slots(1)

    async def scenario() -> None:
        assert slots.take()
        now = asyncio.get_running_loop().time()
        waits = asyncio.ensure_future(slots.given(now))
        await asyncio.sleep(0)
        if given:
            slots.give()
        assert await waits is False
        if not given:
            slots.give()
        assert slots.take()

    play(scenario)


def test_who_is_given_a_place_in_time_has_it() -> None:
    slots = Slots(1)

    async def scenario() -> None:
        assert slots.take()
        waits = asyncio.ensure_future(slots.given(asyncio.get_running_loop().time() + 3600))
        await asyncio.sleep(0)
        slots.give()
        assert await waits
        assert not slots.take()

    play(scenario)
