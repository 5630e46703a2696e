"""What was written is found again, as it was, whichever database keeps it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import StoreError, UnknownApproval, UnknownRun
from gateway.events import Event
from gateway.run import fold
from gateway.store import Open
from gateway.store.database import DatabaseStore
from tests.builders import (
    NOON,
    QUEUED,
    STARTED,
    Clock,
    a_call,
    admitted,
    an_approval,
    decided,
    denied,
    held,
    replied,
    returned,
    wanted,
)
from tests.fixtures.stores import Place, execute, store_at


def append(store: DatabaseStore, *events: Event, run_id: str = "r-1", **rest: Any) -> int:
    return asyncio.run(store.append(run_id, events, **({"lease": None} | rest)))


def test_a_beginning_of_an_id_has_six_characters(store: DatabaseStore) -> None:
    append(store, QUEUED, run_id="r-0123456789")
    assert asyncio.run(store.run_row("r-0123")).id == "r-0123456789"
    with pytest.raises(UnknownRun, match="`r-012`: give at least the first 6"):
        asyncio.run(store.run_row("r-012"))
    append(store, QUEUED, run_id="r-1")
    assert asyncio.run(store.run_row("r-1")).id == "r-1"  # this is all of it


def test_events_of_a_name_are_counted_unread(store: DatabaseStore) -> None:
    append(store, QUEUED, STARTED, *wanted(1, "shop/a", "shop/b"), denied(1), denied(2))
    append(store, QUEUED, run_id="r-12")
    counts = [asyncio.run(store.count("r-1", name)) for name in ("denied", "queued", "model_asked", "den", "held")]
    assert counts == [2, 1, 1, 0, 0]
    assert asyncio.run(store.count("r-none", "queued")) == 0


def test_events_come_back_as_they_were_in_order_and_with_their_time(store: DatabaseStore, clock: Clock) -> None:
    events = (QUEUED, STARTED, *wanted(1, "shop/a", "shop/b"), denied(1), held(2), decided(2), admitted(2), returned(2))
    for event in events:
        clock.tick(10)
        append(store, event)
    found = asyncio.run(store.events("r-1"))
    assert [recorded.event for recorded in found] == list(events)
    assert [recorded.seq for recorded in found] == list(range(1, len(events) + 1))
    assert [recorded.at for recorded in found] == [NOON + 10 * n for n in range(1, len(events) + 1)]
    assert asyncio.run(store.events("r-1", after=7)) == found[7:]
    assert asyncio.run(store.events("r-none")) == []
    assert fold("r-1", found).seq == len(events)


@pytest.mark.parametrize(
    "text", ["\ud800 alone", "\x00\x1b[31m\n", "\u202egnp.exe", "'; DROP TABLE events; --", "ü" * 3_000_000]
)
def test_whatever_a_model_or_a_tool_says_can_be_kept(store: DatabaseStore, text: str) -> None:
    reply = replied(1, say=text)
    append(store, QUEUED, STARTED, reply)
    assert asyncio.run(store.events("r-1"))[-1].event == reply


def test_the_newest_runs_are_listed_first(store: DatabaseStore, clock: Clock) -> None:
    for number in range(5):
        clock.tick(1)
        append(store, QUEUED, run_id=f"r-{number}")
    assert [row.id for row in asyncio.run(store.run_rows(3))] == ["r-4", "r-3", "r-2"]


def find_run(store: DatabaseStore, text: str) -> str:
    return asyncio.run(store.run_row(text)).id


def find_approval(store: DatabaseStore, text: str) -> str:
    return asyncio.run(store.approval(text)).id


@pytest.mark.parametrize(
    ("text", "meant"),
    [("r-aaa1",) * 2, ("r-aaa12",) * 2, ("r-aaa123",) * 2, ("r-aaa2", "r-aaa20"), ("r-aaa20",) * 2],
)
def test_an_id_may_be_cut_short_as_long_as_it_means_one(store: DatabaseStore, text: str, meant: str) -> None:
    for run_id in ("r-aaa1", "r-aaa12", "r-aaa123", "r-aaa20"):
        approval = an_approval(f"A{run_id}", call=a_call(run_id=run_id))
        append(store, QUEUED, STARTED, run_id=run_id, changes=[Open(approval)])
    assert find_run(store, text) == meant
    assert find_approval(store, f"A{text}") == f"A{meant}"


@pytest.mark.parametrize(
    "text",
    ["", "r", "r-aaa1", "r-aaa3", "R-AAA1", "%", "r_aaa1", "_", "r-aaa12\x00", "\udc80", "r-aaa12345", "\U0010ffff"],
)
def test_an_id_that_means_none_or_several_is_unknown(store: DatabaseStore, text: str) -> None:
    for run_id in ("r-aaa12", "r-aaa13"):
        append(store, QUEUED, run_id=run_id)
    with pytest.raises(UnknownRun):
        find_run(store, text)


def test_nothing_does_not_mean_the_only_one_there_is(store: DatabaseStore) -> None:
    """`toolgate approve "$ID"` with an unset variable approves nothing."""
    append(store, QUEUED, STARTED, changes=[Open(an_approval("A-1"))])
    with pytest.raises(UnknownApproval):
        find_approval(store, "")
    with pytest.raises(UnknownRun):
        find_run(store, "")


def test_questions_are_listed_oldest_first_and_those_that_are_open_by_default(store: DatabaseStore) -> None:
    append(store, QUEUED, STARTED)
    for number in (3, 1, 2):
        asked = an_approval(f"A-{number}", claim=f"c{number}", created=NOON + number)
        append(store, held(number), changes=[Open(asked)])
    asyncio.run(store.decide("A-2", "denied", "user:bob", "no"))
    assert [approval.id for approval in asyncio.run(store.approvals())] == ["A-1", "A-3"]
    assert [approval.id for approval in asyncio.run(store.approvals(pending_only=False))] == ["A-1", "A-2", "A-3"]
    assert len(asyncio.run(store.approvals(limit=1))) == 1
    first = an_approval("A-1", claim="c1", created=NOON + 1)
    assert asyncio.run(store.approval("A-1")) == first


def test_the_questions_of_a_run_are_found_however_many_others_wait(store: DatabaseStore) -> None:
    append(store, QUEUED, STARTED, changes=[Open(an_approval(f"A-{n:03}", claim=f"c{n}")) for n in range(200)])
    mine = an_approval("A-mine", claim="mine", call=a_call(run_id="r-2"), created=NOON + 1)
    append(store, QUEUED, STARTED, run_id="r-2", changes=[Open(mine)])
    assert mine not in asyncio.run(store.approvals())
    assert asyncio.run(store.approvals(run_id="r-2")) == [mine]
    assert asyncio.run(store.approvals(run_id="r-2", pending_only=False)) == [mine]
    assert asyncio.run(store.approvals(run_id="r-none")) == []


def test_the_version_changes_whenever_any_process_has_written(store: DatabaseStore, place: Place) -> None:
    async def version() -> int:
        return await store.version()

    first = asyncio.run(version())
    assert asyncio.run(version()) == first
    append(store, QUEUED)
    second = asyncio.run(version())
    assert second != first
    other = store_at(place)
    append(other, STARTED)
    other.close()
    assert asyncio.run(version()) != second


def test_an_event_of_a_newer_version_is_an_error_that_says_what_to_do(store: DatabaseStore, place: Place) -> None:
    append(store, QUEUED)
    execute(place, """INSERT INTO events VALUES ('r-1', 2, 0, '{"event":"teleported","to":"mars"}')""")
    with pytest.raises(StoreError, match="run `r-1` holds 'teleported', which this version does not know; update it"):
        asyncio.run(store.events("r-1"))


def test_a_closed_store_says_so(store: DatabaseStore) -> None:
    append(store, QUEUED)
    store.close()
    store.close()
    for work in (store.events("r-1"), store.spend("a"), store.run_rows(), store.version(), store.expire()):
        with pytest.raises(StoreError, match="closed"):
            asyncio.run(work)


def test_a_name_that_is_no_text_is_refused_when_it_is_kept(store: DatabaseStore) -> None:
    with pytest.raises(StoreError, match="the store can't keep this"):
        append(store, replace(QUEUED, tenant="ac\udc80me"))
    assert append(store, QUEUED) == 1


def test_numbers_that_no_database_knows_are_the_nearest_that_it_does(store: DatabaseStore) -> None:
    append(store, QUEUED)
    for most, count in ((-1, 0), (0, 0), (10**30, 1)):
        assert len(asyncio.run(store.run_rows(most))) == count
    assert asyncio.run(store.events("r-1", after=10**30)) == []
