"""A reply from OpenAI's Responses, event by event: the same whole, however it comes, and nothing of a cut one."""

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
from providers.fake.responses import RESPONSES
from providers.openai_responses.decoding import ResponsesDecoder
from tests.providers.conversations import MODEL, ORIGIN, counted, heard, replies, shown, streamed, told

START = {"type": "response.created", "response": {"id": "resp_1", "model": MODEL}}
USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 1},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
}


def message(text: str, **more: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": [], "logprobs": []}]
    return {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content, **more}


def call(call_id: str | None, arguments: Any = '{"a": 1}', **more: Any) -> dict[str, Any]:
    return {"type": "function_call", "id": "fc_1", "call_id": call_id, "name": "look", "arguments": arguments, **more}


def done(place: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.done", "output_index": place, "item": item}


def ending(kind: str = "completed", **response: Any) -> dict[str, Any]:
    whole = {"id": "resp_1", "model": MODEL, "status": kind, "output": [], "usage": USAGE, **response}
    return {"type": f"response.{kind}", "response": whole}


def decoded(*events: dict[str, Any]) -> tuple[list[StreamEvent], Reply]:
    decoder = ResponsesDecoder(Request(MODEL, "", [Message("user", (Text("Hi"),))]), ORIGIN)
    found = [event for data in events for event in decoder.take(b"", data)]
    return found, decoder.reply()


@given(replies(), st.lists(st.integers(0), max_size=5))
def test_a_reply_is_read_as_it_was_meant_in_whatever_chunks_it_comes(reply: Reply, cuts: list[int]) -> None:
    decoder = ResponsesDecoder(Request(MODEL, "", []), ORIGIN)
    *events, last = heard(decoder, told(RESPONSES, reply, "thinking", "summary", "encrypted"), cuts)
    found = last.reply.message  # type: ignore[union-attr]
    wanted = [part for part in shown(reply.message) if part[0] != "Thinking"]
    assert [part for part in shown(found) if part[0] != "Thinking"] == wanted
    assert [part for part in streamed(events) if part[0] != "Thinking"] == wanted
    assert last.reply.finish == reply.finish  # type: ignore[union-attr]


@given(replies(), st.integers(0))
def test_nothing_is_made_of_a_reply_that_was_cut(reply: Reply, cut: int) -> None:
    stream = told(RESPONSES, reply)
    with pytest.raises(ProviderError, match="before it was complete"):
        heard(ResponsesDecoder(Request(MODEL, "", []), ORIGIN), stream[: cut % (len(stream) - 1)])


def test_a_reply_is_told_as_it_forms() -> None:
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]}
    sealed = {**reasoning, "encrypted_content": "gAAA/é=", "status": None}
    added = {"type": "response.output_item.added"}
    summary = {"type": "response.reasoning_summary_text.delta", "output_index": 0, "summary_index": 0, "delta": "Hm."}
    argued = {"type": "response.function_call_arguments.delta", "output_index": 2}
    events, reply = decoded(
        START,
        {**added, "output_index": 0, "item": {"type": "reasoning", "id": "rs_1", "summary": []}},
        summary,
        done(0, sealed),
        {"type": "response.output_text.delta", "output_index": 1, "delta": "Let me"},
        {"type": "response.output_text.delta", "output_index": 1, "delta": " look."},
        done(1, message("Let me look.", phase="commentary")),
        {**added, "output_index": 2, "item": call("c1", "")},
        {**argued, "delta": '{"a"'},
        {**argued, "delta": ": 1}"},
        done(2, call("c1", status="completed")),
        ending(),
    )
    usage = Usage(10, 5, 7, 1, 2)
    assert events == [
        Started(MODEL, "resp_1"),
        ThinkingDelta("Hm."),
        TextDelta("Let me"),
        TextDelta(" look."),
        ToolCallStarted(0, "c1", "look"),
        ToolCallArgumentsDelta(0, '{"a"'),
        ToolCallArgumentsDelta(0, ": 1}"),
        ToolCallDone(0),
        UsageUpdate(usage),
    ]
    parts = (
        Thinking("Hm.", {ORIGIN: {"item": {**reasoning, "encrypted_content": "gAAA/é="}}}),
        Text("Let me look.", {ORIGIN: {"id": "msg_1", "phase": "commentary"}}),
        ToolCall("c1", "look", '{"a": 1}', {ORIGIN: {"id": "fc_1"}}),
    )
    assert reply == Reply(Message("assistant", parts), "tool_calls", usage, MODEL, "resp_1", reason="completed")


def test_thoughts_are_told_apart() -> None:
    part = {"type": "response.reasoning_summary_part.added"}
    events, _ = decoded(
        START, {**part, "summary_index": 0}, {**part, "summary_index": 1}, done(0, message("Hi")), ending()
    )
    assert events[1] == ThinkingDelta("\n\n")
    assert len(events) == 3


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("brand_new_reason", "error")],
)
def test_why_it_is_not_complete_is_known_or_an_error(reason: str, finish: str) -> None:
    _, reply = decoded(START, done(0, message("Hi")), ending("incomplete", incomplete_details={"reason": reason}))
    assert (reply.finish, reply.reason) == (finish, reason)


