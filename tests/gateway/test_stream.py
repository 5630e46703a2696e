"""A run's events as they come: no gap, nothing twice, and an end."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import stream
from gateway.errors import UnknownRun
from gateway.events import Cancelled, Event, Recorded, Resumed, Succeeded, Waited, event_name
from gateway.job import Job
from gateway.later import Slept, Woke
from gateway.store import Enqueue, waiting
from gateway.store.database import DatabaseStore
from gateway.store.lease import owner_name
from gateway.store.removal import RemovalBook
from gateway.stream import Until, at_rest, watch
from tests.builders import QUEUED, STARTED, decided, folded, held, made, said, wanted
from tests.fixtures.stores import place_in, put_into, store_at

PATIENCE = 60.0
WAITS = (QUEUED, STARTED, *wanted(1, "shop/refund"), held(1), Waited("approval"))


@pytest.fixture
def store(tmp_path: Path, database: Callable[[], str | None]) -> Iterator[DatabaseStore]:
    opened = store_at(place_in(put_into(tmp_path / "place", database())))
    yield opened
    opened.close()


def play(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, PATIENCE))


async def seen(store: DatabaseStore, after: int = 0, until: Until = "end") -> list[int]:
    return [recorded.seq async for recorded in watch(store, "r-1", after, until)]


async def add(store: DatabaseStore, *events: Event) -> None:
    await store.append("r-1", events, lease=None)


def test_a_watcher_sees_what_was_and_what_comes_until_the_run_ends(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await add(store, QUEUED, STARTED)
        seqs: list[int] = []
        async for recorded in watch(store, "r-1"):
            seqs.append(recorded.seq)
            if recorded.seq == 2:
                await add(store, *said(1, "It is noon."))
            if recorded.seq == 4:
                await add(store, Succeeded("It is noon."))
        assert seqs == [1, 2, 3, 4, 5]

    play(scenario())


def test_from_any_seq_on_nothing_is_missing_and_nothing_comes_twice(
    store: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "_AT_ONCE", 2)  # so that it is read in several goes

    async def scenario() -> None:
        await add(store, QUEUED, STARTED, *said(1, "It is noon."), Succeeded("It is noon."))
        for after in range(8):
            assert await seen(store, after) == [1, 2, 3, 4, 5][after:]
            assert await seen(store, after, "rest") == [1, 2, 3, 4, 5][after:]

    play(scenario())


def test_one_who_wants_to_know_until_it_rests_is_let_go_where_it_waits(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await add(store, *WAITS)
        assert await seen(store, until="rest") == [1, 2, 3, 4, 5, 6]
        assert await seen(store, 5, "rest") == [6]

    play(scenario())


def test_a_run_that_has_its_answer_does_not_rest(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await add(store, *WAITS, decided(1))
        seqs: list[int] = []
        async for recorded in watch(store, "r-1", 6, "rest"):
            seqs.append(recorded.seq)
            if recorded.seq == 7:
                await add(store, Resumed("people answered"), *made(1), *said(2, "Done."), Succeeded("Done."))
        assert seqs == [7, 8, 9, 10, 11, 12, 13]

    play(scenario())


FAR = 4_000_000_000_000  # a moment that does not come in a test
SLEEPS = (QUEUED, STARTED, *wanted(1, "wait_for"), Slept("t1/call/1", FAR), Waited("timer", until=FAR))


@pytest.mark.parametrize("workers", [False, True])
def test_a_run_that_workers_go_on_with_at_its_moment_does_not_rest(
    store: DatabaseStore, workers: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = [Enqueue(Job("r-1", "acme", "agent:a", "demo"))] if workers else []

    async def scenario() -> None:
        await store.append("r-1", [QUEUED], lease=None, changes=job)
        await add(store, *SLEEPS[1:])

        async def comes(*_: Any) -> None:  # when all that was there is told
            await add(store, Resumed("its time has come"), Woke("t1/call/1"), *said(2, "Done."), Succeeded("Done."))

        monkeypatch.setattr(stream, "changed", comes)
        first = list(range(1, len(SLEEPS) + 1))
        assert await seen(store, until="rest") == [*first, *range(7, 12)] if workers else first

    play(scenario())


def test_a_run_that_waits_for_people_too_rests_all_the_same(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await store.append("r-1", [QUEUED], lease=None, changes=[Enqueue(Job("r-1", "acme", "agent:a", "demo"))])
        more = (*wanted(1, "shop/refund", "wait_for"), held(1), Slept("t1/call/2", FAR), Waited("approval"))
        await add(store, STARTED, *more)
        assert len(await seen(store, until="rest")) == 2 + len(more)

    play(scenario())


def test_what_may_follow_after_the_end_is_told_to_whoever_comes_later(store: DatabaseStore) -> None:
    """The answer to a call that was under way when somebody cancelled the run."""

    async def scenario() -> None:
        await add(store, QUEUED, STARTED, *wanted(1, "shop/refund"), made(1)[0], Cancelled("user:ann"))
        assert len(await seen(store)) == 6
        await add(store, made(1)[1])
        assert await seen(store, 6) == [7]

    play(scenario())


@pytest.mark.parametrize("until", ["end", "rest"])
def test_what_follows_the_end_is_seen_while_somebody_is_at_it(
    store: DatabaseStore, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to a call that was under way when somebody cancelled the run."""

    async def scenario() -> None:
        await add(store, QUEUED, STARTED, *wanted(1, "shop/refund"), made(1)[0])
        lease = await store.acquire("r-1", owner_name(), 3600.0)
        await store.stop("r-1", Cancelled("user:ann"))

        async def comes(*_: Any) -> None:  # when all that was there is told
            await store.append("r-1", [made(1)[1]], lease=lease)

        monkeypatch.setattr(stream, "changed", comes)
        assert await seen(store, until=until) == [1, 2, 3, 4, 5, 6, 7]

    play(scenario())


