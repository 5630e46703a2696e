"""Replies as the SDK's own types read them."""

import json
from typing import Any

import pytest
from anthropic.types import Message as Whole
from anthropic.types import MessageTokensCount, RawMessageStreamEvent
from pydantic import TypeAdapter

from providers import Message, Text, Thinking, ToolCall, Usage
from providers.fake.anthropic import ANTHROPIC
from providers.fake.seals import signature
from providers.fake.wire import Complaint
from tests.fixtures.fake import told

_ALL = Message(
    "assistant", (Thinking("Hm. Well."), Text("Let me look."), ToolCall("c1_1", "a__b", '{"x": "üüüüü, long"}'))
)
_EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def _events(**of: Any) -> list[dict[str, Any]]:
    found = ANTHROPIC.events(told(_ALL, finish="tool_calls", usage=Usage(100, 20, 60, 10, 5), **of))
    for event in found:
        assert isinstance(event.data, dict)
        assert event.name == event.data["type"]
        if event.name != "ping":
            _EVENTS.validate_python(event.data, strict=True)
    return [dict(event.data) for event in found if isinstance(event.data, dict)]


def test_a_whole_reply_is_what_the_sdk_calls_a_message() -> None:
    whole = Whole.model_validate(
        ANTHROPIC.whole(told(_ALL, finish="tool_calls", usage=Usage(100, 20, 60, 10, 5))), strict=True
    )
    assert (whole.id, whole.stop_reason) == ("msg_fake_000007_0", "tool_use")
    assert [block.type for block in whole.content] == ["thinking", "text", "tool_use"]
    assert whole.content[0].model_dump()["signature"] == signature("Hm. Well.")
    assert whole.content[2].model_dump()["input"] == {"x": "üüüüü, long"}
    counts = whole.usage
    assert (counts.input_tokens, counts.cache_read_input_tokens, counts.cache_creation_input_tokens) == (30, 60, 10)
    assert counts.output_tokens_details is not None
    assert (counts.output_tokens, counts.output_tokens_details.thinking_tokens) == (20, 5)


def test_the_events_make_the_same_reply() -> None:
    events = _events()
    assert [event["type"] for event in events[:2]] == ["message_start", "ping"]
    assert [event["type"] for event in events[-2:]] == ["message_delta", "message_stop"]
    deltas = [event["delta"] for event in events if event["type"] == "content_block_delta"]
    assert "".join(delta.get("thinking", "") for delta in deltas) == "Hm. Well."
    assert "".join(delta.get("text", "") for delta in deltas) == "Let me look."
    assert json.loads("".join(delta.get("partial_json", "") for delta in deltas)) == {"x": "üüüüü, long"}
    assert [delta["signature"] for delta in deltas if "signature" in delta] == [signature("Hm. Well.")]
    assert [event["index"] for event in events if event["type"] == "content_block_stop"] == [0, 1, 2]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-2]["usage"]["output_tokens"] == 20


@pytest.mark.parametrize(
    ("finish", "stop"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("refusal", "refusal"),
        ("context_window", "model_context_window_exceeded"),
        ("paused", "pause_turn"),
    ],
)
def test_a_reply_ends_for_the_apis_own_reasons(finish: Any, stop: str) -> None:
    whole = Whole.model_validate(ANTHROPIC.whole(told(_ALL, finish=finish)), strict=True)
    assert whole.stop_reason == stop
    assert (whole.stop_details is not None) == (stop == "refusal")


def test_a_reason_that_nobody_knows_is_given_on_demand() -> None:
    assert ANTHROPIC.whole(told(_ALL, odd={"unknown-stop"}))["stop_reason"] == "brand_new_reason"


def test_thinking_that_is_not_to_be_shown_comes_signed_all_the_same() -> None:
    block = ANTHROPIC.whole(told(_ALL, wants={"silent_thinking"}))["content"][0]
    assert (block["thinking"], block["signature"]) == ("", signature(""))


def test_arguments_that_are_no_json_come_as_they_are() -> None:
    broken = Message("assistant", (ToolCall("c1_1", "a__b", "{'x'"),))
    assert ANTHROPIC.whole(told(broken))["content"][0]["input"] == {"INVALID_JSON": "{'x'"}
    events: list[Any] = [event.data for event in ANTHROPIC.events(told(broken))]
    deltas = [data["delta"] for data in events if data["type"] == "content_block_delta"]
    assert "".join(delta["partial_json"] for delta in deltas) == "{'x'"


def test_errors_have_the_apis_form() -> None:
    complaint = Complaint(529, "overloaded", "Full.", "a.b")
    said = {"type": "overloaded_error", "message": "a.b: Full."}
    assert ANTHROPIC.error(complaint, "req_1") == {"type": "error", "error": said, "request_id": "req_1"}
    (event,) = ANTHROPIC.interrupted(complaint, "req_1")
    assert (event.name, event.data) == ("error", ANTHROPIC.error(complaint, "req_1"))


def test_a_count_is_what_the_sdk_calls_one() -> None:
    assert MessageTokensCount.model_validate(ANTHROPIC.counted(7), strict=True).input_tokens == 7
