"""Runs are deleted with all that is theirs, a little at a time; what was decided in them stays, without contents."""

import asyncio
import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Conflict, StoreError, UnknownRun
from gateway.events import Cancelled, Event, Started, Succeeded, Waited
from gateway.lasting import Delegation
from gateway.session import Join
from gateway.store import Open, removal
from gateway.store.database import DatabaseStore
from gateway.store.removal import KINDS, decision
from tests.builders import (
    CLIENT,
    NOON,
    QUEUED,
    STARTED,
    Clock,
    a_call,
    an_approval,
    decided,
    denied,
    held,
    made,
    said,
    wanted,
)
from tests.fixtures.stores import Place, store_at, tables

DAY = 86_400_000
STORY: tuple[Event, ...] = (
    QUEUED, STARTED, *wanted(1, "shop/refund", "shop/order"), denied(2), held(1), decided(1), *made(1),
    *said(2, "a secret"), Succeeded("a secret"),
)  # fmt: skip


def put(store: DatabaseStore, run_id: str, *events: Event, changes: Any = ()) -> None:
    asyncio.run(store.append(run_id, events, lease=None, changes=changes))


def ids(store: DatabaseStore) -> set[str]:
    return {row.id for row in asyncio.run(store.run_rows())}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transactions of two rows, pages of one run."""
    monkeypatch.setattr(removal, "AT_ONCE", 2)
    monkeypatch.setattr(removal, "PAGE", 1)


@pytest.mark.usefixtures("small")
def test_a_run_goes_with_all_that_is_its_own_and_what_was_decided_in_it_stays(
    store: DatabaseStore, place: Place
) -> None:
    other = an_approval("A-2", a_call(run_id="r-2"))
    put(store, "r-1", *STORY, changes=[Open(an_approval("A-1", a_call(run_id="r-1")))])
    put(store, "r-2", QUEUED, STARTED, changes=[Open(other)])
    asyncio.run(store.removal.remove("r-1", "user:ann"))
    assert ids(store) == {"r-2"}
    assert asyncio.run(store.events("r-1")) == []
    assert [asked.id for asked in asyncio.run(store.approvals(pending_only=False))] == ["A-2"]
    kept = store.removal.decisions("r-1")
    assert [each.body["event"] for each in kept] == ["queued", "denied", "held", "decided", "admitted"]
    assert "policy" in kept[1].body
    left = {name: [row for row in rows if "r-1" in str(row)] for name, rows in tables(place).items()}
    assert {name for name, rows in left.items() if rows} == {"removed", "decisions"}
    assert "a secret" not in str(left)
    assert QUEUED.input not in str(left)
    assert left["removed"][0][-1] == 1


def test_what_is_kept_of_an_event_has_no_arguments_and_no_words() -> None:
    body = json.dumps({"event": "denied", "key": "k", "path": "p", "arguments": "x", "why": "y", "policy": "77"})
    assert json.loads(decision(body) or "") == {"event": "denied", "key": "k", "path": "p", "policy": "77"}
    assert decision(json.dumps({"event": "returned", "key": "k"})) is None


@pytest.mark.parametrize("events", [(QUEUED,), (QUEUED, STARTED), (QUEUED, STARTED, Waited("user"))])
def test_a_run_that_has_not_ended_is_not_deleted(store: DatabaseStore, events: tuple[Event, ...]) -> None:
    put(store, "r-1", *events)
    with pytest.raises(StoreError, match="has not ended"):
        asyncio.run(store.removal.remove("r-1", "user:ann"))
    assert ids(store) == {"r-1"}


def test_a_run_that_somebody_still_holds_and_one_that_is_none_are_not_deleted(store: DatabaseStore) -> None:
    put(store, "r-1", QUEUED, STARTED)
    assert asyncio.run(store.acquire("r-1", "elsewhere/1/a", 60))
    put(store, "r-1", Cancelled("user:ann"))
    with pytest.raises(StoreError, match="is driven by elsewhere/1/a"):
        asyncio.run(store.removal.remove("r-1", "user:ann"))
    with pytest.raises(UnknownRun):
        asyncio.run(store.removal.remove("r-9", "user:ann"))


def clear(store: DatabaseStore, kind: removal.Kind, before: int, *, dry_run: bool = False) -> int:
    return asyncio.run(store.removal.clear(kind, before, "user:ann", dry_run=dry_run))


@pytest.mark.usefixtures("small")
def test_what_ended_long_ago_goes_and_what_waits_stays_however_old(store: DatabaseStore, clock: Clock) -> None:
    put(store, "ended", *STORY)
    put(store, "also", QUEUED, Cancelled("user:ann"))
    put(store, "waits", QUEUED, STARTED, Waited("user"))
    put(store, "queued", QUEUED)
    put(store, "left", CLIENT, Started("there/1/a"))  # by a gateway that was killed long ago
    put(store, "late", QUEUED, STARTED)
    clock.tick(10 * DAY)
    put(store, "late", Cancelled("user:ann"))  # it began long ago, and ended just now
    put(store, "fresh", QUEUED, Cancelled("user:ann"))
    before = clock.now - 5 * DAY
    assert clear(store, "runs", before, dry_run=True) == 3
    assert len(ids(store)) == 7
    assert clear(store, "runs", before) == 3
    assert ids(store) == {"waits", "queued", "late", "fresh"}
    assert clear(store, "runs", before) == 0


@pytest.mark.usefixtures("small")
def test_what_a_process_left_that_died_in_between_goes_with_the_next_clearing(
    store: DatabaseStore, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying(Exception):
        pass

    def die(*_: object) -> bool:
        raise Dying

    put(store, "r-1", *STORY)
    with monkeypatch.context() as dying:
        dying.setattr(removal, "_sweep", die)
        with pytest.raises(Dying):
            asyncio.run(store.removal.remove("r-1", "user:ann"))
    assert len(tables(place)["events"]) == len(STORY)
    assert clear(store, "runs", 0) == 0
    assert tables(place)["events"] == []
    assert len(store.removal.decisions("r-1")) == 5


@pytest.mark.usefixtures("small")
def test_the_audit_is_kept_for_longer_and_then_goes(store: DatabaseStore, place: Place, clock: Clock) -> None:
    put(store, "r-1", *STORY)
    asyncio.run(store.removal.remove("r-1", "user:ann"))
    assert clear(store, "audit", clock.now) == 0
    clock.tick(DAY)
    assert clear(store, "audit", clock.now, dry_run=True) == 1
    assert clear(store, "audit", clock.now) == 1
    assert clear(store, "audit", clock.now) == 0
    assert tables(place)["decisions"] == []
    assert [[cell for cell in row if isinstance(cell, str) and cell] for row in tables(place)["removed"]] == [["r-1"]]


@pytest.mark.usefixtures("small")
def test_what_lasted_goes_when_it_has_been_over_for_long_enough(store: DatabaseStore, clock: Clock) -> None:
    for number, until in enumerate((NOON + 1, NOON + 2, NOON + 3, NOON + 9 * DAY)):
        one = Delegation(f"D-{number}", "user:ann", "user:bob", "acme", NOON, until)
        asyncio.run(store.lasting.delegate(one))
    clock.tick(DAY)
    assert clear(store, "lasting", clock.now, dry_run=True) == 3
    assert clear(store, "lasting", clock.now) == 3
    assert [one.id for one in store.lasting.delegations(all_of_them=True)] == ["D-3"]


@pytest.mark.usefixtures("small")
def test_what_sessions_remember_to_which_nothing_was_added_for_long_goes_and_open_ones_stay(
    store: DatabaseStore, place: Place, clock: Clock
) -> None:
    def join(run_id: str, name: str) -> None:
        queued = replace(QUEUED, session=name)
        put(store, run_id, queued, changes=[Join(run_id, name, "user:ann", "acme", "agent:support")])

    for number in range(3):
        join(f"r-{number}", f"over-{number}")
        put(store, f"r-{number}", Cancelled("user:ann"))
    join("r-open", "open")
    clock.tick(10 * DAY)
    join("r-new", "new")
    put(store, "r-new", Cancelled("user:ann"))
    before = clock.now - 5 * DAY
    assert clear(store, "sessions", before, dry_run=True) == 3
    assert clear(store, "sessions", before) == 3
    assert {each.name for each in store.sessions("user:ann", "acme").all()} == {"open", "new"}
    assert len(tables(place)["session_runs"]) == 2
    assert len(ids(store)) == 5  # their runs stay on record
    assert clear(store, "runs", clock.now + 1) == 4
    assert len(tables(place)["session_runs"]) == 1  # and with a run its place in a session goes


def test_a_run_that_was_deleted_does_not_come_back_when_nothing_else_is_kept_of_it_any_more(
    store: DatabaseStore, clock: Clock
) -> None:
    put(store, "r-1", QUEUED, Cancelled("user:ann"))
    pack = asyncio.run(store.pack("r-1"))
    asyncio.run(store.removal.remove("r-1", "user:ann"))
    for left in (1, 0, 0):
        with pytest.raises(Conflict, match="`r-1` was deleted, and its id does not come back"):
            put(store, "r-1", QUEUED)
        with pytest.raises(Conflict, match="`r-1` was deleted here, and does not come back"):
            asyncio.run(store.unpack(pack, "user:ann"))
        clock.tick(DAY)
        assert clear(store, "audit", clock.now) == left
    assert KINDS == ("runs", "sessions", "lasting", "audit")


def test_of_two_who_clear_at_the_same_time_each_goes_on_with_what_the_other_has_left(
    place: Place, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(store_at(place, clock=clock)) as one, contextlib.closing(store_at(place)) as other:
        for name in ("r-1", "r-2", "r-3"):
            put(one, name, *STORY)
        clock.tick(DAY)
        remove, others = removal.RemovalBook.remove, other.removal

        async def late(book: removal.RemovalBook, run_id: str, by: str) -> None:
            if run_id == "r-2":  # the other one has just been there
                await remove(others, run_id, by)
            await remove(book, run_id, by)

        monkeypatch.setattr(removal.RemovalBook, "remove", late)
        assert clear(one, "runs", clock.now) == 2
        assert ids(one) == set()


def test_what_was_revoked_is_cleared_however_long_it_would_have_lasted(store: DatabaseStore, clock: Clock) -> None:
    for name in ("D-1", "D-2"):
        one = Delegation(name, "user:ann", "user:bob", "acme", NOON, NOON + 1000 * DAY)
        asyncio.run(store.lasting.delegate(one))
    asyncio.run(store.lasting.end("D-1", "user:ann"))
    clock.tick(DAY)
    assert clear(store, "lasting", clock.now, dry_run=True) == 1
    assert clear(store, "lasting", clock.now) == 1
    assert [one.id for one in store.lasting.delegations(all_of_them=True)] == ["D-2"]


def test_the_id_of_a_run_is_not_used_again_before_all_of_it_is_gone_and_not_afterwards(store: DatabaseStore) -> None:
    put(store, "r-1", *STORY)
    asyncio.run(store._write(lambda db: removal._remove(db, "r-1", "user:ann", NOON)))  # noqa: SLF001 - killed there
    for _ in range(2):
        with pytest.raises(Conflict, match="`r-1` was deleted"):
            put(store, "r-1", QUEUED)
        asyncio.run(store.removal.clear("runs", NOON, "user:ann"))
    assert ids(store) == set()
