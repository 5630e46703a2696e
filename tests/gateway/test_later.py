"""What comes later by itself, in the course of a run: transcripts."""

from gateway.call import Unsent
from gateway.conversation import Interrupted
from gateway.events import Cancelled, Denied, Resumed, Waited
from gateway.later import Notified, Slept, Woke
from tests.builders import (
    NOON,
    QUEUED,
    STARTED,
    admitted,
    answer,
    deferred,
    held,
    key,
    lost,
    made,
    play,
    returned,
    texts,
    wanted,
)

SOON = NOON + 60_000
DOWN = Unsent("its server is away")
BEGUN = (QUEUED, STARTED, *wanted(1, "shop/refund"))
NEWS = Notified("paid", '{"amount": 5}', "user:bob")


def test_a_call_that_came_to_nothing_is_made_again_after_any_crash_and_counts_its_attempts() -> None:
    run = play(*BEGUN, admitted(1), deferred(1, SOON), returned(1, DOWN), "make 1", STARTED, "make 1")
    call = run.calls[key(1)]
    assert (call.status, call.attempt, call.until) == ("again", 1, SOON)
    assert run.reserved.items() == ()  # nothing is held back meanwhile
    run = play(admitted(1, attempt=2), returned(1, "done"), "ask 2", run=run)
    assert texts(run.messages[-1]) == ["done"]


def test_the_last_attempt_is_what_the_model_is_told_of() -> None:
    run = play(*BEGUN, admitted(1), deferred(1, SOON), returned(1, DOWN), admitted(1, attempt=2), returned(1, DOWN))
    assert "was not sent" in texts(run.messages[-1])[0]


def test_a_call_whose_server_was_away_is_made_again_too_and_that_is_no_refusal() -> None:
    away = Denied(key(1), "shop/refund", "{}", "reachable", "server `shop` is not available")
    run = play(*BEGUN, deferred(1, SOON), away, "make 1")
    assert (run.calls[key(1)].attempt, run.denials) == (1, 0)
    play(admitted(1, attempt=2), returned(1), "ask 2", run=run)


def test_others_of_the_turn_are_not_made_again_with_it() -> None:
    begun = (QUEUED, STARTED, *wanted(1, "shop/a", "shop/b"))
    play(*begun, *made(2), admitted(1), deferred(1, SOON), returned(1, DOWN), "make 1")


def test_a_doubt_that_is_deferred_stays_one() -> None:
    run = play(*BEGUN, admitted(1), deferred(1, SOON), lost(1), "reconcile 1", admitted(1, attempt=2), lost(1))
    assert (run.calls[key(1)].status, run.calls[key(1)].until) == ("in_doubt", 0)


def test_the_user_stops_what_would_be_made_again() -> None:
    run = play(*BEGUN, admitted(1), deferred(1, SOON), returned(1, DOWN), Interrupted("user:ann"))
    assert "the user stopped this" in texts(run.messages[-1])[0]
    run = play(*BEGUN, admitted(1), deferred(1, SOON), returned(1, answer("busy", is_error=True)), Interrupted("ann"))
    assert texts(run.messages[-1]) == ["busy"]  # which it is told all the same
    play(*BEGUN, admitted(1), deferred(1, SOON), returned(1, DOWN), Cancelled("user:ann"), "rest")


# ---- moments and news


def test_a_run_that_waits_for_a_moment_rests_and_goes_on_when_it_has_come() -> None:
    run = play(*BEGUN, Slept(key(1), SOON), "wait timer", Waited("timer", until=SOON), "rest")
    assert run.status == "waiting"
    run = play(Resumed("it was resumed"), "wait timer", 59_999, "wait timer", 60_000, "wake 1", Woke(key(1)), run=run)
    assert texts(run.messages[-1]) == ["The time has come: it is 2026-11-21T12:01:00+00:00, or later."]
    play("ask 2", run=run)


def test_news_reach_a_run_that_waits_for_them_and_what_they_say_taints_it() -> None:
    run = play(*BEGUN, Slept(key(1), SOON, "paid"), "wait event", Waited("event", until=SOON), NEWS)
    assert run.status == "waiting"
    assert texts(run.messages[-1]) == ['News of `paid`: {"amount": 5}']
    assert run.tainted
    assert [each.key for each in run.answers] == [key(1)]
    play(Resumed("news came"), "ask 2", run=run)


def test_news_from_the_runs_own_user_are_his_words() -> None:
    own = Notified("paid", '"to ann@example.com"', "user:ann", tainting=False)
    run = play(*BEGUN, Slept(key(1), SOON, "paid"), own)
    assert not run.tainted
    assert run.answers == ()
    assert "ann@example.com" in run.input


def test_news_that_come_before_anybody_waits_are_kept_each_for_one_who_will() -> None:
    run = play(QUEUED, NEWS, STARTED, *wanted(1, "a/x", "a/y", "a/z"), Slept(key(1), SOON, "other"))
    assert not run.tainted  # it has not read them yet
    run = play(Slept(key(2), SOON, "paid"), Slept(key(3), SOON, "paid"), "wait event", run=run)
    assert [call.status for call in run.calls.values()] == ["asleep", "done", "asleep"]
    assert run.tainted
    assert run.news == ()


def test_news_of_which_nobody_hears_in_time_are_told_as_missing() -> None:
    run = play(*BEGUN, Slept(key(1), SOON, "paid"), 60_001, "wake 1", Woke(key(1)))
    (part,) = run.messages[-1]["parts"]
    assert part["is_error"]
    assert "No news of `paid` came until" in texts(run.messages[-1])[0]


def test_a_moment_that_comes_twice_or_too_late_changes_nothing() -> None:
    run = play(*BEGUN, Slept(key(1), SOON, "paid"), NEWS)
    assert play(Woke(key(1)), run=run).messages == run.messages


def test_who_waits_for_people_goes_on_for_a_moment_that_comes_before_they_answer() -> None:
    run = play(QUEUED, STARTED, *wanted(1, "a/x", "a/y"), held(1), Slept(key(2), SOON), "wait approval")
    play(60_000, "wake 2", Woke(key(2)), "wait approval", run=run)


def test_the_user_wakes_a_conversation_that_waits() -> None:
    run = play(*BEGUN, Slept(key(1), SOON), Interrupted("user:ann"))
    assert "the user stopped this" in texts(run.messages[-1])[0]
