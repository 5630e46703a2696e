"""A run is ended by somebody who does not drive it. The caller begins and commits.

Where its driver is gone, what he had under way counts as made, in the same transaction: nobody comes who would settle
it. A driver who lives does so himself.
"""

from collections.abc import Sequence

from gateway.budget import Spend
from gateway.events import Cancelled
from gateway.standing import held_back
from gateway.store import Change, Lease, Settle, run_account
from gateway.store.lease import is_dead, owner_name
from gateway.store.ledger import Ledger
from gateway.store.legible import readable
from gateway.store.transactions import Append, Bid, acquire, append
from gateway.transitions import after

__all__ = ["bereft", "stop"]


def stop(db: Ledger, run_id: str, event: Cancelled, now: int) -> None:
    """Ends a run. Raises UnknownRun, and IllegalEvent when it has ended."""
    standing = db.run(run_id)
    if standing is not None:
        after(standing.status, event)
    lease, settle = bereft(db, run_id, now)
    append(db, Append(run_id, [event], lease, settle), now)


def bereft(db: Ledger, run_id: str, now: int) -> tuple[Lease | None, Sequence[Change]]:
    """What ends a run with it whose driver is gone: the right to drive it, so that he records nothing more, and what
    settles what he had reserved. Nothing for one that somebody drives.

    Events that can't be read settle nothing, and keep nobody from ending their run.

    An agent's run that nobody drives may have calls under way all the same: whoever drove it was interrupted, or was
    found dead. A client's has none.
    """
    row = db.execute("SELECT owner, lease_until, driver FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        return None, []
    owner, until, driver = row
    if owner is None:
        return None, _settled(db, run_id) if driver == "loop" else []
    if until > now and not is_dead(owner):
        return None, []
    return acquire(db, Bid(run_id, owner_name(), owner, 0.0), now), _settled(db, run_id)


def _settled(db: Ledger, run_id: str) -> Sequence[Change]:
    rows = db.execute("SELECT seq, at, body FROM events WHERE run_id = ? ORDER BY seq", (run_id,)).fetchall()
    found: list[Change] = []
    for own, others in held_back(readable(run_id, rows)).values():
        found.append(Settle(run_account(run_id), own, own))
        found += [Settle(name, Spend.from_json(told), Spend.from_json(told)) for name, told in others.items()]
    return found
