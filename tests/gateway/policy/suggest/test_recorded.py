from typing import Any

import pytest

from gateway.call import Subject
from gateway.policy import RunFacts
from gateway.policy.history import Recalled, Stopped
from gateway.policy.suggest.recorded import Answered, Refused, questions

SEEN = {"tools": {"shop/refund": ["pin-1", True, {"readOnlyHint": True}]}, "prompts": {}, "resources": {}}
HEARD = RunFacts(calls=1, tainted=True, servers=frozenset({"mail"}))


def a_call(effect: str = "deny", **changes: Any) -> Recalled:
    fields: dict[str, Any] = {"key": "c/1", "at": 4000, "subject": Subject("user:ann", "acme", "agent:desk")}
    fields |= {"action": "call", "path": "shop/refund", "arguments": '{"amount":5}', "rule": None, "run": HEARD}
    return Recalled(**fields | {"effect": effect} | changes)


def found(*calls: Recalled | Stopped, seen: Any = SEEN, **states: tuple[str, str | None]) -> list[Refused | Answered]:
    said = {"A-1": ("pending", None)} | {name.replace("_", "-"): state for name, state in states.items()}
    return list(questions((("r-1", call, seen) for call in calls), said.__getitem__))


def test_a_denial_is_the_question_that_it_was() -> None:
    (one,) = found(a_call())
    query = one.query
    assert isinstance(one, Refused)
    assert (one.name, one.at) == ("r-1/c/1", 4000)
    assert (query.subject.user, query.subject.agent, query.subject.tenant) == ("user:ann", "agent:desk", "acme")
    assert (query.object, query.args, query.action) == ("shop/refund", {"amount": 5}, "call")
    assert (query.run, query.now.isoformat()) == (HEARD, "1970-01-01T00:00:04+00:00")


def test_its_tool_is_what_it_was_then_and_unknown_where_nobody_noted_it() -> None:
    (then,), (unknown,) = found(a_call()), found(a_call(), seen=None)
    assert then.query.tool is not None
    assert (then.query.tool.pin, then.query.tool.trusted) == ("pin-1", True)
    assert unknown.query.tool is None


def test_what_other_gates_refuse_no_line_changes() -> None:
    assert found(Stopped(1, "valid"), a_call("allow")) == []


def test_a_completion_rests_on_what_may_be_read() -> None:
    assert found(a_call(action="complete")) == []


@pytest.mark.parametrize("arguments", [None, '{"a":1'])
def test_arguments_that_the_record_does_not_have_whole_are_not_known(arguments: str | None) -> None:
    assert [one.query.args for one in found(a_call(arguments=arguments))] == [None]


def test_an_answer_of_a_person_is_kept_with_the_exact_call() -> None:
    held = a_call("ask", approval="A-1")
    (one,) = found(held, A_1=("consumed", "user:bob"))
    assert isinstance(one, Answered)
    assert (one.name, one.yes, one.by, one.query.args) == ("r-1/c/1", True, "user:bob", {"amount": 5})
    (no,) = found(held, A_1=("denied", "user:bob"))
    assert isinstance(no, Answered)
    assert not no.yes


def test_an_answer_counts_once_though_the_call_came_back_with_it() -> None:
    held, sent = a_call("ask", approval="A-1"), a_call("ask", approval="A-1", key="c/2")
    assert [one.name for one in found(held, sent, A_1=("consumed", "user:bob"))] == ["r-1/c/1"]


def test_a_question_that_nobody_answered_says_nothing() -> None:
    held = a_call("ask", approval="A-1")
    assert found(held) == found(held, A_1=("expired", None)) == found(a_call("ask")) == []
