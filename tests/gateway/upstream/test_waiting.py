"""How long one waits."""

import asyncio

import pytest

from gateway.upstream import waiting
from gateway.upstream.waiting import Backoff, Later, Pace, set_within, unless


def test_pauses_double_up_to_the_longest_and_spread_by_half() -> None:
    backoff = Backoff(first=1, longest=8)
    for expected in (1, 2, 4, 8, 8):
        assert expected * 0.5 <= backoff.pause() <= expected * 1.5
    backoff.reset()
    assert backoff.pause() <= 1.5


def test_an_event_is_waited_for_no_longer_than_it_may() -> None:
    async def scenario() -> None:
        event = asyncio.Event()
        assert not await set_within(event, 0.01)
        event.set()
        assert await set_within(event, 3600)

    asyncio.run(scenario())


@pytest.fixture
def long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after many failures: who is not woken does not come back within a test."""
    monkeypatch.setattr(Backoff, "pause", lambda _: 3600.0)
    monkeypatch.setattr(waiting, "LEAST", 0.05)


@pytest.mark.usefixtures("long_pauses")
def test_a_wish_ends_a_long_pause_but_no_sooner_than_it_may() -> None:
    async def scenario() -> None:
        pace, loop = Pace(asyncio.Event()), asyncio.get_running_loop()
        for _ in range(1000):
            pace.want()
        began = loop.time()
        await pace.pause()
        assert loop.time() - began >= waiting.LEAST

    asyncio.run(scenario())


@pytest.mark.usefixtures("long_pauses")
def test_an_attempt_takes_the_wishes_with_it_that_came_before_it() -> None:
    async def scenario() -> None:
        pace = Pace(asyncio.Event())
        pace.want()
        await pace.pause()
        pace.begin()
        pausing = asyncio.ensure_future(pace.pause())
        done, _ = await asyncio.wait({pausing}, timeout=4 * waiting.LEAST)
        assert not done
        pace.want()
        await pausing

    asyncio.run(scenario())


@pytest.mark.usefixtures("long_pauses")
def test_who_goes_on_waiting_wants_each_attempt() -> None:
    async def scenario() -> None:
        pace = Pace(asyncio.Event())
        with pace.wanting():
            for _ in range(3):
                pace.begin()
                await pace.pause()
        pace.begin()
        pausing = asyncio.ensure_future(pace.pause())
        done, _ = await asyncio.wait({pausing}, timeout=4 * waiting.LEAST)
        assert not done
        pausing.cancel()

    asyncio.run(scenario())


def test_nobody_is_waited_for_once_it_stops() -> None:
    async def scenario() -> None:
        stopping = asyncio.Event()
        stopping.set()
        await Pace(stopping).pause()

    asyncio.run(scenario())


def test_what_did_not_go_well_is_done_again_until_it_does() -> None:
    async def scenario() -> None:
        done, tries = asyncio.Event(), 0

        def work() -> None:
            nonlocal tries
            tries += 1
            later.note(well=tries == 3)
            if tries == 3:
                done.set()

        later = Later(work, Backoff(0.0001, 0.001))
        later.note(well=False)
        later.note(well=False)  # twice is once
        await asyncio.wait_for(done.wait(), 60)
        later.note(well=False)
        later.close()
        assert tries == 3

    asyncio.run(scenario())


def test_work_is_given_up_when_there_is_no_use_in_it_any_more() -> None:
    async def scenario() -> None:
        gone, given_up = asyncio.Event(), asyncio.Event()

        async def lasts() -> bool:
            try:
                return await asyncio.Event().wait()
            finally:
                given_up.set()

        async def fails() -> None:
            raise ValueError("it broke")

        assert await unless(gone, asyncio.sleep(0, "done")) == "done"
        with pytest.raises(ValueError, match="it broke"):
            await unless(gone, fails())
        asyncio.get_running_loop().call_soon(gone.set)
        assert await unless(gone, lasts()) is None
        assert given_up.is_set()

    asyncio.run(scenario())
