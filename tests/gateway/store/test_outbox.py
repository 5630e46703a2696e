"""What a webhook has still to be told, over many processes and crashes."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from gateway.approval import Terms
from gateway.call import Arguments
from gateway.events import Held, Queued, Started
from gateway.store import Open
from gateway.store.database import DatabaseStore
from gateway.store.outbox import LEASE, Delivery, Outbox, What
from tests.builders import NOON, a_call, an_approval
from tests.fixtures.stores import Place, store_at

REQUESTED: What = "approval.requested"
DECIDED: What = "approval.decided"


class Clock:
    now = NOON

    def __call__(self) -> int:
        return self.now


def within(place: Place, scenario: Callable[[DatabaseStore, Clock], Coroutine[Any, Any, None]]) -> None:
    clock = Clock()
    store = store_at(place, clock=clock)
    try:
        asyncio.run(scenario(store, clock))
    finally:
        store.close()


async def ask(store: DatabaseStore, approval_id: str = "A-1", tenant: str = "acme", **more: Any) -> None:
    call = replace(a_call(), run_id=f"r-{approval_id}")
    asked = an_approval(approval_id, call, claim=approval_id, tenant=tenant, **more)
    queued = Queued("client", "user:ann", tenant, None, input="x", limits={})
    held = Held(call.key, call.path, approval_id, "why", None)
    await store.append(call.run_id, [queued, Started("me"), held], lease=None, changes=(Open(asked),))


def test_a_question_and_its_answer_are_told_in_this_order_and_then_nothing_is_left(place: Place) -> None:
    async def scenario(store: DatabaseStore, clock: Clock) -> None:
        outbox = store.outbox("acme")
        assert list(await outbox.take()) == []
        await ask(store)
        (first,) = await outbox.take()
        assert first == Delivery("A-1", REQUESTED, 1)
        await store.decide("A-1", "approved", "user:bob", "")
        assert list(await outbox.take()) == []  # the first one is still under way
        await outbox.sent(first)
        (second,) = await outbox.take()
        assert second == Delivery("A-1", DECIDED, 1)
        await outbox.sent(second)
        assert list(await outbox.take()) == []
        assert await outbox.next_due() is None

    within(place, scenario)


def test_of_two_who_take_each_gets_others_and_what_one_leaves_behind_is_sent_again(place: Place) -> None:
    async def scenario(store: DatabaseStore, clock: Clock) -> None:
        await ask(store)
        await ask(store, "A-2")
        one = await store.outbox("acme").take()
        assert {delivery.approval_id for delivery in one} == {"A-1", "A-2"}
        assert list(await store.outbox("acme").take()) == []
        clock.now += LEASE + 1
        again = await store.outbox("acme").take()
        assert {(delivery.approval_id, delivery.attempt) for delivery in again} == {("A-1", 2), ("A-2", 2)}

    within(place, scenario)


def test_what_is_put_off_comes_when_it_is_due(place: Place) -> None:
    async def scenario(store: DatabaseStore, clock: Clock) -> None:
        outbox = store.outbox("acme")
        await ask(store)
        (first,) = await outbox.take()
        await outbox.put_off(first, 5_000)
        assert await outbox.next_due() == NOON + 5_000
        clock.now += 4_999
        assert list(await outbox.take()) == []
        clock.now += 1
        assert [delivery.attempt for delivery in await outbox.take()] == [2]

    within(place, scenario)


def test_one_tenant_is_told_nothing_of_another(place: Place) -> None:
    async def scenario(store: DatabaseStore, clock: Clock) -> None:
        await ask(store, tenant="globex")
        assert list(await store.outbox("acme").take()) == []
        assert len(await store.outbox("globex").take()) == 1

    within(place, scenario)


def test_a_question_that_was_answered_before_anybody_looked_is_not_told(place: Place) -> None:
    async def scenario(store: DatabaseStore, clock: Clock) -> None:
        await ask(store)
        await store.decide("A-1", "denied", "user:bob", "")
        assert list(await store.outbox("acme").take()) == []

    within(place, scenario)


async def told(outbox: Outbox) -> list[str]:
    """What is due, and all of it is taken."""
    due = list(await outbox.take())
    for delivery in due:
        await outbox.sent(delivery)
    return [delivery.event for delivery in due]


def test_each_yes_of_several_and_each_change_is_told(place: Place) -> None:
    async def scenario(store: DatabaseStore, clock: Clock) -> None:
        outbox = store.outbox("acme")
        await ask(store, needs=3)
        assert await told(outbox) == ["approval.requested"]
        edited = Arguments.parse({"amount": 3})
        await store.decide("A-1", "approved", "user:bob", "", Terms(edited=edited))
        assert await told(outbox) == ["approval.changed.1"]
        assert await told(outbox) == []
        await store.decide("A-1", "approved", "user:eve", "")
        assert await told(outbox) == ["approval.changed.2"]
        await store.decide("A-1", "approved", "user:joe", "")
        assert await told(outbox) == ["approval.decided"]
        assert await told(outbox) == []

    within(place, scenario)


def test_what_changes_while_a_change_is_told_is_told_after_it_and_the_end_comes_last(place: Place) -> None:
    async def scenario(store: DatabaseStore, clock: Clock) -> None:
        outbox = store.outbox("acme")
        await ask(store, needs=3)
        await told(outbox)
        await store.decide("A-1", "approved", "user:bob", "")
        (first,) = await outbox.take()
        assert (first.event, first.what) == ("approval.changed.1", "approval.changed")
        await store.decide("A-1", "approved", "user:eve", "")
        assert list(await outbox.take()) == []
        await outbox.sent(first)
        (second,) = await outbox.take()
        assert second.event == "approval.changed.2"
        await store.decide("A-1", "denied", "user:joe", "")
        assert list(await outbox.take()) == []
        await outbox.sent(second)
        assert await told(outbox) == ["approval.decided"]

    within(place, scenario)


@pytest.mark.parametrize("by", ["the clock", "a person"])
def test_a_question_that_goes_up_is_told_once(place: Place, by: str) -> None:
    async def scenario(store: DatabaseStore, clock: Clock) -> None:
        outbox = store.outbox("acme")
        await ask(store, escalate_to="role:boss", escalates=NOON + 1_000)
        await told(outbox)
        assert await outbox.next_due() == NOON + 1_000
        assert await told(outbox) == []
        if by == "a person":
            await store.decide("A-1", "escalated", "user:bob", "")
        else:
            clock.now += 1_000
        assert await told(outbox) == ["approval.escalated"]
        clock.now += 5_000
        assert await told(outbox) == []
        assert await outbox.next_due() is None

    within(place, scenario)
