from typing import Any

import pytest

from gateway.policy import RunFacts
from gateway.policy.changes import Cause
from gateway.policy.tally import FAILS, Counted, Tally, query_json
from gateway.policy.wording import Effect
from tests.fixtures.policies import a_query

LINE = (Cause("new", "new.csv:1", "p, ..."),)


def counted(before: Effect, after: Effect, causes: tuple[Cause, ...] = LINE, call: str = "", **query: Any) -> Counted:
    return Counted(a_query(**query), before, after, causes, call)


def tally(*changes: Counted) -> Tally:
    found = Tally()
    for change in changes:
        found.add(change)
    return found


def test_what_permits_more_comes_first_and_then_what_there_is_most_of() -> None:
    other = (Cause("old", "old.csv:2", "p, ..."),)
    found = tally(
        counted("allow", "ask"),
        counted("allow", "deny"),
        counted("ask", "allow"),
        *[counted("deny", "allow", other)] * 2,
        counted("deny", "allow"),
    )
    told = [(one.example.before, one.example.after, one.count) for one in found.groups]
    assert told == [
        ("deny", "allow", 2),
        ("deny", "allow", 1),
        ("ask", "allow", 1),
        ("allow", "deny", 1),
        ("allow", "ask", 1),
    ]
    assert found.counts()["deny->allow"] == 3


def test_the_shortest_request_stands_for_the_others() -> None:
    found = tally(counted("deny", "allow", args={"amount": 100}), counted("deny", "allow", args={}, call="r-1/call/1"))
    (group,) = found.groups
    assert (group.example.query.args, group.requests, group.recorded) == ({}, 1, 1)


def test_people_are_counted_and_do_not_fill_the_memory() -> None:
    found = tally(*(counted("deny", "allow", who=f"user:u{number}") for number in range(1_005)))
    assert (len(found.groups[0].who), found.groups[0].who["others"]) == (1_001, 5)


@pytest.mark.parametrize(
    ("on", "widens", "narrows"), [("any", True, True), ("widen", True, False), ("none", False, False)]
)
def test_what_a_command_fails_for_can_be_chosen(on: str, widens: bool, narrows: bool) -> None:
    assert on in FAILS
    assert tally(counted("deny", "ask")).fails(on) is widens
    assert tally(counted("ask", "deny")).fails(on) is narrows
    assert not tally().fails(on)


def test_a_request_as_json_can_be_put_again() -> None:
    told = query_json(a_query("user:ann via agent:a", args={"a": 1}, run=RunFacts(calls=2)))
    assert (told["user"], told["agent"], told["args"], told["run"]) == ("user:ann", "agent:a", {"a": 1}, {"calls": 2})
    assert told["tool"]["trusted"] is True
