"""When schedules have fired: each moment once, whichever process is first. The caller begins and commits.

A schedule that is seen for the first time begins then: what was before it is nobody's firing.
"""

from gateway.errors import AlreadyUsed
from gateway.store import Fire
from gateway.store.ledger import Ledger

__all__ = ["LAST", "fire", "see", "set_back"]

LAST = "SELECT last FROM firings WHERE schedule = ?"
_WAS = "SELECT id FROM runs WHERE id = ? UNION ALL SELECT run_id FROM removed WHERE run_id = ?"


def see(db: Ledger, schedule: str, now: int) -> int:
    """When it fired last, or else was seen first."""
    db.execute("INSERT INTO firings (schedule, last) VALUES (?, ?) ON CONFLICT (schedule) DO NOTHING", (schedule, now))
    last: int = db.execute(LAST, (schedule,)).fetchone()[0]
    return last


def fire(db: Ledger, change: Fire, _now: int) -> None:
    """Raises AlreadyUsed for a moment at which it has fired, or that lies before one. A clock that was set back does
    not bring back what has been.
    """
    done = db.execute(
        "UPDATE firings SET last = ? WHERE schedule = ? AND last < ?", (change.moment, change.schedule, change.moment)
    )
    if done.rowcount != 1 or db.execute(_WAS, (change.run_id, change.run_id)).fetchone():
        raise AlreadyUsed(f"{change.schedule} at {change.moment}")


def set_back(db: Ledger, schedule: str, moment: int) -> None:
    """To a moment before the one at which it fired last: when the clock that said so was wrong."""
    db.execute("UPDATE firings SET last = ? WHERE schedule = ? AND last > ?", (moment, schedule, moment))
