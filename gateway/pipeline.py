"""The path of one call: parse, judge, admit, forward, record. The only place from which a byte reaches a tool.

Whoever asks, an agent's run or an MCP client, a call takes this path and leaves the same record. `Admitted`, `Held` or
`Denied` is durable before anything leaves, with its reservation and the approval that it uses up in one transaction.
Nothing here remembers anything: what must survive is in the store.
"""

import asyncio
import contextlib
import math
import secrets
import time
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

from gateway.admission import FIRST, Admission, Attempt, Proposal, Work, recognised, restored
from gateway.aside import fulfilled_aside
from gateway.booking import Booking
from gateway.budget import Spend
from gateway.call import (
    Allow,
    Arguments,
    ArgumentsError,
    Call,
    Deny,
    InDoubt,
    JsonObject,
    Outcome,
    TaskCreated,
    Unsent,
    Verdict,
    nothing_done,
    outcome_to_json,
    says,
)
from gateway.deferring import NOT_REACHED, Deferring
from gateway.duties import Duties
from gateway.effects import ToolWord
from gateway.errors import BudgetExceeded, Conflict, ToolgateError, TooManyQuestions
from gateway.events import Denied, Doubted, Event, Held, Obliged, Resolved, Returned
from gateway.extracts import extract
from gateway.fulfilment import rehearsed
from gateway.gates import A_CALL, Facts, pin
from gateway.hearing import discreet, overheard
from gateway.judging import Judging
from gateway.parties import CallResult, CallSettings, OutOfBudget, Upstream
from gateway.policy import LivePolicy
from gateway.questions import open_about, question
from gateway.refusals import denial
from gateway.reserving import charged, settled, settled_in
from gateway.results import amended
from gateway.shielded import shielded
from gateway.store import Change, Follow, Open, Settle, Store, run_account
from gateway.task import Task
from gateway.tracing import Forwarding, Interval, Tracing, meta_of

__all__ = ["FIRST", "Attempt", "CallResult", "CallSettings", "OutOfBudget"]
__all__ += ["Pipeline", "Proposal", "Upstream", "Work"]

NO_OUTCOME = InDoubt("the call was given up before the answer came")
NOT_SENT = Unsent("the caller went away before it was sent")
_NOTHING = Spend()
KEPT = "its approval is not used up"
LATELY = 2048  # events that calls of one run can have written while one of them was admitted


