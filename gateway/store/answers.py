"""What people say to a question, counted; and what the clock says. The caller begins and commits.

A vote that completes the answer changes the state of the approval and leaves `Decided` in its run, together.
"""

from dataclasses import replace
from typing import Literal

from gateway.approval import Approval, Terms, Vote
from gateway.errors import Conflict, IllegalEvent, UnknownRun
from gateway.events import Cancelled, Decided, Event
from gateway.lasting import remembered
from gateway.preview import digest_of, preview
from gateway.run import ENDED
from gateway.store.approvals import found, rewrite
from gateway.store.gone import Left, bereft
from gateway.store.lasting import keep
from gateway.store.ledger import Ledger
from gateway.store.transactions import Append, append

__all__ = ["decide", "expire", "withdraw"]

_VOTED = ("decisions", "needs", "policy", "escalates", "arguments", "digest", "asked_for", "preview_digest", "reasons")


def decide(db: Ledger, approval_id: str, vote: Vote, terms: Terms) -> Approval:
    """Returns the question, with this vote: still open if more people must agree. Raises Conflict."""
    asked = _open(found(db, approval_id), vote.at)
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
    asked = found(db, approval_id)
    if asked.state not in ("pending", "approved"):
        return False
    append(db, Append(asked.run_id, [Decided(asked.key, asked.id, "withdrawn", by, reason)]), now)
    rewrite(db, replace(asked, state="cancelled"), "state")
    return True


def expire(db: Ledger, now: int) -> int:
    """Says how many. A question whose run can't hear the answer is closed too: it must not keep the others open."""
    late = db.execute("SELECT id FROM approvals WHERE state = 'pending' AND expires <= ?", (now,)).fetchall()
    for (approval_id,) in late:
        asked = replace(found(db, approval_id), state="expired")
        try:
            append(db, Append(asked.run_id, [Decided(asked.key, asked.id, "expired", "the clock")]), now)
        except (IllegalEvent, UnknownRun):  # raised before anything was written
            rewrite(db, asked, "state")
            continue
        rewrite(db, replace(asked, decided_by="the clock", decided_at=now), "state", "decided_by", "decided_at")
    return len(late)
