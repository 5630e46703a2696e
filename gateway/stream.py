"""A run's events as they come, whoever drives it: the one stream that the command line and Python read.

It is read from the store and from nowhere else, so it is the same from any process. A reader that was stopped goes on
behind the last `seq` that it has seen: no event is missing, none comes twice.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from typing import Literal

from gateway.errors import UnknownRun
from gateway.events import Recorded, event_from_json
from gateway.run import ENDED, Run, fold
from gateway.steps import Wait, next_step
from gateway.store.database import DatabaseStore
from gateway.store.waiting import changed

__all__ = ["Until", "at_rest", "rests", "watch"]

Until = Literal["end", "rest"]

_AT_ONCE = 500  # events that are read together


async def watch(
    store: DatabaseStore, run_id: str, after: int = 0, until: Until = "end"
) -> AsyncGenerator[Recorded, None]:
    """The run's events with a seq above `after`, each once and in order, those to come included.

    Ends with the last event of a run that has ended: what was under way when somebody cancelled it comes after that, as
    long as whoever drives it is there. With `rest` also where it waits for people who have not answered yet, or is
    paused (`rests`). One that is deleted meanwhile ends with its cancellation, if somebody deleted it by force. A
    unique prefix of its id will do. Raises UnknownRun, StoreError.
    """
    run_id = (await store.run_row(run_id)).id
    run = Run(run_id) if until == "rest" else None  # folded only where it is asked how it rests
    seen = after if run is None else 0
    while True:
        version = await store.version()  # before the look: what is written meanwhile is seen at the next one
        ended = await _is_over(store, run_id)  # before the events: its last one is written with it
        while fresh := await store.events(run_id, seen, _AT_ONCE):
            seen, run = fresh[-1].seq, run and fold(run_id, fresh, run)
            for recorded in fresh:
                if recorded.seq > after:
                    yield recorded
        for recorded in await _kept(store, run_id, max(seen, after)) if ended else ():
            yield recorded
        if ended or (run is not None and run.status not in ENDED and await rests(store, run)):
            return
        await changed(store, version)


async def _is_over(store: DatabaseStore, run_id: str) -> bool:
    try:
        row = await store.run_row(run_id)
    except UnknownRun:  # it was deleted
        return True
    return row.id != run_id or (row.status in ENDED and await store.is_settled(run_id))


async def _kept(store: DatabaseStore, run_id: str, seen: int) -> Sequence[Recorded]:
    """Of a run that was deleted before anybody saw how it ended: its cancellation, without the reason."""
    kept = [each for each in await store.decisions(run_id) if each.seq > seen and each.body["event"] == "cancelled"]
    return [Recorded(run_id, each.seq, each.at, event_from_json(each.body)) for each in kept]


async def rests(store: DatabaseStore, run: Run) -> bool:
    """Whether somebody has to say something before it goes on. At a moment, or with news from outside, workers go on
    by themselves with a run that is theirs.
    """
    if run.status == "waiting" and by_itself(run) and await store.has_job(run.id):
        return False
    return at_rest(run)


def by_itself(run: Run) -> bool:
    """Whether the moment comes by itself for which it waits, and no person has to do anything before."""
    return run.wakes is not None and not any(call.status in ("held", "doubted") for call in run.calls.values())


def at_rest(run: Run) -> bool:
    """Whether nothing happens in it before somebody says something: whoever drives it has nothing to do."""
    if run.status == "waiting":
        return isinstance(next_step(replace(run, status="running"), run.updated), Wait)
    return run.status == "paused" or run.status in ENDED
