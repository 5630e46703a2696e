"""A run goes from one store into another as it was, of either kind, and is driven in one place only."""

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.budget import Limits, Spend
from gateway.conversation import UserSpoke
from gateway.errors import Conflict, LeaseLost, StoreError, UnknownRun
from gateway.events import Cancelled, Event, Imported, Waited, event_to_json
from gateway.run import fold
from gateway.store import Change, Follow, Open, Reserve, Settle, run_account
from gateway.store.database import DatabaseStore
from gateway.store.sqlite import SqliteStore
from gateway.task import Task
from tests.builders import ANN, QUEUED, STARTED, Clock, a_call, an_approval, held, made, wanted

WAITING: tuple[Event, ...] = (
    QUEUED, STARTED, *wanted(1, "shop/refund", "shop/order"), *made(2), held(1, approval_id="A-1"), Waited("approval"),
)  # fmt: skip
TASK = Task(
    id="T-1", run_id="r-1", key="t1/call/2", user=ANN.user, agent=ANN.agent, tenant="acme", path="shop/order",
    pin="pin-1", arguments="{}", approval_id=None, theirs="{}", created=1, done=False,
)  # fmt: skip


@pytest.fixture
def elsewhere(tmp_path: Path, clock: Clock) -> Iterator[DatabaseStore]:
    opened = SqliteStore(tmp_path / "elsewhere.db", clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def waiting(store: DatabaseStore, clock: Clock) -> DatabaseStore:
    """A run that waits for an answer, with all that a run can have."""
    asked = an_approval("A-1", a_call(run_id="r-1"))
    account, spent = run_account("r-1"), Spend(tool_calls=3)
    changes: list[Change] = [
        Open(asked),
        Follow(TASK),
        Reserve(account, spent, Limits()),
        Settle(account, spent, Spend(tool_calls=1)),
    ]
    for event in WAITING:
        clock.tick(7)
        changed = changes if isinstance(event, Waited) else []
        asyncio.run(store.append("r-1", [event], lease=None, changes=changed))
    return store


def over_the_wire(pack: Any) -> Any:
    return json.loads(json.dumps(pack))


def test_a_run_is_there_as_it_was_here_and_says_that_it_came(
    waiting: DatabaseStore, elsewhere: DatabaseStore, clock: Clock
) -> None:
    pack = over_the_wire(asyncio.run(waiting.pack("r-1")))
    assert asyncio.run(elsewhere.unpack(pack, "user:ann")) is True
    *before, last = asyncio.run(elsewhere.events("r-1"))
    assert before == asyncio.run(waiting.events("r-1"))
    assert (last.event, last.at) == (Imported("user:ann"), clock())
    here, there = (asyncio.run(store.run_row("r-1")) for store in (waiting, elsewhere))
    assert replace(there, seq=here.seq, updated=here.updated) == here
    for ask in (
        lambda store: store.approvals(run_id="r-1"),
        lambda store: store.task("T-1"),
        lambda store: store.spend(run_account("r-1")),
    ):
        asked: Callable[[DatabaseStore], Any] = ask
        assert asyncio.run(asked(elsewhere)) == asyncio.run(asked(waiting))
    again = over_the_wire(asyncio.run(elsewhere.pack("r-1")))
    assert {**again, "events": again["events"][:-1]} == pack
    asyncio.run(elsewhere.decide("A-1", "approved", "user:bob", ""))  # and goes on there


def test_of_a_run_that_came_as_a_file_nobody_knows_what_it_has_read_and_what_its_user_has_said(
    waiting: DatabaseStore, elsewhere: DatabaseStore
) -> None:
    asyncio.run(elsewhere.unpack(asyncio.run(waiting.pack("r-1")), "user:ann"))
    run = fold("r-1", asyncio.run(elsewhere.events("r-1")))
    assert (run.tainted, run.servers, run.whole, run.input) == (True, None, False, "")
    asyncio.run(elsewhere.append("r-1", [UserSpoke("to o-17", "user:ann")], lease=None))
    assert fold("r-1", asyncio.run(elsewhere.events("r-1"))).input.strip() == "to o-17"


def test_what_is_there_already_is_left_alone_and_another_run_of_its_id_is_refused(waiting: DatabaseStore) -> None:
    pack = over_the_wire(asyncio.run(waiting.pack("r-1")))
    assert asyncio.run(waiting.unpack(pack, "user:ann")) is False
    asyncio.run(waiting.append("r-1", [UserSpoke("more", "user:ann")], lease=None))
    with pytest.raises(Conflict, match="another run `r-1`"):
        asyncio.run(waiting.unpack(pack, "user:ann"))


def moved_on(here: DatabaseStore, there: DatabaseStore, where: str) -> Any:
    """The run moves from one store to the other; the file with which it did."""
    pack = over_the_wire(asyncio.run(here.pack("r-1", moves=True)))
    asyncio.run(here.move(pack, "user:ann", where))
    assert asyncio.run(there.unpack(pack, "user:ann")) is True
    return pack


def test_a_run_that_was_moved_away_moves_back_with_what_came_there(
    waiting: DatabaseStore, elsewhere: DatabaseStore
) -> None:
    left = asyncio.run(waiting.events("r-1"))
    moved_on(waiting, elsewhere, "laptop.json")
    asyncio.run(elsewhere.decide("A-1", "approved", "user:bob", ""))
    account, spent = run_account("r-1"), Spend(tool_calls=2)
    changes: list[Change] = [Reserve(account, spent, Limits()), Settle(account, spent, spent)]
    asyncio.run(elsewhere.append("r-1", [UserSpoke("more", "user:ann")], lease=None, changes=changes))
    there = asyncio.run(elsewhere.events("r-1"))
    moved_on(elsewhere, waiting, "back.json")
    back = asyncio.run(waiting.events("r-1"))
    assert (back[: len(left)], back[:-1]) == (left, there)
    assert back[-1].event == Imported("user:ann", moved=True)
    assert asyncio.run(waiting.run_row("r-1")).status == "waiting"
    assert asyncio.run(waiting.spend(account)) == Spend(tool_calls=3)
    (asked,) = asyncio.run(waiting.approvals(run_id="r-1"))
    assert (asked.state, asked.decisions) == ("pending", ())  # the file is nobody's word
    assert asyncio.run(waiting.task("T-1")) == asyncio.run(elsewhere.task("T-1"))
    asyncio.run(waiting.decide("A-1", "approved", "user:bob", ""))  # and goes on here, as often as it likes
    moved_on(waiting, elsewhere, "again.json")
    moved_on(elsewhere, waiting, "once more.json")
    assert asyncio.run(elsewhere.run_row("r-1")).status == "cancelled"  # it is in one place only


def test_what_drove_it_before_it_left_records_nothing_when_it_is_back(
    waiting: DatabaseStore, elsewhere: DatabaseStore
) -> None:
    lease = asyncio.run(waiting.acquire("r-1", "elsewhere/1/a", 60))
    assert lease is not None
    asyncio.run(waiting.release(lease))
    moved_on(waiting, elsewhere, "laptop.json")
    moved_on(elsewhere, waiting, "back.json")
    again = asyncio.run(waiting.acquire("r-1", "elsewhere/1/a", 60))
    assert again is not None
    assert again.epoch > lease.epoch
    with pytest.raises(LeaseLost):
        asyncio.run(waiting.append("r-1", [UserSpoke("late", "user:ann")], lease=lease))


def test_one_that_was_moved_away_does_not_come_back_by_an_old_file_a_copy_or_another_record(
    waiting: DatabaseStore, elsewhere: DatabaseStore
) -> None:
    first = moved_on(waiting, elsewhere, "laptop.json")
    copied = over_the_wire(asyncio.run(elsewhere.pack("r-1")))
    other = copy.deepcopy(copied)
    other["moves"], other["events"][0]["input"] = True, "something else"
    grafted = copy.deepcopy(first)
    grafted["events"].append({"seq": len(first["events"]) + 1, "at": 1, **event_to_json(Cancelled("user:ann"))})
    before = asyncio.run(waiting.events("r-1"))
    for pack, why in (
        (first, "has it as it left"),
        (grafted, "has it as it left"),
        (copied, "has a copy, which would go on twice"),
        (other, "does not begin with what is on record of it here"),
    ):
        with pytest.raises(Conflict, match=rf"moved from here to laptop\.json, and this file {why}"):
            asyncio.run(waiting.unpack(pack, "user:ann"))
    assert asyncio.run(waiting.events("r-1")) == before
    back = moved_on(elsewhere, waiting, "back.json")
    asyncio.run(waiting.append("r-1", [UserSpoke("more", "user:ann")], lease=None))
    asyncio.run(waiting.move(asyncio.run(waiting.pack("r-1", moves=True)), "user:ann", "third.json"))
    with pytest.raises(Conflict, match=r"third\.json, and this file does not begin"):
        asyncio.run(waiting.unpack(back, "user:ann"))


def test_one_that_has_ended_where_it_went_comes_back_as_a_copy(
    waiting: DatabaseStore, elsewhere: DatabaseStore
) -> None:
    moved_on(waiting, elsewhere, "laptop.json")
    asyncio.run(elsewhere.append("r-1", [Cancelled("user:eve", "enough")], lease=None))
    assert asyncio.run(waiting.unpack(asyncio.run(elsewhere.pack("r-1")), "user:ann")) is True
    run = fold("r-1", asyncio.run(waiting.events("r-1")))
    assert (run.status, run.cause, run.moved) == ("cancelled", "enough", "")
    assert asyncio.run(waiting.events("r-1"))[-1].event == Imported("user:ann", moved=False)


def test_a_run_that_was_deleted_does_not_come_back(waiting: DatabaseStore) -> None:
    """Else what it was allowed to do once would be allowed once more."""
    asyncio.run(waiting.append("r-1", [Cancelled("user:ann", "")], lease=None))
    pack = over_the_wire(asyncio.run(waiting.pack("r-1")))
    asyncio.run(waiting.removal.remove("r-1", "user:ann"))
    with pytest.raises(Conflict, match="was deleted here"):
        asyncio.run(waiting.unpack(pack, "user:ann"))
    assert asyncio.run(waiting.run_rows()) == []


def test_a_run_that_moves_ends_here_once_and_only_as_it_was_packed(waiting: DatabaseStore) -> None:
    pack = asyncio.run(waiting.pack("r-1", moves=True))
    asyncio.run(waiting.append("r-1", [UserSpoke("more", "user:ann")], lease=None))
    with pytest.raises(Conflict, match="gone on meanwhile"):
        asyncio.run(waiting.move(pack, "user:ann", "prod"))
    asyncio.run(waiting.move(over_the_wire(asyncio.run(waiting.pack("r-1", moves=True))), "user:ann", "prod"))
    assert asyncio.run(waiting.run_row("r-1")).status == "cancelled"
    assert "moved to prod" in str(asyncio.run(waiting.events("r-1"))[-1].event)
    with pytest.raises(Conflict):
        asyncio.run(waiting.decide("A-1", "approved", "user:bob", ""))  # nobody answers here any more


def _other_words(pack: Any) -> None:
    pack["events"][0]["input"] = "something else"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda pack: pack.update(moves=False), "a copy of run `r-1`, without its place in the queue"),
        (lambda pack: pack.pop("moves"), "a copy of run `r-1`"),
        (_other_words, "not as this file has it"),
        (lambda pack: pack["account"].clear(), "not as this file has it"),
        (lambda pack: pack["approvals"][0].update(reason="so"), "not as this file has it"),
        (lambda pack: pack.update(job={"agent": "support", "model": "x", "priority": 1, "ready": 0}), "not as this"),
        (lambda pack: pack.update(run=5), "is not here"),
        (lambda pack: pack.update(run="r-2"), "is not here"),
    ],
)
def test_a_run_moves_only_by_a_pack_with_which_it_goes_on_as_it_stands_here(
    waiting: DatabaseStore, change: Callable[[Any], Any], why: str
) -> None:
    pack = over_the_wire(asyncio.run(waiting.pack("r-1", moves=True)))
    change(pack)
    with pytest.raises(StoreError, match=why):
        asyncio.run(waiting.move(pack, "user:ann", "prod"))
    assert asyncio.run(waiting.run_row("r-1")).status == "waiting"


