"""A run that is ended from outside: what was under way in it counts as made, if nobody says what became of it."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from gateway.approval import Terms
from gateway.budget import Limits, Spend
from gateway.errors import IllegalEvent, LeaseLost, UnknownRun
from gateway.events import (
    Admitted,
    Budgeted,
    Cancelled,
    Event,
    ModelFailed,
    Paused,
    Resolved,
    event_name,
)
from gateway.store import Change, Lease, Open, Reserve, Settle, gone, run_account
from gateway.store.database import DatabaseStore
from gateway.store.lease import machine, owner_name
from tests.builders import CLIENT, QUEUED, STARTED, Clock, an_approval, asked, held, returned, wanted
from tests.fixtures.stores import Place, store_at, tables

ONE, SHARED = Spend(tool_calls=1), "budget:b|"
UNDER_WAY: tuple[Event, ...] = (
    *wanted(1, "shop/refund", "shop/order"),
    held(1, approval_id="A-1"),
    Admitted("t1/call/2", "shop/order", "{}", "pin", "policy", ONE.to_json()),
    Budgeted("t1/call/2", {SHARED: ONE.to_json()}),
)
RESERVED = (Reserve(run_account("r-1"), ONE, Limits()), Reserve(SHARED, ONE, Limits()))
OVER = Cancelled("user:bob", "enough")
ELSEWHERE = "another/7/x.y"  # of which only the lease tells
DEAD = f"{machine()}/{2**22 + 1}/x"  # no process has such a number


def begun(store: DatabaseStore, *more: Event) -> None:
    """A run with a call under way, and a question."""
    changes: list[Change] = [Open(an_approval("A-1")), *RESERVED]
    asyncio.run(store.append("r-1", [QUEUED, STARTED, *UNDER_WAY, *more], lease=None, changes=changes))


def told(store: DatabaseStore) -> list[str]:
    """What happened, in short."""
    return [event_name(each.event) for each in asyncio.run(store.events("r-1"))]


def left(place: Place) -> int:
    """How many runs are still to be settled."""
    return len(tables(place)["unsettled"])


def amounts(store: DatabaseStore) -> list[tuple[int, int]]:
    """What is used and reserved, of the run's own account and of the one that it shares."""
    accounts = [asyncio.run(store.booked(name)) for name in (run_account("r-1"), SHARED)]
    return [(row.used, row.reserved) for rows in accounts for row in rows]


MADE, OPEN = [(1, 0), (1, 0)], [(0, 1), (0, 1)]


@pytest.mark.parametrize("seconds", [0.0, 3600.0], ids=["his lease is over", "he is dead"])
@pytest.mark.parametrize("how", ["stopped", "denied and stopped"])
def test_what_a_driver_who_is_gone_had_under_way_counts_as_made(store: DatabaseStore, how: str, seconds: float) -> None:
    begun(store)
    lease = asyncio.run(store.acquire("r-1", DEAD, seconds))
    if how == "stopped":
        asyncio.run(store.stop("r-1", OVER))
    else:
        asyncio.run(store.decide("A-1", "denied", "user:bob", "enough", Terms(stop=True)))
    row = asyncio.run(store.run_row("r-1"))
    assert (row.status, row.owner, amounts(store)) == ("cancelled", None, MADE)
    assert told(store)[-2:] == ["cancelled", "doubted"]
    with pytest.raises(LeaseLost):  # if he was only asleep, it is not settled twice
        asyncio.run(store.append("r-1", [], lease=lease))


def test_who_drives_it_settles_it_himself(store: DatabaseStore) -> None:
    begun(store)
    lease = asyncio.run(store.acquire("r-1", owner_name(), 3600.0))
    asyncio.run(store.decide("A-1", "denied", "user:bob", "enough", Terms(stop=True)))
    assert amounts(store) == OPEN
    asyncio.run(store.append("r-1", [], lease=lease))


def test_a_run_that_was_interrupted_in_a_call_has_nobody_who_would_settle_it(store: DatabaseStore) -> None:
    begun(store, Paused("interrupted", "it was interrupted"))
    asyncio.run(store.stop("r-1", OVER))
    assert amounts(store) == MADE


