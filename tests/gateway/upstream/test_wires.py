"""One connection and one exchange on it, without a socket where bytes are enough, with one where it can die."""

import asyncio
import itertools
import json
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from gateway.call import InDoubt
from gateway.upstream import wire
from gateway.upstream import wires as under_test
from gateway.upstream.http1 import REST
from gateway.upstream.meter import Pace
from gateway.upstream.pool import ROOM
from gateway.upstream.streams import Ear
from gateway.upstream.wires import Exchange, Replied, Wire

ANSWER = {"jsonrpc": "2.0", "id": 1, "result": {"a": None}}
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def note(number: int) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progress": number}}


def event(message: Any) -> bytes:
    data = b"data: " + json.dumps(message).encode() + b"\r\n\r\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


END = b"0\r\n\r\n"


def plain(message: Any, *, more: bytes = b"") -> bytes:
    body = json.dumps(message).encode()
    return JSON + more + b"content-length: %d\r\n\r\n" % len(body) + body


def plain_event(message: Any) -> bytes:
    """An event stream whose length is known, which is unusual."""
    body = b"data: " + json.dumps(message).encode() + b"\n\n"
    return b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def now() -> float:
    return asyncio.get_running_loop().time()


class Line:
    """A wire on one end of a socket pair; the test has the other end."""

    def __init__(self, wire: Wire, far: socket.socket, free: list[Wire], gone: asyncio.Event) -> None:
        self.wire, self.far, self.free, self.gone = wire, far, free, gone
        self.heard: list[Any] = []
        self.near: asyncio.Transport

    def begin(self, ceiling: int = 10_000) -> Exchange:
        exchange = Exchange(1, ceiling, self.heard.append, asyncio.get_running_loop().create_future())
        self.wire.begin(exchange, b"POST / HTTP/1.1\r\n\r\n", now())
        return exchange

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)

    async def lost(self) -> None:
        async with asyncio.timeout(30):
            await self.gone.wait()


async def line(unheard: Callable[[float], None] = lambda _seconds: None, ear: Ear | None = None) -> Line:
    near, far = socket.socketpair()
    free: list[Wire] = []
    gone = asyncio.Event()
    wire = Wire(memoryview(bytearray(ROOM)), free.append, lambda _: gone.set(), unheard, ear)
    made = Line(wire, far, free, gone)
    made.near, _ = await asyncio.get_running_loop().create_connection(lambda: wire, sock=near)
    return made


@contextmanager
def closing(made: Line) -> Iterator[None]:
    yield
    made.far.close()
    made.wire.drop()


def test_what_is_said_before_the_answer_is_heard_in_order_and_nothing_after(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "LINGER", 600.0)

    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin()
            made.far.sendall(SSE + event(note(1)) + event(note(2)))
            await made.until(lambda: len(made.heard) == 2)
            assert not exchange.answer.done()
            made.far.sendall(event(note(3)) + event(ANSWER) + event(note(4)))
            assert await exchange.answer == Replied(ANSWER)
            made.far.sendall(event(note(5)) + event(ANSWER) + END)
            await made.until(lambda: made.free)
            assert made.heard == [note(1), note(2), note(3)]
            assert made.free == [made.wire]

    asyncio.run(scenario())


def test_anothers_answer_is_no_answer() -> None:
    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin()
            others = [ANSWER | {"id": other} for other in (2, "1", True, 1.5)]
            made.far.sendall(SSE + b"".join(event(other) for other in others) + event(ANSWER) + END)
            assert await exchange.answer == Replied(ANSWER)
            assert made.heard == others

    asyncio.run(scenario())


def test_an_answer_comes_after_an_event_that_says_nothing() -> None:
    async def scenario() -> None:
        exchange = Exchange(1, 10_000, None, asyncio.get_running_loop().create_future())
        primed = b"id: 7\nretry: 100\ndata:\n\n"
        exchange.feed(SSE + b"%x\r\n%s\r\n" % (len(primed), primed) + event(ANSWER) + END)
        assert await exchange.answer == Replied(ANSWER)

    asyncio.run(scenario())


def test_what_is_no_json_in_the_place_of_an_answer_leaves_it_in_doubt() -> None:
    """As the SDK's client has it, over which older servers are heard."""

    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin()
            made.far.sendall(SSE + b"9\r\ndata: x\n\n\r\n")
            assert isinstance(await exchange.answer, InDoubt)

    asyncio.run(scenario())


