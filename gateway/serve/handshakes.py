"""The sessions of the handshake era, as they can be seen from outside the SDK, which owns them.

The direct path may answer for a session only while the SDK would: it was opened and introduced, and is neither closed
nor forgotten. Whatever passes through the SDK teaches us; and at least once in `FRESH` seconds something has to, or the
SDK would take a busy session for an idle one.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.serve.asgi import Message, Send
from gateway.serve.asking import Asker
from gateway.serve.sessions import MAX_RUNS, Client

__all__ = ["FRESH", "Handshake", "Handshakes", "Posted"]

FRESH = 60.0  # seconds


@dataclass(slots=True)
class Handshake:
    """One session. `capabilities` are what its client declared; `seen` is when the SDK last answered for it.

    `wants_log` says that the client asked for log messages, which go before an answer.
    """

    client: Client
    capabilities: Mapping[str, Any] = field(default_factory=dict)
    wants_log: bool = False
    introduced: bool = False
    seen: float = 0.0


@dataclass(frozen=True, slots=True)
class Posted:
    """A request that the SDK answers. `verb` is HTTP's method, `message` what was posted."""

    asker: Asker
    verb: str
    session: str | None
    message: Mapping[str, Any]


class Handshakes:
    """`clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, Handshake] = {}

    def fresh(self, asker: Asker, session: str) -> Handshake | None:
        """A session of his for which the SDK need not be asked now."""
        found = self._open.get(session)
        if found is None or found.client.asker != asker or not found.introduced or self._clock() - found.seen > FRESH:
            return None
        return found

    def learning(self, posted: "Posted", send: Send) -> Send:
        """`send` for a request that the SDK answers."""
        opens = posted.session is None and posted.message.get("method") == "initialize"
        opening = _Opening() if opens else None

        async def learn(answer: Message) -> None:
            if opening is not None and opening.agreed(answer):
                self._opened(posted.asker, posted.message.get("params") or {}, opening.session)
            elif posted.session is not None and answer["type"] == "http.response.start":
                self._seen(posted, posted.session, answer["status"])
            await send(answer)

        return learn

    def _seen(self, posted: "Posted", session: str, status: int) -> None:
        if (found := self._open.get(session)) and found.client.asker != posted.asker:
            return  # a stranger's 404 says nothing about the session
        if status == 404 or (posted.verb == "DELETE" and status < 300):
            self._open.pop(session, None)
        elif status < 300 and (known := self._open.pop(session, None)):
            known.seen = self._clock()
            known.introduced = known.introduced or posted.message.get("method") == "notifications/initialized"
            known.wants_log = known.wants_log or posted.message.get("method") == "logging/setLevel"
            self._open[session] = known

    def _opened(self, asker: Asker, params: Mapping[str, Any], session: str) -> None:
        capabilities = params.get("capabilities")
        known = capabilities if isinstance(capabilities, Mapping) else {}
        self._open[session] = Handshake(
            Client.said(asker, params.get("clientInfo"), session), known, seen=self._clock()
        )
        while len(self._open) > MAX_RUNS:  # the one that was seen last stands last
            del self._open[next(iter(self._open))]


class _Opening:
    """The answer to an `initialize`, as it goes by. The SDK refuses one within a good response, and keeps a session
    all the same: one that never gets introduced.
    """

    def __init__(self) -> None:
        self.session = ""
        self._body = b""

    def agreed(self, answer: Message) -> bool:
        """Whether this part of the answer is the one that has the result."""
        if answer["type"] == "http.response.start":
            self.session = dict(answer["headers"]).get(b"mcp-session-id", b"").decode("latin-1")
            return False
        self._body += answer.get("body", b"")
        return bool(self.session) and any(_is_result(line) for line in self._body.splitlines())


def _is_result(line: bytes) -> bool:
    try:
        message = json.loads(line.removeprefix(b"data: "))
    except ValueError:
        return False
    return isinstance(message, Mapping) and "result" in message
