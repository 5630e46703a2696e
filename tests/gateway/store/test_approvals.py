"""A question as it is kept: all that it is bound to, and used up once in the transaction of the admission."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from gateway.approval import Approval, Vote
from gateway.errors import Conflict, TooManyQuestions
from gateway.store import Conclude, Consume, Open, Restore
from gateway.store.database import DatabaseStore
from tests.builders import CLIENT, NOON, STARTED, Clock, a_call, an_approval
from tests.fixtures.stores import Place, store_at

FULL = replace(
    an_approval(),
    session="r-1",
    client="an editor",
    server_pin="server-1",
    needs=2,
    escalate_to="role:manager",
    escalates=NOON + 60_000,
    decisions=(Vote("user:bob", NOON, "approved", "a test", "fine", on_behalf="user:carl", digest="d"),),
    asked_for='{"amount":900}',
    risk=("destructive", "trusted", "tainted"),
    schema='{"type": "object"}',
    preview_digest="seen",
    consumed_at=NOON + 1,
    result_digest="said",
    reasons=("line:1", "budget:b|#usd"),
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(place: Place, clock: Clock) -> Iterator[DatabaseStore]:
    kept = store_at(place, clock=clock)
    asyncio.run(kept.append("r-1", [CLIENT, STARTED], lease=None))
    yield kept
    kept.close()


def change(store: DatabaseStore, *changes: Open | Consume | Conclude | Restore) -> None:
    asyncio.run(store.append("r-1", [], lease=None, changes=changes))


def kept(store: DatabaseStore, approval_id: str = "A-1") -> Approval:
    return asyncio.run(store.approval(approval_id))


def test_all_that_a_question_is_bound_to_comes_back_as_it_was(store: DatabaseStore) -> None:
    change(store, Open(FULL))
    assert kept(store) == FULL
    assert Approval.from_json(FULL.to_json()) == replace(FULL, schema=None)


def test_when_it_was_used_and_what_came_of_it_is_noted(store: DatabaseStore, clock: Clock) -> None:
    change(store, Open(an_approval(state="approved")))
    clock.tick(5)
    change(store, Consume("A-1"))
    assert (kept(store).state, kept(store).consumed_at) == ("consumed", NOON + 5)
    change(store, Conclude("A-1", "said"))
    assert kept(store).result_digest == "said"
    with pytest.raises(Conflict, match="has been used"):
        change(store, Consume("A-1"))


def test_what_is_good_again_was_not_used(store: DatabaseStore) -> None:
    change(store, Open(an_approval(state="approved")), Consume("A-1"), Restore("A-1", "again"))
    assert (kept(store).state, kept(store).consumed_at, kept(store).claim) == ("approved", None, "again")


@pytest.mark.parametrize(
    "other", [{"pin": "pin-2"}, {"server_pin": "server-2"}, {"needs": 2}, {"digest": "other"}, {"policy": "other"}]
)
def test_a_yes_to_something_else_makes_room_for_a_new_question(store: DatabaseStore, other: dict[str, Any]) -> None:
    change(store, Open(an_approval(state="approved")), Open(an_approval("A-2", **other)))
    assert (kept(store).state, kept(store, "A-2").state) == ("cancelled", "pending")


@pytest.mark.parametrize(
    ("state", "other"), [("approved", {"needs": 1}), ("pending", {"needs": 1}), ("pending", {"policy": "other"})]
)
def test_what_asks_for_fewer_people_or_under_another_policy_before_anybody_has_agreed_is_the_same_question(
    store: DatabaseStore, state: Any, other: dict[str, Any]
) -> None:
    change(store, Open(an_approval(state=state, needs=2)))
    with pytest.raises(Conflict, match="has been put already"):
        change(store, Open(an_approval("A-2", **{"needs": 2, **other})))
    assert kept(store).state == state


@pytest.mark.parametrize("state", ["pending", "approved"])
def test_what_is_too_old_makes_room_and_is_expired(store: DatabaseStore, clock: Clock, state: Any) -> None:
    change(store, Open(an_approval(state=state, expires=NOON + 5)))
    clock.tick(5)
    change(store, Open(an_approval("A-2")))
    assert (kept(store).state, kept(store, "A-2").state) == ("expired", "pending")


def test_a_yes_is_good_until_its_time_is_over_and_not_in_that_moment(store: DatabaseStore, clock: Clock) -> None:
    for number in (1, 2):
        change(store, Open(an_approval(f"A-{number}", state="approved", claim=f"c-{number}", expires=NOON + 5)))
    clock.tick(4)
    change(store, Consume("A-1"))
    clock.tick(1)
    with pytest.raises(Conflict, match="has expired"):
        change(store, Consume("A-2"))


def test_of_so_many_open_questions_of_a_run_those_do_not_count_whose_time_is_over(
    store: DatabaseStore, clock: Clock
) -> None:
    change(store, Open(an_approval(expires=NOON + 5), most=1))
    with pytest.raises(TooManyQuestions):
        change(store, Open(an_approval("A-2", claim="another"), most=1))
    clock.tick(5)
    change(store, Open(an_approval("A-2", claim="another"), most=1))
    assert kept(store, "A-2").state == "pending"


@pytest.mark.parametrize("state", ["pending", "approved"])
def test_a_question_takes_the_place_of_one_that_did_not_ask_all_that_it_asks(store: DatabaseStore, state: Any) -> None:
    change(store, Open(an_approval(state=state, claim="again")))
    change(store, Open(an_approval("A-2", reasons=("line:1",)), instead="A-1"))
    assert (kept(store).state, kept(store, "A-2").state) == ("cancelled", "pending")


def test_what_has_been_used_stays_that_whatever_takes_its_place(store: DatabaseStore) -> None:
    change(store, Open(an_approval(state="approved")), Consume("A-1"))
    change(store, Open(an_approval("A-2"), instead="A-1"))
    assert kept(store).state == "consumed"


def test_the_same_question_is_not_put_twice_even_if_somebody_changed_its_call(store: DatabaseStore) -> None:
    call = a_call("shop/refund", '{"amount": 900}')
    edited = an_approval(call=a_call("shop/refund", '{"amount": 100}'), state="approved", asked_for=call.arguments.text)
    change(store, Open(edited))
    with pytest.raises(Conflict, match="has been put already"):
        change(store, Open(an_approval("A-2", call)))


@pytest.mark.parametrize("state", ["pending", "denied", "expired", "cancelled"])
def test_what_nobody_has_agreed_to_is_not_made_good_again(store: DatabaseStore, state: Any) -> None:
    change(store, Open(an_approval(state=state)), Restore("A-1", "again"))
    assert (kept(store).state, kept(store).claim) == (state, an_approval().claim)


@pytest.mark.parametrize(("state", "now"), [("pending", "consumed"), ("approved", "consumed"), ("denied", "approved")])
def test_what_another_question_stands_for_by_now_is_not_made_good_again(
    store: DatabaseStore, state: Any, now: str
) -> None:
    change(store, Open(an_approval(state="approved")), Consume("A-1"))
    change(store, Open(an_approval("A-2", state=state)), Restore("A-1", an_approval().claim))
    assert kept(store).state == now
