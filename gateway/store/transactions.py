"""What one transaction does, as functions of a `Ledger`. The caller begins and commits.

Every function either does all of its work or raises; `writer` rolls back what it had done by then.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from gateway.accounts import Pace, Proviso, Then, budget_of
from gateway.budget import Unit, excess, shown
from gateway.errors import AlreadyUsed, BudgetExceeded, Conflict, LeaseLost, UnknownRun
from gateway.events import Event, Queued, Resumed, Returned, event_name
from gateway.run import ENDED, after
from gateway.session import Join, Keep, Turn
from gateway.store import (
    Again,
    Change,
    Conclude,
    Consume,
    Enqueue,
    Finish,
    Fire,
    Follow,
    Lease,
    Once,
    Open,
    Recall,
    Reserve,
    Restore,
    RunRow,
    Seq,
    Settle,
    Unchanged,
    approvals,
    firings,
    jobs,
    lasting,
    sessions,
    title_of,
)
from gateway.store.ledger import SELECT_SINCE, SELECT_TAKEN, SEQ, Ledger, Standing
from gateway.task import Task
from gateway.values import value
from gateway.verbatim import encode, whole

__all__ = [
    "SELECT_BOOKED",
    "SELECT_EVENTS",
    "SELECT_RUNS",
    "SELECT_SINCE",
    "SELECT_TAKEN",
    "SELECT_TASKS",
    "Append",
    "acquire",
    "append",
    "lent",
    "release",
]
__all__ += ["renew", "renew_all", "run_row", "task"]

Db = Ledger
FORGOTTEN_AT_ONCE = 50  # for each that is new: so there are never many, and nobody waits long
FORGOTTEN_AFTER = 2 * 86_400_000  # milliseconds after the end of a window: what was reserved in it is settled by then

_RUN_COLUMNS = tuple(RunRow.__dataclass_fields__)
_TASK_COLUMNS = tuple(Task.__dataclass_fields__)
SELECT_TASKS = f"SELECT {', '.join(_TASK_COLUMNS)} FROM tasks"  # noqa: S608 - columns of our own dataclass
# What its events say is not written into the row of a run, too: a page less in each commit.
_BY_EVENTS: Mapping[str, str] = {
    "seq": f"{SEQ} AS seq",
    "updated": "(SELECT at FROM events WHERE run_id = runs.id ORDER BY seq DESC LIMIT 1) AS updated",
}
SELECT_RUNS = f"SELECT {', '.join(_BY_EVENTS.get(name, name) for name in _RUN_COLUMNS)} FROM runs"  # noqa: S608 - as above
SELECT_EVENTS = "SELECT seq, at, body FROM events WHERE run_id = ? AND seq > ? ORDER BY seq"
_BEGUN = "SELECT 1 FROM events WHERE run_id = ? AND body LIKE ? LIMIT 1"
SELECT_BOOKED = (
    "SELECT account, unit, used, reserved FROM accounts WHERE account >= ? AND account < ? ORDER BY account, unit"
)


def run_row(row: Sequence[Any]) -> RunRow:
    return RunRow(*row)


def task(row: Sequence[Any]) -> Task:
    return Task(**dict(zip(_TASK_COLUMNS, row, strict=True)) | {"done": bool(row[-1])})


@value(frozen=True, slots=True)
class Append:
    """Events and changes that belong together."""

    run_id: str
    events: Sequence[Event]
    lease: Lease | None = None
    changes: Sequence[Change] = ()


def append(db: Db, work: Append, now: int) -> Seq:
    """Returns the run's last seq, and when that was."""
    run_id, standing = work.run_id, _standing(db, work)
    before = standing.status if standing else None
    if before is None and not (work.events and isinstance(work.events[0], Queued)):
        raise UnknownRun(run_id)
    for change in work.changes:
        _CHANGES[type(change)](db, change, now)
    status, seq = before, standing.seq if standing else 0
    for given in work.events:
        event = _resumed(db, run_id, given) if isinstance(given, Resumed) and status == "paused" else given
        status = after(status, event)
        seq += 1
        if isinstance(event, Queued):
            _insert_run(db, run_id, event, now)
        _write_event(db, run_id, seq, event, now)
    if standing is not None:
        standing.seq = seq
        jobs.follow(db, run_id, standing, status, now if work.lease is None and work.events else None)
    if status != before:
        # Who ends a run that he drives lets go of it with that: nobody is left who could die with it.
        over = ", owner = NULL, lease_until = 0" if status in ENDED and work.lease else ""
        db.later(f"UPDATE runs SET status = ?{over} WHERE id = ?", (status, run_id))  # noqa: S608 - our own words
    if status in ENDED and (before not in ENDED or work.changes):  # an answer that comes late may restore an approval
        _withdraw(db, run_id)
    last = Seq(seq)
    last.at = now
    return last


