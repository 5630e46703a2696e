"""A connection at the level of bytes: what is read, and how an answer can end."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from providers.fake.line import Line, Received, Sent
from providers.fake.plan import Action, End, Head, Pause, Send

_ASKED = b"POST /v1/x?y=1 HTTP/1.1\r\nHost: a\r\nX-One:  two \r\nContent-Length: 4\r\n\r\nbody"
_LAST = _ASKED.replace(b"Host: a", b"Connection: close")
_FINE: Sequence[Action] = [Head(200, {"a": "b"}, 2), Send(b"ok"), End()]


class _Served:
    """Answers everything with the same actions."""

    def __init__(self, actions: Sequence[Action]) -> None:
        self._actions = actions
        self.received: list[Received] = []
        self.sent: asyncio.Queue[Sent] = asyncio.Queue()
        self.lines: set[Line] = set()
        self.port = 0

    async def handle(self, received: Received, line: Line) -> None:
        self.received.append(received)
        self.sent.put_nowait(await line.play(self._actions))

    def line(self) -> Line:
        line = Line(self.handle, self.lines.discard)
        self.lines.add(line)
        return line


@asynccontextmanager
async def _serving(actions: Sequence[Action]) -> AsyncIterator[_Served]:
    served = _Served(actions)
    server = await asyncio.get_running_loop().create_server(served.line, "127.0.0.1", 0)
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for line in tuple(served.lines):
            await line.close()
        await server.wait_closed()


def _asked(actions: Sequence[Action], *requests: bytes) -> tuple[_Served, bytes]:
    """What came back for these bytes, until the server had nothing more to say."""

    async def scenario() -> tuple[_Served, bytes]:
        async with _serving(actions) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            for request in requests:
                writer.write(request)
            came = await reader.read()
            writer.close()
            return served, came

    return asyncio.run(scenario())


def test_a_request_is_read() -> None:
    served, came = _asked(_FINE, _LAST)
    headers = {"connection": "close", "x-one": "two", "content-length": "4"}
    assert served.received == [Received("POST", "/v1/x", headers, b"body")]
    assert came == b"HTTP/1.1 200 OK\r\na: b\r\ncontent-length: 2\r\n\r\nok"


def test_a_connection_carries_several_requests() -> None:
    served, came = _asked(_FINE, _ASKED, _LAST)
    assert (len(served.received), came.count(b"ok")) == (2, 2)


def test_a_body_may_come_in_chunks() -> None:
    chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nbod\r\n1\r\ny\r\n0\r\n\r\n"
    served, _ = _asked(_FINE, chunked, _LAST)
    assert [received.body for received in served.received] == [b"body", b"body"]


def test_who_waits_to_be_asked_for_his_body_is_asked() -> None:
    _, came = _asked(_FINE, _LAST.replace(b"X-One:  two ", b"Expect: 100-continue"))
    assert came.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "junk",
    [
        b"\x16\x03\x01 not http\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n",
    ],
)
def test_what_is_no_http_ends_the_connection(junk: bytes) -> None:
    served, came = _asked(_FINE, junk)
    assert (served.received, came) == ([], b"")


def test_a_stream_comes_in_chunks_and_ends() -> None:
    _, came = _asked([Head(200), Send(b"one", event=True), End()], _LAST)
    assert came.endswith(b"\r\n\r\n3\r\none\r\n0\r\n\r\n")


def test_a_dropped_stream_lacks_its_end() -> None:
    served, came = _asked([Head(200), Send(b"one", event=True), End("drop")], _ASKED)
    assert came.endswith(b"\r\n\r\n3\r\none\r\n")
    assert served.sent.get_nowait() == Sent("drop", 1)


def test_a_reset_is_a_reset() -> None:
    with pytest.raises(ConnectionResetError):
        _asked([Head(200), Send(b"one", event=True), End("reset")], _ASKED)


def test_an_answer_that_hangs_ends_when_the_client_goes() -> None:
    async def scenario() -> Sent:
        async with _serving([Head(200), Send(b"one", event=True), End("hang")]) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(_ASKED)
            await reader.readuntil(b"one")
            assert served.sent.empty()
            writer.close()
            return await served.sent.get()

    assert asyncio.run(scenario()) == Sent("left", 1)


def test_a_client_that_goes_during_a_pause_is_noticed_at_once() -> None:
    async def scenario() -> Sent:
        async with _serving([Head(200), Pause(3600), End()]) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(_ASKED)
            await reader.readuntil(b"\r\n\r\n")
            writer.close()
            return await served.sent.get()

    assert asyncio.run(scenario()) == Sent("left", 0)


def test_a_server_that_ends_ends_its_answers() -> None:
    async def scenario() -> None:
        async with _serving([Head(200), End("hang")]) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(_ASKED)
            await reader.readuntil(b"\r\n\r\n")
        assert (served.sent.get_nowait(), served.lines) == (Sent("left", 0), set())
        writer.close()

    asyncio.run(scenario())
