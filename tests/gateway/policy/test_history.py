"""What is recalled of a run is what `gateway.run` makes of the same events, and what a client's account holds."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.call import Refused, Unsent
from gateway.conversation import Carried
from gateway.events import Event, Imported, LimitsRaised, Paused, Recognised, Resumed, Returned, Waited, event_to_json
from gateway.later import Notified, Slept, Woke
from gateway.policy import RunFacts
from gateway.policy.history import Passed, Recalled, Stopped
from gateway.run import fold
from gateway.tracing import Place
from tests.builders import (
    ANN,
    CLIENT,
    NOON,
    QUEUED,
    STARTED,
    admitted,
    asked,
    decided,
    denied,
    failed,
    held,
    made,
    recorded,
    replied,
    returned,
    wanted,
)

TAINTING = replace(returned(1), tainting=True)
CARRIED = Carried({"session": "trip"}, [{"role": "user", "parts": []}], 9, tainted=True, servers=["web"])
NEWS = Notified("paid", '{"amount": 5}', "user:bob")
TRANSCRIPTS: dict[str, Sequence[Event]] = {
    "calls": [QUEUED, STARTED, *wanted(1, "shop/a", "shop/b"), *made(1), *made(2), *wanted(2, "shop/a")],
    "money": [QUEUED, STARTED, asked(1, tokens=90, nanos=7), replied(1, "shop/a", tokens=40, nanos=3), admitted(1)],
    "failure": [QUEUED, STARTED, asked(1, tokens=9), failed(1), asked(1, tokens=8), replied(1, "shop/a", tokens=7)],
    "taint": [QUEUED, STARTED, *wanted(1, "shop/a"), admitted(1), TAINTING, *wanted(2, "shop/b")],
    "heard": [
        QUEUED, STARTED, *wanted(1, "shop/a", "mail/b", "bank/c"), admitted(1), replace(admitted(2), path="mail/b"),
        replace(admitted(3), path="bank/c"), returned(2), returned(3, Unsent("x")), returned(1, Refused(-1, "no")),
    ],
    "known to some": [replace(QUEUED, servers=["mail"]), STARTED, *wanted(1, "shop/a"), admitted(1), returned(1)],
    "known to nobody": [replace(QUEUED, servers=None), STARTED, *wanted(1, "shop/a"), admitted(1), returned(1)],
    "carried": [replace(QUEUED, servers=["mail"]), CARRIED, STARTED, *wanted(1, "shop/a"), *made(1)],
    "carried from nobody knows where": [QUEUED, replace(CARRIED, servers=None), STARTED, *wanted(1, "shop/a")],
    "taken in": [QUEUED, STARTED, *wanted(1, "shop/a"), Imported("user:ann"), *made(1), *wanted(2, "shop/b")],
    "brought": [replace(QUEUED, tainted=True), STARTED, *wanted(1, "shop/a")],
    "waiting": [
        QUEUED, STARTED, *wanted(1, "shop/a"), held(1), Waited("approval"), decided(1), Resumed("answered"), *made(1),
        *wanted(2, "shop/b"),
    ],
    "paused": [QUEUED, STARTED, *wanted(1, "shop/a"), Paused("budget", "x"), LimitsRaised({}, "x"), Resumed("raised")],
    "news": [
        QUEUED, STARTED, *wanted(1, "shop/a"), Slept("t1/call/1", NOON, "paid"), Notified("other", "1", "user:bob"),
        NEWS, *wanted(2, "shop/b"),
    ],
    "news that came early": [
        QUEUED, NEWS, STARTED, *wanted(1, "shop/a"), Slept("t1/call/1", NOON, "paid"), *wanted(2, "shop/b"),
    ],
    "news that nobody waits for any more": [
        QUEUED, STARTED, *wanted(1, "shop/a"), Slept("t1/call/1", NOON, "paid"), Woke("t1/call/1"), NEWS,
        *wanted(2, "shop/b"),
    ],
    "his own news": [
        QUEUED, STARTED, *wanted(1, "shop/a"), Slept("t1/call/1", NOON, "paid"), replace(NEWS, tainting=False),
        *wanted(2, "shop/b"),
    ],
    "paused before it began": [
        QUEUED, Paused("person", "x"), Resumed("x", queued=True), STARTED, *wanted(1, "shop/a"), *made(1),
    ],
    "taken over": [QUEUED, STARTED, *wanted(1, "shop/a"), admitted(1), STARTED, admitted(1, attempt=2), returned(1)],
    "unsent": [QUEUED, STARTED, *wanted(1, "shop/a"), admitted(1), replace(returned(1, Unsent("x")), spent={})],
}  # fmt: skip


def recalled(events: Sequence[Event], gap: int = 1) -> list[Recalled | Stopped]:
    """As the record gives them: JSON, one each so many milliseconds."""
    passed = Passed()
    told = [json.loads(json.dumps(event_to_json(event))) for event in events]
    found = [passed.add(NOON + gap * place, event) for place, event in enumerate(told, 1)]
    return [one for one in found if one is not None]


def the_last(*events: Event) -> Recalled:
    found = recalled(events)[-1]
    assert isinstance(found, Recalled)
    return found


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_a_step_is_judged_by_what_the_run_was_when_it_began(name: str) -> None:
    """A worker takes the run up after each event that lets one: then a step begins."""
    checked = 0
    for length in range(2, len(TRANSCRIPTS[name]) + 1):
        begun = [*TRANSCRIPTS[name][:length], STARTED]
        run = fold("r-1", recorded(begun))
        if run.status != "running":
            continue
        taken = Place.of(run).taken
        facts = the_last(*begun, admitted(7, turn=9)).run
        assert facts == RunFacts.of(taken, tainted=run.tainted, servers=run.servers)
        checked += 1
    assert checked


def test_calls_of_one_step_see_nothing_of_one_another() -> None:
    begun = [QUEUED, STARTED, *wanted(1, "shop/a", "shop/b", "shop/c")]
    found = recalled([*begun, admitted(1), TAINTING, denied(2), admitted(3)])
    assert [(one.run.calls, one.run.tainted) for one in found if isinstance(one, Recalled)] == [(0, False)] * 3


def test_a_call_of_a_client_sees_all_that_was_before_it() -> None:
    found = recalled([CLIENT, STARTED, admitted(1), admitted(2), TAINTING, admitted(3)])
    assert [one.run for one in found if isinstance(one, Recalled)] == [
        RunFacts(),
        RunFacts(calls=1),
        RunFacts(calls=2, tainted=True, servers=frozenset({"shop"})),
    ]


def test_a_call_is_recalled_with_who_asked_what_was_said_and_by_whom() -> None:
    found = the_last(QUEUED, STARTED, *wanted(1, "shop/refund"), admitted(1))
    assert (found.subject, found.worker, found.pin, found.policy) == (ANN, "here/1/a", "pin-1", "policy-1")
    assert (found.action, found.path, found.arguments, found.effect) == ("call", "shop/refund", "{}", "allow")
    refused = the_last(QUEUED, STARTED, *wanted(1, "shop/refund"), denied(1))
    assert (refused.effect, refused.rule, refused.policy) == ("deny", "policy.csv:4", None)
    put = the_last(QUEUED, STARTED, *wanted(1, "shop/refund"), held(1))
    assert (put.effect, put.arguments, put.approval) == ("ask", None, "A-1.1")


def test_since_when_somebody_had_been_recognised_belongs_to_one_call() -> None:
    begun: list[Event] = [
        CLIENT,
        STARTED,
        Recognised("t1/call/1", None),
        admitted(1),
        Recognised("t1/call/2", 17.5),
        denied(2),
    ]
    found = [one for one in recalled([*begun, held(3)]) if isinstance(one, Recalled)]
    assert [(one.subject.since, one.aged) for one in found] == [(None, True), (17.5, True), (None, False)]


def test_a_call_counts_once_however_often_it_is_judged() -> None:
    begun: list[Event] = [QUEUED, STARTED, *wanted(1, "shop/a", "shop/b")]
    again: list[Event] = [
        held(1),
        admitted(2),
        Waited("approval"),
        decided(1),
        Resumed("x"),
        admitted(1, approval_id="A-1.1"),
    ]
    found = recalled([*begun, *again, returned(1), STARTED, admitted(2, attempt=2)])
    assert [(one.key, one.effect) for one in found if isinstance(one, Recalled)] == [
        ("t1/call/1", "ask"),
        ("t1/call/2", "allow"),
    ]


@pytest.mark.parametrize("gate", ["known", "reachable", "intact", "valid", "within_budget"])
def test_what_another_gate_stopped_says_nothing_of_the_policy(gate: str) -> None:
    (found,) = recalled([CLIENT, STARTED, replace(denied(1), gate=gate)])
    assert isinstance(found, Stopped)
    assert found.gate == gate


def test_a_person_who_said_no_was_asked() -> None:
    assert the_last(CLIENT, STARTED, replace(denied(1), gate="approved")).effect == "ask"


def test_arguments_that_were_cut_are_not_taken_for_whole() -> None:
    cut = replace(denied(1), whole={"bytes": 70000, "sha256": "x"})
    assert the_last(CLIENT, STARTED, cut).arguments is None


def test_what_is_said_to_a_task_is_no_question_to_the_policy() -> None:
    assert recalled([CLIENT, STARTED, replace(admitted(1), action="update"), Returned("t1/call/1", {}, {})]) == []
