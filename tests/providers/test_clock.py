import asyncio
import time

from providers.clock import CLOCK
from tests.fixtures.acting import clock, timeless


def test_the_clock_that_everybody_has_is_the_real_one() -> None:
    before = time.monotonic()
    asyncio.run(_nothing())
    assert before <= CLOCK.now() <= time.monotonic()


async def _nothing() -> None:
    await CLOCK.sleep(0)


def test_in_a_test_an_hour_takes_no_time() -> None:
    async def hour() -> float:
        await clock().sleep(3600)
        return clock().now()

    begun = time.monotonic()
    with timeless() as runner:
        assert runner.run(hour()) >= 3600
    assert time.monotonic() - begun < 60
