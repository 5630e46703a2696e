from typing import Any

import pytest

from gateway.call import Subject
from gateway.policy import Decision, RunFacts, parse
from gateway.policy.again import Again, facts_of
from gateway.policy.history import Recalled
from tests.builders import NOON

SEEN = {
    "tools": {"shop/refund": ["pin-1", True, {"readOnlyHint": True}]},
    "prompts": {"shop/greet": ["pin-2", True]},
    "resources": {"shop": True},
}


RAN = RunFacts(calls=3, tainted=True, servers=frozenset({"mail"}))


def a_call(**changes: Any) -> Recalled:
    fields: dict[str, Any] = {"key": "call/1", "at": NOON, "subject": Subject("user:ann", "acme"), "action": "call"}
    fields |= {"path": "shop/refund", "arguments": '{"amount": 5}', "effect": "allow", "rule": None}
    return Recalled(**fields | {"run": RunFacts(), "worker": "here/1/a", "pin": "pin-1"} | changes)


def said(when: str, seen: Any = SEEN, **changes: Any) -> Decision | str:
    policy = parse(f'p, *, *, */*, {changes.get("action", "call")}, "{when}", allow, x')
    return Again(policy).decide(facts_of(a_call(**changes), seen))


@pytest.mark.parametrize(
    "when",
    [
        "args.amount == 5",
        "tool.read_only and tool.trusted",
        "tool.pin == 'pin-1'",
        "run.calls == 3 and run.tainted",
        "'mail' in run.servers",
        "now.iso == '2026-11-21T12:00:00+00:00'",
        "subject.user == 'user:ann'",
    ],
)
def test_a_recorded_call_is_decided_by_the_facts_of_then(when: str) -> None:
    found = said(when, run=RAN)
    assert isinstance(found, Decision)
    assert found.effect == "allow"
    unlike = said(f"not ({when})", run=RAN)
    assert isinstance(unlike, Decision)
    assert unlike.effect == "deny"


@pytest.mark.parametrize(
    ("when", "changes", "reason"),
    [
        ("tool.read_only", {"seen": None}, "what its tool was like is not in the record"),
        ("tool.read_only", {"pin": "pin-9"}, "what its tool was like is not in the record"),
        ("tool.read_only", {"path": "shop/gone"}, "what its tool was like is not in the record"),
        ("args.amount > 1", {"arguments": None}, "its arguments were too long to be kept whole"),
        ("args.amount > 1", {"arguments": '{"amou'}, "its arguments were too long to be kept whole"),
        ("subject.auth_age < 60", {}, "`subject.auth_age` is not in the record"),
    ],
)
def test_what_is_not_known_is_said_and_never_guessed(when: str, changes: dict[str, Any], reason: str) -> None:
    assert said(when, **changes) == reason
    known = said("subject.tenant == 'acme'", **changes)  # whoever does not ask for it can be decided
    assert isinstance(known, Decision)


def test_how_long_ago_somebody_was_recognised_is_known_where_it_was_asked_for() -> None:
    ann, then = Subject("user:ann", "acme", since=NOON / 1000 - 30), "subject.auth_age < 60"
    found = said(then, subject=ann, aged=True)
    assert isinstance(found, Decision)
    assert found.effect == "allow"
    unknown = said(then, subject=Subject("user:ann", "acme"), aged=True)  # nobody knew it then, either
    assert isinstance(unknown, Decision)
    assert unknown.effect == "deny"
    assert said(then, subject=ann) == "`subject.auth_age` is not in the record"
    words = "subject.auth_age < 60 and from_user(args.amount)"
    assert "subject.auth_age" not in str(said(words, subject=ann, aged=True))


def test_whether_a_completion_is_a_prompts_or_a_resources_must_be_known() -> None:
    policy = Again(parse("p, *, *, */*, get, , allow, x\np, *, *, */*, read, , deny, x"))
    known = policy.decide(facts_of(a_call(action="complete", path="shop/greet", pin=None), SEEN))
    assert isinstance(known, Decision)
    assert known.effect == "allow"
    assert isinstance(policy.decide(facts_of(a_call(action="complete", path="shop/greet"), None)), str)


def test_lines_that_are_about_something_else_need_no_facts() -> None:
    policy = Again(parse("p, *, *, shop/*, call, , allow, x\np, *, *, bank/*, call, tool.read_only, allow, x"))
    assert isinstance(policy.decide(facts_of(a_call(), None)), Decision)
