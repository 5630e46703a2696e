"""A call on its way: what it reserves, uses up and gives back."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.accounts import Account, Bill, Budget, Claim, Proviso
from gateway.admission import Admission, Attempt, Proposal, Work
from gateway.approval import Approval
from gateway.budget import Limits, Spend
from gateway.call import (
    PAGE_FIRST,
    Action,
    Allow,
    Answered,
    Arguments,
    Call,
    InDoubt,
    InputRequired,
    Outcome,
    Refused,
    Subject,
    Unsent,
)
from gateway.catalogue import Catalogue
from gateway.gates import Facts
from gateway.offer import Offer
from gateway.policy import parse
from gateway.store import Consume, Reserve, Restore
from gateway.tracing import Place
from tests.builders import a_tool

ANN = Subject("user:ann", "acme")
CATALOGUE = Catalogue.of([a_tool("desk/put")], offers=[Offer("resource", "desk", "note:1", {})])


def approval(call: Call) -> Approval:
    given: dict[str, Any] = dict.fromkeys(Approval.__dataclass_fields__, "")
    own = {"id": "A-1", "action": call.action, "digest": call.digest, "state": "approved", "asked_for": None}
    return Approval(**given | own | {"reasons": (), "needs": 1, "decisions": (), "consumed_at": None, "expires": 2**50})


def admission(action: Action = "call", attempt: Attempt = Attempt(), *, approved: bool = False) -> Admission:  # noqa: B008
    path, given = ("desk/put", {}) if action == "call" else ("desk/note:1", {"uri": "note:1"})
    call = Call("r-1", f"{action}/1", ANN, path, Arguments.parse(given), action)
    facts = Facts(CATALOGUE, parse("p, *, *, */*, call, , allow, x"), datetime(2026, 1, 1, tzinfo=UTC))
    facts = replace(facts, approval=approval(call)) if approved else facts
    work = Work(Place("r-1", ANN, Limits(tool_calls=3), Spend()))
    return Admission.of(call, Proposal(call.key, path, given), work, facts, Allow("approved"), attempt)


def test_a_call_reserves_one_and_nothing_else_reserves_anything() -> None:
    reserve = Reserve("run:r-1", Spend(tool_calls=1), Limits(tool_calls=3))
    assert admission("call").changes("run:r-1") == (reserve,)
    assert admission("call", Attempt(2, reserved=True)).changes("run:r-1") == ()
    assert admission("read").changes("run:r-1") == ()
    assert (admission("call").event.reserved, admission("read").event.reserved) == ({"tool_calls": 1}, {})


def test_only_the_limits_that_people_agreed_to_are_lifted_from_what_is_reserved() -> None:
    limits = Limits(tool_calls=1, nanos=5)
    claim = Claim(Budget("b", limits, then="ask"), Account("budget:b|", Proviso("`b`", "ask")), Spend(tool_calls=1))
    made = admission(approved=True)
    asked = made.facts.approval
    assert asked is not None
    asked = replace(asked, pin=made.pin, policy=made.facts.policy.digest)
    for reasons, left in (((), limits), (("line:1",), limits), ((claim.limit("tool_calls"),), Limits(nanos=5))):
        facts = replace(made.facts, approval=replace(asked, reasons=reasons), bill=Bill(Spend(), (claim,)))
        again = Admission.of(made.call, made.proposal, made.work, facts, made.verdict, made.attempt)
        (reserve, _) = again.changes("run:r-1")
        assert isinstance(reserve, Reserve)
        assert (reserve.account, reserve.limits) == ("budget:b|", left)


USED = [(Attempt(), True), (Attempt(2, asked=True), True), (Attempt(2, approval_id="A-1"), False)]


@pytest.mark.parametrize(("attempt", "used"), USED)
def test_whoever_claims_an_approval_uses_it_up_and_what_rides_on_one_does_not(attempt: Attempt, used: bool) -> None:
    made = admission("read", attempt, approved=True)
    assert made.changes("run:r-1") == ((Consume("A-1"),) if used else ())
    assert made.event.approval_id == "A-1"
    digest = made.call.digest
    assert made.given_back(InputRequired({})) == ((Restore("A-1", digest),) if used else ())


BACK: list[tuple[Outcome, bool]] = [
    (Unsent("down"), True),
    (InputRequired({"inputRequests": {}}), True),
    (Answered({}), False),
    (Refused(1, "no"), False),
    (Refused(PAGE_FIRST, "log in first"), True),
    (InDoubt("gone"), False),
]


@pytest.mark.parametrize(("outcome", "back"), BACK)
def test_an_approval_comes_back_from_what_did_not_happen(outcome: Outcome, back: bool) -> None:
    assert bool(admission(approved=True).given_back(outcome)) is back
    assert admission().given_back(outcome) == ()


def test_the_attempt_before_is_in_doubt_unless_the_server_has_only_asked() -> None:
    attempts = (Attempt(), Attempt(2), Attempt(2, asked=True))
    assert [attempt.doubtful for attempt in attempts] == [False, True, False]


def test_the_event_says_what_was_done_and_to_which_definition() -> None:
    call, read = admission("call"), admission("read")
    assert (call.event.action, call.event.pin) == ("call", CATALOGUE.tools["desk/put"].pin)
    assert (read.event.action, read.event.pin, read.event.path) == ("read", "", "desk/note:1")