def test_a_refusal_is_one() -> None:
    refused = message("") | {"content": [{"type": "refusal", "refusal": "I won't."}]}
    events, reply = decoded(START, {"type": "response.refusal.delta", "delta": "I won't."}, done(0, refused), ending())
    assert (reply.finish, reply.message.text) == ("refusal", "I won't.")
    assert events[1] == TextDelta("I won't.")


def test_a_reply_that_only_its_last_event_tells_is_taken_from_there() -> None:
    events, reply = decoded(START, ending(output=[message("Hi"), call("c1")]))
    assert shown(reply.message) == [("Text", "Hi"), ("call", "look", '{"a": 1}')]
    assert events[1:4] == [ToolCallStarted(0, "c1", "look"), ToolCallArgumentsDelta(0, '{"a": 1}'), ToolCallDone(0)]


def test_calls_without_an_id_or_with_the_same_get_one_of_our_own() -> None:
    _, reply = decoded(START, done(0, call("c1")), done(1, call("c1")), done(2, call(None, {"a": 1})), ending())
    assert len({one.id for one in reply.message.tool_calls}) == 3
    assert reply.message.tool_calls[2].arguments == '{"a": 1}'


def test_what_is_not_known_is_passed_over_or_kept() -> None:
    item = {"type": "compaction", "id": "cmp_1", "encrypted_content": "gAAA="}
    events, reply = decoded(START, {"type": "weather_report"}, done(0, item), done(1, message("Hi")), ending())
    assert reply.message.parts[0] == Opaque("compaction", {ORIGIN: {"item": item}})
    assert [type(event) for event in events] == [Started, UsageUpdate]


def test_tokens_are_estimated_if_they_are_not_told() -> None:
    _, reply = decoded(START, done(0, message("Hi")), ending(usage=None))
    assert reply.usage.estimated
    _, reply = decoded(START, done(0, message("Hi")), ending(usage={"input_tokens": 70, "output_tokens": 0}))
    assert reply.usage == Usage(70, 1, estimated=True)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "Too much"},
        {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "Too much"}}},
        ending("completed", status="failed", error={"code": "rate_limit_exceeded", "message": "Too much"}),
    ],
)
def test_an_error_amid_the_stream_is_a_failure_of_its_kind(event: dict[str, Any]) -> None:
    with pytest.raises(ProviderError, match="Too much") as failed:
        decoded(START, event)
    assert failed.value.kind == "rate_limit"


def said(text: str, place: int = 0, kind: str = "output_text") -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "output_index": place, "delta": text}


def added(place: int, item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "response.output_item.added", "output_index": place, "item": item}


@pytest.mark.parametrize(
    "closing", [[], [done(1, message(""))], [done(1, message("One "))], [done(1, message("", content=[]))]]
)
def test_words_that_only_came_bit_by_bit_are_in_the_reply(closing: list[dict[str, Any]]) -> None:
    _, reply = decoded(START, said("One ", 1), said("two", 1), *closing, ending())
    assert (reply.message.text, reply.finish) == ("One two", "stop")


def test_an_item_says_what_its_words_are_in_the_end() -> None:
    _, reply = decoded(START, said("One two [1]"), done(0, message("One two")), said("Three", 1), ending())
    assert reply.message.text == "One two [1]Three"
    _, reply = decoded(START, said("Two one"), done(0, message("One two")), ending())
    assert reply.message.text == "One two"
    (part,) = reply.message.parts
    assert part.meta == {ORIGIN: {"id": "msg_1"}}


def test_a_refusal_and_thoughts_that_only_came_bit_by_bit_are_in_the_reply() -> None:
    thought = said("Hm.", 0, "reasoning_summary_text")
    _, reply = decoded(START, thought, said("No.", 1, "refusal"), ending())
    assert (reply.message, reply.finish) == (Message("assistant", (Thinking("Hm."), Text("No."))), "refusal")
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "AAAA"}
    _, reply = decoded(START, thought, done(0, item), said("No.", 1), ending())
    assert reply.message.parts[0] == Thinking("Hm.", {ORIGIN: {"item": item}})


@pytest.mark.parametrize(
    "events",
    [
        [added(0, call("c1", ""))],
        [added(0, call("c1", "")), said('{"a": 1}', 0, "function_call_arguments")],
        [done(0, call("c1", "", status="incomplete"))],
        [done(0, call("c1", '{"a": 1}', status="in_progress"))],
    ],
)
def test_a_call_that_is_not_done_in_a_reply_that_is_said_to_be_is_a_failure(events: list[dict[str, Any]]) -> None:
    with pytest.raises(ProviderError, match="before a call of it did") as failed:
        decoded(START, *events, ending())
    assert failed.value.kind == "protocol"
    _, reply = decoded(START, *events, ending("incomplete", incomplete_details={"reason": "max_output_tokens"}))
    assert (reply.finish, len(reply.message.tool_calls)) == ("length", 1)


def test_more_calls_than_anybody_makes_are_refused_when_they_come() -> None:
    with pytest.raises(ProviderError, match="more than 256 calls"):
        decoded(START, *(added(place, call(f"c{place}")) for place in range(257)))


def test_what_is_read_of_a_reply_grows_as_its_calls_do() -> None:
    def steps(calls: int) -> int:
        items = [(place, call(f"c{place}")) for place in range(calls)]
        events = [event for place, item in items for event in (added(place, item), done(place, item))]
        return counted(lambda: decoded(START, *events, ending()))

    assert steps(256) < 5 * steps(64)
