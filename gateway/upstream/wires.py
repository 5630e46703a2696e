"""One pooled connection, and the one request that is under way on it.

A protocol and not streams: a call costs a tenth of the CPU that way. It knows for each request whether a byte of it was
written, because what a failure means depends on it.
"""

import asyncio
import select
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import chain
from typing import Any, cast

from gateway.call import InDoubt
from gateway.upstream import wire
from gateway.upstream.auth.scopes import challenge_in
from gateway.upstream.http1 import BadResponse, Head
from gateway.upstream.meter import STREAM, Meter
from gateway.upstream.outcomes import of_status
from gateway.upstream.response import LONG, Data, Response
from gateway.upstream.sse import EventData
from gateway.upstream.streams import Ear
from gateway.values import value

__all__ = ["Exchange", "Hear", "Replied", "Wire"]

LINGER = 1.0  # seconds for an event stream to end after its answer, so that its connection can be used again
TURN, FEW = 256, 16  # frames, and messages, that are looked at before others have their turn
FREE = 64  # frames that are not counted, as lines up to `FEW` are not: a usual answer has fewer
FRAMES = 64  # that cost as much as a message
IDLE = 8  # frames for which a line counts that says nothing
SMALL = 8  # bytes; whoever says all in shorter pieces says nothing
MOST_EMPTY = 50_000  # lines that say nothing and pieces that small, without a pause or a message
ABSURD = "the answer is nearly nothing but empty lines, comments or chunks of a few bytes"

Hear = Callable[[Any], None]


@value(frozen=True, slots=True)
class Replied:
    """The JSON-RPC response to a request, parsed; it may be an error. A result keeps its text, if it can.

    `challenge` is what an answer says that wants other credentials (`auth.scopes.challenge_in`); None for any other.
    """

    message: Any
    challenge: str | None = None


class Exchange:
    """One request and its answer. `hear` gets what a server says before it answers.

    A server can cut what it says as it likes. So what was fed may be looked at in part, while there is `more`; and the
    `frames` are counted: lines of events, and pieces of a body.
    """

    def __init__(
        self, request_id: int, ceiling: int, hear: Hear | None, answer: asyncio.Future[Replied | InDoubt]
    ) -> None:
        """`answer` is where it will be."""
        self.request_id, self.answer = request_id, answer
        self.response = Response()
        self._ceiling, self._left, self._hear = ceiling, ceiling, hear
        self._body: wire.Data = b""
        self._events: EventData | None = None
        self._pieces: Iterable[Data] = ()
        self.more = False
        self.told = self.frames = 0  # messages beside the answer, and frames, since they were counted
        self.empty = 0  # frames that say nothing since there was a message

    def feed(self, data: Data | None) -> None:
        """Nothing of it is kept, once there is no more; None goes on. Raises ValueError for what is no answer."""
        pieces: Iterable[Data]
        if data is None:
            pieces, self.more = chain((b"",), self._pieces), False
        else:
            pieces = self._pieces = iter(self.response.feed(data))
        frames, told = self.frames + TURN, self.told + FEW
        for piece in pieces:
            self._left -= len(piece)
            if self._left < 0:
                raise BadResponse(wire.too_large(self._ceiling))
            self._take(piece)
            self.frames += 1
            if len(piece) < SMALL:
                self.empty += 1
            if self.more or self.frames > frames or self.told > told:
                self.more = True
                return
        if self.response.done:
            self._finish()

    def end(self) -> None:
        """The connection has ended. Raises ValueError when the answer came in part."""
        if self.response.end() and not self.answer.done():
            self._finish()
        self.settle(InDoubt("the server closed the connection before it answered"))

    def settle(self, answer: Replied | InDoubt) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def _take(self, piece: Data) -> None:
        head = self.response.head
        if head is None or head.content_type != "text/event-stream":
            whole = self.response.done and not self._body
            self._body = piece if whole else _joined(self._body, piece)
            return
        events = self._events = self._events or EventData()
        for data in events.feed(bytes(piece)):
            self.empty = 0
            found = wire.result_in(data, self.request_id)
            message = wire.answer(data) if found is None else wire.response(self.request_id, found)
            if wire.is_response(message, self.request_id):
                self.settle(Replied(message))
                continue
            self.told += 1
            if self._hear is not None and not self.answer.done():
                self._hear(message)
        if events.lines > FEW:
            self._count(events)

    def _count(self, events: EventData) -> None:
        self.more = events.more
        self.frames += events.lines + IDLE * events.idle
        self.empty += events.idle
        events.lines = events.idle = 0

    def _finish(self) -> None:
        if self._events is not None or self.response.head is None:
            self.settle(InDoubt("the server closed the connection before it answered"))
        else:
            head, body, self._body = self.response.head, self._body, b""
            replied = _from_json(head, body, self.request_id)
            challenge = challenge_in(head.status, head.headers.get("www-authenticate"))
            self.settle(replace(replied, challenge=challenge) if challenge is not None else replied)


