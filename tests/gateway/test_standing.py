"""Where the task of a call stands that waits for a person: a table over its approval and the events of its run."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.approval import Approval
from gateway.budget import Spend
from gateway.call import Answered, InDoubt, Outcome, Refused, TaskCreated, Unsent, outcome_to_json
from gateway.events import (
    Admitted,
    Budgeted,
    Denied,
    Doubted,
    Event,
    Imported,
    ModelAnswered,
    ModelAsked,
    ModelFailed,
    Queued,
    Recorded,
    Returned,
    Started,
)
from gateway.standing import held_back, last_word, made_by, reserved_for, told, unanswered
from tests.builders import an_approval

NOW, LATER = 1_000, 9_000
ASKED = replace(an_approval(), created=0, expires=5_000)
BEGUN = (Queued("client", "user:ann", "acme"), Started("w"), Admitted("call/2", "a/b", "{}", "", "", {}))


def events(*facts: Event) -> list[Recorded]:
    return [Recorded("t-1", number, number * 10, fact) for number, fact in enumerate(facts, 1)]


def came(outcome: Outcome, key: str = "call/2") -> Returned:
    return Returned(key, outcome_to_json(outcome), {})


@pytest.mark.parametrize(
    ("approval", "now", "facts", "status", "text"),
    [
        (ASKED, NOW, (), "working", "must approve"),
        (ASKED, LATER, (), "completed", "nobody approved"),
        (replace(ASKED, state="expired"), LATER, (), "completed", "nobody approved"),
        (replace(ASKED, state="denied", decided_by="user:bob"), NOW, (), "completed", "Denied by user:bob"),
        (replace(ASKED, state="cancelled"), NOW, (), "cancelled", "taken back"),
        (replace(ASKED, state="approved"), NOW, (), "working", "being made"),
        (replace(ASKED, state="approved"), LATER, (), "completed", "nobody approved"),
        (replace(ASKED, state="consumed"), NOW, (), "completed", "made again"),
        (replace(ASKED, state="consumed"), LATER, BEGUN, "working", "being made"),
        (replace(ASKED, state="approved"), NOW, (*BEGUN, came(Unsent("down"))), "working", "Not made yet: down"),
        (replace(ASKED, state="consumed"), LATER, (*BEGUN, came(Answered({}))), "completed", "as approved"),
        (replace(ASKED, state="consumed"), NOW, (*BEGUN, came(InDoubt("x"))), "completed", "as approved"),
        (replace(ASKED, state="consumed"), NOW, (*BEGUN, came(Refused(5, "no"))), "failed", "no"),
        (replace(ASKED, state="consumed"), NOW, (*BEGUN, came(TaskCreated({}, "T-1"))), "working", "a task of it"),
    ],
)
def test_the_state_follows_from_the_record(
    approval: Approval, now: int, facts: tuple[Event, ...], status: str, text: str
) -> None:
    state: Any = told(approval, events(*facts), now)
    assert (state["taskId"], state["status"]) == (approval.id, status)
    assert text in state["statusMessage"]
    assert ("result" in state, "error" in state) == (status == "completed", status == "failed")


def admitted(key: str, calls: int = 1) -> tuple[Event, ...]:
    return (
        Admitted(key, "a/b", "{}", "", "", {"tool_calls": calls}),
        Budgeted(key, {"budget:b|": {"tool_calls": calls}}),
    )


@pytest.mark.parametrize(
    ("facts", "held"),
    [
        (admitted("c/1"), {"c/1": 1}),
        ((*admitted("c/1"), *admitted("c/2"), came(Answered({}), "c/1")), {"c/2": 1}),
        ((*admitted("c/1"), Doubted("c/1", "gone")), {}),
        ((*admitted("c/1"), came(Unsent("down"), "c/1"), *admitted("c/1", 2)), {"c/1": 2}),
        ((*admitted("c/1"), *admitted("c/1", 2)[:1]), {"c/1": None}),
        ((Budgeted("t1/model", {"budget:b|": {"tokens": 7}}), came(Answered({}), "c/9")), {}),
    ],
)
def test_what_calls_hold_back_that_have_no_answer(facts: tuple[Event, ...], held: dict[str, int | None]) -> None:
    """None: it was admitted again, and of other accounts nobody has said anything yet."""
    expected = {
        key: (Spend(tool_calls=calls or 2), {} if calls is None else {"budget:b|": {"tool_calls": calls}})
        for key, calls in held.items()
    }
    told = events(*facts)
    assert held_back(told) == expected
    for cut in range(len(told)):  # in pages it is the same
        assert held_back(told[cut:], held_back(told[:cut])) == expected


def test_a_question_to_the_model_holds_back_until_it_is_answered_or_lost() -> None:
    asked, told = ModelAsked(1, {"tokens": 5}), Budgeted("t1/model", {"budget:b|": {"tokens": 5}})
    assert held_back(events(asked, told)) == {"t1/model": (Spend(tokens=5), {"budget:b|": {"tokens": 5}})}
    lost = ModelFailed(1, "lost", "its worker died", True)
    for over in (ModelAnswered(1, {}, "stop", "m", {}, {}), lost):
        assert held_back(events(asked, told, over)) == {}
    assert held_back(events(asked, lost, asked)) == {"t1/model": (Spend(tokens=5), {})}


def test_what_a_run_that_came_as_a_file_has_reserved_of_budgets_over_many_runs_is_reserved_where_it_was() -> None:
    call, told = (
        Admitted("call/2", "a/b", "{}", "", "", {"tokens": 5}),
        Budgeted("call/2", {"budget:b|": {"tokens": 5}}),
    )
    story = events(call, told, Imported("user:ann"))
    assert held_back(story) == {"call/2": (Spend(tokens=5), {})}
    assert reserved_for(story, "call/2") == (Spend(tokens=5), {})


def test_a_server_that_was_not_reached_has_said_nothing() -> None:
    away = Denied("call/2", "a/b", "{}", "reachable", "down")
    no = Denied("call/2", "a/b", "{}", "permitted", "no")
    assert last_word(events(*BEGUN, came(Unsent("down")))) is None
    assert last_word(events(away)) is None
    assert last_word(events(away, no)) == no
    assert last_word(events(*BEGUN, came(InDoubt("x")))) == came(InDoubt("x"))


def test_a_call_without_an_answer_is_found() -> None:
    again = Admitted("call/5", "a/b", "{}", "", "", {})
    assert unanswered(events(*BEGUN)) == "call/2"
    assert unanswered(events(*BEGUN, came(Unsent("down")))) is None
    assert unanswered(events(*BEGUN, came(Unsent("down")), again)) == "call/5"


def test_a_servers_own_task_is_found() -> None:
    assert made_by(events(*BEGUN, came(TaskCreated({}, "T-1")))) == "T-1"
    assert made_by(events(*BEGUN, came(Answered({})))) is None
    assert made_by([]) is None
