"""The stream of a session is held without the SDK, which goes on with it when it has to: nobody sees a difference."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.serve import holding
from gateway.serve.asgi import Message
from gateway.serve.changes import Listener
from tests.fixtures.asgi import PATIENCE, Peer, scope
from tests.fixtures.gateway_app import Setup
from tests.fixtures.served import request
from tests.gateway.serve.test_greeting import CALL, COMMON, EACH, SESSION, WAYS, Headers, House, at_house, nameless

CHANGED = b"notifications/tools/list_changed"
NARROW, WIDE = (f"p, *, *, {what}, call, , allow, yes" for what in ("echo/echo", "*/*"))


@dataclass
class Stream:
    """A `GET` that is open, and all that came on it."""

    peer: Peer = field(default_factory=Peer)
    parts: list[Message] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, part: Message) -> None:
        self.parts.append(dict(part))
        self.came.set()

    @property
    def text(self) -> bytes:
        return b"".join(part.get("body", b"") for part in self.parts)

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await self.came.wait()
                self.came.clear()

    async def has(self, text: bytes, times: int = 1) -> None:
        await self.until(lambda: self.text.count(text) >= times)

    async def ends(self) -> None:
        await self.until(lambda: self.parts[-1].get("more_body") is False)


@contextlib.asynccontextmanager
async def opened(made: House, given: Headers, way: str = "ours") -> AsyncIterator[Stream]:
    """Once its head is there."""
    stream, pairs = Stream(), list(dict(given).items())
    answer = asyncio.ensure_future(made.edges[way](scope(pairs, method="GET"), stream.peer.receive, stream.send))
    try:
        await stream.until(lambda: bool(stream.parts))
        yield stream
    finally:
        stream.peer.go()
        async with asyncio.timeout(PATIENCE):
            await answer


async def both_ways(made: House, ours: Headers, theirs: Headers) -> list[list[Message]]:
    """How a `GET` is answered: by us in our session, and by the SDK in its own."""
    return [
        nameless(await made.raw(None, given, verb="GET", way=way))
        for given, way in zip((ours, theirs), WAYS, strict=True)
    ]


@pytest.mark.parametrize("accept", [b"text/event-stream", b"application/json, text/event-stream"])
def test_it_is_said_to_the_byte_what_the_sdk_says_which_is_not_asked(tmp_path: Path, accept: bytes) -> None:
    async def scenario(made: House) -> None:
        ours, theirs = [await made.opens(way) | {b"accept": accept} for way in WAYS]
        made.through.count = 0
        async with opened(made, ours) as one, opened(made, theirs, WAYS[1]) as other:
            Setup(tmp_path).write_policy(NARROW)
            await asyncio.gather(one.has(CHANGED), other.has(CHANGED))
            assert nameless(one.parts) == nameless(other.parts)
            assert await made.status(CALL, {**ours, b"accept": COMMON[b"accept"]}) == 200
        assert made.through.count == 0

    at_house(tmp_path, scenario)


def test_when_the_sdk_is_told_of_the_session_it_goes_on_with_the_stream_that_is_open(tmp_path: Path) -> None:
    async def scenario(made: House) -> None:
        session = await made.opens()
        async with opened(made, session) as stream:
            Setup(tmp_path).write_policy(NARROW)
            await stream.has(CHANGED)
            assert await made.status(request("prompts/list"), session) == 200
            assert made.through.count == 4  # the handshake's two, the stream, the list
            Setup(tmp_path).write_policy(WIDE)
            await stream.has(CHANGED, times=2)
            assert [part["type"] for part in stream.parts].count("http.response.start") == 1
            assert await made.status(None, session, verb="DELETE") == 200
            await stream.ends()

    at_house(tmp_path, scenario)


def test_a_second_stream_and_one_with_an_odd_head_are_the_sdks_affair(tmp_path: Path) -> None:
    async def scenario(made: House) -> None:
        ours, theirs = [await made.opens(way) for way in WAYS]
        async with opened(made, ours) as first, opened(made, theirs, WAYS[1]):
            mine, others = await both_ways(made, ours, theirs)
            assert mine == others
            assert mine[0]["status"] == 409
            Setup(tmp_path).write_policy(NARROW)
            await first.has(CHANGED)
        for more in ({b"accept": b"application/json"}, {b"accept": b"*/*"}, {b"accept": b"text/event-stream;q=1"}):
            made.through.count = 0
            ours, theirs = [await made.opens(way) | more for way in WAYS]
            mine, others = await both_ways(made, ours, theirs)
            assert (more, mine) == (more, others)
            assert made.through.count >= 3  # another one may have to be closed

    at_house(tmp_path, scenario)


def test_before_the_session_is_introduced_and_for_anybody_else_it_is_the_sdks_affair(tmp_path: Path) -> None:
    async def scenario(made: House) -> None:
        ours, theirs = [await made.opens(way, introduced=False) for way in WAYS]
        mine, others = await both_ways(made, ours, theirs)
        assert mine == others
        session = await made.opens()
        assert await made.status(None, session, verb="GET", way="bob's") == 404
        assert await made.status(CALL, session) == 200

    at_house(tmp_path, scenario)


async def closed(made: House, session: Headers) -> None:
    assert await made.status(None, session, verb="DELETE") == 200


async def pushed_out(made: House, _session: Headers) -> None:
    """Of the sessions that are all in use, the one that is so for longest."""
    for _ in range(EACH - 1):
        async with opened(made, await made.opens()):
            await made.opens()


async def ended(made: House, _session: Headers) -> None:
    made.front.changes.close()


@pytest.mark.parametrize("end", [closed, pushed_out, ended])
def test_it_ends_as_a_whole_with_its_session_and_with_the_gateway(
    tmp_path: Path, end: Callable[[House, Headers], Awaitable[None]]
) -> None:
    async def scenario(made: House) -> None:
        session = await made.opens()
        made.through.count = 0
        async with opened(made, session) as stream:
            await end(made, session)
            await stream.ends()
            assert stream.text == b""
        assert made.through.count == 0

    at_house(tmp_path, scenario)


def test_a_client_that_goes_leaves_the_session_as_it_was(tmp_path: Path) -> None:
    async def scenario(made: House) -> None:
        session = await made.opens()
        for _ in range(2):
            async with opened(made, session) as stream:
                pass
            assert [part["type"] for part in stream.parts] == ["http.response.start"]
        assert await made.status(CALL, session) == 200
        assert made.through.count == 0
        assert dict(stream.parts[0]["headers"])[SESSION] == dict(session)[SESSION]

    at_house(tmp_path, scenario)


def test_silence_is_broken_as_the_sdk_breaks_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "PING", 0.01)

    async def scenario(made: House) -> None:
        async with opened(made, await made.opens()) as stream:
            await stream.has(b": ping - 20", times=2)
            assert stream.text.endswith(b"+00:00\r\n\r\n")

    at_house(tmp_path, scenario)


def test_where_the_sdk_refuses_the_session_its_stream_stays_as_it_is(tmp_path: Path) -> None:
    async def scenario(made: House) -> None:
        session = await made.opens()

        async def refusing(_scope: object, _receive: object, send: Callable[[Message], Awaitable[None]]) -> None:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})

        async with opened(made, session) as stream:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(made.through, "_app", refusing)
                assert await made.status(request("prompts/list"), session) == 503
            Setup(tmp_path).write_policy(NARROW)
            await stream.has(CHANGED)
            assert await made.status(request("prompts/list"), session) == 200

    at_house(tmp_path, scenario)


def test_what_changes_while_the_sdk_takes_the_stream_over_is_told_on_it() -> None:
    listeners: list[Listener] = []

    @contextlib.contextmanager
    def listening(listener: Listener) -> Iterator[None]:
        listeners.append(listener)
        yield
        listeners.remove(listener)

    async def scenario() -> None:
        stream, taken = Stream(), asyncio.Event()

        async def sdk(_scope: Any, receive: Any, send: Any) -> None:
            for listener in listeners:
                listener.list_changed("tools")
            await asyncio.sleep(0)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            taken.set()
            while (await receive())["type"] != "http.disconnect":
                pass

        known: Any = SimpleNamespace(client=SimpleNamespace(session="s", asker=None), stream=None)
        front: Any = SimpleNamespace(changes=SimpleNamespace(listening=listening))
        held = holding.Holding(sdk, front)
        open_ = asyncio.ensure_future(held.hold(known, scope([], method="GET"), stream.peer.receive, stream.send))
        await stream.until(lambda: bool(stream.parts))
        await held.hand_over("s")
        await taken.wait()
        await stream.has(CHANGED)
        async with asyncio.timeout(PATIENCE):
            while listeners:  # noqa: ASYNC110 - what comes later is the SDK's to tell
                await asyncio.sleep(0)
        stream.peer.go()
        await asyncio.wait_for(open_, PATIENCE)

    asyncio.run(scenario())
