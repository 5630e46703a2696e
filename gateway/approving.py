"""The path of an answer: who may give it is policy, and it is given once. Every channel comes through here.

    look    the question as it stands, and the facts of its run now
    judge   may this person decide about this call, as he changed it, on his own or in the place of somebody who is away
    count   the store adds his vote, and settles the question if it was the last one that it needed: one transaction

An answer allows nothing by itself: the call is judged again when it is made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.approval import Approval, Said, Terms
from gateway.call import Arguments, Deny, Subject, Tool, Verdict
from gateway.catalogue import Catalogue
from gateway.gates import Facts, judge_approver, query_of, terms_of
from gateway.pipeline import CurrentPolicy
from gateway.policy import RunFacts
from gateway.run import fold
from gateway.schema import violation
from gateway.sources import extended
from gateway.store import Store

__all__ = ["Answer", "Approving"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody says to a question, and how he was known. `edited` are the arguments that he agrees to instead;
    `seen` is the digest of the call that he was shown, where his channel knows it.
    """

    decision: Said
    reason: str = ""
    method: str = ""
    edited: Arguments | None = None
    stop: bool = False
    seen: str | None = None


@dataclass(frozen=True, slots=True)
class Approving:
    """Lists what waits for people, and takes their answers."""

    store: Store
    policy: CurrentPolicy
    catalogue: Callable[[], Catalogue]

    async def waiting(self, run_id: str | None = None, *, limit: int = 200) -> Sequence[Approval]:
        """The open questions of which the time is not over, the oldest first: of all runs, or of one."""
        await self.store.expire()
        return await self.store.approvals(run_id=run_id, limit=limit)

    async def may_decide(self, approver: Subject, approval: Approval) -> Verdict:
        """Allow or Deny, with the line that says so. What the policy asks about the run is the run as it is now."""
        return judge_approver(approver, approval, await self._facts(approval))

    async def decide(self, approver: Subject, approval_id: str, decision: Said, reason: str = "") -> Approval | Deny:
        """The plain answer: yes or no to exactly what was asked. See `answer`."""
        return await self.answer(approver, approval_id, Answer(decision, reason))

    async def answer(self, approver: Subject, approval_id: str, answer: Answer) -> Approval | Deny:
        """Answers a question: returns it, still open where more people must agree; or why this person may not answer.

        Raises UnknownApproval, and Conflict when somebody else was first.
        """
        approval = await self.store.approval(approval_id)
        if answer.decision == "escalated" and approval.escalate_to is None:
            return Deny("approver", "no line says to whom this goes: write `escalate=role:...@2h` on an `o` line")
        wanted = approval if answer.edited is None else approval.edited(answer.edited)
        facts = await self._facts(wanted)
        verdict = judge_approver(approver, wanted, facts)
        wrong = verdict if isinstance(verdict, Deny) else _unfit(wanted, facts) if answer.edited else None
        if wrong is not None:
            return wrong
        return await self.store.decide(
            approval.id, answer.decision, approver.user, answer.reason, _terms(approval, wanted, facts, answer)
        )

    async def _facts(self, approval: Approval) -> Facts:
        run = fold(approval.run_id, await self.store.events(approval.run_id))
        policy = self.policy.current
        heard = extended(None, run.input, run.answers) if policy.traces and run.driver == "loop" else None
        so_far = RunFacts.of(run.spend, tainted=run.tainted, servers=run.servers, sources=heard)
        return Facts(self._known(approval), policy, datetime.now(UTC), run=so_far)

    def _known(self, approval: Approval) -> Catalogue:
        """What the servers offer; where this one is not there, its tool as it was when the question was put.

        The answer is good for that tool only, whatever there will be when the call is made.
        """
        there = self.catalogue()
        tool = approval.tool if there.find(approval.action, approval.path) is None else None
        return there if tool is None else Catalogue.of([tool])


def _terms(approval: Approval, wanted: Approval, facts: Facts, answer: Answer) -> Terms:
    needs = terms_of(wanted.call, facts).needs
    return Terms(
        answer.method, None, needs, facts.policy.digest, answer.edited, answer.stop, answer.seen or approval.digest
    )


def _unfit(wanted: Approval, facts: Facts) -> Deny | None:
    """Why the changed call could not be made: its arguments do not fit the tool, or a line denies it."""
    thing = facts.thing(wanted.call)
    wrong = violation(thing, wanted.call.arguments) if isinstance(thing, Tool) else None
    if wrong:
        return Deny("valid", wrong)
    decision = facts.policy.decide(query_of(wanted.call, facts))
    return Deny("permitted", decision.why, decision.rule) if decision.effect == "deny" else None
