"""A row that is damaged, or newer than this version, is its own run's affair: nobody else is kept from anything."""

import asyncio
import logging
from typing import Any

import pytest

from gateway.budget import Limits, Spend
from gateway.errors import UnknownApproval, Unreadable
from gateway.events import Admitted, Cancelled, Decided, Event, Succeeded, Waited, event_name
from gateway.store import Change, Open, Reserve, legible, run_account
from gateway.store.database import DatabaseStore
from gateway.store.legible import folded, readable
from tests.builders import NOON, QUEUED, STARTED, Clock, a_call, admitted, an_approval, held, recorded, wanted

WAITING: tuple[Event, ...] = (
    QUEUED, STARTED, *wanted(1, "shop/refund"), held(1, approval_id="A-1"), Waited("approval"),
)  # fmt: skip
FUTURE = '{"event":"from_the_future","x":1}'


def execute(store: DatabaseStore, sql: str, *values: Any) -> None:
    asyncio.run(store._write(lambda db: db.execute(sql, values).rowcount))  # noqa: SLF001


@pytest.fixture
def two(store: DatabaseStore) -> DatabaseStore:
    """Two runs that wait for an answer each, of which the first one's question is damaged."""
    legible._named.clear()  # noqa: SLF001 - as in a new process
    for number in (1, 2):
        run_id = f"r-{number}"
        asked = an_approval(f"A-{number}", a_call(run_id=run_id), claim=f"claim-{number}")
        events = [*WAITING[:-2], held(1, approval_id=asked.id), WAITING[-1]]
        asyncio.run(store.append(run_id, events, lease=None, changes=[Open(asked)]))
    execute(store, "UPDATE approvals SET decisions = 'not json' WHERE id = 'A-1'")
    return store


@pytest.mark.parametrize(
    ("column", "damage"),
    [("decisions", "not json"), ("decisions", '[{"who": 1}]'), ("arguments", "{"), ("risk", "5"), ("reasons", "")],
)
def test_a_question_that_is_damaged_is_left_out_and_named_once_with_what_to_do(
    two: DatabaseStore, column: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    execute(two, "UPDATE approvals SET decisions = '[]' WHERE id = 'A-1'")
    execute(two, f"UPDATE approvals SET {column} = ? WHERE id = 'A-1'", damage)  # noqa: S608
    with caplog.at_level(logging.WARNING, logger="toolgate.store"):
        for _ in range(2):
            assert [one.id for one in asyncio.run(two.approvals())] == ["A-2"]
    (said,) = caplog.messages
    assert "`A-1`" in said
    assert "`toolgate cancel r-1`" in said
    for ask in (two.approval("A-1"), two.claimed("claim-1"), two.decide("A-1", "approved", "user:bob", "")):
        with pytest.raises(Unreadable, match="`A-1` is damaged"):
            asyncio.run(ask)
    with pytest.raises(UnknownApproval):
        asyncio.run(two.decide("A-9", "approved", "user:bob", ""))
    asyncio.run(two.decide("A-2", "approved", "user:bob", ""))


def test_it_is_over_in_time_as_all_others_and_is_a_no(two: DatabaseStore, clock: Clock) -> None:
    clock.tick(3_600_001)
    assert asyncio.run(two.expire()) == 2
    for run_id in ("r-1", "r-2"):
        last = asyncio.run(two.events(run_id))[-1].event
        assert isinstance(last, Decided)
        assert (last.decision, last.by) == ("expired", "the clock")
    assert asyncio.run(two.expire()) == 0
    other = asyncio.run(two.approval("A-2"))
    assert (other.state, other.decided_by, other.decided_at) == ("expired", "the clock", clock.now)


def test_it_is_withdrawn_with_its_call(two: DatabaseStore) -> None:
    assert asyncio.run(two.withdraw("A-1", "user:ann", "no more")) is True
    assert asyncio.run(two.withdraw("A-1", "user:ann", "no more")) is False
    with pytest.raises(UnknownApproval):
        asyncio.run(two.withdraw("A-9", "user:ann", ""))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (FUTURE, "holds 'from_the_future', which this version does not know; update it"),
        ("not json", r"event 2 of run `r-1` is damaged in the store: .*`toolgate runs delete r-1 --force`"),
        ("5", "event 2 of run `r-1` is damaged"),
        ('{"event":"started","wrong":true}', "event 2 of run `r-1` is damaged"),
        ('{"event":["started"]}', "event 2 of run `r-1` is damaged"),
    ],
)
def test_a_run_that_can_not_be_read_is_ended_and_deleted_all_the_same(two: DatabaseStore, body: str, why: str) -> None:
    execute(two, "UPDATE events SET body = ? WHERE run_id = 'r-1' AND seq = 2", body)
    with pytest.raises(Unreadable, match=why):
        asyncio.run(two.events("r-1"))
    asyncio.run(two.stop("r-1", Cancelled("user:ann")))
    assert asyncio.run(two.run_row("r-1")).status == "cancelled"
    asyncio.run(two.removal.remove("r-1", "user:ann"))
    assert {row.id for row in asyncio.run(two.run_rows())} == {"r-2"}
    kept = [each.body["event"] for each in two.removal.decisions("r-1")]
    assert kept == ["queued", "held", "cancelled"]  # what can be read of it


def test_what_such_a_run_had_reserved_is_settled_by_what_can_be_read(store: DatabaseStore) -> None:
    account = run_account("r-1")
    made: Any = admitted(1)
    assert isinstance(made, Admitted)
    changes: list[Change] = [Reserve(account, Spend.from_json(made.reserved), Limits())]
    events = [QUEUED, STARTED, *wanted(1, "shop/refund"), made]
    asyncio.run(store.append("r-1", events, lease=None, changes=changes))
    before = asyncio.run(store.booked(account))
    execute(store, "UPDATE events SET body = ? WHERE run_id = 'r-1' AND seq = 2", FUTURE)
    asyncio.run(store.stop("r-1", Cancelled("user:ann")))
    assert sum(row.reserved for row in before) > 0
    assert sum(row.reserved for row in asyncio.run(store.booked(account))) == 0


def test_events_that_add_up_to_no_run_are_said_to_be_so() -> None:
    events = recorded((QUEUED, Succeeded("x")))
    with pytest.raises(Unreadable, match="do not add up to a run"):
        folded("r-1", events)
    rows = [(1, NOON, '{"event":"queued","driver":"loop","user":"user:ann","tenant":"acme"}'), (2, NOON, "{")]
    assert [event_name(each.event) for each in readable("r-1", rows)] == ["queued"]
