"""Who gets how many sessions: each person his share, so that nobody can use up the others'.

A session is opened for whoever asks, and kept for half an hour; by the SDK also one whose handshake it refused. Here
room is made before one is opened: at his own ceiling somebody gives up the one of his that was idle longest; when all
are taken, whoever holds most does.
"""

import asyncio
import logging
from collections import Counter

import mcp_types as types

from gateway.serve.asgi import App, Message, Receive, Scope, Send, answer_json, dumped
from gateway.serve.asking import Asker, Person
from gateway.serve.farewell import SESSION, end_session
from gateway.serve.handshakes import Handshake, Handshakes, Posted
from gateway.serve.sessions import MAX_RUNS

__all__ = ["MAX_EACH", "MAX_LOCAL", "Seats"]

MAX_EACH = 100  # sessions of one person, at all profiles
MAX_LOCAL = MAX_RUNS // 2  # where nobody logs in, so that all are one person

_FULL = {"code": types.INTERNAL_ERROR, "message": "You open too many sessions at once; try again"}

log = logging.getLogger("toolgate.serve")


class Seats:
    """Hands requests on to the SDK's application. `most_each` is how many sessions one person has."""

    def __init__(self, app: App, handshakes: Handshakes, most_each: int = MAX_EACH) -> None:
        self._app, self._handshakes, self._most_each = app, handshakes, most_each
        self._opening: set[_Opening] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def hand_on(self, posted: Posted, scope: Scope, receive: Receive, send: Send) -> None:
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
