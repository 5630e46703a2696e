"""A run as one JSON value, to be taken from one store into another: its events, its approvals and tasks, its account,
the session that it is in, and its place in the queue if it moves. Who drives it does not go along. It is read at one
moment, and put in whole or not at all.

A run that moves away ends in the store that it leaves, at exactly the event that was written down last: so it is never
driven in two places. It may move back: the file then begins with all that is on record here, and goes on with what came
elsewhere, in the place of the word that it had left. What it has done is undone where it is now; what a copy of it has,
where it was copied from.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any

from gateway.approval import Approval
from gateway.budget import Limits
from gateway.effects import UNDO, undo_run
from gateway.errors import Conflict, StoreError, UnknownRun
from gateway.events import Cancelled, Event, Imported, LimitsRaised, Queued, Recorded
from gateway.run import ENDED, Run, fold
from gateway.store import run_account, title_of
from gateway.store.approvals import add
from gateway.store.arriving import Luggage, luggage
from gateway.store.belongings import job_of, put_in, session_of
from gateway.store.gone import bereft
from gateway.store.lease import is_dead
from gateway.store.ledger import Ledger
from gateway.store.told import BROKEN, NAME, events_of
from gateway.store.transactions import Append, append
from gateway.task import Task, is_run_of_task
from gateway.visible import shortened, visible

__all__ = ["VERSION", "moved", "packed", "unpacked"]

VERSION = 1
_WHAT = "toolgate run"
_BY = "import"  # who has lowered the limits of a run that came in
_FREE = Limits()
_AHEAD = 86_400_000  # milliseconds that the clock may be ahead with which it was written
_HOW_BACK = "it comes back with the file that `toolgate runs export --move` writes where it is"
_TABLES: Mapping[str, tuple[str, ...]] = {
    "approvals": tuple(Approval.__dataclass_fields__),
    "tasks": tuple(Task.__dataclass_fields__),
}
_RUN = (
    "INSERT INTO runs (id, status, driver, user, tenant, agent, title, created, updated, seq)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)"
)
_GOES_ON = "UPDATE runs SET status = ?, updated = ? WHERE id = ?"  # who drove it before it left stays shut out
_WHAT_LEFT = (  # what it brings along takes the place of these
    "DELETE FROM deliveries WHERE approval_id IN (SELECT id FROM approvals WHERE run_id = ?)",
    "DELETE FROM approvals WHERE run_id = ?",
    "DELETE FROM tasks WHERE run_id = ?",
    "DELETE FROM session_runs WHERE run_id = ?",
)
_BOOKED = "SELECT unit, used, reserved FROM accounts WHERE account = ?"
_TASK = f"INSERT INTO tasks ({', '.join(_TABLES['tasks'])}) VALUES ({', '.join('?' * len(_TABLES['tasks']))})"  # noqa: S608


def packed(db: Ledger, run_id: str, now: int, *, force: bool = False, moves: bool = False) -> dict[str, Any]:
    """The run as it is now; of one that `moves`, with its place in the queue. Raises UnknownRun; StoreError for one
    that is driven, without `force`.
    """
    row = db.execute("SELECT owner, lease_until FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise UnknownRun(run_id)
    owner, until = row
    if not force and owner is not None and until > now and not is_dead(owner):
        raise StoreError(f"run `{run_id}` is driven by {owner}; pause it, or take it as it is with --force")
    account = "SELECT unit, used, reserved FROM accounts WHERE account = ? ORDER BY unit"
    return {
        "what": _WHAT,
        "version": VERSION,
        "run": run_id,
        "events": _told(db, run_id),
        **{table: _rows(db, table, run_id) for table in _TABLES},
        "account": [list(row) for row in db.execute(account, (run_account(run_id),)).fetchall()],
        "session": session_of(db, run_id),
        "job": job_of(db, run_id) if moves else None,
        "moves": moves,
        **({"undo": undone} if (undone := _told(db, undo_run(run_id))) else {}),
    }


def _told(db: Ledger, run_id: str) -> list[dict[str, Any]]:
    """The events of a run as a file has them."""
    rows = db.execute("SELECT seq, at, body FROM events WHERE run_id = ? ORDER BY seq", (run_id,)).fetchall()
    return [{"seq": seq, "at": at, **json.loads(body)} for seq, at, body in rows]


def _rows(db: Ledger, table: str, run_id: str) -> list[dict[str, Any]]:
    columns = _TABLES[table]
    sql = f"SELECT {', '.join(columns)} FROM {table} WHERE run_id = ? ORDER BY id"  # noqa: S608 - names of ours
    return [dict(zip(columns, row, strict=True)) for row in db.execute(sql, (run_id,)).fetchall()]


def moved(db: Ledger, pack: Mapping[str, Any], by: str, where: str, now: int) -> None:
    """It goes on elsewhere: here it ends. Raises Conflict when something has happened in it since it was packed, and
    StoreError for a pack by which it would not go on there as it stands here.
    """
    run_id, told = str(pack.get("run")), pack.get("events")
    row = db.execute("SELECT owner, lease_until FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise Conflict("this run is not here (any more); nothing was moved")
    if pack.get("moves") is not True:
        raise StoreError(f"this is a copy of run `{run_id}`, without its place in the queue: export it anew, to move")
    here = packed(db, run_id, now, force=True, moves=True)
    if isinstance(told, list) and len(told) < len(here["events"]):
        raise Conflict(f"run `{run_id}` has gone on meanwhile; nothing was moved")
    if _spelled(here) != _spelled(pack):
        raise Conflict(f"run `{run_id}` is not as this file has it; nothing was moved. Export it anew")
    if row[0] is not None and row[1] > now and not is_dead(row[0]):
        raise Conflict(f"run `{run_id}` is driven by {row[0]}; nothing was moved")
    left = bereft(db, run_id, now)  # what becomes of what was under way is said where it goes on
    append(db, Append(run_id, [Cancelled(by, f"moved to {where}", where)], left.lease, left.changes), now)


def _spelled(pack: Mapping[str, Any]) -> str:
    """As JSON: equal for what is equal, wherever it has been meanwhile."""
    return json.dumps(pack, sort_keys=True)


def unpacked(db: Ledger, pack: Mapping[str, Any], now: int, by: str, most: Limits = _FREE) -> bool:
    """Puts it in, as somebody says, with no higher limits than `most`; says whether it was not there before. The file
    answers no question here: see `arriving`. Raises Conflict for another run of its id and for one that was deleted
    here, and StoreError for what is no run, is damaged, or was written by a newer Toolgate.
    """
    try:
        return _put(db, pack, now, by, most)
    except BROKEN as error:
        raise StoreError(f"this exported run is damaged: {error}") from None


def _put(db: Ledger, pack: Mapping[str, Any], now: int, by: str, most: Limits) -> bool:
    run_id, events = _checked(pack, now)
    run = fold(run_id, events)
    kept = 0  # events that stay as they are here
    if db.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone():
        there, count = _told(db, run_id), len(events)
        if there[:count] == list(pack["events"]) and all(map(_of_import, there[count:])):
            return False
        kept = _before_it_left(there, pack, run)
    elif db.execute("SELECT 1 FROM removed WHERE run_id = ?", (run_id,)).fetchone():
        raise Conflict(
            f"run `{run_id}` was deleted here, and does not come back: what it was allowed to do may be done"
        )
    brought = luggage(pack, run, events)
    if kept:
        _make_way(db, run_id, kept)
    _write(db, run_id, pack["events"], kept)
    _bring(db, run_id, brought)
    told = Imported(by, pack.get("moves") is True)
    _bring_undo(db, pack, run, told, now)
    within = run.limits.strictest(most)
    lowered = run.driver == "loop" and run.status not in ENDED and within != run.limits
    facts: list[Event] = [told, *([LimitsRaised(within.to_json(), _BY)] if lowered else [])]
    append(db, Append(run_id, facts), now)
    put_in(db, pack, run, events, now)
    return True


def _before_it_left(there: Sequence[Mapping[str, Any]], pack: Mapping[str, Any], run: Run) -> int:
    """How many events were on record here when it moved away, if the file has it as it moves back: with exactly these
    first, then with what came elsewhere. Raises Conflict.
    """
    told, kept, where = pack["events"], len(there) - 1, visible(str(there[-1].get("moved") or ""))
    if not where:
        raise Conflict(f"there is another run `{run.id}`, or this one has gone on; nothing was changed")
    if list(there[:kept]) != list(told[:kept]):
        what = "does not begin with what is on record of it here; nothing was changed"
    elif not told[kept:] or told[kept]["event"] != "imported":
        what = f"has it as it left: {_HOW_BACK}"
    elif pack.get("moves") is not True and run.status not in ENDED:
        what = f"has a copy, which would go on twice: {_HOW_BACK}"
    else:
        return kept
    raise Conflict(f"run `{run.id}` was moved from here to {where}, and this file {what}")


def _make_way(db: Ledger, run_id: str, kept: int) -> None:
    """Of a run that comes back, what goes with it is as it was when it left, and nobody's word any more."""
    db.execute("DELETE FROM events WHERE run_id = ? AND seq > ?", (run_id, kept))
    for statement in _WHAT_LEFT:
        db.execute(statement, (run_id,))


