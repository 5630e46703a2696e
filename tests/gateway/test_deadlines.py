"""Times that hardly ever come."""

import asyncio

from gateway.deadlines import Deadlines


def test_what_is_late_is_told_once_and_what_is_in_time_never() -> None:
    told: list[str] = []

    async def scenario() -> None:
        deadlines, over = Deadlines(), asyncio.Event()
        in_time = deadlines.after(0, lambda: told.append("in time"))
        deadlines.after(0, lambda: told.append("late"))
        deadlines.after(3600, lambda: told.append("much later"))
        deadlines.drop(in_time)
        deadlines.after(0, over.set)
        await over.wait()
        again = asyncio.Event()
        deadlines.after(0, again.set)  # the others are still there, and so is the timer
        await again.wait()
        deadlines.drop(in_time)

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert told == ["late"]


def test_nothing_ticks_while_nothing_is_due() -> None:
    async def scenario() -> None:
        deadlines, over = Deadlines(), asyncio.Event()
        deadlines.after(0, over.set)
        await over.wait()
        assert deadlines._timer is None  # noqa: SLF001 - what can't be seen from outside
        over.clear()
        deadlines.after(0, over.set)
        await over.wait()

    asyncio.run(asyncio.wait_for(scenario(), 60))


def test_one_that_fails_keeps_nobody_else_waiting() -> None:
    failed: list[object] = []

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context["exception"]))
        deadlines, over = Deadlines(), asyncio.Event()

        def fail() -> None:
            raise LookupError("of somebody")

        deadlines.after(0, fail)
        deadlines.after(0, over.set)
        await over.wait()

    asyncio.run(asyncio.wait_for(scenario(), 60))
    assert [type(error) for error in failed] == [LookupError]
