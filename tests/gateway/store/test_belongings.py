"""A run that goes into another store finds its session there, and its place in the queue, and is in neither twice."""

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import Conflict, StoreError
from gateway.events import Event, Paused, Queued, Resolved, Resumed, Started, Succeeded, Waited
from gateway.job import Job
from gateway.session import Join, Keep, Memory, Turn
from gateway.store import Change, Claim, Enqueue
from gateway.store.database import DatabaseStore
from gateway.store.sqlite import SqliteStore
from tests.builders import Clock

QUEUED = Queued("loop", "user:ann", "acme", "agent:desk", "demo", "hi", session="trip")
STARTED = Started("w")
MEMORY = Memory([{"role": "user", "parts": [{"kind": "text", "text": "hi"}]}]).to_text()
PAUSED = Paused("person", "", by="user:ann")


@pytest.fixture
def elsewhere(tmp_path: Path, clock: Clock) -> Iterator[DatabaseStore]:
    opened = SqliteStore(tmp_path / "elsewhere.db", clock=clock)
    yield opened
    opened.close()


async def submit(store: DatabaseStore, run_id: str, *, session: str = "trip", agent: str = "desk") -> None:
    queued = replace(QUEUED, session=session, agent=f"agent:{agent}")
    job = Job(run_id, "acme", agent, "demo", 5, 0, session and f"acme/{session}")
    changes: list[Change] = [Enqueue(job)]
    if session:
        changes.append(Join(run_id, session, "user:ann", "acme", f"agent:{agent}"))
    await store.append(run_id, [queued], lease=None, changes=changes)


async def moved(store: DatabaseStore, elsewhere: DatabaseStore, run_id: str) -> Any:
    pack = json.loads(json.dumps(await store.pack(run_id, moves=True)))
    await store.move(pack, "user:ann", "there")
    assert await elsewhere.unpack(pack, "user:ann") is True
    return pack


async def next_one(store: DatabaseStore) -> str | None:
    lease = await store.claim(Claim("there/1/a", 10.0))
    return lease.run_id if lease else None


def test_a_submitted_run_that_moves_is_driven_by_the_workers_there_and_no_more_here(
    store: DatabaseStore, elsewhere: DatabaseStore
) -> None:
    async def scenario() -> None:
        await submit(store, "r-1", session="")
        pack = await moved(store, elsewhere, "r-1")
        assert pack["job"] == {"agent": "desk", "model": "demo", "priority": 5, "ready": 0}
        assert await next_one(store) is None
        assert await next_one(elsewhere) == "r-1"

    asyncio.run(scenario())


def test_a_copy_of_a_run_is_driven_by_no_worker(store: DatabaseStore, elsewhere: DatabaseStore) -> None:
    async def scenario() -> None:
        await submit(store, "r-1", session="")
        pack = await store.pack("r-1")
        assert pack["job"] is None
        await elsewhere.unpack(pack, "user:ann")
        assert await next_one(elsewhere) is None
        assert await next_one(store) == "r-1"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("events", "wakes"),
    [
        ([STARTED, Waited("approval")], Resumed("it was resumed")),
        ([STARTED, PAUSED], Resumed("it was resumed")),
        ([PAUSED], Resumed("it was resumed")),
    ],
    ids=["waits", "paused", "paused before it had begun"],
)
def test_one_that_rests_rests_there_too_until_somebody_says_something(
    store: DatabaseStore, elsewhere: DatabaseStore, events: list[Event], wakes: Event
) -> None:
    async def scenario() -> None:
        await submit(store, "r-1")
        await store.append("r-1", events, lease=None)
        await moved(store, elsewhere, "r-1")
        assert await next_one(elsewhere) is None
        await submit(elsewhere, "r-2")
        (first, _) = elsewhere.sessions("user:ann", "acme").open("trip")
        assert (first.run_id, first.begun) == ("r-1", STARTED in events)
        await elsewhere.append("r-1", [wakes], lease=None)
        assert await next_one(elsewhere) == "r-1"

    asyncio.run(scenario())


def test_one_to_which_somebody_has_spoken_before_it_moved_is_looked_at_there(
    store: DatabaseStore, elsewhere: DatabaseStore
) -> None:
    async def scenario() -> None:
        await submit(store, "r-1", session="")
        story: list[Event] = [STARTED, Waited("doubt"), Resolved("t1/call/1", "happened", "user:ann")]
        await store.append("r-1", story, lease=None)
        await moved(store, elsewhere, "r-1")
        assert await next_one(elsewhere) == "r-1"

    asyncio.run(scenario())


async def remembering(store: DatabaseStore) -> None:
    """A session with a memory, and a run that has begun with it."""
    await submit(store, "r-0")
    await store.append("r-0", [STARTED], lease=None, changes=[Turn("r-0", 0)])
    await store.append("r-0", [Succeeded("ok")], lease=None, changes=[Keep("r-0", MEMORY, 0)])
    await submit(store, "r-1")
    await store.append("r-1", [STARTED], lease=None, changes=[Turn("r-1", 1)])


