"""A run is ended by somebody who does not drive it. The caller begins and commits.

Where its driver is gone, what he had under way counts as made, in the same transaction: nobody comes who would settle
it. A driver who lives does so himself; until he has, the run is *unsettled*, for he may be gone before. Then whoever
comes by does it in his place: he is fenced off, so that he can record nothing more, what he had reserved counts as
spent, and what he had under way is in doubt. On his machine he is seen to be dead; elsewhere his lease has to be over,
and to stay so for a while: when a store was away, all leases are over and nobody has died.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.budget import Spend
from gateway.doubts import lost, questions
from gateway.events import Cancelled, Event, Recorded
from gateway.standing import Held, held_back
from gateway.store import Change, Lease, Settle, run_account
from gateway.store.lease import is_dead, owner_name
from gateway.store.ledger import Ledger
from gateway.store.legible import readable
from gateway.store.transactions import Append, Bid, acquire, append, release
from gateway.transitions import after

__all__ = ["STOPPED", "UNSETTLED", "Left", "bereft", "is_settled", "settle", "stop", "sweep"]

STOPPED = "SELECT run_id FROM unsettled"
UNSETTLED = "SELECT 1 FROM unsettled WHERE run_id = ?"
_LEFT = (
    "SELECT runs.id, runs.owner, runs.lease_until, runs.driver, unsettled.noticed FROM unsettled"
    " JOIN runs ON runs.id = unsettled.run_id"
)
_NOTICED = "UPDATE unsettled SET noticed = ? WHERE run_id = ?"
_SETTLED = "DELETE FROM unsettled WHERE run_id = ?"
# Milliseconds in which whoever lives has renewed his lease, by who drives: see `worker.CALM` and `orphans.BEAT`.
_CALM: Mapping[str, int] = {"loop": 4_000, "client": 300_000}


@dataclass(frozen=True, slots=True)
class Left:
    """What is done about a run whose driver is gone: the right to drive it, so that he records nothing more; the ends
    of what he had under way, which may follow when it has ended; and what settles what he had reserved.
    """

    lease: Lease | None = None
    ends: Sequence[Event] = ()
    changes: Sequence[Change] = ()


def stop(db: Ledger, run_id: str, event: Cancelled, now: int) -> None:
    """Ends a run. Raises UnknownRun, and IllegalEvent when it has ended."""
    standing = db.run(run_id)
    if standing is not None:
        after(standing.status, event)
    left = bereft(db, run_id, now)
    append(db, Append(run_id, [event, *left.ends], left.lease, left.changes), now)


def bereft(db: Ledger, run_id: str, now: int) -> Left:
    """What ends a run with it whose driver is gone. Nothing for one that somebody drives.

    Events that can't be read settle nothing, and keep nobody from ending their run.

    An agent's run that nobody drives may have calls under way all the same: whoever drove it was interrupted, or was
    found dead. A client's has none.
    """
    row = db.execute("SELECT owner, lease_until, driver FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        return Left()
    owner, until, driver = row
    if owner is None:
        return _left(db, run_id) if driver == "loop" else Left()
    if until > now and not is_dead(owner):
        return Left()
    return _left(db, run_id, acquire(db, Bid(run_id, owner_name(), owner, 0.0), now))


def sweep(db: Ledger, now: int) -> None:
    """Settles what was under way in runs that were ended meanwhile, where whoever drove them is gone."""
    for row in db.execute(_LEFT).fetchall():
        if _is_gone(db, row, now):
            settle(db, row[0], now)


def is_settled(db: Ledger, run_id: str, now: int) -> bool:
    """Whether nothing more comes of a run that has ended: else somebody who lives is still at it."""
    row = db.execute(f"{_LEFT} WHERE runs.id = ?", (run_id,)).fetchone()
    if row is None:
        return True
    if _is_gone(db, row, now):
        settle(db, run_id, now)
    elif held_back(_events(db, run_id)):
        return False
    db.execute(_SETTLED, (run_id,))
    return True


def settle(db: Ledger, run_id: str, now: int) -> None:
    """What is still under way in a run is lost, and counts as made. Nothing in one that is not unsettled, except in a
    client's that has not ended. Whoever drives it is gone.
    """
    row = db.execute("SELECT owner, driver, status FROM runs WHERE id = ?", (run_id,)).fetchone()
    open_one = row is not None and row[1:] == ("client", "running")
    if row is None or not (open_one or db.execute(UNSETTLED, (run_id,)).fetchone()):
        return
    lease = acquire(db, Bid(run_id, owner_name(), row[0], 0.0), now)
    left = _left(db, run_id, lease)
    append(db, Append(run_id, left.ends, lease, left.changes), now)
    if lease is not None:
        release(db, lease)
    db.execute(_SETTLED, (run_id,))


def _is_gone(db: Ledger, row: tuple[str, str | None, int, str, int | None], now: int) -> bool:
    run_id, owner, until, driver, noticed = row
    if owner is None or is_dead(owner):
        return True
    if until > now:
        return False
    if noticed is not None and until <= noticed <= now:
        return noticed + _CALM[driver] <= now
    db.execute(_NOTICED, (now, run_id))
    return False


def _left(db: Ledger, run_id: str, lease: Lease | None = None) -> Left:
    events = _events(db, run_id)
    held = held_back(events)
    return Left(lease, lost(held, questions(events)), _settled(run_id, held))


def _events(db: Ledger, run_id: str) -> Sequence[Recorded]:
    rows = db.execute("SELECT seq, at, body FROM events WHERE run_id = ? ORDER BY seq", (run_id,)).fetchall()
    return readable(run_id, rows)


def _settled(run_id: str, held: Held) -> Sequence[Change]:
    found: list[Change] = []
    for own, others in held.values():
        found.append(Settle(run_account(run_id), own, own))
        found += [Settle(name, Spend.from_json(told), Spend.from_json(told)) for name, told in others.items()]
    return found
