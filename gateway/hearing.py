"""What a run hears while it is under way: whether it is tainted by it, and where values can have come from.

The pipeline tells an `Ear` what untrusted servers say, also in the middle of a call (progress, log messages,
questions): a client reads that before the answer is there, and the calls that it makes then are judged by it. What a
driven run has heard is read off its record (`OfRun`); of a client's session the record holds no long results, so it is
listened to (`Listening`), in memory only, and only where the policy asks where values come from. What was said is read
in a thread (`listen`), so that a long result does not hold up everybody else; whoever asks before it has been read is
told that something is missing.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from gateway.call import Call, JsonObject
from gateway.caller import NOBODY, Caller, CantAsk
from gateway.duties import Duties
from gateway.fulfilment import NO_QUESTIONS
from gateway.run import Run
from gateway.sources import Heard, Sources, extended, heard_in
from gateway.values import value
from gateway.verbatim import altered, encode, whole

__all__ = ["Ear", "Listening", "OfRun", "discreet", "overheard"]


class Ear(Protocol):
    """One run's."""

    @property
    def sources(self) -> Sources:
        """What the run has heard so far."""
        ...

    def hear(self, call: Call, outcome: JsonObject, *, traces: bool) -> None:
        """An untrusted server answered. Without `traces` nobody asks where values came from."""
        ...

    async def listen(self) -> None:
        """Reads what there is to be read, so that `sources` has all of it."""
        ...

    def overhear(self, call: Call, method: str, params: JsonObject) -> None:
        """An untrusted server says something before its answer."""
        ...

    def spoke(self, call: Call) -> bool:
        """Whether it did."""
        ...


class OfRun:
    """A driven run's: it hears nothing but what is in its record."""

    def __init__(self, run: Callable[[], Run]) -> None:
        self._run = run
        self._known: Sources | None = None
        self._reading = asyncio.Lock()

    @property
    def sources(self) -> Sources:
        run = self._run()
        self._known = extended(self._known, run.input, run.answers, whole=run.whole)
        return self._known

    async def listen(self) -> None:
        async with self._reading:
            run = self._run()
            known = self._known or Sources(run.input, complete=run.whole)
            for answer in run.answers[known.read :]:
                known = self._known = known.after(await asyncio.to_thread(heard_in, answer))

    def hear(self, call: Call, outcome: JsonObject, *, traces: bool) -> None:
        """It will be in the record."""

    def overhear(self, call: Call, method: str, params: JsonObject) -> None:
        """No model hears it."""

    def spoke(self, call: Call) -> bool:
        del call
        return False


class Listening:
    """A client's. What the user said nobody knows. `tainted` from the beginning: then it has read what is not known."""

    def __init__(self, *, tainted: bool) -> None:
        self.tainted = tainted
        self._known = Sources(complete=not tainted)
        self._unread: list[tuple[Call, JsonObject]] = []
        self._reading: asyncio.Lock | None = None  # made when it is needed: most sessions never do
        self._speaking: set[str] = set()  # keys of calls under way

    @property
    def sources(self) -> Sources:
        return self._known.missing() if self._unread else self._known

    def hear(self, call: Call, outcome: JsonObject, *, traces: bool) -> None:
        self.tainted = True
        self._speaking.discard(call.key)
        if traces:
            self._unread.append((call, outcome))
        else:
            self._known = self._known.missing()

    async def listen(self) -> None:
        self._reading = self._reading or asyncio.Lock()
        async with self._reading:
            while self._unread:
                call, outcome = self._unread[0]
                heard = await asyncio.to_thread(Heard.of, call.server, call.key, outcome)
                self._known = self._known.after(heard)  # which may have become another in the meantime
                del self._unread[0]

    def overhear(self, call: Call, method: str, params: JsonObject) -> None:
        del method, params
        self.miss()
        self._speaking.add(call.key)

    def miss(self) -> None:
        """It reads something untrusted that nobody looks at."""
        self.tainted, self._known = True, self._known.missing()

    def spoke(self, call: Call) -> bool:
        return call.key in self._speaking


@value(frozen=True, slots=True)
class _Around:
    """A caller, and what stands before him."""

    caller: Caller

    @property
    def key(self) -> str:
        return self.caller.key

    @property
    def modern(self) -> bool:
        return self.caller.modern

    @property
    def capabilities(self) -> JsonObject:
        return self.caller.capabilities

    @property
    def wants_progress(self) -> bool:
        return self.caller.wants_progress

    @property
    def log_level(self) -> str | None:
        return self.caller.log_level

    @property
    def spared(self) -> bool:
        return self.caller.spared


@value(frozen=True, slots=True)
class _Overheard(_Around):
    """An ear hears what an untrusted server says to him before it answers."""

    ear: Ear
    call: Call

    def hear(self, method: str, params: JsonObject) -> None:
        if method != "notifications/progress" or "message" in params:
            self.ear.overhear(self.call, method, params)
        self.caller.hear(method, params)

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        self.ear.overhear(self.call, method, params)
        return await self.caller.ask(method, params)


@value(frozen=True, slots=True)
class _Spared(_Around):
    """He hears how far a call is, in numbers, and no words: those can't be redacted before they are there."""

    @property
    def log_level(self) -> str | None:
        return None

    @property
    def spared(self) -> bool:
        return True

    def hear(self, method: str, params: JsonObject) -> None:
        if method == "notifications/progress":
            numbers = {key: item for key, item in params.items() if _tells_how_far(key, item)}
            self.caller.hear(method, altered(numbers, params))

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        del method, params
        raise CantAsk(-32601, NO_QUESTIONS)


def _tells_how_far(key: str, item: object) -> bool:
    return key == "progressToken" or (key in ("progress", "total") and isinstance(item, (int, float)))


class _Bounded:
    """He hears as much as the result may have, and nothing of what would be more."""

    def __init__(self, caller: Caller, limit: int) -> None:
        self._caller, self._left = caller, limit
        self.key, self.modern, self.capabilities = caller.key, caller.modern, caller.capabilities
        self.wants_progress, self.log_level, self.spared = caller.wants_progress, caller.log_level, caller.spared

    def hear(self, method: str, params: JsonObject) -> None:
        if self._has_room(params):
            self._caller.hear(method, params)

    async def ask(self, method: str, params: JsonObject) -> JsonObject:
        if not self._has_room(params):
            raise CantAsk(-32603, "the question is larger than the policy allows what this call says to be")
        return await self._caller.ask(method, params)

    def _has_room(self, params: JsonObject) -> bool:
        """What does not fit ends it: what comes behind it would say something else without it."""
        self._left = max(-1, self._left - len(encode(whole(params)))) if self._left >= 0 else -1
        return self._left >= 0


def discreet(caller: Caller, duties: Duties | None) -> Caller:
    """The caller of a call whose results are redacted or bounded; himself if they are neither."""
    if duties is None:
        return caller
    if duties.max_result_bytes is not None and caller is not NOBODY:
        caller = _Bounded(caller, duties.max_result_bytes)
    return _Spared(caller) if duties.redacts else caller


def overheard(caller: Caller, ear: Ear | None, call: Call) -> Caller:
    """The caller of a call to an untrusted server; himself if nothing can be said to him before the answer."""
    if ear is None or caller is NOBODY:
        return caller
    hears = caller.wants_progress or caller.log_level is not None or caller.capabilities
    return _Overheard(caller, ear, call) if hears else caller
