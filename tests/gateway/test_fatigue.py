"""A question that is always answered with yes protects nobody."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.approval import Approval, Vote
from gateway.fatigue import ENOUGH, habits
from tests.builders import NOON, an_approval


def answered(decision: Any = "approved", took: int = 1_000, rule: str = "p.csv:3") -> Approval:
    vote = Vote("user:bob", NOON + took, decision)
    state = "denied" if decision == "denied" else "consumed"
    return an_approval(rule=rule, state=state, decisions=(vote,), decided_at=NOON + took)


@pytest.mark.parametrize(
    ("yes", "no", "tired"), [(50, 0, True), (49, 0, False), (96, 4, True), (95, 5, False), (0, 60, False)]
)
def test_more_than_95_of_100_in_50_answers_is_too_many(yes: int, no: int, tired: bool) -> None:
    (habit,) = habits([answered()] * yes + [answered("denied")] * no)
    assert (habit.approved, habit.denied, habit.tired) == (yes, no, tired)


def test_what_nobody_answered_or_is_open_is_no_answer() -> None:
    late = replace(an_approval(state="expired"), rule="p.csv:3", decided_at=NOON)
    (habit,) = habits([answered(took=10), answered(took=30), late, an_approval(rule="p.csv:3")])
    assert (habit.answers, habit.expired, habit.millis, habit.rate) == (2, 1, 20, 1.0)
    assert habit.to_json()["tired"] is False


def test_what_a_budget_asks_is_counted_for_that_budget() -> None:
    sums, both = ("budget:sums|tenant=acme#tool_calls",), ("budget:sums|#nanos", "budget:all|#nanos", "line:0a")
    asked = [
        replace(answered(), rule=None, reasons=sums),
        answered(),
        replace(answered(), rule=None, reasons=both),
        replace(answered(), rule=None, why="the budget `words` is used up", reasons=("line:0a",)),
        replace(answered(), reasons=both),
    ]
    found = {habit.rule: habit for habit in habits(asked)}
    assert {rule: (habit.answers, habit.of_budget) for rule, habit in found.items()} == {
        "budget `sums`": (2, True), "budget `all`": (1, True), "p.csv:3": (2, False),
    }  # fmt: skip


def test_rules_that_need_a_look_come_first() -> None:
    tired = [answered(rule="p.csv:9")] * ENOUGH
    assert [habit.rule for habit in habits([answered(), *tired])] == ["p.csv:9", "p.csv:3"]
    assert habits([]) == ()
