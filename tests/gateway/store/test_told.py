"""What a file says are the events of a run is read strictly, whatever it holds."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call import TaskCreated
from gateway.conversation import Carried
from gateway.errors import StoreError
from gateway.events import Event, Succeeded
from gateway.later import Slept
from gateway.run import fold
from gateway.store.told import LONGEST_WAIT, events_of
from tests.builders import (
    NOON,
    QUEUED,
    STARTED,
    decided,
    denied,
    doubted,
    held,
    made,
    recorded,
    returned,
    said,
    wanted,
)

STORY: tuple[Event, ...] = (
    QUEUED, STARTED, *wanted(1, "shop/refund", "shop/order"), denied(2), held(1), decided(1), *made(1),
    *said(2, "Done."), Succeeded("Done."),
)  # fmt: skip


def told(*events: Event) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(json.dumps([each.to_json() for each in recorded(events or STORY)]))
    return found


def place(events: list[dict[str, Any]], name: str) -> int:
    return next(at for at, each in enumerate(events) if each["event"] == name)


def numbered(events: list[dict[str, Any]]) -> None:
    for seq, each in enumerate(events, 1):
        each["seq"] = seq


def test_what_was_recorded_here_is_read_as_it_was() -> None:
    found = events_of("r-1", told())
    assert found == recorded(STORY)
    assert fold("r-1", found).status == "succeeded"


def _without(name: str) -> Callable[[list[dict[str, Any]]], None]:
    def change(events: list[dict[str, Any]]) -> None:
        del events[place(events, name)]
        numbered(events)

    return change


def _with(name: str, **changes: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda events: events[place(events, name)].update(changes)


def _twice(name: str) -> Callable[[list[dict[str, Any]]], None]:
    def change(events: list[dict[str, Any]]) -> None:
        at = place(events, name)
        events.insert(at, copy.deepcopy(events[at]))
        numbered(events)

    return change


ALIEN = {"role": "assistant", "parts": [{"kind": "hologram"}]}


@pytest.mark.parametrize(
    ("damage", "where"),
    [
        (_without("model_asked"), r"event 3 \(`model_answered`\): no model was asked for this reply"),
        (_twice("model_answered"), r"event 5 \(`model_answered`\): no model was asked"),
        (_without("admitted"), r"\(`returned`\): the call was not made"),
        (_twice("returned"), r"\(`returned`\): what came of the call was known"),
        (_with("admitted", rule=5), r"\(`admitted`\): `rule` is not what it has to be"),
        (_with("queued", limits={"tool_calls": ""}), r"event 1 \(`queued`\)"),
        (_with("queued", input=["a"]), r"event 1 \(`queued`\): `input`"),
        (_with("model_asked", reserved={"tokens": "x"}), "`reserved` is not"),
        (_with("model_answered", message=ALIEN), r"\(`model_answered`\)"),
        (_with("returned", outcome={"kind": "hologram"}), r"\(`returned`\)"),
        (_with("started", event="hologram"), r"event 2 \(`hologram`\): there is no 'hologram'"),
        (_with("started", seq=7), "something is missing before it"),
        (_with("started", at="now"), "`at` is no moment"),
        (_with("started", at=True), "`at` is no moment"),
        (_with("started", at=-1), "`at` is no moment"),
        (_with("started", at=2**62), "`at` is no moment"),
        (_with("queued", user="user:role:admin"), "it does not say whose it is"),
        (_with("queued", user=""), "it does not say whose it is"),
        (_with("queued", tenant="a\nb"), "it does not say whose it is"),
        (_with("queued", agent="agent:\x1b[2J"), "`agent` is none"),
        (_with("queued", agent=""), "`agent` is none"),
        (_with("queued", agent=None), "`agent` is none"),
        (_with("queued", session="a b"), "`session` is no name of one"),
        (_with("admitted", key="t1/call/1\n"), "`key` is no name"),
        (_with("held", approval_id="A-1\x1b[2J"), "`approval_id` is no name"),
        (lambda events: events.insert(1, 5), "event 2: it is no object"),
        (lambda events: events.clear(), "something is missing from it"),
    ],
)
def test_what_could_not_have_been_recorded_is_damaged_and_it_is_said_where(
    damage: Callable[[Any], object], where: str
) -> None:
    events = told()
    damage(events)
    with pytest.raises(StoreError, match=f"this exported run is damaged: .*{where}"):
        events_of("run-1", events)


def test_nothing_in_it_has_happened_later_than_now_or_waits_for_longer_than_anything_may() -> None:
    asleep = (QUEUED, STARTED, *wanted(1, "shop/refund", "shop/order"), Slept("t1/call/1", NOON + LONGEST_WAIT))
    last = max(each["at"] for each in told(*asleep))
    assert len(events_of("r-1", told(*asleep), last)) == len(asleep)
    with pytest.raises(StoreError, match=r"event 4 .*`at` is no moment, or one to come"):
        events_of("r-1", told(), last - 2)
    for until in (last + LONGEST_WAIT + 1, 2**62, -1):
        later = told(*asleep)
        later[-1]["until"] = until
        with pytest.raises(StoreError, match="`until` is no moment, or further away"):
            events_of("r-1", later, last)


def test_of_a_call_one_answer_comes_for_each_time_that_it_was_sent_and_the_end_of_its_task() -> None:
    once, again = made(1), made(1)
    task = returned(1, TaskCreated({"taskId": "T-1", "status": "working"}, "T-1"))
    good: list[list[Event]] = [[*once, *again], [once[0], doubted(1)], [once[0], task, once[-1]]]
    for calls in good:
        assert events_of("r-1", told(QUEUED, STARTED, *wanted(1, "shop/refund", "shop/order"), *calls))
    twice: list[list[Event]] = [[once[0], doubted(1), once[-1]], [once[0], task, once[-1], once[-1]]]
    for calls in twice:
        with pytest.raises(StoreError, match="what came of the call was known"):
            events_of("r-1", told(QUEUED, STARTED, *wanted(1, "shop/refund", "shop/order"), *calls))


def test_messages_that_were_carried_over_can_be_told_to_a_model() -> None:
    odd = Carried({}, (ALIEN,), 9)
    with pytest.raises(StoreError, match=r"event 2 \(`carried`\)"):
        events_of("run-1", told(QUEUED, odd))


ODD: list[Any] = [None, 0, -1, 2**63, 1.5, True, "", "\0", "\ud800", [], {}, [[]], {"a": {"b": [1]}}, 10**40]


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from _places(value[key], (*path, key))


PLACES = list(_places(told()))


@given(st.sampled_from(PLACES), st.sampled_from(ODD))
def test_whatever_one_value_is_it_is_a_run_or_damaged(path: tuple[Any, ...], odd: Any) -> None:
    events: Any = told()
    at = events
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = odd
    try:
        found = events_of("run-1", events)
    except StoreError:
        return
    assert fold("run-1", found).seq == len(events)