def test_a_run_that_moves_while_nobody_drives_it_leaves_nothing_reserved(store: DatabaseStore) -> None:
    begun(store, Paused("interrupted", "it was interrupted"))
    asyncio.run(store.move(asyncio.run(store.pack("r-1", moves=True)), "user:ann", "there.json"))
    assert amounts(store) == MADE
    assert told(store)[-1] == "cancelled"  # it is known by that when it comes back


def test_what_can_not_be_stopped_stays_as_it_is(store: DatabaseStore) -> None:
    with pytest.raises(UnknownRun):
        asyncio.run(store.stop("r-1", OVER))
    begun(store, OVER)
    lease = asyncio.run(store.acquire("r-1", DEAD, 3600.0))
    with pytest.raises(IllegalEvent):
        asyncio.run(store.stop("r-1", OVER))
    assert (asyncio.run(store.run_row("r-1")).owner, amounts(store)) == (DEAD, OPEN)
    assert lease is not None


def test_a_clients_run_without_a_driver_has_no_calls_under_way(store: DatabaseStore) -> None:
    asyncio.run(store.append("r-1", [CLIENT], lease=None))
    asyncio.run(store.stop("r-1", OVER))
    assert asyncio.run(store.run_row("r-1")).status == "cancelled"


# ---- he was there when it was ended, and is gone before he has settled it


def stopped(store: DatabaseStore, owner: str = ELSEWHERE, seconds: float = 9.0) -> Lease:
    """A run with a call under way that is ended while somebody drives it."""
    begun(store)
    lease = asyncio.run(store.acquire("r-1", owner, seconds))
    assert lease is not None
    asyncio.run(store.stop("r-1", OVER))
    assert amounts(store) == OPEN
    return lease


def looked(store: DatabaseStore, clock: Clock, millis: int) -> list[tuple[int, int]]:
    """What is reserved when somebody has come by, so much later."""
    clock.tick(millis)
    asyncio.run(store.expire())
    return amounts(store)


def test_a_driver_who_is_gone_after_the_end_is_settled_by_whoever_comes_by(
    store: DatabaseStore, place: Place, clock: Clock
) -> None:
    lease = stopped(store)
    assert looked(store, clock, 8_000) == OPEN
    assert looked(store, clock, 2_000) == OPEN  # the store may have been away, and his beat comes now
    assert looked(store, clock, 3_999) == OPEN
    assert looked(store, clock, 1) == MADE
    assert told(store)[-2:] == ["cancelled", "doubted"]
    assert asyncio.run(store.run_row("r-1")).owner is None
    with pytest.raises(LeaseLost):
        asyncio.run(store.append("r-1", [returned(2)], lease=lease))
    assert (looked(store, clock, 60_000), left(place)) == (MADE, 0)


def test_a_driver_who_only_missed_a_beat_settles_it_himself(store: DatabaseStore, place: Place, clock: Clock) -> None:
    lease = stopped(store)
    assert looked(store, clock, 10_000) == OPEN
    asyncio.run(store.renew(lease, 9.0))
    assert looked(store, clock, 8_000) == OPEN
    assert looked(store, clock, 2_000) == OPEN  # again for the first time
    settle = (Settle(run_account("r-1"), ONE, ONE), Settle(SHARED, ONE, ONE))
    asyncio.run(store.append("r-1", [returned(2)], lease=lease, changes=settle))
    asyncio.run(store.release(lease))
    assert (looked(store, clock, 0), left(place), told(store)[-1]) == (MADE, 0, "returned")


