"""What a webhook has still to be told about the approvals of one tenant. The caller begins and commits.

A question is told when it is put, each time that somebody has agreed to it, perhaps with other arguments, and others
must still do so, when it goes up, and when it is over. A message says how things stand when it is sent.

Nothing is put here on the path of a call: the approvals themselves say what has to be told, whoever made or answered
them, in whichever process, and before whichever crash. Here stands only how far the telling has come. Whoever takes a
message has it for a while; if he dies, another one takes it: it is told at least once.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from gateway.store.ledger import Ledger
from gateway.store.policies import Access
from gateway.store.told import BROKEN

__all__ = ["LEASE", "Delivery", "Outbox", "What"]

What = Literal["approval.requested", "approval.changed", "approval.escalated", "approval.decided"]

LEASE = 45_000  # milliseconds that whoever took a message has to deliver it
_AT_ONCE = 20

_NEW = """
INSERT INTO deliveries (approval_id, event, tenant, due)
SELECT id, 'approval.requested', tenant, :now FROM approvals
WHERE state = 'pending' AND tenant = :tenant AND expires > :now
ON CONFLICT DO NOTHING
"""
_OVER = """
INSERT INTO deliveries (approval_id, event, tenant, due)
SELECT told.approval_id, 'approval.decided', told.tenant, :now FROM deliveries AS told
JOIN approvals ON approvals.id = told.approval_id
WHERE told.event = 'approval.requested' AND told.tenant = :tenant AND approvals.state <> 'pending'
ON CONFLICT DO NOTHING
"""
_TOLD = (
    "FROM approvals JOIN deliveries AS told ON told.approval_id = approvals.id AND told.event = 'approval.requested'"
)
_GOES_UP = f"""{_TOLD}
WHERE told.tenant = :tenant AND approvals.state = 'pending' AND approvals.escalate_to IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM deliveries AS other WHERE other.approval_id = approvals.id AND other.event = 'approval.escalated')
"""  # noqa: S608 - words of our own
_UP = f"""
INSERT INTO deliveries (approval_id, event, tenant, due)
SELECT approvals.id, 'approval.escalated', told.tenant, :now {_GOES_UP} AND approvals.escalates <= :now
ON CONFLICT DO NOTHING
"""
# One at a time: what changes meanwhile is told when that one was taken.
_AGREED = f"""
SELECT approvals.id, approvals.decisions {_TOLD}
WHERE told.tenant = :tenant AND approvals.state = 'pending' AND approvals.decisions <> '[]' AND NOT EXISTS (
  SELECT 1 FROM deliveries AS other
  WHERE other.approval_id = approvals.id AND other.event LIKE 'approval.changed.%' AND other.done = 0)
"""  # noqa: S608 - words of our own
_CHANGED = """
INSERT INTO deliveries (approval_id, event, tenant, due) VALUES (:id, :event, :tenant, :now) ON CONFLICT DO NOTHING
"""
_DUE = """
SELECT approval_id, event, attempts FROM deliveries AS mine WHERE tenant = :tenant AND done = 0 AND due <= :now
AND NOT EXISTS (SELECT 1 FROM deliveries AS first
  WHERE first.approval_id = mine.approval_id AND first.done = 0 AND first.event <> mine.event
  AND (first.event = 'approval.requested' OR mine.event = 'approval.decided'))
ORDER BY due, approval_id LIMIT :most
"""
_NEXT = f"""
SELECT min(due) FROM (SELECT due FROM deliveries WHERE tenant = :tenant AND done = 0
  UNION ALL SELECT approvals.escalates AS due {_GOES_UP}) AS coming
""".replace(":tenant", "?")  # noqa: S608 - words of our own
_TAKE = "UPDATE deliveries SET attempts = attempts + 1, due = ? WHERE approval_id = ? AND event = ?"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message that is to be sent now. `event` is what is told, and which change it is; `attempt` counts from 1."""

    approval_id: str
    event: str
    attempt: int

    @property
    def what(self) -> What:
        return "approval.changed" if self.event.startswith("approval.changed.") else self.event  # type: ignore[return-value] # no other is put there


class Outbox:
    """Every method may raise StoreError. Times are milliseconds since 1970."""

    def __init__(self, access: Access, tenant: str) -> None:
        self._access, self._tenant = access, tenant

    async def take(self) -> Sequence[Delivery]:
        """Those that are due, the oldest first: nobody else gets them for the time of LEASE."""
        return await self._access.write(lambda db: _take(db, self._tenant, self._access.now()))

    async def sent(self, delivery: Delivery) -> None:
        """It was taken, or is given up. After the last one nothing is left of the approval here."""
        await self._access.write(lambda db: _sent(db, delivery))

    async def put_off(self, delivery: Delivery, milliseconds: int) -> None:
        due = self._access.now() + milliseconds
        row = (due, delivery.approval_id, delivery.event)
        sql = "UPDATE deliveries SET due = ? WHERE approval_id = ? AND event = ?"
        await self._access.write(lambda db: db.execute(sql, row))

    async def next_due(self) -> int | None:
        """When one that was put off is to be sent again, or a question goes up."""
        mine = self._tenant
        rows: Sequence[Any] = await self._access.reading(lambda: self._access.read(_NEXT, mine, mine))
        return rows[0][0] if rows else None


def _take(db: Ledger, tenant: str, now: int) -> list[Delivery]:
    for sql in (_NEW, _UP, _OVER):
        db.execute(sql, {"tenant": tenant, "now": now})
    _put_changes(db, tenant, now)
    rows = db.execute(_DUE, {"tenant": tenant, "now": now, "most": _AT_ONCE}).fetchall()
    for approval_id, event, _ in rows:
        db.execute(_TAKE, (now + LEASE, approval_id, event))
    return [Delivery(approval_id, event, attempts + 1) for approval_id, event, attempts in rows]


def _put_changes(db: Ledger, tenant: str, now: int) -> None:
    for approval_id, decisions in db.execute(_AGREED, {"tenant": tenant}).fetchall():
        agreed = _agreed(decisions)
        if agreed:
            event = f"approval.changed.{agreed}"
            db.execute(_CHANGED, {"id": approval_id, "event": event, "tenant": tenant, "now": now})


def _agreed(decisions: str) -> int:
    """How many have agreed; nobody, where that can't be read."""
    try:
        return sum(vote["decision"] == "approved" for vote in json.loads(decisions))
    except BROKEN:
        return 0


def _sent(db: Ledger, delivery: Delivery) -> None:
    if delivery.event == "approval.decided":
        db.execute("DELETE FROM deliveries WHERE approval_id = ?", (delivery.approval_id,))
    else:
        db.execute(
            "UPDATE deliveries SET done = 1 WHERE approval_id = ? AND event = ?",
            (delivery.approval_id, delivery.event),
        )
