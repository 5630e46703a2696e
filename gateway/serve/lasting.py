"""What lasts ends when whoever began it may not come in any more.

Who is asking is looked at once for each request. A stream lasts for hours, and a session of the handshake era longer
than any of its requests; a key is revoked and a token ends meanwhile. So whoever holds one is looked at again, all of
them in one round every `EVERY` seconds. A stream ends then as a whole response does; a session is closed as its client
would close it, if what it was last used with was taken back. A token that has merely ended closes no session: its
owner comes back with the next one. Calls that are answered meanwhile are left alone, but for those of a closed session.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.serve.asgi import App, Receive, Scope, Send, first, message_of
from gateway.serve.asking import ASKER, STILL, Asker, Still
from gateway.serve.ended import ended_by
from gateway.serve.farewell import SESSION, end_session
from gateway.serve.sessions import IDLE_SECONDS, MAX_RUNS

__all__ = ["EVERY", "Lasting"]

EVERY = 5.0  # seconds

log = logging.getLogger("toolgate.serve")


@dataclass(eq=False, slots=True)
class _Stream:
    """`over` is set when it has to end."""

    still: Still
    over: asyncio.Event


@dataclass(slots=True)
class _Session:
    """What it was last used with, by whom, and when."""

    still: Still
    asker: Asker
    seen: float


class Lasting:
    """ASGI middleware, behind the door. Where nobody logs in, it does nothing. `owner` says whose an open session is;
    `every` is in seconds.
    """

    def __init__(self, app: App, owner: Callable[[str], Asker | None], *, every: float = EVERY) -> None:
        self._app, self._owner, self._every = app, owner, every
        self._streams: set[_Stream] = set()
        self._sessions: dict[str, _Session] = {}  # the one that was used last stands last
        self._rounds: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        still: Still | None = scope.get("state", {}).get(STILL)
        if still is None:
            await self._app(scope, receive, send)
            return
        session = first(scope, SESSION)
        if session is not None:
            self._note(session, _Session(still, scope["state"][ASKER], asyncio.get_running_loop().time()))
        if scope["method"] == "GET" or message_of(scope).get("method") == "subscriptions/listen":
            with self._held(still) as over:
                await ended_by(over, self._app)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _note(self, session: str, used: _Session) -> None:
        """Only who opened a session can use it: a stranger's request says nothing about it, nor does a name that he
        has made up. Of those that are noted, none is given up that is open.
        """
        if self._owner(session) != used.asker:
            return
        self._sessions.pop(session, None)
        self._sessions[session] = used
        if len(self._sessions) > MAX_RUNS:
            self._sessions = {name: noted for name, noted in self._sessions.items() if self._owner(name) is not None}
        self._keep_looking()

    @contextmanager
    def _held(self, still: Still) -> Iterator[asyncio.Event]:
        stream = _Stream(still, asyncio.Event())
        self._streams.add(stream)
        self._keep_looking()
        try:
            yield stream.over
        finally:
            self._streams.discard(stream)

    # ---- the rounds

    def _keep_looking(self) -> None:
        if self._rounds is None or self._rounds.done():
            self._rounds = asyncio.create_task(self._look(), name="toolgate.serve.lasting")

    async def _look(self) -> None:
        """Until nothing lasts any more."""
        while self._streams or self._sessions:
            await asyncio.sleep(self._every)
            for stream in list(self._streams):
                if await _standing(stream.still) != "good":
                    stream.over.set()
            for name, session in list(self._sessions.items()):
                await self._look_at(name, session)

    async def _look_at(self, name: str, session: _Session) -> None:
        """One that was idle for as long as it may be is the SDK's to close."""
        idle = asyncio.get_running_loop().time() - session.seen > IDLE_SECONDS
        standing = "ended" if idle else await _standing(session.still)
        if standing != "good" and self._sessions.get(name) is session:
            del self._sessions[name]
            if standing == "gone":
                await self._close(name, session.asker)

    async def _close(self, session: str, asker: Asker) -> None:
        log.info("a session of %s is closed: what it was used with was taken back", asker.subject.user)
        try:
            await end_session(self._app, session, asker)
        except Exception:
            log.exception("a session could not be closed")  # the others are still to be looked at


async def _standing(still: Still) -> str:
    await asyncio.sleep(0)  # checking a signature takes its time, and there may be many
    try:
        return await still()
    except Exception:
        log.exception("it could not be found out whether somebody may stay")
        return "ended"
