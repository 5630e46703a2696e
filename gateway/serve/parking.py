"""Calls that wait for their client: a server of the handshake era asks in the middle of a call, and its client is a
modern one, who can only be asked by an answer.

The call goes on in the background. The client gets the question as his answer, comes back with what he says, and takes
up the call where it stands. Nothing of it survives this process; and it waits only so long, for so many.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import mcp_types as types

from gateway.call import JsonObject
from gateway.caller import Caller, CantAsk
from gateway.serve.questions import lacking, worded

__all__ = ["MOST_OWNED", "PARKED_SECONDS", "Asked", "Gone", "Parking"]

PARKED_SECONDS = 600.0
MOST = 200  # parked calls
MOST_EACH = 20  # of one client
MOST_OWNED = 50  # of one person, by however many names his clients call themselves

T = TypeVar("T")

log = logging.getLogger("toolgate.serve")


class Gone(Exception):
    """There is no such call any more: its time was over, or it is being answered already."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The call waits for its client's answers. `questions` are `{method, params}` by key."""

    id: str
    questions: Mapping[str, JsonObject]


class _Parked(Generic[T]):
    """One call, and whoever waits for it now: the caller that its server sees."""

    def __init__(self, caller: Caller, owner: Hashable, room: Callable[[str], bool]) -> None:
        self.id, self.owner = secrets.token_hex(16), owner
        self.key, self.modern, self.capabilities = caller.key, caller.modern, caller.capabilities
        self.wants_progress, self.log_level, self.spared = caller.wants_progress, caller.log_level, caller.spared
        self.live: Caller | None = caller
        self.task: asyncio.Task[T] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self._room = room
        self._numbers = 0
        self._questions: dict[str, tuple[JsonObject, asyncio.Future[JsonObject]]] = {}
        self._news = asyncio.Event()

    @property
    def questions(self) -> Mapping[str, JsonObject]:
        return {key: question for key, (question, answer) in self._questions.items() if not answer.done()}

    def hear(self, method: str, params: JsonObject) -> None:
        if self.live is not None:
            self.live.hear(method, params)

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        if missing := lacking(method, params, self.capabilities):
            raise CantAsk(types.METHOD_NOT_FOUND, f"this client did not declare {worded(missing)}")
        if not self._room(self.id):
            raise CantAsk(types.INTERNAL_ERROR, "too many calls wait for answers")
        self._numbers += 1
        key = f"question-{self._numbers}"
        answer: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self._questions[key] = {"method": method, **({"params": params} if params else {})}, answer
        self._news.set()
        try:
            return await answer
        finally:
            del self._questions[key]

    def answer(self, answers: Mapping[str, Any]) -> None:
        """What belongs to no open question is not looked at."""
        for key, said in answers.items():
            _, waiting = self._questions.get(key, (None, None))
            if waiting is not None and not waiting.done() and isinstance(said, Mapping):
                waiting.set_result(said)

    async def until_news(self, task: "asyncio.Task[T]") -> None:
        """Returns when the call is over, or has questions."""
        while not task.done() and not self.questions:
            self._news.clear()
            news = asyncio.ensure_future(self._news.wait())
            try:
                await asyncio.wait({task, news}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                news.cancel()


class Parking:
    """Close it before the runs that its calls belong to."""

    def __init__(self, seconds: float = PARKED_SECONDS, most: int = MOST, most_each: int = MOST_EACH) -> None:
        self._seconds, self._most, self._most_each = seconds, most, most_each
        self._calls: dict[str, _Parked[Any]] = {}  # that wait for their client
        self._ending: set[asyncio.Task[None]] = set()

    async def begin(self, caller: Caller, work: Callable[[Caller], Awaitable[T]], owner: Hashable = None) -> T | Asked:
        """The result of `work`, or what its client is asked first. A caller who gives up cancels it.

        `owner` is whose client it is.
        """
        parked: _Parked[T] = _Parked(caller, owner, lambda _: self._has_room(caller.key, owner))
        parked.task = asyncio.ensure_future(_whole(work, parked))
        return await self._waited(parked, caller)

    async def resume(self, parked_id: str, caller: Caller, answers: Mapping[str, Any]) -> Any:
        """The same for a client who comes back. Raises Gone. Who may is the affair of whoever gives ids out."""
        parked = self._calls.pop(parked_id, None)
        if parked is None:
            raise Gone
        if parked.timer is not None:
            parked.timer.cancel()
        parked.answer(answers)
        return await self._waited(parked, caller)

    async def close(self) -> None:
        """Cancels every call that waits. Each is recorded as one whose outcome nobody knows."""
        calls, self._calls = list(self._calls.values()), {}
        await asyncio.gather(*(_cancelled(parked) for parked in calls), *self._ending)

    async def _waited(self, parked: _Parked[T], caller: Caller) -> T | Asked:
        assert parked.task  # noqa: S101 - set by `begin`
        parked.live = caller
        try:
            await parked.until_news(parked.task)
        except asyncio.CancelledError:
            await _cancelled(parked)
            raise
        finally:
            parked.live = None
        if parked.task.done():
            return parked.task.result()
        self._calls[parked.id] = parked
        parked.timer = asyncio.get_running_loop().call_later(self._seconds, self._give_up, parked)
        return Asked(parked.id, dict(parked.questions))

    def _has_room(self, key: str, owner: Hashable) -> bool:
        waiting = self._calls.values()
        own = sum(parked.key == key for parked in waiting)
        owned = 0 if owner is None else sum(parked.owner == owner for parked in waiting)
        return len(waiting) < self._most and own < self._most_each and owned < MOST_OWNED

    def _give_up(self, parked: _Parked[Any]) -> None:
        self._calls.pop(parked.id, None)
        ending = asyncio.ensure_future(_cancelled(parked))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)


async def _whole(work: Callable[[Caller], Awaitable[T]], parked: _Parked[T]) -> T:
    return await work(parked)


async def _cancelled(parked: _Parked[Any]) -> None:
    """Returns when the end of the call is recorded."""
    if parked.timer is not None:
        parked.timer.cancel()
    task = parked.task
    if task is None:
        return
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and (error := task.exception()):
        log.warning("a call that was given up could not be recorded: %s", error)
