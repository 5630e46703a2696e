"""The table of a circuit breaker, and what holds whatever happens."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import ProviderError
from providers.circuit import (
    CLOSED,
    ILL,
    Closed,
    HalfOpen,
    Open,
    Rule,
    State,
    admitted,
    after_failure,
    after_success,
    after_word,
    given_up,
    name_of,
)

RULE = Rule(failures=3, rest=10.0, most=60.0)
BROKEN = ProviderError("server", "broken")
OPEN = Open(100.0, 1, "server")

TABLE: list[tuple[State, str, float, Any]] = [
    (Closed(0), "failed", 0.0, Closed(1)),
    (Closed(1), "failed", 0.0, Closed(2)),
    (Closed(2), "failed", 0.0, Open(10.0, 1, "server")),
    (Closed(2), "succeeded", 0.0, CLOSED),
    (Closed(2), "left", 0.0, Closed(2)),
    (Closed(2), "asked", 0.0, Closed(2)),
    (OPEN, "asked", 99.9, None),
    (OPEN, "asked", 100.0, HalfOpen(OPEN)),
    (OPEN, "failed", 50.0, OPEN),  # it was under way when the circuit opened
    (OPEN, "succeeded", 50.0, CLOSED),  # so was this one, and it was well
    (HalfOpen(OPEN), "asked", 200.0, None),
    (HalfOpen(OPEN), "succeeded", 200.0, CLOSED),
    (HalfOpen(OPEN), "word", 200.0, Closed(2, 1)),
    (Closed(1), "word", 200.0, Closed(1)),
    (OPEN, "word", 50.0, OPEN),
    (Closed(2, 1), "failed", 200.0, Open(220.0, 2, "server")),  # on probation
    (Closed(2, 1), "succeeded", 200.0, CLOSED),
    (HalfOpen(OPEN), "failed", 200.0, Open(220.0, 2, "server")),
    (HalfOpen(OPEN), "left", 200.0, Open(200.0, 1, "server")),
    (HalfOpen(Open(0.0, 9, "network")), "failed", 0.0, Open(60.0, 10, "server")),  # the longest rest
]


@pytest.mark.parametrize(("state", "what", "now", "after"), TABLE)
def test_each_state_has_its_answer(state: State, what: str, now: float, after: Any) -> None:
    answers: dict[str, Callable[[], State | None]] = {
        "asked": lambda: admitted(state, now),
        "succeeded": lambda: after_success(state),
        "word": lambda: after_word(state, RULE),
        "failed": lambda: after_failure(state, BROKEN, now, RULE),
        "left": lambda: given_up(state, now),
    }
    assert answers[what]() == after


def test_an_endpoint_that_says_how_long_it_is_away_is_left_alone_so_long_within_reason() -> None:
    for asked, until in ((None, 10.0), (5.0, 10.0), (30.0, 30.0), (3600.0, 60.0)):
        error = ProviderError("overloaded", "busy", retry_after=asked)
        assert after_failure(Closed(2), error, 0.0, RULE) == Open(until, 1, "overloaded")


def test_a_refusal_is_no_illness() -> None:
    assert not ILL & {"auth", "permission", "quota", "not_found", "bad_request", "too_large", "rate_limit", "refused"}


def test_a_rest_that_is_over_is_told_as_half_open() -> None:
    assert [name_of(CLOSED, 0.0), name_of(OPEN, 99.0), name_of(OPEN, 100.0), name_of(HalfOpen(OPEN), 0.0)] == [
        "closed", "open", "half-open", "half-open",
    ]  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(["ask", "fail", "succeed", "leave", "word"]), st.floats(0, 40)), max_size=60))
def test_whatever_happens_nobody_asks_during_a_rest_and_at_most_one_after_it(steps: list[tuple[str, float]]) -> None:
    state: State = CLOSED
    now, probes = 0.0, 0
    for what, passes in steps:
        now += passes
        if what == "ask":
            after = admitted(state, now)
            if isinstance(state, Open) and now < state.until:
                assert after is None
            if isinstance(after, HalfOpen):
                probes += 1
            assert probes <= 1
            state = after or state
            continue
        if isinstance(state, HalfOpen):
            probes -= 1
        state = {
            "fail": after_failure(state, BROKEN, now, RULE),
            "succeed": after_success(state),
            "leave": given_up(state, now),
            "word": after_word(state, RULE),
        }[what]
        if isinstance(state, Open):
            assert state.until - now <= RULE.most
        if isinstance(state, Closed):
            assert state.failures < RULE.failures
