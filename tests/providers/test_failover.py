"""A conversation that goes on with another model when one fails."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest

from providers import (
    Deadlines,
    Finished,
    Message,
    MovedOn,
    ProviderError,
    Started,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from providers.failover import MOVES, Candidate, Failover
from providers.own_errors import GaveUp
from tests.fixtures.acting import ASKED, Acting, Hang, answer, clock, heard, timeless

STAYS = ["bad_request", "refused", "too_long", "script"]
TALK = (
    Message("user", (Text("Go."),)),
    Message("assistant", (Thinking("hm", {"anthropic": {"signature": "s"}}), ToolCall("c1", "desk__put", "{}"))),
    Message("tool", (ToolResult("c1", [{"type": "text", "text": "ok"}]),)),
)


def chain(*backends: Acting, **more: object) -> Failover:
    names = ["anthropic:a", "openai:b", "compatible:c@lab"]
    return Failover(
        [
            Candidate(name, name.partition(":")[2], backend, **more)  # type: ignore[arg-type]
            for name, backend in zip(names, backends, strict=False)
        ],
        clock(),
    )


@pytest.mark.parametrize("kind", sorted(MOVES))
def test_the_next_model_goes_on_with_the_whole_conversation(kind: str) -> None:
    async def scenario() -> None:
        error = ProviderError(kind, "no")  # type: ignore[arg-type]
        first, second = Acting([[Started("a"), error]]), Acting([answer()])
        events = await heard(chain(first, second), replace(ASKED, messages=TALK))
        assert events[1] == MovedOn("openai:b", error)
        assert isinstance(events[-1], Finished)
        assert [asked.model for asked in (*first.asked, *second.asked)] == ["a", "b"]
        assert first.asked[0].messages == second.asked[0].messages == TALK

    with timeless() as runner:
        runner.run(scenario())


@pytest.mark.parametrize("kind", STAYS)
def test_what_is_refused_for_what_it_is_is_not_asked_elsewhere(kind: str) -> None:
    async def scenario() -> None:
        error = ProviderError(kind, "no")  # type: ignore[arg-type]
        second = Acting([answer()])
        assert await heard(chain(Acting([error]), second)) == [error]
        assert second.asked == []

    with timeless() as runner:
        runner.run(scenario())


def test_each_kind_of_error_either_moves_on_or_stays() -> None:
    assert not MOVES & set(STAYS)


def test_when_all_have_failed_the_last_error_counts() -> None:
    async def scenario() -> None:
        errors = [GaveUp(ProviderError("overloaded", f"{name} is busy"), 3) for name in "abc"]
        events = await heard(chain(*(Acting([error]) for error in errors)))
        assert events == [MovedOn("openai:b", errors[0]), MovedOn("compatible:c@lab", errors[1]), errors[2]]

    with timeless() as runner:
        runner.run(scenario())


def test_a_model_that_is_well_is_the_only_one_that_is_asked() -> None:
    async def scenario() -> None:
        second = Acting([answer()])
        events = await heard(chain(Acting([answer()]), second))
        assert [type(event).__name__ for event in events] == ["Started", "TextDelta", "Finished"]
        assert second.asked == []

    with timeless() as runner:
        runner.run(scenario())


def test_a_reply_that_was_cut_moves_on() -> None:
    async def scenario() -> None:
        events = await heard(chain(Acting([[Started("a")]]), Acting([answer()])))
        assert isinstance(events[1], MovedOn)
        assert events[1].error.kind == "protocol"

    with timeless() as runner:
        runner.run(scenario())


def test_each_model_is_asked_for_no_longer_reply_than_it_can_give_and_thinks_as_it_is_set_to() -> None:
    async def scenario() -> None:
        backend = Acting([answer()])
        await heard(chain(backend, most_output=64, effort="low"))
        await heard(chain(backend, most_output=64, effort="low"), replace(ASKED, max_output_tokens=10, effort="high"))
        assert [(asked.max_output_tokens, asked.effort) for asked in backend.asked] == [(64, "low"), (10, "high")]

    with timeless() as runner:
        runner.run(scenario())


def test_all_models_share_one_deadline_and_nobody_is_asked_after_it() -> None:
    async def scenario() -> None:
        error = ProviderError("network", "gone")
        request = replace(ASKED, deadlines=Deadlines(total=50.0))
        backends = [Acting([Hang(30.0, error)]), Acting([Hang(30.0, error)]), Acting([answer()])]
        assert (await heard(chain(*backends), request))[-1] == error
        assert [asked.deadlines.total for backend in backends for asked in backend.asked] == [50.0, 20.0]

    with timeless() as runner:
        runner.run(scenario())


def test_whoever_stops_listening_ends_the_request() -> None:
    async def scenario() -> None:
        first, second = Acting([ProviderError("network", "gone")]), Acting([[Started("b"), Started("b")]])
        async with aclosing(chain(first, second).stream(ASKED)) as events:
            await anext(events)
            await anext(events)
            assert second.open == 1
        assert second.open == 0
        await asyncio.sleep(0)

    with timeless() as runner:
        runner.run(scenario())
