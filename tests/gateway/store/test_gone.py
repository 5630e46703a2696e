"""A run that is ended from outside: what was under way in it counts as made, if nobody says what became of it."""

import asyncio

import pytest

from gateway.approval import Terms
from gateway.budget import Limits, Spend
from gateway.errors import IllegalEvent, LeaseLost, UnknownRun
from gateway.events import Admitted, Budgeted, Cancelled, Event, Paused
from gateway.store import Change, Open, Reserve, run_account
from gateway.store.database import DatabaseStore
from gateway.store.lease import machine, owner_name
from tests.builders import CLIENT, QUEUED, STARTED, an_approval, held, wanted

ONE, SHARED = Spend(tool_calls=1), "budget:b|"
UNDER_WAY: tuple[Event, ...] = (
    *wanted(1, "shop/refund", "shop/order"),
    held(1, approval_id="A-1"),
    Admitted("t1/call/2", "shop/order", "{}", "pin", "policy", ONE.to_json()),
    Budgeted("t1/call/2", {SHARED: ONE.to_json()}),
)
RESERVED = (Reserve(run_account("r-1"), ONE, Limits()), Reserve(SHARED, ONE, Limits()))
OVER = Cancelled("user:bob", "enough")
DEAD = f"{machine()}/{2**22 + 1}/x"  # no process has such a number


def begun(store: DatabaseStore, *more: Event) -> None:
    """A run with a call under way, and a question."""
    changes: list[Change] = [Open(an_approval("A-1")), *RESERVED]
    asyncio.run(store.append("r-1", [QUEUED, STARTED, *UNDER_WAY, *more], lease=None, changes=changes))


def amounts(store: DatabaseStore) -> list[tuple[int, int]]:
    """What is used and reserved, of the run's own account and of the one that it shares."""
    accounts = [asyncio.run(store.booked(name)) for name in (run_account("r-1"), SHARED)]
    return [(row.used, row.reserved) for rows in accounts for row in rows]


MADE, OPEN = [(1, 0), (1, 0)], [(0, 1), (0, 1)]


@pytest.mark.parametrize("seconds", [0.0, 3600.0], ids=["his lease is over", "he is dead"])
@pytest.mark.parametrize("how", ["stopped", "denied and stopped"])
def test_what_a_driver_who_is_gone_had_under_way_counts_as_made(store: DatabaseStore, how: str, seconds: float) -> None:
    begun(store)
    gone = asyncio.run(store.acquire("r-1", DEAD, seconds))
    if how == "stopped":
        asyncio.run(store.stop("r-1", OVER))
    else:
        asyncio.run(store.decide("A-1", "denied", "user:bob", "enough", Terms(stop=True)))
    row = asyncio.run(store.run_row("r-1"))
    assert (row.status, row.owner, amounts(store)) == ("cancelled", None, MADE)
    with pytest.raises(LeaseLost):  # if he was only asleep, it is not settled twice
        asyncio.run(store.append("r-1", [], lease=gone))


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


def test_what_can_not_be_stopped_stays_as_it_is(store: DatabaseStore) -> None:
    with pytest.raises(UnknownRun):
        asyncio.run(store.stop("r-1", OVER))
    begun(store, OVER)
    gone = asyncio.run(store.acquire("r-1", DEAD, 3600.0))
    with pytest.raises(IllegalEvent):
        asyncio.run(store.stop("r-1", OVER))
    assert (asyncio.run(store.run_row("r-1")).owner, amounts(store)) == (DEAD, OPEN)
    assert gone is not None


def test_a_clients_run_without_a_driver_has_no_calls_under_way(store: DatabaseStore) -> None:
    asyncio.run(store.append("r-1", [CLIENT], lease=None))
    asyncio.run(store.stop("r-1", OVER))
    assert asyncio.run(store.run_row("r-1")).status == "cancelled"
