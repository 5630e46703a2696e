"""A file that is imported answers nothing: its questions are put anew, and its rows are those of its own run."""

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.approval import Approval, Vote
from gateway.errors import StoreError, UnknownApproval
from gateway.events import Event, Queued, Resumed, Started, Waited, event_to_json
from gateway.store import Follow, Open, run_account
from gateway.store.database import DatabaseStore
from gateway.store.sqlite import SqliteStore
from gateway.task import Task
from tests.builders import (
    ANN,
    CLIENT,
    QUEUED,
    STARTED,
    Clock,
    a_call,
    admitted,
    an_approval,
    decided,
    held,
    made,
    wanted,
)

WAITING: tuple[Event, ...] = (
    QUEUED,
    STARTED,
    *wanted(1, "shop/refund"),
    held(1, approval_id="A-1"),
    Waited("approval"),
)
CALL = a_call(arguments={"amount": 10})
TASK = Task("T-1", "r-1", "t1/call/1", ANN.user, ANN.agent, ANN.tenant, "shop/refund", "pin-1", "{}", None, "{}", 1)
Pack = dict[str, Any]


@pytest.fixture
def there(tmp_path: Path, clock: Clock) -> Iterator[DatabaseStore]:
    opened = SqliteStore(tmp_path / "there.db", clock=clock)
    yield opened
    opened.close()


def packed(store: DatabaseStore, events: Sequence[Event] = WAITING, *changes: Any) -> Pack:
    asyncio.run(store.append("r-1", events, lease=None, changes=changes or (Open(an_approval("A-1", CALL)),)))
    pack: Pack = json.loads(json.dumps(asyncio.run(store.pack("r-1"))))
    return pack


@pytest.fixture
def pack(tmp_path: Path, clock: Clock) -> Iterator[Pack]:
    """What a laptop exports: a run that waits for an answer, and has a task."""
    laptop = SqliteStore(tmp_path / "laptop.db", clock=clock)
    yield packed(laptop, WAITING, Open(an_approval("A-1", CALL)), Follow(TASK))
    laptop.close()


def arrived(store: DatabaseStore, pack: Pack) -> Approval:
    assert asyncio.run(store.unpack(pack, "user:ann")) is True
    return asyncio.run(store.approval("A-1"))


def test_a_yes_that_stands_in_the_file_is_asked_for_anew(there: DatabaseStore, pack: Pack) -> None:
    before = an_approval("A-1", CALL)
    vote = {"by": "user:bob", "at": 1, "decision": "approved", "digest": before.digest}
    pack["approvals"][0].update(
        state="approved", decided_by="user:nobody", decided_at=5, reason="sure", decisions=json.dumps([vote])
    )
    assert arrived(there, pack) == before
    asyncio.run(there.decide("A-1", "approved", "user:bob", ""))  # people here can say it


def test_who_changed_the_call_has_no_word_here_either(there: DatabaseStore, pack: Pack) -> None:
    changed = an_approval("A-1", CALL).edited(a_call(arguments={"amount": 9}).arguments)
    vote = Vote("user:bob", 1, "approved", digest=changed.digest)
    pack["approvals"][0].update(
        arguments=changed.arguments,
        asked_for=changed.asked_for,
        digest=changed.digest,
        decisions=json.dumps([_as(vote)]),
    )
    assert arrived(there, pack) == an_approval("A-1", CALL)


def _as(vote: Vote) -> dict[str, Any]:
    return {name: getattr(vote, name) for name in Vote.__dataclass_fields__}


def test_an_answer_of_which_the_events_tell_is_asked_for_anew_and_reaches_the_run(
    there: DatabaseStore, pack: Pack
) -> None:
    pack["events"].append({"seq": len(pack["events"]) + 1, "at": 9, **event_to_json(decided(1, approval_id="A-1"))})
    pack["approvals"][0]["state"] = "approved"
    assert arrived(there, pack).state == "pending"
    assert asyncio.run(there.decide("A-1", "approved", "user:eve", "")).approvers == ("user:eve",)


def test_a_yes_that_was_used_lets_no_call_be_made_once_more(there: DatabaseStore, pack: Pack) -> None:
    again = (
        decided(1, approval_id="A-1"),
        Resumed("", "user:ann"),
        Started("here/1/b"),
        admitted(1, approval_id="A-1"),
    )
    for event in again:
        pack["events"].append({"seq": len(pack["events"]) + 1, "at": 9, **event_to_json(event)})
    pack["approvals"][0].update(state="consumed", consumed_at=9)
    pack["tasks"] = []
    assert arrived(there, pack).state == "cancelled"


def test_nor_does_one_that_was_used_for_another_call(there: DatabaseStore, pack: Pack) -> None:
    for event in (
        decided(1, approval_id="A-1"),
        Resumed("", "user:ann"),
        Started("here/1/b"),
        *made(1),
        *wanted(2, "shop/refund"),
        admitted(1, turn=2, approval_id="A-1"),
    ):
        pack["events"].append({"seq": len(pack["events"]) + 1, "at": 9, **event_to_json(event)})
    pack["approvals"][0].update(state="consumed", consumed_at=9)
    pack["tasks"] = []
    assert arrived(there, pack).state == "cancelled"


