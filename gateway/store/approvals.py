"""Approvals in the store: the row, and what happens to it together with an append. The caller begins and commits.

Every change is one statement that says from which state it leads: of any number that come at once one finds it there.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gateway.approval import Approval, Vote
from gateway.errors import Conflict, TooManyQuestions
from gateway.store import Conclude, Consume, Open, Restore
from gateway.store.ledger import Ledger

__all__ = ["SELECT", "SELECTED", "add", "approval", "conclude", "consume", "put", "restore", "rewrite"]

SELECTED = tuple(Approval.__dataclass_fields__)
SELECT = f"SELECT {', '.join(SELECTED)} FROM approvals"  # noqa: S608 - columns of our own dataclass
_MARKS = ", ".join("?" * len(SELECTED))
_INSERT = f"INSERT INTO approvals ({', '.join(SELECTED)}) VALUES ({_MARKS}) ON CONFLICT DO NOTHING"  # noqa: S608 - as above
# A question that is too old, or was about another tool of that name, or needed fewer people, makes room for this one;
# so does a yes that was given under another policy.
_MAKE_ROOM = """
UPDATE approvals SET state = CASE WHEN expires <= :now THEN 'expired' ELSE 'cancelled' END
WHERE claim = :claim AND state IN ('pending', 'approved')
  AND (expires <= :now OR pin <> :pin OR server_pin <> :server_pin OR needs < :needs
       OR (digest <> :digest AND asked_for IS NULL) OR (state = 'approved' AND policy <> :policy))
"""
_GIVE_WAY = "UPDATE approvals SET state = 'cancelled' WHERE id = ? AND state IN ('pending', 'approved')"
_OPEN_OF_RUN = "SELECT count(*) FROM approvals WHERE state = 'pending' AND run_id = ? AND expires > ?"
_CONSUME = """
UPDATE approvals SET state = 'consumed', consumed_at = :now WHERE id = :id AND state = 'approved' AND expires > :now
"""
_RESTORE = """
UPDATE approvals SET state = 'approved', consumed_at = NULL, claim = :claim
WHERE id = :id AND state IN ('approved', 'consumed')
  AND NOT EXISTS (SELECT 1 FROM approvals AS other
    WHERE other.claim = :claim AND other.id <> :id AND other.state IN ('pending', 'approved'))
"""

_WRITTEN: Mapping[str, Callable[[Any], Any]] = {
    "decisions": lambda votes: json.dumps([asdict(vote) for vote in votes]),
    "risk": json.dumps,
    "reasons": json.dumps,
}
_READ: Mapping[str, Callable[[str], Any]] = {
    "decisions": lambda text: tuple(Vote(**vote) for vote in json.loads(text)),
    "risk": lambda text: tuple(json.loads(text)),
    "reasons": lambda text: tuple(json.loads(text)),
}


def approval(row: Sequence[Any]) -> Approval:
    told = dict(zip(SELECTED, row, strict=True))
    return Approval(**{name: _READ[name](item) if name in _READ else item for name, item in told.items()})


def _row(asked: Approval) -> dict[str, Any]:
    told = {name: getattr(asked, name) for name in SELECTED}
    return {name: _WRITTEN[name](item) if name in _WRITTEN else item for name, item in told.items()}


def rewrite(db: Ledger, asked: Approval, *names: str) -> None:
    """Writes these columns of an approval that was read in the same transaction."""
    row = _row(asked)
    marks = ", ".join(f"{name} = ?" for name in names)
    db.execute(f"UPDATE approvals SET {marks} WHERE id = ?", (*(row[name] for name in names), asked.id))  # noqa: S608


def add(db: Ledger, asked: Approval) -> bool:
    """Writes a new one as it is; False where one of its id, or an open one of its claim, is there."""
    return db.execute(_INSERT, tuple(_row(asked).values())).rowcount == 1


def put(db: Ledger, change: Open, now: int) -> None:
    """Raises Conflict where the same question stands, and TooManyQuestions."""
    row = _row(change.approval)
    if change.instead is not None:
        db.execute(_GIVE_WAY, (change.instead,))
    db.execute(
        _MAKE_ROOM,
        {name: row[name] for name in ("claim", "pin", "server_pin", "needs", "digest", "policy")} | {"now": now},
    )
    if change.most is not None and db.execute(_OPEN_OF_RUN, (change.approval.run_id, now)).fetchone()[0] >= change.most:
        raise TooManyQuestions(change.most)
    if not add(db, change.approval):
        raise Conflict("this question has been put already")


def consume(db: Ledger, change: Consume, now: int) -> None:
    """Raises Conflict for what is not approved any more."""
    if db.execute(_CONSUME, {"id": change.approval_id, "now": now}).rowcount != 1:
        raise Conflict(f"approval `{change.approval_id}` has been used, or has expired")


def conclude(db: Ledger, change: Conclude, _now: int) -> None:
    db.execute("UPDATE approvals SET result_digest = ? WHERE id = ?", (change.digest, change.approval_id))


def restore(db: Ledger, change: Restore, _now: int) -> None:
    db.execute(_RESTORE, {"claim": change.claim, "id": change.approval_id})
