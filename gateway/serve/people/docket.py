"""The questions that somebody may see, which are those that he may decide and those that he has asked; and his answer.

Of all others there is no word: whoever guesses an id is told the same as for one that is not there.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.answer import Answer
from gateway.approval import Approval
from gateway.approving import Approving, Choices
from gateway.call import Allow, Deny, Subject
from gateway.errors import Conflict, UnknownApproval, Unreadable
from gateway.notice import short
from gateway.preview import Background
from gateway.store.legible import left_out

__all__ = ["MOST", "Docket", "Refused", "Shown"]

MOST = 1_000  # open questions that are looked through


@dataclass(frozen=True, slots=True)
class Shown:
    """`may`: whether whoever sees it may decide it now, and what he can say beside yes and no, if it was looked at;
    `known` is what is known beside it, as well.
    """

    approval: Approval
    may: bool
    known: Background | None = None
    choices: Choices | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an answer was not taken, with the HTTP status that says so."""

    status: int
    why: str
    rule: str | None = None


_NOT_THERE = Refused(404, "there is no such approval, or it is not yours to see")
_ANOTHER = Refused(409, "the call is not the one that you were shown; look at it again")


@dataclass(frozen=True, slots=True)
class Docket:
    """A subject here has no agent."""

    approving: Approving

    def now(self) -> int:
        """By which somebody counts who says until when a yes is good."""
        return self.approving.store.now()

    async def open(self, subject: Subject) -> Sequence[Shown]:
        """The oldest first; what is known beside each call is for whoever looks at that one."""
        found = []
        for approval in await self.approving.waiting(limit=MOST):
            if approval.tenant == subject.tenant and (shown := await self._looked_at(approval, subject)) is not None:
                found.append(shown)
            await asyncio.sleep(0)  # calls come first
        return found

    async def one(self, subject: Subject, approval_id: str) -> Shown | None:
        """Also one that is over. Only by its whole id."""
        try:
            approval = await self.approving.store.approval(approval_id)
        except (UnknownApproval, Unreadable):
            return None
        if approval.id != approval_id or approval.tenant != subject.tenant:
            return None
        shown = await self._looked_at(approval, subject)
        if shown is None:
            return None
        choices = await self.approving.choices(subject, approval) if shown.may else Choices()
        return replace(shown, known=await self.approving.background(approval), choices=choices)

    async def draft(self, subject: Subject, approval_id: str, answer: Answer) -> Shown | Refused:
        """The question as this answer would leave its call, for somebody to look at before he gives it."""
        shown = await self.one(subject, approval_id)
        if shown is None:
            return _NOT_THERE
        if answer.seen != shown.approval.digest:
            return _ANOTHER
        drafted = await self.approving.draft(subject, shown.approval, answer)
        return _no(drafted) if isinstance(drafted, Deny) else replace(shown, approval=drafted)

    async def take(self, subject: Subject, approval_id: str, answer: Answer) -> Approval | Refused:
        """`answer.seen` is the digest of the call that he was shown: another one is not answered."""
        await self.approving.store.expire()
        shown = await self.one(subject, approval_id)
        if shown is None:
            return _NOT_THERE
        if answer.seen != shown.approval.digest:
            return _ANOTHER
        try:
            taken = await self.approving.answer(subject, approval_id, answer)
        except Conflict as error:
            return Refused(409, str(error))
        return _no(taken) if isinstance(taken, Deny) else taken

    async def _looked_at(self, approval: Approval, subject: Subject) -> Shown | None:
        try:
            may = isinstance(await self.approving.may_decide(subject, approval), Allow)
        except Unreadable as error:  # what its run has done can't be judged
            left_out(error)
            return None
        if not may and not _asked(approval, subject):
            return None
        return Shown(approval, may and approval.state == "pending")


def _no(denied: Deny) -> Refused:
    """He may not decide, or nobody can decide so."""
    if denied.gate == "approver":
        return Refused(403, f"you may not decide this: {denied.why}", short(denied.rule))
    return Refused(422, f"nobody can answer so: {denied.why}", short(denied.rule))


def _asked(approval: Approval, subject: Subject) -> bool:
    return (approval.user, approval.tenant) == (subject.user, subject.tenant)
