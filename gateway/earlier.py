"""What clients have done in earlier runs: the same client at work goes on where it was, as far as taint is concerned.

Who is the same is told by a run's record: the same subject, who gives himself the same name. And what the calls of a
run have left behind whose gateway was killed, who has stopped one, and what was under way then.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.call import InDoubt, Subject, outcome_from_json, outcome_to_json
from gateway.errors import Unreadable
from gateway.events import Cancelled, Doubted, Failed, Recorded, Resolved, Returned, Succeeded
from gateway.run import fold
from gateway.standing import NOTHING_HELD, Held, held_back
from gateway.store import RunRow, Store, title_of

__all__ = [
    "MOST_READ",
    "NOTHING_READ",
    "Read",
    "Who",
    "given_up",
    "held_in",
    "held_since",
    "read_by",
    "read_until",
    "stopped_by",
    "together",
    "who_is",
]

MOST_READ = 1_000  # events of a run
RUNS_SEEN = 500  # the newest, among which those of clients are looked for

_AFTER_IT = Succeeded | Failed | Doubted | Resolved  # how it ended, and what others say of it then
Read = tuple[bool, frozenset[str] | None]  # whether untrusted text was read, and from which servers anything was
Who = tuple[str, str, str | None, str]  # user, tenant, agent, and what the client calls itself

NOTHING_READ: Read = (False, frozenset())


async def read_by(store: Store, client: Who, seconds: float) -> Read:
    """What this client has read in runs that were at work within so many seconds. Raises StoreError."""
    since = store.now() - round(seconds * 1000)
    return together([await _read_in(store, row, since) for row in await _rows(store, since) if _who(row) == client])


async def read_until(store: Store, end: float, seconds: float) -> Mapping[Who, Read]:
    """What each client had read whose run was opened before `end` (seconds since 1970) and was at work within so many
    seconds before it. Raises StoreError.
    """
    since, read = round((end - seconds) * 1000), dict[Who, list[Read]]()
    for row in await _rows(store, since):
        if row.created < end * 1000:
            read.setdefault(_who(row), []).append(await _read_in(store, row, since))
    return {client: together(all_read) for client, all_read in read.items()}


def who_is(subject: Subject, title: str) -> Who:
    """Which client that is, as its runs are recorded."""
    return subject.user, subject.tenant, subject.agent, title_of(title)


def together(all_read: Sequence[Read]) -> Read:
    """What somebody has read who has read all of this."""
    known = [servers for _, servers in all_read if servers is not None]
    servers = frozenset[str]().union(*known) if len(known) == len(all_read) else None
    return any(tainted for tainted, _ in all_read), servers


def _who(row: RunRow) -> Who:
    return row.user, row.tenant, row.agent, row.title


async def _rows(store: Store, since: int) -> Sequence[RunRow]:
    rows = await store.run_rows(limit=RUNS_SEEN)
    return [row for row in rows if row.updated >= since and row.driver == "client"]


async def _read_in(store: Store, row: RunRow, since: int) -> Read:
    """What a run that was at work after `since` had read. One that is too long to look at, or that can't
    be read: perhaps anything.
    """
    if row.seq > MOST_READ:
        return True, None
    try:
        events = await store.events(row.id)
    except Unreadable:
        return True, None
    worked = [recorded.at for recorded in events if not isinstance(recorded.event, _AFTER_IT)]
    run = fold(row.id, events)
    return (run.tainted, run.servers) if worked[-1] >= since else NOTHING_READ


async def held_in(store: Store, run_id: str) -> Held:
    """What the calls of a run have reserved that have no answer. It is read in pages, and others have their turn."""
    return (await held_since(store, run_id))[0]


async def held_since(store: Store, run_id: str, held: Held = NOTHING_HELD, after: int = 0) -> tuple[Held, int]:
    """The same, where what was `held` is known as of the event `after`; and of which event that is true."""
    while page := await store.events(run_id, after, MOST_READ):
        held, after = held_back(page, held), page[-1].seq
        await asyncio.sleep(0)
    return held, after


async def stopped_by(store: Store, run_id: str) -> Cancelled | None:
    """How a person has ended a run, if one has. Raises StoreError."""
    row = await store.run_row(run_id)
    if row.status != "cancelled":
        return None
    last = await _last(store, row)  # what was under way may have come in after it
    return next((each.event for each in reversed(last) if isinstance(each.event, Cancelled)), None)


async def given_up(store: Store, run_id: str, key: str) -> Returned | None:
    """What is on record of a call that was left because a person had ended its run; None: it was not made."""
    ended = await stopped_by(store, run_id)
    last = await _last(store, await store.run_row(run_id))
    returned = next((e.event for e in reversed(last) if isinstance(e.event, Returned) and e.event.key == key), None)
    if ended is None or returned is None or not isinstance(outcome_from_json(returned.outcome), InDoubt):
        return returned
    told = f"{ended.by} has stopped the run before the answer came" + (f": {ended.why}" if ended.why else "")
    return replace(returned, outcome=outcome_to_json(InDoubt(told)))


async def _last(store: Store, row: RunRow) -> Sequence[Recorded]:
    return await store.events(row.id, max(0, row.seq - MOST_READ))
