"""The JSON of events is public, and what was written once must read for ever."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conversation import (
    AnswerRejected,
    Carried,
    Compacted,
    Interrupted,
    ModelChosen,
    Pinned,
    Searched,
    UserSpoke,
)
from gateway.events import (
    EVENTS,
    Admitted,
    Budgeted,
    Cancelled,
    Decided,
    Denied,
    Doubted,
    Event,
    Failed,
    Held,
    Imported,
    LimitsRaised,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Obliged,
    Paused,
    Queued,
    Recognised,
    Recorded,
    Resolved,
    Resumed,
    Returned,
    Started,
    Succeeded,
    Waited,
    event_from_json,
    event_name,
    event_to_json,
)
from gateway.later import Deferred, Notified, Slept, Woke
from tests.builders import as_json

GOLDEN = Path(__file__).parents[1] / "golden" / "events.json"

SAMPLES: tuple[Event, ...] = (
    Queued(
        driver="loop",
        user="user:ann",
        tenant="acme",
        agent="agent:support",
        model="scripted:demo.yaml",
        input="Where is order o-17?",
        limits={"turns": 20, "nanos": 500_000_000},
        output_schema={"type": "object"},
    ),
    Started(worker="host/4711/0123abcd"),
    ModelAsked(turn=1, reserved={"turns": 1, "tokens": 4_500}, model="anthropic:claude-x"),
    ModelAnswered(
        turn=1,
        message={
            "role": "assistant",
            "parts": [
                {"kind": "text", "text": "Let me look."},
                {"kind": "tool_call", "id": "c1", "name": "shop__order", "arguments": '{"id": "o-17"}'},
            ],
        },
        finish="tool_calls",
        model="demo-1",
        usage={"input": 400, "output": 30, "cache_read": 0, "cache_write": 0, "reasoning": 0, "estimated": False},
        spent={"turns": 1, "tokens": 430, "nanos": 1_650_000},
        calls=({"key": "t1/call/1", "id": "c1", "path": "shop/order"},),
    ),
    ModelFailed(
        turn=2,
        kind="overloaded",
        why="try later",
        retryable=True,
        spent={"turns": 1},
        model="anthropic:claude-x",
        then="openai:gpt-x",
        attempt=4,
        delay=0.25,
    ),
    Denied(
        key="t1/call/1",
        path="shop/refund",
        arguments='{"amount":900}',
        gate="permitted",
        why="refunds over $500 are not yours",
        rule="policies/policy.csv:12",
        policy="5193e4552009",
    ),
    Held(
        key="t1/call/1",
        path="shop/refund",
        approval_id="A-00ff",
        why="refunds are looked at",
        rule="policies/policy.csv:11",
        action="get",
        policy="5193e4552009",
    ),
    Decided(
        key="t1/call/1",
        approval_id="A-00ff",
        decision="denied",
        by="user:bob",
        reason="wrong order",
        policy="5193e4552009",
    ),
    Recognised(key="t1/call/1", since=1764115200.5),
    Admitted(
        key="t1/call/1",
        path="shop/order",
        arguments='{"id":"o-17"}',
        pin="9f2c",
        policy="77aa",
        reserved={"tool_calls": 1},
        attempt=2,
        rule="policies/policy.csv:3",
        approval_id="A-00ff",
        action="read",
    ),
    Budgeted(
        key="t1/call/1",
        accounts={
            "budget:refunds|tenant=acme,subject=user:ann|00001795647600": {"tool_calls": 1, "nanos": 100_000_000}
        },
        left=({"budget": "refunds", "unit": "tool_calls", "left": 3, "limit": 20, "low": True},),
    ),
    Obliged(
        key="t1/call/1",
        duties={"redact": ["ssn", "@secrets"], "max_result_bytes": 65_536, "timeout": 10.0, "dry_run": True},
        rules=("policies/policy.csv:14",),
    ),
    Returned(
        key="t1/call/1",
        outcome={"kind": "answered", "result": {"content": [{"type": "text", "text": "on its way"}]}},
        spent={"tool_calls": 1},
    ),
    Doubted(key="t1/call/1", why="no answer came", spent={"tool_calls": 1}),
    Resolved(key="t1/call/1", resolution="did_not_happen", by="user:bob", note="not in the books"),
    Waited(cause="approval"),
    Paused(cause="budget", why="$0.01 more would pass the limit of $0.5", unit="nanos", by="user:ann", at_once=True),
    LimitsRaised(limits={"nanos": 900_000_000}, by="user:ann"),
    Resumed(cause="people answered", by="user:ann"),
    Succeeded(output="It is on its way."),
    Failed(kind="refused", why="the model stopped with `refusal`"),
    Cancelled(by="user:ann", why="moved to there.json", moved="there.json"),
    UserSpoke(text="And o-18?", by="user:ann"),
    Interrupted(by="user:ann"),
    Pinned(text="Orders begin with o-.", by="user:ann"),
    ModelChosen(model="other", by="user:ann"),
    Searched(
        key="t1/call/1",
        query="refund",
        found=["shop/refund"],
        content=({"type": "text", "text": "1 of 200 tools"},),
    ),
    Compacted(
        turn=7,
        results=9,
        messages=5,
        summary="Ann wants her money back.",
        size=4_200,
        left_out={"messages": 4, "results": 2, "bytes": 90_000},
        by="demo-1",
        because="too_large",
    ),
    AnswerRejected(turn=2, where="orders[0].total", why="this text is not of type 'number'"),
    Carried(
        source={"run": "r-1", "seq": 12},
        messages=({"role": "user", "parts": [{"kind": "text", "text": "Where is o-17?"}]},),
        size=70,
        compaction={"results": 0, "messages": 0, "summary": "", "cut": 0, "longest": None},
        pinned=["Orders begin with o-."],
        answers=({"key": "t1/call/1", "path": "web/read", "outcome": {"kind": "answered", "result": {"content": []}}},),
        whole=False,
        said="Where is o-17?",
        tainted=True,
        servers=["web"],
    ),
    Deferred(key="t1/call/1", until=1_764_115_200_500, attempt=1),
    Slept(key="t1/call/1", until=1_764_115_200_500, news="paid"),
    Woke(key="t1/call/1"),
    Notified(name="paid", data='{"amount": 5}', by="user:bob"),
    Imported(by="user:ann", moved=True),
)


def golden() -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return read


def test_every_event_is_written_as_in_the_golden_file() -> None:
    assert [as_json(event_to_json(sample)) for sample in SAMPLES] == golden()


def test_every_event_of_the_golden_file_reads() -> None:
    assert [event_from_json(written) for written in golden()] == list(SAMPLES)


def test_events_from_before_other_actions_were_recorded_read_as_calls() -> None:
    old: list[dict[str, Any]] = json.loads((GOLDEN.parent / "events_before_actions.json").read_text(encoding="utf-8"))
    read = [event_from_json(written) for written in old]
    assert {event.action for event in read if isinstance(event, Denied | Held | Admitted)} == {"call"}
    assert (
        len(read) == len(SAMPLES) - 16
    )  # nor were duties, budgets over many runs, conversations, what comes later by itself, imports


def test_the_golden_file_has_every_event_once() -> None:
    assert [written["event"] for written in golden()] == list(EVENTS)
    assert [event_name(sample) for sample in SAMPLES] == list(EVENTS)


OLDEST: Mapping[str, set[str]] = {
    "queued": {"driver", "user", "tenant"},
    "started": {"worker"},
    "model_asked": {"turn", "reserved"},
    "model_answered": {"turn", "message", "finish", "model", "usage", "spent"},
    "model_failed": {"turn", "kind", "why", "retryable"},
    "denied": {"key", "path", "arguments", "gate", "why"},
    "held": {"key", "path", "approval_id", "why"},
    "decided": {"key", "approval_id", "decision", "by"},
    "admitted": {"key", "path", "arguments", "pin", "policy", "reserved"},
    "recognised": {"key", "since"},
    "obliged": {"key", "duties"},
    "budgeted": {"key", "accounts"},
    "returned": {"key", "outcome", "spent"},
    "doubted": {"key", "why"},
    "resolved": {"key", "resolution", "by"},
    "waited": {"cause"},
    "paused": {"cause", "why"},
    "limits_raised": {"limits", "by"},
    "resumed": {"cause"},
    "succeeded": {"output"},
    "failed": {"kind", "why"},
    "cancelled": {"by"},
    "user_spoke": {"text", "by"},
    "interrupted": {"by"},
    "pinned": {"text", "by"},
    "model_chosen": {"model", "by"},
    "searched": {"key", "query", "found", "content"},
    "compacted": {"turn", "results", "messages", "summary", "size"},
    "answer_rejected": {"turn", "where", "why"},
    "carried": {"source", "messages", "size"},
    "deferred": {"key", "until", "attempt"},
    "slept": {"key", "until"},
    "woke": {"key"},
    "notified": {"name", "data", "by"},
    "imported": {"by"},
}


@pytest.mark.parametrize("written", golden(), ids=lambda written: str(written["event"]))
def test_a_field_that_is_new_has_a_default_so_that_old_events_read(written: dict[str, Any]) -> None:
    """Whoever adds a field without one breaks every store that exists: `OLDEST` never grows."""
    required = {field.name for field in fields(EVENTS[written["event"]]) if _is_required(field)}
    assert required <= OLDEST[written["event"]]
    event_from_json({name: value for name, value in written.items() if name in {"event", *required}})


def _is_required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


@pytest.mark.parametrize("written", golden(), ids=lambda written: str(written["event"]))
def test_fields_of_a_newer_version_are_left_out(written: dict[str, Any]) -> None:
    newer = {**written, "weather": "fine", "spent_in_full": {"moons": 1}}
    assert event_from_json(newer) == event_from_json(written)


@pytest.mark.parametrize("written", [{"event": "teleported"}, {"event": "Queued"}, {}, {"event": ""}])
def test_an_unknown_event_is_an_error(written: dict[str, Any]) -> None:
    with pytest.raises(KeyError):
        event_from_json(written)


# ---- there and back

_TEXT = st.text(st.characters(exclude_categories=()), max_size=12)  # lone surrogates too: models write anything
_NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=6,
)
_OBJECT = st.dictionaries(_TEXT, _JSON, max_size=3)
_PLAIN: Mapping[Any, st.SearchStrategy[Any]] = {
    str: _TEXT,
    str | None: st.none() | _TEXT,
    int: st.integers(),
    int | None: st.none() | st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    float | None: st.none() | st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    Mapping[str, int]: st.dictionaries(_TEXT, st.integers(), max_size=3),
    Mapping[str, Any]: _OBJECT,
    Mapping[str, Any] | None: st.none() | _OBJECT,
    Mapping[str, Mapping[str, int]]: st.dictionaries(_TEXT, st.dictionaries(_TEXT, st.integers(), max_size=3)),
    Sequence[Mapping[str, Any]]: st.lists(_OBJECT, max_size=3).map(tuple),
    Sequence[str] | None: st.none() | st.lists(_TEXT, max_size=3),
    Sequence[str]: st.lists(_TEXT, max_size=3),
    tuple[str, ...]: st.lists(_TEXT, max_size=3).map(tuple),
    tuple[Mapping[str, Any], ...]: st.lists(_OBJECT, max_size=3).map(tuple),
}


def _values_of(hint: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(get_args(hint)) if get_origin(hint) is Literal else _PLAIN[hint]


def _events_of(cls: type[Event]) -> st.SearchStrategy[Event]:
    return st.builds(cls, **{name: _values_of(hint) for name, hint in get_type_hints(cls).items()})


ANY_EVENT = st.one_of([_events_of(cls) for cls in EVENTS.values()])


@given(ANY_EVENT)
def test_an_event_goes_through_json_and_comes_back(event: Event) -> None:
    written = json.dumps(event_to_json(event))
    assert event_from_json(json.loads(written)) == event
    assert "\n" not in written
    assert written.isascii()


@given(ANY_EVENT, st.integers(1, 10**6), st.integers(0, 2**43))
def test_a_recorded_event_is_one_flat_object_with_its_place(event: Event, seq: int, at: int) -> None:
    written = Recorded("r-1", seq, at, event).to_json()
    assert (written["run"], written["seq"], written["at"], written["event"]) == ("r-1", seq, at, event_name(event))
    assert set(written) == {"run", "seq", "at", "event", *(field.name for field in fields(event))}
    assert event_from_json(written) == event
