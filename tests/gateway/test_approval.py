"""An answer is good for one exact call."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.approval import Approval, Vote, answers, claim, claim_again
from gateway.call import Arguments, Call, Subject
from tests.builders import ANN, NOON, a_call, an_approval

CALL = a_call("shop/refund", '{"amount": 900, "order": "o-1"}')
YES = an_approval(call=CALL, state="approved")


def test_yes_is_yes_to_the_same_call_on_the_same_tool_in_time() -> None:
    assert YES.allows(CALL, "pin-1", NOON)
    assert YES.allows(replace(CALL, run_id="r-2", key="call/1"), "pin-1", YES.expires - 1)


@pytest.mark.parametrize(
    "call",
    [
        a_call("shop/refund", '{"amount": 901, "order": "o-1"}'),
        a_call("shop/refund", '{"amount": 900.0, "order": "o-1"}'),
        a_call("shop/order", '{"amount": 900, "order": "o-1"}'),
        replace(CALL, subject=replace(ANN, user="user:bob")),
        replace(CALL, subject=replace(ANN, tenant="umbrella")),
        replace(CALL, subject=replace(ANN, agent="agent:other")),
        replace(CALL, subject=Subject(ANN.user, ANN.tenant)),
    ],
)
def test_yes_to_one_call_is_not_yes_to_another(call: Call) -> None:
    assert not YES.allows(call, "pin-1", NOON)


def test_yes_to_a_tool_is_not_yes_to_what_took_its_name() -> None:
    assert not YES.allows(CALL, "pin-2", NOON)


def test_yes_has_an_end() -> None:
    assert not YES.allows(CALL, "pin-1", YES.expires)


@pytest.mark.parametrize("state", ["pending", "denied", "expired", "consumed", "cancelled"])
def test_nothing_but_yes_is_yes(state: Any) -> None:
    assert not replace(YES, state=state).allows(CALL, "pin-1", NOON)


def test_the_call_that_will_run_is_the_one_that_was_asked_about() -> None:
    assert YES.call == CALL
    assert YES.call.arguments.value == {"amount": 900, "order": "o-1"}


def test_an_approval_is_written_with_every_field() -> None:
    written = json.loads(json.dumps(YES.to_json()))
    assert Approval.from_json(written) == YES


def test_an_agents_answer_is_claimed_by_that_call_of_that_run_and_a_clients_by_the_same_call_wherever() -> None:
    elsewhere = replace(CALL, run_id="r-2", key="t9/call/9")
    assert claim(CALL, driven=True) != claim(elsewhere, driven=True)
    assert claim(CALL, driven=False) == claim(elsewhere, driven=False) == claim_again(CALL, driven=False)


def test_an_answer_on_which_nothing_was_sent_is_claimed_by_the_same_call_of_the_same_run() -> None:
    later = replace(CALL, key="t2/call/1")
    assert claim_again(CALL, driven=True) == claim_again(later, driven=True) != claim(CALL, driven=True)
    assert claim_again(replace(CALL, run_id="r-2"), driven=True) != claim_again(CALL, driven=True)
    assert claim_again(a_call("shop/refund", "{}"), driven=True) != claim_again(CALL, driven=True)


# ---- who has agreed, to what


def agreed(by: str, **more: Any) -> Vote:
    return Vote(f"user:{by}", NOON, "approved", **{"digest": CALL.digest, "policy": YES.policy, **more})


def test_where_two_must_agree_a_row_that_says_approved_is_no_yes_without_them() -> None:
    one, two = ((agreed("bob"),), (agreed("bob"), agreed("eve")))
    assert not replace(YES, needs=2, decisions=one).allows(CALL, "pin-1", NOON)
    assert replace(YES, needs=2, decisions=two).allows(CALL, "pin-1", NOON)
    assert not replace(YES, needs=2, decisions=two).agreed(3)


def test_yes_to_a_tool_is_not_yes_to_it_on_another_server() -> None:
    bound = replace(YES, server_pin="server-1")
    assert bound.allows(CALL, "pin-1", NOON, "server-1")
    assert not bound.allows(CALL, "pin-1", NOON, "server-2")


def test_who_hands_a_question_up_takes_no_yes_back_and_who_says_no_does() -> None:
    yes = agreed("bob")
    assert replace(YES, decisions=(yes, replace(yes, decision="escalated"))).approvers == ("user:bob",)
    assert replace(YES, decisions=(yes, replace(yes, decision="denied"))).approvers == ()


def test_a_yes_under_another_policy_or_to_another_call_is_not_counted_but_one_from_before_there_were_such_notes() -> (
    None
):
    votes = (agreed("bob", policy=""), agreed("eve", policy="another"), agreed("sue", digest="another"))
    assert replace(YES, needs=3, decisions=votes).approvers == ("user:bob",)


def test_a_call_that_was_changed_twice_still_says_what_was_asked_about_first() -> None:
    once = YES.edited(Arguments.parse({"amount": 10}))
    twice = once.edited(Arguments.parse({"amount": 20}))
    assert (twice.asked_for, twice.call.arguments.value) == (YES.arguments, {"amount": 20})
    assert twice.asked.digest == CALL.digest


def test_a_changed_call_runs_in_the_place_of_the_one_that_was_asked_about_and_of_no_other() -> None:
    changed = YES.edited(Arguments.parse({"amount": 10}))
    found = changed.in_place_of(replace(CALL, run_id="r-2"))
    assert found is not None
    assert (found.arguments.value, found.run_id) == ({"amount": 10}, "r-2")
    assert changed.in_place_of(a_call("shop/refund", '{"amount": 901, "order": "o-1"}')) is None
    assert YES.in_place_of(CALL) is None


def test_a_changed_call_has_the_key_of_the_call_in_whose_place_it_runs() -> None:
    keyed = CALL.with_key("key")
    changed = an_approval(call=keyed, state="approved").edited(
        Arguments.parse({"amount": 10, "key": keyed.idempotency_key})
    )
    again = replace(CALL, run_id="r-2").with_key("key")
    found = changed.in_place_of(again)
    assert found is not None
    assert (found.arguments.value, found.keyed) == ({"amount": 10, "key": again.idempotency_key}, "key")


def test_an_answer_in_a_run_of_ours_is_to_a_call_of_that_run_and_a_clients_to_the_call_in_any() -> None:
    elsewhere, other_key = replace(CALL, run_id="r-2"), replace(CALL, key="t2/call/1")
    assert answers(YES, CALL, driven=True)
    assert not answers(YES, elsewhere, driven=True)
    assert not answers(YES, other_key, driven=True)
    again = replace(YES, claim=claim_again(CALL, driven=True))  # nothing was sent on it: it is good for the next one
    assert answers(again, other_key, driven=True)
    assert not answers(again, replace(other_key, run_id="r-2"), driven=True)
    assert not answers(YES, CALL, driven=False)
    clients = replace(YES, claim=claim(CALL, driven=False))
    assert answers(clients, elsewhere, driven=False)
    assert not answers(clients, a_call("shop/refund", "{}"), driven=False)
    edited = clients.edited(Arguments.parse('{"amount": 1, "order": "o-1"}'))
    assert answers(edited, elsewhere, driven=False)
    assert answers(edited, replace(elsewhere, arguments=edited.call.arguments), driven=False)
