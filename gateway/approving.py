"""The path of an answer: who may give it is policy, and it is given once. Every channel comes through here.

    look    the question as it stands, and the facts of its run now
    judge   may this person decide about this call, as he changed it, on his own or in the place of somebody who is away
    count   the store adds his vote, and settles the question if it was the last one that it needed: one transaction

An answer allows nothing by itself: the call is judged again when it is made.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from gateway.answer import Answer
from gateway.approval import TAINTED, Approval, Remember, Said, Terms, merged
from gateway.call import Allow, ArgumentsError, Deny, Subject, Tool, Verdict
from gateway.catalogue import Catalogue
from gateway.facts import aware
from gateway.gates import Facts, judge_approver, judge_deputy, may_agree, may_remember, query_of, terms_of
from gateway.lasting import DAY, LONGEST
from gateway.policy import LivePolicy, RunFacts
from gateway.preview import Background
from gateway.reasons import of_lines
from gateway.schema import violation
from gateway.sources import extended
from gateway.store import Store
from gateway.store.legible import folded
from gateway.tolls import Tolls

OWN_CLIENT = "elicitation"  # how somebody was known who answered in the client that made the call

__all__ = ["OWN_CLIENT", "Approving", "Choices", "alike"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What somebody who may decide can say beside yes and no: that his yes is remembered, and that others decide."""

    remember: bool = False
    escalate_to: str | None = None


@dataclass(frozen=True, slots=True)
class Approving:
    """Lists what waits for people, and takes their answers. `tolls` are what calls of tools cost now, `longest` is for
    how many milliseconds a yes is remembered at most.
    """

    store: Store
    policy: LivePolicy
    catalogue: Callable[[], Catalogue]
    tolls: Callable[[], Tolls] = Tolls
    longest: int = LONGEST

    async def waiting(self, run_id: str | None = None, *, limit: int = 200) -> Sequence[Approval]:
        """The open questions of which the time is not over, the oldest first: of all runs, or of one."""
        await self.store.expire()
        return await self.store.approvals(run_id=run_id, limit=limit)

    async def background(self, approval: Approval) -> Background:
        """What an approver may want to know beside the call itself."""
        run = folded(approval.run_id, await self.store.events(approval.run_id))
        heard = extended(None, run.input, run.answers, whole=run.whole) if run.driver == "loop" else None
        last = await self.store.last_like(approval)
        return Background(last, heard, run.spend, run.limits, self.tolls().of(approval.path))

    async def may_decide(self, approver: Subject, approval: Approval) -> Verdict:
        """Allow or Deny, with the line that says so. What the policy asks about the run is the run as it is now."""
        return (await self._judged(approver, approval, await self._facts(approval)))[0]

    async def _judged(self, approver: Subject, approval: Approval, facts: Facts) -> tuple[Verdict, str | None]:
        """The verdict, and in whose place he decides, if not on his own."""
        verdict = judge_approver(approver, approval, facts)
        if isinstance(verdict, Deny) and verdict.rule is None and approver.agent is None:
            for each in await self.store.standing_for(approver):
                theirs = judge_deputy(approver, each.absent, approval, facts)
                if isinstance(theirs, Allow):
                    return theirs, each.absent
        return verdict, None

    async def decide(self, approver: Subject, approval_id: str, decision: Said, reason: str = "") -> Approval | Deny:
        """The plain answer: yes or no to exactly what was asked. See `answer`."""
        return await self.answer(approver, approval_id, Answer(decision, reason))

    async def answer(self, approver: Subject, approval_id: str, answer: Answer) -> Approval | Deny:
        """Answers a question: returns it, still open where more people must agree; or why this person may not answer.

        Raises UnknownApproval, and Conflict when somebody else was first.
        """
        approval = await self.store.approval(approval_id)
        judged = await self._weighed(approver, approval, answer)
        if isinstance(judged, Deny):
            return judged
        return await self.store.decide(approval.id, answer.decision, approver.user, answer.reason, judged[1])

    async def draft(self, approver: Subject, approval: Approval, answer: Answer) -> Approval | Deny:
        """The question as this answer would leave its call, or why he may not answer so. Nothing is counted."""
        judged = await self._weighed(approver, approval, answer)
        return judged if isinstance(judged, Deny) else judged[0]

    async def choices(self, approver: Subject, approval: Approval) -> Choices:
        """What somebody may say to an open question who may decide about it."""
        kept = await self.draft(approver, approval, Answer("approved", remember=Remember("run")))
        up = approval.escalate_to if not approval.escalated(self.store.now()) else None
        return Choices(isinstance(kept, Approval), up)

    async def _weighed(self, approver: Subject, approval: Approval, answer: Answer) -> tuple[Approval, Terms] | Deny:
        """The question about the call to which he agrees, and the terms on which that counts."""
        try:
            answer = _alone(answer, approval)
        except ArgumentsError as error:
            return Deny("valid", str(error))
        wanted = approval if answer.edited is None else approval.edited(answer.edited)
        facts = await self._facts(wanted)
        verdict, on_behalf = await self._judged(approver, wanted, facts)
        wrong = verdict if isinstance(verdict, Deny) else _wrong(approver, wanted, facts, answer) or self._lasts(answer)
        if wrong is not None:
            return wrong
        return wanted, replace(_terms(approval, wanted, facts, answer), on_behalf=on_behalf, remember=answer.remember)

    def _lasts(self, answer: Answer) -> Deny | None:
        """Why a yes is not remembered for so long."""
        until = answer.remember.until if answer.remember is not None else None
        if until is None or until <= self.store.now() + self.longest:
            return None
        return Deny(
            "remember", f"a yes is remembered for {self.longest // DAY} days at most (`[approvals] longest_days`)"
        )

    async def _facts(self, approval: Approval) -> Facts:
        run = folded(approval.run_id, await self.store.events(approval.run_id))
        policy = await self.policy.settled()
        asks = policy.traces and run.driver == "loop"
        heard = None
        if asks:
            heard = await asyncio.to_thread(extended, None, run.input, run.answers, whole=run.whole)
        so_far = RunFacts.of(run.spend, tainted=run.tainted, servers=run.servers, sources=heard)
        return Facts(self._known(approval), policy, aware(self.store.now()), run=so_far)

    def _known(self, approval: Approval) -> Catalogue:
        """What the servers offer; where this one is not there, its tool as it was when the question was put.

        The answer is good for that tool only, whatever there will be when the call is made.
        """
        there = self.catalogue()
        tool = approval.tool if there.find(approval.action, approval.path) is None else None
        return there if tool is None else Catalogue.of([tool])


