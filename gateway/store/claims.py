"""A worker takes a job up, and lays it down. The caller begins and commits.

One transaction chooses the job, takes the lease of its run and notes that it is taken: two workers never have the same
one. A worker that died leaves its job taken, with a lease that runs out: whoever claims next finds it, and puts it back
into its place. So there is nobody whose work it is to sweep.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.job import Job, choose, pause
from gateway.run import ENDED
from gateway.store import Claim, Lease
from gateway.store.jobs import COLUMNS
from gateway.store.ledger import Ledger
from gateway.store.transactions import Bid, lent, release

__all__ = ["COMING", "HEADS", "READY", "TAKEN", "claim", "lay_down", "put_off", "ready"]

SOON = 200  # milliseconds that a run rests at least: the clocks of its driver and of the store may differ
LOOK_AGAIN = 1_000  # milliseconds until a job is looked at again that somebody drives who is no worker

COMING = (
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM jobs WHERE state = 'ready' AND taken = 0) THEN 0"
    " ELSE (SELECT min(ready) FROM jobs WHERE state = 'later' AND taken = 0) END"
)
TAKEN = (
    f"SELECT {COLUMNS}, runs.owner, runs.lease_until, jobs.attempts FROM jobs"  # noqa: S608 - columns of our own
    " JOIN runs ON runs.id = jobs.run_id WHERE jobs.taken = 1"
)
_LEASE = "runs.owner, runs.epoch, runs.lease_until"
_ONE = f"SELECT {COLUMNS}, {_LEASE} FROM jobs JOIN runs ON runs.id = jobs.run_id"  # noqa: S608 - columns of our own
# From each lane to the next, by the index: what a claim costs does not grow with how many wait in a lane.
HEADS = f"""
WITH RECURSIVE lanes (lane) AS (
  SELECT min(lane) FROM jobs WHERE state = 'ready' AND taken = 0
  UNION ALL
  SELECT (SELECT min(lane) FROM jobs WHERE state = 'ready' AND taken = 0 AND lane > lanes.lane)
  FROM lanes WHERE lanes.lane IS NOT NULL
), heads (place) AS (
  SELECT (SELECT min(place) FROM jobs WHERE state = 'ready' AND taken = 0 AND lane = lanes.lane)
  FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT {COLUMNS}, {_LEASE} FROM heads JOIN jobs ON jobs.place = heads.place JOIN runs ON runs.id = jobs.run_id
"""  # noqa: S608 - columns of our own
READY = f"SELECT {COLUMNS} FROM jobs WHERE state = 'ready' AND taken = 0 ORDER BY lane, place LIMIT ?"  # noqa: S608 - as above
_DUE = "UPDATE jobs SET state = 'ready' WHERE state = 'later' AND taken = 0 AND ready <= ?"
_TAKE = "UPDATE jobs SET taken = 1, attempts = attempts + 1 WHERE run_id = ?"
# One that was paused before it had begun stands aside, whoever had it.
_LATER = (
    "UPDATE jobs SET taken = 0, state = CASE WHEN state = 'aside' THEN state ELSE 'later' END, ready = ?"
    " WHERE run_id = ?"
)
_LET_GO = "UPDATE runs SET owner = NULL, lease_until = 0 WHERE id = ?"
_LAY_DOWN = (
    "UPDATE jobs SET taken = 0, attempts = 0, state = CASE WHEN state = 'aside' THEN state ELSE ? END, ready = ?"
    " WHERE run_id = ?"
)
_TURN = (
    "INSERT INTO turns (tenant, last) VALUES (?, (SELECT coalesce(max(last), 0) + 1 FROM turns))"
    " ON CONFLICT (tenant) DO UPDATE SET last = excluded.last"
)


@dataclass(frozen=True, slots=True)
class _Head:
    job: Job
    lease: tuple[str | None, int, int]  # its owner, his epoch, and until when he has it


def claim(db: Ledger, wish: Claim, now: int) -> Lease | None:
    """The right to drive the run that is next, if there is one that may be begun."""
    under_way = _under_way(db, wish, now)
    db.execute(_DUE, (now,))
    while True:
        heads = {head.job: head.lease for head in _heads(db, wish)}
        job = choose(list(heads), under_way, wish.slots, _turns(db, {job.tenant for job in heads}))
        if job is None:
            return None
        lease = _acquired(db, wish, job, heads[job], now)
        if lease is not None:
            db.later(_TAKE, (job.run_id,))
            db.later(_TURN, (job.tenant,))
            return lease
        db.execute(_LATER, (now + LOOK_AGAIN, job.run_id))


def _acquired(db: Ledger, wish: Claim, job: Job, standing: tuple[str | None, int, int], now: int) -> Lease | None:
    """Not what somebody drives who is no worker (`toolgate resume`): he too may only be cut off for a moment."""
    owner = standing[0]
    gone = owner if owner and wish.dead(owner) else None
    if owner and gone is None and not wish.takes_over:
        return None
    return lent(db, Bid(job.run_id, wish.owner, gone, wish.seconds), standing, now)


def ready(db: Ledger, wish: Claim, most: int, now: int) -> Sequence[Job]:
    """So many of those that may be begun, by priority; each of them may be claimed by somebody else meanwhile."""
    _under_way(db, wish, now)
    db.execute(_DUE, (now,))
    return [Job(*columns) for columns in db.execute(READY, (most,)).fetchall()]


def lay_down(db: Ledger, lease: Lease, seen: int, until: int | None, now: int) -> None:
    """Who drove the run as far as it goes, to the event `seen`, lets go of it.

    One that waits or is paused rests, from then on, or until a moment; but what came after `seen` he did not look at.
    One that could not begin, because it is not its turn in its session, is looked at again in a while. Nothing changes
    when it was not his any more.
    """
    standing = db.run(lease.run_id)
    if standing is None or (standing.owner, standing.epoch) != (lease.owner, lease.epoch):
        return
    release(db, lease)
    if standing.status in ENDED:
        return
    if standing.status == "queued":
        db.execute(_LAY_DOWN, ("later", now + LOOK_AGAIN, lease.run_id))
        return
    rests = standing.status in ("waiting", "paused") and standing.seq == seen
    state = "ready" if not rests else "rests" if until is None else "later"
    moment = now if until is None else max(until, now + SOON)
    db.execute(_LAY_DOWN, (state, moment if state == "later" else now, lease.run_id))


def put_off(db: Ledger, lease: Lease, most: int, now: int) -> None:
    """Who can do nothing with the run lets go of it: it is begun again in a while, longer each time."""
    standing = db.run(lease.run_id)
    if standing is None or (standing.owner, standing.epoch) != (lease.owner, lease.epoch):
        return
    release(db, lease)
    row = db.execute("SELECT attempts FROM jobs WHERE run_id = ?", (lease.run_id,)).fetchone()
    if row is not None:
        db.execute(_LATER, (now + pause(row[0] + 1, most), lease.run_id))


def _under_way(db: Ledger, wish: Claim, now: int) -> Sequence[Job]:
    """The jobs that workers have; those whose worker is gone are put back."""
    jobs = []
    for *columns, owner, until, attempts in db.execute(TAKEN).fetchall():
        job = Job(*columns)
        if owner is None or wish.dead(owner) or (until <= now and wish.takes_over):
            db.execute(_LET_GO, (job.run_id,))  # also for those who can't know that its owner is dead
            db.execute(_LATER, (now + pause(attempts), job.run_id))
        else:
            jobs.append(job)
    return jobs


def _heads(db: Ledger, wish: Claim) -> Sequence[_Head]:
    """The first of each lane, as far as they are for whoever claims."""
    if wish.run_id is None:
        rows: Sequence[Any] = db.execute(HEADS).fetchall()
    else:
        one = f"{_ONE} WHERE jobs.run_id = ? AND jobs.state = 'ready' AND jobs.taken = 0"
        rows = db.execute(one, (wish.run_id,)).fetchall()
    found = [_Head(Job(*columns), (owner, epoch, until)) for *columns, owner, epoch, until in rows]
    return [head for head in found if wish.agents is None or head.job.agent in wish.agents]


def _turns(db: Ledger, tenants: set[str]) -> dict[str, int]:
    """Which turn each tenant had last."""
    if len(tenants) < 2:  # then it decides nothing
        return {}
    marks = ", ".join("?" * len(tenants))
    rows = db.execute(f"SELECT tenant, last FROM turns WHERE tenant IN ({marks})", sorted(tenants))  # noqa: S608
    return dict(rows.fetchall())
