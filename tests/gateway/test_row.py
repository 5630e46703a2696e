"""Each model of a row is asked on its own terms; through `Models`, that is in test_models.py."""

import asyncio
from dataclasses import replace

from gateway.row import Timed
from providers import Deadlines
from tests.fixtures.acting import ASKED, Acting, answer, heard


def test_a_backend_has_its_own_deadlines_within_what_is_left_of_the_whole() -> None:
    async def scenario() -> None:
        acting = Acting([answer()])
        timed = Timed(acting, Deadlines(1, 2, 30))
        for total in (3.0, 300.0):
            asked = Deadlines(7, 8, total)
            await heard(timed, replace(ASKED, deadlines=asked))
        assert [one.deadlines for one in acting.asked] == [Deadlines(1, 2, 3), Deadlines(1, 2, 30)]

    asyncio.run(scenario())


def test_a_stream_that_is_closed_early_is_closed_behind_it_too() -> None:
    async def scenario() -> None:
        acting = Acting([answer()])
        events = Timed(acting, Deadlines()).stream(ASKED)
        await anext(events)
        assert acting.open == 1
        await events.aclose()
        assert acting.open == 0

    asyncio.run(scenario())
