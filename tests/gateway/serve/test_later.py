"""An application that is made when it is needed, once, and whose lifespan is kept."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from gateway.serve.asgi import App, Message, Receive, Scope, Send
from gateway.serve.later import Later

HTTP: Scope = {"type": "http"}


class Panic(BaseException):
    """As Rust's, which no `except Exception` catches."""


class Inner:
    """An application that notes what happens to it."""

    def __init__(self, *, starts: bool = True) -> None:
        self.starts = starts
        self.seen: list[str] = []
        self.loaded_in: threading.Thread | None = None
        self.lived_in: set[asyncio.Task[object] | None] = set()
        self.breaks = asyncio.Event()

    def load(self) -> Callable[[], App]:
        self.loaded_in = threading.current_thread()
        self.seen.append("load")
        return self.make

    def make(self) -> App:
        asyncio.get_running_loop()
        self.seen.append("make")
        return self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            self.seen.append("request")
            return
        for step in ("startup", "shutdown"):
            ended = asyncio.ensure_future(self.breaks.wait())
            asked = asyncio.ensure_future(receive())
            await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            if not asked.done():
                asked.cancel()
                raise BaseExceptionGroup("hunter2", [Panic("hunter2")])
            assert asked.result()["type"] == f"lifespan.{step}"
            self.lived_in.add(asyncio.current_task())
            if not self.starts:
                raise RuntimeError("no")
            self.seen.append(step)
            await send({"type": f"lifespan.{step}.complete"})


async def nothing() -> Message:
    raise AssertionError("nobody reads")


async def nobody(message: Message) -> None:
    raise AssertionError(message)


async def living(later: Later, work: Callable[[], Awaitable[None]]) -> list[str]:
    """Does the work within the lifespan; what was said of it."""
    said: list[str] = []
    begun, over = asyncio.Event(), asyncio.Event()
    begin = iter(["lifespan.startup"])

    async def receive() -> Message:
        if (first := next(begin, None)) is not None:
            return {"type": first}
        await over.wait()
        return {"type": "lifespan.shutdown"}

    async def send(message: Message) -> None:
        said.append(message["type"])
        begun.set()

    life = asyncio.create_task(later({"type": "lifespan"}, receive, send))
    await begun.wait()
    await work()
    over.set()
    await life
    return said


WHOLE_LIFE = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_without_a_request_it_is_never_made() -> None:
    inner = Inner()

    async def work() -> None:
        """Nobody comes."""

    assert asyncio.run(living(Later(inner.load), work)) == WHOLE_LIFE
    assert inner.seen == []


def test_requests_that_come_together_are_answered_by_one_that_was_loaded_in_a_thread() -> None:
    inner = Inner()
    later = Later(inner.load)

    async def work() -> None:
        await asyncio.gather(*(later(dict(HTTP), nothing, nobody) for _ in range(3)))
        await later(dict(HTTP), nothing, nobody)

    assert asyncio.run(living(later, work)) == WHOLE_LIFE
    assert inner.seen == ["load", "make", "startup", *["request"] * 4, "shutdown"]
    assert inner.loaded_in is not threading.main_thread()
    assert len(inner.lived_in) == 1


def test_one_that_does_not_start_fails_its_request_and_the_next_one_tries_again() -> None:
    inner = Inner(starts=False)
    later = Later(inner.load)

    async def work() -> None:
        with pytest.raises(RuntimeError, match="did not start"):
            await later(dict(HTTP), nothing, nobody)
        inner.starts = True
        await later(dict(HTTP), nothing, nobody)

    assert asyncio.run(living(later, work)) == WHOLE_LIFE
    assert inner.seen == ["load", "make", "load", "make", "startup", "request", "shutdown"]


def test_a_client_that_goes_away_while_it_is_made_takes_nobody_along() -> None:
    inner = Inner()
    later = Later(inner.load)

    async def work() -> None:
        first = asyncio.create_task(later(dict(HTTP), nothing, nobody))
        second = asyncio.create_task(later(dict(HTTP), nothing, nobody))
        await asyncio.sleep(0)
        first.cancel()
        await second
        assert first.cancelled() or first.done()

    assert asyncio.run(living(later, work)) == WHOLE_LIFE
    assert inner.seen.count("request") == 1


def test_one_that_falls_apart_is_told_without_its_words_and_the_next_request_has_a_new_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    inner = Inner()
    later = Later(inner.load)

    async def work() -> None:
        await later(dict(HTTP), nothing, nobody)
        inner.breaks.set()
        for _ in range(9):
            await asyncio.sleep(0)
        inner.breaks.clear()
        await later(dict(HTTP), nothing, nobody)

    assert asyncio.run(living(later, work)) == WHOLE_LIFE
    assert inner.seen == ["load", "make", "startup", "request", "load", "make", "startup", "request", "shutdown"]
    assert caplog.messages == [
        "the SDK's server has ended (BaseExceptionGroup: Panic); the next request starts it anew"
    ]


def test_one_that_has_fallen_apart_has_no_end_that_could_fail() -> None:
    inner = Inner()
    later = Later(inner.load)

    async def work() -> None:
        await later(dict(HTTP), nothing, nobody)
        inner.breaks.set()
        for _ in range(9):
            await asyncio.sleep(0)

    assert asyncio.run(living(later, work)) == WHOLE_LIFE
    assert inner.seen[-1] == "request"
