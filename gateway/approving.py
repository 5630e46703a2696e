"""The path of an answer: who may give it is policy, and it is given once. Every channel comes through here."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.approval import Approval
from gateway.call import Deny, Subject, Verdict
from gateway.catalogue import Catalogue
from gateway.events import Decision
from gateway.gates import Facts, judge_approver
from gateway.policy import LivePolicy, RunFacts
from gateway.run import fold
from gateway.sources import extended
from gateway.store import Store

__all__ = ["Approving"]


@dataclass(frozen=True, slots=True)
class Approving:
    """Lists what waits for people, and takes their answers."""

    store: Store
    policy: LivePolicy
    catalogue: Callable[[], Catalogue]

    async def waiting(self, run_id: str | None = None, *, limit: int = 200) -> Sequence[Approval]:
        """The open questions of which the time is not over, the oldest first: of all runs, or of one."""
        await self.store.expire()
        return await self.store.approvals(run_id=run_id, limit=limit)

    async def may_decide(self, approver: Subject, approval: Approval) -> Verdict:
        """Allow or Deny, with the line that says so. What the policy asks about the run is the run as it is now."""
        return judge_approver(approver, approval, await self._facts(approval))

    async def _facts(self, approval: Approval) -> Facts:
        run = fold(approval.run_id, await self.store.events(approval.run_id))
        policy = await self.policy.settled()
        asks = policy.traces and run.driver == "loop"
        heard = await asyncio.to_thread(extended, None, run.input, run.answers) if asks else None
        so_far = RunFacts.of(run.spend, tainted=run.tainted, servers=run.servers, sources=heard)
        return Facts(self.catalogue(), policy, datetime.now(UTC), run=so_far)

    async def decide(
        self, approver: Subject, approval_id: str, decision: Decision, reason: str = ""
    ) -> Approval | Deny:
        """Answers a question: returns it answered, or why this person may not answer it.

        Raises UnknownApproval, and Conflict when somebody else was first.
        """
        approval = await self.store.approval(approval_id)
        facts = await self._facts(approval)
        verdict = judge_approver(approver, approval, facts)
        if isinstance(verdict, Deny):
            return verdict
        return await self.store.decide(approval.id, decision, approver.user, reason, facts.policy.digest)
