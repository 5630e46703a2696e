"""A reply from Anthropic's Messages, event by event: the same whole, however it comes, and nothing of a cut one."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import (
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
from providers.anthropic.decoding import MessagesDecoder
from providers.fake.anthropic import ANTHROPIC
from tests.providers.conversations import MODEL, ORIGIN, counted, heard, replies, shown, streamed, told

START = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": MODEL, "usage": {"input_tokens": 10, "output_tokens": 1}},
}
STOP = {"type": "message_stop"}


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"type": "content_block_start", "index": index, "content_block": start}
    yield from ({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas)
    yield {"type": "content_block_stop", "index": index}


def ending(reason: str | None = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 5, **usage}}


def text(index: int, *words: str) -> list[dict[str, Any]]:
    return [*block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": word} for word in words))]


def decoded(*events: dict[str, Any]) -> tuple[list[StreamEvent], Reply]:
    decoder = MessagesDecoder(Request(MODEL, "", [Message("user", (Text("Hi"),))]), ORIGIN)
    found = [event for data in events for event in decoder.take(b"", data)]
    return found, decoder.reply()


@given(replies(), st.lists(st.integers(0), max_size=5))
def test_a_reply_is_read_as_it_was_meant_in_whatever_chunks_it_comes(reply: Reply, cuts: list[int]) -> None:
    decoder = MessagesDecoder(Request(MODEL, "", []), ORIGIN)
    *events, last = heard(decoder, told(ANTHROPIC, reply), cuts)
    assert shown(last.reply.message) == shown(reply.message) == streamed(events)  # type: ignore[union-attr]
    assert (last.reply.finish, last.reply.usage) == (reply.finish, reply.usage)  # type: ignore[union-attr]


@given(replies(), st.integers(0))
def test_nothing_is_made_of_a_reply_that_was_cut(reply: Reply, cut: int) -> None:
    stream = told(ANTHROPIC, reply)
    decoder = MessagesDecoder(Request(MODEL, "", []), ORIGIN)
    with pytest.raises(ProviderError, match="before it was complete"):
        heard(decoder, stream[: cut % (len(stream) - 1)])


def test_a_reply_is_told_as_it_forms() -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    thought = ({"type": "thinking_delta", "thinking": "Hm."}, {"type": "signature_delta", "signature": "Sé="})
    use = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}, "caller": {"type": "direct"}}
    events, reply = decoded(
        START,
        *block(0, thinking, *thought),
        *text(1, "Let me", " look."),
        *block(2, use, *({"type": "input_json_delta", "partial_json": piece} for piece in ('{"a"', ": 1}"))),
        ending("tool_use", cache_read_input_tokens=7, output_tokens_details={"thinking_tokens": 2}),
        STOP,
    )
    usage = Usage(17, 5, 7, 0, 2)
    assert events == [
        Started(MODEL, "msg_1"),
        UsageUpdate(Usage(10, 1)),
        ThinkingDelta("Hm."),
        TextDelta("Let me"),
        TextDelta(" look."),
        ToolCallStarted(0, "toolu_1", "look"),
        ToolCallArgumentsDelta(0, '{"a"'),
        ToolCallArgumentsDelta(0, ": 1}"),
        ToolCallDone(0),
        UsageUpdate(usage),
    ]
    parts = (
        Thinking("Hm.", {ORIGIN: {"signature": "Sé="}}),
        Text("Let me look."),
        ToolCall("toolu_1", "look", '{"a": 1}'),
    )
    assert reply == Reply(Message("assistant", parts), "tool_calls", usage, MODEL, "msg_1", reason="tool_use")


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("pause_turn", "paused"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context_window"),
        ("brand_new_reason", "error"),
    ],
)
def test_why_it_ended_is_known_or_an_error(reason: str, finish: str) -> None:
    _, reply = decoded(START, *text(0, "Hi"), ending(reason), STOP)
    assert (reply.finish, reply.reason) == (finish, reason)


def test_a_refusal_says_why() -> None:
    end = ending("refusal")
    end["delta"]["stop_details"] = {"type": "refusal", "category": "cyber", "explanation": None}
    assert decoded(START, end, STOP)[1].reason == "refusal: cyber"


def test_a_call_without_arguments_has_none() -> None:
    use = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
    _, reply = decoded(
        START, *block(0, use, {"type": "input_json_delta", "partial_json": ""}), ending("tool_use"), STOP
    )
    assert reply.message.tool_calls == (ToolCall("t", "look", "{}"),)


def test_arguments_that_come_whole_at_the_start_are_taken() -> None:
    use = {"type": "tool_use", "id": "t", "name": "look", "input": {"a": "ü"}}
    events, reply = decoded(START, *block(0, use), ending("tool_use"), STOP)
    assert reply.message.tool_calls == (ToolCall("t", "look", '{"a": "ü"}'),)
    assert ToolCallArgumentsDelta(0, '{"a": "ü"}') in events


def test_calls_with_one_id_get_two() -> None:
    use = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
    _, reply = decoded(START, *block(0, use), *block(1, use), *block(2, {**use, "id": None}), ending("tool_use"), STOP)
    first, second, third = (call.id for call in reply.message.tool_calls)
    assert first == "t"
    assert len({first, second, third}) == 3


def test_calls_that_are_announced_and_do_not_come_are_a_failure() -> None:
    with pytest.raises(ProviderError, match="did not come"):
        decoded(START, *text(0, "Hi"), ending("tool_use"), STOP)


def test_calls_in_a_reply_that_ended_otherwise_are_calls() -> None:
    use = {"type": "tool_use", "id": "t", "name": "look", "input": {}}
    assert decoded(START, *block(0, use), ending("end_turn"), STOP)[1].finish == "tool_calls"


def test_what_is_not_known_is_passed_over_or_kept() -> None:
    sealed = {"type": "redacted_thinking", "data": "gAAA="}
    events, reply = decoded(
        START,
        {"type": "ping"},
        {"type": "weather_report"},
        *block(0, sealed, {"type": "weather_delta"}),
        *text(1, "Hi"),
        ending(),
        STOP,
    )
    assert reply.message.parts == (Opaque("redacted_thinking", {ORIGIN: sealed}), Text("Hi"))
    assert [type(event) for event in events] == [Started, UsageUpdate, TextDelta, UsageUpdate]


def test_sources_of_a_text_go_back_with_it() -> None:
    start, source = {"type": "text", "text": "", "citations": []}, {"type": "char_location"}
    deltas = ({"type": "text_delta", "text": "So"}, {"type": "citations_delta", "citation": source})
    _, reply = decoded(START, *block(0, start, *deltas), ending(), STOP)
    assert reply.message.parts == (Text("So", {ORIGIN: {"citations": [source]}}),)


def test_a_reply_without_a_reason_for_its_end_was_cut() -> None:
    with pytest.raises(ProviderError, match="before it was complete"):
        decoded(START, *text(0, "Hi"), ending(None), STOP)


def test_tokens_are_estimated_if_they_are_not_told() -> None:
    start = {"type": "message_start", "message": {"id": "m"}}
    _, reply = decoded(start, *text(0, "Hi"), {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, STOP)
    assert reply.usage.estimated
    assert reply.usage.input > 0
    assert reply.model == MODEL


def test_tokens_that_were_read_count_as_told_where_those_written_are_not() -> None:
    _, reply = decoded(START, *text(0, "Hi"), ending(output_tokens=0), STOP)
    assert reply.usage == Usage(10, 1, estimated=True)


@pytest.mark.parametrize(
    ("kind", "known"),
    [("overloaded_error", "overloaded"), ("api_error", "server"), ("invalid_request_error", "bad_request")],
)
def test_an_error_amid_the_stream_is_a_failure_of_its_kind(kind: str, known: str) -> None:
    with pytest.raises(ProviderError, match="Too much") as failed:
        decoded(START, {"type": "error", "error": {"type": kind, "message": "Too much"}})
    assert failed.value.kind == known


LOOK = {"type": "tool_use", "id": "c1", "name": "look", "input": {}}


def argued(*pieces: str) -> list[dict[str, Any]]:
    return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def test_a_call_that_is_not_closed_is_none() -> None:
    *opened, _ = block(0, LOOK, *argued('{"a": 1}'))
    with pytest.raises(ProviderError, match="before a call of it did") as failed:
        decoded(START, *opened, ending("tool_use"), STOP)
    assert failed.value.kind == "protocol"
    _, reply = decoded(START, *opened, ending("max_tokens"), STOP)
    assert (reply.finish, len(reply.message.tool_calls)) == ("length", 1)


def test_words_are_kept_whatever_their_block_is_called_and_numbered() -> None:
    *opened, _ = text(0, "One ")
    novel = block(0, {"type": "novelty"}, {"type": "text_delta", "text": "three"})
    events, reply = decoded(START, *opened, *text(0, "two "), *novel, ending(), STOP)
    assert reply.message.text == "One two three"
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "One two three"


def test_a_call_of_the_backend_s_own_tool_is_put_together_and_goes_back() -> None:
    start = {"type": "server_tool_use", "id": "s1", "name": "search", "input": {}}
    _, reply = decoded(START, *block(0, start, *argued('{"q"', ': "a"}')), *text(1, "Hi"), ending(), STOP)
    own = {**start, "input": {"q": "a"}}
    assert reply.message.parts[0] == Opaque("server_tool_use", {ORIGIN: own})
    _, reply = decoded(START, *block(0, start, *argued('{"q"')), *text(1, "Hi"), ending(), STOP)
    assert reply.message.parts == (Text("Hi"),)


def test_more_calls_than_anybody_makes_are_refused_when_they_come() -> None:
    with pytest.raises(ProviderError, match="more than 256 calls"):
        decoded(START, *(event for place in range(257) for event in block(place, LOOK)))


def test_what_is_read_of_a_reply_grows_as_its_calls_do() -> None:
    def steps(calls: int) -> int:
        blocks = [event for place in range(calls) for event in block(place, {**LOOK, "id": f"c{place}"})]
        return counted(lambda: decoded(START, *blocks, ending("tool_use"), STOP))

    assert steps(256) < 5 * steps(64)
