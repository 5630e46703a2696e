"""What a question to a model costs, however it ends."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.backend import Backend, Heard, Model, answered, failed, readable, reservation
from gateway.budget import Limits, Price, Spend
from providers import (
    ProviderError,
    Started,
    StreamEvent,
    TextDelta,
    ThinkingDelta,
    ToolCallArgumentsDelta,
    ToolCallStarted,
    Usage,
    UsageUpdate,
)
from providers.own_errors import GaveUp, Unsent
from tests.fixtures.acting import ASKED, Acting, answer

BACKEND = Backend("anthropic:a", "a", Price(3, 15, cache_read=1))
RESERVED = Spend(turns=1, tokens=300, nanos=900, input_tokens=200, output_tokens=100, model_calls=1)


def test_the_longest_reply_is_reserved_that_the_model_can_give() -> None:
    assert reservation(BACKEND, 200, ASKED, new_turn=True) == Spend(
        turns=1, tokens=300, nanos=200 * 3 + 100 * 15, input_tokens=200, output_tokens=100, model_calls=1
    )
    short = reservation(replace(BACKEND, most_output=10), 200, ASKED, new_turn=False)
    assert (short.output_tokens, short.turns) == (10, 0)


def test_what_may_be_read_in_all_is_reckoned_at_the_dearest_price() -> None:
    dear = replace(BACKEND, price=Price(3, 15, cache_write=4, tiers=((150, Price(10, 20)),)))
    limits = Limits(nanos=5_000)
    assert readable([BACKEND], RESERVED, limits, RESERVED) == (5_000 - 100 * 15) // 3
    assert readable([BACKEND, dear], RESERVED, limits, RESERVED) == (5_000 - 100 * 20) // 10
    assert readable([Backend("free", "f", Price())], RESERVED, limits, RESERVED) is None
    assert readable([BACKEND], RESERVED, Limits(nanos=1), RESERVED) == 0


def test_a_whole_reply_costs_what_it_used_or_what_its_backend_says() -> None:
    reply = answer(usage=Usage(100, 10, cache_read=50))
    assert answered(BACKEND, reply, RESERVED).nanos == 50 * 3 + 50 * 1 + 10 * 15
    assert answered(BACKEND, replace(reply, cost_nanos=7), RESERVED).nanos == 7
    assert answered(BACKEND, replace(reply, cost_nanos=0), RESERVED) == answered(BACKEND, reply, RESERVED)
    assert answered(BACKEND, replace(reply, cost_nanos=-7), RESERVED).nanos == 0


@pytest.mark.parametrize(
    ("error", "events", "spent"),
    [
        (Unsent("overloaded", "x"), (), Spend(turns=1)),
        (GaveUp(Unsent("rate_limit", "x"), 1), (), Spend(turns=1)),
        (ProviderError("rate_limit", "x"), (), Spend(turns=1, model_calls=1)),
        (ProviderError("timeout", "x"), (), Spend(1, 0, 200, 600, 0, 200, 0, 1)),
        (ProviderError("network", "x"), (Started("a"),), Spend(1, 0, 200, 600, 0, 200, 0, 1)),
        (ProviderError("network", "x"), (TextDelta("ä" * 30),), Spend(1, 0, 220, 900, 0, 200, 20, 1)),
        (ProviderError("network", "x"), (UsageUpdate(Usage(70, 2)),), Spend(1, 0, 72, 240, 0, 70, 2, 1)),
    ],
)
def test_an_attempt_that_failed_costs_what_it_had_got(
    error: ProviderError, events: tuple[StreamEvent, ...], spent: Spend
) -> None:
    heard = Heard(0)
    for event in events:
        heard.hear(event, 1)
    assert failed(BACKEND, 200, heard, error, RESERVED) == spent


def test_the_time_to_the_first_word_is_told() -> None:
    heard = Heard(1_000_000_000)
    heard.hear(Started("a"), 1_100_000_000)
    assert heard.seconds_to_first is None
    heard.hear(ToolCallStarted(0, "c", "t"), 3_500_000_000)
    heard.hear(ToolCallArgumentsDelta(0, "{}"), 9_000_000_000)
    assert heard.size == 2
    assert Heard(1_000_000_000, first=3_500_000_000).seconds_to_first == 2.5


@given(st.integers(0, 10**6), st.lists(st.sampled_from([TextDelta("abc"), ThinkingDelta("déjà"), Started("a")])))
def test_a_failed_attempt_is_never_free_once_it_has_begun_and_never_below_nothing(
    read: int, events: list[StreamEvent]
) -> None:
    heard = Heard(0)
    for event in events:
        heard.hear(event, 1)
    spent = failed(BACKEND, read, heard, ProviderError("network", "x"), RESERVED)
    assert all(amount >= 0 for amount in spent.amounts)
    assert spent.tokens >= (read if events else 0)


def test_a_model_is_found_by_its_name_and_without_one_it_is_the_first() -> None:
    alone = Model(Acting([answer()]), "tiny", Price(1, 2))
    assert (alone.first.model, alone.first.price, alone.backend("x")) == ("tiny", Price(1, 2), alone.first)
    other = replace(BACKEND, name="openai:b")
    both = replace(alone, backends=(BACKEND, other))
    assert (both.first, both.backend("openai:b"), both.backend("gone")) == (BACKEND, other, BACKEND)