def test_a_session_that_is_not_there_goes_along_with_what_it_remembers_and_goes_on_there(
    store: DatabaseStore, elsewhere: DatabaseStore
) -> None:
    async def scenario() -> None:
        await remembering(store)
        await moved(store, elsewhere, "r-1")
        book = elsewhere.sessions("user:ann", "acme")
        assert (book.get("trip").turns, book.get("trip").agent, book.memory("trip")) == (1, "agent:desk", MEMORY)
        await submit(elsewhere, "r-2")
        line = await elsewhere.line("r-2")
        assert line is not None
        assert [each.run_id for each in line.ahead] == ["r-1"]
        await elsewhere.append("r-1", [Succeeded("ok")], lease=None, changes=[Keep("r-1", "newer", 1)])
        assert (book.get("trip").turns, book.memory("trip")) == (2, "newer")

    asyncio.run(scenario())


def test_a_session_of_its_name_that_is_there_goes_on_as_it_was(store: DatabaseStore, elsewhere: DatabaseStore) -> None:
    async def scenario() -> None:
        await remembering(store)
        await submit(elsewhere, "r-9")
        await elsewhere.append("r-9", [STARTED], lease=None, changes=[Turn("r-9", 0)])
        await elsewhere.append("r-9", [Succeeded("ok")], lease=None, changes=[Keep("r-9", "theirs", 0)])
        await moved(store, elsewhere, "r-1")
        assert await elsewhere.line("r-1") is None
        await elsewhere.append("r-1", [Succeeded("ok")], lease=None, changes=[Keep("r-1", "mine", 1)])
        assert elsewhere.sessions("user:ann", "acme").memory("trip") == "theirs"

    asyncio.run(scenario())


def test_one_that_has_not_begun_begins_with_what_is_remembered_there(
    store: DatabaseStore, elsewhere: DatabaseStore
) -> None:
    async def scenario() -> None:
        await submit(store, "r-1")
        await submit(elsewhere, "r-9")
        await elsewhere.append("r-9", [STARTED], lease=None, changes=[Turn("r-9", 0)])
        await moved(store, elsewhere, "r-1")
        line = await elsewhere.line("r-1")
        assert line is not None
        assert [each.run_id for each in line.ahead] == ["r-9"]
        await elsewhere.append("r-9", [Succeeded("ok")], lease=None, changes=[Keep("r-9", "theirs", 0)])
        line = await elsewhere.line("r-1")
        assert line is not None
        assert (line.memory, list(line.ahead)) == ("theirs", [])

    asyncio.run(scenario())


@pytest.mark.parametrize("begun", [False, True])
def test_a_session_of_its_name_with_another_agent_takes_it_not_in(
    store: DatabaseStore, elsewhere: DatabaseStore, begun: bool
) -> None:
    async def scenario() -> None:
        await submit(store, "r-1")
        if begun:
            await store.append("r-1", [STARTED], lease=None, changes=[Turn("r-1", 0)])
        await submit(elsewhere, "r-9", agent="other")
        with pytest.raises(Conflict, match="`trip` is one with `agent:other`"):
            await elsewhere.unpack(await store.pack("r-1", moves=True), "user:ann")
        assert [row.id for row in await elsewhere.run_rows()] == ["r-9"]

    asyncio.run(scenario())


def test_an_older_file_has_neither(store: DatabaseStore, elsewhere: DatabaseStore) -> None:
    async def scenario() -> None:
        await submit(store, "r-1")
        pack = await store.pack("r-1", moves=True)
        del pack["session"], pack["job"]
        assert await elsewhere.unpack(pack, "user:ann") is True
        assert await elsewhere.line("r-1") is None
        assert await next_one(elsewhere) is None

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "forge",
    [
        lambda pack: pack["job"].update(agent="admin"),
        lambda pack: pack["job"].update(priority=10_000),
        lambda pack: pack["job"].update(ready="soon"),
        lambda pack: pack["job"].update(ready=2**70),
        lambda pack: pack["job"].pop("model"),
        lambda pack: pack.update(job=[]),
        lambda pack: pack["session"].update(name="other"),
        lambda pack: pack["session"].update(turns=-1),
        lambda pack: pack["session"].update(turns=True),
        lambda pack: pack["session"].update(memory="[]"),
        lambda pack: pack["session"].update(memory="{"),
        lambda pack: pack["session"].update(memory='{"messages": 5}'),
        lambda pack: pack["session"].update(memory={}),
        lambda pack: pack.update(session="trip"),
    ],
)
def test_what_was_tampered_with_is_refused_whole(
    store: DatabaseStore, elsewhere: DatabaseStore, forge: Callable[[Any], object]
) -> None:
    async def scenario() -> None:
        await remembering(store)
        pack = copy.deepcopy(json.loads(json.dumps(await store.pack("r-1", moves=True))))
        forge(pack)
        with pytest.raises(StoreError, match="damaged"):
            await elsewhere.unpack(pack, "user:ann")
        assert await elsewhere.run_rows() == []
        assert elsewhere.sessions("user:ann", "acme").all() == []

    asyncio.run(scenario())
