"""What a server says besides answers, on one connection: progress, log messages and questions, each to its caller.

Progress has a token, which is ours. A log message of the older era and a server's question have nothing that links them
to a request, but for the stream of a request on which a question comes over Streamable HTTP. Any other belongs to the
one caller who is being served, and if there are several with different keys, to none of them; connections on which a
server may ask are made so that this does not happen (`private`), and on all others nobody is asked: what was not
declared in the handshake, a server may not ask for. A log message is for those who are being served, as long as they
are one subject's: what a server says of one person's call is no other one's to hear. Nor is it anybody's while the
policy redacts one of the calls that it may be about.

Who gives a request up does not end the server's work at it (MCP, Cancellation: it may go on, and need not answer). So
it stays among those of which the server may be speaking until its answer comes, or the connection ends.
"""

import asyncio
import logging
from asyncio import Timeout
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import mcp_types as types

from gateway.call import JsonObject, Subject
from gateway.caller import Caller, CantAsk, asks
from gateway.signature import Misleading, signed
from gateway.upstream.wire import SAID, flaw_in

__all__ = ["Talk", "weight"]

QUESTIONS = frozenset({"elicitation/create", "sampling/createMessage", "roots/list"})
COMPLETE = "notifications/elicitation/complete"  # MCP 2025-11-25; the next version has none
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
MOST_QUESTIONS = 32  # open at once on one connection
MOST_ABANDONED = 1000  # requests that are told apart; beyond, what is said may be about anybody's

log = logging.getLogger("toolgate.upstream")

Send = Callable[[types.JSONRPCResponse | types.JSONRPCError], Awaitable[None]]


class _Limit:
    """A time limit that can be stopped. It is not while there is none, or once it has passed."""

    def __init__(self, limit: Timeout) -> None:
        self._limit = limit
        self._left: float | None = None

    def stop(self) -> None:
        due = self._limit.when()
        if due is not None and not self._limit.expired() and self._left is None:
            self._left = due - asyncio.get_running_loop().time()
            self._limit.reschedule(None)

    def go_on(self) -> None:
        if self._left is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + self._left)
            self._left = None


