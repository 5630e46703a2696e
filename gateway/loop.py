"""The path of one run: `drive()` takes the steps that `gateway.steps` names, until the run waits or ends.

It keeps nothing that the store does not: every step is recorded before it has an effect, and the run is what the
store's events fold to. So any process may take a run up at any time. Who drives holds a fenced lease; whoever loses it
stops at once and can record nothing more. Calls of one reply run side by side.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from gateway.agents.offering import OURS, answered
from gateway.agents.sleeping import WAIT, nap
from gateway.call import Deny
from gateway.calling import Calling
from gateway.conversation import AnswerRejected, Interrupted, Searched
from gateway.errors import ContextTooSmall, IllegalEvent, ToolgateError, Unreadable
from gateway.events import Cancelled, Decided, Event, Failed, Paused, Recorded, Resumed, Started, Succeeded, Waited
from gateway.halting import Halting, Lookout, slept
from gateway.hearing import OfRun
from gateway.journal import Journal
from gateway.later import Slept, Woke
from gateway.pipeline import OutOfBudget
from gateway.refusals import denial, refused_lately
from gateway.run import ENDED, CallState, Run
from gateway.shielded import shielded
from gateway.speaking import Parts, Speaking
from gateway.steps import (
    AskModel,
    Fail,
    Finish,
    ForgetReply,
    MakeCalls,
    Pause,
    Reconcile,
    Reject,
    Rest,
    Step,
    Wait,
    Wake,
    broken,
    may_go_on,
    next_step,
    tells_less,
    why_it_goes_on,
)
from gateway.store import Lease
from gateway.store.lease import beating, leased
from gateway.taking_turns import left_by, take_turn
from gateway.tracing import Place
from providers import StreamEvent

__all__ = ["BACKOFF", "Loop", "Parts", "Watcher", "backoff"]

_HALTS = frozenset({Cancelled, Interrupted, Paused})
BACKOFF = 0.5  # seconds, doubled for each further attempt at a model's reply, with full jitter


class Watcher(Protocol):
    """Somebody who looks on. Neither method may raise."""

    def recorded(self, recorded: Recorded) -> None:
        """A fact that is in the store."""

    def streamed(self, event: StreamEvent) -> None:
        """What a model is saying just now: not kept."""


class Unwatched:
    """Nobody looks on."""

    def recorded(self, recorded: Recorded) -> None:
        """Ignores it."""

    def streamed(self, event: StreamEvent) -> None:
        """Ignores it."""


class Loop:
    """Drives runs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._lookout = Lookout(parts.store)

    async def drive(self, run_id: str, watcher: Watcher | None = None) -> Run:
        """Takes the run as far as it goes by itself, and returns what it has become.

        Raises LeaseLost when another worker drives it, StoreError, and ConfigError for an agent or model that is not
        configured any more. Cancelled (Ctrl-C), it leaves the run as a crash would: nothing is lost.
        """
        await self._parts.store.expire()
        async with leased(self._parts.store, run_id) as lease, self._lookout.watched(lease.run_id) as halting:
            return await _Drive(self._parts, lease, watcher or Unwatched(), halting).to_rest()

    async def work(self, lease: Lease, over: asyncio.Event, watcher: Watcher | None = None) -> Run:
        """The same for a worker, who has claimed the run and lets go of it himself: until it rests, or until his time
        is `over`: between two steps, or in a pause within one. A run that is paused stays so.
        """
        async with beating(self._parts.store, lease), self._lookout.watched(lease.run_id, over) as halting:
            return await _Drive(self._parts, lease, watcher or Unwatched(), halting, over).to_rest()


@dataclass(slots=True)
class _News:
    """What was recorded, by whomever: approvals come from other processes."""

    watcher: Watcher
    halts: int = 0  # how often somebody has stopped the run
    refusals: list[Decided] = field(default_factory=list)  # not told of yet

    def heard(self, fresh: Sequence[Recorded]) -> None:
        for recorded in fresh:
            self.watcher.recorded(recorded)
            self.halts += type(recorded.event) in _HALTS
        self.refusals += refused_lately(fresh)


