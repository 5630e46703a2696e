"""A conversation: the run waits for its user, who goes on, stops an answer, pins a fact, or chooses another model."""

from dataclasses import replace

from gateway.conversation import (
    STOPPED,
    Carried,
    Compacted,
    Compaction,
    Interrupted,
    ModelChosen,
    Pinned,
    Searched,
    UserSpoke,
)
from gateway.events import ModelAnswered, ModelAsked, ModelFailed, Resumed, Waited
from tests.builders import (
    QUEUED,
    STARTED,
    admitted,
    asked,
    decided,
    failed,
    folded,
    held,
    lost,
    made,
    play,
    replied,
    returned,
    said,
    texts,
    wanted,
)

TALK = replace(QUEUED, conversation=True)
WAITS = Waited("user")


def spoke(text: str = "And tomorrow?") -> UserSpoke:
    return UserSpoke(text, "user:ann")


def test_after_an_answer_it_waits_for_the_user_and_goes_on_with_his_words() -> None:
    run = play(TALK, STARTED, "ask 1", *said(1, "Noon."), "wait user", WAITS, spoke(), Resumed("more"), "ask 2")
    assert [message["role"] for message in run.messages] == ["user", "assistant", "user"]
    assert run.input == "What time is it?\nAnd tomorrow?"  # both are the user's words


def test_what_he_says_while_calls_are_open_stands_behind_their_results() -> None:
    run = play(TALK, STARTED, *wanted(1, "a/b", "a/c"), admitted(1), spoke(), returned(1), *made(2), "ask 2")
    assert [message["role"] for message in run.messages] == ["user", "assistant", "tool", "user"]
    assert run.unsaid == ()


def test_a_failure_is_told_and_does_not_end_it() -> None:
    run = play(TALK, STARTED, asked(1), failed(1, "auth", retryable=False), "wait user")
    run = play(Waited("user", "auth: no"), spoke("Try again."), Resumed("more"), "ask 2", run=run)
    assert run.failures == ()


def test_an_answer_that_was_cut_does_not_end_it_either() -> None:
    play(TALK, STARTED, asked(1), replied(1, "a/b", finish="length"), "make 1")
    cut = replace(replied(1, "a/b", finish="length"), calls=())
    run = play(TALK, STARTED, asked(1), cut, "wait user", WAITS, spoke(), Resumed("more"), "ask 2")
    assert run.finish == ""


def test_what_was_not_sent_when_the_user_stopped_it_is_never_sent() -> None:
    begun = (TALK, STARTED, *wanted(1, "a/b", "a/c", "a/d"), held(1), admitted(2))
    run = play(*begun, Interrupted("user:ann"), spoke("Leave it."))
    assert (run.status, run.cause) == ("waiting", "user")
    assert {call.status for call in run.calls.values()} == {"done", "admitted"}
    run = play(decided(1), run=run)  # a late yes makes nothing
    run = play(Resumed("more"), "reconcile 2", lost(2), returned(2, "sent"), "ask 2", run=run)
    assert texts(run.messages[2]) == [STOPPED, "sent", STOPPED]
    assert run.messages[3]["parts"][0]["text"] == "Leave it."


def test_a_stopped_answer_is_settled_before_the_next_question() -> None:
    run = play(TALK, STARTED, asked(1, tokens=9), Interrupted("user:ann"), spoke(), Resumed("more"), "forget 1")
    play(ModelFailed(1, "lost", "gone", True), "ask 1 attempt 2", run=run)


def test_pins_and_models_hold_from_then_on() -> None:
    run = play(
        TALK, STARTED, *said(1, "Noon."), WAITS, Pinned("It is summer.", "user:ann"), ModelChosen("b", "user:ann")
    )
    assert (run.pinned, run.model) == (("It is summer.",), "b")


def test_a_search_is_a_call_that_was_answered() -> None:
    found = Searched("t1/call/1", "time", ["a/b"], ({"type": "text", "text": "1 of 200"},))
    run = play(TALK, STARTED, *wanted(1, "toolgate:search_tools"), found, "ask 2")
    assert texts(run.messages[2]) == ["1 of 200"]
    assert run.spend.tool_calls == 0


def test_a_summary_is_no_part_of_the_conversation_and_no_turn() -> None:
    words = {"role": "assistant", "parts": [{"kind": "text", "text": " It is noon. "}]}
    answered = ModelAnswered(1, words, "stop", "demo-1", {}, {"tokens": 7, "model_calls": 1}, (), "summary")
    begun = (TALK, STARTED, *wanted(1, "a/b"), *made(1), "ask 2")
    run = play(*begun, ModelAsked(1, {}, "summary"), answered, "ask 2")
    assert (run.draft, run.turn, len(run.messages), run.spend.tokens) == ("It is noon.", 1, 3, 7)
    run = play(Compacted(2, 3, 3, "It is noon.", 500), "ask 2", run=run)
    assert (run.draft, run.compaction, run.size) == ("", Compaction(3, 3, "It is noon."), 500)
    empty = replace(answered, message={"role": "assistant", "parts": []})
    assert play(*begun, ModelAsked(1, {}, "summary"), empty, "ask 2").draft_failed


def test_a_summary_that_fails_is_no_failure_of_the_run_and_one_that_is_lost_is_asked_again() -> None:
    begun = (TALK, STARTED, *wanted(1, "a/b"), *made(1), ModelAsked(1, {}, "summary"))
    no = ModelFailed(1, "auth", "no", False, purpose="summary")
    run = play(*begun, no, "ask 2")
    assert (run.failures, run.draft_failed) == ((), True)
    assert not play(*begun, "forget 1", replace(no, kind="lost"), "ask 2").draft_failed


def test_a_run_that_is_no_conversation_ends_as_before() -> None:
    assert folded(QUEUED).conversation is False
    play(QUEUED, STARTED, *said(1, "Noon."), "finish Noon.")


def test_a_run_that_goes_on_from_another_knows_what_was_said_and_what_of_it_is_told() -> None:
    before = folded(QUEUED, STARTED, *wanted(1, "a/b"), *made(1))
    told = Compaction(results=2)
    carried = Carried({"run": "r-0", "seq": before.seq}, before.messages, 9, {"results": 2}, ["a fact"])
    run = folded(QUEUED, carried)
    assert (run.messages, run.compaction, run.size, run.pinned) == (before.messages, told, 9, ("a fact",))
    play(QUEUED, carried, STARTED, "ask 1")


def test_it_brings_along_what_the_other_one_had_heard_beside_what_it_brings_itself() -> None:
    carried = Carried({"run": "r-0"}, [], 0, said="Before.", whole=False, tainted=True, servers=["web"])
    run = folded(replace(QUEUED, servers=["mail"]), carried)
    assert (run.input, run.tainted, run.servers, run.whole) == (
        f"Before.\n{QUEUED.input}",
        True,
        frozenset({"web", "mail"}),
        False,
    )
    assert folded(replace(QUEUED, servers=None), carried).servers is None
    assert folded(QUEUED, replace(carried, servers=None)).servers is None
    plain = folded(replace(QUEUED, tainted=True), replace(carried, said="", tainted=False, whole=True))
    assert (plain.input, plain.tainted, plain.whole) == (QUEUED.input, True, True)
