"""What people say to a question, counted; and what the clock says. The caller begins and commits.

A vote that completes the answer changes the state of the approval and leaves `Decided` in its run, together.
"""

from dataclasses import replace
from typing import Literal

from gateway.approval import Approval, Terms, Vote
from gateway.effects import UNDO
from gateway.errors import Conflict, IllegalEvent, UnknownApproval, UnknownRun
from gateway.events import Cancelled, Decided, Event
from gateway.lasting import remembered
from gateway.preview import digest_of, preview
from gateway.run import ENDED
from gateway.store.approvals import rewrite
from gateway.store.gone import Left, bereft
from gateway.store.lasting import keep
from gateway.store.ledger import Ledger
from gateway.store.legible import approval_in
from gateway.store.transactions import Append, append

__all__ = ["decide", "expire", "withdraw"]

_LATE = "SELECT id, run_id, key FROM approvals WHERE state = 'pending' AND expires <= ?"
_EXPIRED = "UPDATE approvals SET state = 'expired', decided_by = 'the clock', decided_at = ? WHERE id = ?"
_VOTED = ("decisions", "needs", "policy", "escalates", "arguments", "digest", "asked_for", "preview_digest", "reasons")


def decide(db: Ledger, approval_id: str, vote: Vote, terms: Terms) -> Approval:
    """Returns the question, with this vote: still open if more people must agree. Raises Conflict."""
    asked = _open(approval_in(db, approval_id), vote.at)
    if terms.seen not in (None, asked.digest):
        who = asked.decisions[-1].by if asked.decisions else "somebody"
        raise Conflict(f"the call of approval `{asked.id}` was changed meanwhile, by {who}; look at it again")
    if terms.edited is not None and vote.decision == "approved":
        asked = replace(asked.edited(terms.edited), reasons=(*asked.reasons, *terms.reasons))
    scope = terms.remember.scope if terms.remember else "once"
    asked = replace(asked, policy=terms.policy or asked.policy)
    vote = replace(vote, digest=asked.digest, policy=asked.policy, scope=scope)
    _check_new(asked, vote)
    asked = replace(asked, decisions=(*asked.decisions, vote), needs=max(asked.needs, terms.needs))
    if terms.edited is not None and vote.decision == "approved":
        asked = replace(asked, preview_digest=digest_of(preview(asked)))  # what whoever comes next is shown
    if vote.decision == "escalated":
        asked = replace(asked, escalates=min(vote.at, asked.escalates or vote.at))
    rewrite(db, asked, *_VOTED)
    if vote.decision == "denied" or (vote.decision == "approved" and len(asked.approvers) >= asked.needs):
        return _settle(db, asked, vote, terms)
    return asked


def _open(asked: Approval, now: int) -> Approval:
    if asked.state != "pending":
        by = f", by {asked.by}" if asked.by else ""
        raise Conflict(f"approval `{asked.id}` is {asked.state} already{by}")
    if asked.expires <= now:
        raise Conflict(f"approval `{asked.id}` expired before it was decided")
    return asked


def _check_new(asked: Approval, vote: Vote) -> None:
    """One person, one yes: neither twice himself, nor once more through somebody who stands for him."""
    counted = frozenset[str]().union(*(before.people for before in asked.votes))
    if vote.decision == "approved" and vote.people & counted:
        whose = " and ".join(sorted(vote.people & counted))
        left = asked.needs - len(asked.approvers)
        raise Conflict(f"the yes of {whose} counts already; {left} more must agree to approval `{asked.id}`")


def _settle(db: Ledger, asked: Approval, vote: Vote, terms: Terms) -> Approval:
    state: Literal["approved", "denied"] = "denied" if vote.decision == "denied" else "approved"
    decided = Decided(asked.key, asked.id, state, vote.by, vote.comment, terms.policy)
    standing = db.run(asked.run_id)
    ends = terms.stop and standing is not None and standing.status not in ENDED
    ends = ends and not asked.run_id.startswith(UNDO)  # a no stops the undoing for now, and not for ever
    left = bereft(db, asked.run_id, vote.at) if ends else Left()
    events: list[Event] = [decided, *([Cancelled(vote.by, vote.comment), *left.ends] if ends else [])]
    append(db, Append(asked.run_id, events, left.lease, left.changes), vote.at)
    settled = replace(asked, state=state, decided_by=vote.by, decided_at=vote.at, reason=vote.comment)
    rewrite(db, settled, "state", "decided_by", "decided_at", "reason")
    if terms.remember is not None and state == "approved":
        keep(db, remembered(settled, vote.by, terms.remember, vote.at))
    return settled


def withdraw(db: Ledger, approval_id: str, by: str, reason: str, now: int) -> bool:
    """From `pending`, or `approved` and not used, to `cancelled`, and the run's `Decided` with it."""
    row = db.execute("SELECT run_id, key, state FROM approvals WHERE id = ?", (approval_id,)).fetchone()
    if row is None:
        raise UnknownApproval(approval_id)
    run_id, key, state = row
    if state not in ("pending", "approved"):
        return False
    append(db, Append(run_id, [Decided(key, approval_id, "withdrawn", by, reason)]), now)
    db.execute("UPDATE approvals SET state = 'cancelled' WHERE id = ?", (approval_id,))
    return True


def expire(db: Ledger, now: int) -> int:
    """Says how many. A question whose run can't hear the answer is closed too: it must not keep the others open. Nor
    must one that is damaged: of each, only whose it is is looked at.
    """
    late = db.execute(_LATE, (now,)).fetchall()
    for approval_id, run_id, key in late:
        try:
            append(db, Append(run_id, [Decided(key, approval_id, "expired", "the clock")]), now)
        except (IllegalEvent, UnknownRun):  # raised before anything was written
            db.execute("UPDATE approvals SET state = 'expired' WHERE id = ?", (approval_id,))
            continue
        db.execute(_EXPIRED, (now, approval_id))
    return len(late)
