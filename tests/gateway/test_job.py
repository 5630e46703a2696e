"""Which of the jobs is next: by priority, fair between tenants, within the slots."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.job import LONGEST_PAUSE, UNREADABLE_PAUSE, Job, Slots, choose, pause

FREE = Slots()


def a_job(run_id: str, tenant: str = "acme", *, place: int = 1, **rest: Any) -> Job:
    return Job(run_id, tenant, "support", "demo", place=place, **rest)


FIRST, SECOND = a_job("r-1"), a_job("r-2", place=2)


def test_the_one_that_came_first_is_next() -> None:
    assert choose([SECOND, FIRST], [], FREE, {}) == FIRST
    assert choose([], [], FREE, {}) is None


def test_a_higher_priority_is_first_whoever_has_it() -> None:
    urgent = a_job("r-9", "other", place=9, priority=1)
    assert choose([FIRST, urgent], [urgent, urgent], FREE, {"other": 5}) == urgent
    assert choose([FIRST, replace(FIRST, run_id="r-3", place=0, priority=-1)], [], FREE, {}) == FIRST


def test_the_tenant_with_the_fewest_under_way_is_next() -> None:
    other = a_job("r-9", "other", place=9)
    assert choose([FIRST, other], [SECOND], FREE, {"other": 7}) == other


def test_of_tenants_with_as_many_under_way_the_one_is_next_that_has_waited_longest_for_a_turn() -> None:
    other = a_job("r-9", "other", place=9)
    assert choose([FIRST, other], [], FREE, {"acme": 3, "other": 2}) == other
    assert choose([FIRST, other], [], FREE, {"acme": 3, "other": 4}) == FIRST
    assert choose([FIRST, other], [], FREE, {"acme": 3}) == other


@pytest.mark.parametrize(
    ("slots", "free"),
    [
        (Slots(tenant=1), False),
        (Slots(tenant=2), True),
        (Slots(tenant=1, tenants={"acme": 2}), True),
        (Slots(tenant=2, tenants={"acme": 1}), False),
        (Slots(tenants={"other": 1}), True),
        (Slots(agent=1), False),
        (Slots(agents={"support": 1}), False),
        (Slots(agent=1, agents={"support": 2}), True),
        (Slots(model=1), False),
        (Slots(models={"demo": 1}), False),
        (Slots(models={"another": 1}), True),
        (Slots(tenant=2, agent=2, model=1), False),
    ],
)
def test_one_more_may_be_under_way_where_slots_are_free(slots: Slots, free: bool) -> None:
    assert slots.are_free(SECOND, [FIRST]) is free
    assert choose([SECOND], [FIRST], slots, {}) == (SECOND if free else None)


def test_whom_the_slots_hold_back_holds_nobody_else_back() -> None:
    other = a_job("r-9", "other", place=9)
    assert choose([FIRST, other], [SECOND], Slots(tenants={"acme": 1, "other": 1}), {}) == other


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30), st.integers(1, 3))
def test_no_tenant_is_more_than_one_turn_ahead_of_another_that_waits(tenants: list[str], workers: int) -> None:
    """Whoever came first, and however many he has: turns go round."""
    waiting = [a_job(f"r-{place}", tenant, place=place) for place, tenant in enumerate(tenants)]
    turns: dict[str, int] = {}
    had: Counter[str] = Counter()
    under_way: list[Job] = []
    while waiting:
        job = choose(waiting, under_way, FREE, turns)
        assert job is not None
        waiting.remove(job)
        turns[job.tenant] = max(turns.values(), default=0) + 1
        had[job.tenant] += 1
        under_way = [*under_way, job][-workers:]
        assert all(had[job.tenant] <= had[other.tenant] + 1 for other in waiting)


def test_a_job_whose_drivers_die_is_begun_again_at_once_and_then_ever_later() -> None:
    assert [pause(attempts) for attempts in range(5)] == [0, 0, 1_000, 2_000, 4_000]
    assert pause(1_000_000) == LONGEST_PAUSE < pause(1_000_000, UNREADABLE_PAUSE) == UNREADABLE_PAUSE