def test_a_run_that_is_driven_is_taken_by_force_only_and_never_moved(waiting: DatabaseStore) -> None:
    assert asyncio.run(waiting.acquire("r-1", "elsewhere/1/a", 60))
    with pytest.raises(StoreError, match="is driven by elsewhere/1/a"):
        asyncio.run(waiting.pack("r-1"))
    pack = asyncio.run(waiting.pack("r-1", force=True, moves=True))
    with pytest.raises(Conflict, match="is driven"):
        asyncio.run(waiting.move(pack, "user:ann", "prod"))
    with pytest.raises(UnknownRun):
        asyncio.run(waiting.pack("r-9"))


def _shortened(pack: Any) -> None:
    del pack["events"][2]


def _illegal(pack: Any) -> None:
    pack["events"][1]["event"] = "succeeded"


def _strange(pack: Any) -> None:
    pack["events"][1]["event"] = "teleported"


@pytest.mark.parametrize(
    "damage",
    [
        _shortened,
        _illegal,
        _strange,
        lambda pack: pack.update(version=99),
        lambda pack: pack.update(what="else"),
        lambda pack: pack.update(events=[]),
        lambda pack: pack.update(run=""),
        lambda pack: pack.pop("approvals"),
        lambda pack: pack.update(tasks=[{"id": "T-1"}]),
    ],
)
def test_what_is_damaged_is_refused_whole(
    waiting: DatabaseStore, elsewhere: DatabaseStore, damage: Callable[[Any], object]
) -> None:
    pack = copy.deepcopy(over_the_wire(asyncio.run(waiting.pack("r-1"))))
    damage(pack)
    with pytest.raises(StoreError):
        asyncio.run(elsewhere.unpack(pack, "user:ann"))
    assert asyncio.run(elsewhere.run_rows()) == []
    assert asyncio.run(elsewhere.events("r-1")) == []


