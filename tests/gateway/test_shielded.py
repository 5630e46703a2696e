"""What is brought to its end, whoever waits for it."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest

from gateway.shielded import shielded


async def given_up(work: Callable[[asyncio.Event], Any]) -> list[str]:
    """What asyncio complains of where nobody waits any more for this work, which begins and then waits to be let on."""
    complaints, begun, go_on = list[str](), asyncio.Event(), asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context["message"]))

    async def at_work() -> None:
        begun.set()
        await work(go_on)

    waiting = asyncio.create_task(shielded(at_work()))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()})
    del waiting
    gc.collect()
    return complaints


def test_it_comes_to_its_end_when_nobody_waits_any_more() -> None:
    done: list[bool] = []

    async def work(go_on: asyncio.Event) -> None:
        await go_on.wait()
        done.append(True)

    assert asyncio.run(given_up(work)) == []
    assert done == [True]


def test_what_goes_wrong_when_nobody_waits_any_more_is_printed_nowhere() -> None:
    async def work(go_on: asyncio.Event) -> None:
        await go_on.wait()
        raise OSError

    assert asyncio.run(given_up(work)) == []


def test_who_waits_is_told_what_came_of_it() -> None:
    async def fine() -> int:
        return 1

    async def broken() -> int:
        raise OSError

    assert asyncio.run(shielded(fine())) == 1
    with pytest.raises(OSError):  # noqa: PT011 - that very one
        asyncio.run(shielded(broken()))
