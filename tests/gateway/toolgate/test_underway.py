"""The end of a gate stops what is driven in it, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.toolgate.underway import Underway

PATIENCE = 120.0


def play(work: Callable[[Underway], Awaitable[None]]) -> None:
    async def scenario() -> None:
        await asyncio.wait_for(work(Underway()), PATIENCE)

    asyncio.run(scenario())


def test_who_drives_a_run_is_stopped_and_waited_for_and_goes_on_as_nobody_had_cancelled_him() -> None:
    async def work(underway: Underway) -> None:
        driven, said = asyncio.Event(), list[str]()

        async def drive() -> None:
            with underway.one():
                try:
                    with underway.driving():
                        driven.set()
                        await asyncio.Event().wait()
                except asyncio.CancelledError:
                    said.append(str(underway.is_stopped()))
                await asyncio.sleep(0)
                said.append("let go")

        task = asyncio.create_task(drive())
        await driven.wait()
        await underway.stop()
        assert said == ["True", "let go"]
        await task

    play(work)


def test_who_is_cancelled_by_somebody_else_was_not_stopped_by_the_gate() -> None:
    async def work(underway: Underway) -> None:
        driven, said = asyncio.Event(), list[bool]()

        async def drive() -> None:
            try:
                with underway.one(), underway.driving():
                    driven.set()
                    await asyncio.Event().wait()
            except asyncio.CancelledError:
                said.append(underway.is_stopped())
                raise

        task = asyncio.create_task(drive())
        await driven.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await underway.stop()
        assert said == [False]

    play(work)


def test_who_only_says_how_a_run_stands_is_waited_for_and_not_stopped() -> None:
    async def work(underway: Underway) -> None:
        begun, go = asyncio.Event(), asyncio.Event()

        async def tell() -> str:
            with underway.one():
                begun.set()
                await go.wait()
            return "told"

        task = asyncio.create_task(tell())
        await begun.wait()
        ended = asyncio.create_task(underway.stop())
        await asyncio.sleep(0)
        assert not ended.done()
        go.set()
        await ended
        assert await task == "told"

    play(work)
