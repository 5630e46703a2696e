"""A run's events over HTTP, as they come: `GET /runs/RUN/events`, for its own user, as an event stream
(https://html.spec.whatwg.org/multipage/server-sent-events.html).

It is the stream that the command line and Python read (`gateway.stream`). The id of an event is its `seq`: a browser
that lost its connection says in `Last-Event-ID` which it has seen, and misses none. When all has been told of a run
that has ended, there is no content (204), so that nobody asks again.

Whoever may answer questions over HTTP may watch: the key that an agent works with should not show all that its user
does. A stream ends when what it was opened with is not good any more, or when we end.
"""

import asyncio
import contextlib
import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import parse_qsl

from gateway.call import Subject
from gateway.errors import StoreError, UnknownRun
from gateway.events import Recorded
from gateway.run import ENDED
from gateway.serve.asgi import Receive, Scope, Send, first
from gateway.serve.asking import Person, Still
from gateway.serve.response import Response, encoded, in_json
from gateway.store.database import DatabaseStore
from gateway.stream import Until, watch

__all__ = ["LAST_SEEN", "Watching", "is_watched", "run_in"]

LAST_SEEN = b"last-event-id"
MOST_EACH, MOST = 10, 200  # streams of one person, and of all
BEAT, LOOK = 15.0, 5.0  # seconds between two signs of life, and between two looks whether somebody may stay

_PATH = re.compile(r"/runs/([A-Za-z0-9._:-]{1,128})/events")
_NUMBER = re.compile(r"[0-9]{1,15}")
_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx would hold it back
    "x-content-type-options": "nosniff",
}


def is_watched(path: str) -> bool:
    return path.startswith("/runs/") and _PATH.fullmatch(path) is not None


def run_in(path: str) -> str:
    """Of a path that `is_watched`."""
    found = _PATH.fullmatch(path)
    return found[1] if found else ""


class Watching:
    """The streams of one process. `shown` is an event as it may leave: without a credential of ours."""

    def __init__(self, store: DatabaseStore, shown: Callable[[Any], Any]) -> None:
        self._store, self._shown = store, shown
        self._streams: Counter[Person] = Counter()
        self._closed = asyncio.Event()

    def close(self) -> None:
        """Streams end; their readers come back to whoever serves next."""
        self._closed.set()

    async def answer(self, scope: Scope, who: Subject, still: Still | None) -> Response:
        """For somebody who is known, and has come with GET to a path that is watched."""
        run_id, wish = run_in(scope["path"]), _wish(scope)
        if wish is None:
            return _no(400, "`after` is the seq of an event, and `until` is `end` or `rest`")
        try:
            row = await self._store.run_row(run_id)
            mine = row.id == run_id and (row.user, row.tenant) == (who.user, who.tenant)
            told = mine and row.status in ENDED and await self._is_told(run_id, wish.after)
        except UnknownRun:
            mine = told = False
        except StoreError:
            return _no(503, "it can't be looked up now; try again")
        if not mine:
            return _no(404, "there is no such run, or it is not yours to see")
        if told:
            return Response(b"", 204, {"cache-control": "no-store"})
        if self._streams[who.person] >= MOST_EACH or self._streams.total() >= MOST:
            return _no(429, f"at most {MOST_EACH} streams at once are open for one person, and {MOST} for all", "5")
        return _Stream(lambda send: self._lasts(run_id, wish, send), lambda: self._held(who, still), self._closed)

    async def _is_told(self, run_id: str, after: int) -> bool:
        """Of a run that has ended: whether there is nothing more to come, and all of it was seen."""
        return await self._store.is_settled(run_id) and not await self._store.events(run_id, after, 1)

    @contextlib.contextmanager
    def _held(self, who: Subject, still: Still | None) -> Iterator[Awaitable[None]]:
        """A stream of this person is open; what is yielded returns when he may not stay."""
        self._streams[who.person] += 1
        try:
            yield _may_not_stay(still)
        finally:
            self._streams -= Counter({who.person: 1})  # and forgets who has none

    async def _lasts(self, run_id: str, wish: "_Wish", send: Send) -> None:
        with contextlib.suppress(StoreError, UnknownRun):  # its reader comes back
            async with aclosing(watch(self._store, run_id, wish.after, wish.until)) as events:
                async for recorded in events:
                    await _part(send, self._frame(recorded))

    def _frame(self, recorded: Recorded) -> str:
        told = json.dumps(self._shown(recorded.to_json()), default=str)  # ASCII, on one line
        return f"id: {recorded.seq}\ndata: {told}\n\n"


@dataclass(frozen=True, slots=True)
class _Wish:
    after: int
    until: Until


def _wish(scope: Scope) -> _Wish | None:
    """What was asked for; None for what can't be read. What a reader has seen comes before what he once wanted."""
    said = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
    after = first(scope, LAST_SEEN) or said.get("after", "0")
    until = said.get("until", "end")
    if not _NUMBER.fullmatch(after) or until not in ("end", "rest"):
        return None
    return _Wish(int(after), cast("Until", until))


class _Stream(Response):
    """Lasts until its run has ended, its reader goes or may not stay, or we end."""

    def __init__(
        self,
        lasts: Callable[[Send], Coroutine[Any, Any, None]],
        held: Callable[[], contextlib.AbstractContextManager[Awaitable[None]]],
        closed: asyncio.Event,
    ) -> None:
        super().__init__(b"", headers=_HEADERS)
        self._lasts, self._held, self._closed = lasts, held, closed

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        with self._held() as over:
            await send({"type": "http.response.start", "status": 200, "headers": encoded(self.headers)})
            ends = (self._lasts(send), _beats(send), _is_left(receive), over, self._closed.wait())
            tasks = [asyncio.ensure_future(end) for end in ends]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
            await send({"type": "http.response.body", "body": b""})


async def _part(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _beats(send: Send) -> None:
    """A comment now and then: what is between us keeps a silent connection, and a reader who is gone is noticed."""
    while True:
        await asyncio.sleep(BEAT)
        await _part(send, ":\n\n")


async def _is_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _may_not_stay(still: Still | None) -> None:
    while True:
        await asyncio.sleep(LOOK)
        if still is not None and await still() != "good":
            return


def _no(status: int, why: str, retry: str = "") -> Response:
    return in_json({"error": why}, status, {"retry-after": retry} if retry else None)