def _of_import(told: Mapping[str, Any]) -> bool:
    """Whether this is written here when a run is taken in, and at no other time."""
    return told["event"] == "imported" or (told["event"], told.get("by")) == ("limits_raised", _BY)


def _write(db: Ledger, run_id: str, told: Sequence[Mapping[str, Any]], kept: int = 0) -> None:
    """All its events but those that were `kept`."""
    events = events_of(run_id, told)
    first = events[0].event
    if not isinstance(first, Queued):
        raise StoreError("this is no run: its first event is another one")
    who = (first.driver, first.user, first.tenant, first.agent, title_of(first.input))
    status = fold(run_id, events).status
    if kept:
        db.execute(_GOES_ON, (status, events[-1].at, run_id))
    else:
        db.execute(_RUN, (run_id, status, *who, events[0].at, events[-1].at))
    for each in told[kept:]:
        body = {name: item for name, item in each.items() if name not in ("seq", "at")}
        text = json.dumps({"event": body.pop("event"), **body}, separators=(",", ":"))
        db.add_event(run_id, each["seq"], each["at"], text)


def _bring_undo(db: Ledger, pack: Mapping[str, Any], run: Run, imported: Imported, now: int) -> None:
    """What was undone of it elsewhere is not undone once more here."""
    told, own = pack.get("undo"), undo_run(run.id)
    if not told:
        return
    events = events_of(own, told, now + _AHEAD)
    first = events[0].event
    whole = isinstance(first, Queued) and first.driver == "client" and first.tenant == run.subject.tenant
    if not whole or run.status not in ENDED or db.execute("SELECT 1 FROM runs WHERE id = ?", (own,)).fetchone():
        raise StoreError("this exported run is damaged: what was undone of it is not on record in it")
    _write(db, own, told)
    append(db, Append(own, [imported]), now)


