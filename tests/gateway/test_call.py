"""What travels the path of a call: parsed once, in the only way in which it can be read."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call import (
    Allow,
    Answered,
    Ask,
    Deny,
    InDoubt,
    Outcome,
    Refused,
    Subject,
    Tool,
    Unsent,
    outcome_from_json,
    outcome_to_json,
    pin_of,
)
from tests.builders import a_call, a_tool, as_json

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(10**39), 10**39) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    SCALARS | TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
OBJECTS = st.dictionaries(TEXT, VALUES, max_size=5)


# ---- tools


HINTS = {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True, "openWorldHint": False}


def hints(tool: Tool) -> tuple[bool, bool, bool, bool]:
    return tool.read_only, tool.destructive, tool.idempotent, tool.open_world


@pytest.mark.parametrize(
    ("said", "trusted", "expected"),
    [
        (HINTS, False, (False, True, False, True)),
        ({}, False, (False, True, False, True)),
        ({}, True, (False, True, False, True)),
        (HINTS, True, (True, False, True, False)),
        ({"readOnlyHint": True}, True, (True, False, True, True)),  # what only reads destroys nothing
        ({"idempotentHint": True}, True, (False, True, True, True)),
        ({"destructiveHint": False}, True, (False, False, False, True)),
        ({"readOnlyHint": "yes", "destructiveHint": 0, "openWorldHint": None}, True, (False, True, False, True)),
    ],
)
def test_the_hints_of_a_server_that_is_not_trusted_count_for_nothing(
    said: dict[str, Any], trusted: bool, expected: tuple[bool, bool, bool, bool]
) -> None:
    assert hints(a_tool(trusted=trusted, **said)) == expected


@pytest.mark.parametrize("annotations", [None, [], "readOnlyHint", 7])
def test_annotations_that_are_none_are_the_worst_case(annotations: Any) -> None:
    tool = Tool("shop", "refund", {"annotations": annotations}, "pin", trusted=True)
    assert hints(tool) == (False, True, False, True)


def test_a_tool_without_a_schema_or_description_still_has_one() -> None:
    tool = Tool("shop", "refund", {"inputSchema": [], "description": None}, "pin")
    assert (tool.path, tool.description, tool.input_schema) == ("shop/refund", "", {})


def test_another_definition_is_another_pin_and_the_order_of_keys_is_not() -> None:
    definition = {"name": "refund", "inputSchema": {"type": "object", "title": "R"}}
    assert pin_of(definition) == pin_of(dict(reversed(definition.items())))
    assert pin_of(definition) != pin_of(definition | {"description": "and sends you the money"})
    assert pin_of({"name": "\ud800"}) != pin_of({"name": "\udfff"})


# ---- calls


def test_a_call_is_named_by_its_run_and_its_key() -> None:
    call = a_call("shop/refund", key="t3/call/2", run_id="r-7")
    assert call.idempotency_key == "r-7/t3/call/2"  # compatibility data: servers remember it
    assert call.server == "shop"
    assert replace(call, path="no path").server == "no path"


def test_the_digest_is_who_and_what_and_how_but_not_when() -> None:
    call = a_call("shop/refund", '{"a": 1}')
    others = [
        a_call("shop/refund", '{"a": 2}'),
        a_call("shop/refunds", '{"a": 1}'),
        *(
            replace(call, subject=replace(call.subject, **change))
            for change in ({"user": "user:bob"}, {"tenant": "umbrella"}, {"agent": None}, {"agent": "agent:other"})
        ),
    ]
    assert len({call.digest, *(other.digest for other in others)}) == len(others) + 1
    assert replace(call, run_id="r-9", key="t9/call/9").digest == call.digest


NAMES = st.text(st.characters(exclude_categories=()), max_size=4) | st.sampled_from(["a", "\x1f", '","', '"', "\\"])
WHO = st.builds(Subject, NAMES, NAMES, st.none() | NAMES)


@given(WHO, NAMES, WHO, NAMES)
def test_no_two_calls_share_a_digest_however_they_are_named(one: Subject, a: str, other: Subject, b: str) -> None:
    same = (one, a) == (other, b)
    assert (a_call(a, subject=one).digest == a_call(b, subject=other).digest) == same


def test_a_subject_reads_as_people_write_it() -> None:
    assert str(Subject("user:ann", "acme", "agent:support")) == "user:ann via agent:support"
    assert str(Subject("user:ann", "acme")) == "user:ann"


def test_a_person_is_the_same_through_whichever_agent_he_asks_and_nobody_elses_tenant() -> None:
    ann = Subject("user:ann", "acme")
    assert ann.person == replace(ann, agent="agent:support", since=1.0).person == ("acme", "user:ann")
    assert ann.person != replace(ann, tenant="other").person


def test_verdicts_say_what_they_are() -> None:
    assert [verdict.effect for verdict in (Allow("known"), Ask("approved"), Deny("valid"))] == ["allow", "ask", "deny"]


# ---- outcomes


OUTCOMES: list[tuple[Outcome, dict[str, Any]]] = [
    (Answered({"content": [], "x": 1}), {"kind": "answered", "result": {"content": [], "x": 1}}),
    (Refused(-32602, "no"), {"kind": "refused", "code": -32602, "message": "no", "data": None}),
    (Refused(1, "no", {"a": [1]}), {"kind": "refused", "code": 1, "message": "no", "data": {"a": [1]}}),
    (
        Refused(1, "no", None, {"hint": [1]}),
        {"kind": "refused", "code": 1, "message": "no", "data": None, "more": {"hint": [1]}},
    ),
    (Unsent("it is down"), {"kind": "unsent", "why": "it is down"}),
    (InDoubt("it hung up"), {"kind": "in_doubt", "why": "it hung up"}),
]


@pytest.mark.parametrize(("outcome", "stored"), OUTCOMES)
def test_an_outcome_is_stored_and_read_back(outcome: Outcome, stored: dict[str, Any]) -> None:
    assert outcome_to_json(outcome) == stored
    assert outcome_from_json(as_json(stored)) == outcome
    assert outcome_from_json({**stored, "since_a_later_version": 1}) == outcome


def test_an_unknown_kind_of_outcome_is_an_error() -> None:
    with pytest.raises(KeyError):
        outcome_from_json({"kind": "perhaps"})


@pytest.mark.parametrize(
    ("said", "is_error"), [(True, True), (False, False), (None, False), (1, False), ("true", False)]
)
def test_a_tools_own_error_is_an_answer(said: Any, is_error: bool) -> None:
    assert Answered({"isError": said}).is_error is is_error


def test_an_error_object_is_kept_whole_and_what_is_no_error_is_an_empty_one() -> None:
    error = {"z": 1, "code": 5, "message": "no", "data": {"b": 1, "a": None}, "hint": []}
    assert Refused.of(error) == Refused(5, "no", {"b": 1, "a": None}, {"z": 1, "hint": []})
    assert Refused.of(error).to_json() == error
    assert Refused.of({"code": "5", "message": 5}) == Refused(0, "")
