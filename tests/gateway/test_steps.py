"""What happens next, as transcripts: events in, steps out. And: after a crash anywhere, nothing is made twice."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.call import InDoubt, outcome_to_json
from gateway.conversation import AnswerRejected, UserSpoke
from gateway.events import (
    Admitted,
    Cancelled,
    Decided,
    Event,
    Failed,
    LimitsRaised,
    Paused,
    Recorded,
    Resolved,
    Resumed,
    Returned,
    Started,
    Succeeded,
    Waited,
)
from gateway.run import ENDED, CallState, Run, apply, fold
from gateway.steps import (
    MAX_MODEL_FAILURES,
    MAX_REFUSALS,
    AskModel,
    Fail,
    Finish,
    ForgetReply,
    MakeCalls,
    Pause,
    Reconcile,
    Rest,
    Step,
    Wait,
    next_step,
)
from tests.builders import (
    CLIENT,
    NOON,
    QUEUED,
    STARTED,
    admitted,
    answer,
    asked,
    decided,
    denied,
    doubted,
    failed,
    folded,
    held,
    limited,
    lost,
    made,
    play,
    recorded,
    replied,
    resolved,
    returned,
    said,
    texts,
    wanted,
)

# ---- transcripts


def test_a_plain_answer() -> None:
    play(
        "rest",
        QUEUED,
        "rest",
        STARTED,
        "ask 1",
        *said(1, "It is noon."),
        "finish It is noon.",
        Succeeded("It is noon."),
        "rest",
    )


def test_a_call_and_then_an_answer() -> None:
    play(
        *(QUEUED, STARTED),
        *("ask 1", *wanted(1, "clock/now")),
        *("make 1", *made(1, "12:00")),
        *("ask 2", *said(2, "It is noon.")),
        "finish It is noon.",
    )


def test_the_calls_of_one_reply_are_made_at_once_and_answered_together() -> None:
    run = play(
        *(QUEUED, STARTED, *wanted(1, "shop/a", "shop/b", "shop/c")),
        *("make 1 2 3", admitted(1), admitted(2), denied(3)),
        *(returned(2, "b"), returned(1, "a")),
        "ask 2",
    )
    assert texts(run.messages[-1])[:2] == ["a", "b"]


def test_a_call_that_is_held_waits_and_is_made_when_people_agree() -> None:
    play(
        *(QUEUED, STARTED, *wanted(1, "shop/refund")),
        *("make 1", held(1), "wait approval", Waited("approval"), "rest"),
        *(decided(1), "rest", Resumed("people answered"), "make 1"),
        *(admitted(1, approval_id="A-1.1"), returned(1), "ask 2"),
    )


@pytest.mark.parametrize("decision", ["denied", "expired"])
def test_a_call_that_people_refuse_is_told_to_the_model(decision: Any) -> None:
    run = play(
        *(QUEUED, STARTED, *wanted(1, "shop/refund")),
        *("make 1", held(1), "wait approval", Waited("approval"), decided(1, decision), Resumed("people answered")),
        "ask 2",
    )
    assert texts(run.messages[-1])[0].startswith("Denied")


def test_an_answer_may_come_before_the_worker_has_let_go() -> None:
    play(QUEUED, STARTED, *wanted(1, "shop/refund"), held(1), decided(1), "make 1", *made(1), "ask 2")


def test_two_gates_in_one_turn_are_answered_one_by_one() -> None:
    run = play(
        *(QUEUED, STARTED, *wanted(1, "shop/refund", "shop/order")),
        *("make 1 2", held(1), held(2), "wait approval", Waited("approval")),
        *(decided(2), Resumed("people answered"), "make 2", *made(2, "ordered"), "wait approval", Waited("approval")),
        *(decided(1, "denied"), Resumed("people answered"), "ask 2"),
    )
    assert texts(run.messages[-1]) == ["Denied by user:bob: because. Do not retry this call.", "ordered"]


def test_what_can_be_made_is_made_before_anybody_waits() -> None:
    play(QUEUED, STARTED, *wanted(1, "shop/refund", "shop/order"), held(1), "make 2", *made(2), "wait approval")


def test_a_call_that_was_under_way_in_a_crash_is_never_simply_made_again() -> None:
    play(
        *(QUEUED, STARTED, *wanted(1, "shop/order", "shop/refund"), admitted(1)),
        *(STARTED, "reconcile 1", doubted(1)),
        *("make 2", *made(2)),
        *("wait doubt", Waited("doubt"), resolved(1, "happened"), Resumed("people answered"), "ask 2"),
    )


def test_a_call_that_may_be_repeated_is_sent_again_by_whoever_reconciles_it() -> None:
    play(
        *(QUEUED, STARTED, *wanted(1, "shop/order"), admitted(1), STARTED, "reconcile 1"),
        *(admitted(1, attempt=2), lost(1), "reconcile 1", admitted(1, attempt=3), returned(1), "ask 2"),
    )


def test_a_call_that_did_not_happen_is_made_anew() -> None:
    run = play(
        *(QUEUED, STARTED, *wanted(1, "shop/order"), admitted(1), lost(1), "reconcile 1", doubted(1), "wait doubt"),
        *(Waited("doubt"), resolved(1, "did_not_happen"), Resumed("people answered"), "make 1", *made(1, "ordered")),
        "ask 2",
    )
    assert texts(run.messages[-1]) == ["ordered"]


def test_a_doubt_comes_before_a_question_when_both_wait() -> None:
    play(QUEUED, STARTED, *wanted(1, "shop/a", "shop/b"), held(1), admitted(2), doubted(2), "wait doubt")


def test_workers_that_die_again_and_again_are_not_the_models_failure() -> None:
    a_death = (asked(1), STARTED, "forget 1", failed(1, "lost"))
    play(QUEUED, STARTED, *a_death * 5, "ask 1 attempt 6", *said(1, "x"), "finish x")


def test_a_reply_that_was_lost_with_its_worker_is_asked_for_again() -> None:
    play(
        QUEUED, STARTED, asked(1), STARTED, "forget 1", failed(1, "lost"), "ask 1 attempt 2", *said(1, "x"), "finish x"
    )


def test_a_model_that_fails_is_asked_three_times() -> None:
    assert MAX_MODEL_FAILURES == 3
    play(
        *(QUEUED, STARTED),
        *("ask 1", asked(1), failed(1), "ask 1 attempt 2", asked(1), failed(1), "ask 1 attempt 3", asked(1), failed(1)),
        *("fail overloaded", Failed("overloaded", "too many requests"), "rest"),
    )


def test_attempts_that_go_on_by_themselves_are_no_reason_to_end_a_run() -> None:
    """They are in the record when a worker dies between two of them, or when a budget ended them and was raised."""
    again = replace(failed(1), then="again")
    tries = [event for _ in range(MAX_MODEL_FAILURES + 1) for event in (asked(1), again)]
    play(QUEUED, STARTED, *tries, STARTED, "ask 1 attempt 5", asked(1), failed(1), "ask 1 attempt 6", *said(1, "x"))


def test_failures_are_forgiven_once_the_model_answers() -> None:
    play(
        *(QUEUED, STARTED, asked(1), failed(1), asked(1), failed(1), asked(1), replied(1, "shop/a"), *made(1)),
        *("ask 2", asked(2), failed(2), "ask 2 attempt 2", asked(2), failed(2), "ask 2 attempt 3", *said(2, "x")),
        "finish x",
    )


def test_a_model_that_refuses_for_good_is_not_asked_again() -> None:
    play(QUEUED, STARTED, asked(1), failed(1, "auth", retryable=False), "fail auth")


@pytest.mark.parametrize("finish", ["length", "refusal", "content_filter", "context_window", "tool_calls"])
def test_a_reply_that_is_no_answer_ends_the_run(finish: str) -> None:
    play(QUEUED, STARTED, asked(1), replied(1, say="half a sen", finish=finish), f"fail {finish}")


def test_a_spent_budget_pauses_and_a_higher_one_lets_it_go_on() -> None:
    play(
        *(limited(turns=1), STARTED, *wanted(1, "shop/a"), *made(1)),
        *("ask 2", Paused("budget", "1 turn more would pass the limit", "turns"), "rest"),
        *(
            LimitsRaised({"turns": 5}, "user:ann"),
            "rest",
            Resumed("it was resumed"),
            "ask 2",
            *said(2, "x"),
            "finish x",
        ),
    )


def test_time_that_is_up_pauses_before_anything_else_is_begun() -> None:
    play(
        *(limited(millis=1_000), STARTED, "ask 1", asked(1), 900, replied(1, "shop/a"), "make 1"),
        *(100, "pause millis", Paused("budget", "time", "millis"), 86_400_000),
        *(Resumed("it was resumed"), "pause millis", Paused("budget", "time", "millis")),
        *(LimitsRaised({"millis": 2_000}, "user:ann"), Resumed("it was resumed"), "make 1", *made(1), "ask 2"),
    )


def test_time_spent_waiting_for_people_or_dead_is_free() -> None:
    play(
        *(limited(millis=1_000), STARTED, *wanted(1, "shop/a"), held(1), "wait approval", Waited("approval")),
        *(86_400_000, decided(1), 86_400_000, Resumed("people answered"), "make 1", 500, admitted(1)),
        *(86_400_000, STARTED, "reconcile 1"),
    )


def test_an_answer_that_is_there_is_not_lost_because_time_is_up() -> None:
    play(limited(millis=1_000), STARTED, asked(1), 5_000, replied(1, say="x"), "finish x")


def test_calls_under_way_are_settled_even_when_time_is_up() -> None:
    play(limited(millis=1_000), STARTED, *wanted(1, "shop/a"), admitted(1), 5_000, "reconcile 1")


@pytest.mark.parametrize("end", [Succeeded("x"), Failed("server", "broken"), Cancelled("user:ann")])
def test_nothing_happens_in_a_run_that_has_ended(end: Event) -> None:
    play(QUEUED, STARTED, *wanted(1, "shop/a"), admitted(1), end, "rest")


def test_the_run_of_a_client_is_not_driven() -> None:
    play(CLIENT, STARTED, "rest", *made(1), "rest")


# ---- laws


@dataclass
class World:
    """Everything around a run, in memory: it takes the steps that `next_step` names, and counts what reaches a tool.

    `choose` picks what becomes of each thing; `crash` says whether the worker dies before an event is recorded.
    """

    choose: Callable[[Sequence[str]], str]
    crash: Callable[[], bool] = lambda: False
    run: Run = field(default_factory=lambda: Run("r-1"))
    sent: list[str] = field(default_factory=list)
    repeated: set[str] = field(default_factory=set)

    def record(self, *events: Event) -> None:
        """One after the other, each perhaps the last thing that a worker did."""
        for event in events:
            if self.crash():
                raise Crashed
            self.run = apply(self.run, Recorded("r-1", self.run.seq + 1, self.run.updated + 1, event))

    def to_end(self) -> Run:
        for _ in range(400):
            if self.run.status in ENDED:
                return self.run
            try:
                self.take_up()
            except Crashed:
                continue
        raise AssertionError("the run does not come to an end")

    def take_up(self) -> None:
        """What a new worker does; people answer while nobody is at work."""
        if self.run.status in ("waiting", "paused"):
            self.people()
            self.record(Resumed("people answered"))
        else:
            self.record(Started("here/1/b"))
        while not isinstance(step := next_step(self.run, self.run.updated), Rest):
            before = self.run.seq
            _TAKE[type(step)](self, step)
            assert self.run.seq > before, f"{step} makes no progress"

    def people(self) -> None:
        for call in self.run.calls.values():
            if call.status == "held":
                decision: Any = self.choose(["approved", "denied", "expired"])
                self.record(Decided(call.key, call.approval_id or "", decision, "user:bob"))
            if call.status == "doubted":
                resolution: Any = self.choose(["happened", "did_not_happen", "give_up"])
                self.record(Resolved(call.key, resolution, "user:bob"))
                if resolution == "did_not_happen":
                    self.sent = [key for key in self.sent if key != call.key]  # so it is right to send it anew

    def ask(self, step: AskModel) -> None:
        self.record(asked(step.turn, tokens=5))
        match self.choose(["calls", "calls", "answer", "failure"]):
            case "calls" if step.turn < 4:
                self.record(replied(step.turn, "shop/a", "shop/b"))
            case "failure":
                self.record(failed(step.turn))
            case _:
                self.record(replied(step.turn, say="done"))

    def make(self, step: MakeCalls) -> None:
        for call in step.calls:
            assert call.key not in self.sent, f"{call.key} was sent already"
            gate = self.choose(["allow", "allow", "ask", "deny"])
            if gate == "deny":
                self.record(replace(denied(1), key=call.key))
            elif gate == "ask" and call.status != "approved":
                self.record(replace(held(1), key=call.key, approval_id=f"A of {call.key}"))
            else:
                self.send(call, 1)

    def send(self, call: CallState, attempt: int) -> None:
        self.record(replace(admitted(1, attempt=attempt), key=call.key))
        self.sent.append(call.key)
        answered = self.choose(["answered", "answered", "silence"]) == "answered"
        outcome = answer() if answered else InDoubt("no answer")
        self.record(Returned(call.key, outcome_to_json(outcome), {"tool_calls": 1}))

    def reconcile(self, step: Reconcile) -> None:
        for call in step.calls:
            if call.attempt < 3 and self.choose(["repeat", "doubt"]) == "repeat":
                self.repeated.add(call.key)
                self.send(call, call.attempt + 1)
            else:
                self.record(replace(doubted(1), key=call.key))


class Crashed(Exception):
    """The worker was killed."""


_TAKE: Mapping[type[Step], Callable[[World, Any], None]] = {
    AskModel: World.ask,
    ForgetReply: lambda world, step: world.record(failed(step.turn, "lost")),
    MakeCalls: World.make,
    Reconcile: World.reconcile,
    Wait: lambda world, step: world.record(Waited(step.cause)),
    Pause: lambda world, step: world.record(Paused("budget", step.why, step.unit)),
    Finish: lambda world, step: world.record(Succeeded(step.output)),
    Fail: lambda world, step: world.record(Failed(step.kind, step.why)),
}


def assert_whole(run: Run) -> None:
    """Providers refuse a conversation for ever in which a call has no result right after it."""
    for message, following in zip(run.messages, [*run.messages[1:], None], strict=True):
        wishes = [part["id"] for part in message["parts"] if part["kind"] == "tool_call"]
        results = [part["call_id"] for part in following["parts"]] if following and wishes else []
        assert wishes == results


@given(st.data())
def test_whatever_happens_and_wherever_it_crashes_a_run_ends_and_no_call_is_made_twice(data: st.DataObject) -> None:
    crashes = iter(data.draw(st.lists(st.booleans(), max_size=60)))
    world = World(lambda among: data.draw(st.sampled_from(among)), lambda: next(crashes, False), folded(QUEUED))
    run = world.to_end()
    assert_whole(run)
    once = [key for key in world.sent if key not in world.repeated]
    assert len(once) == len(set(once))


LONG = (
    *(QUEUED, STARTED, asked(1), failed(1), asked(1), replied(1, "shop/a", "shop/b", "shop/c")),
    *(admitted(1), admitted(2), held(3), returned(2), lost(1), admitted(1, attempt=2), returned(1)),
    *(Waited("approval"), decided(3), Resumed("people answered"), admitted(3), lost(3), doubted(3), Waited("doubt")),
    *(
        resolved(3, "happened"),
        Resumed("people answered"),
        *wanted(2, "shop/a"),
        Paused("budget", "spent", "tool_calls"),
    ),
    *(LimitsRaised({"tool_calls": 9}, "user:ann"), Resumed("it was resumed")),
    *(*made(1, turn=2), *said(3, "done"), Succeeded("done")),
)


@pytest.mark.parametrize("length", range(1, len(LONG) + 1))
def test_a_crash_between_any_two_events_leaves_a_run_that_can_be_taken_up(length: int) -> None:
    """A new worker gets a step that makes progress, and what was admitted and has no answer is never just made."""
    run = fold("r-1", recorded(LONG[:length]))
    if run.status in ("queued", "running"):
        run = play(STARTED, run=run)
    step = next_step(run, run.updated)
    assert isinstance(step, Rest) == (run.status != "running")
    in_flight = {call.key for call in run.calls.values() if call.status in ("admitted", "in_doubt")}
    reconciled = {call.key for call in step.calls} if isinstance(step, Reconcile) else set()
    assert run.status != "running" or reconciled == in_flight
    assert not (in_flight and isinstance(step, MakeCalls | AskModel | Finish))
    assert_whole(World(lambda among: among[0], run=run).to_end())


def test_admitted_calls_stay_to_be_reconciled_through_any_number_of_crashes() -> None:
    play(QUEUED, STARTED, *wanted(1, "shop/a"), admitted(1), *[STARTED] * 5, "reconcile 1")


@given(st.lists(st.sampled_from([admitted(1), returned(1), lost(1), doubted(1), held(1), decided(1)]), max_size=6))
def test_only_an_answer_from_people_lets_a_call_be_made_after_it_was_admitted(events: list[Event]) -> None:
    """Even if the events came in an order that no worker writes."""
    run = folded(QUEUED, STARTED, *wanted(1, "shop/a"))
    since_admitted: list[Event] | None = None
    for event in events:
        run = play(event, run=run)
        since_admitted = [] if isinstance(event, Admitted) else since_admitted
        if since_admitted is not None:
            since_admitted.append(event)
    step = next_step(run, run.updated)
    if since_admitted is not None and isinstance(step, MakeCalls):
        assert any(isinstance(event, Decided) for event in since_admitted)


def test_a_run_whose_model_makes_a_refused_call_again_and_again_fails() -> None:
    refused = {"desk/send {}": MAX_REFUSALS - 1}
    run = Run("r-1", "running", refused=refused)
    assert not isinstance(next_step(run, NOON), Fail)
    failed = next_step(replace(run, refused={"desk/send {}": MAX_REFUSALS}), NOON)
    assert isinstance(failed, Fail)
    assert failed.kind == "insistence"


# ---- a run that must end in data

NUMBERED = replace(QUEUED, output_schema={"type": "object", "required": ["total"]})
UNFIT = AnswerRejected(1, "", "'total' is a required property")


def test_an_answer_that_fits_its_schema_ends_the_run_in_the_data_alone() -> None:
    play(NUMBERED, STARTED, *said(1, '```json\n{"total": 12.50}\n```'), 'finish {"total": 12.50}')


def test_calls_before_the_answer_are_made_as_ever() -> None:
    play(
        *(NUMBERED, STARTED, "ask 1", *wanted(1, "clock/now"), "make 1", *made(1, "12:00"), "ask 2"),
        *(*said(2, '{"total": 12}'), 'finish {"total": 12}'),
    )


def test_a_model_whose_answer_does_not_fit_is_told_once_and_then_the_run_fails() -> None:
    run = play(
        *(NUMBERED, STARTED, "ask 1", *said(1, "{}"), "reject ", UNFIT, "ask 2"),
        *(*said(2, "It is 12."), "fail output"),
    )
    assert run.messages[2]["parts"][0]["text"] == (
        "Your answer does not fit the JSON Schema that it must fit: 'total' is a required property. Answer again,"
        " with the whole JSON value and nothing else."
    )
    failed = next_step(run, NOON)
    assert failed == Fail("output", "the answer does not fit the schema that it must fit: not JSON: at character 0")


def test_a_second_answer_that_fits_ends_the_run_well_also_after_more_calls() -> None:
    play(
        *(NUMBERED, STARTED, *said(1, "{}"), UNFIT, "ask 2", *wanted(2, "clock/now"), "make 1", *made(1, "12:00", 2)),
        *("ask 3", *said(3, '{"total": 1}'), 'finish {"total": 1}'),
    )


def test_an_answer_that_was_cut_is_not_looked_at() -> None:
    play(NUMBERED, STARTED, asked(1), replied(1, say='{"total"', finish="length"), "fail length")


def test_in_a_conversation_each_answer_must_fit_and_the_user_may_go_on_when_none_does() -> None:
    talk = replace(NUMBERED, conversation=True)
    run = play(
        *(talk, STARTED, *said(1, '{"total": 1}'), "wait user", Waited("user"), UserSpoke("And?", "user:ann")),
        *(Resumed("the user goes on"), "ask 2", *said(2, "{}"), "reject ", replace(UNFIT, turn=2), *said(3, "[]")),
        *("wait user", Waited("user", "output"), UserSpoke("Again.", "user:ann"), Resumed("the user goes on")),
        *(*said(4, "{}"), "reject "),
    )
    assert run.rejected == 0
