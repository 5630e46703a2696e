"""A request that is being answered: who may call it off, and what its client is told when no answer comes.

The same on both ways, with the SDK's application and without. Who goes away calls his request off in the modern era,
where it says so (MCP 2026-07-28, Transports); in the handshake's it means nothing (2025-11-25): the call goes on to its
end, and is recorded, and what calls it off is a notification, or the end of its session.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from gateway.serve.asgi import Message, Send, answer_json, dumped
from gateway.serve.replies import IN_DOUBT
from gateway.verbatim import read

__all__ = ["CANCELLED", "CLOSED", "ENDED", "MOST_ALONE", "Answering", "Underway"]

MOST_ALONE = 500  # calls that go on without their clients, whose number nothing else bounds; more are called off

CANCELLED = {"code": -32800, "message": "Request cancelled"}  # as the SDK says it; it is LSP's code
CLOSED = {
    "code": IN_DOUBT,
    "message": "The session was closed for another one before the answer came; the call may have been made",
}
ENDED = {"code": IN_DOUBT, "message": "The gateway ended before the answer came; the call may have been made"}


class Underway:
    """A call that is being answered, as who may call it off sees it: once, if `task` answers it.

    `alone` are those that go on without their clients, if this one may.
    """

    __slots__ = ("alone", "cancelled", "task")

    def __init__(self, task: asyncio.Task[Any] | None) -> None:
        self.cancelled, self.task = False, task
        self.alone: set[Underway] | None = None

    def cancel(self) -> None:
        if self.task is not None and not self.cancelled:
            self.cancelled = True
            self.task.cancel()

    def close(self) -> None:
        """Its session is closed, to make room. What the SDK does not answer is answered all the same."""

    def leave(self) -> None:
        """Its client is gone."""
        if self.alone is None or len(self.alone) >= MOST_ALONE:
            self.cancel()
        else:
            self.alone.add(self)


class Answering(Underway):
    """`send`, for a request that the SDK's application answers: it knows how far that has come. A stream that ends
    without an answer, because its session does, ends with that of a request that was called off, or says why.
    """

    def __init__(self, send: Send, message: Mapping[str, Any]) -> None:
        super().__init__(None)
        self._send, self._id = send, message.get("id") if "method" in message else None
        self._begun = self._whole = self._streams = False
        self._last = b""  # the event that was sent last
        self._instead: Mapping[str, Any] | None = None  # the error, if no answer comes

    def cancel(self) -> None:
        """The SDK's application is told by somebody else, and stops."""
        self.cancelled = True
        self._instead = self._instead or CANCELLED

    def close(self) -> None:
        self._instead = self._instead or CLOSED

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            self._streams = dict(message["headers"]).get(b"content-type", b"").startswith(b"text/event-stream")
        else:
            self._whole = not message.get("more_body", False)
            if self._whole and self._streams and self._instead and not message.get("body"):
                message = {**message, "body": self._word(self._instead)}
            self._last = message.get("body") or self._last
        await self._send(message)

    async def ended(self) -> bool:
        """Tells the client that no answer comes, because the gateway ends; False where that can't be said any more."""
        if self._id is None or self._whole or (self._begun and not self._streams):
            return False
        if not self._begun:
            await answer_json(self._send, 200, self._response(ENDED))
        else:
            await self._send({"type": "http.response.body", "body": self._word(ENDED)})
        return True

    def _word(self, error: Mapping[str, Any]) -> bytes:
        """The event with which a stream ends; nothing, if the last one was the answer."""
        return b"" if _answers(self._last, self._id) else b"event: message\r\ndata: %b\r\n\r\n" % self._response(error)

    def _response(self, error: Mapping[str, Any]) -> bytes:
        return dumped({"jsonrpc": "2.0", "id": self._id, "error": error})


def _answers(event: bytes, request_id: Any) -> bool:
    """Whether this event, as we write them, is the response to this request."""
    try:
        said = read(b"".join(line[6:] for line in event.splitlines() if line.startswith(b"data: ")))
    except ValueError:
        return False
    return isinstance(said, dict) and "method" not in said and said.get("id") == request_id
