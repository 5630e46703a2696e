"""The stream that a session of the handshake era has open, as long as the SDK knows nothing of the session.

Clients of the SDKs open one at once, and in most sessions nothing is ever said on it but that a list has changed. Here
it is held, and told that, in the SDK's own words; when the SDK is told of the session, it goes on with the stream that
is open: the client sees one answer.
"""

import asyncio
import logging
from contextlib import suppress
from datetime import UTC, datetime

from mcp.shared.exceptions import MCPError

from gateway.call import JsonObject
from gateway.serve.asgi import App, Message, Receive, Scope, Send, dumped
from gateway.serve.asking import Asker
from gateway.serve.changes import LISTS, Listener
from gateway.serve.farewell import SESSION
from gateway.serve.front import Front
from gateway.serve.handshakes import Handshake

__all__ = ["Holding", "stream_headers"]

PING = 15.0  # seconds of silence; the SDK's

log = logging.getLogger("toolgate.serve")


class Holding:
    """`app` is the SDK's application."""

    def __init__(self, app: App, front: Front) -> None:
        self._app, self._front = app, front
        self._held: dict[str, _Held] = {}

    def holds(self, session: str) -> bool:
        return session in self._held

    async def hold(self, known: Handshake, scope: Scope, receive: Receive, send: Send) -> None:
        """Until its client goes, or the session ends, or the gateway does."""
        session = known.client.session or ""
        held = self._held[session] = known.stream = _Held(send, known.client.asker)
        telling = asyncio.ensure_future(self._tell(held))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": stream_headers(session)})
            over = await self._told(held, receive)
            del self._held[session]
            if over == "taken":
                await self._app(scope, _again(receive), held.going_on)
            elif over == "ended":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            if self._held.get(session) is held:
                del self._held[session]
            known.stream = None
            held.settled.set()
            telling.cancel()
            await asyncio.wait({telling})

    async def hand_over(self, session: str) -> None:
        """Returns when the SDK, which knows the session by now, has the stream."""
        if (held := self._held.get(session)) is not None:
            held.over("taken")
            await held.settled.wait()

    async def _told(self, held: "_Held", receive: Receive) -> str:
        """Why it is over: `gone`, `taken` or `ended`."""
        leaving = asyncio.ensure_future(_gone(receive, held))
        try:
            while not held.why:
                with suppress(TimeoutError):
                    async with asyncio.timeout(PING):
                        await held.is_over.wait()
                if not held.why:
                    await held.write(b": ping - %b\r\n\r\n" % str(datetime.now(UTC)).encode())
            return held.why
        finally:
            leaving.cancel()
            await asyncio.wait({leaving})

    async def _tell(self, held: "_Held") -> None:
        try:
            with self._front.changes.listening(held.listener):
                await held.listener.run()
            held.over("ended")  # the gateway ends
        except MCPError as error:
            log.warning("a client is not told of changes: %s", error)


class _Held:
    """One stream. The first word why it is over counts; `settled` is set when somebody else has it, or nobody: until
    then what changes is told here.
    """

    def __init__(self, send: Send, asker: Asker) -> None:
        self._send = send
        self.listener = Listener(self.note, LISTS, asker)
        self.why = ""
        self.is_over, self.settled = asyncio.Event(), asyncio.Event()
        self._good = False

    def over(self, why: str) -> None:
        self.why = self.why or why
        self.is_over.set()

    def end(self) -> None:
        """The session is closed."""
        self.over("ended")

    async def write(self, text: bytes) -> None:
        await self._send({"type": "http.response.body", "body": text, "more_body": True})

    async def note(self, method: str, params: JsonObject) -> None:
        said = {"jsonrpc": "2.0", "method": method, "params": params}
        await self.write(b"event: message\r\ndata: %b\r\n\r\n" % dumped(said))

    async def going_on(self, part: Message) -> None:
        """`send` for the SDK: our answer has begun already."""
        if part["type"] == "http.response.start":
            self._good = part["status"] == 200
            self.settled.set()
            self.listener.close()
        elif self._good:
            await self._send(part)
        else:
            await self._send({**part, "body": b""})


async def _gone(receive: Receive, held: _Held) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    held.over("gone")


def _again(receive: Receive) -> Receive:
    """`receive`, before which there is the empty body that was taken already."""
    waiting: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def stream_headers(session: str) -> list[tuple[bytes, bytes]]:
    """Of every event stream of a session, as the SDK has them."""
    return [
        (b"cache-control", b"no-cache, no-transform"),
        (b"connection", b"keep-alive"),
        (b"content-type", b"text/event-stream"),
        (SESSION, session.encode()),
        (b"x-accel-buffering", b"no"),
    ]