def test_who_listens_to_nothing_needs_no_ear() -> None:
    async def scenario() -> None:
        exchange = Exchange(1, 10_000, None, asyncio.get_running_loop().create_future())
        exchange.feed(SSE + event(note(1)) + event(ANSWER) + END)
        assert await exchange.answer == Replied(ANSWER)

    asyncio.run(scenario())


@pytest.mark.parametrize("step", [700, 4096, 5000, 65_536, 10**6])
@pytest.mark.parametrize("error", [False, True])
@pytest.mark.parametrize("whole", [plain, lambda message: SSE + event(message) + END, plain_event])
def test_of_a_long_answer_nothing_is_kept_in_the_room_in_which_it_came(
    whole: Callable[[Any], bytes], error: bool, step: int
) -> None:
    said = {"error": {"code": 1, "message": "é: " * 100_000}} if error else {"result": {"text": "é: " * 100_000}}
    message = {"jsonrpc": "2.0", "id": 1, **said}
    data, room = whole(message), bytearray(step)

    async def scenario() -> None:
        exchange = Exchange(1, 10**7, None, asyncio.get_running_loop().create_future())
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            room[: len(piece)] = piece
            exchange.feed(memoryview(room)[: len(piece)])
            room[:] = b"\xff" * step
        assert await exchange.answer == Replied(message)

    asyncio.run(scenario())


UNASKED: Sequence[bytes] = (b"x", plain(ANSWER), b"\r\n", b"HTTP/1.1 408 Request Timeout\r\n\r\n")


@pytest.mark.parametrize("said", UNASKED, ids=range(len(UNASKED)))
def test_what_an_idle_connection_says_unasked_drops_it(said: bytes) -> None:
    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin()
            made.far.sendall(plain(ANSWER))
            await exchange.answer
            assert made.free == [made.wire]
            made.far.sendall(said)
            await made.lost()
            assert not made.wire.usable(now())

    asyncio.run(scenario())


@pytest.mark.parametrize("said", UNASKED, ids=range(len(UNASKED)))
def test_what_stands_behind_an_answer_is_not_taken_for_the_next_one(said: bytes) -> None:
    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin()
            made.far.sendall(plain(ANSWER) + said)
            assert await exchange.answer == Replied(ANSWER)
            await made.lost()
            assert made.free == []

    asyncio.run(scenario())


def test_what_came_and_was_not_read_yet_makes_a_connection_unusable() -> None:
    async def scenario() -> None:
        ends: Sequence[Callable[[socket.socket], None]] = (lambda far: far.sendall(b"x"), socket.socket.close)
        for end in ends:
            made = await line()
            with closing(made):
                exchange = made.begin()
                made.far.sendall(plain(ANSWER))
                await exchange.answer
                assert made.wire.usable(now())
                end(made.far)  # the loop has not turned since
                assert not made.wire.usable(now())

    asyncio.run(scenario())


def test_a_connection_whose_answer_was_read_late_is_not_used_again() -> None:
    """Its server waits since it has answered; nobody here knows when that was, but it was after the request."""

    async def scenario() -> None:
        for late, usable in ((0.0, True), (REST, False)):
            made = await line()
            with closing(made):
                exchange = made.begin()
                made.far.sendall(plain(ANSWER))
                await exchange.answer
                assert made.wire.usable(now() + late) is usable

    asyncio.run(scenario())


def test_a_connection_that_was_lost_is_not_written_to() -> None:
    async def scenario() -> None:
        assert Wire(memoryview(bytearray(1)), lambda _: None, lambda _: None).closing
        made = await line()
        with closing(made):
            before = made.wire.closing
            made.far.close()
            await made.lost()
            assert (before, made.wire.closing) == (False, True)
            assert not made.wire.usable(now())

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "said", [b"", SSE, SSE + event(note(1)), JSON + b"content-length: 9\r\n\r\n{", SSE + event(note(1)) + END]
)
def test_a_server_that_goes_before_it_answers_leaves_a_doubt(said: bytes) -> None:
    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin()
            made.far.sendall(said)
            made.far.close()
            answer = await asyncio.wait_for(exchange.answer, 30)
            assert answer == InDoubt("the server closed the connection before it answered")
            await made.lost()

    asyncio.run(scenario())


def test_the_silence_after_a_request_is_no_longer_than_since_it_left() -> None:
    """It may have waited for a connection, while others were answered."""

    async def scenario() -> None:
        silences: list[float] = []
        made = await line(silences.append)
        with closing(made):
            made.begin()
            made.wire.give_up(10**6)
            assert len(silences) == 1
            assert silences[0] < 10**6

    asyncio.run(scenario())