def test_a_driver_who_is_seen_to_be_dead_is_settled_at_once(
    store: DatabaseStore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(store)
    monkeypatch.setattr(gone, "is_dead", lambda owner: owner == ELSEWHERE)
    assert looked(store, clock, 0) == MADE


def test_a_driver_who_let_go_and_could_not_write_is_settled_at_once(
    store: DatabaseStore, place: Place, clock: Clock
) -> None:
    lease = stopped(store)
    asyncio.run(store.release(lease))
    assert (looked(store, clock, 0), left(place)) == (MADE, 0)


def test_a_question_to_a_model_that_nobody_hears_the_answer_of_counts_too(store: DatabaseStore, clock: Clock) -> None:
    own = Reserve(run_account("r-1"), Spend(tokens=9), Limits())
    asyncio.run(store.append("r-1", [QUEUED, STARTED, asked(1, tokens=9)], lease=None, changes=[own]))
    lease = asyncio.run(store.acquire("r-1", ELSEWHERE, 9.0))
    asyncio.run(store.stop("r-1", OVER))
    assert lease is not None
    asyncio.run(store.release(lease))
    assert looked(store, clock, 0) == [(9, 0)]
    event = asyncio.run(store.events("r-1"))[-1].event
    assert isinstance(event, ModelFailed)
    assert (event.kind, event.spent) == ("lost", {"tokens": 9})


def test_what_was_said_after_the_end_goes_along_to_another_store(store: DatabaseStore, tmp_path: Path) -> None:
    begun(store, Paused("interrupted", "it was interrupted"))
    asyncio.run(store.stop("r-1", OVER))
    asyncio.run(store.append("r-1", [Resolved("t1/call/2", "happened", "user:bob")], lease=None))
    with closing(store_at(tmp_path / "other.db")) as other:
        assert asyncio.run(other.unpack(asyncio.run(store.pack("r-1")), "user:ann"))
        assert told(other)[-4:] == ["cancelled", "doubted", "resolved", "imported"]


def of_a_client(store: DatabaseStore) -> Lease:
    call = (
        Admitted("call/1", "shop/order", "{}", "pin", "policy", ONE.to_json()),
        Budgeted("call/1", {SHARED: ONE.to_json()}),
    )
    asyncio.run(store.append("r-1", [CLIENT, STARTED, *call], lease=None, changes=RESERVED))
    lease = asyncio.run(store.acquire("r-1", ELSEWHERE, 9.0))
    assert lease is not None
    return lease


def test_a_gateway_has_the_time_between_two_of_its_beats(store: DatabaseStore, clock: Clock) -> None:
    of_a_client(store)
    asyncio.run(store.stop("r-1", OVER))
    assert looked(store, clock, 10_000) == OPEN
    assert looked(store, clock, 299_999) == OPEN
    assert looked(store, clock, 1) == MADE


def test_what_is_deleted_leaves_nothing_reserved(store: DatabaseStore, place: Place, clock: Clock) -> None:
    lease = stopped(store)
    clock.tick(10_000)
    asyncio.run(store.removal.remove("r-1", "user:ann"))
    assert amounts(store) == MADE[1:]
    with pytest.raises(UnknownRun):  # also when he wakes up
        asyncio.run(store.append("r-1", [returned(2)], lease=lease))
    assert (looked(store, clock, 60_000), left(place)) == (MADE[1:], 0)


def test_a_clients_run_that_is_cleared_away_leaves_nothing_reserved(store: DatabaseStore, clock: Clock) -> None:
    of_a_client(store)
    clock.tick(10_000)
    assert asyncio.run(store.removal.clear("runs", clock.now, "user:ann")) == 1
    assert amounts(store) == MADE[1:]


def test_nothing_more_comes_when_nothing_is_under_way_or_who_was_at_it_is_gone(
    store: DatabaseStore, place: Place, clock: Clock
) -> None:
    lease = stopped(store)
    assert not asyncio.run(store.is_settled("r-1"))
    settle = (Settle(run_account("r-1"), ONE, ONE), Settle(SHARED, ONE, ONE))
    asyncio.run(store.append("r-1", [returned(2)], lease=lease, changes=settle))
    assert asyncio.run(store.is_settled("r-1"))
    assert left(place) == 0
    assert (looked(store, clock, 60_000), told(store)[-1]) == (MADE, "returned")


def test_whoever_asks_whether_more_comes_settles_what_is_lost(store: DatabaseStore, clock: Clock) -> None:
    stopped(store)
    clock.tick(10_000)
    assert not asyncio.run(store.is_settled("r-1"))
    clock.tick(4_000)
    assert asyncio.run(store.is_settled("r-1"))
    assert (amounts(store), told(store)[-1]) == (MADE, "doubted")
