"""The sessions of the handshake era: those of which the SDK knows nothing yet (`greeting`), and the SDK's, as they can
be seen from outside.

The direct path may answer for one of the SDK's only while the SDK would: it was opened and introduced, and is neither
closed nor forgotten. Whatever passes through the SDK teaches us; and at least once in `FRESH` seconds something has to,
or the SDK would take a busy session for an idle one. When one of the others was idle for as long, it is over.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS

from gateway.caller import asks
from gateway.serve.asgi import Message, Scope, Send, first
from gateway.serve.asking import Asker, Person
from gateway.serve.door import MCP_PATH
from gateway.serve.sessions import IDLE_SECONDS, MAX_RUNS, Client

__all__ = ["FRESH", "Handshake", "Handshakes", "Posted", "Stream", "is_modern", "session_of"]

FRESH = 60.0  # seconds


class Stream(Protocol):
    """An open event stream (`holding`)."""

    def end(self) -> None: ...


@dataclass(slots=True)
class Handshake:
    """One session. `asked` is whether its client can be asked anything; `seen` is when the SDK last answered for it.
    `untold` is what its client said to open it, as long as the SDK was not told.

    `wants_log` says that the client asked for log messages, which go before an answer. `busy` counts his requests
    that are being answered, open streams (`streams`) among them; `idle_since` is when the last of them ended. `stream`
    is the open one, as long as the SDK was not told.
    """

    client: Client
    asked: bool = False
    wants_log: bool = False
    introduced: bool = False
    seen: float = 0.0
    busy: int = 0
    streams: int = 0
    idle_since: float = 0.0
    untold: Mapping[str, Any] | None = None
    stream: Stream | None = None

    @property
    def idle_order(self) -> tuple[bool, bool, float]:
        """The first in this order is the one that is missed least: nearly every client has a stream open, and few a
        call under way.
        """
        return self.busy > self.streams, self.busy > 0, self.idle_since


@dataclass(frozen=True, slots=True)
class Posted:
    """A request that the SDK answers. `verb` is HTTP's method, `message` what was posted; `modern` says that it is of
    the era without sessions.
    """

    asker: Asker
    verb: str
    session: str | None
    message: Mapping[str, Any]
    modern: bool = False

    @property
    def opens(self) -> bool:
        """Whether the SDK opens a session for it, be it refused or not."""
        return self.session is None and not self.modern and self.message.get("method") == "initialize"


class Handshakes:
    """`clock` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: dict[str, Handshake] = {}

    def fresh(self, asker: Asker, session: str) -> Handshake | None:
        """A session of his for which the SDK need not be asked now."""
        found, now = self._open.get(session), self._clock()
        if found is None or (found.client.asker is not asker and found.client.asker != asker) or not found.introduced:
            return None
        if now - found.seen > FRESH if found.untold is None else _is_over(found, now):
            return None
        if found.untold is not None:
            found.idle_since = now
        if asker.subject.since != found.client.asker.subject.since:  # the same person, with another token
            found.client = replace(found.client, asker=asker)
        return found

    def known(self, session: str) -> Handshake | None:
        return self._open.get(session)

    def knows(self, session: str) -> bool:
        return session in self._open

    def owner(self, session: str) -> Asker | None:
        """Whose it is, if it is open."""
        known = self._open.get(session)
        return None if known is None else known.client.asker

    def greeted(self, asker: Asker, params: Mapping[str, Any]) -> str:
        """Opens a session of which the SDK is not told; its name."""
        session = secrets.token_hex(16)
        self._opened(asker, params, session)
        self._open[session].untold = params
        return session

    def untold(self, session: str) -> Handshake | None:
        """The session, if the SDK was not told of it."""
        known = self._open.get(session)
        return None if known is None or known.untold is None else known

    def told(self, known: Handshake) -> None:
        """From now on it is the SDK's."""
        known.untold, known.seen = None, self._clock()

    def by_person(self) -> Mapping[Person, list[Handshake]]:
        """The sessions that are open. One that was idle for as long as it may be, the SDK has closed itself."""
        for known in list(self._open.values()):
            if _is_over(known, self._clock()):
                self.forget(known)
        found: dict[Person, list[Handshake]] = {}
        for known in self._open.values():
            found.setdefault(known.client.asker.person, []).append(known)
        return found

    def forget(self, closed: Handshake) -> None:
        """It is closed, or about to be: from now on nobody answers for it here."""
        self._drop(closed.client.session or "")

    def _drop(self, session: str) -> None:
        dropped = self._open.pop(session, None)
        if dropped is not None and dropped.stream is not None:
            dropped.stream.end()

    @contextmanager
    def at_work(self, posted: "Posted") -> Iterator[None]:
        """While a request within a session is answered, the session is not idle; unless it was for too long already."""
        known = self._open.get(posted.session or "")
        if known is not None and _is_over(known, self._clock()):
            self.forget(known)
            known = None
        if known is None or known.client.asker != posted.asker:
            yield
            return
        listens = posted.verb == "GET"
        self.begin(known)
        known.streams += listens
        try:
            yield
        finally:
            known.streams -= listens
            self.end(known)

    def begin(self, known: Handshake) -> None:
        """A request of his is being answered."""
        known.busy += 1

    def end(self, known: Handshake) -> None:
        known.busy -= 1
        known.idle_since = self._clock()

    def learning(self, posted: "Posted", send: Send) -> Send:
        """`send` for a request that the SDK answers."""
        opening = _Opening() if posted.opens else None

        async def learn(answer: Message) -> None:
            if opening is not None and opening.agreed(answer) and not self.knows(opening.session):
                self._opened(posted.asker, posted.message.get("params") or {}, opening.session)
            elif posted.session is not None and answer["type"] == "http.response.start":
                self._seen(posted, posted.session, answer["status"])
            await send(answer)

        return learn

    def _seen(self, posted: "Posted", session: str, status: int) -> None:
        if (found := self._open.get(session)) and found.client.asker != posted.asker:
            return  # a stranger's 404 says nothing about the session
        if status == 404 or (posted.verb == "DELETE" and status < 300):
            self._drop(session)
        elif status < 300 and (known := self._open.pop(session, None)):
            known.seen = self._clock()
            known.introduced = known.introduced or posted.message.get("method") == "notifications/initialized"
            known.wants_log = known.wants_log or posted.message.get("method") == "logging/setLevel"
            self._open[session] = known

    def _opened(self, asker: Asker, params: Mapping[str, Any], session: str) -> None:
        capabilities = params.get("capabilities")
        asked = isinstance(capabilities, Mapping) and asks(capabilities)  # what else he declares is not kept
        now, client = self._clock(), Client.said(asker, params.get("clientInfo"), session)
        self._open[session] = Handshake(client, asked, seen=now, idle_since=now)
        while len(self._open) > MAX_RUNS:  # the one that was seen last stands last
            self._drop(next(iter(self._open)))


def _is_over(known: Handshake, now: float) -> bool:
    return not known.busy and now - known.idle_since > IDLE_SECONDS


class _Opening:
    """The answer to an `initialize`, as it goes by. The SDK refuses one within a good response, and keeps a session
    all the same, until `seats` closes it.
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


def session_of(scope: Scope) -> str | None:
    """The session into which the SDK takes this request: none at another path, or in the era that has none."""
    return None if scope["path"] != MCP_PATH or is_modern(scope) else first(scope, b"mcp-session-id")


def is_modern(scope: Scope) -> bool:
    """As the SDK sees it: also of a version that nobody knows."""
    version = first(scope, b"mcp-protocol-version")
    return version is not None and version not in HANDSHAKE_PROTOCOL_VERSIONS
