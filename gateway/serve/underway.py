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

__all__ = ["CANCELLED", "ENDED", "MOST_ALONE", "Answering", "Underway"]

MOST_ALONE = 500  # calls that go on without their clients, whose number nothing else bounds; more are called off

CANCELLED = {"code": -32800, "message": "Request cancelled"}  # as the SDK says it; it is LSP's code
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

    def leave(self) -> None:
        """Its client is gone."""
        if self.alone is None or len(self.alone) >= MOST_ALONE:
            self.cancel()
        else:
            self.alone.add(self)


class Answering:
    """`send`, for a request that somebody else answers: it knows how far that has come."""

    def __init__(self, send: Send, message: Mapping[str, Any]) -> None:
        self._send, self._id = send, message.get("id") if "method" in message else None
        self._begun = self._whole = self._streams = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begun = True
            self._streams = dict(message["headers"]).get(b"content-type", b"").startswith(b"text/event-stream")
        else:
            self._whole = not message.get("more_body", False)
        await self._send(message)

    async def ended(self) -> bool:
        """Tells the client that no answer comes, because the gateway ends; False where that can't be said any more."""
        if self._id is None or self._whole or (self._begun and not self._streams):
            return False
        error = dumped({"jsonrpc": "2.0", "id": self._id, "error": ENDED})
        if not self._begun:
            await answer_json(self._send, 200, error)
            return True
        await self._send({"type": "http.response.body", "body": b"event: message\r\ndata: %b\r\n\r\n" % error})
        return True
