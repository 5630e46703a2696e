"""A connection on which plain calls are answered at once (`desk`), and all other requests as uvicorn does it.

To uvicorn it is one that rests meanwhile: what it keeps of a connection (who waits when it ends, how long it may rest)
is kept here for these calls. While one is answered, nothing is read.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from gateway.serve.connections import BoundedProtocol
from gateway.serve.desk import Desk
from gateway.serve.direct import Plain
from gateway.serve.underway import Underway

__all__ = ["Quick"]

MOST_BEHIND = 64 * 1024  # bytes
NAME = "toolgate.call"  # of each task: to make a new one up for each costs more
_JSON = b"content-type: application/json\r\ncontent-length: %d\r\n%s\r\n"
_CLOSING = b"connection: close\r\n"


class Quick(BoundedProtocol):
    """`desk` is the gateway's; the rest is uvicorn's."""

    def __init__(self, desk: Desk, **settings: Any) -> None:
        super().__init__(**settings)
        self._desk = desk
        self._call: Underway | None = None
        self._between = True  # uvicorn's parser has read whole requests, and nothing of another one
        self._behind = b""  # what came while a call was answered, or while its answer was not taken
        self._last = False  # of its calls: uvicorn wants to end
        self._heard = 0.0
        self._common: tuple[Any, bytes] = None, b""  # uvicorn's own headers, and their bytes

    @property
    def waits(self) -> bool:
        return self._call is None and super().waits

    def on_message_begin(self) -> None:
        self._between = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._between = True

    def data_received(self, data: bytes) -> None:
        if self._call is not None or self.flow.write_paused:
            self._behind += data
            if len(self._behind) > MOST_BEHIND:  # up to then it is read on: who goes away is to be noticed
                self.transport.pause_reading()
            return
        plain = self._desk.plain(data) if self._between and super().waits else None
        if plain is None:
            super().data_received(data)
        else:
            self._begin(plain)

    def _begin(self, plain: Plain) -> None:
        self._clear_head()
        self._call = call = Underway(None)
        call.task = task = asyncio.Task(self._answer(plain, call), loop=self.loop, name=NAME)
        self.tasks.add(task)

    async def _answer(self, plain: Plain, call: Underway) -> None:
        try:
            status, body = await self._desk.answer(plain, call)
        except BaseException:
            self.transport.close()  # without an answer: nobody knows one
            raise
        finally:
            self._call = None
            if call.task is not None:
                self.tasks.discard(call.task)
        if not self.transport.is_closing():
            self._say(status, body)
            self._go_on()

    def _say(self, status: int, body: bytes) -> None:
        own = self.server_state.default_headers
        if self._common[0] is not own:  # with the date: another list in each second
            self._common = own, b"".join([b"%s: %s\r\n" % header for header in own])
        head = STATUS_LINE[status] + self._common[1] + _JSON % (len(body), _CLOSING if self._last else b"")
        self.transport.whole(head + body)  # type: ignore[attr-defined] # it is a `Joined`

    def _go_on(self) -> None:
        self._heard = self.loop.time()
        if self._last:
            self.transport.close()
            return
        if self.timeout_keep_alive_task is None:
            self._keep_alive(self.timeout_keep_alive)
        self._look_behind()

    def _look_behind(self) -> None:
        if self._behind and self._call is None and not self.flow.write_paused:
            data, self._behind = self._behind, b""
            self.transport.resume_reading()
            self.data_received(data)

    # ---- what uvicorn asks of a connection

    def resume_writing(self) -> None:
        super().resume_writing()
        self._look_behind()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._call is not None and self._call.task is not None:
            self._call.task.add_done_callback(self.tasks.discard)  # it may never have begun
            self._call.leave()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        if self._call is None:
            super().shutdown()
        else:
            self._last = True

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        left = self._heard + self.timeout_keep_alive - self.loop.time()
        if self._call is not None:
            return
        if left > 0:
            self._keep_alive(left)
        else:
            super().timeout_keep_alive_handler()

    def _keep_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)