def _resumed(db: Db, run_id: str, event: Resumed) -> Resumed:
    """One that had not begun begins as all do: in a session, when it is its turn."""
    begun = db.execute(_BEGUN, (run_id, sessions.STARTED)).fetchone()
    return event if begun else replace(event, queued=True)


def _write_event(db: Db, run_id: str, seq: int, event: Event, now: int) -> None:
    if isinstance(event, Returned):
        outcome = {name: whole(item) for name, item in event.outcome.items()}
        event = Returned(event.key, outcome, event.spent, event.tainting, event.left)
    db.add_event(run_id, seq, now, f'{{"event":"{event_name(event)}",{encode(event)[1:].decode()}')


def _withdraw(db: Db, run_id: str) -> None:
    """A run that has ended asks nothing any more; but an MCP client that only went may come back for its answer."""
    db.later(
        "UPDATE approvals SET state = 'cancelled' WHERE run_id = ? AND state IN ('pending', 'approved')"
        " AND EXISTS (SELECT 1 FROM runs WHERE id = ? AND (driver = 'loop' OR status = 'cancelled'))",
        (run_id, run_id),
    )


def _standing(db: Db, work: Append) -> Standing | None:
    """Raises LeaseLost. None for a run that is not there yet."""
    standing, lease = db.run(work.run_id), work.lease
    if standing and lease is not None and (standing.owner, standing.epoch) != (lease.owner, lease.epoch):
        raise LeaseLost(f"run `{work.run_id}` is driven by another worker now")
    return standing


def _insert_run(db: Db, run_id: str, event: Queued, now: int) -> None:
    """Raises Conflict for the id of one that was deleted: what it was allowed to do may be done."""
    title = title_of(event.input)
    made = db.execute(
        "INSERT INTO runs (id, status, driver, user, tenant, agent, title, created, updated, seq)"
        " SELECT ?, 'queued', ?, ?, ?, ?, ?, ?, ?, 0"
        " WHERE NOT EXISTS (SELECT 1 FROM removed WHERE run_id = ?)",
        (run_id, event.driver, event.user, event.tenant, event.agent, title, now, now, run_id),
    )
    if made.rowcount != 1:
        raise Conflict(f"run `{run_id}` was deleted, and its id does not come back; take another one")


def _reserve(db: Db, change: Reserve, now: int) -> None:
    proviso = change.proviso
    since = None if proviso is None else proviso.since
    before = db.taken(change.account) if since is None else db.taken_since(since)
    unit = excess(change.limits, before, change.amount)
    if unit is not None:
        manner = (*_manner(proviso, now), budget_of(change.account)) if proviso else ()
        raise BudgetExceeded(unit, _excess_text(change, unit, before), *manner)
    if proviso is not None and proviso.over is not None:
        _keep(db, change.account, proviso.over, now)
    for name, amount in change.amount.items():
        db.book(change.account, name, 0, amount)


def _excess_text(change: Reserve, unit: Unit, before: Mapping[str, int]) -> str:
    limit = getattr(change.limits, unit)
    wanted, gone = change.amount.get(unit), before.get(unit, 0)
    whose = f" of the budget {change.proviso.label}" if change.proviso else ""
    return (
        f"{shown(unit, wanted)} more would pass the limit of {shown(unit, limit)}{whose};"
        f" {shown(unit, gone)} taken so far"
    )


def _manner(proviso: Proviso, now: int) -> tuple[Then, float | None]:
    """What becomes of what does not fit, and in how many seconds it may."""
    return proviso.then, None if proviso.ends is None else max(0.0, (proviso.ends - now) / 1000)