@dataclass(slots=True)
class _Drive:
    """One worker's time with one run. `run` is what its events fold to, as the journal knows them.

    None of its parts holds the whole: so the conversation, which may be megabytes, goes with the drive, and not when
    the collector next comes by.
    """

    parts: Parts
    lease: Lease
    watcher: Watcher
    halting: Halting
    over: asyncio.Event | None = None  # a worker's time
    news: _News = field(init=False)
    journal: Journal = field(init=False)
    speaking: Speaking = field(init=False)
    ear: OfRun = field(init=False)

    def __post_init__(self) -> None:
        self.news = _News(self.watcher)
        self.journal = journal = Journal(self.parts.store, self.lease, self.news.heard)
        self.speaking = Speaking(self.parts, journal, self.watcher.streamed, self.halting.rests)
        self.ear = OfRun(lambda: journal.run)

    @property
    def run(self) -> Run:
        return self.journal.run

    def _now(self) -> int:
        return self.parts.store.now()

    async def to_rest(self) -> Run:
        try:
            return await self._driven()
        finally:
            with suppress(ToolgateError):  # then it stays asked, or admitted, without an answer
                await shielded(self.journal.flush())

    async def _driven(self) -> Run:
        await self.journal.read()
        if self.run.status in ENDED or self.run.driver != "loop":
            return self.run
        await self._taken(self._begin())
        await self._steps()
        while may_go_on(self.run, self._now()):  # what it waits for came while it wrote down that it waits
            await self._taken(self._begin())
            await self._steps()
        if self.run.status in ENDED:
            self._trace_end()
        return self.run

    async def _steps(self) -> None:
        while not isinstance(step := next_step(self.run, self._now()), Rest):
            if self.over is not None and self.over.is_set():
                break
            await self._taken(_TAKE[type(step)](self, step))
        await self.journal.flush()

    async def _begin(self) -> None:
        if self._stays():
            return
        self.speaking.check()  # before anything is done: who is not configured any more acts no more
        if self.run.status == "queued" and self.run.session:
            await take_turn(self.parts.store, self.run, self.lease, waits=self.over is None)
            await self.journal.read()
        elif self.run.status in ("queued", "running"):
            self.journal.hold((Started(self.lease.owner),))  # the lease says already who drives it
        elif self.run.status == "paused":
            await self._append(Resumed("it was resumed"))
        else:
            await self._append(Resumed(why_it_goes_on(self.run, self._now())))

    def _stays(self) -> bool:
        """Whether it rests until somebody says something; to a worker, whoever resumes one that is paused says so."""
        if self.run.status == "paused":
            return self.run.paused == "person" or self.over is not None
        return self.run.status == "waiting" and not may_go_on(self.run, self._now())

    async def _taken(self, step: Awaitable[None]) -> None:
        """A step to its end. Somebody may stop the run meanwhile: then what the step records may not follow."""
        halts = self.news.halts
        try:
            whole = await self.halting.through(step, self.journal.seen)
        except IllegalEvent:
            await self.journal.read()
            if self.run.status in ("queued", "running") and self.news.halts == halts:
                raise
        else:
            if not whole:
                await self.journal.read()
        while self.news.refusals and self.run.status == "running":  # as long as it waits, the next driver tells of them
            await self._trace_refusal(self.news.refusals.pop(0))

    async def _append(self, event: Event) -> None:
        await self.journal.append((event,))

    async def ask(self, step: AskModel) -> None:
        if step.attempt > 1 and not tells_less(self.run) and not await self._backed_off(step.attempt):
            return
        try:
            if not await self.speaking.fits(step.turn):
                return  # a step was taken towards it, and what comes next is asked anew
        except ContextTooSmall as error:
            end = broken(self.run, "context_window", str(error))
            await _TAKE[type(end)](self, end)
            return
        await self.speaking.turn().ask(self.run, step.turn, self.speaking.request())

    async def _backed_off(self, attempt: int) -> bool:
        """False where the driver's time is over before: the next one sees off the rest of it."""
        return await slept(backoff(attempt, self.run.left_alone(self._now())), self.over)

    async def forget(self, _step: ForgetReply) -> None:
        await self.speaking.turn(self.run.asked_for).forget(self.run, self.speaking.request())

    async def make(self, step: MakeCalls) -> None:
        await self._listen()
        for call in step.calls:
            if call.path in OURS:
                await (self._sleep(call) if call.path == WAIT else self._search(call))
        await self._fitting(await self._calling.make([call for call in step.calls if call.path not in OURS]))

    async def reconcile(self, step: Reconcile) -> None:
        """Calls without an answer are sent again only where that is harmless, with the key that they had."""
        await self._listen()
        await self._fitting(await self._calling.reconcile(step.calls))

    async def _fitting(self, spent: OutOfBudget | None) -> None:
        if spent is not None:
            await self._append(Paused("budget", spent.why, spent.unit, spent.budget))

    @property
    def _calling(self) -> Calling:
        return Calling(self.parts.store, self.parts.pipeline, self.lease, self.journal, self.ear, self.over)

    async def _listen(self) -> None:
        if self.speaking.traces:  # it spares time, and decides nothing
            await self.ear.listen()

    async def wait(self, _step: Wait) -> None:
        await self.journal.flush()  # what it would wait for may have come while that was held
        step = next_step(self.run, self._now())
        if not isinstance(step, Wait):
            return
        if step.cause == "user":
            self.parts.tracing.stepped(self.run, "failure" if step.why else "answer")
        await self._append(Waited(step.cause, step.why, step.until))

    async def wake(self, step: Wake) -> None:
        await self.journal.append([Woke(call.key) for call in step.calls])

    async def pause(self, step: Pause) -> None:
        await self._append(Paused("budget", step.why, step.unit))

    async def reject(self, step: Reject) -> None:
        await self._append(AnswerRejected(self.run.turn, step.where, step.why))

    async def finish(self, step: Finish) -> None:
        self.parts.tracing.stepped(self.run, "answer")
        left = left_by(self.run, self.speaking.agent, self.speaking.model.window) if self.run.session else []
        await self.journal.append([Succeeded(step.output)], left)

    async def fail(self, step: Fail) -> None:
        self.parts.tracing.stepped(self.run, "failure")
        await self._append(Failed(step.kind, step.why))

    async def _sleep(self, call: CallState) -> None:
        """It waits by an event: nothing is held open for as long as that takes."""
        wish = nap(call.arguments, self._now())
        if isinstance(wish, str):
            wrong = denial(call.key, call.path, call.arguments, Deny("valid", wish))
            await self.journal.append([wrong])
            return
        await self.journal.append([Slept(call.key, wish.until, wish.news)])

    async def _search(self, call: CallState) -> None:
        """Lists what may be listed: nothing leaves, so there is nothing to judge. What is found is called like all."""
        told = answered(call.path, call.arguments, self.speaking.offer)
        found = [self.speaking.resolved(name) for name in told.found]
        searched = Searched(call.key, told.query, found, told.content, told.is_error)
        await self.journal.append([searched])

    async def _trace_refusal(self, refusal: Decided) -> None:
        """A wait that ended in a no has no call that could tell of it. Of a damaged question nothing is told."""
        try:
            approval = await self.parts.store.approval(refusal.approval_id)
        except Unreadable:
            return
        turn = refusal.key.partition("/")[0]
        self.parts.tracing.waited(approval.call, Place.of(self.run, turn), approval)

    def _trace_end(self) -> None:
        run, cancelled = self.run, self.run.status == "cancelled"
        if cancelled and run.turn:  # by somebody else: what was under way then has gone on for a moment
            self.parts.tracing.stepped(run := replace(run, updated=max(run.updated, self._now())), "cancelled")
        self.parts.tracing.ended(run)


_TAKE: Mapping[type[Step], Callable[[_Drive, Any], Awaitable[None]]] = {
    AskModel: _Drive.ask,
    ForgetReply: _Drive.forget,
    MakeCalls: _Drive.make,
    Reconcile: _Drive.reconcile,
    Wait: _Drive.wait,
    Wake: _Drive.wake,
    Pause: _Drive.pause,
    Reject: _Drive.reject,
    Finish: _Drive.finish,
    Fail: _Drive.fail,
}


def backoff(attempt: int, left: float) -> float:
    """Seconds to wait before this attempt (from 2) at a model's reply, that is to be `left` alone for so long."""
    jitter = random.uniform(0, BACKOFF * 2 ** (attempt - 1))  # noqa: S311 - spreads load, guards nothing
    return max(jitter, left)