def _bring(db: Ledger, run_id: str, brought: Luggage) -> None:
    for asked in brought.approvals:
        # The same question of another run may stand here: one is enough.
        if not add(db, asked) and not (asked.state == "pending" and add(db, replace(asked, state="cancelled"))):
            raise Conflict(f"approval `{asked.id}` is here already; nothing was changed")
    for task in brought.tasks:
        db.execute(_TASK, (*astuple(task)[:-1], int(task.done)))
    account = run_account(run_id)
    booked = {unit: (used, held) for unit, used, held in db.execute(_BOOKED, (account,)).fetchall()}
    for unit, used, reserved in brought.account:  # nothing that was spent here is given back by a file
        here, held = booked.get(unit, (0, 0))
        db.book(account, unit, max(0, used - here), max(0, reserved - held))


def _checked(pack: Any, now: int) -> tuple[str, Sequence[Recorded]]:
    """Its id and its events, which add up to a run."""
    if not isinstance(pack, Mapping) or pack.get("what") != _WHAT:
        raise StoreError("this is no exported run")
    if pack.get("version") != VERSION:
        raise StoreError("this run was exported by another version of Toolgate; update this one")
    try:
        run_id = pack["run"]
        if not isinstance(run_id, str) or not NAME.fullmatch(run_id):
            raise StoreError(f"this exported run is damaged: `{shortened(str(run_id), 64)}` is no id of a run")
        shaped = all(isinstance(pack[name], list) for name in ("approvals", "tasks", "account"))
        events = events_of(run_id, pack["events"], now + _AHEAD) if shaped else ()
    except KeyError as error:
        raise StoreError(f"this exported run is damaged: {error}") from None
    if not events:
        raise StoreError("this exported run is damaged: something is missing from it")
    if run_id.startswith(UNDO) or is_run_of_task(run_id):
        raise StoreError(f"`{run_id}` belongs to another run, and comes with that or not at all")
    return run_id, events