class Talk:
    """What the server `name` says. `updated` is called with the URI of a resource that changed, `changed` with the kind
    of a list that did. `may_ask`: whether it was declared in the handshake that there is somebody to be asked.
    """

    def __init__(
        self, name: str, changed: Callable[[str], None], updated: Callable[[str], None], *, may_ask: bool = False
    ) -> None:
        self._name, self._changed, self.updated, self._may_ask = name, changed, updated, may_ask
        self._callers: dict[str | int, Caller] = {}  # by request id, which is the progress token too; the newest last
        self._subjects: dict[str | int, Subject | None] = {}  # whose requests they are
        self._abandoned: dict[str | int, tuple[Subject | None, bool]] = {}  # ... and whether their words are spared
        self._questions: dict[str | int, asyncio.Task[None]] = {}
        self._unasked = asyncio.Event()  # no question is open
        self._unasked.set()
        self._limits: dict[str | int, _Limit] = {}
        self._pages: dict[str, Caller] = {}  # by the id under which a page was shown to him

    @contextmanager
    def serving(
        self, request_id: str | int, caller: Caller, limit: Timeout | None = None, subject: Subject | None = None
    ) -> Iterator[None]:
        """While this subject's request is under way, what the server says may be for its caller. `limit` is how long it
        may take: the time in which the server waits for people does not count, whichever request they are asked for.
        """
        self._callers[request_id], self._subjects[request_id] = caller, subject
        if limit is not None:
            stoppable = self._limits[request_id] = _Limit(limit)
            if self._questions:
                stoppable.stop()
        try:
            yield
        finally:
            del self._callers[request_id], self._subjects[request_id]
            self._limits.pop(request_id, None)
            if not self._callers:
                self.hush()

    def abandoned(self, request_id: str | int, subject: Subject | None, *, spared: bool) -> None:
        """Nobody waits for this request's answer any more, and it has not come."""
        if len(self._abandoned) < MOST_ABANDONED:
            self._abandoned[request_id] = subject, spared
        else:
            self._abandoned[""] = None, True  # it is no request's id: this stays

    def answered(self, request_id: str | int | None) -> None:
        """The server has done with this request, whether somebody waits for it or not."""
        if self._abandoned and request_id is not None:
            self._abandoned.pop(request_id, None)

    @property
    def at_rest(self) -> bool:
        """Whether the server is, as far as is known, at no request which nobody waits for any more."""
        return not self._abandoned

    def hush(self) -> None:
        """Nobody is there any more whom a question could be for."""
        self._pages.clear()
        for task in self._questions.values():
            task.cancel()

    def hear(self, message: Any, caller: Caller | None = None) -> None:
        """A notification. `caller` is whose it is, where the transport knows."""
        method = message.get("method") if isinstance(message, Mapping) else None
        params = message.get("params") if isinstance(message, Mapping) else None
        params = params if isinstance(params, Mapping) else {}
        if not isinstance(method, str):
            return
        if method in SAID:
            self._said(method, params, caller)
        elif method == "notifications/cancelled":
            self._withdrawn(params)
        elif method == COMPLETE:
            self._completed(params)
        elif method == "notifications/resources/updated" and isinstance(params.get("uri"), str):
            self.updated(params["uri"])
        elif method in _LISTS:
            self._changed(_LISTS[method])

    def asked(self, request: types.JSONRPCRequest, send: Send, about: str | int | None = None) -> bool:
        """Takes a server's question, if there is one caller whom it can be for. `about` is the request on whose own
        stream it came, where there is such a thing.
        """
        caller = self._whose(about) if self._may_ask else None
        if request.method not in QUESTIONS or caller is None or not asks(caller.capabilities):
            return False
        if len(self._questions) >= MOST_QUESTIONS or request.id in self._questions:
            return False
        task = asyncio.ensure_future(self._answer(request, caller, send))
        self._questions[request.id] = task
        self._unasked.clear()
        for limit in self._limits.values():
            limit.stop()
        task.add_done_callback(lambda _: self._answered(request.id))
        return True

    def _answered(self, request_id: str | int) -> None:
        self._questions.pop(request_id, None)
        if not self._questions:
            self._unasked.set()
            for limit in self._limits.values():
                limit.go_on()

    async def unasked(self) -> bool:
        """Returns when no question of the server is open: whether one was."""
        was_asked = bool(self._questions)
        await self._unasked.wait()
        return was_asked

    async def _answer(self, request: types.JSONRPCRequest, caller: Caller, send: Send) -> None:
        page = (request.params or {}).get("elicitationId")
        if isinstance(page, str) and not caller.modern and len(self._pages) < MOST_QUESTIONS:
            self._pages[page] = caller
        try:
            result = await caller.ask(request.method, signed(self._name, request.method, request.params or {}))
        except CantAsk as error:
            data = types.ErrorData(code=error.code, message=error.message)
            if error.data is not None:  # else there was none, and none is made up
                data.data = error.data
            await send(types.JSONRPCError(jsonrpc="2.0", id=request.id, error=data))
        except Misleading as error:
            data = types.ErrorData(code=types.INVALID_PARAMS, message=str(error))
            await send(types.JSONRPCError(jsonrpc="2.0", id=request.id, error=data))
        else:
            await send(types.JSONRPCResponse(jsonrpc="2.0", id=request.id, result=dict(result)))

    def _whose(self, about: str | int | None) -> Caller | None:
        """Whom a question is for. What was given up is nobody's question any more, least of all another request's."""
        if about is None or about not in self._callers:
            return None if about in self._abandoned else self._only()
        return self._callers[about]

    def _only(self) -> Caller | None:
        """The one who is being served; the newest of several requests of the same."""
        callers = list(self._callers.values())
        return callers[-1] if callers and len({caller.key for caller in callers}) == 1 else None

    def _said(self, method: str, params: JsonObject, caller: Caller | None) -> None:
        if flaw := flaw_in(params):
            log.debug("server %s: what it says of a call can't be passed on: %s", self._name, flaw)
        elif method == "notifications/progress":
            self._progress(params, caller)
        else:
            self._logged(params, caller)

    def _progress(self, params: JsonObject, caller: Caller | None) -> None:
        token = params.get("progressToken")
        known = self._callers.get(token) if isinstance(token, (str, int)) else None
        if (caller := caller or known) is not None and caller.wants_progress:
            caller.hear("notifications/progress", params)

    def _logged(self, params: JsonObject, caller: Caller | None) -> None:
        for one in [caller] if caller is not None else self._all_of_one():
            if one.log_level is not None and weight(params.get("level")) >= weight(one.log_level):
                one.hear("notifications/message", params)

    def _all_of_one(self) -> list[Caller]:
        """Those who are being served, if they are one subject's: each client once, but a modern one on each request, as
        it has asked for it there. Of several requests of one client the newest that wants to hear.
        """
        left = self._abandoned.values()
        whose = {*self._subjects.values(), *(subject for subject, _ in left)}
        spared = any(caller.spared for caller in self._callers.values()) or any(spared for _, spared in left)
        if len(whose) > 1 or spared:
            return []
        wanting = [(number, caller) for number, caller in self._callers.items() if caller.log_level is not None]
        return list({number if caller.modern else caller.key: caller for number, caller in wanting}.values())

    def _completed(self, params: JsonObject) -> None:
        """What somebody did on a page is done: told to him to whom that page was shown, once, while he is served."""
        page = params.get("elicitationId")
        caller = self._pages.pop(page, None) if isinstance(page, str) else None
        if caller is not None:
            caller.hear(COMPLETE, {"elicitationId": page})

    def _withdrawn(self, params: JsonObject) -> None:
        """The server does not want an answer any more."""
        request_id = params.get("requestId")
        task = self._questions.get(request_id) if isinstance(request_id, (str, int)) else None
        if task is not None:
            task.cancel()


_LISTS = {f"notifications/{kind}/list_changed": kind for kind in ("tools", "prompts", "resources")}


def weight(level: object) -> int:
    """A log level's place in their order (RFC 5424, turned round); an unknown one weighs most."""
    return LEVELS.index(level) if level in LEVELS else len(LEVELS)
