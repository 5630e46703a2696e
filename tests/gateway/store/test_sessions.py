"""Sessions in a store: who is next, what is kept, and whose it is."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Conflict, IllegalEvent, NotItsTurn, StoreError, UnknownSession
from gateway.events import Cancelled, Failed, Paused, Queued, Resumed, Started, Succeeded, Waited
from gateway.job import Job
from gateway.session import Join, Keep, Turn
from gateway.store import Claim, Enqueue, Lease
from gateway.store.claims import LOOK_AGAIN
from gateway.store.database import DatabaseStore
from tests.builders import Clock
from tests.fixtures.stores import Place, execute

QUEUED = Queued("loop", "user:ann", "acme", "agent:desk", "demo", "hi", session="trip")
STARTED = Started("w")


def play(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


async def queue(store: DatabaseStore, run_id: str, queued: Queued = QUEUED) -> None:
    join = Join(run_id, queued.session, queued.user, queued.tenant, queued.agent or "")
    await store.append(run_id, [queued], lease=None, changes=[join])


async def begin(store: DatabaseStore, run_id: str, version: int = 0, gone: tuple[str, ...] = ()) -> None:
    await store.append(run_id, [STARTED], lease=None, changes=[Turn(run_id, version, gone)])


async def end(store: DatabaseStore, run_id: str, memory: str) -> None:
    await store.append(run_id, [Succeeded("ok")], lease=None, changes=[Keep(run_id, memory)])


async def ahead(store: DatabaseStore, run_id: str) -> list[str]:
    line = await store.line(run_id)
    assert line is not None
    return [each.run_id for each in line.ahead]


def test_one_begins_and_the_next_when_that_has_ended_with_what_it_has_left(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await queue(store, "r-1")
        await queue(store, "r-2")
        await begin(store, "r-1")
        assert await ahead(store, "r-2") == ["r-1"]
        with pytest.raises(NotItsTurn, match="`r-1` comes first"):
            await begin(store, "r-2")
        await end(store, "r-1", '{"messages":[1]}')
        line = await store.line("r-2")
        assert line is not None
        assert (line.name, line.version, line.memory, list(line.ahead)) == ("trip", 1, '{"messages":[1]}', [])
        await begin(store, "r-2", 1)

    play(scenario())


@pytest.mark.parametrize("last", [Failed("auth", "no"), Cancelled("user:ann")])
def test_a_run_that_does_not_end_well_leaves_what_was_there_before(
    store: DatabaseStore, last: Failed | Cancelled
) -> None:
    async def scenario() -> None:
        await queue(store, "r-1")
        await begin(store, "r-1")
        await end(store, "r-1", "first")
        await queue(store, "r-2")
        await begin(store, "r-2", 1)
        await store.append("r-2", [last], lease=None)
        await queue(store, "r-3")
        line = await store.line("r-3")
        assert line is not None
        assert (line.version, line.memory, list(line.ahead)) == (1, "first", [])

    play(scenario())


def test_nothing_is_kept_of_an_end_that_is_not_recorded(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await queue(store, "r-1")
        with pytest.raises(IllegalEvent):
            await end(store, "r-1", "too early")
        line = await store.line("r-1")
        assert line is not None
        assert (line.version, line.memory) == (0, None)

    play(scenario())


def test_a_run_that_waits_for_people_keeps_its_turn(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await queue(store, "r-1")
        await begin(store, "r-1")
        await store.append("r-1", [Waited("approval")], lease=None)
        await queue(store, "r-2")
        line = await store.line("r-2")
        assert line is not None
        assert [(each.run_id, each.status, each.rests) for each in line.ahead] == [("r-1", "waiting", True)]

    play(scenario())


def test_a_run_that_was_paused_before_it_had_begun_keeps_nobody_waiting(store: DatabaseStore) -> None:
    paused = Paused("person", "", by="user:ann")

    async def scenario() -> None:
        for run_id in ("r-1", "r-2"):
            job = Job(run_id, "acme", "desk", "demo", session="s")
            join = Join(run_id, "trip", "user:ann", "acme", "agent:desk")
            await store.append(run_id, [QUEUED], lease=None, changes=[join, Enqueue(job)])
        await store.append("r-1", [paused], lease=None)
        assert await ahead(store, "r-2") == []
        told = store.sessions("user:ann", "acme").open("trip")
        assert [(each.run_id, each.status, each.begun, each.aside) for each in told] == [
            ("r-1", "paused", False, True),
            ("r-2", "queued", False, False),
        ]
        await store.append("r-1", [Resumed("it was resumed")], lease=None)
        assert await ahead(store, "r-2") == ["r-1"]
        await begin(store, "r-1")
        await store.append("r-1", [paused], lease=None)
        assert await ahead(store, "r-2") == ["r-1"]  # in the middle of its work, it has the turn
        assert [each.aside for each in store.sessions("user:ann", "acme").open("trip")] == [False, False]
        assert store.sessions("user:bob", "acme").open("trip") == []

    play(scenario())


def test_one_that_was_queued_comes_first_only_while_somebody_is_at_it(store: DatabaseStore, clock: Clock) -> None:
    async def scenario() -> None:
        await queue(store, "r-1")
        await queue(store, "r-2")
        assert await ahead(store, "r-2") == []  # nobody drives r-1
        lease = await store.acquire("r-1", "elsewhere/1/a", 15.0)
        assert lease is not None
        assert await ahead(store, "r-2") == ["r-1"]
        with pytest.raises(NotItsTurn):
            await begin(store, "r-2")
        clock.tick(15_001)
        assert await ahead(store, "r-2") == []
        lease = await store.acquire("r-1", "here/1/b", 15.0)
        await begin(store, "r-2", gone=("here/1/b",))  # it is known to be dead
        assert await ahead(store, "r-1") == ["r-2"]  # whoever was left alone stands behind it now

    play(scenario())


def test_they_come_in_the_order_in_which_they_were_queued(store: DatabaseStore) -> None:
    async def scenario() -> None:
        names = ["r-c", "r-a", "r-b"]
        for name in names:
            await queue(store, name)
            assert await store.acquire(name, f"elsewhere/{name}/a", 15.0)
        assert await ahead(store, "r-b") == ["r-c", "r-a"]
        assert await ahead(store, "r-a") == ["r-c"]
        assert await ahead(store, "r-c") == []

    play(scenario())


def test_who_knows_an_older_memory_does_not_begin(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await queue(store, "r-1")
        await queue(store, "r-2")
        await begin(store, "r-1")
        await end(store, "r-1", "newer")
        with pytest.raises(NotItsTurn, match="has just ended"):
            await begin(store, "r-2", 0)
        assert (await store.run_row("r-2")).status == "queued"

    play(scenario())


def test_a_session_is_of_one_user_one_tenant_and_one_agent(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await queue(store, "r-1")
        await begin(store, "r-1")
        await end(store, "r-1", "ann's")
        for number, other in enumerate([replace(QUEUED, user="user:bob"), replace(QUEUED, tenant="other")]):
            await queue(store, f"r-other{number}", other)
            line = await store.line(f"r-other{number}")
            assert line is not None
            assert line.memory is None
            assert store.sessions(other.user, other.tenant).get("trip").turns == 0
        with pytest.raises(Conflict, match="the session `trip` is one with `agent:desk`"):
            await queue(store, "r-2", replace(QUEUED, agent="agent:mailer"))
        assert [row.id for row in await store.run_rows() if row.id == "r-2"] == []

    play(scenario())


def test_a_list_tells_what_there_is_and_what_is_open(store: DatabaseStore, clock: Clock) -> None:
    async def scenario() -> None:
        await queue(store, "r-1")
        await begin(store, "r-1")
        await end(store, "r-1", "12345")
        clock.tick(10)
        await queue(store, "r-2", replace(QUEUED, session="work"))
        book = store.sessions("user:ann", "acme")
        first, second = book.all()
        assert (first.name, first.turns, list(first.open), first.run_id) == ("work", 0, ["r-2"], None)
        assert (second.name, second.agent, second.turns, second.size) == ("trip", "agent:desk", 1, 5)
        assert (second.run_id, list(second.open)) == ("r-1", [])
        assert book.memory("trip") == "12345"
        assert store.sessions("user:bob", "acme").all() == []
        with pytest.raises(UnknownSession):
            store.sessions("user:bob", "acme").memory("trip")

    play(scenario())


def test_it_is_deleted_when_no_run_of_it_is_open_and_the_next_begins_anew(store: DatabaseStore) -> None:
    async def scenario() -> None:
        book = store.sessions("user:ann", "acme")
        await queue(store, "r-1")
        with pytest.raises(StoreError, match="run `r-1` of the session `trip` has not ended"):
            await book.delete("trip")
        await begin(store, "r-1")
        await end(store, "r-1", "memory")
        with pytest.raises(UnknownSession):
            await store.sessions("user:bob", "acme").delete("trip")
        await book.delete("trip")
        with pytest.raises(UnknownSession):
            await book.delete("trip")
        await queue(store, "r-2", replace(QUEUED, agent="agent:mailer"))  # it is nobody's any more
        line = await store.line("r-2")
        assert line is not None
        assert (line.version, line.memory) == (0, None)
        assert (await store.run_row("r-1")).status == "succeeded"

    play(scenario())


def test_those_that_have_ended_leave_the_line(store: DatabaseStore, place: Place) -> None:
    async def scenario() -> None:
        for number in range(5):
            await queue(store, f"r-{number}")
            await begin(store, f"r-{number}", number)
            await end(store, f"r-{number}", "m")

    play(scenario())
    assert execute(place, "SELECT run_id FROM session_runs") == [("r-4",)]


def test_a_run_without_a_session_stands_in_no_line(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await store.append("r-1", [replace(QUEUED, session="")], lease=None)
        assert await store.line("r-1") is None

    play(scenario())


# ---- runs that workers drive


async def submit(store: DatabaseStore, run_id: str) -> None:
    join = Join(run_id, "trip", "user:ann", "acme", "agent:desk")
    job = Job(run_id, "acme", "agent:desk", "demo", session=join.session)
    await store.append(run_id, [QUEUED], lease=None, changes=[join, Enqueue(job)])


async def claimed(store: DatabaseStore) -> Lease | None:
    return await store.claim(Claim("worker/1/a", 15.0))


def test_one_that_workers_are_to_drive_keeps_its_place_though_nobody_is_at_it(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await submit(store, "r-1")
        await queue(store, "r-2")
        line = await store.line("r-2")
        assert line is not None
        assert [(each.run_id, each.status, each.rests) for each in line.ahead] == [("r-1", "queued", True)]
        with pytest.raises(NotItsTurn):
            await begin(store, "r-2")
        await begin(store, "r-1")

    play(scenario())


def test_what_a_run_leaves_does_not_take_the_place_of_what_it_does_not_know(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await queue(store, "r-1")
        await begin(store, "r-1")
        await end(store, "r-1", '"first"')
        for run_id, version, left in (("r-2", 0, '"first"'), ("r-3", 1, '"third"'), ("r-4", None, '"fourth"')):
            await queue(store, run_id)
            await store.append(run_id, [STARTED], lease=None)
            memory = {"r-2": '"second"', "r-3": '"third"', "r-4": '"fourth"'}[run_id]
            await store.append(run_id, [Succeeded("ok")], lease=None, changes=[Keep(run_id, memory, version)])
            assert store.sessions("user:ann", "acme").memory("trip") == left

    play(scenario())


def test_of_those_that_workers_drive_one_is_claimed_at_a_time(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await submit(store, "r-1")
        await submit(store, "r-2")
        lease = await claimed(store)
        assert lease is not None
        assert lease.run_id == "r-1"
        assert await claimed(store) is None
        await store.append("r-1", [STARTED], lease=lease, changes=[Turn("r-1", 0)])
        await store.append("r-1", [Succeeded("ok")], lease=lease, changes=[Keep("r-1", "m")])
        second = await claimed(store)
        assert second is not None
        assert second.run_id == "r-2"

    play(scenario())


def test_a_worker_that_finds_that_it_is_not_its_turn_looks_again_in_a_while(store: DatabaseStore, clock: Clock) -> None:
    """Somebody drives a run of the session himself, and that one rests."""

    async def scenario() -> None:
        await queue(store, "r-1")
        await begin(store, "r-1")
        await submit(store, "r-2")
        lease = await claimed(store)
        assert lease is not None
        await store.lay_down(lease, 1)
        assert await claimed(store) is None
        clock.tick(LOOK_AGAIN)
        assert await claimed(store) is not None

    play(scenario())
