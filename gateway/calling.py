"""The calls of a run, as whoever drives it has them made: side by side, again where that is safe, in doubt where not.

Each takes the path of every call (`pipeline`). What is known of it is what the run's events say.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from gateway.accounts import Bill
from gateway.call import Answered
from gateway.deferring import LONGEST_PAUSE
from gateway.events import Resolved
from gateway.halting import side_by_side, slept
from gateway.hearing import Ear
from gateway.inquiring import Inquiring
from gateway.journal import Journal
from gateway.pipeline import FIRST, Attempt, CallResult, OutOfBudget, Pipeline, Proposal, Work
from gateway.run import CallState, Run
from gateway.store import Lease, Store
from gateway.tracing import Place
from gateway.values import value

__all__ = ["Calling", "seconds_left"]


@value(frozen=True, slots=True)
class Calling:
    """One worker's calls for the run of his journal. All methods raise what `append` does."""

    store: Store
    pipeline: Pipeline
    lease: Lease
    journal: Journal
    ear: Ear
    over: asyncio.Event | None = None  # his time

    async def make(self, calls: Sequence[CallState]) -> OutOfBudget | None:
        """All of them; the first that did not fit a budget."""
        return await self.together(
            [self._made(call, _next(call)) if call.status != "again" else self._again(call) for call in calls]
        )

    async def reconcile(self, calls: Sequence[CallState]) -> OutOfBudget | None:
        """Calls without an answer are sent again only where that is harmless, with the key that they had."""
        return await self.together([self._reconciled(call) for call in calls])

    async def together(self, calls: Sequence[Coroutine[Any, Any, CallResult | None]]) -> OutOfBudget | None:
        """Side by side. What breaks in one (the store, the lease) stops all, and comes out as itself."""
        ended = await side_by_side(calls)
        return next((end for end in ended if isinstance(end, OutOfBudget)), None)

    def _made(self, call: CallState, attempt: Attempt = FIRST) -> Coroutine[Any, Any, CallResult]:
        return self.pipeline.call(Proposal(call.key, call.path, call.arguments), self._work(), attempt)

    def _work(self) -> Work:
        run = self.journal.run
        place = Place.of(run, f"t{run.turn}")
        return Work(
            place,
            self.lease,
            driven=True,
            seconds=seconds_left(run, self.store.now()),
            ear=self.ear,
            journal=self.journal,
        )

    async def _again(self, call: CallState) -> CallResult | None:
        """The attempt before came to nothing: this one is judged like a new call, on the yes that was used by then.
        None: its moment has not come in this worker's time.
        """
        if not await self._pause(call):
            return None
        used = call.approval_id if isinstance(call.outcome, Answered) else None
        return await self._made(call, Attempt(call.attempt + 1, call.pin, used, asked=True))

    async def _pause(self, call: CallState) -> bool:
        """Until its moment has come, or this worker's time is over; not for ever, whatever has become of the clock."""
        now = self.store.now()
        left = (call.until - now) / 1000
        if not call.until or left <= 0:
            return True
        most = seconds_left(self.journal.run, now) or LONGEST_PAUSE
        return await slept(min(left, LONGEST_PAUSE, most), self.over)

    async def _reconciled(self, call: CallState) -> CallResult | None:
        pipeline, held_back = self.pipeline, call.status == "admitted"
        bill = Bill.of_before(call.reserved, call.accounts) if held_back else None
        attempt = Attempt(call.attempt + 1, call.pin, call.approval_id, held_back, bill=bill)
        if pipeline.may_repeat(call.path) and call.attempt < pipeline.attempts(call.path):
            if not await self._pause(call):
                return None
            return self._late() or await self._made(call, attempt)
        why, resolved = f"`{call.path}` may not simply be repeated", None
        if pipeline.only_reads(call.path):  # nothing can have happened: no person need be asked
            resolved = Resolved(call.key, "give_up", "toolgate", f"no answer in {call.attempt} attempts")
        elif not await (inquiring := self._inquiring()).wait(call, self.store.now()):
            return None
        elif (found := await inquiring.about(call)) is not None:
            why, resolved = f"{why}; {found.why}", found.resolved
        return await pipeline.doubt(call.key, self._work(), why, attempt, resolved)

    def _inquiring(self) -> Inquiring:
        return Inquiring(self.store, self.pipeline, self.journal.run, self._work(), self.over)

    def _late(self) -> OutOfBudget | None:
        """The run has no time for another attempt."""
        run = self.journal.run
        if run.limits.millis is None or run.worked(self.store.now()) < run.limits.millis:
            return None
        return OutOfBudget("millis", f"the run may work for {run.limits.millis / 1000:g} s")


def _next(call: CallState) -> Attempt:
    """What somebody said did not happen is judged like a new call, and is a further attempt all the same."""
    return Attempt(call.attempt + 1, asked=True) if call.attempt else FIRST


def seconds_left(run: Run, now: int) -> float | None:
    """How long the run may still work; None: nobody limits it. `now` is the store's."""
    if run.limits.millis is None:
        return None
    return max(0.1, (run.limits.millis - run.worked(now)) / 1000)