@pytest.mark.parametrize("state", ["denied", "expired", "cancelled", "consumed"])
def test_what_is_over_is_history(there: DatabaseStore, pack: Pack, state: str) -> None:
    pack["events"].append(
        {"seq": len(pack["events"]) + 1, "at": 9, **event_to_json(decided(1, "denied", approval_id="A-1"))}
    )
    pack["approvals"][0].update(state=state, decided_by="user:bob", decided_at=3, reason="no")
    asked = arrived(there, pack)
    assert (asked.state, asked.decided_by) == (state, "user:bob")


CLIENT_ANN = replace(ANN, agent=None)


def _of_client() -> Approval:
    call = a_call(subject=CLIENT_ANN, arguments={"amount": 10})
    return an_approval("A-1", call, claim=call.digest)


@pytest.fixture
def place_of_client(tmp_path: Path, clock: Clock) -> Iterator[Pack]:
    laptop = SqliteStore(tmp_path / "client.db", clock=clock)
    yield packed(laptop, (CLIENT, STARTED, held(1, approval_id="A-1")), Open(_of_client()))
    laptop.close()


def test_the_same_question_that_stands_here_is_enough(there: DatabaseStore, place_of_client: Pack) -> None:
    asked = an_approval("A-2", a_call(run_id="r-2", subject=CLIENT_ANN), claim=_of_client().claim)
    asyncio.run(there.append("r-2", [CLIENT, STARTED, held(1, approval_id="A-2")], lease=None, changes=[Open(asked)]))
    assert arrived(there, place_of_client).state == "cancelled"
    assert asyncio.run(there.approval("A-2")).state == "pending"


def _asks(**changes: Any) -> Callable[[Pack], object]:
    return lambda pack: pack["approvals"][0].update(changes)


def _of(table: str, **changes: Any) -> Callable[[Pack], object]:
    return lambda pack: pack[table][0].update(changes)


@pytest.mark.parametrize(
    "edited",
    [
        _asks(user="user:eve"),
        _asks(tenant="evil"),
        _asks(agent=None),
        _asks(id="A-evil"),
        _asks(key="t1/call/2", claim="r-1/t1/call/2"),
        _asks(path="shop/order"),
        _asks(claim="zz"),
        _asks(claim=an_approval("A-1", CALL).digest),  # only a client's may be picked up by it
        _asks(digest="0" * 64),
        _asks(arguments='{"amount":1000000}'),
        _asks(state="agreed"),
        _asks(decisions="{not json"),
        _asks(decisions='[{"by": 5, "at": 1, "decision": "approved"}]'),
        _asks(decisions='[{"by": "user:bob", "at": 1, "decision": "maybe"}]'),
        _asks(decisions="[3]"),
        _asks(risk="[[1]]"),
        _asks(reasons=None),
        _asks(schema="[1"),
        _asks(schema="[]"),
        _asks(why=None),
        _asks(why="\ud800"),
        _asks(rule=7),
        _asks(created="soon"),
        _asks(needs=2**63),
        _asks(arguments="[[["),
        _asks(asked_for="[[["),
        _of("tasks", user="user:eve"),
        _of("tasks", tenant="evil"),
        _of("tasks", arguments="[[["),
        _of("tasks", theirs=7),
        _of("tasks", created=None),
        lambda pack: pack["approvals"].clear(),
        lambda pack: pack["approvals"].append("A-2"),
        lambda pack: pack["approvals"].append(dict(pack["approvals"][0])),
        lambda pack: pack["tasks"].append(3),
        lambda pack: pack.update(account=[["tool_calls", -1, 0]]),
        lambda pack: pack.update(account=[["tool_calls", 0, -1]]),
        lambda pack: pack.update(account=[["tool_calls", True, 0]]),
        lambda pack: pack.update(account=[["wishes", 1, 0]]),
        lambda pack: pack.update(account=[3]),
        lambda pack: pack["events"][0].update(user="user:eve"),
        lambda pack: pack["events"][0].update(tenant=["acme"]),
    ],
)
def test_what_is_not_the_runs_own_or_can_not_be_read_is_refused_whole(
    there: DatabaseStore, pack: Pack, edited: Callable[[Pack], object]
) -> None:
    edited(pack)
    with pytest.raises(StoreError):
        asyncio.run(there.unpack(pack, "user:ann"))
    assert (asyncio.run(there.run_rows()), asyncio.run(there.events("r-1"))) == ([], [])
    with pytest.raises(UnknownApproval):
        asyncio.run(there.approval("A-1"))


def test_an_older_file_without_newer_columns_is_read(there: DatabaseStore, pack: Pack) -> None:
    for name in ("client", "reasons", "session", "needs", "decisions", "schema"):
        del pack["approvals"][0][name]
    assert arrived(there, pack) == an_approval("A-1", CALL)
    assert asyncio.run(there.spend(run_account("r-1"))).tool_calls == 0
    assert asyncio.run(there.task("T-1")) == TASK
    assert isinstance(asyncio.run(there.events("r-1"))[0].event, Queued)
