"""An answer is good for one exact call."""

import json
from dataclasses import replace
from typing import Any

import pytest

from gateway.approval import Approval, claim, claim_again
from gateway.call import Call, Subject
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
