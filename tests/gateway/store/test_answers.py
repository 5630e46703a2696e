"""Votes are counted: different people, for the call that will run, and each of them once."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.approval import Approval, Remember, Terms
from gateway.call import Arguments
from gateway.errors import Conflict
from gateway.events import Cancelled, Decided, Succeeded
from gateway.preview import digest_of, preview
from gateway.store import Consume, Open
from gateway.store.database import DatabaseStore
from tests.builders import CLIENT, NOON, QUEUED, STARTED, Clock, a_call, an_approval, held
from tests.fixtures.stores import Place, store_at

CALL = a_call("shop/refund", '{"amount":900}')
ASKED = an_approval(call=CALL)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(place: Place, clock: Clock) -> Iterator[DatabaseStore]:
    kept = store_at(place, clock=clock)
    asyncio.run(kept.append("r-1", [QUEUED, STARTED], lease=None))
    yield kept
    kept.close()


def ask(store: DatabaseStore, **more: Any) -> None:
    asyncio.run(store.append("r-1", [held(1, approval_id="A-1")], lease=None, changes=[Open(replace(ASKED, **more))]))


def say(store: DatabaseStore, by: str, decision: Any = "approved", **terms: Any) -> Approval:
    return asyncio.run(store.decide("A-1", decision, f"user:{by}", "because", Terms(**terms)))


def last(store: DatabaseStore) -> Any:
    return asyncio.run(store.events("r-1"))[-1].event


def test_one_who_agrees_is_enough_unless_more_are_needed(store: DatabaseStore) -> None:
    ask(store)
    assert say(store, "bob", method="a test").state == "approved"
    (vote,) = asyncio.run(store.approval("A-1")).decisions
    assert (vote.by, vote.at, vote.decision, vote.method, vote.comment) == (
        "user:bob", NOON, "approved", "a test", "because",
    )  # fmt: skip


def test_the_digest_of_what_is_shown_is_that_of_the_changed_call(store: DatabaseStore) -> None:
    ask(store, needs=2, preview_digest=digest_of(preview(ASKED)))
    assert say(store, "bob").preview_digest == digest_of(preview(ASKED))
    say(store, "eve", edited=Arguments.parse({"amount": 10}))
    kept = asyncio.run(store.approval("A-1"))
    assert kept.preview_digest == digest_of(preview(kept)) != digest_of(preview(ASKED))


def test_of_two_who_are_needed_the_first_leaves_it_open_and_the_run_hears_of_the_last(store: DatabaseStore) -> None:
    ask(store, needs=2)
    before = last(store)
    first = say(store, "bob")
    assert (first.state, first.approvers, last(store)) == ("pending", ("user:bob",), before)
    second = say(store, "eve")
    assert (second.state, second.by) == ("approved", "user:bob and user:eve")
    assert isinstance(last(store), Decided)
    assert asyncio.run(store.approval("A-1")) == second


def test_nobodys_yes_counts_twice(store: DatabaseStore) -> None:
    ask(store, needs=2)
    say(store, "bob")
    with pytest.raises(Conflict, match="the yes of user:bob counts already; 1 more must agree"):
        say(store, "bob")
    with pytest.raises(Conflict, match="the yes of user:bob counts already"):
        say(store, "eve", on_behalf="user:bob")
    assert say(store, "eve", on_behalf="user:carl").state == "approved"


def test_who_stood_for_somebody_does_not_speak_once_more_for_himself(store: DatabaseStore) -> None:
    ask(store, needs=3)
    say(store, "eve", on_behalf="user:carl")
    for by in ("eve", "carl"):
        with pytest.raises(Conflict, match="counts already"):
            say(store, by)


def test_one_no_is_enough_even_from_somebody_who_had_agreed(store: DatabaseStore) -> None:
    ask(store, needs=3)
    say(store, "bob")
    assert say(store, "bob", "denied").state == "denied"


def test_more_people_than_were_needed_when_it_was_asked_are_needed_if_the_policy_says_so_now(
    store: DatabaseStore,
) -> None:
    ask(store)
    assert say(store, "bob", needs=2).state == "pending"
    assert say(store, "eve", needs=1).state == "approved"  # and never fewer than anybody was told


def test_a_yes_counts_for_the_call_that_was_seen_and_not_for_another(store: DatabaseStore) -> None:
    ask(store, needs=2)
    say(store, "bob")
    changed = say(store, "eve", edited=Arguments.parse('{"amount":100}'))
    assert (changed.state, changed.approvers) == ("pending", ("user:eve",))
    assert (changed.arguments, changed.asked_for) == ('{"amount":100}', '{"amount":900}')
    done = say(store, "bob")
    assert (done.state, done.by) == ("approved", "user:bob and user:eve")
    assert done.call.arguments.value == {"amount": 100}
    assert done.asked == CALL


def test_a_yes_to_what_somebody_else_has_changed_meanwhile_is_none(store: DatabaseStore) -> None:
    ask(store, needs=2)
    say(store, "eve", edited=Arguments.parse('{"amount":100}'))
    with pytest.raises(Conflict, match="was changed meanwhile, by user:eve"):
        say(store, "bob", seen=CALL.digest)
    assert asyncio.run(store.approval("A-1")).approvers == ("user:eve",)


def test_only_a_yes_changes_the_call(store: DatabaseStore) -> None:
    ask(store)
    refused = say(store, "bob", "denied", edited=Arguments.parse('{"amount":100}'))
    assert (refused.arguments, refused.asked_for) == (CALL.arguments.text, None)


def test_to_escalate_is_no_answer(store: DatabaseStore, clock: Clock) -> None:
    ask(store, escalate_to="role:boss", escalates=NOON + 900_000)
    clock.tick(7)
    escalated = say(store, "bob", "escalated")
    assert (escalated.state, escalated.escalates, escalated.approvers) == ("pending", NOON + 7, ())
    assert escalated.escalated(NOON + 7)
    assert not escalated.escalated(NOON + 6)
    assert say(store, "bob").state == "approved"


def test_a_no_may_stop_the_run_in_the_same_breath(store: DatabaseStore) -> None:
    ask(store)
    assert say(store, "bob", "denied", stop=True).state == "denied"
    assert last(store) == Cancelled("user:bob", "because")
    assert asyncio.run(store.run_row("r-1")).status == "cancelled"
    assert asyncio.run(store.approval("A-1")).state == "denied"


def test_whoever_changes_a_call_agrees_to_what_asks_because_of_that_beside_what_asked_before(
    store: DatabaseStore,
) -> None:
    ask(store, needs=2, reasons=("line:1",))
    changed = say(store, "eve", edited=Arguments.parse({"amount": 100}), reasons=("line:2",))
    assert changed.reasons == ("line:1", "line:2")
    assert asyncio.run(store.approval("A-1")).reasons == ("line:1", "line:2")


def test_a_question_that_has_gone_up_already_did_so_when_it_did(store: DatabaseStore, clock: Clock) -> None:
    ask(store, escalate_to="role:boss", escalates=NOON + 5)
    clock.tick(7)
    assert say(store, "bob", "escalated").escalates == NOON + 5


def test_who_hands_up_what_he_has_agreed_to_has_agreed_to_it(store: DatabaseStore) -> None:
    ask(store, needs=2, escalate_to="role:boss", escalates=NOON + 5)
    say(store, "bob")
    assert say(store, "bob", "escalated").approvers == ("user:bob",)
    assert say(store, "eve").state == "approved"


def test_a_no_to_a_call_whose_client_is_gone_counts_and_ends_nothing(store: DatabaseStore) -> None:
    asyncio.run(store.append("r-2", [CLIENT, STARTED], lease=None))
    question = Open(replace(ASKED, run_id="r-2", session="r-2"))
    asyncio.run(store.append("r-2", [held(1, approval_id="A-1"), Succeeded("")], lease=None, changes=[question]))
    assert say(store, "bob", "denied", stop=True).state == "denied"
    assert asyncio.run(store.run_row("r-2")).status == "succeeded"


def test_a_no_is_not_remembered(store: DatabaseStore) -> None:
    ask(store)
    say(store, "bob", "denied", remember=Remember("run"))
    assert store.lasting.remembered() == []


def test_what_the_clock_answered_is_nobodys_vote(store: DatabaseStore, clock: Clock) -> None:
    ask(store, needs=2)
    say(store, "bob")
    clock.now = ASKED.expires
    with pytest.raises(Conflict, match="expired before it was decided"):
        say(store, "eve")
    assert asyncio.run(store.expire()) == 1
    late = asyncio.run(store.approval("A-1"))
    assert (late.state, late.decided_by, len(late.decisions)) == ("expired", "the clock", 1)


@pytest.mark.parametrize("agreed", [False, True])
def test_what_is_not_used_can_be_withdrawn_and_its_run_hears_of_it(store: DatabaseStore, agreed: bool) -> None:
    ask(store)
    if agreed:
        say(store, "bob")
    assert asyncio.run(store.withdraw("A-1", "user:ann", "not needed"))
    assert asyncio.run(store.approval("A-1")).state == "cancelled"
    assert last(store) == Decided(ASKED.key, "A-1", "withdrawn", "user:ann", "not needed")


def test_what_was_used_or_refused_is_not_withdrawn(store: DatabaseStore) -> None:
    ask(store)
    say(store, "bob")
    asyncio.run(store.append("r-1", [], lease=None, changes=[Consume("A-1")]))
    before = last(store)
    assert not asyncio.run(store.withdraw("A-1", "user:ann", "not needed"))
    assert (asyncio.run(store.approval("A-1")).state, last(store)) == ("consumed", before)