@pytest.mark.parametrize(
    "name",
    [
        "r-1\x1b[2J",
        "r-1\nr-ok  succeeded",
        "../../etc/passwd",
        "r-\0",
        " ",
        "r 1",
        "x" * 1_000_000,
        "é",
        ["a"],
        5,
        None,
    ],
)
def test_a_run_comes_in_under_a_name_that_can_stand_in_any_line(
    waiting: DatabaseStore, elsewhere: DatabaseStore, name: Any
) -> None:
    pack = over_the_wire(asyncio.run(waiting.pack("r-1"))) | {"run": name}
    with pytest.raises(StoreError, match="is no id of a run") as refused:
        asyncio.run(elsewhere.unpack(pack, "user:ann"))
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 200
    assert asyncio.run(elsewhere.run_rows()) == []


def test_what_happens_in_a_file_has_happened_by_now(
    waiting: DatabaseStore, elsewhere: DatabaseStore, clock: Clock
) -> None:
    pack = over_the_wire(asyncio.run(waiting.pack("r-1")))
    for at in (clock.now + 2 * 86_400_000, 2**62):
        pack["events"][-1]["at"] = at
        with pytest.raises(StoreError, match="`at` is no moment, or one to come"):
            asyncio.run(elsewhere.unpack(pack, "user:ann"))
    pack["events"][-1]["at"] = clock.now + 3_600_000  # clocks differ
    assert asyncio.run(elsewhere.unpack(pack, "user:ann")) is True


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("approvals", {"expires": 2**62}),
        ("approvals", {"created": -1}),
        ("tasks", {"created": 2**62}),
        ("tasks", {"id": "T\n"}),
    ],
)
def test_what_it_brings_along_has_moments_and_names(
    waiting: DatabaseStore, elsewhere: DatabaseStore, table: str, change: dict[str, Any]
) -> None:
    pack = over_the_wire(asyncio.run(waiting.pack("r-1")))
    pack[table][0].update(change)
    with pytest.raises(StoreError, match="is damaged"):
        asyncio.run(elsewhere.unpack(pack, "user:ann"))
