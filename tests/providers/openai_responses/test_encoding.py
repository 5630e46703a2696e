"""A request as OpenAI's Responses want it: whatever the conversation, their SDK's types and their API's rules hold."""

import json
from typing import Any

import pytest
from hypothesis import given
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

from providers import File, Message, ProviderError, Request, Text, Thinking, ToolCall, ToolResult, ToolSpec
from providers.failover import MOVES
from providers.fake.responses import RESPONSES
from providers.openai_responses.encoding import encoded
from tests.providers.conversations import MODEL, ORIGIN, Types, requests

TYPES = Types(ResponseCreateParamsStreaming)
LOOK = ToolSpec("shop__look", "Looks.", {"type": "object"}, strict=True)


def said(*messages: Message, **more: Any) -> dict[str, Any]:
    return encoded(Request(MODEL, "Be brief.", messages, **more), ORIGIN)


def user(text: str) -> Message:
    return Message("user", (Text(text),))


@given(requests())
def test_any_conversation_is_a_request_that_their_types_and_their_rules_accept(request: Request) -> None:
    sent = json.loads(json.dumps(encoded(request, ORIGIN), ensure_ascii=False).encode())
    TYPES.accept(sent)
    RESPONSES.read(sent)


def test_a_request_says_what_is_asked_and_that_nothing_is_to_be_kept() -> None:
    body = said(user("Hi"), tools=(LOOK,), max_output_tokens=1, effort="high", parallel=False, cache_key="run-1")
    assert body == {
        "model": MODEL,
        "instructions": "Be brief.",
        "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]}],
        "max_output_tokens": 16,
        "store": False,
        "stream": True,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "high", "summary": "auto"},
        "tools": [
            {
                "type": "function",
                "name": "shop__look",
                "description": "Looks.",
                "parameters": {"type": "object", "properties": {}},
                "strict": False,
            }
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "prompt_cache_key": "run-1",
    }


@pytest.mark.parametrize(
    ("choice", "written"),
    [("any", "required"), ("none", "none"), ("shop__look", {"type": "function", "name": "shop__look"})],
)
def test_a_tool_can_be_demanded_or_forbidden(choice: str, written: Any) -> None:
    assert said(user("Hi"), tools=(LOOK,), tool_choice=choice)["tool_choice"] == written


def test_an_answer_has_the_form_that_is_asked_for_strictly_where_that_is_possible() -> None:
    closed = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert said(user("Hi"), output_schema=closed)["text"]["format"] == {
        "type": "json_schema",
        "name": "answer",
        "schema": closed,
        "strict": True,
    }
    assert said(user("Hi"), output_schema={"type": "object"})["text"]["format"]["strict"] is False


def test_a_model_that_does_not_think_is_not_asked_for_its_thoughts() -> None:
    assert "include" not in encoded(Request("gpt-4.1", "", [user("Hi")]), ORIGIN)


def test_texts_at_which_to_stop_are_refused_since_they_would_be_ignored() -> None:
    with pytest.raises(ProviderError, match="stop") as refused:
        said(user("Hi"), stop=("END",))
    assert (refused.value.kind, refused.value.retryable) == ("unsupported", False)
    assert refused.value.kind in MOVES  # the next model of a row may know them


def test_what_this_model_said_goes_back_as_it_came_and_what_another_one_thought_does_not() -> None:
    item = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "gAAA/é="}
    parts = (
        Thinking("", {ORIGIN: {"item": item}}),
        Thinking("Hm.", {"anthropic:claude": {"signature": "s"}}),
        Text("So.", {ORIGIN: {"id": "msg_1", "phase": "commentary"}}),
        ToolCall("c1", "look", '{"a": 1}', {ORIGIN: {"id": "fc_1"}}),
    )
    found = said(user("Hi"), Message("assistant", parts), Message("tool", (ToolResult("c1", []),)))["input"][1:]
    assert found == [
        item,
        {
            "type": "message",
            "id": "msg_1",
            "role": "assistant",
            "status": "completed",
            "phase": "commentary",
            "content": [{"type": "output_text", "text": "So.", "annotations": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "look", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": ""},
    ]


def test_thoughts_that_led_to_nothing_are_left_out() -> None:
    item = {"id": "rs_1", "type": "reasoning", "summary": []}
    reply = Message("assistant", (Text("Yes."), Thinking("", {ORIGIN: {"item": item}})))
    assert [item["role"] for item in said(user("Hi"), reply, user("So?"))["input"]] == ["user", "assistant", "user"]


def test_a_result_is_text_if_it_is_nothing_else_and_a_failure_is_told_in_words() -> None:
    calls = Message("assistant", (ToolCall("a", "x", "{}"), ToolCall("b", "x", "{}")))
    text, picture = {"type": "text", "text": "no"}, {"type": "image", "mimeType": "image/png", "data": "aGk="}
    results = Message("tool", (ToolResult("a", [text, text], is_error=True), ToolResult("b", [text, picture])))
    first, second = said(user("Hi"), calls, results)["input"][3:]
    assert first["output"] == "Error: no\nno"
    assert second["output"] == [
        {"type": "input_text", "text": "no"},
        {"type": "input_image", "image_url": "data:image/png;base64,aGk=", "detail": "auto"},
    ]


def test_a_file_is_given_whole_and_one_of_text_as_text() -> None:
    given_files = (File("a.pdf", "application/pdf", "aGk="), File("a.txt", "text/plain", "aGk="))
    assert said(Message("user", given_files))["input"][0]["content"] == [
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="},
        {"type": "input_text", "text": "a.txt:\nhi"},
    ]


def test_what_is_no_object_is_asked_for_in_words() -> None:
    body = said(user("Hi"), output_schema={"type": "array"})
    assert "text" not in body
    assert body["instructions"].endswith('{"type": "array"}')
