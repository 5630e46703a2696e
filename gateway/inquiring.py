"""Whether a call happened that got no answer: a declared tool is asked that only reads, before a person is.

It is asked as a call of the run, with a key of its own: judged, paid for and recorded as every call. Whatever is not
clear (it may not be called, it fails, its result says neither) is left to a person.
"""

import asyncio
from dataclasses import dataclass

from gateway.accounts import Bill
from gateway.admission import Attempt, Work
from gateway.arguments import Arguments
from gateway.call import Call, Outcome, outcome_from_json
from gateway.deferring import MAX_ATTEMPTS
from gateway.effects import Inquiry, Missing, result_of
from gateway.events import Denied, Resolution, Resolved, Returned
from gateway.fates import inquiry_key
from gateway.halting import slept
from gateway.later import Deferred
from gateway.parties import OutOfBudget
from gateway.pipeline import Pipeline, Proposal
from gateway.run import CallState, Run
from gateway.store import Store
from gateway.verbatim import encode, whole

__all__ = ["MOST_INQUIRIES", "Finding", "Inquiring"]

MOST_INQUIRIES = 3  # about one call: a server that loses each answer is a person's affair
_LONGEST_NOTE = 1_000  # characters of a result that are told with what it says
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out, in words; `resolved` None: nothing that is sure."""

    why: str
    resolved: Resolved | None = None


@dataclass(frozen=True, slots=True)
class Inquiring:
    """One worker's, for a run as it was when the step began. Methods raise what `append` does."""

    store: Store
    pipeline: Pipeline
    run: Run
    work: Work
    over: asyncio.Event | None = None  # the worker's time

    async def about(self, call: CallState) -> Finding | None:
        """What became of a call; None where nobody has said how to find out."""
        inquiry = self._inquiry(call)
        if inquiry is None:
            return None
        path = inquiry.recipe.path
        if not self.pipeline.only_reads(path):
            return Finding(f"`{path}` can't be asked: nobody who is trusted says that it only reads")
        outcome = await self._asked(call, inquiry)
        return Finding(f"`{path}` was asked: {outcome}") if isinstance(outcome, str) else _found(call, inquiry, outcome)

    def _inquiry(self, call: CallState) -> Inquiry | None:
        inquiry = self.pipeline.word(call.path).reconcile
        return None if call.inquiries >= MOST_INQUIRIES else inquiry

    async def wait(self, call: CallState, now: int) -> bool:
        """Until it may be asked; False where the worker's time is over before. `now` is milliseconds since 1970."""
        inquiry = self._inquiry(call)
        if inquiry is None or not inquiry.after or not self.pipeline.only_reads(inquiry.recipe.path):
            return True
        until = call.until or now + round(inquiry.after * 1000)
        if not call.until:
            deferred = Deferred(call.key, until, call.attempt)
            await self.store.append(self.run.id, [deferred], lease=self.work.lease)
        return await slept(max(0.0, min(inquiry.after, (until - now) / 1000)), self.over)

    async def _asked(self, call: CallState, inquiry: Inquiry) -> Outcome | str:
        """Its outcome; or in words why there is none. Who died after asking has not to ask again."""
        key = inquiry_key(call)
        before = self.run.asides.get(key)
        if before is not None and before.outcome is not None:
            return before.outcome
        attempt = _attempt(before)
        if attempt.number > MAX_ATTEMPTS:
            await self.pipeline.doubt(key, self.work, "whoever asked died each time", attempt)
            return "whoever asked died each time"
        try:
            arguments = inquiry.recipe.filled(self._sent(call))
        except Missing as missing:
            return f"it could not be: {missing}"
        result = await self.pipeline.call(Proposal(key, inquiry.recipe.path, arguments), self.work, attempt)
        match result:
            case Returned():
                return outcome_from_json(result.outcome)
            case Denied() | OutOfBudget():
                return result.why
        return "no answer came"

    def _sent(self, call: CallState) -> Call:
        """As it was sent: somebody may have changed it before."""
        keyed = self.pipeline.word(call.path).idempotency_argument
        arguments = Arguments.parse(call.sent or call.arguments)
        return Call(self.run.id, call.key, self.run.subject, call.path, arguments, keyed=keyed)


def _attempt(before: CallState | None) -> Attempt:
    if before is None:
        return Attempt(unasked=True)
    bill = Bill.of_before(before.reserved, before.accounts)
    return Attempt(before.attempt + 1, before.pin, before.approval_id, reserved=True, bill=bill, unasked=True)


def _found(call: CallState, inquiry: Inquiry, outcome: Outcome) -> Finding:
    path, result = inquiry.recipe.path, result_of(outcome)
    if result is None:
        return Finding(f"`{path}` was asked, and has not answered with an object")
    note = encode({name: whole(item) for name, item in result.items()}).decode()[:_LONGEST_NOTE]
    yes = inquiry.happened(result) is True
    no = inquiry.did_not is not None and inquiry.did_not(result) is True
    if yes == no:
        return Finding(f"`{path}` was asked, and what it says is not clear: {note}")
    resolution: Resolution = "happened" if yes else "did_not_happen"
    return Finding(f"`{path}` was asked", Resolved(call.key, resolution, f"reconcile: {path}", note))
