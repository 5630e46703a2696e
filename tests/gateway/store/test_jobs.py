"""What becomes of the jobs of a store with what happens in their runs: none is lost, and none is left behind."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import StoreError
from gateway.events import Cancelled, Event, Failed, LimitsRaised, Paused, Queued, Resumed, Started, Succeeded, Waited
from gateway.job import Job
from gateway.store import Claim, Enqueue, Lease, Open
from gateway.store.database import DatabaseStore
from gateway.store.jobs import lane
from tests.builders import CLIENT, QUEUED, Clock, a_call, an_approval, asked, held, wanted
from tests.fixtures.stores import Place, execute

SECONDS = 10.0


async def submit(store: DatabaseStore, run_id: str = "r-1", tenant: str = "acme", **rest: Any) -> None:
    """Queues a run that workers are to drive."""
    job = Job(run_id, tenant, "support", "demo", **rest)
    await store.append(run_id, [replace(QUEUED, tenant=tenant)], lease=None, changes=[Enqueue(job)])


async def claim(store: DatabaseStore, **how: Any) -> Lease | None:
    return await store.claim(Claim("here/1/a", SECONDS, **how))


async def happen(store: DatabaseStore, lease: Lease | None, *events: Event, run_id: str = "r-1") -> int:
    return await store.append(run_id, events, lease=lease)


async def drive(store: DatabaseStore, *events: Event) -> str:
    """Takes the next run up, with these events lets it come to rest, and lays it down; says which one it was."""
    lease = await claim(store)
    assert lease is not None
    seq = await store.append(lease.run_id, [Started(lease.owner), *events], lease=lease)
    await store.lay_down(lease, seq)
    return lease.run_id


def states(place: Place) -> list[Any]:
    return execute(place, "SELECT run_id, state, taken FROM jobs ORDER BY place")


WAITED = Waited("approval")


def test_a_run_that_was_submitted_is_ready_and_one_that_drives_itself_has_no_job(
    store: DatabaseStore, place: Place
) -> None:
    async def scenario() -> None:
        await submit(store)
        await store.append("r-2", [QUEUED], lease=None)
        await store.append("r-3", [CLIENT, Started("w")], lease=None)

    asyncio.run(scenario())
    assert [tuple(row) for row in states(place)] == [("r-1", "ready", 0)]


def test_a_run_is_submitted_once(store: DatabaseStore, place: Place) -> None:
    asyncio.run(submit(store))
    with pytest.raises(StoreError):
        asyncio.run(submit(store))
    assert len(states(place)) == 1
    assert len(asyncio.run(store.events("r-1"))) == 1


ENDS: Sequence[Event] = (Succeeded("done"), Failed("model", "it is away"), Cancelled("user:bob"))


@pytest.mark.parametrize("end", ENDS, ids=lambda end: type(end).__name__)
def test_the_end_of_a_run_is_the_end_of_its_job(store: DatabaseStore, place: Place, end: Event) -> None:
    async def scenario() -> None:
        await submit(store)
        assert await drive(store, end) == "r-1"
        assert await claim(store) is None

    asyncio.run(scenario())
    assert states(place) == []


def test_a_run_that_is_cancelled_before_anybody_began_it_is_not_begun(store: DatabaseStore, place: Place) -> None:
    async def scenario() -> None:
        await submit(store)
        await happen(store, None, Cancelled("user:bob"))
        assert await claim(store) is None

    asyncio.run(scenario())
    assert states(place) == []


@pytest.mark.parametrize("rest", [WAITED, Paused("budget", "spent", "usd")], ids=["waits", "paused"])
def test_a_run_that_waits_or_is_paused_rests(store: DatabaseStore, place: Place, rest: Event) -> None:
    async def scenario() -> None:
        await submit(store)
        await drive(store, rest)
        assert await claim(store) is None
        assert await store.coming() is None

    asyncio.run(scenario())
    assert [tuple(row) for row in states(place)] == [("r-1", "rests", 0)]


def test_an_answer_makes_a_run_that_waits_ready(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await submit(store)
        lease = await claim(store)
        question = an_approval("A-1", replace(a_call(), run_id="r-1"))
        events = [Started("w"), *wanted(1, "shop/refund"), held(1, approval_id="A-1"), WAITED]
        seq = await store.append("r-1", events, lease=lease, changes=[Open(question)])
        assert lease is not None
        await store.lay_down(lease, seq)
        assert await claim(store) is None
        await store.decide("A-1", "approved", "user:bob", "")
        assert await store.coming() == 0
        assert (await claim(store)) is not None

    asyncio.run(scenario())


def test_a_question_that_nobody_answers_in_time_makes_a_run_ready(store: DatabaseStore, clock: Clock) -> None:
    async def scenario() -> None:
        await submit(store)
        lease = await claim(store)
        question = an_approval("A-1", replace(a_call(), run_id="r-1"))
        events = [Started("w"), *wanted(1, "shop/refund"), held(1, approval_id="A-1"), WAITED]
        seq = await store.append("r-1", events, lease=lease, changes=[Open(question)])
        assert lease is not None
        await store.lay_down(lease, seq)
        clock.tick(question.expires - question.created)
        assert await store.expire() == 1
        assert await claim(store) is not None

    asyncio.run(scenario())


def test_a_run_that_is_paused_stays_so_until_somebody_resumes_it(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await submit(store)
        await drive(store, Paused("budget", "spent", "usd"))
        await happen(store, None, LimitsRaised({"nanos": 5}, "user:bob"))
        assert await claim(store) is None
        await happen(store, None, Resumed("it was resumed"))
        assert await claim(store) is not None

    asyncio.run(scenario())


def test_what_a_driver_records_calls_nobody(store: DatabaseStore) -> None:
    """Only what comes from outside does: else each step of somebody who drives it himself would."""

    async def scenario() -> None:
        await submit(store)
        await drive(store, WAITED)
        lease = await store.acquire("r-1", "here/2/b", SECONDS)
        await happen(store, lease, Resumed("somebody drives it himself"), asked(1), Paused("interrupted", "Ctrl-C"))
        assert lease is not None
        await store.release(lease)
        assert await claim(store) is None

    asyncio.run(scenario())


# ---- sessions


def test_the_runs_of_a_session_are_begun_one_after_the_other(store: DatabaseStore, place: Place) -> None:
    async def scenario() -> None:
        for run_id in ("r-1", "r-2", "r-3"):
            await submit(store, run_id, session="s-1")
        await submit(store, "r-9", session="s-2")
        assert await drive(store, WAITED) == "r-1"  # it waits for people: those behind it wait with it
        assert await drive(store, WAITED) == "r-9"
        assert await claim(store) is None
        await happen(store, None, Cancelled("user:bob"))
        assert await drive(store, Succeeded("done")) == "r-2"
        assert await drive(store, Succeeded("done")) == "r-3"
        assert await claim(store) is None

    asyncio.run(scenario())
    assert [row[0] for row in states(place)] == ["r-9"]


def test_one_that_is_cancelled_in_the_middle_of_a_session_lets_nobody_past_the_first(store: DatabaseStore) -> None:
    async def scenario() -> None:
        for run_id in ("r-1", "r-2", "r-3"):
            await submit(store, run_id, session="s-1")
        await happen(store, None, Cancelled("user:bob"), run_id="r-2")
        lease = await claim(store)
        assert lease is not None
        assert lease.run_id == "r-1"
        assert await claim(store) is None
        await happen(store, lease, Started("w"), Succeeded("done"))
        assert await drive(store, Succeeded("done")) == "r-3"

    asyncio.run(scenario())


PAUSED = Paused("person", "", by="user:bob")


def test_one_that_is_paused_before_it_has_begun_stands_aside_and_comes_next_when_it_is_resumed(
    store: DatabaseStore, place: Place
) -> None:
    async def scenario() -> None:
        for run_id in ("r-1", "r-2", "r-3"):
            await submit(store, run_id, session="s-1")
        await happen(store, None, PAUSED)
        await submit(store, "r-4", session="s-1")
        lease = await claim(store)
        assert lease is not None
        assert lease.run_id == "r-2"
        await happen(store, lease, Started("w"), run_id="r-2")
        assert await claim(store) is None
        await happen(store, None, PAUSED, run_id="r-3")  # behind the one that is under way
        await happen(store, lease, Succeeded("done"), run_id="r-2")
        assert await drive(store, WAITED) == "r-4"
        assert await claim(store) is None
        await happen(store, None, Resumed("it was resumed", "user:bob"), run_id="r-3")
        assert (await store.run_row("r-3")).status == "queued"
        await happen(store, None, Cancelled("user:bob"), run_id="r-4")
        assert await drive(store, Succeeded("done")) == "r-3"
        await happen(store, None, Cancelled("user:bob"))

    asyncio.run(scenario())
    assert states(place) == []


def test_one_that_is_paused_at_its_work_keeps_the_turn(store: DatabaseStore) -> None:
    async def scenario() -> None:
        for run_id in ("r-1", "r-2"):
            await submit(store, run_id, session="s-1")
        await drive(store, PAUSED)
        assert await claim(store) is None
        await happen(store, None, Resumed("it was resumed", "user:bob"))
        assert await drive(store, Succeeded("done")) == "r-1"
        assert await drive(store, Succeeded("done")) == "r-2"

    asyncio.run(scenario())


@pytest.mark.parametrize("lets_go", ["lays it down", "puts it off", "dies"])
def test_a_worker_that_had_it_when_it_was_paused_lets_it_stand_aside(
    store: DatabaseStore, clock: Clock, lets_go: str
) -> None:
    async def scenario() -> None:
        for run_id in ("r-1", "r-2"):
            await submit(store, run_id, session="s-1")
        lease = await claim(store)
        assert lease is not None
        seq = await happen(store, None, PAUSED)
        if lets_go == "lays it down":
            await store.lay_down(lease, seq)
        elif lets_go == "puts it off":
            await store.put_off(lease)
        else:
            clock.tick(round(SECONDS * 1000))
        assert await drive(store, Succeeded("done")) == "r-2"
        assert await claim(store) is None
        clock.tick(120_000)
        assert await claim(store) is None
        await happen(store, None, Resumed("it was resumed", "user:bob"))
        assert await drive(store, Succeeded("done")) == "r-1"

    asyncio.run(scenario())


def test_lanes_are_in_the_order_of_priorities_and_nobody_s_name_can_change_that() -> None:
    def of(priority: int, tenant: str = "acme") -> str:
        return lane(Job("r", tenant, "support", "demo", priority))

    assert sorted([of(0), of(100), of(-100), of(9), of(10)]) == [of(100), of(10), of(9), of(0), of(-100)]
    assert of(0, '","') != of(0, ",")
    assert of(1, "\x00~") < of(0, "0")


def test_the_run_of_a_client_costs_nothing_more(store: DatabaseStore, place: Place) -> None:
    """Whoever has no jobs pays for none: not a statement."""
    if not isinstance(place, str):
        statements: list[str] = []

        async def scenario() -> None:
            await store.append("r-1", [CLIENT, Started("w")], lease=None)
            lease = await store.acquire("r-1", "here/1/a", SECONDS)
            store._writer._here._connection.set_trace_callback(statements.append)  # type: ignore[attr-defined]  # noqa: SLF001
            await happen(store, lease, held(1))
            await happen(store, lease, Succeeded("done"))

        asyncio.run(scenario())
        assert statements
        assert not [statement for statement in statements if "jobs" in statement]


def test_a_client_s_run_is_nobody_s_job(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await store.append("r-1", [Queued("client", "user:ann", "acme"), Started("w")], lease=None)
        assert await claim(store) is None

    asyncio.run(scenario())
