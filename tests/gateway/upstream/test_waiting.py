"""How long one waits."""

import asyncio

from gateway.upstream.waiting import Backoff, set_within


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
