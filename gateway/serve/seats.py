"""Who gets how many sessions: each person his share, so that nobody can use up the others'.

A session is opened for whoever asks, and kept for half an hour; by the SDK also one whose handshake it refused. Here
room is made before one is opened: at his own ceiling somebody gives up the one of his that was idle longest; when all
are taken, whoever holds most does. And no seat is larger than another: what a client says of itself is kept for as long
as its session, or its request, so it is short.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import mcp_types as types

from gateway.serve.asgi import App, Message, Receive, Scope, Send, answer_json, dumped
from gateway.serve.asking import Asker, Person
from gateway.serve.farewell import SESSION, end_session
from gateway.serve.handshakes import Handshake, Handshakes, Posted
from gateway.serve.sessions import MAX_RUNS

__all__ = ["MAX_EACH", "MAX_LOCAL", "MOST_TOLD", "MOST_VALUES", "Seats"]

MAX_EACH = 100  # sessions of one person, at all profiles
MAX_LOCAL = MAX_RUNS // 2  # where nobody logs in, so that all are one person

MOST_TOLD = 64 * 1024  # bytes of what a client says of itself: an icon may be in it
MOST_VALUES = 1000  # in it: an empty list takes two bytes of JSON, and fifty times as many in memory

_FULL = {"code": types.INTERNAL_ERROR, "message": "You open too many sessions at once; try again"}
_TOO_MUCH = {
    "code": types.INVALID_PARAMS,
    "message": f"What a client says of itself has at most {MOST_TOLD} bytes and {MOST_VALUES} values",
}

log = logging.getLogger("toolgate.serve")


class Seats:
    """Hands requests on to the SDK's application. `most_each` is how many sessions one person has. `closing` is told of
    each that is about to be closed for another one.
    """

    def __init__(
        self,
        app: App,
        handshakes: Handshakes,
        most_each: int = MAX_EACH,
        closing: Callable[[Handshake], None] = lambda _: None,
    ) -> None:
        self._app, self._handshakes, self._most_each, self._tell = app, handshakes, most_each, closing
        self._opening: set[_Opening] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def hand_on(self, posted: Posted, scope: Scope, receive: Receive, send: Send) -> None:
        if _says_too_much(posted):
            refusal = {"jsonrpc": "2.0", "id": posted.message.get("id"), "error": _TOO_MUCH}
            await answer_json(send, 413, dumped(refusal))
            return
        if posted.opens:
            await self._open(posted, scope, receive, send)
            return
        with self._handshakes.at_work(posted):
            await self._app(scope, receive, self._handshakes.learning(posted, send))

    async def _open(self, posted: Posted, scope: Scope, receive: Receive, send: Send) -> None:
        leaving = self._making_room(posted.asker.person)
        if leaving is None:
            await answer_json(send, 429, dumped({"jsonrpc": "2.0", "id": None, "error": _FULL}), (b"retry-after", b"1"))
            return
        opening = _Opening(posted.asker.person, send)
        self._opening.add(opening)
        try:
            for one in leaving:
                self._tell(one)
                self._handshakes.forget(one)
                if one.untold is None:  # else there is nothing more of it
                    await self._close(one.client.session or "", one.client.asker)
            await self._app(scope, receive, self._handshakes.learning(posted, opening.send))
        finally:
            self._opening.discard(opening)
            if opening.session and not self._handshakes.knows(opening.session):
                await self._close(opening.session, posted.asker)  # refused, or its client did not wait for the answer

    def _making_room(self, person: Person) -> "list[Handshake] | None":
        """What has to be closed before this person opens one more; None when what there is are only handshakes."""
        held, opening = self._handshakes.by_person(), self._under_way()
        mine = held.get(person, [])
        if len(mine) + opening[person] >= self._most_each:
            return _longest_idle(mine)
        if sum(len(theirs) for theirs in held.values()) + opening.total() >= MAX_RUNS:
            return _longest_idle(max(held.values(), key=len, default=[]))
        return []

    def _under_way(self) -> Counter[Person]:
        """Handshakes that have no answer yet: a client may come back with the next before we are done with the last."""
        waiting = (one for one in self._opening if not one.answered and not self._handshakes.knows(one.session))
        return Counter(one.person for one in waiting)

    async def _close(self, session: str, asker: Asker) -> None:
        """It is closed also when whoever waits for it is gone."""
        closing = asyncio.ensure_future(self._end(session, asker))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)
        await asyncio.shield(closing)

    async def _end(self, session: str, asker: Asker) -> None:
        try:
            await end_session(self._app, session, asker)
        except Exception:
            log.exception("a session could not be closed")  # it is idle, and ends in its time


class _Opening:
    """A handshake under way: whose, and the session that the SDK keeps for it."""

    def __init__(self, person: Person, send: Send) -> None:
        self.person, self.session, self.answered = person, "", False
        self._send = send

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] < 400:
            self.session = dict(message["headers"]).get(SESSION, b"").decode("latin-1")
        self.answered = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)


def _longest_idle(sessions: "list[Handshake]") -> "list[Handshake] | None":
    return [min(sessions, key=lambda one: one.idle_order)] if sessions else None


def _says_too_much(posted: Posted) -> bool:
    """In the handshake's era a client introduces itself once, or again; in the modern one, in each request."""
    params = posted.message.get("params")
    if not isinstance(params, Mapping):
        return False
    said = params.get("_meta") if posted.modern else params
    introduces = posted.modern or posted.message.get("method") == "initialize"
    return introduces and said is not None and (_more_than(MOST_VALUES, said) or len(dumped(said)) > MOST_TOLD)


def _more_than(most: int, said: Any) -> bool:
    """Whether there are more values in this, and in what is in it. Looks at no more than that."""
    left, waiting = most, [said]
    while waiting:
        inner = waiting.pop()
        inner = inner.values() if isinstance(inner, Mapping) else inner if isinstance(inner, list) else ()
        left -= len(inner)
        if left < 0:
            return True
        waiting.extend(inner)
    return False
