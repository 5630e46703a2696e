"""What every HTTP request passes before the SDK sees it. First the door, where the head is looked at and who sends it;
then one reading of the body, bounded in size and in time.

Header values are trimmed (RFC 9110 section 5.5), because not every parser does it.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from gateway.deadlines import Deadlines
from gateway.serve.asgi import App, Message, Receive, Scope, Send, answer_json, dumped, with_message
from gateway.serve.crossing import crossed
from gateway.serve.door import MAX_BODY, VISIT, Door
from gateway.serve.ended import ended_by
from gateway.serve.people.visit import Visit
from gateway.serve.strict import INVALID_REQUEST, Malformed, read_any
from gateway.serve.watching import LAST_SEEN, is_watched

__all__ = ["Edge"]

BODY_SECONDS = 30.0
MAX_VISIT = 64 * 1024  # bytes
_CLOSE = (b"connection", b"close")


class Edge:
    """ASGI middleware. `max_body` is in bytes; a body has `body_seconds` to arrive.

    After `close()`, streams that clients hold open to listen end, as if the clients had gone: requests are left to
    finish, and new ones are refused.
    """

    def __init__(self, app: App, door: Door, *, max_body: int = MAX_BODY, body_seconds: float = BODY_SECONDS) -> None:
        self._app, self._door = app, door
        self._max_body, self._body_seconds = max_body, body_seconds
        self._deadlines = Deadlines()
        self._closed = asyncio.Event()

    def close(self) -> None:
        self._door.close()
        self._closed.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # No stream of MCP's can be resumed. The SDK would not answer at all; without the header it opens a new one.
        left_out = b"" if is_watched(scope["path"]) else LAST_SEEN
        scope["headers"] = [(name, value.strip(b" \t")) for name, value in scope["headers"] if name != left_out]
        if (page := self._door.page_of(scope)) is not None:
            send = crossed(send, page)
        if (answer := await self._door.let_in(scope)) is not None:
            await answer(scope, receive, send)
        elif (visit := scope["state"].get(VISIT)) is not None:
            await self._visit(visit, scope, receive, send)
        elif scope["method"] == "POST":
            await self._post(scope, receive, send)
        else:
            await ended_by(self._closed, self._app)(scope, receive, send)  # a GET may be a stream without end

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await self._in_time(_body(receive, self._max_body))
        except TimeoutError:
            await _refuse(send, 408, Malformed(INVALID_REQUEST, f"no whole body within {self._body_seconds:g} s"))
            return
        if body is None:
            await _refuse(send, 413, Malformed(INVALID_REQUEST, f"the body is larger than {self._max_body} bytes"))
            return
        try:
            message = read_any(body)
        except Malformed as error:
            await _refuse(send, 400, error)
            return
        await self._app(with_message(scope, message), _replay(body, receive), send)

    async def _visit(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        """Somebody comes to answer: what he says is short."""
        try:
            body = await self._in_time(_body(receive, MAX_VISIT))
        except TimeoutError:
            await answer_json(send, 408, dumped({"error": "the body did not come in time"}), _CLOSE)
            return
        if body is None:
            await answer_json(send, 413, dumped({"error": f"an answer has at most {MAX_VISIT} bytes"}), _CLOSE)
            return
        answer = await self._door.answer(replace(visit, body=body))
        await answer(scope, receive, send)

    async def _in_time(self, body: Coroutine[Any, Any, bytes | None]) -> bytes | None:
        """Raises TimeoutError."""
        task, late = asyncio.current_task(), False

        def give_up() -> None:
            nonlocal late
            if task is not None:
                late = task.cancel()

        due = self._deadlines.after(self._body_seconds, give_up)
        try:
            return await body
        except asyncio.CancelledError:
            if late and task is not None and task.uncancel() == 0:
                raise TimeoutError from None
            raise
        finally:
            self._deadlines.drop(due)


async def _body(receive: Receive, most: int) -> bytes | None:
    """The whole body; None when it is too large, nothing when its client went before it had sent it."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""  # the half that came may look like a whole message
        part = message.get("body", b"")
        size += len(part)
        if size > most:
            return None
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body once, then whatever the connection says: a client that goes away cancels its call."""
    waiting = [body]

    async def replay() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return replay


async def _refuse(send: Send, status: int, error: Malformed) -> None:
    await answer_json(send, status, dumped(error.answer), _CLOSE)
