"""A run is taken up anew from a point of another one: calls have their results, and none is made again."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.conversation import Carried
from gateway.errors import StoreError
from gateway.events import Cancelled, Event, Recorded, Succeeded
from gateway.forking import MADE_LATER, NOT_MADE, UNKNOWN, Fork, forked, point
from gateway.run import Run, fold
from tests.builders import QUEUED, STARTED, admitted, doubted, lost, resolved, returned, said, wanted

STORY: tuple[Event, ...] = (
    QUEUED,  # 1
    STARTED,
    *wanted(1, "shop/order", "shop/refund"),  # 3, 4
    admitted(1),  # 5
    returned(1),
    admitted(2),  # 7
    returned(2),
    *said(2, "Both are done."),  # 9, 10
    Succeeded("Both are done."),
)


def recorded(*events: Event) -> list[Recorded]:
    return [Recorded("r-1", seq, seq, event) for seq, event in enumerate(events, 1)]


def fork(at: str, text: str = "", events: tuple[Event, ...] = STORY) -> Run:
    first: tuple[Event, ...] = forked("r-1", recorded(*events), Fork(at, text))
    return fold("r-2", [Recorded("r-2", seq, seq, event) for seq, event in enumerate(first, 1)])


def results(run: Run) -> list[str]:
    parts: list[Any] = [part for message in run.messages if message["role"] == "tool" for part in message["parts"]]
    return ["".join(block["text"] for block in part["content"]) for part in parts]


@pytest.mark.parametrize(("at", "seq"), [("t0", 2), ("t1", 8), ("t2", 11), ("1", 1), ("5", 5), ("11", 11)])
def test_a_turn_ends_where_the_next_question_begins_and_a_number_is_an_event(at: str, seq: int) -> None:
    assert point("r-1", recorded(*STORY), at) == seq


@pytest.mark.parametrize("at", ["t3", "0", "12", "-1", "last", ""])
def test_what_the_run_has_not_is_no_point_of_it(at: str) -> None:
    with pytest.raises(StoreError, match="r-1"):
        point("r-1", recorded(*STORY), at)


def test_at_the_end_of_a_turn_all_its_results_are_there() -> None:
    run = fork("t1")
    assert (run.status, run.turn, [message["role"] for message in run.messages]) == (
        "queued", 0, ["user", "assistant", "tool"],
    )  # fmt: skip
    assert results(run) == results(fold("r-1", recorded(*STORY)))
    assert run.spend.tool_calls == 0  # its budgets begin anew


def test_the_form_of_its_answer_is_taken_along() -> None:
    schema = {"type": "object"}
    assert fork("t1", events=(replace(QUEUED, output_schema=schema), *STORY[1:])).output_schema == schema
    assert fork("t1").output_schema is None


def test_a_call_that_was_under_way_has_the_answer_that_came_later() -> None:
    first, second = results(fork("5"))
    assert first == results(fork("t1"))[0]
    assert second == MADE_LATER  # and one that was made after that point is known to have been


def test_a_call_that_was_never_made_may_be_made() -> None:
    assert results(fork("4", events=STORY[:4])) == [NOT_MADE, NOT_MADE]


def test_nobody_knows_of_a_call_that_never_got_an_answer() -> None:
    stopped = (*STORY[:5], Cancelled("user:ann"))
    assert results(fork("5", events=stopped)) == [UNKNOWN, NOT_MADE]
    answered = (*stopped, returned(1))  # and after the run was cancelled
    assert results(fork("6", events=answered))[0] == results(fork("t1"))[0]


@pytest.mark.parametrize("came", [(), (lost(2),), (lost(2), doubted(2)), (doubted(2),)])
def test_what_somebody_says_of_it_after_the_end_is_told(came: tuple[Event, ...]) -> None:
    story = (*STORY[:7], *came, Cancelled("user:ann"))
    for at in ("t1", "7"):
        happened = results(fork(at, events=(*story, resolved(2, "happened"))))[1]
        assert "user:bob confirms that the call took effect" in happened
        assert results(fork(at, events=(*story, resolved(2, "did_not_happen"))))[1] == NOT_MADE


def test_an_edit_takes_the_place_of_the_users_last_words_or_follows_what_was_said() -> None:
    instead = fork("t0", "What day is it?")
    assert [message["parts"][0]["text"] for message in instead.messages] == ["What day is it?"]
    assert instead.input == "What day is it?"
    more = fork("t2", "And now?")
    assert [message["role"] for message in more.messages] == ["user", "assistant", "tool", "assistant", "user"]
    assert more.input == "What time is it?\nAnd now?"  # all that the user has said: values may come from it


def test_where_the_run_has_answered_somebody_must_say_what_comes_next() -> None:
    with pytest.raises(StoreError, match="say what comes next with --edit"):
        fork("t2")


def test_what_it_has_read_and_from_whom_goes_along() -> None:
    tainting = (*STORY[:5], replace(returned(1), tainting=True))
    run = fork("5", events=tainting)
    before = fold("r-1", recorded(*tainting))
    assert run.tainted
    assert (run.tainted, run.servers, run.answers) == (before.tainted, before.servers, before.answers)
    assert (run.model, run.subject, run.conversation) == (before.model, before.subject, before.conversation)


def test_that_not_all_of_what_it_has_read_is_known_goes_along() -> None:
    carried = Carried({"session": "trip"}, [{"role": "user", "parts": []}], 9, whole=False, tainted=True)
    for events, whole in (((QUEUED, carried, *STORY[1:6]), False), (STORY[:6], True)):
        assert fork("t1", events=events).whole is fold("r-1", recorded(*events)).whole is whole


def test_its_size_is_that_of_what_it_has_been_told() -> None:
    whole = fold("r-1", recorded(*STORY[:8]))
    assert fork("t1").size == whole.size
    assert fork("t0").size < fork("5").size


def test_a_question_that_was_just_asked_is_asked_again() -> None:
    run = fork("9")
    assert [message["role"] for message in run.messages] == ["user", "assistant", "tool"]