@pytest.mark.parametrize("more", [b"connection: close\r\n", b"Connection: Keep-Alive, Close\r\n"])
def test_a_connection_that_its_server_will_close_is_not_kept(more: bytes) -> None:
    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin()
            made.far.sendall(plain(ANSWER, more=more))
            assert await exchange.answer == Replied(ANSWER)
            await made.lost()
            assert made.free == []

    asyncio.run(scenario())


def test_a_stream_that_does_not_end_after_its_answer_loses_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(under_test, "LINGER", 0.01)

    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin()
            made.far.sendall(SSE + event(ANSWER))
            assert await exchange.answer == Replied(ANSWER)
            await made.lost()
            assert made.free == []

    asyncio.run(scenario())


def test_the_ceiling_is_of_the_whole_answer_and_not_of_its_pieces() -> None:
    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin(ceiling=1000)
            made.far.sendall(SSE + event(note(1)) * 20)
            assert await exchange.answer == InDoubt(wire.too_large(1000))
            await made.lost()

    asyncio.run(scenario())


@pytest.mark.parametrize(("burst", "goes_on"), [(2, False), (3, True)])
def test_what_is_more_than_anybody_wants_to_hear_is_left_with_the_server_for_a_while(
    burst: int, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_test, "STREAM", Pace(burst, 1e-6))

    async def scenario() -> None:
        made = await line()
        with closing(made):
            made.begin()
            made.far.sendall(SSE + event(note(1)) * 3)
            await made.until(lambda: len(made.heard) == 3)
            assert made.near.is_reading() is goes_on

    asyncio.run(scenario())


def test_an_ear_that_fails_ends_the_exchange_and_not_the_loop() -> None:
    async def scenario() -> None:
        made = await line()
        failed: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))

        def broken(_: Any) -> None:
            raise RuntimeError("deaf")

        with closing(made):
            exchange = Exchange(1, 10_000, broken, asyncio.get_running_loop().create_future())
            made.wire.begin(exchange, b"", now())
            made.far.sendall(SSE + event(note(1)) + event(ANSWER) + END)
            assert isinstance(await asyncio.wait_for(exchange.answer, 30), InDoubt)
            await made.lost()
        assert failed

    asyncio.run(scenario())


@pytest.mark.parametrize("came", [b"", SSE, JSON + b"content-length: 9\r\n\r\n{", b"HTTP/1.1 2"])
def test_nobody_asks_whether_a_server_is_there_that_has_begun_to_answer(came: bytes) -> None:
    unheard, ear = list[float](), Ear()

    async def scenario() -> None:
        made = await line(unheard.append, ear)
        with closing(made):
            made.begin()
            made.far.sendall(came)
            await made.until(lambda: bool(came) is bool(ear.heard))
            made.wire.give_up(5.0)

    asyncio.run(scenario())
    assert bool(unheard) is not bool(came)


def test_whatever_is_heard_on_a_connection_is_counted() -> None:
    async def scenario() -> None:
        ear = Ear()
        made = await line(ear=ear)
        with closing(made):
            made.begin()
            assert ear.heard == 0
            for piece in (SSE, b"8\r\n: half", b" a "):
                before = ear.heard
                made.far.sendall(piece)
                await made.until(lambda before=before: ear.heard > before)

    asyncio.run(scenario())


UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
CHUNKED = JSON + b"transfer-encoding: chunked\r\n\r\n"
FLOODS = {  # a beginning, and what a server may say again and again
    "line feeds": (UNTIL_CLOSE, b"\n"),
    "carriage returns": (UNTIL_CLOSE, b"\r"),
    "comments": (UNTIL_CLOSE, b":\n"),
    "data without a value": (UNTIL_CLOSE, b"data\n"),
    "chunks of a body": (CHUNKED, b"1\r\n \r\n"),
    "chunks of events": (SSE, b"1\r\n:\r\n"),
    "chunks of lines": (SSE, b"2\r\n\n\n\r\n"),
}
LONG_EVENT = (UNTIL_CLOSE, b"data: and so on\n")