def _keep(db: Db, account: str, over: int, now: int) -> None:
    """Notes until when an account is asked for, once; and forgets some of those that nobody asks for any more."""
    if db.taken(account):
        return
    db.note(account, over)
    if not _runs_evenly(db, now):
        return
    late = db.over(now - FORGOTTEN_AFTER, FORGOTTEN_AT_ONCE)
    buckets = {name: until for name in late if (until := db.taken(name).get(PACED, 0) // 1000) >= now}
    for name, until in buckets.items():
        db.note(name, until)  # it has been used since
    db.forget([name for name in late if name not in buckets])


CLOCK = "clock"  # an account of no budget, with two moments in milliseconds since 1970, and nothing else
DAY = 86_400_000


def _runs_evenly(db: Db, now: int) -> bool:
    """Whether the clock can be believed in what is over: it has run for a day without a leap ahead of more than
    `FORGOTTEN_AFTER` from one look to the next. Nobody knows of such a leap whether it will be taken back.
    """
    known = db.taken(CLOCK)
    seen, since = known.get("seen", 0), known.get("since", 0)
    begun = now if now - seen > FORGOTTEN_AFTER else min(since, now)
    db.book(CLOCK, "seen", now - seen, 0)
    db.book(CLOCK, "since", begun - since, 0)
    return now - begun >= DAY


def _settle(db: Db, change: Settle, _now: int) -> None:
    held, spent = change.reserved, change.spent
    if change.failure and spent.errors:
        spent = replace(spent, errors=_counted(db, change))
    for unit, reserved in held.items():
        db.book(change.account, unit, spent.get(unit), -reserved)
    if spent is not held:
        for unit, used in spent.items():
            if not held.get(unit):
                db.book(change.account, unit, used, 0)


FAILURES = 100  # that one account tells apart; what comes after them is one more
OTHERS = "others"


def _counted(db: Db, change: Settle) -> int:
    """How many errors more the account has, once this one is counted with those of its name."""
    known = {unit: count for unit, count in db.taken(change.account).items() if unit.startswith("error:")}
    name = f"error:{change.failure}"
    unit = name if name in known or len(known) < FAILURES else f"error:{OTHERS}"
    db.book(change.account, unit, 1, 0)
    return 1 if known.get(unit, 0) >= max(known.values(), default=0) else 0


PACED = "paced"  # the unit of a bucket: until when, in microseconds since 1970, its tokens are taken


def _pace(db: Db, change: Pace, now: int) -> None:
    """The bucket is kept as one number, the moment at which it will be full (the generic cell rate algorithm).

    After a clock was set back, it is later than it can be: then the bucket has one token, and is right again.
    """
    before, moment, full = db.taken(change.account).get(PACED, 0), now * 1000, change.micros * change.burst
    until = max(before, moment) if before <= moment + full else moment + full - change.micros
    wait = until + change.micros - full - moment
    if wait > 0:
        text = f"the rate {change.label} is {_often(change)}"
        raise BudgetExceeded("tool_calls", text, "deny", wait / 1_000_000)
    _keep(db, change.account, (until + change.micros) // 1000, now)
    db.book(change.account, PACED, until + change.micros - before, 0)


def _often(pace: Pace) -> str:
    return f"one call in {shown('millis', max(1, pace.micros // 1000))}, and {pace.burst} at once"


def _follow(db: Db, change: Follow, _now: int) -> None:
    marks = ", ".join("?" * len(_TASK_COLUMNS))
    values = [getattr(change.task, column) for column in _TASK_COLUMNS]
    db.execute(f"INSERT INTO tasks ({', '.join(_TASK_COLUMNS)}) VALUES ({marks})", values)  # noqa: S608


def _finish(db: Db, change: Finish, _now: int) -> None:
    done = db.execute("UPDATE tasks SET done = 1 WHERE id = ? AND done = 0", (change.task_id,))
    if done.rowcount != 1:
        raise Conflict("the outcome of this task has been recorded already")


def _enqueue(db: Db, change: Enqueue, _now: int) -> None:
    jobs.put(db, change.job)


USED_UP = "once"  # an account of no budget: until when, in milliseconds since 1970, the last one forgotten was good


def _once(db: Db, change: Once, now: int) -> None:
    """Whatever clocks do, none counts twice: what may have been forgotten is never taken again."""
    mark = db.taken(USED_UP).get("until", 0)
    late = db.execute("SELECT max(until) FROM once WHERE until < ?", (now,)).fetchone()[0]
    if late is not None:
        db.execute("DELETE FROM once WHERE until <= ?", (late,))
        db.book(USED_UP, "until", max(0, late - mark), 0)
    row = (change.token, change.until)
    if change.until <= max(mark, late or 0):
        raise AlreadyUsed(change.token)
    if db.execute("INSERT INTO once (token, until) VALUES (?, ?) ON CONFLICT DO NOTHING", row).rowcount != 1:
        raise AlreadyUsed(change.token)


def _again(db: Db, change: Again, _now: int) -> None:
    db.execute("DELETE FROM once WHERE token = ?", (change.token,))


def _unchanged(db: Db, change: Unchanged, _now: int) -> None:
    standing = db.run(change.run_id)
    if standing is None or standing.seq != change.seq:
        raise Conflict(f"run `{change.run_id}` has gone on meanwhile; nothing was written")


_CHANGES: Mapping[type[Change], Callable[[Db, Any, int], None]] = {
    Enqueue: _enqueue,
    Fire: firings.fire,
    Reserve: _reserve,
    Settle: _settle,
    Pace: _pace,
    Open: approvals.put,
    Consume: approvals.consume,
    Conclude: approvals.conclude,
    Recall: lasting.recall,
    Restore: approvals.restore,
    Follow: _follow,
    Finish: _finish,
    Once: _once,
    Again: _again,
    Unchanged: _unchanged,
    Join: sessions.join,
    Turn: sessions.turn,
    Keep: sessions.keep,
}


@value(frozen=True, slots=True)
class Bid:
    """Somebody who wants to drive a run for so many seconds; `gone` is an owner known to be dead."""

    run_id: str
    owner: str
    gone: str | None
    seconds: float


def acquire(db: Db, bid: Bid, now: int) -> Lease | None:
    row = db.execute("SELECT owner, epoch, lease_until FROM runs WHERE id = ?", (bid.run_id,)).fetchone()
    if row is None:
        raise UnknownRun(bid.run_id)
    return lent(db, bid, row, now)


def lent(db: Db, bid: Bid, standing: tuple[str | None, int, int], now: int) -> Lease | None:
    """The same for whoever knows how it stands: its owner, his epoch, and until when he has it."""
    holder, epoch, until = standing
    if holder not in (None, bid.gone) and until > now:
        return None
    db.later(
        "UPDATE runs SET owner = ?, epoch = ?, lease_until = ? WHERE id = ?",
        (bid.owner, epoch + 1, now + round(bid.seconds * 1000), bid.run_id),
    )
    return Lease(bid.run_id, bid.owner, epoch + 1)


def renew(db: Db, lease: Lease, until: int) -> None:
    done = db.execute(
        "UPDATE runs SET lease_until = ? WHERE id = ? AND owner = ? AND epoch = ?",
        (until, lease.run_id, lease.owner, lease.epoch),
    )
    if done.rowcount != 1 and not _let_go(db, lease):
        raise LeaseLost(f"run `{lease.run_id}` is driven by another worker now")


def renew_all(db: Db, process: str, until: int) -> int:
    """Of all owners in one process, whose names begin with its own and a dot."""
    sql = "UPDATE runs SET lease_until = ? WHERE status = 'running' AND driver = 'client' AND owner >= ? AND owner < ?"
    return db.execute(sql, (until, f"{process}.", f"{process}/")).rowcount


def _let_go(db: Db, lease: Lease) -> bool:
    """Whether he has ended it, and nobody has had it since."""
    standing = db.run(lease.run_id)
    return standing is not None and standing.status in ENDED and (standing.owner, standing.epoch) == (None, lease.epoch)


def release(db: Db, lease: Lease) -> None:
    db.execute(
        "UPDATE runs SET owner = NULL, lease_until = 0 WHERE id = ? AND owner = ? AND epoch = ?",
        (lease.run_id, lease.owner, lease.epoch),
    )
