"""Slow and many connections, over real sockets. Times are set so that a test need not wait; others are far away."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from gateway.serve.connections import BoundedProtocol, Joined

FAR = 3600.0
HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"


class Inner:
    """Answers at once, and keeps what was posted; but `/hold` when `let_go` is set, and `/much` with more than buffers
    hold.
    """

    def __init__(self) -> None:
        self.held = asyncio.Semaphore(0)
        self.let_go = asyncio.Event()
        self.began = 0
        self.posted = b""
        self.hosts: list[bytes] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.began += 1
        self.hosts = [value for name, value in scope["headers"] if name == b"host"]
        if scope["method"] == "POST":
            self.posted = (await receive())["body"]
        if scope["path"] == "/hold":
            self.held.release()
            await self.let_go.wait()
        body = b"x" * (32 << 20 if scope["path"] == "/much" else 2)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


class Stage:
    def __init__(self, port: int, inner: Inner, server: uvicorn.Server, kind: type[BoundedProtocol]) -> None:
        self.port, self.inner, self.server, self.kind = port, inner, server, kind

    @property
    def open_now(self) -> int:
        return len(self.server.server_state.connections)

    async def open(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        await writer.drain()
        return reader, writer

    async def ask(self, path: str = "/") -> bytes:
        """The first line of the answer to a whole request."""
        reader, writer = await self.open(f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
        line = await reader.readline()
        writer.close()
        return line


async def gone(reader: asyncio.StreamReader) -> bool:
    """Returns when the other side has ended the connection."""
    with contextlib.suppress(ConnectionError):
        return await reader.read() == b""
    return True


@contextlib.asynccontextmanager
async def served(**limits: Any) -> AsyncIterator[Stage]:
    class Limited(BoundedProtocol):
        head_seconds = limits.get("head", FAR)
        stalled_seconds = limits.get("stalled", FAR)
        most = limits.get("most", 1000)

    inner = Inner()
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(inner, http=Limited, ws="none", log_config=None, lifespan="off", timeout_keep_alive=3600)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0)
    try:
        yield Stage(listener.getsockname()[1], inner, server, Limited)
    finally:
        inner.let_go.set()
        server.force_exit = server.should_exit = True
        await task


def within(scenario: Callable[[Stage], Awaitable[None]], **limits: Any) -> None:
    async def work() -> None:
        async with asyncio.timeout(60), served(**limits) as stage:
            await scenario(stage)

    asyncio.run(work())


@pytest.mark.parametrize("sent", [b"", HEAD, HEAD + b"x: y\r\n"])
def test_a_head_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    async def scenario(stage: Stage) -> None:
        reader, writer = await stage.open(sent)
        assert await gone(reader)
        writer.close()

    within(scenario, head=0.05)


def test_a_head_that_trickles_in_does_not_win_time_by_that() -> None:
    async def scenario(stage: Stage) -> None:
        reader, writer = await stage.open(HEAD)
        ended = asyncio.create_task(gone(reader))
        while not ended.done():
            writer.write(b"x: y\r\n")
            await asyncio.wait({ended}, timeout=0.01)
        writer.close()

    within(scenario, head=0.1)


def test_the_second_head_on_a_connection_has_no_more_time() -> None:
    async def scenario(stage: Stage) -> None:
        reader, writer = await stage.open(HEAD + b"\r\n")
        assert await reader.readuntil(b"\r\n\r\nxx")
        stage.kind.head_seconds = 0.05  # from here on: the first head had all the time that it needed
        writer.write(HEAD)
        assert await gone(reader)
        writer.close()

    within(scenario)


async def held(stage: Stage) -> "asyncio.Task[bytes]":
    """A request that is being answered; its head had little time, but as much as it needs on this machine."""
    for seconds in (0.05, 0.5, 5.0, 50.0):
        stage.kind.head_seconds = seconds
        slow, arrived = asyncio.create_task(stage.ask("/hold")), asyncio.create_task(stage.inner.held.acquire())
        await asyncio.wait({slow, arrived}, return_when="FIRST_COMPLETED")
        if arrived.done():
            return slow
        arrived.cancel()
        await asyncio.wait({slow, arrived})
    raise TimeoutError


def test_a_request_that_is_being_answered_has_time() -> None:
    async def scenario(stage: Stage) -> None:
        slow = await held(stage)
        reader, writer = await stage.open()
        assert await gone(reader)  # a connection that said nothing, opened later, is over by now
        writer.close()
        stage.inner.let_go.set()
        assert b"200" in await slow

    within(scenario)


def test_at_the_limit_who_waits_longest_goes_and_others_are_served() -> None:
    async def scenario(stage: Stage) -> None:
        slow = [await stage.open(HEAD) for _ in range(10)]
        assert [await stage.ask() for _ in range(10)] == [b"HTTP/1.1 200 OK\r\n"] * 10
        assert await gone(slow[0][0])
        for _, writer in slow:
            writer.close()

    within(scenario, most=10)


def test_when_all_are_at_work_the_next_one_is_told_to_come_again() -> None:
    async def scenario(stage: Stage) -> None:
        busy = [asyncio.create_task(stage.ask("/hold")) for _ in range(3)]
        for _ in busy:
            await stage.inner.held.acquire()
        reader, writer = await stage.open()
        assert b"503 Service Unavailable\r\nretry-after: 1\r\n" in await reader.read()
        writer.close()
        stage.inner.let_go.set()
        assert [b"200" in await one for one in busy] == [True] * 3

    within(scenario, most=3)


def test_who_takes_nothing_of_an_answer_is_let_go() -> None:
    async def scenario(stage: Stage) -> None:
        with socket.create_connection(("127.0.0.1", stage.port)) as idle:
            idle.sendall(b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n")
            while not stage.inner.began:  # noqa: ASYNC110 - nothing tells this test when
                await asyncio.sleep(0)
            while stage.open_now:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)

    within(scenario, stalled=0.05)


class Written:
    """A transport that remembers what was written at once."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def close(self) -> None:
        self.closed = True


ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("writes", "sent"),
    [
        ([ANSWER, b"body"], [ANSWER + b"body"]),
        ([ANSWER, b"bo", b"dy"], [ANSWER + b"bo", b"dy"]),
        ([ANSWER, b""], [ANSWER]),
        ([ANSWER], [ANSWER]),  # in the next turn
        ([STREAM, b"chunk"], [STREAM, b"chunk"]),
        ([ANSWER, b"body", ANSWER, b"more"], [ANSWER + b"body", ANSWER + b"more"]),
    ],
)
@pytest.mark.parametrize("closes", [False, True])
def test_the_head_of_an_answer_leaves_with_its_body(writes: list[bytes], sent: list[bytes], closes: bool) -> None:
    transport: Any = Written()

    async def scenario() -> None:
        joined = Joined(transport, asyncio.get_running_loop())
        for data in writes:
            joined.write(data)
        if closes:
            joined.close()
        await asyncio.sleep(0)

    asyncio.run(scenario())
    assert (transport.writes, transport.closed) == (sent, closes)