class Wire(asyncio.BufferedProtocol):
    """A connection. `free` is called when it can be used again, `gone` when it can't, and `unheard` when a request was
    given up, and `ear` has heard nothing since it left: with the seconds since then, or 0 if it had not all its time.

    What comes is put into `room`, which connections share: it is taken out before another one is looked at.
    """

    def __init__(
        self,
        room: memoryview,
        free: "Callable[[Wire], None]",
        gone: "Callable[[Wire], None]",
        unheard: Callable[[float], None] = lambda _seconds: None,
        ear: Ear | None = None,
    ) -> None:
        self._room, self._free, self._gone, self._unheard = room, free, gone, unheard
        self._ear, self._before = ear or Ear(), 0  # ... and how much it had heard when the last request left
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._paused: asyncio.TimerHandle | None = None
        self._heard = select.poll()
        self._begun = self._stale = 0.0  # when the last request left; from when on it is not used again
        self._meter = Meter(STREAM)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._heard.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def begin(self, exchange: Exchange, request: bytes, now: float) -> None:
        """Writes it: from here on it may have happened. `now` is the loop's time."""
        assert self._transport is not None  # noqa: S101 - for the type checker: connections are made before they begin
        self._exchange, self._begun, self._before = exchange, now, self._ear.heard
        self._transport.write(request)

    @property
    def closing(self) -> bool:
        """Whether it is lost: what is written now reaches nobody, and nobody would say so."""
        return self._transport is None or self._transport.is_closing()

    def usable(self, now: float) -> bool:
        """Whether it was put aside lately, and nothing was heard of it since, be it that the loop does not know yet."""
        return now < self._stale and not self.closing and not self._heard.poll(0)

    def drop(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def give_up(self, seconds: float = 0.0) -> None:
        """Nobody waits for the answer any more."""
        if self._exchange is not None and self._ear.heard == self._before:
            self._unheard(min(seconds, asyncio.get_running_loop().time() - self._begun))
        self.drop()

    def end(self, why: str) -> None:
        """Drops it; of what is under way nobody will know what became."""
        if self._exchange is not None:
            self._exchange.settle(InDoubt(why))
        self.drop()

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        data = self._room[:nbytes]
        self._received(bytes(data) if nbytes <= LONG else data)

    def _received(self, data: Data | None) -> None:
        exchange = self._exchange
        if exchange is None:
            self.drop()  # nobody asked it anything
            return
        self._ear.heard += data is not None  # what is left of it was heard before
        try:
            exchange.feed(data)
        except ValueError as error:
            exchange.settle(InDoubt(str(error)))
            self.drop()
            return
        if exchange.told or exchange.frames > FREE:
            self._listen_at_leisure(exchange)
        if exchange.response.done and not exchange.more:
            self._rest(exchange)
        elif exchange.answer.done() and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LINGER, self.drop)

    def _listen_at_leisure(self, exchange: Exchange) -> None:
        told, exchange.told = float(exchange.told), 0
        if exchange.frames > FREE:
            told, exchange.frames = told + exchange.frames / FRAMES, 0
        loop = asyncio.get_running_loop()
        late = self._meter.late(told, loop.time())
        if self._meter.rested:
            exchange.empty = 0
        if self._transport is None or (exchange.response.done and not exchange.more):
            return
        if late and exchange.empty > MOST_EMPTY:
            self.end(ABSURD)
        elif late or exchange.more:
            self._transport.pause_reading()
            self._paused = loop.call_later(late, self._go_on, exchange)

    def _go_on(self, exchange: Exchange) -> None:
        """With what is left of what came, or with what comes."""
        self._paused = None
        if exchange.more and not self.closing:
            self._received(None)
        self._resume()

    def _resume(self) -> None:
        if self._paused is None and self._transport is not None:
            self._transport.resume_reading()

    def eof_received(self) -> None:
        """Its other half is closed by the transport."""

    def connection_lost(self, error: Exception | None) -> None:
        exchange, self._exchange = self._exchange, None
        self._quiet()
        if exchange is not None:
            try:
                exchange.end()
            except ValueError as broken:
                exchange.settle(InDoubt(str(error or broken)))
        self._gone(self)

    def _rest(self, exchange: Exchange) -> None:
        self._exchange = None
        self._quiet()
        head = exchange.response.head
        if head is not None and head.keep_alive and not exchange.response.rest:
            self._stale = self._begun + head.rest  # its server may have answered long before we came to read it
            self._free(self)
        else:
            self.drop()

    def _quiet(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _joined(body: wire.Data, piece: Data) -> bytearray:
    """In one place: many small pieces would each take ten times their room."""
    joined = body if isinstance(body, bytearray) else bytearray(body)
    joined += piece
    return joined


def _from_json(head: Head, data: wire.Data, request_id: int) -> Replied:
    """The answer in a JSON body; an HTTP error without one becomes a JSON-RPC error that is known as ours."""
    is_json = head.content_type == "application/json" and bool(data)
    if is_json and (found := wire.result_in(data, request_id)) is not None:
        return Replied(wire.response(request_id, found))
    message = wire.answer(data) if is_json else None
    if wire.is_response(message, request_id):
        return Replied(message)
    if head.status >= 300:
        return Replied({"error": of_status(head.status).model_dump()})
    raise BadResponse("the answer is not the response to this request")
