"""Whatever an adapter makes of a line, what goes on is what the contract says."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import (
    Finished,
    Message,
    Opaque,
    ProviderError,
    Reply,
    Request,
    Started,
    StreamEvent,
    Text,
    TextDelta,
    Thinking,
    ThinkingDelta,
    ToolCall,
    ToolCallArgumentsDelta,
    ToolCallDone,
    ToolCallStarted,
    Usage,
    UsageUpdate,
)
from providers.sound import BYTES_A_TOKEN, MOST_ASIDE, MOST_CALLS, MOST_TOKENS, Sound, sound_count

REQUEST = Request("m", "", [Message("user", (Text("Please do it"),))])
CALL = ToolCall("c1", "pay", '{"usd": 1}')
REPLY = Reply(
    Message("assistant", (Thinking("Hm"), Text("Yes"), CALL)), "tool_calls", Usage(7, 3), "m-1", "r-1", 5, "end"
)
WHOLE: Sequence[StreamEvent] = (
    Started("m-1", "r-1"),
    TextDelta("Yes"),
    ToolCallStarted(0, "c1", "pay"),
    ToolCallArgumentsDelta(0, '{"usd"'),
    ToolCallArgumentsDelta(0, ": 1}"),
    ToolCallDone(0),
    UsageUpdate(Usage(7, 3)),
    Finished(REPLY),
)
RUBBISH: st.SearchStrategy[Any] = st.sampled_from([None, 7, -1, 1.5, True, [], {}, b"x", "\ud800", ["a"], float("nan")])


class Line:
    def __init__(self, events: Sequence[StreamEvent]) -> None:
        self._events = events

    async def stream(self, request: Request) -> AsyncGenerator[StreamEvent, None]:
        del request
        for event in self._events:
            yield event


def heard(*events: StreamEvent) -> list[StreamEvent]:
    async def scenario() -> list[StreamEvent]:
        return [event async for event in Sound(Line(events)).stream(REQUEST)]

    return asyncio.run(scenario())


def replied(reply: Reply, *before: StreamEvent) -> Reply:
    last = heard(*(before or WHOLE[:-1]), Finished(reply))[-1]
    assert isinstance(last, Finished)
    return last.reply


def test_a_good_reply_goes_through_as_it_is() -> None:
    assert heard(*WHOLE) == list(WHOLE)


@given(place=st.integers(0, len(WHOLE) - 3), which=st.integers(0, 2), rubbish=RUBBISH)
def test_a_value_of_another_type_anywhere_in_a_stream_is_a_failure_of_the_protocol_or_harmless(
    place: int, which: int, rubbish: Any
) -> None:
    event = WHOLE[place]
    name = fields(event)[which % len(fields(event))].name
    told: list[StreamEvent | str] = []
    try:
        told += heard(*WHOLE[:place], replace(event, **{name: rubbish}), *WHOLE[place + 1 :])
    except ProviderError as error:
        told += [error.kind]
    assert told[-1] in ("protocol", Finished(REPLY))


def odd(cls: Any, **values: Any) -> Any:
    """A part with values that its type does not allow."""
    return replace(cls("a") if cls is not ToolCall else CALL, **values)


@pytest.mark.parametrize(
    "part",
    [
        odd(Text, text=5),
        odd(Text, text="half \ud800"),
        odd(Thinking, text=["a"]),
        odd(ToolCall, name=7),
        odd(ToolCall, id=None),
        odd(Text, meta={"home:m": {"citations": ["half \ud800"]}}),
        odd(Thinking, meta={"home:m": {"\ud800": 1}}),
        odd(ToolCall, meta={"home:m": {"caller": float("nan")}}),
        Opaque("new", {"home:m": {"item": b"x"}}),
    ],
)
def test_a_part_of_another_type_is_a_failure_of_the_protocol(part: Any) -> None:
    with pytest.raises(ProviderError, match="the reply holds") as failed:
        replied(replace(REPLY, message=Message("assistant", (part,)), finish="length"))
    assert failed.value.kind == "protocol"


@pytest.mark.parametrize("told", [-1, -5_000_000, 10**30, MOST_TOKENS + 1, True, "a", 1.5, None, float("nan")])
@pytest.mark.parametrize("name", ["input", "output", "cache_read", "cache_write", "reasoning"])
def test_a_count_that_can_not_be_is_as_if_nothing_had_been_told(name: str, told: Any) -> None:
    usage = replied(replace(REPLY, usage=replace(Usage(7, 3), **{name: told}))).usage
    assert usage.estimated
    assert 0 < usage.total < 1_000
    assert sound_count(told) is None
    (update,) = heard(UsageUpdate(replace(Usage(7, 3), **{name: told})))
    assert update == UsageUpdate(Usage(estimated=True))


@pytest.mark.parametrize("told", [0, 5, MOST_TOKENS])
def test_a_count_that_can_be_is_kept(told: int) -> None:
    assert sound_count(told) == told
    assert replied(replace(REPLY, usage=Usage(told, told))).usage == Usage(told, told)


@pytest.mark.parametrize(
    ("told", "kept"), [(5, 5), (0, 0), (-1, None), (10**30, None), (True, None), (float("inf"), None)]
)
def test_a_price_that_can_not_be_is_not_believed(told: Any, kept: int | None) -> None:
    assert replied(replace(REPLY, cost_nanos=told)).cost_nanos == kept


@pytest.mark.parametrize(
    ("streamed", "calls"),
    [
        (WHOLE[:5], (CALL,)),  # its end did not come
        ((), (CALL,)),  # it was never begun
        (WHOLE[:6], ()),  # it is not in the reply
        (WHOLE[:6], (CALL, replace(CALL, id="c2"))),
        (WHOLE[:6], (replace(CALL, name="wipe"),)),
        (WHOLE[:6], (replace(CALL, arguments='{"usd": 1000}'),)),
        ((ToolCallArgumentsDelta(0, "{}"),), ()),
        ((ToolCallDone(0),), ()),
    ],
)
def test_a_call_is_made_only_if_it_came_whole_and_as_it_was_shown(
    streamed: Sequence[StreamEvent], calls: tuple[ToolCall, ...]
) -> None:
    with pytest.raises(ProviderError) as failed:
        replied(replace(REPLY, message=Message("assistant", calls)), Started("m-1"), *streamed)
    assert failed.value.kind == "protocol"


def test_a_call_without_arguments_is_one_without_pieces_of_them() -> None:
    wish = replace(CALL, arguments="{}")
    reply = replace(REPLY, message=Message("assistant", (wish,)))
    assert replied(reply, ToolCallStarted(0, "c1", "pay"), ToolCallDone(0)).message.tool_calls == (wish,)


def test_the_calls_of_a_reply_that_was_cut_are_kept_as_words() -> None:
    reply = replace(REPLY, finish="length", message=Message("assistant", (replace(CALL, arguments='{"us'),)))
    assert replied(reply, *WHOLE[:4]) == reply


def test_a_reply_has_not_more_calls_than_anybody_would_make() -> None:
    with pytest.raises(ProviderError, match=f"more than {MOST_CALLS} calls"):
        heard(*(ToolCallStarted(number, f"c{number}", "pay") for number in range(MOST_CALLS + 1)))


def within(events: Sequence[StreamEvent], tokens: int) -> list[StreamEvent | ProviderError]:
    async def scenario() -> list[StreamEvent | ProviderError]:
        found: list[StreamEvent | ProviderError] = []
        try:
            async for event in Sound(Line(events)).stream(replace(REQUEST, max_output_tokens=tokens)):
                found.append(event)  # noqa: PERF401 - what came before an error counts
        except ProviderError as error:
            found.append(error)
        return found

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    "event", [TextDelta("ü" * 512), ThinkingDelta("x" * 1024), ToolCallArgumentsDelta(0, "x" * 1024)]
)
def test_a_reply_that_is_far_longer_than_it_was_asked_for_is_ended(event: StreamEvent) -> None:
    """Not one that is somewhat longer: tokens may be long, and not all of them are counted by everybody."""
    begun = ToolCallStarted(0, "c1", "pay")
    fits = (BYTES_A_TOKEN * 100 + MOST_ASIDE) // 1024
    *told, last = within([begun, *[event] * 1_000_000], 100)
    assert told == [begun, *[event] * fits]  # which is billed
    assert isinstance(last, ProviderError)
    assert (last.kind, last.retryable) == ("too_long", False)
    assert within([begun, *[event] * fits], 100) == told


@pytest.mark.parametrize("part", [Text("x" * 100_000), Thinking("x" * 100_000), replace(CALL, arguments="x" * 100_000)])
def test_so_is_one_whose_whole_is_longer_than_its_pieces(part: Any) -> None:
    reply = replace(REPLY, message=Message("assistant", (part,)), finish="length")
    (last,) = within([Finished(reply)], 100)
    assert isinstance(last, ProviderError)
    assert last.kind == "too_long"
    assert within([Finished(reply)], 100_000) == [Finished(reply)]
