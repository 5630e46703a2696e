"""Replies as the SDK's own types read them."""

from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.input_token_count_response import InputTokenCountResponse
from pydantic import TypeAdapter

from providers import Message, Text, Thinking, ToolCall, Usage
from providers.fake.responses import RESPONSES
from providers.fake.seals import opened
from providers.fake.wire import Complaint
from tests.fixtures.fake import told

_ALL = Message(
    "assistant", (Thinking("Hm. Well."), Text("Let me look."), ToolCall("c1_1", "a__b", '{"x": "long enough"}'))
)
_WANTED = {"sealed", "summary"}
_EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def _events(**of: Any) -> list[dict[str, Any]]:
    found = RESPONSES.events(told(_ALL, **{"finish": "tool_calls", **of}))
    for event in found:
        assert isinstance(event.data, dict)
        assert event.name == event.data["type"]
        _EVENTS.validate_python(event.data, strict=True)
    return [dict(event.data) for event in found if isinstance(event.data, dict)]


def test_a_whole_reply_is_what_the_sdk_calls_a_response() -> None:
    of = told(_ALL, finish="tool_calls", usage=Usage(100, 20, 60, 0, 5), wants=_WANTED)
    whole = Response.model_validate(RESPONSES.whole(of), strict=True)
    assert (whole.id, whole.status, whole.output_text) == ("resp_fake_000007_0", "completed", "Let me look.")
    reasoning, message, call = (item.model_dump() for item in whole.output)
    assert opened(reasoning["encrypted_content"]) == "Hm. Well."
    assert reasoning["summary"] == [{"type": "summary_text", "text": "Hm. Well."}]
    assert message["id"] == "msg_fake_000007_1"
    assert (call["id"], call["call_id"], call["arguments"]) == ("fc_fake_000007_2", "call_c1_1", '{"x": "long enough"}')
    assert whole.usage is not None
    assert (whole.usage.input_tokens, whole.usage.input_tokens_details.cached_tokens) == (100, 60)
    assert (whole.usage.output_tokens, whole.usage.output_tokens_details.reasoning_tokens) == (20, 5)


def test_the_events_make_the_same_reply() -> None:
    events = _events(wants=_WANTED)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))

    def deltas(kind: str) -> str:
        return "".join(event["delta"] for event in events if event["type"] == f"response.{kind}.delta")

    assert deltas("output_text") == "Let me look."
    assert deltas("reasoning_summary_text") == "Hm. Well."
    assert deltas("function_call_arguments") == '{"x": "long enough"}'
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    assert events[-1]["type"] == "response.completed"
    assert events[-1]["response"]["output"] == done


def test_nobody_is_told_what_he_did_not_ask_for() -> None:
    reasoning = RESPONSES.whole(told(_ALL))["output"][0]
    assert (reasoning["summary"], "encrypted_content" in reasoning) == ([], False)
    assert not any("summary" in event["type"] for event in _events())


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
    ],
)
def test_a_reply_ends_for_the_apis_own_reasons(finish: str, status: str, reason: str | None) -> None:
    last = _events(finish=finish)[-1]
    details = last["response"]["incomplete_details"]
    assert (last["type"], last["response"]["status"], details and details["reason"]) == (
        f"response.{status}",
        status,
        reason,
    )


def test_a_refusal_is_a_part_of_its_own() -> None:
    events = _events(finish="refusal")
    assert "".join(event["delta"] for event in events if event["type"] == "response.refusal.delta") == "Let me look."
    assert events[-1]["response"]["output"][1]["content"] == [{"type": "refusal", "refusal": "Let me look."}]


def test_compatible_servers_have_their_ways() -> None:
    assert RESPONSES.whole(told(_ALL, odd={"no-usage"}))["usage"] is None
    strange = RESPONSES.whole(told(_ALL, odd={"unknown-stop"}))
    assert (strange["status"], strange["incomplete_details"]) == ("incomplete", {"reason": "brand_new_reason"})


def test_an_error_amid_a_stream_has_the_apis_form() -> None:
    (event,) = RESPONSES.interrupted(Complaint(500, "server", "Broke."), "r")
    assert event.name == "error"
    assert _EVENTS.validate_python(event.data, strict=True).message == "Broke."
    (event,) = RESPONSES.interrupted(Complaint(500, "server", "Broke.", type="response.failed"), "r")
    failed = _EVENTS.validate_python(event.data, strict=True)
    assert (failed.type, failed.response.error.code) == ("response.failed", "server_error")


def test_a_count_is_what_the_sdk_calls_one() -> None:
    assert InputTokenCountResponse.model_validate(RESPONSES.counted(7), strict=True).input_tokens == 7
