"""The jobs of a store, and what becomes of them with what happens in their runs. The caller begins and commits.

A job is there until its run has ended. Its `state` says what its run needs:

    ready     a worker
    later     a worker, from the moment `ready` on: it was put off, or is to begin then
    rests     nothing: it waits for people, or is paused
    behind    nothing yet: a run of the same session is before it
    aside     nothing: it was paused before it had begun, and the others of its session go past it

and `taken` that a worker has it. Nobody is told when a job becomes ready, and nobody needs to be: whatever makes it so
is in the same transaction as the event that does, by whichever process, and whoever looks afterwards finds it.

`lane` are those among which the order alone decides: of one priority, tenant, agent and model. So a claim looks at the
first of each lane, however many wait behind it.
A run that somebody ends who does not drive it, while it is driven, is *unsettled* from then on, with a job or without
(see `gone`).
"""

import json

from gateway.job import HIGHEST, Job
from gateway.run import ENDED, Status
from gateway.store.ledger import Ledger, Standing

__all__ = ["COLUMNS", "follow", "lane", "put"]

COLUMNS = "jobs.run_id, jobs.tenant, jobs.agent, jobs.model, jobs.priority, jobs.ready, jobs.session, jobs.place"

_PUT = (
    "INSERT INTO jobs (place, run_id, tenant, agent, model, priority, session, lane, state, ready)"
    " VALUES ((SELECT coalesce(max(place), 0) + 1 FROM jobs), ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_HEARD = "UPDATE jobs SET state = 'ready', ready = ? WHERE run_id = ? AND state <> 'behind'"
_ASIDE = "UPDATE jobs SET state = 'aside' WHERE run_id = ?"
_NEXT_OF_SESSION = (
    "UPDATE jobs SET state = 'later' WHERE state = 'behind'"
    " AND place = (SELECT min(place) FROM jobs WHERE session = ? AND session <> '' AND state <> 'aside')"
)
_UNSETTLED = "INSERT INTO unsettled (run_id) VALUES (?) ON CONFLICT DO NOTHING"
_RESTING: frozenset[Status] = frozenset({"waiting", "paused"})


def lane(job: Job) -> str:
    """In the order of lanes, those of higher priority come first."""
    return f"{HIGHEST - job.priority:03d}{json.dumps([job.tenant, job.agent, job.model])}"


def put(db: Ledger, job: Job) -> None:
    """A run that is new."""
    before = "SELECT 1 FROM jobs WHERE session = ? AND session <> '' AND state <> 'aside' LIMIT 1"
    behind = job.session and db.execute(before, (job.session,)).fetchone()
    state = "behind" if behind else "later" if job.ready else "ready"
    what = (job.run_id, job.tenant, job.agent, job.model, job.priority, job.session)
    db.execute(_PUT, (*what, lane(job), state, job.ready))


def follow(db: Ledger, run_id: str, before: Standing, status: Status | None, at: int | None) -> None:
    """What becomes of the job of a run, if it has one, with events that led to this status. `at` is when they came, if
    it was from outside: not by whoever drives the run.
    """
    if before.status in ENDED:
        return
    if status in ENDED and at is not None and before.owner is not None:
        db.later(_UNSETTLED, (run_id,))
    if before.driver != "loop":
        return
    if status in ENDED:
        _makes_room(db, run_id, "DELETE FROM jobs WHERE run_id = ?")
    elif at is not None and before.status == "queued" and status == "paused":
        _makes_room(db, run_id, _ASIDE)
    elif at is not None and before.status in _RESTING and status != "paused":
        db.later(_HEARD, (at, run_id))


def _makes_room(db: Ledger, run_id: str, how: str) -> None:
    """The next one of its session need not wait for it any more."""
    found = db.execute("SELECT session FROM jobs WHERE run_id = ?", (run_id,)).fetchone()
    if found is None:
        return
    db.later(how, (run_id,))
    if found[0]:
        db.later(_NEXT_OF_SESSION, (found[0],))
