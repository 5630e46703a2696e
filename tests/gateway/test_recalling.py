import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.events import Event
from gateway.policy.history import Recalled, Stopped
from gateway.recalling import recalled
from gateway.store import Open
from gateway.store.lease import process_of
from gateway.store.record import Period, opened
from gateway.store.sqlite import SqliteStore
from tests.builders import CLIENT, NOON, STARTED, Clock, a_call, admitted, an_approval, denied, held, made

SEEN: dict[str, Any] = {"tools": {}, "prompts": {}, "resources": {}}


def append(store: SqliteStore, run_id: str, *events: Event, **rest: Any) -> None:
    asyncio.run(store.append(run_id, events, **({"lease": None} | rest)))


def calls(path: Path, period: Period, **rest: Any) -> list[tuple[str, str]]:
    with opened(path) as record:
        return [
            (run_id, call.key) for run_id, call, _ in recalled(record, period, **rest) if isinstance(call, Recalled)
        ]


def test_calls_of_the_period_meet_what_was_before_it(store: SqliteStore, store_path: Path, clock: Clock) -> None:
    append(store, "r-1", CLIENT, STARTED, *made(1))
    clock.tick(1000)
    append(store, "r-1", *made(2), denied(3))
    with opened(store_path) as record:
        found = [call for _, call, _ in recalled(record, Period(NOON + 1))]
    assert [(call.key, call.run.calls) for call in found if isinstance(call, Recalled)] == [
        ("t1/call/2", 1),
        ("t1/call/3", 2),
    ]
    assert calls(store_path, Period(until=NOON + 1)) == [("r-1", "t1/call/1")]
    assert calls(store_path, Period(), wanted=lambda call: call.effect == "deny") == [("r-1", "t1/call/3")]


def test_what_was_asked_of_people_is_recalled_with_its_arguments(store: SqliteStore, store_path: Path) -> None:
    approval = an_approval("A-1.1", a_call(arguments={"amount": 5}))
    append(store, "r-1", CLIENT, STARTED, held(1), changes=[Open(approval)])
    with opened(store_path) as record:
        ((_, call, _),) = recalled(record, Period())
    assert isinstance(call, Recalled)
    assert (call.arguments, call.pin, call.policy) == ('{"amount":5}', approval.pin, approval.policy)


def test_a_call_comes_with_what_its_worker_saw(store: SqliteStore, store_path: Path) -> None:
    append(store, "r-1", CLIENT, STARTED, *made(1))
    asyncio.run(store.note(process_of(STARTED.worker), SEEN))
    append(store, "r-2", CLIENT, replace(STARTED, worker="there/2/b.c"), *made(1))
    with opened(store_path) as record:
        assert [seen for _, _, seen in recalled(record, Period())] == [SEEN, None]


def test_the_run_of_a_task_goes_on_with_what_was_asked_elsewhere(store: SqliteStore, store_path: Path) -> None:
    append(store, "t-1", CLIENT, STARTED, admitted(1))
    append(store, "r-2", CLIENT, STARTED, replace(denied(1), gate="valid"))
    assert calls(store_path, Period()) == []
    with opened(store_path) as record:
        assert [type(call) for _, call, _ in recalled(record, Period())] == [Stopped]


def test_a_run_that_can_not_be_read_is_left_out_and_told_and_no_other(
    store: SqliteStore, store_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd: Any = 5
    append(store, "r-1", CLIENT, STARTED, *made(1), replace(admitted(2), rule=odd))
    append(store, "r-2", CLIENT, STARTED, replace(admitted(1), reserved=odd))
    append(store, "r-3", CLIENT, STARTED, *made(1))
    assert calls(store_path, Period()) == [("r-1", "t1/call/1"), ("r-3", "t1/call/1")]
    assert [record.args[0] for record in caplog.records if isinstance(record.args, tuple)] == ["r-1", "r-2"]