def alike(approvals: Sequence[Approval]) -> list[list[Approval]]:
    """Questions about the very same call of the same subject stand together: for people they are one."""
    groups: dict[tuple[str, str, int], list[Approval]] = {}
    for approval in approvals:
        groups.setdefault((approval.digest, approval.pin, approval.needs), []).append(approval)
    return list(groups.values())


def _alone(answer: Answer, approval: Approval) -> Answer:
    """Without what does not belong to its decision, and with the whole arguments in place of what he would change.

    Arguments that are as they were are no other ones. Raises ArgumentsError.
    """
    if answer.decision != "approved":
        return replace(answer, edited=None, edit=None, remember=None, stop=answer.stop and answer.decision == "denied")
    before = approval.call.arguments
    edited = answer.edited if answer.edit is None else merged(before, answer.edit)
    same = edited is None or edited.digest == before.digest
    return replace(answer, edited=None if same else edited, edit=None, stop=False)


def _terms(approval: Approval, wanted: Approval, facts: Facts, answer: Answer) -> Terms:
    needs = terms_of(wanted.call, facts).needs
    seen = approval.digest if answer.seen is None else answer.seen  # an empty one is none that anybody was shown
    more = _more(approval, wanted, facts)
    return Terms(answer.method, None, needs, facts.policy.digest, answer.edited, answer.stop, seen, reasons=more)


def _more(approval: Approval, wanted: Approval, facts: Facts) -> tuple[str, ...]:
    """What asks because of his own changes. Not what asks because the run has read something untrusted since: nobody
    has told him of that.
    """
    if wanted is approval or (facts.run.tainted and TAINTED not in approval.risk):
        return ()
    before, now = (of_lines(facts.policy, query_of(each.call, facts)) for each in (approval, wanted))
    known = {*approval.reasons, *(each.name for each in before)}
    return tuple(each.name for each in now if each.name not in known)


def _wrong(approver: Subject, wanted: Approval, facts: Facts, answer: Answer) -> Deny | None:
    """Why this answer can't be given by somebody who may give one."""
    if answer.decision == "escalated" and wanted.escalate_to is None:
        return Deny("escalated", "no line says to whom this goes: write `escalate=role:...@2h` on an `o` line")
    if answer.decision != "approved":
        return None
    if answer.method == OWN_CLIENT and max(wanted.needs, terms_of(wanted.call, facts).needs) > 1:
        return Deny("approver", "where several people must agree, the client that made the call has no voice")
    unfit = _unfit(wanted, facts) if answer.edited else None
    return unfit or (_forgotten(approver, wanted, facts, answer.remember) if answer.remember else None)


def _forgotten(approver: Subject, wanted: Approval, facts: Facts, remember: Remember) -> Deny | None:
    """Why a yes is not remembered: it would count for calls to which nobody agreed, or nobody may."""
    missing = [name for name in remember.by if name not in wanted.call.arguments.value]
    if missing:
        return Deny("remember", f"the call has no argument `{missing[0]}` by which it could be remembered")
    if remember.scope == "client" and not wanted.client:
        return Deny("remember", "no client made this call: remember it for its run, or until a date")
    if terms_of(wanted.call, facts).needs > 1 or wanted.needs > 1:
        return Deny("remember", "where several people must agree, they agree to each call")
    if not may_remember(wanted.call, facts):
        return Deny("remember", "a yes to this call counts once, unless an `o` line says `remember=yes`")
    if not isinstance(may_agree(approver, wanted.call, facts), Allow):
        return Deny("remember", "what somebody agrees to in another's place, or after an escalation, counts once")
    return None


def _unfit(wanted: Approval, facts: Facts) -> Deny | None:
    """Why the changed call could not be made: its arguments do not fit the tool, or a line denies it."""
    thing = facts.thing(wanted.call)
    wrong = violation(thing, wanted.call.arguments) if isinstance(thing, Tool) else None
    if wrong:
        return Deny("valid", wrong)
    decision = facts.policy.decide(query_of(wanted.call, facts))
    return Deny("permitted", decision.why, decision.rule) if decision.effect == "deny" else None
