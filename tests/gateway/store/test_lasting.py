"""Remembered answers and delegations: listed, used in one transaction with the admission, ended, taken back."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gateway.approval import Remember, Terms
from gateway.call import Subject
from gateway.errors import Conflict, UnknownLasting
from gateway.lasting import Delegation, Remembered
from gateway.store import Open, Recall
from gateway.store.database import DatabaseStore
from gateway.store.lasting import keep
from tests.builders import CLIENT, NOON, STARTED, Clock, a_call, an_approval, held
from tests.fixtures.stores import Place, store_at

CALL = a_call("shop/refund", '{"amount": 100}')
EVE = Subject("user:eve", "acme")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(place: Place, clock: Clock) -> Iterator[DatabaseStore]:
    kept = store_at(place, clock=clock)
    question = Open(an_approval(call=CALL))
    asyncio.run(kept.append("r-1", [CLIENT, STARTED, held(1, approval_id="A-1")], lease=None, changes=[question]))
    yield kept
    kept.close()


def remember(store: DatabaseStore, decision: str = "approved") -> None:
    terms = Terms(remember=Remember("until", ("amount",), NOON + 1_000))
    asyncio.run(store.decide("A-1", decision, "user:bob", "", terms))  # type: ignore[arg-type]


def found(store: DatabaseStore) -> Remembered:
    (one,) = asyncio.run(store.remembered(CALL))
    return one


def rest_on(store: DatabaseStore, name: str) -> None:
    asyncio.run(store.append("r-1", [], lease=None, changes=[Recall(name)]))


def test_a_yes_that_is_to_be_remembered_is_kept_with_the_answer_and_a_no_is_not(store: DatabaseStore) -> None:
    remember(store, "denied")
    assert asyncio.run(store.remembered(CALL)) == []


def test_it_is_found_for_calls_of_the_same_tool_by_the_same_user(store: DatabaseStore) -> None:
    remember(store)
    one = found(store)
    assert (one.approval_id, one.by, one.fields, one.until) == ("A-1", "user:bob", ("amount",), NOON + 1_000)
    assert asyncio.run(store.approval("A-1")).decisions[-1].scope == "until"
    assert asyncio.run(store.remembered(a_call("shop/order"))) == []
    assert asyncio.run(store.remembered(a_call("shop/refund", subject=EVE))) == []


def test_each_use_is_counted_and_what_is_over_or_taken_back_is_used_no_more(store: DatabaseStore, clock: Clock) -> None:
    remember(store)
    one = found(store)
    rest_on(store, one.id)
    assert found(store).uses == 1
    clock.tick(1_000)
    with pytest.raises(Conflict, match="not remembered any more"):
        rest_on(store, one.id)
    assert (store.lasting.remembered(), len(store.lasting.remembered(all_of_them=True))) == ([], 1)
    clock.tick(-1_000)
    asyncio.run(store.lasting.forget(one.id, "user:carl"))
    with pytest.raises(Conflict, match="not remembered any more"):
        rest_on(store, one.id)
    assert asyncio.run(store.remembered(CALL)) == []
    with pytest.raises(UnknownLasting, match="no remembered answer"):
        asyncio.run(store.lasting.forget(one.id, "user:carl"))


def test_a_delegation_is_listed_until_it_is_over_or_ended(store: DatabaseStore, clock: Clock) -> None:
    made = Delegation("D-1", "user:bob", EVE.user, EVE.tenant, NOON, NOON + 10)
    asyncio.run(store.lasting.delegate(made))
    assert asyncio.run(store.standing_for(EVE)) == store.lasting.delegations() == [made]
    assert asyncio.run(store.standing_for(Subject("user:eve", "umbrella"))) == []
    clock.tick(10)
    assert asyncio.run(store.standing_for(EVE)) == store.lasting.delegations() == []
    clock.tick(-10)
    asyncio.run(store.lasting.end("D-1", "user:bob"))
    assert asyncio.run(store.standing_for(EVE)) == []
    with pytest.raises(UnknownLasting, match="no delegation `D-1` in force"):
        asyncio.run(store.lasting.end("D-1", "user:bob"))


def test_one_that_is_damaged_counts_for_no_call_and_keeps_no_other_from_counting(
    store: DatabaseStore, caplog: pytest.LogCaptureFixture
) -> None:
    remember(store)
    one = found(store)
    damage = ("UPDATE remembered SET reasons = '{' WHERE id = ?", (one.id,))
    asyncio.run(store._write(lambda db: db.execute(*damage).rowcount))  # noqa: SLF001
    asyncio.run(store._write(lambda db: keep(db, replace(one, id="M-2"))))  # noqa: SLF001
    with caplog.at_level("WARNING", logger="toolgate.store"):
        assert [each.id for each in asyncio.run(store.remembered(CALL))] == ["M-2"]
        assert [each.id for each in store.lasting.remembered()] == ["M-2"]
    (said,) = caplog.messages
    assert f"`toolgate approvals forget {one.id}`" in said