@pytest.mark.parametrize("name", [b"Upgrade", b"upgrade"])
def test_a_request_that_offers_another_protocol_is_answered_in_this_one_with_its_body(name: bytes) -> None:
    async def scenario(stage: Stage) -> None:
        offer = b"connection: upgrade, http2-settings\r\n" + name + b": h2c\r\nhttp2-settings: AAMAAABk\r\n"
        reader, writer = await stage.open(
            b"POST / HTTP/1.1\r\nhost: x\r\n" + offer + b"content-length: 14\r\n\r\n\r\nupgrade: all"
        )
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert stage.inner.posted == b"\r\nupgrade: all"
        writer.close()

    within(scenario)


@pytest.mark.parametrize(
    ("target", "hosts", "seen"),
    [
        ("/", ["x"], ["x"]),
        ("http://y:1/", ["x"], ["y:1"]),
        ("HTTPS://y/?http://z/", ["x"], ["y"]),
        ("ftp://y/", ["y"], [""]),
        ("http://y/", ["x", "z"], ["y", "y"]),  # which the door refuses, as it does with a path
        ("http://y/", [], []),
    ],
)
def test_the_host_of_a_whole_url_counts_and_not_what_host_says(target: str, hosts: list[str], seen: list[str]) -> None:
    async def scenario(stage: Stage) -> None:
        fields = "".join(f"Host: {host}\r\n" for host in hosts)
        reader, writer = await stage.open(f"POST {target} HTTP/1.1\r\n{fields}content-length: 0\r\n\r\n".encode())
        await reader.readline()
        assert stage.inner.hosts == [host.encode() for host in seen]
        writer.close()

    within(scenario)


def test_what_stands_behind_a_body_is_no_header() -> None:
    async def scenario(stage: Stage) -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        reader, writer = await stage.open(head + b"2\r\n{}\r\n0\r\nHost: y\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        assert (stage.inner.hosts, stage.inner.posted) == ([b"x"], b"{}")
        writer.close()

    within(scenario)