def test_it_ends_where_whoever_was_at_it_is_gone_and_says_what_was_lost(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await add(store, QUEUED, STARTED, *wanted(1, "shop/refund"), made(1)[0])
        lease = await store.acquire("r-1", owner_name(), 3600.0)
        assert lease is not None
        await store.stop("r-1", Cancelled("user:ann"))
        names: list[str] = []
        async for recorded in watch(store, "r-1"):
            names.append(event_name(recorded.event))
            if names[-1] == "cancelled":
                await store.release(lease)
        assert names[-2:] == ["cancelled", "doubted"]

    play(scenario())


def test_where_nothing_is_under_way_it_ends_at_once_whoever_has_the_run(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await add(store, QUEUED, STARTED, *wanted(1, "shop/refund"), *made(1))
        await store.acquire("r-1", owner_name(), 3600.0)
        await store.stop("r-1", Cancelled("user:ann"))
        assert await seen(store) == [1, 2, 3, 4, 5, 6, 7]

    play(scenario())


@pytest.mark.parametrize("swept", [True, False])
@pytest.mark.parametrize("until", ["end", "rest"])
def test_who_watches_a_run_that_is_cancelled_and_deleted_is_told_and_let_go(
    store: DatabaseStore, until: Until, swept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(*_: Any) -> None:  # whoever deletes it has not come to its events yet
        return

    if not swept:
        monkeypatch.setattr(RemovalBook, "_sweep", nothing)

    async def scenario() -> None:
        await add(store, QUEUED, STARTED, *said(1, "It is noon."))
        seqs: list[int] = []
        async for recorded in watch(store, "r-1", 1, until):
            seqs.append(recorded.seq)
            if recorded.seq == 4:
                await store.stop("r-1", Cancelled("user:ann"))
                await store.removal.remove("r-1", "user:bob")
        assert (seqs, recorded.event) == ([2, 3, 4, 5], Cancelled("user:ann"))
        with pytest.raises(UnknownRun):
            await anext(watch(store, "r-1"))

    play(scenario())


def test_a_beginning_of_its_id_will_do_and_an_unknown_run_is_said(store: DatabaseStore) -> None:
    async def scenario() -> None:
        await store.append("r-123456789", [QUEUED, Cancelled("user:ann")], lease=None)
        told: list[Recorded] = [recorded async for recorded in watch(store, "r-1234")]
        assert [recorded.run_id for recorded in told] == ["r-123456789"] * 2
        with pytest.raises(UnknownRun):
            await anext(watch(store, "r-2"))

    play(scenario())


def test_while_nothing_happens_no_event_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the version is asked for, until somebody has written."""
    monkeypatch.setattr(waiting, "IDLE_SECONDS", 100 * PATIENCE)
    store = store_at(tmp_path / "db")
    reads: list[int] = []
    asked: list[int] = []
    events, version = store.events, store.version

    async def counted(run_id: str, after: int = 0, most: int | None = None) -> Any:
        reads.append(after)
        return await events(run_id, after, most)

    async def looked() -> int:
        asked.append(len(reads))
        if len(asked) == 5:
            await add(store, Cancelled("user:ann"))
        return await version()

    monkeypatch.setattr(store, "events", counted)
    monkeypatch.setattr(store, "version", looked)

    async def scenario() -> None:
        await add(store, QUEUED)
        assert await seen(store) == [1, 2]

    try:
        play(scenario())
    finally:
        store.close()
    assert asked[1:5] == [2, 2, 2, 2]  # one read that found the first event, one that found no more


def test_where_a_run_rests() -> None:
    assert at_rest(folded(*WAITS))
    assert not at_rest(folded(*WAITS, decided(1)))
    assert not at_rest(folded(QUEUED))
    assert not at_rest(folded(QUEUED, STARTED))
    assert at_rest(folded(QUEUED, Cancelled("user:ann")))