class Pipeline:
    """Any number of calls may be under way at once."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts that it works with
        self,
        upstream: Upstream,
        store: Store,
        policy: LivePolicy,
        tracing: Tracing,
        settings: CallSettings,
        booking: Booking | None = None,
    ) -> None:
        self._upstream, self._store, self._policy = upstream, store, policy
        self._tracing, self._settings, self._booking = tracing, settings, booking
        self._judging = Judging(upstream, store, policy, tracing, settings, booking)
        self._deferring = Deferring(settings.effects, self.may_repeat, store.now)
        self._retries = bool(settings.effects.tools or settings.effects.servers)

    async def call(self, proposal: Proposal, work: Work, attempt: Attempt = FIRST) -> CallResult:
        """Takes one call all the way, and returns the last fact about it.

        Raises StoreError when it can't be recorded (then nothing was sent, or the outcome is in doubt).
        """
        work = work.caused_by(proposal.meta)
        try:
            arguments = Arguments.parse(proposal.arguments)
        except ArgumentsError as error:
            no = Deny("valid", str(error))
            denied = denial(proposal.key, proposal.path, proposal.arguments, no, proposal.action)
            return await self._refuse(replace(denied, policy=self._policy.glance.digest), work)
        call, facts, verdict = await self._judging.judged(self._wanted(proposal, arguments, work), work, attempt)
        if isinstance(verdict, Allow):
            made = await self._make(Admission.of(call, proposal, work, facts, verdict, attempt))
            return await self._made_again(made, call, proposal, work, attempt) if self._retries else made
        if isinstance(verdict, Deny) and verdict.stops and work.driven:
            return OutOfBudget(verdict.stops, verdict.why, verdict.budget)
        if attempt.doubtful:  # it may have happened: neither a refusal nor a question would be the truth
            return await self.doubt(call.key, work, f"it may not be sent again: {verdict.why}", attempt)
        if isinstance(verdict, Deny):
            denied = await self._deny(call, work, facts, verdict, attempt)
            return await self._made_again(denied, call, proposal, work, attempt) if self._retries else denied
        try:
            return await self._hold(call, work, facts, verdict)
        except Conflict:  # the same call came twice at once, and the other one put the question
            return await self.call(proposal, work, attempt)
        except (TooManyQuestions, BudgetExceeded) as error:
            return await self._out_of(call, work, facts, error)

    async def _made_again(
        self, result: CallResult, call: Call, proposal: Proposal, work: Work, attempt: Attempt
    ) -> CallResult:
        """A client waits for a server that is away, as long as its call may take. A run of ours rests meanwhile."""
        again = self._deferring.of_client(result, call.path, work, attempt, self._settings.most(call))
        if again is None:
            return result
        await asyncio.sleep(again[0])
        return await self.call(proposal, replace(work, came=math.inf), again[1])

    def _wanted(self, proposal: Proposal, arguments: Arguments, work: Work) -> Call:
        """With its key as an argument, where its server wants it there: so the gates see what would be sent."""
        place, action = work.place, proposal.action
        call = Call(place.run_id, proposal.key, place.subject, proposal.path, arguments, action)
        keyed = self._settings.effects.of(call.path).idempotency_argument if action == "call" else None
        return call if keyed is None else call.with_key(keyed)

    async def follow(self, call: Call, work: Work, attempt: Attempt) -> Verdict:
        """Whether a call that was made may still be followed, now that the policy may be another: nothing is made."""
        return (await self._judging.weighed(call, work, attempt, counts=False))[2]

    def followed(self, task: Task, outcome: Outcome, begin: int, *, ended: bool) -> None:
        """What a server said of a task that it made of a call is looked at as its other answers are.

        `begin` is when it was asked, in nanoseconds since 1970; `ended`: it has ended, which nobody saw before.
        """
        self._tracing.followed(task, outcome, Interval(begin, time.time_ns()), ended=ended)

    async def doubt(
        self, key: str, work: Work, why: str, attempt: Attempt, resolved: Resolved | None = None
    ) -> Doubted:
        """Leaves it to a person to say what became of a call, unless it is `resolved` already. It counts as made, if
        that is not settled yet.
        """
        reserved, bill = attempt.reserved, attempt.bill
        price = A_CALL if bill is None else bill.amount
        doubted = Doubted(key, f"no answer came to this call, and {why}", (price if reserved else Spend()).to_json())
        settle = (Settle(run_account(work.place.run_id), price, price),) if reserved else ()
        settle = (*settle, *settled_in(bill.accounts)) if reserved and bill else settle
        facts: list[Event] = [doubted] if resolved is None else [doubted, resolved]
        await self._append(work, facts, settle)
        return doubted

    def may_repeat(self, path: str) -> bool:
        """Whether a call whose outcome is unknown may be sent again: the admin's word, or a trusted server's."""
        tool = self._upstream.catalogue.tools.get(path)
        vouched = any(fnmatchcase(path, glob) for glob in self._settings.safe_to_repeat)
        return tool is not None and (vouched or tool.idempotent or self.only_reads(path))

    def only_reads(self, path: str) -> bool:
        """Whether a trusted server, or the admin, says that the tool changes nothing."""
        return self._settings.effects.reads(path, self._upstream.catalogue.tools.get(path))

    def word(self, path: str) -> ToolWord:
        """What the admin says of this tool."""
        return self._settings.effects.of(path)

    def attempts(self, path: str) -> int:
        """How often a call in doubt is made, at most, where it may be repeated."""
        return self._deferring.attempts(path)

    def _taints(self, admission: Admission, outcome: Outcome) -> bool:
        """What a server says taints, be it an answer, or a question, or what it said before: a client reads all."""
        thing, ear = admission.thing, admission.work.ear
        if thing and thing.trusted:
            return False
        return says(outcome) or (ear is not None and ear.spoke(admission.call))

    async def _deny(self, call: Call, work: Work, facts: Facts, verdict: Verdict, attempt: Attempt = FIRST) -> Denied:
        """A yes that people gave stays good while the server is away."""
        before: tuple[Event, ...] = recognised(call, facts)
        if self._retries and work.driven and verdict.gate == "reachable":
            deferred = self._deferring.deferred(call.key, call.path, attempt, NOT_REACHED)
            before = before if deferred is None else (*before, deferred)
        approval = await self._judging.answer(call, work, FIRST) if verdict.gate == "reachable" else None
        if approval is None or approval.state != "approved":
            return await self._refuse(_denied(call, facts, verdict), work, (), *before)
        kept = _denied(call, facts, Deny(verdict.gate, f"{verdict.why}; {KEPT}"))
        return await self._refuse(kept, work, restored(call, work, approval), *before)

    async def _out_of(
        self, call: Call, work: Work, facts: Facts, why: BudgetExceeded | TooManyQuestions
    ) -> Denied | OutOfBudget:
        of_budget = why if isinstance(why, BudgetExceeded) else None
        if work.driven and (of_budget is None or of_budget.then == "stop"):
            return OutOfBudget(of_budget.unit, str(why), of_budget.budget) if of_budget else OutOfBudget(None, str(why))
        no = Deny("within_budget", str(why), retry_after=of_budget.retry_after if of_budget else None)
        return await self._deny(call, work, facts, no)

    async def _refuse(self, denied: Denied, work: Work, changes: Sequence[Change] = (), *before: Event) -> Denied:
        await self._append(work, [*before, denied], changes)
        return denied

    async def _hold(self, call: Call, work: Work, facts: Facts, verdict: Verdict) -> Held:
        """Puts the question, or joins the one that is open about this very tool. Raises Conflict if another came first.

        A question about a tool that has changed since is withdrawn: whoever answers it would agree to something else.
        """
        joined = open_about(call, facts)
        approval = joined or question(call, facts, verdict, work, self._settings)
        digest = facts.policy.digest
        held = Held(call.key, call.path, approval.id, verdict.why, verdict.rule, call.action, digest)
        before = facts.approval.id if facts.approval else None
        changes: tuple[Change, ...] = () if joined else (Open(approval, self._settings.questions, before),)
        if changes and self._booking is not None:
            changes = (*changes, *await self._booking.question(call, work, facts.now))
        told = [*recognised(call, facts), held]
        await self._append(work, told, changes)
        return held

    async def _make(self, admission: Admission) -> CallResult:
        work, call = admission.work, admission.call
        if admission.duties is not None and admission.duties.dry_run:
            return await self._rehearse(admission, admission.duties)
        try:
            await self._append(work, admission.events, admission.changes(work.account))
        except asyncio.CancelledError:  # who goes away meanwhile leaves no doubt behind: nothing was sent
            with contextlib.suppress(ToolgateError):  # then it stays admitted without an answer
                await shielded(self._take_back(admission))
            raise
        except BudgetExceeded as error:
            if error.then == "ask":  # others were faster: now people are asked
                return await self.call(admission.proposal, work, admission.attempt)
            return await self._out_of(call, work, admission.facts, error)
        except Conflict:  # a parallel retry used the approval up: this one has to ask anew
            return await self.call(admission.proposal, work, admission.attempt)
        if admission.used_up is not None:
            self._tracing.waited(call, work.place, admission.used_up)
        return await self._forward(admission)

    async def _rehearse(self, admission: Admission, duties: Duties) -> Returned | Doubted:
        """Nothing leaves, so nothing is reserved, and no approval used up: what is recorded is one fact."""
        call, work = admission.call, admission.work
        if admission.attempt.doubtful:
            why = "it may not be sent again: the policy allows it only as a dry run"
            return await self.doubt(call.key, work, why, admission.attempt)
        obliged: list[Event] = [event for event in admission.events if isinstance(event, Obliged)]
        outcome = rehearsed(call, admission.thing, duties)
        returned = Returned(call.key, outcome_to_json(outcome), {})
        known = recognised(call, admission.facts)
        facts = [*known, replace(admission.event, reserved={}), *obliged, returned]
        await self._append(work, facts)
        return returned

    async def _take_back(self, admission: Admission) -> None:
        """What was refused in that moment took nothing: to give it back would make room for what nobody allows."""
        seq = await self._append(admission.work, [])  # behind it
        if any(past.event == admission.event for past in await self._store.events(admission.call.run_id, seq - LATELY)):
            await self._record(admission, NOT_SENT)

    async def _forward(self, admission: Admission) -> Returned:
        call, work = admission.call, admission.work
        facts = admission.facts
        sent = Forwarding(self._timeout(admission), admission.attempt.number, facts.approval, facts.bill)
        begin = time.time_ns()
        try:
            outcome = await self._sent(admission, sent.timeout)
            if admission.duties is not None:
                outcome = await fulfilled_aside(outcome, admission.duties, call.action, admission.thing)
        except asyncio.CancelledError:
            when = Interval(begin, time.time_ns())
            self._tracing.forwarded(call, work.place, sent, NO_OUTCOME, when)
            with contextlib.suppress(ToolgateError):  # then it stays admitted without an answer, which says the same
                await shielded(self._record(admission, NO_OUTCOME, when.millis))
            raise
        when = Interval(begin, time.time_ns())
        if admission.facts.approval is not None:
            outcome = amended(outcome, admission.facts.approval)
        self._tracing.forwarded(call, work.place, sent, outcome, when)
        return await self._record(admission, outcome, when.millis)

    def _sent(self, admission: Admission, timeout: float) -> Awaitable[Outcome]:
        call, proposal, thing = admission.call, admission.proposal, admission.thing
        meta = meta_of(call, proposal.meta)
        ear = None if thing is not None and thing.trusted else admission.work.ear
        caller = overheard(discreet(proposal.caller, admission.duties), ear, call)
        changed = partial(_changed, admission, self._upstream)
        return self._upstream.forward(
            call, timeout=timeout, meta=meta, caller=caller, answers=proposal.answers, objection=changed
        )

    def _timeout(self, admission: Admission) -> float:
        """The shortest of what the admin, the policy and the run's budget leave."""
        work, duties = admission.work, admission.duties
        timeout, bill = self._settings.most(admission.call), admission.bill
        if bill is not None and bill.millis is not None:
            timeout = min(timeout, bill.millis / 1000)
        if duties is not None and duties.seconds is not None:
            timeout = min(timeout, duties.seconds)
        return timeout if work.seconds is None else max(0.1, min(timeout, work.seconds))

    async def _record(self, admission: Admission, outcome: Outcome, millis: int = 0) -> Returned:
        """What was not sent, or only asked back, costs nothing and uses no approval up; all else that left counts.

        An agent's run is read again by whoever takes it up; of a client's, a long result is told by what identifies it.
        """
        call, work, back = admission.call, admission.work, admission.given_back(outcome)
        price = admission.price
        if isinstance(outcome, Unsent) and back:
            outcome = Unsent(f"{outcome.why}; {KEPT}")
        if isinstance(outcome, TaskCreated):
            outcome = replace(outcome, id=f"T-{secrets.token_hex(16)}")
            back = (Follow(admission.task(outcome, self._store.now() / 1000)),)
        spent, left = _spent(admission, outcome, millis)
        tainting = self._taints(admission, outcome)
        returned = Returned(call.key, outcome_to_json(outcome), spent.to_json(), tainting, left)
        if returned.tainting and work.ear is not None:
            work.ear.hear(call, returned.outcome, traces=admission.facts.policy.traces)
        extracted = outcome if work.keeps_results else extract(outcome)
        kept = returned if extracted is outcome else replace(returned, outcome=outcome_to_json(extracted))
        settle: tuple[Change, ...] = (Settle(work.account, price, spent),) if price.items() else ()
        if admission.bill is not None:
            settle = (*settle, *settled(admission.bill, outcome, millis))
        back = (*back, *admission.concluded(outcome))
        again = self._deferring.deferred(call.key, call.path, admission.attempt, outcome) if work.driven else None
        facts: list[Event] = [kept] if again is None else [again, kept]
        if work.journal is None or outcome is NO_OUTCOME:
            await self._append(work, facts, (*settle, *back))
        else:  # an answer is written with what comes next in its run, where a journal is kept of that
            work.journal.hold(facts, (*settle, *back))
        if returned.tainting and work.ear is not None and admission.facts.policy.traces:
            await work.ear.listen()
        return returned

    def _append(self, work: Work, facts: Sequence[Event], changes: Sequence[Change] = ()) -> Awaitable[int]:
        if work.journal is not None:
            return work.journal.append(facts, changes)
        return self._store.append(work.place.run_id, facts, lease=work.lease, changes=changes)


def _spent(admission: Admission, outcome: Outcome, millis: int) -> tuple[Spend, Sequence[JsonObject]]:
    """What it takes of its run's budget, and what is left of the others."""
    if admission.bill is None:
        return _NOTHING if nothing_done(outcome) else admission.price, ()
    most = charged(admission.bill, outcome)
    return replace(most, errors=0), admission.bill.left(replace(most, millis=millis))


def _changed(admission: Admission, upstream: Upstream) -> Unsent | None:
    """A server may have announced another tool of this name while the admission was written, or while the call waited
    for its connection.
    """
    call = admission.call
    thing = upstream.catalogue.find(call.action, call.path)
    if thing is not None and pin(thing) == admission.pin:
        return None
    return Unsent(f"`{call.path}` has changed since this call was judged")


def _denied(call: Call, facts: Facts, verdict: Verdict) -> Denied:
    denied = denial(call.key, call.path, call.own.text, verdict, call.action)
    return replace(denied, policy=facts.policy.digest)
