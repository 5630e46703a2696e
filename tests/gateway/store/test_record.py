"""The record read from end to end, by somebody who can write nothing."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.call import Answered
from gateway.errors import StoreError
from gateway.events import Event
from gateway.store import Open
from gateway.store.database import DatabaseStore
from gateway.store.lease import owner_name, process_of
from gateway.store.postgres import record as in_postgres
from gateway.store.record import Period, Record
from gateway.store.record import opened as in_sqlite
from gateway.store.sqlite import SqliteStore
from tests.builders import CLIENT, NOON, QUEUED, STARTED, Clock, admitted, an_approval, held, replied, returned
from tests.fixtures.stores import Place, execute

SEEN = {"tools": {"shop/refund": ["pin-1", True, {}]}, "prompts": {}, "resources": {}}


@contextlib.contextmanager
def opened(place: Place) -> Iterator[Record]:
    with in_sqlite(place) if isinstance(place, Path) else in_postgres.opened(place) as record:
        yield record


def append(store: DatabaseStore, run_id: str, *events: Event, **rest: Any) -> None:
    asyncio.run(store.append(run_id, events, **({"lease": None} | rest)))


def test_runs_are_those_in_which_something_happened_then(store: DatabaseStore, place: Place, clock: Clock) -> None:
    append(store, "r-old", CLIENT, STARTED)
    append(store, "r-long", QUEUED, STARTED)
    clock.tick(1000)
    append(store, "r-new", replace(CLIENT, user="user:eve"), STARTED)
    append(store, "r-long", admitted(1))
    with opened(place) as record:
        assert list(record.runs(Period())) == ["r-long", "r-old", "r-new"]
        assert list(record.runs(Period(NOON + 1))) == ["r-long", "r-new"]
        assert list(record.runs(Period(NOON + 1, user="user:eve"))) == ["r-new"]
        assert list(record.runs(Period(until=NOON + 1))) == ["r-long", "r-old"]


def test_what_servers_answered_and_models_said_is_not_read_where_it_is_long(store: DatabaseStore, place: Place) -> None:
    long = Answered({"content": [{"type": "text", "text": "x" * 9000}]})
    wordy = replied(1, "shop/refund", say="y" * 9000, tokens=3)
    append(store, "r-1", QUEUED, STARTED, wordy, admitted(1), returned(1, long), returned(2))
    with opened(place) as record:
        told = [event for _, event in record.events("r-1")]
    assert [event["event"] for event in told] == [
        "queued",
        "started",
        "model_answered",
        "admitted",
        "returned",
        "returned",
    ]
    assert ("message" in told[2], told[4]["outcome"]) == (False, {"kind": "answered"})
    assert told[5]["outcome"] == returned(2).outcome
    assert (told[2]["spent"], told[4]["spent"], told[4]["key"]) == ({"tokens": 3}, {"tool_calls": 1}, "t1/call/1")


def test_what_was_asked_of_people_is_found_by_the_question(store: DatabaseStore, place: Place) -> None:
    approval = an_approval("A-1.1")
    append(store, "r-1", QUEUED, STARTED, held(1), changes=[Open(approval)])
    with opened(place) as record:
        assert record.asked("A-1.1") == (approval.arguments, approval.pin, approval.policy, "pending", None)
        assert record.asked("A-9") is None
        assert (record.answer("A-1.1"), record.answer("A-9")) == (("pending", None), ("", None))


def test_a_worker_saw_what_his_process_had_noted_last(store: DatabaseStore, place: Place, clock: Clock) -> None:
    mine, other = owner_name(), "elsewhere/7/abcd.1234"
    asyncio.run(store.note(process_of(mine), SEEN))
    clock.tick(1000)
    asyncio.run(store.note(process_of(mine), {**SEEN, "tools": {}}))
    asyncio.run(store.note(process_of(other), SEEN))
    with opened(place) as record:
        assert record.seen(mine, NOON - 1) is None
        assert record.seen(mine, NOON + 999) == SEEN
        assert record.seen(mine, NOON + 1000) == {**SEEN, "tools": {}}
        assert record.seen(other, NOON + 5000) == SEEN
        assert record.seen("nobody/1/x.y", NOON + 5000) is None
    assert execute(place, "SELECT count(*) FROM catalogues") == [(2,)]


def test_of_very_many_sightings_the_oldest_are_forgotten(
    store: DatabaseStore, place: Place, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.record._NOTED", 3)
    monkeypatch.setattr("gateway.store.record._SLACK", 1)
    for number in range(6):
        asyncio.run(store.note(f"here/{number}", {**SEEN, "tools": {f"shop/{number}": ["p", True, {}]}}))
        clock.tick(1000)
    left = [process for (process,) in execute(place, "SELECT process FROM sightings ORDER BY at")]
    assert execute(place, "SELECT count(*) FROM catalogues") == [(4,)]
    assert left == ["here/2", "here/3", "here/4", "here/5"]  # three after the fifth, and one more


def test_a_store_of_an_older_version_has_seen_nothing(tmp_path: Path) -> None:
    path = tmp_path / "toolgate.db"
    with contextlib.closing(SqliteStore(path)) as store:
        append(store, "r-1", CLIENT, STARTED)
    execute(path, "DROP TABLE sightings")
    with opened(path) as record:
        assert record.seen(owner_name(), NOON) is None


def test_it_can_write_nothing(store: DatabaseStore, place: Place) -> None:
    append(store, "r-1", CLIENT, STARTED)
    with (
        pytest.raises(StoreError, match=r"attempt to write a readonly database|in a read-only transaction"),
        opened(place) as record,
    ):
        record._connection.execute("DELETE FROM runs")  # noqa: SLF001 - what it could do
    with opened(place) as record:
        assert list(record.runs(Period())) == ["r-1"]


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "no.db"
    other.write_text("no database at all, but long enough to be looked at by somebody" * 9)
    with pytest.raises(StoreError, match=r"no\.db"), opened(other):
        pass
