"""What goes with a run into another store beside its record: its place in the queue, and the session that it is in. The
caller begins and commits.

The place goes along only with a run that moves: else workers would go on with it in both places. A session that is not
there yet is there as it was here; where one of its name is, that goes on as it was, and a run that had begun with
another memory leaves nothing in it.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.errors import Conflict, StoreError
from gateway.events import Recorded, Started, Waited
from gateway.job import HIGHEST, LOWEST, Job
from gateway.run import ENDED, Run
from gateway.session import NAME, Join, Memory
from gateway.store import jobs
from gateway.store.ledger import Ledger
from gateway.store.sessions import BEGUN, STARTED, join

__all__ = ["job_of", "put_in", "session_of"]

_LATEST = 2**53  # a moment beyond this is none
_JOB = "SELECT agent, model, priority, ready FROM jobs WHERE run_id = ?"
_SESSION = (
    "SELECT mine.name, sessions.agent, sessions.turns, sessions.memory FROM session_runs AS mine JOIN sessions"
    " ON sessions.tenant = mine.tenant AND sessions.user = mine.user AND sessions.name = mine.name"
    " WHERE mine.run_id = ?"
)
_THERE = "SELECT agent, turns, memory FROM sessions WHERE tenant = ? AND user = ? AND name = ?"
_UNDER_WAY = (
    "SELECT 1 FROM session_runs JOIN runs ON runs.id = session_runs.run_id WHERE session_runs.tenant = ?"  # noqa: S608
    " AND session_runs.user = ? AND session_runs.name = ?"
    f" AND runs.status NOT IN ('succeeded', 'failed', 'cancelled') AND {BEGUN} LIMIT 1"
)
_AS_IT_WAS = "UPDATE sessions SET turns = ?, memory = ? WHERE tenant = ? AND user = ? AND name = ?"
_RESTS = "UPDATE jobs SET state = ?, ready = ? WHERE run_id = ?"


def job_of(db: Ledger, run_id: str) -> dict[str, Any] | None:
    """Its place in the queue, as JSON."""
    row = db.execute(_JOB, (run_id,)).fetchone()
    return None if row is None else dict(zip(("agent", "model", "priority", "ready"), row, strict=True))


def session_of(db: Ledger, run_id: str) -> dict[str, Any] | None:
    """The session that it is in, with what that remembers, as JSON."""
    row = db.execute(_SESSION, (run_id,)).fetchone()
    return None if row is None else dict(zip(("name", "agent", "turns", "memory"), row, strict=True))


def put_in(db: Ledger, pack: Mapping[str, Any], run: Run, events: Sequence[Recorded], now: int) -> None:
    """Puts a run that has just come in with these events into its session and its place. Raises StoreError for what is
    neither, and Conflict for a session of its name that is another agent's.
    """
    if run.status in ENDED or run.driver != "loop":
        return
    begun = any(isinstance(each.event, Started) for each in events)
    joined = _joined(db, pack.get("session"), run, begun=begun, now=now)
    if (told := pack.get("job")) is not None:
        job = _job(told, run, joined.session if joined else "")
        jobs.put(db, job)
        heard = run.status == "waiting" and not isinstance(events[-1].event, Waited)
        if run.status in ("waiting", "paused") and not heard:
            aside = run.status == "paused" and not begun
            state = "aside" if aside else "rests" if run.wakes is None else "later"
            db.execute(_RESTS, (state, run.wakes or 0, run.id))


def _joined(db: Ledger, told: Any, run: Run, *, begun: bool, now: int) -> Join | None:
    """Where it stands in a session, if it may: one that has begun, only in a session as it knows it."""
    if told is None or not run.session:
        return None
    turns, memory = _session(told, run)
    change = Join(run.id, run.session, run.subject.user, run.subject.tenant, run.subject.agent or "")
    key = (change.tenant, change.user, change.name)
    there = db.execute(_THERE, key).fetchone()
    if there is None:
        join(db, change, now)
        db.execute(_AS_IT_WAS, (turns, memory, *key))
        return change
    if begun and (tuple(there[1:]) != (turns, memory) or db.execute(_UNDER_WAY, (*key, STARTED)).fetchone()):
        if there[0] != change.agent:
            raise Conflict(f"the session `{change.name}` is one with `{there[0]}` here; nothing was changed")
        return None
    join(db, change, now)
    return change


def _session(told: Any, run: Run) -> tuple[int, str | None]:
    match told:
        case {"name": run.session, "turns": int(turns), "memory": str() | None as memory}:
            if NAME.fullmatch(run.session) and 0 <= turns < _LATEST and not isinstance(turns, bool) and _reads(memory):
                return turns, memory
    raise StoreError("this exported run is damaged: its session is none")


def _reads(memory: str | None) -> bool:
    if memory is None:
        return True
    try:
        known = Memory.from_text(memory)
    except (ValueError, TypeError, AttributeError):
        return False
    lists = (known.messages, known.pinned, known.answers, known.servers or [])
    return all(isinstance(each, list) for each in lists) and "\0" not in memory and isinstance(json.loads(memory), dict)


def _job(told: Any, run: Run, session: str) -> Job:
    agent = (run.subject.agent or "").removeprefix("agent:")
    match told:
        case {"agent": str(name), "model": str(model), "priority": int(priority), "ready": int(ready)}:
            if name == agent and LOWEST <= priority <= HIGHEST and 0 <= ready < _LATEST and "\0" not in model:
                return Job(run.id, run.subject.tenant, agent, model, int(priority), int(ready), session)
    raise StoreError("this exported run is damaged: its place in the queue is none")