class Ears:
    """In the place of a meter: what was counted, and so many seconds until more is heard, by turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *late: float) -> None:
        self.counted: list[float] = []
        self._late, self.rested = itertools.cycle(late), not any(late)
        monkeypatch.setattr(under_test, "Meter", lambda _: self)

    def late(self, count: float, _now: float) -> float:
        self.counted.append(count)
        return next(self._late)


def taken(exchange: Exchange) -> int:
    """Bytes of the body that were looked at."""
    return exchange._ceiling - exchange._left  # noqa: SLF001


@pytest.mark.parametrize(("begin", "flood"), [*FLOODS.values(), LONG_EVENT], ids=[*FLOODS.keys(), "a long event"])
def test_a_server_that_cuts_what_it_says_as_finely_as_it_can_lets_others_have_their_turn(
    begin: bytes, flood: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    ears, frames = Ears(monkeypatch, 0.0), 10_000

    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin(10**6)
            made.far.sendall(begin + flood * frames)
            turns = 0

            def count() -> None:
                nonlocal turns
                turns += 1
                loop.call_soon(count)

            loop = asyncio.get_running_loop()
            loop.call_soon(count)
            size = len(flood.strip(b"\r\n12")) * (frames - 1)
            await made.until(lambda: taken(exchange) > size and not exchange.more)
            assert turns > frames / 256
            assert made.near.is_reading()
            assert sum(ears.counted) > (frames - 300) / under_test.FRAMES

    asyncio.run(scenario())


@pytest.mark.parametrize(("begin", "flood"), FLOODS.values(), ids=FLOODS.keys())
def test_who_says_next_to_nothing_without_a_pause_is_not_listened_to_for_ever(
    begin: bytes, flood: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ears(monkeypatch, 1e-6, 0.0)  # though others keep us from hearing it at once, now and then
    monkeypatch.setattr(under_test, "MOST_EMPTY", 1000)

    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin(10**6)
            made.far.sendall(begin + flood * 5000)
            async with asyncio.timeout(30):
                assert await exchange.answer == InDoubt(under_test.ABSURD)
            await made.lost()
            assert made.free == []

    asyncio.run(scenario())


SLOW = {
    "heartbeats": (0.0, b":\n\n" * 30),
    "messages": (1e-6, b"id: 1\n" * 30 + b"data: " + json.dumps(note(1)).encode() + b"\n\n"),
}


@pytest.mark.parametrize(("late", "said"), SLOW.values(), ids=SLOW.keys())
def test_who_says_next_to_nothing_at_a_pace_that_can_be_heard_or_between_messages_is_heard(
    late: float, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    Ears(monkeypatch, late)
    monkeypatch.setattr(under_test, "MOST_EMPTY", 1000)

    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin(10**6)
            made.far.sendall(SSE)
            for _ in range(200):
                made.far.sendall(b"%x\r\n%s\r\n" % (len(said), said))
                await asyncio.sleep(0)
            made.far.sendall(event(ANSWER) + END)
            async with asyncio.timeout(30):
                assert await exchange.answer == Replied(ANSWER)
            await made.until(lambda: made.free)

    asyncio.run(scenario())


def test_many_messages_that_come_at_once_are_heard_in_order_and_the_connection_is_used_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Ears(monkeypatch, 0.0)

    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin(10**6)
            made.far.sendall(SSE + b"".join(event(note(number)) for number in range(500)) + event(ANSWER) + END)
            async with asyncio.timeout(30):
                assert await exchange.answer == Replied(ANSWER)
            await made.until(lambda: made.free)
            assert made.heard == [note(number) for number in range(500)]
            assert made.near.is_reading()
            again = made.begin()
            made.far.sendall(plain(ANSWER))
            async with asyncio.timeout(30):
                assert await again.answer == Replied(ANSWER)

    asyncio.run(scenario())


def test_an_answer_behind_much_that_is_looked_at_later_is_heard_though_its_server_has_gone() -> None:
    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin(10**6)
            made.far.sendall(UNTIL_CLOSE + b":\n" * 2000 + b"data: " + json.dumps(ANSWER).encode() + b"\n\n")
            made.far.close()
            async with asyncio.timeout(30):
                assert await exchange.answer == Replied(ANSWER)
            await made.lost()

    asyncio.run(scenario())


def test_of_who_is_given_up_nothing_more_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    Ears(monkeypatch, 0.0)

    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin(10**6)
            made.far.sendall(SSE + b"".join(event(note(number)) for number in range(500)))
            await made.until(lambda: exchange.more)
            made.wire.end("enough")
            heard = len(made.heard)
            await made.lost()
            assert await exchange.answer == InDoubt("enough")
            assert len(made.heard) == heard < 500

    asyncio.run(scenario())


@pytest.mark.parametrize("stream", [plain(ANSWER), SSE + event(ANSWER) + END, plain_event(ANSWER)])
def test_a_usual_answer_is_not_metered(stream: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    ears = Ears(monkeypatch, 0.0)

    async def scenario() -> None:
        made = await line()
        with closing(made):
            exchange = made.begin()
            made.far.sendall(stream)
            assert await exchange.answer == Replied(ANSWER)
            assert ears.counted == []

    asyncio.run(scenario())
