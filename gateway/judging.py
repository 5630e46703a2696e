"""How a call is judged: what the gates may know of it is gathered, and people's answers are looked up. Nothing is made.

The verdict is `gates.judge`'s alone. What needs I/O becomes a field of its `Facts` here.
"""

import time
from dataclasses import dataclass, replace

from gateway.admission import Attempt, Work
from gateway.approval import Approval, answers, claim, claim_again
from gateway.aside import judged_aside
from gateway.booking import Booking
from gateway.call import Allow, Ask, Call, Deny, Verdict
from gateway.errors import UnknownApproval
from gateway.facts import aware
from gateway.gates import A_CALL, Facts, alike, covers, judge
from gateway.parties import CallSettings, Upstream
from gateway.policy import LivePolicy, Policy, RunFacts
from gateway.questions import recalled
from gateway.schema import UNFINISHED
from gateway.store import Store
from gateway.tracing import Interval, Tracing

__all__ = ["Judging"]


@dataclass(frozen=True, slots=True)
class Judging:
    """Any number of calls may be judged at once."""

    _upstream: Upstream
    _store: Store
    _policy: LivePolicy
    _tracing: Tracing
    _settings: CallSettings
    _booking: Booking | None = None

    async def judged(self, call: Call, work: Work, attempt: Attempt) -> tuple[Call, Facts, Verdict]:
        """The verdict, and what it rests on. People's answers are looked up only if the policy asks for one."""
        begin = time.time_ns() if self._tracing.on else 0
        call, facts, verdict = await self.weighed(call, work, attempt)
        if self._tracing.on:
            self._tracing.checked(call, work.place, verdict, facts, Interval(begin, time.time_ns()))
        if isinstance(verdict, Ask) and attempt.answer:
            verdict = Deny("approved", "what people agreed to is not this call any more")
        elif isinstance(verdict, Ask) and attempt.unasked:
            verdict = Deny("approved", f"people would have to agree to it ({verdict.why})", verdict.rule)
        return call, facts, verdict

    async def weighed(
        self, call: Call, work: Work, attempt: Attempt, *, counts: bool = True
    ) -> tuple[Call, Facts, Verdict]:
        """An edit of the policy counts from the next call on, which waits for its end if it may be judged otherwise."""
        facts = self._facts(self._policy.glance_since(work.came), work, attempt)
        if self._policy.coming is not None:
            policy = await self._policy.settled(lambda coming: alike(call, facts, replace(facts, policy=coming)))
            facts = self._facts(policy, work, attempt)
        booking = self._booking if counts and self._booking is not None and self._booking.counts else None
        if booking is not None or attempt.bill is not None:
            facts = await self._billed(call, facts, work, attempt)
        verdict = judge(call, facts)
        if isinstance(verdict, Ask) or attempt.answer:
            call, facts = await self._answered(call, replace(facts, followed=not counts), work, attempt)
            verdict = judge(call, facts)
        if verdict.gate != "approved":
            if verdict.gate == "reachable":
                self._upstream.wake(call.server)
            elif verdict.gate == "valid" and verdict.why == UNFINISHED:
                call, facts, verdict = await self._at_length(call, replace(facts, followed=not counts), work, attempt)
        if isinstance(verdict, Allow) and attempt.answer and not covers(call, facts):
            verdict = Ask("approved", "its approval has been used, or is not good any more")
        return call, facts, verdict

    async def _at_length(self, call: Call, facts: Facts, work: Work, attempt: Attempt) -> tuple[Call, Facts, Verdict]:
        """The same once more, in a thread: it takes longer than others may be kept waiting."""
        facts = replace(facts, policy=await self._policy.settled())
        verdict = await judged_aside(call, facts)
        if isinstance(verdict, Ask) and not facts.sought:
            call, facts = await self._answered(call, facts, work, attempt)
            verdict = await judged_aside(call, facts)
        return call, facts, verdict

    async def _billed(self, call: Call, facts: Facts, work: Work, attempt: Attempt) -> Facts:
        """With what it takes of other budgets than its run's."""
        if attempt.bill is not None or self._booking is None:
            return replace(facts, bill=attempt.bill)
        return replace(facts, bill=await self._booking.bill(call, work, self._settings.most(call), facts.now))

    async def _answered(self, call: Call, facts: Facts, work: Work, attempt: Attempt) -> tuple[Call, Facts]:
        """What people said to it. What runs is what they agreed to: where they changed it, that call, judged anew, as
        long as their yes to it lifts all that asks now. Else it is asked about as it was made.
        """
        answer, server_pin = await self.answer(call, work, attempt), self._settings.identities.get(call.server, "")
        facts = replace(facts, approval=answer, server_pin=server_pin, places=work.places, sought=True)
        edited = answer.in_place_of(call) if answer else None
        if edited is not None and covers(edited, facts):
            changed = facts if facts.followed else await self._billed(edited, facts, work, attempt)
            if not isinstance(judge(edited, changed), Ask):
                return edited, changed
        if answer is None or answer.state == "pending":
            facts = recalled(call, facts, await self._store.remembered(call), self._settings)
        return call, facts

    def _facts(self, policy: Policy, work: Work, attempt: Attempt) -> Facts:
        place = work.place
        own = A_CALL if attempt.bill is None else attempt.bill.amount
        taken = place.taken - own if attempt.reserved else place.taken  # it has its own place already
        heard = work.ear.sources if policy.traces and work.ear is not None else None
        return Facts(
            catalogue=work.profile.of(self._upstream.catalogue),
            policy=policy,
            now=aware(self._store.now()),
            run=RunFacts.of(taken, tainted=place.tainted, servers=place.servers, sources=heard),
            limits=place.limits,
            taken=taken,
            pinned=attempt.pin,
            hints=work.hints,
            repeated=attempt.number > 1 or attempt.answer is not None,
        )

    async def answer(self, call: Call, work: Work, attempt: Attempt) -> Approval | None:
        """The answer that this call may claim, if people gave one."""
        if attempt.answer is not None:
            return await self._store.approval(attempt.answer)
        if attempt.approval_id is None:
            found = await self._store.claimed(claim(call, driven=work.driven))
            found = found or await self._store.claimed(claim_again(call, driven=work.driven))
            return found or (await self._store.refused(call) if work.driven else None)
        return await self._used(attempt.approval_id, call, work)

    async def _used(self, approval_id: str, call: Call, work: Work) -> Approval | None:
        """What the attempt before was admitted on, if that was an answer to this very call: its run's events say which,
        and they may have come in a file that was edited. The yes to another call that counted for it is not this.
        """
        try:
            used = await self._store.approval(approval_id)
        except UnknownApproval:
            return None
        if used.id != approval_id or not answers(used, call, driven=work.driven):
            return None
        return replace(used, state="approved") if used.state == "consumed" else used
